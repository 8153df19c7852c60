/*
 * intake_emit.c - an event that an answer brought, made whole from what caused it, and taken through the
 * one door.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/intake.h"
#include "deliver/deliver.h"
#include "dray/ids.h"
#include "dray/json.h"

/* The same parent, destination and place among the others: the same event. */
static void derive_id(const struct deliver_emit *emit, char out[ID_UUID_MAX])
{
	char index[16];
	int len = snprintf(index, sizeof(index), "%u", emit->index);
	const struct id_part parts[] = {
		{ emit->parent_source, strlen(emit->parent_source) },
		{ emit->parent_id, strlen(emit->parent_id) },
		{ emit->destination, strlen(emit->destination) },
		{ index, len > 0 ? (size_t)len : 0 },
	};

	id_derive(parts, sizeof(parts) / sizeof(parts[0]), out);
}

static bool set_text(cJSON *event, const char *name, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(event, name);
	return cJSON_AddStringToObject(event, name, text) != NULL;
}

static bool inherit(cJSON *event, const cJSON *parent, const char *name)
{
	const char *text = json_get_string(parent, name);

	return !text || json_get(event, name) || set_text(event, name, text);
}

/* What it may say itself stays; who made it, and under which name, is not its to say. */
static bool complete(cJSON *event, const cJSON *parent, const struct deliver_emit *emit)
{
	char id[ID_UUID_MAX];

	derive_id(emit, id);
	cJSON_DeleteItemFromObjectCaseSensitive(event, "source");
	cJSON_DeleteItemFromObjectCaseSensitive(event, "site");
	return set_text(event, "id", id) && set_text(event, "device", emit->destination) &&
	       inherit(event, parent, "time") && inherit(event, parent, "correlationid") &&
	       inherit(event, parent, "traceparent");
}

static unsigned chain_of(const cJSON *parent)
{
	const char *chain = json_get_string(parent, "draychain");

	return chain ? (unsigned)strtoul(chain, NULL, 10) : 0;
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	(void)ctx;
	(void)ack;
	(void)device;
}

static int take(struct intake *intake, const struct deliver_emit *emit, const cJSON *event,
	unsigned chain, int64_t received_at_ms)
{
	struct buf text = BUF_INIT;
	int status = -1;

	json_print(event, &text);
	const struct intake_message message = {
		.origin = emit->destination,
		.topic_device = emit->destination,
		.chain = chain,
		.payload = text.data,
		.len = text.len,
		.received_at_ms = received_at_ms,
	};
	if (!buf_failed(&text))
		status = intake_take(intake, &message, on_ack, NULL);
	buf_done(&text);
	return status;
}

int intake_emit(struct intake *intake, const struct deliver_emit *emit, int64_t received_at_ms)
{
	cJSON *event = cJSON_ParseWithLength(emit->text, emit->len);
	cJSON *parent = cJSON_ParseWithLength(emit->parent_body, emit->parent_len);
	int status = -1;

	if (event && complete(event, parent, emit))
		status = take(intake, emit, event, chain_of(parent) + 1, received_at_ms);
	cJSON_Delete(event);
	cJSON_Delete(parent);
	return status;
}
