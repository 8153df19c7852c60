/*
 * api_events.c - events: find them, show the whole life of one.
 */
#include "ops/room.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "ops/rows.h"
#include "ops/writer.h"

/* How many of the newest exceptions are looked through for those of one event. */
#define EXCEPTIONS_LOOKED_AT 1000
#define DOCUMENT_MAX 192 /* type, slash, id */
#define CANDIDATES_MAX 5
#define NAMES_MAX 256

/* --- finding ------------------------------------------------------------------------------------ */

struct listing {
	struct call *call;
	const char
		*bare; /* a document's id without its type; NULL: the store's filter does it all */
	unsigned n, limit;
};

static bool is_of_document(const struct store_event_row *row, const char *bare)
{
	const char *slash = strchr(row->document, '/');

	return (slash && strcmp(slash + 1, bare) == 0) || strcmp(row->correlation, bare) == 0;
}

static int on_listed_event(void *ctx, const struct store_event_row *row)
{
	struct listing *listing = ctx;

	if (listing->bare && !is_of_document(row, listing->bare))
		return 0;
	row_event(listing->call, row, false);
	write_close(&listing->call->body, '}');
	return ++listing->n == listing->limit;
}

/* "purchase_order/PO-1001", as events have it; not "PO-1001", nor "2026/17". */
static bool has_type(const char *document)
{
	size_t len = strspn(document, "abcdefghijklmnopqrstuvwxyz_");

	return len > 0 && document[len] == '/';
}

static int on_probed(void *ctx, const struct store_event_row *row)
{
	(void)row;
	*(bool *)ctx = true;
	return 1;
}

/*
 * The one document of a usual type that has this id, by the index; "" when there is none or more
 * than one. -1 when the store can't be read.
 */
static int find_document(struct store *store, const char *bare, char out[DOCUMENT_MAX])
{
	static const char *const types[] = { "purchase_order", "sales_order", "asn", "shipment",
		"transfer", "transfer_order", "return", "invoice", "count", "work_order" };
	char key[DOCUMENT_MAX];
	int n_found = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		int len = snprintf(key, sizeof(key), "%s/%s", types[i], bare);
		struct store_event_filter filter = { .document = key, .limit = 1 };
		bool is_there = false;
		int64_t cursor;

		if (len < 0 || (size_t)len >= sizeof(key))
			continue;
		if (store_list_events(store, &filter, on_probed, &is_there, &cursor) < 0)
			return -1;
		if (is_there && n_found++ == 0)
			memcpy(out, key, (size_t)len + 1);
	}
	if (n_found > 1)
		out[0] = '\0';
	return 0;
}

/*
 * A bare id is found by the index under its only type, else by looking at every event: the store
 * looks at a bounded number per page, whatever fits.
 */
static int aim_at_document(
	struct listing *listing, struct store_event_filter *filter, char key[DOCUMENT_MAX])
{
	const char *document = filter->document;

	if (!document || has_type(document))
		return 0;
	if (!filter->id && find_document(listing->call->ops->with.store, document, key) < 0)
		return -1;
	if (key[0]) {
		filter->document = key;
		return 0;
	}
	filter->document = NULL;
	filter->limit = UINT_MAX;
	listing->bare = document;
	return 0;
}

void api_list_events(struct call *call)
{
	struct store_event_filter filter = {
		.id = call_query(call, "id"),
		.document = call_query(call, "document"),
		.device = call_query(call, "device"),
		.type = call_query(call, "type"),
	};
	struct listing listing = { .call = call };
	char key[DOCUMENT_MAX] = "";
	int64_t cursor;

	if (!call_query_page(call, &filter.limit, &filter.before_seq) ||
		!call_query_time(call, "since", &filter.since_ms) ||
		!call_query_time(call, "until", &filter.until_ms))
		return;
	listing.limit = filter.limit;
	page_open(&call->body);
	if (aim_at_document(&listing, &filter, key) < 0 ||
		store_list_events(
			call->ops->with.store, &filter, on_listed_event, &listing, &cursor) < 0) {
		call_store_failed(call);
		return;
	}
	page_close(&call->body, cursor);
	call_answer(call, 200);
}

