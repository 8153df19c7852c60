/* topic_words.c - see topic_words.h */
#include "dray/topic_words.h"

#include <string.h>

#include "dray/ids.h"

static bool take_word(const char **at, char end, char *ret, size_t size)
{
	size_t len = strcspn(*at, "/");

	if ((*at)[len] != end || !id_is_name(*at, len) || len >= size)
		return false;
	(void)memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + (end ? 1 : 0);
	return true;
}

/* What stands behind the root and its slash. NULL: the topic lies elsewhere. */
static const char *below(const char *root, const char *topic)
{
	size_t len = strlen(root);

	return strncmp(topic, root, len) == 0 && topic[len] == '/' ? topic + len + 1 : NULL;
}

bool topic_is_of_events(const char *root, const char *topic)
{
	const char *at = below(root, topic);

	if (!at || at[strcspn(at, "/")] == '\0')
		return false;
	at += strcspn(at, "/") + 1;
	return strncmp(at, "event", 5) == 0 && (at[5] == '/' || at[5] == '\0');
}

bool topic_read(const char *root, const char *topic, struct topic_words *ret)
{
	const char *at = below(root, topic);

	if (!at)
		return false;
	if (!take_word(&at, '/', ret->site, sizeof(ret->site)) || strncmp(at, "event/", 6) != 0)
		return false;
	at += 6;
	return take_word(&at, '/', ret->type, sizeof(ret->type)) &&
	       take_word(&at, '\0', ret->device, sizeof(ret->device));
}
