/*
 * exception.c - what needs a person: a queue of rows.
 *
 * Two are the same when kind, event, destination, origin and raw bytes are: a digest of these is
 * unique among the open ones, so that a device that repeats its garbage raises a number, not a
 * pile.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/store_internal.h"

/* --- how many are open --------------------------------------------------------------------------- */

static struct open_count *count_of(struct store *store, const char *kind, const char *severity)
{
	for (unsigned i = 0; i < store->n_open_counts; i++) {
		struct open_count *count = &store->open_counts[i];
		if (strncmp(count->kind, kind, LABEL_MAX - 1) == 0 &&
			strncmp(count->severity, severity, LABEL_MAX - 1) == 0)
			return count;
	}
	/* Kinds and severities are this program's own words; should they ever outgrow the table,
	 * the last cell takes the rest. */
	if (store->n_open_counts == OPEN_COUNTS)
		return &store->open_counts[OPEN_COUNTS - 1];
	struct open_count *count = &store->open_counts[store->n_open_counts++];
	*count = (struct open_count){ 0 };
	label_copy(count->kind, kind);
	label_copy(count->severity, severity);
	return count;
}

void exception_count_open(struct store *store, const char *kind, const char *severity, int change)
{
	count_of(store, kind, severity)->changes += change;
}

#define ARE_STORED "open" /* the counter that says that the others are there */

/* Of a file whose counts were never stored: the only time that every open exception is looked at. */
static int count_rows(struct store *store)
{
	struct query query = query_start(store, EXCEPTION_COUNT_OPEN);
	int more;
	while ((more = query_step(&query)) > 0)
		count_of(store, row_text(&query, 0), row_text(&query, 1))->n += row_int(&query, 2);
	return more;
}

/* "open/KIND/SEVERITY" */
static void load_count(struct store *store, const char *name, int64_t n)
{
	char kind[LABEL_MAX];
	const char *severity = strchr(name += strlen("open/"), '/');
	if (severity == NULL)
		return;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)(severity - name), name);
	count_of(store, kind, severity + 1)->n += n;
}

int exception_load(struct store *store)
{
	int64_t one = 0;
	struct query marker = query_start(store, COUNTER_GET);
	query_text(&marker, ARE_STORED);
	int found = query_number(&marker, &one);
	if (found <= 0)
		return found < 0 ? -1 : count_rows(store);
	store->are_open_counts_stored = true;
	struct query query = query_start(store, COUNTER_LIST_OPEN);
	int more;
	while ((more = query_step(&query)) > 0)
		load_count(store, row_text(&query, 0), row_int(&query, 1));
	return more;
}

static int set_counter(struct store *store, const char *name, int64_t value)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, name);
	query_int(&query, value);
	return query_run(&query);
}

int exception_flush(struct store *store)
{
	for (unsigned i = 0; i < store->n_open_counts; i++) {
		const struct open_count *count = &store->open_counts[i];
		char name[2 * LABEL_MAX + 8];
		if (count->changes == 0 && store->are_open_counts_stored)
			continue;
		(void)snprintf(name, sizeof(name), "open/%s/%s", count->kind, count->severity);
		if (set_counter(store, name, count->n + count->changes) < 0)
			return -1;
	}
	return store->are_open_counts_stored ? 0 : set_counter(store, ARE_STORED, 1);
}

void exception_forget(struct store *store)
{
	store->n_open_counts = 0;
	store->are_open_counts_stored = false;
}

void exception_committed(struct store *store)
{
	store->are_open_counts_stored = true;
	for (unsigned i = 0; i < store->n_open_counts; i++) {
		store->open_counts[i].n += store->open_counts[i].changes;
		store->open_counts[i].changes = 0;
	}
}

void exception_abandoned(struct store *store)
{
	for (unsigned i = 0; i < store->n_open_counts; i++)
		store->open_counts[i].changes = 0;
}

void store_count_open(const struct store *store, store_open_fn fn, void *ctx)
{
	for (unsigned i = 0; i < store->n_open_counts; i++) {
		const struct open_count *count = &store->open_counts[i];
		fn(ctx, count->kind, count->severity, count->n);
	}
}

/* --- opening ------------------------------------------------------------------------------------- */

static void digest_of(const struct store_exception *exception, uint8_t out[ID_DIGEST_BYTES])
{
	/* The digest of digests: each part has its own length. */
	uint8_t parts[4][ID_DIGEST_BYTES] = { 0 };
	id_digest(exception->kind, strlen(exception->kind), parts[0]);
	memcpy(parts[1], &exception->seq, sizeof(exception->seq));
	memcpy(parts[1] + sizeof(exception->seq), &exception->destination,
		sizeof(exception->destination));
	id_digest(exception->origin, strlen(exception->origin), parts[2]);
	if (exception->raw != NULL)
		id_digest(exception->raw, exception->raw_len, parts[3]);
	id_digest(parts, sizeof(parts), out);
}

static int find_same(struct store *store, const uint8_t digest[ID_DIGEST_BYTES], int64_t *ret_id)
{
	struct query query = query_start(store, EXCEPTION_SAME);
	query_blob(&query, digest, ID_DIGEST_BYTES);
	return query_number(&query, ret_id);
}

/* What is wrong today may be something else than the first time: the row tells the newest. */
static int64_t repeat(struct store *store, int64_t id, const struct store_exception *exception)
{
	struct query query = query_start(store, EXCEPTION_REPEAT);
	query_int(&query, id);
	query_text_or_null(&query, exception->code);
	query_text(&query, exception->reason);
	query_text_or_null(&query, exception->field);
	query_text_or_null(&query, exception->device);
	return query_run(&query) < 0 ? -1 : id;
}

