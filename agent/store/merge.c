/*
 * merge.c - events, deliveries and attempts that come back.
 *
 * An event keeps its seq. One that is here already is left as it is: it was merged before, or a
 * younger database had it. One that was sent again meanwhile has another seq here, and nobody has
 * tried it: the old one takes its place.
 *
 * A delivery whose fate is not known comes back SUSPECT: it was CLAIMED, or hung on an attempt in
 * doubt, or its database has lost commits, or its row. Who sends it decides by the other side's key.
 */
#include "store/merge.h"

#include <stdlib.h>
#include <string.h>

/* --- reading the chunk ----------------------------------------------------------------------------- */

int merge_each(
	struct merge *merge, const char *sql, int (*fn)(struct merge *merge, sqlite3_stmt *row))
{
	sqlite3_stmt *row = NULL;
	int status = 0;
	int rc = sqlite3_prepare_v2(merge->db, sql, -1, &row, NULL);
	while (rc == SQLITE_OK && status == 0) {
		rc = sqlite3_step(row);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		status = fn(merge, row);
	}
	(void)sqlite3_finalize(row);
	if (rc != SQLITE_DONE && rc != SQLITE_OK)
		return store_refuse(merge->store, "%s while reading what was salvaged",
			sqlite3_errmsg(merge->db));
	return status;
}

void merge_bind(struct query *query, sqlite3_stmt *row, int from, int n)
{
	for (int i = from; i < from + n && query->rc == SQLITE_OK; i++)
		query->rc = sqlite3_bind_value(
			query->stmt, ++query->n_bound, sqlite3_column_value(row, i));
}

const char *merge_text(sqlite3_stmt *row, int column)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	return text ? text : "";
}

int64_t merge_number_of(const struct merge_numbers *numbers, int64_t old)
{
	for (size_t i = 0; i < numbers->n; i++) {
		if (numbers->items[i].old == old)
			return numbers->items[i].now;
	}
	return -1;
}

int merge_note(struct store *store, struct merge_numbers *numbers, int64_t old, int64_t now)
{
	if (numbers->n == numbers->cap) {
		size_t cap = numbers->cap ? 2 * numbers->cap : 16;
		struct merge_number *grown =
			reallocarray(numbers->items, cap, sizeof(*numbers->items));
		if (grown == NULL)
			return store_refuse(store, "out of memory while merging");
		numbers->items = grown;
		numbers->cap = cap;
	}
	numbers->items[numbers->n++] = (struct merge_number){ .old = old, .now = now };
	return 0;
}

/* --- destinations and revisions -------------------------------------------------------------------- */

/* id, name, is_paused, not_before_at_ms. What it was told to do it still does. */
static int take_destination(struct merge *merge, sqlite3_stmt *row)
{
	struct store *store = merge->store;
	int id = store_destination_id(store, merge_text(row, 1));
	int64_t not_before_at_ms = sqlite3_column_int64(row, 3);
	if (id < 0 || merge_note(store, &merge->destinations, sqlite3_column_int64(row, 0), id) < 0)
		return -1;
	if (store->rescue.seq > 0 || store->rescue.has_events)
		return 0; /* told with the first chunk, and perhaps changed since */
	if (sqlite3_column_int64(row, 2) != 0 && !store_destination_is_paused(store, id) &&
		store_destination_pause(store, id, true) < 0)
		return -1;
	if (not_before_at_ms > store_destination_not_before(store, id))
		return store_destination_throttle(store, id, not_before_at_ms);
	return 0;
}

/* id, connector, digest, at_ms, text */
static int take_revision(struct merge *merge, sqlite3_stmt *row)
{
	struct store *store = merge->store;
	int64_t id = 0;
	struct query find = query_start(store, REVISION_FIND);
	merge_bind(&find, row, 2, 1);
	int found = query_number(&find, &id);
	if (found < 0)
		return -1;
	if (found == 0) {
		struct query insert = query_start(store, REVISION_INSERT);
		query_int_or_null(&insert, 0, 0);
		merge_bind(&insert, row, 1, 4);
		if (query_run(&insert) < 0)
			return -1;
		id = sqlite3_last_insert_rowid(store->db);
	}
	return merge_note(store, &merge->revisions, sqlite3_column_int64(row, 0), id);
}

