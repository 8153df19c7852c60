/*
 * event.h - an event: what a handheld said, checked and made canonical.
 *
 *   message ─► json_scan ─► cJSON ─► event_parse() ─► event_render() ─► the bytes that are stored
 *
 * event_parse() takes the short and the full form of the envelope (CloudEvents 1.0), fills what
 * the topic knows, and then, in this order,
 *   1. takes the digest,
 *   2. reads barcodes (gs1.h) and fills in what a line doesn't say itself,
 *   3. checks the types of EVENTS.md against one declared table (event_types.c): quantities become
 *      canonical decimal strings, times UTC,
 *   4. resolves items to the site's own numbers and units to one table (normalise.h).
 * What 2 and 4 have changed stands in `draynormalised`: "rule:pointer" with blanks between, such as
 * "gs1:/data/lines/0/lot item:/data/lines/0/item/sku unit:/data/lines/0/quantity". A clock that is too
 * far off stands in `drayskew`, in seconds: received minus sent.
 *
 * Invariants
 *   1. An event is taken whole or refused whole: the first problem found refuses it.
 *   2. The digest covers type, time (as an instant) and data as they came, before normalising,
 *      with object members sorted: a resend with another senttime, spacing or member order is the
 *      same content.
 *   3. event_render() of the same event gives the same bytes, always.
 *   4. `root` is the canonical form: its members stand in the order in which they are rendered, and
 *      the strings below say the same as it does.
 *
 * Pure: site, topic and the time of receipt are handed in.
 */
#ifndef DRAY_EVENT_H
#define DRAY_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/ids.h"
#include "dray/problem.h"
#include "dray/times.h"

#define EVENT_NAME_MAX 65 /* site, device: 1..64 characters and a NUL */
#define EVENT_SOURCE_MAX 257
#define EVENT_TYPE_MAX 65
#define EVENT_KEY_MAX 257

struct reference;

struct event_limits {
	size_t max_bytes;   /* of one message, default 256 KiB */
	unsigned max_depth; /* default 32 */
	unsigned max_lines; /* of one event, default 500 */
};

/* What is known about a message before it is read. Borrowed for the call. */
struct event_context {
	const char *site;       /* ours */
	const char *topic_site; /* NULL: the topic says nothing */
	const char *topic_type; /* NULL likewise */
	const char
		*types; /* that may come this way, a blank around each: " pick ship "; NULL: all */
	const char *topic_device; /* NULL likewise; also the device an HTTP token is bound to;
				     "": no device made the event, none needs to be named */
	int64_t received_at_ms;
	size_t index;   /* of the event in its message, for a derived id */
	unsigned chain; /* answers that led to it, of an emitted event; 0: it came from outside */
	const struct event_limits *limits;
	const struct reference *reference; /* items and units; NULL: they pass as they are */
	int64_t max_skew_ms; /* `senttime` further from received_at_ms than that becomes drayskew; 0 none */
	bool accepts_invalid; /* unsound data does not refuse the event; an unsound envelope does */
};

struct event {
	cJSON *root; /* the event's own tree, normalised in place; owned */
	cJSON *data; /* inside root */
	char id[ID_MAX + 1];
	char source[EVENT_SOURCE_MAX];
	char type[EVENT_TYPE_MAX];
	char subject[EVENT_KEY_MAX]; /* "purchase_order/PO-1001"; "" none */
	char site[EVENT_NAME_MAX];
	char device[EVENT_NAME_MAX]; /* "" only for events that no device made */
	char operator_id[EVENT_NAME_MAX];
	char correlation_id[EVENT_KEY_MAX];
	char document_key[EVENT_KEY_MAX]; /* ordering key "document"; "" none */
	char traceparent[64];             /* "" none */
	int64_t occurred_at_ms;
	int64_t sent_at_ms; /* -1: not said */
	int64_t received_at_ms;
	int64_t sequence; /* -1: not said */
	uint8_t digest[ID_DIGEST_BYTES];
	bool is_identified; /* source, id and digest are known, also of an event that is refused */
	bool is_changed; /* an item or a unit was replaced: only the raw message has what was sent */
};

/*
 * Read one event.
 *
 * Where the context accepts invalid data, an event can succeed with *ret_problem filled all the
 * same: it is stored as it is, and a person is told. REASON_NONE: all is well.
 *
 * object       a JSON object; ownership passes to the event on success, and the tree is freed on
 *              failure.
 * ret          filled on success; free with event_done(). On failure only `id` (possibly ""),
 *              `type` and `device` are meaningful, for the refusal, and with `is_identified` what
 *              tells whether the event is known already.
 * Returns      0, or -1 with *ret_problem filled.
 */
int event_parse(cJSON *object, const struct event_context *context, struct event *ret,
	struct problem *ret_problem);

/*
 * Append the canonical form: keys in the order of EVENTS.md, no white space, optional attributes
 * only when set, unknown envelope attributes behind the known ones in their order, `data` last.
 */
void event_render(const struct event *event, struct buf *out);

void event_done(struct event *event);

/*
 * The value of a canonical field by dotted path ("type", "data.carrier.scac") in the rendered
 * event's terms. NULL when absent. Borrowed from the event.
 */
const char *event_field_string(const struct event *event, const char *path);
const cJSON *event_field(const struct event *event, const char *path);

/* True when EVENTS.md knows the type. */
bool event_type_is_known(const char *type);

/* One row of the declared table (event_types.h), for schemas and tests. NULL behind the last. */
struct event_type;
const struct event_type *event_type_at(size_t index);
const char *event_type_name(const struct event_type *type);

#endif