static int64_t insert(struct store *store, const struct store_exception *exception,
	const uint8_t digest[ID_DIGEST_BYTES])
{
	struct query query = query_start(store, EXCEPTION_INSERT);
	query_text(&query, exception->kind);
	query_text(&query, exception->severity);
	query_text_or_null(&query, exception->code);
	query_text(&query, exception->reason);
	query_text_or_null(&query, exception->field);
	query_int(&query, exception->seq);
	query_int(&query, exception->destination);
	query_text_or_null(&query, exception->origin);
	query_text_or_null(&query, exception->device);
	query_int(&query, exception->opened_at_ms);
	query_int(&query, exception->due_at_ms);
	query_blob(&query, digest, ID_DIGEST_BYTES);
	query_blob(&query, exception->raw, exception->raw_len);
	if (query_run(&query) < 0)
		return -1;
	count_of(store, exception->kind, exception->severity)->changes++;
	return sqlite3_last_insert_rowid(store->db);
}

int64_t store_open_exception(
	struct store *store, const struct store_exception *exception, bool *ret_is_new)
{
	uint8_t digest[ID_DIGEST_BYTES];
	int64_t id = 0;
	if (store_begin_write(store) < 0)
		return -1;
	digest_of(exception, digest);
	int found = find_same(store, digest, &id);
	if (found < 0)
		return -1;
	id = found ? repeat(store, id, exception) : insert(store, exception, digest);
	if (id >= 0 && ret_is_new != NULL)
		*ret_is_new = !found;
	return id;
}

/* --- reading ------------------------------------------------------------------------------------- */

static void fill_row(const struct query *query, struct store_exception_row *row)
{
	size_t len = 0;
	*row = (struct store_exception_row){
		.id = row_int(query, 0),
		.seq = row_int(query, 1),
		.repeats = row_int(query, 2),
		.opened_at_ms = row_int(query, 3),
		.due_at_ms = row_int(query, 4),
		.resolved_at_ms = row_int(query, 5),
		.state = (enum exception_state)row_int(query, 6),
		.destination = (int)row_int(query, 7),
		.kind = row_text(query, 8),
		.severity = row_text(query, 9),
		.code = row_text(query, 10),
		.reason = row_text(query, 11),
		.field = row_text(query, 12),
		.origin = row_text(query, 13),
		.device = row_text(query, 14),
		.owner = row_text(query, 15),
		.resolution = row_text(query, 16),
		.event_id = row_text(query, 17),
		.event_type = row_text(query, 18),
	};
	row->raw = row_bytes(query, 19, &len);
	row->raw_len = len;
}

static bool matches(
	const struct store_exception_filter *filter, const struct store_exception_row *row)
{
	return (filter->kind == NULL || strcmp(filter->kind, row->kind) == 0) &&
	       (filter->severity == NULL || strcmp(filter->severity, row->severity) == 0) &&
	       (filter->destination == 0 || filter->destination == row->destination);
}

int store_list_exceptions(struct store *store, const struct store_exception_filter *filter,
	store_exception_fn fn, void *ctx, int64_t *ret_cursor)
{
	struct query query = query_start(
		store, filter->with_resolved ? EXCEPTION_LIST_ALL : EXCEPTION_LIST_OPEN);
	query_int(&query, filter->before_id > 0 ? filter->before_id : INT64_MAX);
	unsigned n_looked = 0;
	unsigned n_given = 0;
	int more;
	while ((more = query_step(&query)) > 0) {
		struct store_exception_row row;
		bool stop = false;
		fill_row(&query, &row);
		n_looked++;
		if (matches(filter, &row)) {
			stop = fn(ctx, &row) != 0;
			n_given++;
		}
		if (stop || n_given == filter->limit || n_looked == LOOK_MAX) {
			*ret_cursor = row.id;
			query_end(&query);
			return 0;
		}
	}
	*ret_cursor = 0;
	return more;
}

int store_get_exception(struct store *store, int64_t id, store_exception_fn fn, void *ctx)
{
	struct query query = query_start(store, EXCEPTION_GET);
	query_int(&query, id);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	struct store_exception_row row;
	fill_row(&query, &row);
	(void)fn(ctx, &row);
	query_end(&query);
	return 1;
}

/* --- resolving ----------------------------------------------------------------------------------- */

int store_resolve_exception(struct store *store, int64_t id, const char *resolution, int64_t now_ms)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query look = query_start(store, EXCEPTION_OPEN_KIND);
	query_int(&look, id);
	int found = query_step(&look);
	if (found <= 0)
		return found;
	count_of(store, row_text(&look, 0), row_text(&look, 1))->changes--;
	query_end(&look);

	struct query resolve = query_start(store, EXCEPTION_RESOLVE);
	query_int(&resolve, id);
	query_text(&resolve, resolution);
	query_int(&resolve, now_ms);
	return query_run(&resolve);
}

int store_resolve_hold(struct store *store, int destination, const char *resolution, int64_t now_ms)
{
	int64_t id = 0;
	struct query query = query_start(store, EXCEPTION_HOLD);
	query_int(&query, destination);
	int found = query_number(&query, &id);
	if (found <= 0)
		return found;
	return store_resolve_exception(store, id, resolution, now_ms);
}
