/*
 * merge_small.c - the tables that come with the last chunk, and the ledger's balance.
 *
 * They come in slices of MERGE_ROWS rows, a turn each, table by table and by rising key. Where that
 * has got to is the cursor "salvage.at/K" of the broken database K: the table's name, a space, and
 * the key of the last row that was looked at; "end" behind the last table. It is written in the
 * transaction of its slice, so whatever comes between two slices, each row is added once: what is
 * summed (tally, sequence, an exception's repeats) needs that, the others could be repeated. It says
 * a key, not how many rows: a file that is read anew may show others.
 *
 * The cursor is a row like others: should the database into which K is being merged break too, it
 * comes back from there, with all that K has given, before K's turn comes again.
 *
 * What is missing in the ledger is summed on the way, slice by slice, in counters of its own. Names
 * and order of the tables are what a cursor may still say after an update: they stay as they are.
 *
 * Where both databases have a row of the same name the fresh one's stays: it is younger.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/merge.h"

#define NAME_MAX_BYTES 64

/* The last column is the row's key. */
static int copy(struct merge *merge, sqlite3_stmt *row, enum statement id)
{
	struct query query = query_start(merge->store, id);
	merge_bind(&query, row, 0, sqlite3_column_count(row) - 1);
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

/* name, value: of serial/D it is what was given last there. */
static int take_counter(struct merge *merge, sqlite3_stmt *row)
{
	if (strncmp(merge_text(row, 0), SERIAL_COUNTERS, strlen(SERIAL_COUNTERS)) != 0)
		return 0;
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
	if (found > 0 && same == sqlite3_column_int64(row, 0))
		return 0; /* it is here already */
	if (found != 0)
		return found < 0 ? -1 : raise_repeats(merge, row, same);
	struct query query = query_start(merge->store, BACK_EXCEPTION);
	merge_bind(&query, row, 0, 8);
	query_int(&query, destination > 0 ? destination : 0);
	merge_bind(&query, row, 9, 10);
	if (query_run(&query) < 0)
		return -1;
	if (is_open && sqlite3_changes(merge->store->db) == 1)
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

/* destination, seq, is it missing? */
static int open_missing(struct merge *merge, sqlite3_stmt *row)
{
	if (sqlite3_column_int(row, 2) == 0)
		return 0;
	return open_another(merge, sqlite3_column_int(row, 0), sqlite3_column_int64(row, 1));
}

/* --- the tally, and the ledger ---------------------------------------------------------------------- */

/* What it says to be unfinished at its destination. */
static int64_t count_unfinished(const char *outcome, int64_t n)
{
	static const char *const finished[] = { "done", "discarded", "lost" };
	if (strcmp(outcome, "routed") == 0)
		return n;
	for (size_t i = 0; i < sizeof(finished) / sizeof(finished[0]); i++) {
		if (strcmp(outcome, finished[i]) == 0)
			return -n;
	}
	return 0;
}

static void note_unfinished(struct merge *merge, int destination, const char *outcome, int64_t n)
{
	if (destination >= 1 && destination < MERGE_DESTINATIONS)
		merge->missing[destination] += count_unfinished(outcome, n);
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
	note_unfinished(merge, tally.destination, tally.outcome, tally.n);
	return tally.destination < 0 ? 0 : tally_put(merge->store, &tally);
}

/* Likewise, of the fresh database: what was counted from the rows the tally knows better. */
static int forget_counted(struct merge *merge, sqlite3_stmt *row)
{
	if (strcmp(merge_text(row, 6), MERGE_COUNTED) != 0)
		return 0;
	note_unfinished(merge, sqlite3_column_int(row, 4), merge_text(row, 5),
		-sqlite3_column_int64(row, 7));
	struct query forget = query_start(merge->store, TALLY_DELETE);
	merge_bind(&forget, row, 0, 7);
	return query_run(&forget);
}

static void name_missing(const struct merge *merge, int destination, char name[NAME_MAX_BYTES])
{
	(void)snprintf(name, NAME_MAX_BYTES, "salvage.%d.missing/%d", merge->store->rescue.number,
		destination);
}

static int keep_missing(struct merge *merge)
{
	char name[NAME_MAX_BYTES];
	for (int id = 1; id < MERGE_DESTINATIONS; id++) {
		if (merge->missing[id] == 0)
			continue;
		name_missing(merge, id, name);
		struct query add = query_start(merge->store, COUNTER_ADD);
		query_text(&add, name);
		query_int(&add, merge->missing[id]);
		if (query_run(&add) < 0)
			return -1;
		merge->missing[id] = 0;
	}
	return 0;
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
	char name[NAME_MAX_BYTES];
	if (keep_missing(merge) < 0)
		return -1;
	for (int id = 1; id < MERGE_DESTINATIONS; id++) {
		int64_t missing = 0;
		name_missing(merge, id, name);
		struct query get = query_start(merge->store, COUNTER_GET);
		query_text(&get, name);
		if (query_number(&get, &missing) < 0 || put_missing(merge, id, missing) < 0)
			return -1;
	}
	return 0;
}

/* --- slices ------------------------------------------------------------------------------------------ */

#define END "end"

/* Rows of the chunk's table, or of the fresh database by a statement. */
struct step {
	const char *name;
	const char *columns, *key; /* of the chunk's table, which has the step's name */
	const char *before_all;    /* of the statement's rows: a key before the first one's */
	int (*take)(struct merge *merge, sqlite3_stmt *row);
	enum statement statement;
	bool needs_tally;
};

static const struct step steps[] = {
	{ .name = "sequence",
		.columns = "source, first, last, seen",
		.key = "source",
		.take = take_sequence },
	{ .name = "cursor", .columns = "name, value, at_ms", .key = "name", .take = take_cursor },
	{ .name = "counter", .columns = "name, value", .key = "name", .take = take_counter },
	{ .name = "exception",
		.columns = "id, state, kind, severity, code, reason, field, seq, destination,"
			   " origin, device, owner, repeats, opened_at_ms, due_at_ms,"
			   " resolved_at_ms, resolution, digest, raw",
		.key = "id",
		.take = take_exception },
	{ .name = "audit",
		.columns = "id, at_ms, who, what, object, why, hash",
		.key = "id",
		.take = take_audit },
	/* Aliases first: those of a row that was imported anew are its own already. */
	{ .name = "alias",
		.columns = "scheme, code, kind, id, pack",
		.key = "scheme, code, kind",
		.take = take_alias },
	{ .name = "reference",
		.columns = "kind, id, version, source, seen_at_ms, closed_at_ms, body",
		.key = "kind, id",
		.take = take_reference },
	{ .name = "progress",
		.columns = "document, line, measure, quantity, at_ms",
		.key = "document, line, measure",
		.take = take_progress },
	{ .name = "config_revision",
		.columns = "id, at_ms, origin, digest, result, reason, body",
		.key = "id",
		.take = take_config },
	{ .name = "tally",
		.columns = "day, source, device, type, destination, outcome, detail, n",
		.key = "day, source, device, type, destination, outcome, detail",
		.take = take_tally,
		.needs_tally = true },
	{ .name = "counted",
		.statement = BACK_TALLY,
		.before_all = "[-2,\"\",\"\",\"\",0,\"\",\"\"]",
		.take = forget_counted,
		.needs_tally = true },
	{ .name = "missing",
		.statement = BACK_EXCEPTION_MISSING,
		.before_all = "[0,0,0,0]",
		.take = open_missing },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* How far the slice has got. */
struct place {
	size_t step;
	char *key;     /* JSON, of the last row looked at; NULL: none yet. Owned */
	unsigned left; /* rows that the slice may still look at */
};

static int take_row(
	struct merge *merge, const struct step *step, sqlite3_stmt *row, struct place *place)
{
	free(place->key);
	place->key = strdup(merge_text(row, sqlite3_column_count(row) - 1));
	if (place->key == NULL)
		return store_refuse(merge->store, "out of memory while merging");
	place->left--;
	return step->take(merge, row);
}

/* "SELECT …, key FROM table [WHERE key > ?1] ORDER BY key LIMIT …" */
static void write_sql(const struct step *step, const struct place *place, struct buf *sql)
{
	buf_printf(sql, "SELECT %s, json_array(%s) FROM %s", step->columns, step->key, step->name);
	if (place->key != NULL) {
		buf_printf(sql, " WHERE (%s) > (json_extract(?1, '$[0]')", step->key);
		int n = 0;
		for (const char *at = step->key; (at = strchr(at, ',')) != NULL; at++)
			buf_printf(sql, ", json_extract(?1, '$[%d]')", ++n);
		buf_puts(sql, ")");
	}
	buf_printf(sql, " ORDER BY %s LIMIT %u", step->key, place->left);
}

static int take_from_chunk(struct merge *merge, const struct step *step, struct place *place)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *row = NULL;
	int status = 0;
	write_sql(step, place, &sql);
	int rc = buf_failed(&sql) ? SQLITE_NOMEM
				  : sqlite3_prepare_v2(merge->db, sql.data, -1, &row, NULL);
	if (rc == SQLITE_OK && place->key != NULL)
		rc = sqlite3_bind_text(row, 1, place->key, -1, SQLITE_TRANSIENT);
	while (rc == SQLITE_OK && status == 0 && (rc = sqlite3_step(row)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		status = take_row(merge, step, row, place);
	}
	(void)sqlite3_finalize(row);
	buf_done(&sql);
	if (rc != SQLITE_DONE && rc != SQLITE_OK)
		return store_refuse(
			merge->store, "%s while reading what was salvaged", sqlite3_errstr(rc));
	return status;
}

static int take_from_store(struct merge *merge, const struct step *step, struct place *place)
{
	char *after = strdup(place->key ? place->key : step->before_all);
	int more = 1;
	int status = 0;
	if (after == NULL)
		return store_refuse(merge->store, "out of memory while merging");
	struct query query = query_start(merge->store, step->statement);
	query_text(&query, after);
	query_int(&query, place->left);
	while (status == 0 && (more = query_step(&query)) > 0)
		status = take_row(merge, step, query.stmt, place);
	if (more > 0)
		query_end(&query);
	free(after);
	return more < 0 ? -1 : status;
}

static int take_step(struct merge *merge, const struct step *step, struct place *place)
{
	bool is_skipped = step->needs_tally && place->key == NULL && !merge->chunk->has_tally;
	if (is_skipped)
		return 0;
	return step->columns ? take_from_chunk(merge, step, place)
			     : take_from_store(merge, step, place);
}

static void name_cursor(const struct merge *merge, char name[NAME_MAX_BYTES])
{
	(void)snprintf(name, NAME_MAX_BYTES, "salvage.at/%d", merge->store->rescue.number);
}

static int find_place(struct merge *merge, struct place *ret)
{
	char name[NAME_MAX_BYTES];
	*ret = (struct place){ .left = MERGE_ROWS };
	name_cursor(merge, name);
	char *at = store_get_cursor(merge->store, name);
	if (at == NULL)
		return store_is_poisoned(merge->store) ? -1 : 0;
	char *key = strchr(at, ' ');
	size_t len = key ? (size_t)(key - at) : strlen(at);
	while (ret->step < STEPS && (strncmp(steps[ret->step].name, at, len) != 0 ||
					    steps[ret->step].name[len] != '\0'))
		ret->step++;
	ret->key = key ? strdup(key + 1) : NULL;
	free(at);
	return key != NULL && ret->key == NULL
		       ? store_refuse(merge->store, "out of memory while merging")
		       : 0;
}

static int keep_place(struct merge *merge, const struct place *place)
{
	char name[NAME_MAX_BYTES];
	struct buf value = BUF_INIT;
	name_cursor(merge, name);
	buf_puts(&value, place->step < STEPS ? steps[place->step].name : END);
	if (place->key != NULL)
		buf_printf(&value, " %s", place->key);
	int status = buf_failed(&value) ? store_refuse(merge->store, "out of memory while merging")
					: store_put_cursor(merge->store, name, value.data,
						  merge->with->now_ms);
	buf_done(&value);
	return status;
}

int merge_small_tables(struct merge *merge)
{
	struct place place;
	int status = find_place(merge, &place);
	bool has_ended = place.step == STEPS; /* long ago: its file was left under its name */
	merge->store->n_reference_changes++;
	if (status == 0)
		status = tally_flush(merge->store);
	while (status == 0 && place.step < STEPS) {
		status = take_step(merge, &steps[place.step], &place);
		if (place.left == 0)
			break;
		free(place.key);
		place.key = NULL;
		place.step++;
	}
	bool is_end = place.step == STEPS;
	if (status == 0 && !has_ended)
		status = is_end ? balance(merge) : keep_missing(merge);
	if (status == 0)
		status = keep_place(merge, &place);
	free(place.key);
	return status < 0 ? -1 : is_end;
}
