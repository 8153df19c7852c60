/*
 * Any JSON as an event: taken or refused in words, and what is taken is its own canonical form, but for
 * the note of what was changed; with items and units, and without.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/ack.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/reference.h"
#include "dray/trace.h"
#include "dray/units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits scan_limits = { 1 << 18, 32, 10000, false };
static const struct event_limits event_limits = { 1 << 16, 32, 5 };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static cJSON *read_json(const char *text, size_t len)
{
	struct buf scratch = BUF_INIT;
	cJSON *root = json_parse(text, len, &scan_limits, &scratch, NULL);

	buf_done(&scratch);
	return root;
}

/* A site where everything is known that begins with a K, and what it is called decides how it packs. */
static bool has_items(void *ctx)
{
	(void)ctx;
	return true;
}

static int find_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	(void)ctx;
	if (strcmp(scheme, "gtin") != 0 && *code != 'K')
		return 0;
	*ret = (struct reference_item){ .sku = "K", .uom = "EA" };
	if (strcmp(scheme, "gtin") == 0 && *code != '0')
		memcpy(ret->pack, "12", 3);
	if (strcmp(scheme, "sku") == 0 && code[1] == 'G')
		*ret = (struct reference_item){ .sku = "KG", .uom = "KGM" };
	return 1;
}

static int find_pack(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX])
{
	(void)ctx;
	if (strcmp(sku, "K") != 0 || strcmp(uom, "CS") != 0)
		return 0;
	memcpy(ret, "2.5", 4);
	return 1;
}

static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	(void)ctx;
	if (strcmp(name, "Stk") != 0)
		return 0;
	memcpy(ret, "H87", 4);
	return 1;
}

/* What was changed is said once. */
static void drop_notes(struct event *event)
{
	cJSON_DeleteItemFromObjectCaseSensitive(event->root, "draynormalised");
}

/* Found at a glance is what the event has. */
static void check_trace(const struct event *event, const struct buf *body)
{
	char found[TRACE_BYTES];
	bool has_one = trace_find(body->data, body->len, found);

	check(has_one == (event->traceparent[0] != '\0'));
	check(!has_one || strcmp(found, event->traceparent) == 0);
}

static void check_canonical(struct event *event, const struct event_context *context)
{
	struct buf once = BUF_INIT;
	struct buf twice = BUF_INIT;
	struct event again;
	struct problem problem;

	drop_notes(event);
	event_render(event, &once);
	check(event_parse(read_json(once.data, once.len), context, &again, &problem) == 0);
	drop_notes(&again);
	event_render(&again, &twice);
	check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	check(strcmp(event->id, again.id) == 0 && strcmp(event->source, again.source) == 0);
	check_trace(event, &once);
	event_done(&again);
	buf_done(&once);
	buf_done(&twice);
}

/* What a handheld is told must itself be JSON that the scanner passes. */
static void check_refusal(const struct event *event, const struct problem *problem)
{
	struct ack ack = { .status = ACK_REJECTED, .problem = *problem };
	struct buf out = BUF_INIT;
	cJSON *root;

	check(problem->reason != REASON_NONE && problem->reason != REASON_STORE_FULL);
	memcpy(ack.id, event->id, sizeof(ack.id));
	ack_render(&ack, &out);
	root = read_json(out.data, out.len);
	check(root != NULL);
	cJSON_Delete(root);
	buf_done(&out);
}

static void try_event(const char *text, size_t len, const struct event_context *context)
{
	struct event event;
	struct problem problem = { 0 };
	cJSON *root = read_json(text, len);

	if (!root)
		return;
	if (event_parse(root, context, &event, &problem) < 0) {
		check_refusal(&event, &problem);
		return;
	}
	check_canonical(&event, context);
	event_done(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct unit_names *names;
	struct event_context topic = { .site = "s",
		.topic_site = "s",
		.topic_type = "ship",
		.topic_device = "d",
		.received_at_ms = 1,
		.limits = &event_limits };
	struct event_context nowhere = {
		.site = "s", .received_at_ms = 1, .limits = &event_limits
	};
	struct reference reference = { .has_items = has_items,
		.find_item = find_item,
		.find_pack = find_pack,
		.find_unit = find_unit };

	if (!names)
		names = unit_names_new();
	check(names != NULL);
	reference.unit_names = names;
	try_event((const char *)data, size, &topic);
	try_event((const char *)data, size, &nowhere);
	nowhere.reference = &reference;
	try_event((const char *)data, size, &nowhere);
	nowhere.accepts_invalid = true;
	try_event((const char *)data, size, &nowhere);
	return 0;
}