/* --- events ---------------------------------------------------------------------------------------- */

static bool is_there(struct store *store, int64_t seq, int *ret_status)
{
	int64_t one = 0;
	struct query query = query_start(store, BACK_EVENT_THERE);
	query_int(&query, seq);
	*ret_status = query_number(&query, &one);
	return *ret_status > 0;
}

/* Was the one that came again tried, or acted on? Then it stays. 1, 0 or -1. */
static int is_touched(struct store *store, int64_t seq)
{
	int64_t n = 0;
	struct query query = query_start(store, BACK_EVENT_TOUCHED);
	query_int(&query, seq);
	int found = query_number(&query, &n);
	return found < 0 ? -1 : n > 0;
}

/* Other content under the same id: a person gets what else would be gone. */
static int keep_conflict(struct merge *merge, const struct event_labels *labels, int64_t old_seq,
	const char *body, size_t len)
{
	const struct store_exception exception = {
		.kind = "id_conflict",
		.severity = "normal",
		.code = "id_conflict",
		.reason = "its id was taken by an event in the database that broke, which has come "
			  "back; send it under a new id",
		.field = "/id",
		.seq = old_seq,
		.origin = labels->origin,
		.device = labels->device,
		.raw = body,
		.raw_len = len,
		.opened_at_ms = merge->with->now_ms,
		.due_at_ms = merge->with->due_at_ms,
	};
	return store_open_exception(merge->store, &exception, NULL) < 0 ? -1 : 0;
}

/* Source and id are columns 1 and 2 of the row, the digest is 12. */
static int keep_if_other(struct merge *merge, sqlite3_stmt *row, const struct event_labels *labels)
{
	struct query query = query_start(merge->store, BACK_EVENT_BODY);
	query_int(&query, labels->seq);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	size_t len = 0;
	size_t digest_len = 0;
	const void *digest = row_bytes(&query, 1, &digest_len);
	bool is_same = digest_len == (size_t)sqlite3_column_bytes(row, 12) &&
		       memcmp(digest, sqlite3_column_blob(row, 12), digest_len) == 0;
	const char *body = row_bytes(&query, 0, &len);
	int status = 0;
	if (!is_same)
		status = keep_conflict(merge, labels, sqlite3_column_int64(row, 0), body, len);
	query_end(&query);
	return status;
}

static int remove_resent(struct merge *merge, sqlite3_stmt *row, int64_t seq)
{
	struct store *store = merge->store;
	struct event_labels labels;
	store->last_event.seq = 0;
	if (event_labels_find(store, seq, &labels) < 0 || keep_if_other(merge, row, &labels) < 0 ||
		delivery_take_back(store, &labels) < 0 ||
		tally_take_back(store, &labels, 0, "stored") < 0)
		return -1;
	struct query sequence = query_start(store, BACK_SEQUENCE_LESS);
	query_int(&sequence, seq);
	struct query remove = query_start(store, EVENT_DELETE);
	query_int(&remove, seq);
	if (query_run(&sequence) < 0 || query_run(&remove) < 0)
		return -1;
	store->last_event.seq = 0;
	return 0;
}

/* Make room for an old event. 1 there is, 0 it is not taken, -1. */
static int make_room(struct merge *merge, sqlite3_stmt *row)
{
	struct store *store = merge->store;
	int64_t seq = 0;
	int status = 0;
	if (is_there(store, sqlite3_column_int64(row, 0), &status))
		return 0;
	if (status < 0)
		return -1;
	struct query known = query_start(store, EVENT_KNOWN);
	merge_bind(&known, row, 2, 1);
	merge_bind(&known, row, 1, 1);
	int found = query_number(&known, &seq);
	if (found <= 0)
		return found < 0 ? -1 : 1;
	int touched = is_touched(store, seq);
	if (touched != 0)
		return touched < 0 ? -1 : 0;
	return remove_resent(merge, row, seq) < 0 ? -1 : 1;
}

