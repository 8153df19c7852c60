/*
 * event.c - an event read whole and made canonical; see event.h
 *
 * Nothing of `data` is changed before its digest is taken.
 */
#include "dray/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dray/json.h"
#include "event_data.h"
#include "event_envelope.h"
#include "normalise.h"

#define DIGEST_TEXT_BYTES 1024 /* enough for most; the buffer grows */

static int read_data(struct reading *r)
{
	cJSON *data = r->tree.slots[ATTRIBUTE_DATA];

	if (!data)
		return envelope_refuse(r, REASON_FIELD_MISSING, ATTRIBUTE_DATA, "is missing");
	if (!cJSON_IsObject(data))
		return envelope_refuse(r, REASON_FIELD_TYPE, ATTRIBUTE_DATA, "must be an object");
	r->event->data = data;
	return 0;
}

static int take_digest(struct reading *r)
{
	struct event *e = r->event;
	struct buf text = BUF_INIT;

	(void)buf_reserve(&text, DIGEST_TEXT_BYTES);
	buf_puts(&text, e->type);
	buf_putc(&text, '\n');
	buf_put_integer(&text, e->occurred_at_ms);
	buf_putc(&text, '\n');
	json_print_sorted(e->data, &text);
	if (buf_failed(&text)) {
		buf_done(&text);
		return envelope_refuse_memory(r);
	}
	id_digest(text.data, text.len, e->digest);
	buf_done(&text);
	return 0;
}

/* A redelivery of an event that has no id is still the same event. */
static void derive_id(struct reading *r)
{
	struct event *e = r->event;
	char place[48];
	int len;

	if (*e->id)
		return;
	len = snprintf(
		place, sizeof(place), "%" PRId64 "/%zu", e->occurred_at_ms, r->context->index);
	struct id_part parts[] = {
		{ e->source, strlen(e->source) },
		{ place, len > 0 ? (size_t)len : 0 },
		{ e->digest, sizeof(e->digest) },
	};

	id_derive(parts, sizeof(parts) / sizeof(*parts), e->id);
}

/* Subject, ordering key and correlation from the document, once data is known to be sound. */
static int read_document(struct reading *r)
{
	struct event *e = r->event;
	const cJSON *document = json_get(e->data, "document");
	const char *shipment = json_get_string(e->data, "shipment");
	const char *type = json_get_string(document, "type");
	const char *id = type ? json_get_string(document, "id") : NULL;

	if (envelope_read_text(r, ATTRIBUTE_SUBJECT, e->subject, sizeof(e->subject)) < 0)
		return -1;
	if (envelope_read_text(
		    r, ATTRIBUTE_CORRELATIONID, e->correlation_id, sizeof(e->correlation_id)) < 0)
		return -1;
	if (!*e->correlation_id)
		envelope_copy(e->correlation_id, sizeof(e->correlation_id), id);
	if (id) {
		(void)text_join(e->subject, sizeof(e->subject), type, "/", id);
		memcpy(e->document_key, e->subject, sizeof(e->document_key));
	} else if (shipment && *shipment) {
		(void)text_join(e->document_key, sizeof(e->document_key), "shipment/", shipment);
	}
	return 0;
}

/* Received minus sent, in seconds; "" when the clocks agree well enough. */
static void put_skew(const struct reading *r, char *out, size_t size)
{
	const struct event *e = r->event;
	int64_t bound_ms = r->context->max_skew_ms;
	int64_t skew_ms = e->received_at_ms - e->sent_at_ms;

	if (e->sent_at_ms >= 0 && bound_ms > 0 && (skew_ms > bound_ms || skew_ms < -bound_ms))
		(void)snprintf(out, size, "%" PRId64, skew_ms / 1000);
}

