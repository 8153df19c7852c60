/*
 * event.c - the table of events: storing one or finding it known, and reading.
 *
 * A new event costs one INSERT. Only when (id, source) is taken is there a look at what is there.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/store_internal.h"

int event_load(struct store *store)
{
	int64_t last = 0;
	int64_t counted = 0;
	struct query events = query_start(store, EVENT_LAST_SEQ);
	if (query_number(&events, &last) < 0)
		return -1;
	struct query counter = query_start(store, COUNTER_GET);
	query_text(&counter, "seq");
	if (query_number(&counter, &counted) < 0)
		return -1;
	store->next_seq = (last > counted ? last : counted) + 1;
	store->committed_seq = store->next_seq;
	return 0;
}

/* Without its row nothing says that a seq was given out. */
int event_keep_seq(struct store *store)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, "seq");
	query_int(&query, store->next_seq - 1);
	return query_run(&query);
}

/* NULL where reading gives it back: the part of the document behind its type. */
static const char *correlation_to_store(const struct store_event *event)
{
	const char *id = strchr(event->document, '/');
	id = id ? id + 1 : event->document;
	if (strcmp(id, event->correlation) == 0)
		return NULL;
	return event->correlation;
}

static void bind_event(struct query *query, const struct store_event *event)
{
	const char *correlation = correlation_to_store(event);

	query_int(query, query->store->next_seq);
	query_text(query, event->source);
	query_text(query, event->id);
	query_text(query, event->type);
	query_text_or_null(query, event->document);
	query_text(query, event->device);
	if (correlation != NULL)
		query_text(query, correlation);
	else
		query_text_or_null(query, NULL);
	query_text(query, event->origin);
	query_int(query, event->occurred_at_ms);
	query_int_or_null(query, event->sent_at_ms, -1);
	query_int(query, event->received_at_ms);
	query_blob(query, event->digest, ID_DIGEST_BYTES);
	query_text_len(query, event->body, event->len);
	query_blob(query, event->raw, event->raw_len);
}

static void set_labels(struct event_labels *labels, int64_t seq, int64_t received_at_ms,
	const char *origin, const char *device, const char *type)
{
	labels->seq = seq;
	labels->received_at_ms = received_at_ms;
	label_copy(labels->origin, origin);
	label_copy(labels->device, device);
	label_copy(labels->type, type);
}

void event_labels_keep(struct store *store, int64_t seq, int64_t received_at_ms, const char *origin,
	const char *device, const char *type)
{
	set_labels(&store->last_event, seq, received_at_ms, origin, device, type);
}

int event_labels_find(struct store *store, int64_t seq, struct event_labels *ret)
{
	if (store->last_event.seq == seq) {
		*ret = store->last_event;
		return 0;
	}
	struct query query = query_start(store, EVENT_LABELS);
	query_int(&query, seq);
	int found = query_step(&query);
	if (found < 0)
		return -1;
	if (found == 0)
		return store_refuse(store, "there is no event %lld", (long long)seq);
	set_labels(ret, seq, row_int(&query, 0), row_text(&query, 1), row_text(&query, 2),
		row_text(&query, 3));
	query_end(&query);
	return 0;
}

/* 1 there is one with its id; then *ret says whether it is the same. 0 there is none. */
static int look_up(
	struct store *store, const struct store_event *event, enum store_put *ret, int64_t *ret_seq)
{
	struct query query = query_start(store, EVENT_KNOWN);
	query_text(&query, event->id);
	query_text(&query, event->source);
	int found = query_step(&query);
	if (found <= 0)
		return found;

	size_t len = 0;
	const void *digest = row_bytes(&query, 1, &len);
	bool is_same =
		len == ID_DIGEST_BYTES && memcmp(digest, event->digest, ID_DIGEST_BYTES) == 0;
	*ret_seq = row_int(&query, 0);
	*ret = is_same ? STORE_DUPLICATE : STORE_CONFLICT;
	query_end(&query);
	if (is_same && store_count(store, event->received_at_ms, event->origin, event->device,
			       event->type, 0, "duplicate", "") < 0)
		return -1;
	return 1;
}

static enum store_put find_known(
	struct store *store, const struct store_event *event, int64_t *ret_seq)
{
	enum store_put known = STORE_FAILED;
	int found = look_up(store, event, &known, ret_seq);
	if (found == 0)
		(void)store_break(store, "the index of event ids contradicts its table");
	return found > 0 ? known : STORE_FAILED;
}

