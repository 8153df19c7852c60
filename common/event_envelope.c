/*
 * event_envelope.c - see event_envelope.h
 *
 * Attributes are read in an order that lets a refusal name the event: id, then who speaks (site,
 * type, device, source), then the rest. The device stands in every refusal, whatever is read first.
 */
#include "event_envelope.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dray/trace.h"
#include "dray/utf8.h"
#include "dray/words.h"

#define FIELD_TEXT_MAX 32
#define SEQUENCE_MAX INT64_C(999999999999999999)

int envelope_refuse(
	const struct reading *r, enum reason reason, enum attribute attribute, const char *sentence)
{
	char field[FIELD_TEXT_MAX];

	(void)snprintf(field, sizeof(field), "/%s", attribute_name(attribute));
	return problem_set(r->problem, reason, field, "%s %s", attribute_name(attribute), sentence);
}

int envelope_refuse_memory(const struct reading *r)
{
	return problem_set(r->problem, REASON_STORE_FULL, "", "out of memory, send it again");
}

int envelope_read_text(struct reading *r, enum attribute attribute, char *out, size_t size)
{
	const cJSON *item = r->tree.slots[attribute];
	size_t len;

	*out = '\0';
	if (!item)
		return 0;
	if (!cJSON_IsString(item))
		return envelope_refuse(r, REASON_FIELD_TYPE, attribute, "must be a string");
	len = strlen(item->valuestring);
	if (len == 0)
		return envelope_refuse(r, REASON_FIELD_RANGE, attribute, "is empty");
	if (len >= size)
		return envelope_refuse(r, REASON_FIELD_RANGE, attribute, "is too long");
	memcpy(out, item->valuestring, len + 1);
	return 0;
}

void envelope_copy(char *out, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size - 1) : 0;

	if (len > 0)
		memcpy(out, text, len);
	if (len == size - 1)
		len = utf8_whole(out, len);
	out[len] = '\0';
}

static int read_id(struct reading *r)
{
	char id[ID_MAX + 1];

	if (envelope_read_text(r, ATTRIBUTE_ID, id, sizeof(id)) < 0)
		return -1;
	if (*id && !id_is_valid(id, strlen(id)))
		return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_ID,
			"may only have visible ASCII characters");
	memcpy(r->event->id, id, sizeof(id));
	return 0;
}

/* A device can't speak for another site. */
static int read_site(struct reading *r)
{
	const char *ours = r->context->site;
	const char *topic = r->context->topic_site;
	struct event *e = r->event;

	if (envelope_read_text(r, ATTRIBUTE_SITE, e->site, sizeof(e->site)) < 0)
		return -1;
	if (topic && strcmp(topic, ours) != 0)
		return envelope_refuse(
			r, REASON_TOPIC_MISMATCH, ATTRIBUTE_SITE, "of the topic is not ours");
	if (*e->site && strcmp(e->site, ours) != 0)
		return envelope_refuse(r, REASON_TOPIC_MISMATCH, ATTRIBUTE_SITE, "is not ours");
	envelope_copy(e->site, sizeof(e->site), ours);
	return 0;
}

static int read_type(struct reading *r)
{
	const char *topic = r->context->topic_type, *types = r->context->types;
	char type[EVENT_TYPE_MAX];

	if (envelope_read_text(r, ATTRIBUTE_TYPE, type, sizeof(type)) < 0)
		return -1;
	if (*type && topic && strcmp(type, topic) != 0)
		return envelope_refuse(r, REASON_TOPIC_MISMATCH, ATTRIBUTE_TYPE,
			"of the event is not the topic's");
	if (*type)
		envelope_copy(r->event->type, sizeof(r->event->type), type);
	if (!*r->event->type)
		return envelope_refuse(r, REASON_FIELD_MISSING, ATTRIBUTE_TYPE, "is missing");
	r->type = event_type_find(r->event->type);
	if (!r->type)
		return problem_set(r->problem, REASON_TYPE_UNKNOWN, "/type",
			"there is no event type %s", r->event->type);
	if (types && !words_has(types, r->event->type, strlen(r->event->type)))
		return envelope_refuse(r, REASON_NOT_ALLOWED, ATTRIBUTE_TYPE,
			"may not be sent this way: its source is not allowed to");
	return 0;
}