/* --- the life of one event --------------------------------------------------------------------- */

struct lineage {
	struct call *call;
	int64_t seq;
};

static int on_event(void *ctx, const struct store_event_row *row)
{
	struct lineage *lineage = ctx;

	lineage->seq = row->seq;
	row_event(lineage->call, row, true);
	return 0;
}

static int on_delivery(void *ctx, const struct store_delivery_row *row)
{
	row_delivery(((struct lineage *)ctx)->call, row, false);
	return 0;
}

static int on_attempt(void *ctx, const struct store_attempt_row *row)
{
	row_attempt(((struct lineage *)ctx)->call, row);
	return 0;
}

static int on_exception(void *ctx, const struct store_exception_row *row)
{
	struct lineage *lineage = ctx;

	if (row->seq == lineage->seq)
		row_exception(lineage->call, row, false);
	return 0;
}

static int put_lineage(struct lineage *lineage)
{
	const struct store_exception_filter all = { .with_resolved = true,
		.limit = EXCEPTIONS_LOOKED_AT };
	struct store *store = lineage->call->ops->with.store;
	struct buf *out = &lineage->call->body;
	int64_t cursor;

	write_open(out, "deliveries", '[');
	if (store_list_event_deliveries(store, lineage->seq, on_delivery, lineage) < 0)
		return -1;
	write_close(out, ']');
	write_open(out, "attempts", '[');
	if (store_list_attempts(store, lineage->seq, on_attempt, lineage) < 0)
		return -1;
	write_close(out, ']');
	write_open(out, "exceptions", '[');
	if (store_list_exceptions(store, &all, on_exception, lineage, &cursor) < 0)
		return -1;
	write_close(out, ']');
	write_close(out, '}');
	return 0;
}

/* Events that have one id: sources don't know of each other. */
struct candidates {
	int64_t seq; /* the newest */
	unsigned n;
	char names[NAMES_MAX];
};

static int on_candidate(void *ctx, const struct store_event_row *row)
{
	struct candidates *all = ctx;
	size_t len = strlen(all->names);

	if (all->n++ == 0)
		all->seq = row->seq;
	(void)snprintf(all->names + len, sizeof(all->names) - len, "%s#%" PRId64 " of %.80s",
		len > 0 ? ", " : "", row->seq, row->source);
	return 0;
}

/* 1 and the event's number; 0 none; -1 the store can't be read; more: there are several. */
static int find_event(struct call *call, struct candidates *all)
{
	const struct store_event_filter filter = {
		.id = call->parameter, .device = call_query(call, "device"), .limit = CANDIDATES_MAX
	};
	bool is_number = call->parameter[0] == '#';
	int64_t cursor;

	if (!is_number &&
		store_list_events(call->ops->with.store, &filter, on_candidate, all, &cursor) < 0)
		return -1;
	/* Digits are an id before they are a number: only "#2" is never an id. */
	if (all->n == 0 && (is_number || !filter.device) &&
		call_parse_id(call->parameter + is_number, &all->seq))
		return 1;
	return (int)all->n;
}

void api_show_event(struct call *call)
{
	struct lineage lineage = { .call = call };
	struct candidates all = { .n = 0 };
	int found = find_event(call, &all);

	if (found > 1) {
		call_problem(call, 409,
			"several events have the id %.128s: %s; name one by its number, or its device (--device)",
			call->parameter, all.names);
		return;
	}
	if (found == 1)
		found = store_get_event(call->ops->with.store, all.seq, NULL, on_event, &lineage);
	if (found == 0)
		call_problem(call, 404, "there is no event %.128s", call->parameter);
	else if (found < 0 || put_lineage(&lineage) != 0)
		call_store_failed(call);
	else
		call_answer(call, 200);
}
