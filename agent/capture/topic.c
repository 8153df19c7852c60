#include "capture/topic.h"

#include <stdio.h>
#include <string.h>

#include "mqtt/mqtt.h"

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

const struct config_source *topic_source(const struct config *config, const char *topic)
{
	for (size_t i = 0; i < config->n_sources; i++)
		if (mqtt_topic_matches(config->sources[i].topic, topic))
			return &config->sources[i];
	return NULL;
}

bool topic_for_acks(const struct config *config, const char *device, char *out, size_t size)
{
	return text_join(out, size, config->mqtt.root, "/", config->site, "/ack/", device);
}

bool topic_may_respond(const struct config *config, const char *own, const char *topic)
{
	char house[TOPIC_MAX];
	int n = snprintf(house, sizeof(house), "%s/%s/", config->mqtt.root, config->site);

	if (n < 0 || (size_t)n >= sizeof(house) || !mqtt_topic_is_valid(topic))
		return false;
	return strcmp(topic, own) == 0 || strncmp(topic, house, (size_t)n) != 0;
}
