#include <string.h>

#include "mqtt_internal.h"

#define TOPIC_MAX 512

bool mqtt_filter_is_valid(const char *filter)
{
	return strlen(filter) <= TOPIC_MAX && mosquitto_sub_topic_check(filter) == MOSQ_ERR_SUCCESS;
}

/* Topics beginning with $ are the broker's own. */
bool mqtt_topic_is_valid(const char *topic)
{
	size_t len = strlen(topic);

	return len > 0 && len <= TOPIC_MAX && topic[0] != '$' &&
	       mosquitto_pub_topic_check(topic) == MOSQ_ERR_SUCCESS;
}

/* "$share/GROUP/FILTER" (section 4.8.2) brings what FILTER does. */
static const char *without_share(const char *filter)
{
	static const char share[] = "$share/";
	const char *group = filter + sizeof(share) - 1;

	if (strncmp(filter, share, sizeof(share) - 1) != 0 || group[strcspn(group, "/")] == '\0')
		return filter;
	return group + strcspn(group, "/") + 1;
}

bool mqtt_topic_matches(const char *filter, const char *topic)
{
	bool matches = false;

	filter = without_share(filter);
	return mosquitto_topic_matches_sub(filter, topic, &matches) == MOSQ_ERR_SUCCESS && matches;
}
