/*
 * merge_small.c - the tables that come with the last chunk, and the ledger's balance.
 *
 * Where both databases have a row of the same name the fresh one's stays: it is younger.
 */
#include <stdlib.h>
#include <string.h>

#include "store/merge.h"

static int copy(struct merge *merge, sqlite3_stmt *row, enum statement id)
{
	struct query query = query_start(merge->store, id);
	merge_bind(&query, row, 0, sqlite3_column_count(row));
	return query_run(&query);
}

static int take_sequence(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_SEQUENCE);
}

static int take_cursor(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_CURSOR);
}

static int take_audit(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_AUDIT);
}

static int take_reference(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_REFERENCE);
}

static int take_alias(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_ALIAS);
}

static int take_progress(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_PROGRESS);
}

static int take_config(struct merge *merge, sqlite3_stmt *row)
{
	return copy(merge, row, BACK_CONFIG);
}

/* day, source, device, type, destination, outcome, detail, n */
static int take_tally(struct merge *merge, sqlite3_stmt *row)
{
	int64_t old = sqlite3_column_int64(row, 4);
	const struct store_tally_row tally = {
		.day = sqlite3_column_int(row, 0),
		.source = merge_text(row, 1),
		.device = merge_text(row, 2),
		.type = merge_text(row, 3),
		.destination = old == 0 ? 0 : (int)merge_number_of(&merge->destinations, old),
		.outcome = merge_text(row, 5),
		.detail = merge_text(row, 6),
		.n = sqlite3_column_int64(row, 7),
	};
	if (strcmp(tally.outcome, "stored") == 0)
		merge->counts->events_ever += tally.n;
	return tally.destination < 0 ? 0 : tally_put(merge->store, &tally);
}

/* What was counted from the rows until now it knows better. */
static int replace_tally(struct merge *merge)
{
	struct query forget = query_start(merge->store, BACK_TALLY_FORGET);
	query_text(&forget, MERGE_COUNTED);
	if (tally_flush(merge->store) < 0 || query_run(&forget) < 0)
		return -1;
	return merge_each(merge,
		"SELECT day, source, device, type, destination, outcome, detail, n FROM tally",
		take_tally);
}

/* The audit trail's last id in the chunk: what was written since goes behind it. */
static int make_room_for_audit(struct merge *merge, sqlite3_stmt *row)
{
	struct query away = query_start(merge->store, BACK_AUDIT_AWAY);
	merge_bind(&away, row, 0, 1);
	struct query behind = query_start(merge->store, BACK_AUDIT_BEHIND);
	return query_run(&away) < 0 || query_run(&behind) < 0 ? -1 : 0;
}

/* serial/D, value: what was given last there. */
static int take_serial(struct merge *merge, sqlite3_stmt *row)
{
	int64_t old = strtoll(merge_text(row, 0) + strlen(SERIAL_COUNTERS), NULL, 10);
	int64_t destination = merge_number_of(&merge->destinations, old);
	return destination < 1
		       ? 0
		       : serial_jump(merge->store, (int)destination, sqlite3_column_int64(row, 1));
}

/* --- exceptions ----------------------------------------------------------------------------------- */

static int find_same(struct merge *merge, sqlite3_stmt *row, int64_t *ret_id)
{
	struct query query = query_start(merge->store, EXCEPTION_SAME);
	merge_bind(&query, row, 17, 1);
	return query_number(&query, ret_id);
}

static int raise_repeats(struct merge *merge, sqlite3_stmt *row, int64_t id)
{
	struct query query = query_start(merge->store, BACK_EXCEPTION_REPEATS);
	query_int(&query, id);
	query_int(&query, sqlite3_column_int64(row, 12) + 1);
	return query_run(&query);
}

/* id, state, kind, severity, code, reason, field, seq, destination (8), origin, device, owner,
 * repeats (12), opened, due, resolved, resolution, digest (17), raw */
static int take_exception(struct merge *merge, sqlite3_stmt *row)
{
	bool is_open = sqlite3_column_int64(row, 1) < EXCEPTION_RESOLVED;
	int64_t old = sqlite3_column_int64(row, 8);
	int64_t destination = old == 0 ? 0 : merge_number_of(&merge->destinations, old);
	int64_t same = 0;
	int found = is_open ? find_same(merge, row, &same) : 0;
	if (found != 0)
		return found < 0 ? -1 : raise_repeats(merge, row, same);
	struct query query = query_start(merge->store, BACK_EXCEPTION);
	merge_bind(&query, row, 0, 8);
	query_int(&query, destination > 0 ? destination : 0);
	merge_bind(&query, row, 9, 10);
	if (query_run(&query) < 0)
		return -1;
	if (is_open)
		exception_count_open(merge->store, merge_text(row, 2), merge_text(row, 3), 1);
	return 0;
}