/* Whom a refusal is told: the topic's device, or the one that the event names, where it is a name. */
static void name_device(struct reading *r)
{
	const char *topic = r->context->topic_device;
	const char *device = cJSON_GetStringValue(r->tree.slots[ATTRIBUTE_DEVICE]);
	size_t len = device ? strlen(device) : 0;

	if ((!topic || !*topic) && len > 0 && len < EVENT_NAME_MAX && id_is_name(device, len))
		memcpy(r->event->device, device, len + 1);
}

static int read_device(struct reading *r)
{
	const char *topic = r->context->topic_device;
	char device[EVENT_NAME_MAX];

	if (envelope_read_text(r, ATTRIBUTE_DEVICE, device, sizeof(device)) < 0)
		return -1;
	if (*device && !id_is_name(device, strlen(device)))
		return envelope_refuse(
			r, REASON_FIELD_RANGE, ATTRIBUTE_DEVICE, "may only have A-Z a-z 0-9 . _ -");
	if (*device && topic && *topic && strcmp(device, topic) != 0)
		return envelope_refuse(r, REASON_TOPIC_MISMATCH, ATTRIBUTE_DEVICE,
			"of the event is not the topic's");
	if (*device)
		memcpy(r->event->device, device, sizeof(device));
	else if (!topic)
		return envelope_refuse(r, REASON_FIELD_MISSING, ATTRIBUTE_DEVICE, "is missing");
	return 0;
}

/* The default source, "/{site}/{device}". */
static void own_source(const struct event *e, char out[EVENT_SOURCE_MAX])
{
	(void)text_join(out, EVENT_SOURCE_MAX, "/", e->site, *e->device ? "/" : "", e->device);
}

static int read_source(struct reading *r)
{
	struct event *e = r->event;
	char own[EVENT_SOURCE_MAX];
	size_t own_len;

	own_source(e, own);
	own_len = strlen(own);
	if (envelope_read_text(r, ATTRIBUTE_SOURCE, e->source, sizeof(e->source)) < 0)
		return -1;
	for (const char *p = e->source; *p; p++)
		if (*p < 0x21 || *p > 0x7e)
			return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_SOURCE,
				"may only have visible ASCII characters");
	if (*e->source == '/' && (strncmp(e->source, own, own_len) != 0 ||
					 (e->source[own_len] && e->source[own_len] != '/')))
		return envelope_refuse(
			r, REASON_TOPIC_MISMATCH, ATTRIBUTE_SOURCE, "is not this device's path");
	if (!*e->source)
		memcpy(e->source, own, own_len + 1);
	return 0;
}

/* What CloudEvents fixes: the version, the content type, data as JSON and not as base64. */
static int read_form(struct reading *r)
{
	static const char json[] = "application/json";
	char text[EVENT_KEY_MAX];

	if (envelope_read_text(r, ATTRIBUTE_SPECVERSION, text, sizeof(text)) < 0)
		return -1;
	if (*text && strcmp(text, "1.0") != 0)
		return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_SPECVERSION, "must be 1.0");
	if (envelope_read_text(r, ATTRIBUTE_DATACONTENTTYPE, text, sizeof(text)) < 0)
		return -1;
	if (*text && (strncasecmp(text, json, sizeof(json) - 1) != 0 ||
			     (text[sizeof(json) - 1] && !strchr("; ", text[sizeof(json) - 1]))))
		return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_DATACONTENTTYPE,
			"must be application/json");
	for (const cJSON *other = r->tree.others; other; other = other->next)
		if (strcmp(other->string, "data_base64") == 0)
			return problem_set(r->problem, REASON_FIELD_TYPE, "/data_base64",
				"data must be JSON, not base64");
	return 0;
}

