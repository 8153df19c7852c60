/*
 * read.c - see read.h
 */
#include "store/salvage/read.h"

#include <string.h>

#include "store/salvage/check.h"
#include "store/salvage/chunk.h"
#include "store/salvage/delivery.h"
#include "store/salvage/heal.h"
#include "store/salvage/lost.h"
#include "store/salvage/schema.h"
#include "store/salvage/tables.h"

#define DESTINATIONS_MAX 1024
#define ATTEMPTS_MAX 1000         /* of one event */
#define STEPS_BETWEEN_LOOKS 20000 /* of SQLite's machine: a millisecond or so */

/* --- what is known of the file ------------------------------------------------------------------------ */

/* A question of one number; `key` is its ?1, if it has one. */
static enum seek ask(sqlite3 *db, const char *sql, int64_t key, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	enum seek found = SEEK_BROKEN;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(stmt) > 0)
		rc = sqlite3_bind_int64(stmt, 1, key);
	if (rc == SQLITE_OK)
		found = salvage_step(stmt, ret);
	(void)sqlite3_finalize(stmt);
	return found;
}

static void raise_to(int64_t *highest, int64_t value, int64_t bound)
{
	if (value > *highest && value <= bound)
		*highest = value;
}

static void find_destinations(struct reader *reader)
{
	static const char *const questions[] = {
		"SELECT id FROM destination ORDER BY id DESC LIMIT 1",
		("SELECT max(id) FROM (SELECT id FROM destination"
		 " INDEXED BY sqlite_autoindex_destination_1 ORDER BY name LIMIT 1024)"),
		"SELECT destination FROM delivery ORDER BY destination DESC LIMIT 1",
	};
	int64_t highest = 1;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		int64_t id = 0;
		if (ask(reader->db, questions[i], 0, &id) == SEEK_FOUND)
			raise_to(&highest, id, DESTINATIONS_MAX);
	}
	reader->n_destinations = (int)highest;
}

/* The last event, if it makes sense. */
static int64_t find_last_event(struct reader *reader)
{
	int64_t seq = 0;
	if (ask(reader->db, "SELECT seq FROM event WHERE seq < ?1 ORDER BY seq DESC LIMIT 1",
		    INT64_MAX, &seq) != SEEK_FOUND ||
		sqlite3_bind_int64(reader->statements[READ_EVENT], 1, seq) != SQLITE_OK)
		return 0;
	bool is_sane = sqlite3_step(reader->statements[READ_EVENT]) == SQLITE_ROW &&
		       salvage_event_is_sane(reader->statements[READ_EVENT]);
	(void)sqlite3_reset(reader->statements[READ_EVENT]);
	return is_sane ? seq : 0;
}

static void find_last_seq(struct reader *reader)
{
	static const char counted[] = "SELECT value FROM counter WHERE name = 'seq'";
	static const char delivered[] = "SELECT seq FROM delivery WHERE destination = ?1"
					" ORDER BY seq DESC LIMIT 1";
	int64_t seq = find_last_event(reader);
	raise_to(&reader->last_seq, seq, SALVAGE_KEY_MAX);
	if (ask(reader->db, counted, 0, &seq) == SEEK_FOUND)
		raise_to(&reader->last_seq, seq, SALVAGE_KEY_MAX);
	for (int id = 1; id <= reader->n_destinations; id++) {
		if (ask(reader->db, delivered, id, &seq) == SEEK_FOUND)
			raise_to(&reader->last_seq, seq, SALVAGE_KEY_MAX);
	}
}

/* What the WAL has lost is younger than the last event that it had before the damage. */
static void find_behind(struct reader *reader, const char *path)
{
	struct view *view = NULL;
	struct map map;
	sqlite3 *db = NULL;
	int64_t at_ms = 0;
	reader->is_behind = true;
	if (view_open(path, VIEW_BEFORE_DAMAGE, &view, NULL) == 0 &&
		salvage_plant_schema(view, &map, NULL) == 0 &&
		(db = view_connect(view, NULL)) != NULL &&
		ask(db, "SELECT received_at_ms FROM event ORDER BY seq DESC LIMIT 1", 0, &at_ms) ==
			SEEK_FOUND)
		reader->behind_at_ms = at_ms;
	(void)sqlite3_close(db);
	view_close(view);
}

/* --- life ------------------------------------------------------------------------------------------------ */

