/*
 * mqtt_publish.c - what is published, in libmosquitto's terms, and what it says to it.
 */
#include <mqtt_protocol.h>

#include "mqtt_internal.h"

const char *mqtt_reason_words(int reason)
{
	return mosquitto_reason_string(reason);
}

static int put_properties(
	const struct mqtt_publication *publication, mosquitto_property **properties)
{
	int rc = MOSQ_ERR_SUCCESS;

	if (publication->correlation_len > 0 && publication->correlation_len <= UINT16_MAX)
		rc = mosquitto_property_add_binary(properties, MQTT_PROP_CORRELATION_DATA,
			publication->correlation_data, (uint16_t)publication->correlation_len);
	if (rc == MOSQ_ERR_SUCCESS && publication->content_type)
		rc = mosquitto_property_add_string(
			properties, MQTT_PROP_CONTENT_TYPE, publication->content_type);
	if (rc == MOSQ_ERR_SUCCESS && publication->traceparent)
		rc = mosquitto_property_add_string_pair(properties, MQTT_PROP_USER_PROPERTY,
			"traceparent", publication->traceparent);
	return rc;
}

/* 0, -1, or the reason why it will never go. */
static int judge_publish(int rc)
{
	switch (rc) {
	case MOSQ_ERR_SUCCESS:
		return 0;
	case MOSQ_ERR_INVAL: /* an empty topic, or one with a wildcard */
	case MOSQ_ERR_MALFORMED_UTF8:
		return MQTT_RC_TOPIC_NAME_INVALID;
	case MOSQ_ERR_PAYLOAD_SIZE:
	case MOSQ_ERR_OVERSIZE_PACKET:
		return MQTT_RC_PACKET_TOO_LARGE;
	case MOSQ_ERR_QOS_NOT_SUPPORTED:
		return MQTT_RC_QOS_NOT_SUPPORTED;
	default:
		return -1;
	}
}

int mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, int *ret_mid)
{
	mosquitto_property *properties = NULL;
	int rc = MOSQ_ERR_SUCCESS;

	if (!mqtt_is_up(mqtt))
		return -1;
	if (publication->len > MQTT_MAX_PAYLOAD)
		return MQTT_RC_PACKET_TOO_LARGE;
	if (mqtt->protocol == MQTT_PROTOCOL_V5)
		rc = put_properties(publication, &properties);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_publish_v5(mqtt->client, ret_mid, publication->topic,
			(int)publication->len, publication->payload, 1, publication->retain,
			properties);
	mosquitto_property_free_all(&properties);
	return judge_publish(rc);
}