static int read_time(struct reading *r, enum attribute attribute, int64_t *ret_at_ms)
{
	const cJSON *item = r->tree.slots[attribute];
	bool is_fine;

	if (cJSON_IsString(item))
		is_fine = time_parse(item->valuestring, strlen(item->valuestring), ret_at_ms);
	else if (cJSON_IsNumber(item))
		is_fine = time_from_number(item->valuedouble, ret_at_ms);
	else
		return envelope_refuse(
			r, REASON_FIELD_TYPE, attribute, "must be a string or a number");
	if (!is_fine)
		return envelope_refuse(r, REASON_TIME_INVALID, attribute,
			"must be a time with its zone, such as 2026-11-21T15:04:05+01:00");
	return 0;
}

static int read_times(struct reading *r)
{
	struct event *e = r->event;

	e->received_at_ms = r->context->received_at_ms;
	e->sent_at_ms = -1;
	if (!r->tree.slots[ATTRIBUTE_TIME] && !*e->id)
		return envelope_refuse(
			r, REASON_FIELD_MISSING, ATTRIBUTE_ID, "and time are missing");
	if (!r->tree.slots[ATTRIBUTE_TIME])
		return envelope_refuse(r, REASON_FIELD_MISSING, ATTRIBUTE_TIME, "is missing");
	if (read_time(r, ATTRIBUTE_TIME, &e->occurred_at_ms) < 0)
		return -1;
	if (!r->tree.slots[ATTRIBUTE_SENTTIME])
		return 0;
	return read_time(r, ATTRIBUTE_SENTTIME, &e->sent_at_ms);
}

/* A number, or CloudEvents' string of digits. */
static int read_sequence(struct reading *r)
{
	const cJSON *item = r->tree.slots[ATTRIBUTE_SEQUENCE];
	int64_t value = 0;

	r->event->sequence = -1;
	if (!item)
		return 0;
	if (cJSON_IsNumber(item)) {
		value = item->valuedouble >= 0 && item->valuedouble <= 0x1p53
				? (int64_t)item->valuedouble
				: -1;
		if (value < 0 || (double)value < item->valuedouble)
			return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_SEQUENCE,
				"must be a whole number from 0");
	} else if (cJSON_IsString(item)) {
		const char *p = item->valuestring;

		for (; *p >= '0' && *p <= '9' && value <= SEQUENCE_MAX / 10; p++)
			value = value * 10 + (*p - '0');
		if (p == item->valuestring || *p)
			return envelope_refuse(r, REASON_FIELD_RANGE, ATTRIBUTE_SEQUENCE,
				"must be a whole number from 0");
	} else {
		return envelope_refuse(
			r, REASON_FIELD_TYPE, ATTRIBUTE_SEQUENCE, "must be a whole number");
	}
	r->event->sequence = value;
	return 0;
}

/* A trace that can't be read is no reason to refuse a receipt: it is left out. */
static void read_traceparent(struct reading *r)
{
	const char *text = cJSON_GetStringValue(r->tree.slots[ATTRIBUTE_TRACEPARENT]);

	if (text && trace_is_valid(text))
		envelope_copy(r->event->traceparent, sizeof(r->event->traceparent), text);
}

int envelope_read(struct reading *r)
{
	struct event *e = r->event;

	name_device(r);
	if (read_id(r) < 0 || read_site(r) < 0 || read_type(r) < 0 || read_device(r) < 0)
		return -1;
	if (read_source(r) < 0 || read_form(r) < 0 || read_times(r) < 0 || read_sequence(r) < 0)
		return -1;
	read_traceparent(r);
	return envelope_read_text(r, ATTRIBUTE_OPERATOR, e->operator_id, sizeof(e->operator_id));
}