static int open_source(
	struct reader *reader, const struct salvage_options *options, struct error *err)
{
	if (options->source != NULL) {
		reader->db = options->source;
		int rc = view_limit(reader->db);
		return rc == SQLITE_OK
			       ? 0
			       : error_set(err, NULL, "cannot read: %s", sqlite3_errstr(rc));
	}
	if (view_open(options->path, VIEW_ALL, &reader->view, err) < 0 ||
		salvage_plant_schema(reader->view, &reader->map, err) < 0)
		return -1;
	if (salvage_heal(reader->view, &reader->map, reader->is_stopping) < 0)
		return error_set(err, options->path, "out of memory");
	reader->db = view_connect(reader->view, err);
	if (reader->db == NULL)
		return -1;
	if (view_has_damaged_wal(reader->view))
		find_behind(reader, options->path);
	return 0;
}

static int prepare(struct reader *reader, struct error *err)
{
	static const char *const texts[READ_STATEMENTS] = {
		[READ_EVENT] = "SELECT * FROM event WHERE seq = ?1",
		[READ_DELIVERY] = "SELECT * FROM delivery WHERE seq = ?1 AND destination = ?2",
		[READ_DELIVERY_ABOVE] = "SELECT * FROM delivery WHERE seq <= ?1 AND seq >= ?1"
					" AND destination = ?2 ORDER BY seq DESC",
		[READ_DELIVERY_UP] = "SELECT seq FROM delivery WHERE destination = ?2"
				     " AND seq >= ?1 ORDER BY seq LIMIT 1",
		[READ_DELIVERY_BEFORE] = "SELECT destination, seq, lane IS NULL FROM delivery"
					 " WHERE (destination, seq) < (?2, ?1)"
					 " ORDER BY destination DESC, seq DESC LIMIT 1",
		[READ_DELIVERY_AFTER] = "SELECT destination, seq, lane IS NULL FROM delivery"
					" WHERE (destination, seq) > (?2, ?1)"
					" ORDER BY destination, seq LIMIT 1",
		[READ_ATTEMPTS] = "SELECT * FROM attempt WHERE seq = ?1",
		[READ_REVISION] = "SELECT * FROM connector_revision WHERE id = ?1",
		[READ_DESTINATION] = "SELECT * FROM destination WHERE id = ?1",
		[READ_NAMES] = "SELECT seq, source, id FROM event"
			       " INDEXED BY sqlite_autoindex_event_1 ORDER BY id, source",
	};
	for (int i = 0; i < READ_STATEMENTS; i++) {
		if (sqlite3_prepare_v2(reader->db, texts[i], -1, &reader->statements[i], NULL) !=
			SQLITE_OK)
			return error_set(err, NULL, "cannot read: %s", sqlite3_errmsg(reader->db));
	}
	return 0;
}

static int is_told_to_stop(void *ctx)
{
	return atomic_load(((const struct reader *)ctx)->is_stopping);
}

/* Events that there must have been: one goes with its deliveries, and pages of them are missing. */
static bool knows_events(void *ctx, int64_t low, int64_t high)
{
	struct reader *reader = ctx;
	const struct map_tree *tree = map_tree_named(&reader->map, "event");
	if (tree != NULL && tree->is_holed)
		return true;
	for (int id = 1; id <= reader->n_destinations; id++) {
		int64_t seq = 0;
		if (sqlite3_bind_int(reader->statements[READ_DELIVERY_UP], 2, id) == SQLITE_OK &&
			salvage_seek(reader->statements[READ_DELIVERY_UP], low + 1, &seq) ==
				SEEK_FOUND &&
			seq > low && seq < high && seq <= SALVAGE_KEY_MAX)
			return true;
	}
	return false;
}

int reader_open(struct reader *reader, const struct salvage_options *options,
	const atomic_bool *is_stopping, struct error *err)
{
	*reader = (struct reader){ .is_stopping = is_stopping };
	if (open_source(reader, options, err) < 0 || prepare(reader, err) < 0)
		return -1;
	sqlite3_progress_handler(reader->db, STEPS_BETWEEN_LOOKS, is_told_to_stop, reader);
	find_destinations(reader);
	find_last_seq(reader);
	int64_t end = reader->last_seq > 0 ? reader->last_seq : SALVAGE_KEY_MAX;
	if (salvage_walk_start(&reader->walk, reader->db, "event", "seq", options->after_seq, end,
		    is_stopping) != SQLITE_OK)
		return error_set(err, NULL, "cannot read: %s", sqlite3_errmsg(reader->db));
	reader->walk.is_known = knows_events;
	reader->walk.ctx = reader;
	return 0;
}

void reader_close(struct reader *reader)
{
	for (int i = 0; i < READ_STATEMENTS; i++)
		(void)sqlite3_finalize(reader->statements[i]);
	salvage_walk_done(&reader->walk);
	(void)sqlite3_close(reader->db);
	view_close(reader->view);
	*reader = (struct reader){ .db = NULL };
}