/* Only the last chunk tells whether the tally can be read. */
static int count_row(struct merge *merge, const struct event_labels *labels, int64_t at_ms,
	int destination, const char *outcome)
{
	return store_count(merge->store, at_ms, labels->origin, labels->device, labels->type,
		destination, outcome, MERGE_COUNTED);
}

static int count_event(struct merge *merge, int64_t seq)
{
	struct event_labels labels;
	if (event_labels_find(merge->store, seq, &labels) < 0)
		return -1;
	event_labels_keep(merge->store, seq, labels.received_at_ms, labels.origin, labels.device,
		labels.type);
	merge->counts->events++;
	if (labels.received_at_ms > merge->counts->latest_at_ms)
		merge->counts->latest_at_ms = labels.received_at_ms;
	return count_row(merge, &labels, labels.received_at_ms, 0, "stored");
}

static int take_event(struct merge *merge, sqlite3_stmt *row)
{
	struct store *store = merge->store;
	int64_t seq = sqlite3_column_int64(row, 0);
	int status = make_room(merge, row);
	if (status < 0)
		return -1;
	if (status == 0)
		return merge_note(store, &merge->skipped, seq, 0);
	struct query query = query_start(store, BACK_EVENT);
	merge_bind(&query, row, 0, 15);
	if (query_run(&query) < 0)
		return -1;
	return count_event(merge, seq);
}

/* --- deliveries ------------------------------------------------------------------------------------ */

static bool is_finished(enum delivery_state state)
{
	return state == DELIVERY_DONE || state == DELIVERY_DISCARDED;
}

static int count_delivery(struct merge *merge, const struct delivery_back *back)
{
	static const char *const outcomes[DELIVERY_STATES] = {
		[DELIVERY_DONE] = "done",
		[DELIVERY_EXCEPTION] = "exception",
		[DELIVERY_DISCARDED] = "discarded",
	};
	struct store *store = merge->store;
	struct event_labels labels;
	if (!is_finished(back->state))
		merge->counts->deliveries++;
	if (back->state == DELIVERY_SUSPECT)
		merge->counts->in_doubt++;
	if (event_labels_find(store, back->seq, &labels) < 0 ||
		count_row(merge, &labels, labels.received_at_ms, back->destination, "routed") < 0)
		return -1;
	const char *outcome = outcomes[back->state];
	int64_t at_ms = back->settled_at_ms > 0 ? back->settled_at_ms : labels.received_at_ms;
	return outcome ? count_row(merge, &labels, at_ms, back->destination, outcome) : 0;
}

static int bring_back(struct merge *merge, const struct delivery_back *back)
{
	return delivery_bring_back(merge->store, back) < 0 ? -1 : count_delivery(merge, back);
}

/* Nothing that happened to it is older than its event, nor than what the file still knows. */
static int doubt_since(struct merge *merge, struct delivery_back *back)
{
	struct event_labels labels;
	if (back->doubt_at_ms > 0)
		return 0;
	if (event_labels_find(merge->store, back->seq, &labels) < 0)
		return -1;
	back->doubt_at_ms = labels.received_at_ms;
	if (back->state != 0 && merge->chunk->behind_at_ms > back->doubt_at_ms)
		back->doubt_at_ms = merge->chunk->behind_at_ms;
	return 0;
}

/* The state in which it comes back, its place among others apart. */
static int judge(struct merge *merge, struct delivery_back *back)
{
	if (is_finished(back->state) || back->state == DELIVERY_EXCEPTION)
		return 0;
	bool is_doubted = back->state == DELIVERY_CLAIMED || back->state == DELIVERY_SUSPECT ||
			  back->doubt_at_ms > 0 || merge->chunk->is_behind;
	if (is_doubted) {
		back->state = DELIVERY_SUSPECT;
		return doubt_since(merge, back);
	}
	if (back->state == DELIVERY_WAITING && back->due_at_ms == 0)
		back->state = DELIVERY_READY;
	return 0;
}

static bool has_entry(const struct merge_numbers *numbers, int64_t seq)
{
	return merge_number_of(numbers, seq) >= 0;
}