/* Write what was read back into the tree, so that it is the canonical form. */
static bool set_attributes(struct reading *r, const char *changes)
{
	const struct event *e = r->event;
	char occurred[TIME_TEXT_MAX];
	char sent[TIME_TEXT_MAX] = "";
	char received[TIME_TEXT_MAX];
	char sequence[24] = "", chain[16] = "", skew[24] = "";

	time_format(e->occurred_at_ms, occurred);
	time_format(e->received_at_ms, received);
	if (e->sent_at_ms >= 0)
		time_format(e->sent_at_ms, sent);
	if (e->sequence >= 0)
		(void)snprintf(sequence, sizeof(sequence), "%" PRId64, e->sequence);
	if (r->context->chain > 0)
		(void)snprintf(chain, sizeof(chain), "%u", r->context->chain);
	put_skew(r, skew, sizeof(skew));
	return event_tree_set(&r->tree, ATTRIBUTE_SPECVERSION, "1.0") &&
	       event_tree_set(&r->tree, ATTRIBUTE_ID, e->id) &&
	       event_tree_set(&r->tree, ATTRIBUTE_SOURCE, e->source) &&
	       event_tree_set(&r->tree, ATTRIBUTE_TYPE, e->type) &&
	       event_tree_set(&r->tree, ATTRIBUTE_SUBJECT, e->subject) &&
	       event_tree_set(&r->tree, ATTRIBUTE_TIME, occurred) &&
	       event_tree_set(&r->tree, ATTRIBUTE_DATACONTENTTYPE, "application/json") &&
	       event_tree_set(&r->tree, ATTRIBUTE_SITE, e->site) &&
	       event_tree_set(&r->tree, ATTRIBUTE_DEVICE, e->device) &&
	       event_tree_set(&r->tree, ATTRIBUTE_CORRELATIONID, e->correlation_id) &&
	       event_tree_set(&r->tree, ATTRIBUTE_SEQUENCE, sequence) &&
	       event_tree_set(&r->tree, ATTRIBUTE_SENTTIME, sent) &&
	       event_tree_set(&r->tree, ATTRIBUTE_TRACEPARENT, e->traceparent) &&
	       event_tree_set(&r->tree, ATTRIBUTE_RECEIVEDTIME, received) &&
	       event_tree_set(&r->tree, ATTRIBUTE_CHAIN, chain) &&
	       event_tree_set(&r->tree, ATTRIBUTE_NORMALISED, changes) &&
	       event_tree_set(&r->tree, ATTRIBUTE_SKEW, skew);
}

/* Data checked and normalised, up to the first problem: what is behind it stays as it came. */
static int normalise_data(struct reading *r, struct normalising *n)
{
	struct event *e = r->event;
	unsigned max_lines = r->context->limits->max_lines;
	int result = 0;

	if (normalise_barcodes(n) < 0 ||
		event_data_check(e->data, r->type, max_lines, r->problem) < 0 ||
		normalise_items(n) < 0)
		result = -1;
	e->is_changed = n->is_replaced;
	if (buf_failed(&n->changes))
		return envelope_refuse_memory(r);
	/* Only data can be accepted as it is; that it can't be judged now is no flaw of it. */
	if (r->context->accepts_invalid && r->problem->reason != REASON_STORE_FULL)
		return 0;
	return result;
}

static int read_data_and_document(struct reading *r, struct normalising *n)
{
	if (normalise_data(r, n) < 0 || read_document(r) < 0)
		return -1;
	return set_attributes(r, n->changes.data ? n->changes.data : "")
		       ? 0
		       : envelope_refuse_memory(r);
}

static int read_event(struct reading *r)
{
	struct normalising n = { .context = r->context, .problem = r->problem };
	int result;

	if (envelope_read(r) < 0 || read_data(r) < 0 || take_digest(r) < 0)
		return -1;
	derive_id(r);
	r->event->is_identified = true;
	n.data = r->event->data;
	n.type = r->event->type;
	result = read_data_and_document(r, &n);
	buf_done(&n.changes);
	return result;
}

int event_parse(cJSON *object, const struct event_context *context, struct event *ret,
	struct problem *ret_problem)
{
	struct reading r = { .context = context, .event = ret, .problem = ret_problem };
	int result;

	memset(ret, 0, sizeof(*ret));
	ret_problem->reason = REASON_NONE;
	envelope_copy(ret->type, sizeof(ret->type), context->topic_type);
	envelope_copy(ret->device, sizeof(ret->device), context->topic_device);
	if (!cJSON_IsObject(object)) {
		cJSON_Delete(object);
		return problem_set(
			ret_problem, REASON_BAD_JSON, "", "an event must be a JSON object");
	}
	event_tree_take(object, &r.tree);
	result = read_event(&r);
	event_tree_put(object, &r.tree);
	if (result < 0) {
		cJSON_Delete(object);
		ret->data = NULL;
		return -1;
	}
	ret->root = object;
	return 0;
}

void event_done(struct event *event)
{
	cJSON_Delete(event->root);
	event->root = NULL;
	event->data = NULL;
}

void event_render(const struct event *event, struct buf *out)
{
	json_print(event->root, out);
}

const cJSON *event_field(const struct event *event, const char *path)
{
	return json_dotted(event->root, path);
}

const char *event_field_string(const struct event *event, const char *path)
{
	return cJSON_GetStringValue(event_field(event, path));
}