/* A delivery that a person must act on, by a work item that could not be read. */
static int open_another(struct merge *merge, int destination, int64_t seq)
{
	struct event_labels labels;
	if (event_labels_find(merge->store, seq, &labels) < 0)
		return -1;
	const struct store_exception exception = {
		.kind = "unknown",
		.severity = "critical",
		.code = "",
		.reason =
			"it was an exception in the database that broke, and why could not be read: "
			"look at the other side before it is sent again",
		.field = "",
		.seq = seq,
		.destination = destination,
		.origin = labels.origin,
		.device = labels.device,
		.opened_at_ms = merge->with->now_ms,
		.due_at_ms = merge->with->due_at_ms,
	};
	return store_open_exception(merge->store, &exception, NULL) < 0 ? -1 : 0;
}

static int open_missing(struct merge *merge)
{
	struct merge_numbers missing = { 0 };
	int status = 0;
	int more;
	struct query query = query_start(merge->store, BACK_EXCEPTION_MISSING);
	while ((more = query_step(&query)) > 0) {
		status = merge_note(merge->store, &missing, row_int(&query, 1), row_int(&query, 0));
		if (status < 0)
			break;
	}
	query_end(&query);
	for (size_t i = 0; i < missing.n && more == 0 && status == 0; i++)
		status = open_another(merge, (int)missing.items[i].now, missing.items[i].old);
	free(missing.items);
	return more < 0 ? -1 : status;
}

/* --- the ledger ------------------------------------------------------------------------------------- */

static int64_t count_unfinished(const struct destination *destination)
{
	int64_t n = 0;
	for (int state = DELIVERY_READY; state <= DELIVERY_EXCEPTION; state++)
		n += destination->depth[state] + destination->changes[state];
	return n;
}

/* What was routed and is neither done, nor discarded, nor here any more, is lost; what was counted
 * as done and is being made again is not done. */
static int put_missing(struct merge *merge, int destination, int64_t missing)
{
	struct store_tally_row row = {
		.day = (int32_t)(merge->with->now_ms / 86400000),
		.source = "",
		.device = "",
		.type = "",
		.destination = destination,
		.outcome = missing > 0 ? "lost" : "done",
		.detail = "salvage",
		.n = missing,
	};
	if (missing == 0)
		return 0;
	if (missing > 0)
		merge->counts->deliveries_lost += missing;
	return tally_put(merge->store, &row);
}

static int balance(struct merge *merge)
{
	struct store *store = merge->store;
	int64_t open[128] = { 0 };
	int n = store->n_destinations < 127 ? store->n_destinations : 127;
	int more;
	if (tally_flush(store) < 0)
		return -1;
	struct query query = query_start(store, BACK_BALANCE);
	while ((more = query_step(&query)) > 0) {
		int64_t id = row_int(&query, 0);
		if (id >= 1 && id <= n)
			open[id] = row_int(&query, 1);
	}
	for (int id = 1; id <= n && more == 0; id++)
		more = put_missing(
			merge, id, open[id] - count_unfinished(destination_at(store, id)));
	return more;
}

int merge_small_tables(struct merge *merge)
{
	static const struct {
		const char *sql;
		int (*take)(struct merge *merge, sqlite3_stmt *row);
	} tables[] = {
		{ "SELECT source, first, last, seen FROM sequence", take_sequence },
		{ "SELECT name, value, at_ms FROM cursor", take_cursor },
		{ "SELECT name, value FROM counter WHERE name GLOB '" SERIAL_COUNTERS "[0-9]*'",
			take_serial },
		{ "SELECT id, state, kind, severity, code, reason, field, seq, destination, origin,"
		  " device, owner, repeats, opened_at_ms, due_at_ms, resolved_at_ms, resolution,"
		  " digest, raw FROM exception ORDER BY id",
			take_exception },
		{ "SELECT coalesce(max(id), 0) FROM audit", make_room_for_audit },
		{ "SELECT id, at_ms, who, what, object, why, hash FROM audit ORDER BY id",
			take_audit },
		/* Aliases first: those of a row that was imported anew are its own already. */
		{ "SELECT scheme, code, kind, id, pack FROM alias", take_alias },
		{ "SELECT kind, id, version, source, seen_at_ms, closed_at_ms, body FROM reference",
			take_reference },
		{ "SELECT document, line, measure, quantity, at_ms FROM progress", take_progress },
		{ "SELECT id, at_ms, origin, digest, result, reason, body FROM config_revision",
			take_config },
	};
	merge->store->n_reference_changes++;
	if (merge->chunk->has_tally && replace_tally(merge) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (merge_each(merge, tables[i].sql, tables[i].take) < 0)
			return -1;
	}
	return open_missing(merge) < 0 ? -1 : balance(merge);
}