/* seq, destination, state, lane, batch, attempts, due_at_ms, claimed_at_ms, doubt_at_ms,
 * settled_at_ms, last_status, ref, held_key, connector_revision, carry, serial, looks,
 * accepted_at_ms */
static int take_delivery(struct merge *merge, sqlite3_stmt *row)
{
	int64_t revision = sqlite3_column_int64(row, 13);
	struct delivery_back back = {
		.seq = sqlite3_column_int64(row, 0),
		.destination =
			(int)merge_number_of(&merge->destinations, sqlite3_column_int64(row, 1)),
		.state = (enum delivery_state)sqlite3_column_int64(row, 2),
		.lane = sqlite3_column_int(row, 3),
		.batch = sqlite3_column_int64(row, 4),
		.attempts = sqlite3_column_int64(row, 5),
		.due_at_ms = sqlite3_column_int64(row, 6),
		.claimed_at_ms = sqlite3_column_int64(row, 7),
		.doubt_at_ms = sqlite3_column_int64(row, 8),
		.settled_at_ms = sqlite3_column_int64(row, 9),
		.last_status = sqlite3_column_int64(row, 10),
		.ref = merge_text(row, 11),
		.held_key = merge_text(row, 12),
		/* One whose text is lost is none that could be found: a person looks. */
		.connector_revision =
			revision > 0 ? merge_number_of(&merge->revisions, revision) : 0,
		.carry = merge_text(row, 14),
		.serial = sqlite3_column_int64(row, 15),
		.looks = sqlite3_column_int64(row, 16),
		.accepted_at_ms = sqlite3_column_int64(row, 17),
	};
	if (has_entry(&merge->skipped, back.seq))
		return 0;
	if (back.destination < 1 || back.state == 0 || back.state >= DELIVERY_STATES)
		return has_entry(&merge->torn, back.seq)
			       ? 0
			       : merge_note(merge->store, &merge->torn, back.seq, 0);
	return judge(merge, &back) < 0 ? -1 : bring_back(merge, &back);
}

/* --- deliveries that can't be read ------------------------------------------------------------------- */

struct torn_event {
	struct merge *merge;
	int64_t seq;
	int rc;
};

static int has_delivery(struct store *store, int destination, int64_t seq)
{
	struct query query = query_start(store, DELIVERY_FIND);
	query_int(&query, destination);
	query_int(&query, seq);
	int found = query_step(&query);
	if (found > 0)
		query_end(&query);
	return found;
}

/* It would go there: perhaps it did, perhaps it is still to go. */
static int on_target(void *ctx, const struct store_target *target)
{
	struct torn_event *torn = ctx;
	struct store *store = torn->merge->store;
	struct delivery_back back = {
		.seq = torn->seq,
		.destination = store_destination_id(store, target->destination),
		.lane = target->lane,
		.ref = "",
		.held_key = target->key,
		.carry = "",
	};
	int found = back.destination < 0 ? -1 : has_delivery(store, back.destination, torn->seq);
	if (found == 0) {
		found = doubt_since(torn->merge, &back);
		back.state = DELIVERY_SUSPECT;
		torn->merge->counts->deliveries_torn++;
		if (found == 0)
			found = bring_back(torn->merge, &back);
	}
	torn->rc = found < 0 ? -1 : 0;
	return torn->rc;
}

static int on_torn_event(void *ctx, const struct store_event_row *row)
{
	struct torn_event *torn = ctx;
	const struct store_salvaging *with = torn->merge->with;
	if (with->route != NULL && with->route(with->ctx, row, on_target, torn) < 0)
		torn->rc = store_is_poisoned(torn->merge->store) ? -1 : 0;
	return 0;
}

static int mend_torn(struct merge *merge)
{
	for (size_t i = 0; i < merge->torn.n; i++) {
		struct torn_event torn = { .merge = merge, .seq = merge->torn.items[i].old };
		if (store_get_event(merge->store, torn.seq, NULL, on_torn_event, &torn) < 0 ||
			torn.rc < 0)
			return -1;
	}
	return 0;
}