int store_knows_event(struct store *store, const struct store_event *event, int64_t *ret_seq)
{
	enum store_put known = STORE_CONFLICT;
	if (store_begin_write(store) < 0)
		return -1;
	int found = look_up(store, event, &known, ret_seq);
	return found < 0 ? -1 : found > 0 && known == STORE_DUPLICATE;
}

enum store_put store_put_event(
	struct store *store, const struct store_event *event, int64_t *ret_seq)
{
	if (store_begin_write(store) < 0)
		return STORE_FAILED;
	struct query query = query_start(store, EVENT_INSERT);
	bind_event(&query, event);
	if (query_run(&query) < 0)
		return STORE_FAILED;
	if (sqlite3_changes(store->db) == 0)
		return find_known(store, event, ret_seq);

	int64_t seq = store->next_seq++;
	set_labels(&store->last_event, seq, event->received_at_ms, event->origin, event->device,
		event->type);
	if (tally_add(store, event->received_at_ms, &store->last_event, 0, "stored") < 0)
		return STORE_FAILED;
	if (event->sequence >= 0 && sequence_seen(store, event->source, event->sequence) < 0)
		return STORE_FAILED;
	*ret_seq = seq;
	return STORE_STORED;
}

/* --- reading ------------------------------------------------------------------------------------ */

static void fill_row(const struct query *query, struct store_event_row *row)
{
	size_t len = 0;
	*row = (struct store_event_row){
		.seq = row_int(query, 0),
		.revision = row_int(query, 1),
		.source = row_text(query, 2),
		.id = row_text(query, 3),
		.type = row_text(query, 4),
		.device = row_text(query, 5),
		.document = row_text(query, 6),
		.correlation = row_text(query, 7),
		.origin = row_text(query, 8),
		.occurred_at_ms = row_int(query, 9),
		.sent_at_ms = row_int(query, 10),
		.received_at_ms = row_int(query, 11),
	};
	row->body = row_bytes(query, 12, &len);
	row->len = len;
	row->raw = row_bytes(query, 13, &len);
	row->raw_len = len;
}

static bool is_text(const char *wanted, const char *text)
{
	return wanted == NULL || strcmp(wanted, text) == 0;
}

static bool matches(const struct store_event_filter *filter, const struct store_event_row *row)
{
	return is_text(filter->id, row->id) && is_text(filter->document, row->document) &&
	       is_text(filter->device, row->device) && is_text(filter->type, row->type) &&
	       (filter->since_ms == 0 || row->received_at_ms >= filter->since_ms) &&
	       (filter->until_ms == 0 || row->received_at_ms < filter->until_ms);
}

static struct query start_list(struct store *store, const struct store_event_filter *filter)
{
	enum statement id = EVENT_LIST;
	if (filter->id != NULL)
		id = EVENT_LIST_BY_ID;
	else if (filter->document != NULL && filter->document[0] != '\0')
		id = EVENT_LIST_BY_DOCUMENT;
	struct query query = query_start(store, id);
	query_int(&query, filter->before_seq > 0 ? filter->before_seq : INT64_MAX);
	if (id != EVENT_LIST)
		query_text(&query, id == EVENT_LIST_BY_ID ? filter->id : filter->document);
	return query;
}

int store_list_events(struct store *store, const struct store_event_filter *filter,
	store_event_fn fn, void *ctx, int64_t *ret_cursor)
{
	struct query query = start_list(store, filter);
	struct store_event_row row;
	unsigned n_looked = 0;
	unsigned n_given = 0;
	int more;
	while ((more = query_step(&query)) > 0) {
		fill_row(&query, &row);
		n_looked++;
		bool stop = false;
		if (matches(filter, &row)) {
			stop = fn(ctx, &row) != 0;
			n_given++;
		}
		if (stop || n_given == filter->limit || n_looked == LOOK_MAX) {
			*ret_cursor = row.seq;
			query_end(&query);
			return 0;
		}
	}
	*ret_cursor = 0;
	return more;
}

int store_get_event(struct store *store, int64_t seq, const char *id, store_event_fn fn, void *ctx)
{
	struct query query = query_start(store, id ? EVENT_BY_ID : EVENT_BY_SEQ);
	if (id != NULL)
		query_text(&query, id);
	else
		query_int(&query, seq);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	struct store_event_row row;
	fill_row(&query, &row);
	(void)fn(ctx, &row);
	query_end(&query);
	return 1;
}
