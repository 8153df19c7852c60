/* mqtt_properties.c - what an MQTT 5 message brings beside its payload */
#include "mqtt_internal.h"

#include <stdlib.h>
#include <string.h>

static void read_pairs(const mosquitto_property *from, struct properties *ret)
{
	const mosquitto_property *at = from;
	char *name = NULL, *value = NULL;
	bool skip_first = false;

	while (ret->n_pairs < MQTT_PROPERTIES_MAX &&
		(at = mosquitto_property_read_string_pair(
			 at, MQTT_PROP_USER_PROPERTY, &name, &value, skip_first)) != NULL) {
		skip_first = true;
		if (name && value) {
			ret->pairs[ret->n_pairs++] = (struct mqtt_property){ name, value };
			continue;
		}
		free(name);
		free(value);
	}
	ret->is_cut = at && mosquitto_property_read_string_pair(
				    at, MQTT_PROP_USER_PROPERTY, NULL, NULL, skip_first);
}

void properties_read(const mosquitto_property *from, struct properties *ret)
{
	*ret = (struct properties){ 0 };
	if (!from)
		return;
	(void)mosquitto_property_read_string(
		from, MQTT_PROP_RESPONSE_TOPIC, &ret->response_topic, false);
	(void)mosquitto_property_read_binary(from, MQTT_PROP_CORRELATION_DATA,
		&ret->correlation_data, &ret->correlation_len, false);
	(void)mosquitto_property_read_string(
		from, MQTT_PROP_CONTENT_TYPE, &ret->content_type, false);
	read_pairs(from, ret);
}

const char *properties_get(const struct properties *properties, const char *name)
{
	for (size_t i = 0; i < properties->n_pairs; i++)
		if (strcmp(properties->pairs[i].name, name) == 0)
			return properties->pairs[i].value;
	return NULL;
}

void properties_done(struct properties *properties)
{
	for (size_t i = 0; i < properties->n_pairs; i++) {
		free((char *)properties->pairs[i].name);
		free((char *)properties->pairs[i].value);
	}
	free(properties->response_topic);
	free(properties->correlation_data);
	free(properties->content_type);
}
