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

bool topic_read(const char *root, const char *topic, struct topic_words *ret)
{
	size_t root_len = strlen(root);
	const char *at;

	if (strncmp(topic, root, root_len) != 0 || topic[root_len] != '/')
		return false;
	at = topic + root_len + 1;
	if (!take_word(&at, '/', ret->site, sizeof(ret->site)) || strncmp(at, "event/", 6) != 0)
		return false;
	at += 6;
	return take_word(&at, '/', ret->type, sizeof(ret->type)) &&
	       take_word(&at, '\0', ret->device, sizeof(ret->device));
}
