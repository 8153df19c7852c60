#include "capture/topic.h"

#include <stdio.h>
#include <string.h>

#include "mqtt/mqtt.h"

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