/* --- one event ------------------------------------------------------------------------------------------- */

static int copy_attempts(struct reader *reader, struct chunk *chunk, int64_t seq)
{
	int rc = sqlite3_bind_int64(reader->statements[READ_ATTEMPTS], 1, seq);
	for (int n = 0; rc == SQLITE_OK && n < ATTEMPTS_MAX; n++) {
		int found = sqlite3_step(reader->statements[READ_ATTEMPTS]);
		reader->rows_dropped += found != SQLITE_ROW && found != SQLITE_DONE;
		if (found != SQLITE_ROW)
			break;
		bool is_its_own = sqlite3_column_int64(reader->statements[READ_ATTEMPTS], 0) == seq;
		rc = is_its_own && salvage_row_is_sane(reader->statements[READ_ATTEMPTS])
			     ? chunk_copy(chunk, TABLE_ATTEMPT, reader->statements[READ_ATTEMPTS])
			     : SQLITE_CONSTRAINT;
		if (rc == SQLITE_CONSTRAINT) {
			reader->rows_dropped++;
			rc = SQLITE_OK;
		}
	}
	(void)sqlite3_reset(reader->statements[READ_ATTEMPTS]);
	return rc;
}

/* SQLITE_CONSTRAINT: it can't be read. */
static int copy_event(struct reader *reader, struct chunk *chunk, int64_t seq)
{
	int rc = sqlite3_bind_int64(reader->statements[READ_EVENT], 1, seq);
	if (rc == SQLITE_OK)
		rc = salvage_copy_found(
			reader->statements[READ_EVENT], salvage_event_is_sane, chunk, TABLE_EVENT);
	if (rc == SQLITE_NOTFOUND || rc == SQLITE_CORRUPT)
		return SQLITE_CONSTRAINT;
	for (int id = 1; rc == SQLITE_OK && id <= reader->n_destinations; id++)
		rc = salvage_copy_delivery(reader, chunk, id, seq);
	return rc == SQLITE_OK ? copy_attempts(reader, chunk, seq) : rc;
}

/* --- a chunk --------------------------------------------------------------------------------------------- */

static int copy_events(struct reader *reader, struct chunk *chunk, struct salvage_chunk *ret)
{
	unsigned n = 0;
	int64_t seq = 0;
	int rc = SQLITE_OK;
	while (n < SALVAGE_CHUNK_EVENTS) {
		struct gap gap;
		bool found = salvage_walk_next(&reader->walk, &seq, &gap);
		ret->events_lost += salvage_count_lost(reader, chunk, &gap);
		if (atomic_load(reader->is_stopping))
			return SQLITE_INTERRUPT;
		if (!found) {
			ret->is_last = true;
			break;
		}
		rc = copy_event(reader, chunk, seq);
		if (rc == SQLITE_CONSTRAINT)
			ret->events_lost +=
				salvage_count_lost(reader, chunk, &(struct gap){ seq, seq });
		else if (rc != SQLITE_OK)
			return rc;
		else
			n++;
	}
	ret->to_seq = ret->is_last && reader->last_seq > 0 ? reader->last_seq : reader->walk.last;
	reader->events += n;
	reader->events_lost += ret->events_lost;
	return SQLITE_OK;
}

static void say_of_file(const struct reader *reader, struct salvage_chunk *ret)
{
	ret->last_seq = reader->last_seq;
	ret->is_behind = reader->is_behind;
	ret->behind_at_ms = reader->behind_at_ms;
	ret->is_unreadable = ret->is_last && reader->walk.last == 0 && reader->walk.is_cut;
}

static int fill(struct reader *reader, struct chunk *chunk, struct salvage_chunk *ret)
{
	int rc = copy_events(reader, chunk, ret);
	if (rc == SQLITE_OK)
		rc = salvage_copy_destinations(reader, chunk);
	if (rc == SQLITE_OK)
		rc = salvage_copy_revisions(reader, chunk);
	if (rc == SQLITE_OK && ret->is_last)
		rc = salvage_copy_rest(reader, chunk, &ret->has_tally);
	return rc;
}

int reader_fill(struct reader *reader, const char *path, struct salvage_chunk *ret)
{
	struct reader before = *reader;
	struct chunk chunk;
	*ret = (struct salvage_chunk){ .to_seq = 0 };
	int rc = chunk_open(&chunk, path);
	if (rc == SQLITE_OK)
		rc = fill(reader, &chunk, ret);
	if (rc == SQLITE_OK)
		rc = chunk_close(&chunk);
	chunk_drop(&chunk);
	if (rc != SQLITE_OK)
		*reader = before;
	else
		say_of_file(reader, ret);
	return rc;
}