/* --- attempts ---------------------------------------------------------------------------------------- */

/* seq, destination, attempt, … */
static int take_attempt(struct merge *merge, sqlite3_stmt *row)
{
	int64_t destination = merge_number_of(&merge->destinations, sqlite3_column_int64(row, 1));
	if (destination < 1 || has_entry(&merge->skipped, sqlite3_column_int64(row, 0)))
		return 0;
	struct query query = query_start(merge->store, BACK_ATTEMPT);
	query_int(&query, destination);
	merge_bind(&query, row, 0, 1);
	merge_bind(&query, row, 2, 6);
	return query_run(&query);
}

/* --- what is lost ----------------------------------------------------------------------------------- */

/* seq, source, id */
static int note_lost(struct merge *merge, sqlite3_stmt *row)
{
	buf_printf(&merge->lost, "%lld %s %s\n", (long long)sqlite3_column_int64(row, 0),
		merge_text(row, 1), merge_text(row, 2));
	return 0;
}

/* Their names, for a person: kept until the end is told. */
static int keep_lost(struct merge *merge)
{
	struct buf all = BUF_INIT;
	char *before;
	int status = 0;
	if (merge_each(merge, "SELECT seq, source, id FROM lost ORDER BY seq", note_lost) < 0)
		return -1;
	if (merge->lost.len == 0)
		return 0;
	before = store_get_cursor(merge->store, RESCUE_LOST);
	buf_printf(&all, "%s%s", before ? before : "", merge->lost.data);
	if (buf_failed(&all))
		status = store_refuse(merge->store, "out of memory while merging");
	else
		status = store_put_cursor(merge->store, RESCUE_LOST, all.data, merge->with->now_ms);
	free(before);
	buf_done(&all);
	return status;
}

/* --- a chunk ------------------------------------------------------------------------------------------ */

static int merge_events(struct merge *merge)
{
	if (merge_each(merge, "SELECT id, connector, digest, at_ms, text FROM connector_revision",
		    take_revision) < 0 ||
		merge_each(merge,
			"SELECT seq, source, id, revision, type, document, device, correlation,"
			" origin, occurred_at_ms, sent_at_ms, received_at_ms, digest, body, raw"
			" FROM event ORDER BY seq",
			take_event) < 0 ||
		merge_each(merge,
			"SELECT seq, destination, state, lane, batch, attempts, due_at_ms,"
			" claimed_at_ms, doubt_at_ms, settled_at_ms, last_status, ref, held_key,"
			" connector_revision, carry, serial, looks, accepted_at_ms FROM delivery"
			" ORDER BY seq, destination",
			take_delivery) < 0 ||
		mend_torn(merge) < 0 ||
		merge_each(merge,
			"SELECT seq, destination, attempt, at_ms, took_ms, outcome, status, message"
			" FROM attempt",
			take_attempt) < 0 ||
		keep_lost(merge) < 0)
		return -1;
	return 0;
}

static int merge_all(struct merge *merge)
{
	bool has_events = merge->chunk->is_last && merge->store->rescue.has_events;
	if (merge_each(merge, "SELECT id, name, is_paused, not_before_at_ms FROM destination",
		    take_destination) < 0 ||
		(!has_events && merge_events(merge) < 0))
		return -1;
	return merge->chunk->is_last ? merge_small_tables(merge) : 0;
}

int merge_chunk(struct store *store, const struct salvage_chunk *chunk, const char *chunk_path,
	const struct store_salvaging *with)
{
	struct merge merge = {
		.store = store, .chunk = chunk, .with = with, .counts = &store->rescue.is
	};
	int rc = sqlite3_open_v2(chunk_path, &merge.db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	int status = rc == SQLITE_OK ? merge_all(&merge)
				     : store_refuse(store, "%s while opening what was salvaged",
					       sqlite3_errstr(rc));
	(void)sqlite3_close(merge.db);
	free(merge.destinations.items);
	free(merge.revisions.items);
	free(merge.skipped.items);
	free(merge.torn.items);
	buf_done(&merge.lost);
	return status;
}
