/*
 * tables.c - see tables.h
 */
#include "store/salvage/tables.h"

#include <stdio.h>
#include <string.h>

#include "store/salvage/check.h"

#define ROWS_MAX 20000000 /* of a table: one whose pages point in a circle has no end */
#define REPEATS_MAX 1000  /* rows that are there already: it goes in a circle */

int salvage_copy_found(sqlite3_stmt *stmt, bool (*is_sane)(sqlite3_stmt *stmt), struct chunk *chunk,
	enum salvage_table table)
{
	int found = sqlite3_step(stmt);
	int rc = SQLITE_CORRUPT;
	if (found == SQLITE_DONE)
		rc = SQLITE_NOTFOUND;
	else if (found == SQLITE_ROW)
		rc = is_sane(stmt) ? chunk_copy(chunk, table, stmt) : SQLITE_CONSTRAINT;
	(void)sqlite3_reset(stmt);
	return rc;
}

/* A table with a number for a key. */
static int copy_numbered(struct reader *reader, struct chunk *chunk, enum salvage_table table)
{
	char sql[96];
	sqlite3_stmt *stmt = NULL;
	struct walk walk;
	int64_t id = 0;
	const char *name = salvage_table_name(table);
	(void)snprintf(sql, sizeof(sql), "SELECT * FROM %s WHERE id = ?1", name);
	int rc = sqlite3_prepare_v2(reader->db, sql, -1, &stmt, NULL);
	int started = salvage_walk_start(
		&walk, reader->db, name, "id", 0, SALVAGE_KEY_MAX, reader->is_stopping);
	if (rc == SQLITE_OK)
		rc = started;
	struct gap gap;
	while (rc == SQLITE_OK && salvage_walk_next(&walk, &id, &gap)) {
		rc = sqlite3_bind_int64(stmt, 1, id);
		if (rc == SQLITE_OK)
			rc = salvage_copy_found(stmt, salvage_row_is_sane, chunk, table);
		if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTFOUND || rc == SQLITE_CONSTRAINT) {
			reader->rows_dropped++;
			rc = SQLITE_OK;
		}
	}
	salvage_walk_done(&walk);
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* How reading from one end ended. */
enum run_end { RUN_WHOLE, RUN_BROKEN, RUN_MET };

/* Rows until one can't be read, or (going down) one is met that is there already. */
static int copy_run(struct reader *reader, struct chunk *chunk, enum salvage_table table,
	const char *sql, bool stops_at_known, enum run_end *ret_end)
{
	sqlite3_stmt *stmt = NULL;
	int repeats = 0;
	int rc = sqlite3_prepare_v2(reader->db, sql, -1, &stmt, NULL);
	*ret_end = RUN_BROKEN;
	for (int n = 0; rc == SQLITE_OK && n < ROWS_MAX && repeats < REPEATS_MAX; n++) {
		int found = sqlite3_step(stmt);
		if (found == SQLITE_DONE && repeats == 0)
			*ret_end = RUN_WHOLE;
		if (found != SQLITE_ROW)
			break;
		rc = salvage_row_is_sane(stmt) ? chunk_copy(chunk, table, stmt) : SQLITE_CONSTRAINT;
		if (rc == SQLITE_CONSTRAINT) {
			repeats++;
			rc = SQLITE_OK;
		}
		if (stops_at_known && repeats > 0)
			break;
		if (atomic_load(reader->is_stopping))
			rc = SQLITE_INTERRUPT;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/*
 * A table whose key is a text or several columns.
 *
 * up, down  its key's columns with and without DESC.
 */
static int copy_from_ends(struct reader *reader, struct chunk *chunk, enum salvage_table table,
	const char *up, const char *down, bool *ret_is_whole)
{
	char sql[256];
	enum run_end end;
	(void)snprintf(
		sql, sizeof(sql), "SELECT * FROM %s ORDER BY %s", salvage_table_name(table), up);
	int rc = copy_run(reader, chunk, table, sql, false, &end);
	*ret_is_whole = end == RUN_WHOLE;
	if (rc != SQLITE_OK || *ret_is_whole)
		return rc;
	reader->rows_dropped++;
	(void)snprintf(
		sql, sizeof(sql), "SELECT * FROM %s ORDER BY %s", salvage_table_name(table), down);
	return copy_run(reader, chunk, table, sql, true, &end);
}

int salvage_copy_destinations(struct reader *reader, struct chunk *chunk)
{
	static const char by_name[] = "SELECT id, name FROM destination"
				      " INDEXED BY sqlite_autoindex_destination_1 ORDER BY name";
	enum run_end end;
	bool is_broken = false;
	int rc = SQLITE_OK;
	for (int id = 1; rc == SQLITE_OK && id <= reader->n_destinations; id++) {
		rc = sqlite3_bind_int(reader->statements[READ_DESTINATION], 1, id);
		if (rc == SQLITE_OK)
			rc = salvage_copy_found(reader->statements[READ_DESTINATION],
				salvage_row_is_sane, chunk, TABLE_DESTINATION);
		is_broken = is_broken || rc == SQLITE_CORRUPT;
		if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTFOUND || rc == SQLITE_CONSTRAINT)
			rc = SQLITE_OK;
	}
	if (rc != SQLITE_OK || !is_broken)
		return rc;
	/* The insert's columns are others. */
	(void)sqlite3_finalize(chunk->inserts[TABLE_DESTINATION]);
	chunk->inserts[TABLE_DESTINATION] = NULL;
	return copy_run(reader, chunk, TABLE_DESTINATION, by_name, false, &end);
}

int salvage_copy_revisions(struct reader *reader, struct chunk *chunk)
{
	sqlite3_stmt *named = NULL;
	int rc = sqlite3_prepare_v2(chunk->db,
		"SELECT DISTINCT connector_revision FROM delivery"
		" WHERE connector_revision IS NOT NULL",
		-1, &named, NULL);
	while (rc == SQLITE_OK && sqlite3_step(named) == SQLITE_ROW) {
		rc = sqlite3_bind_int64(
			reader->statements[READ_REVISION], 1, sqlite3_column_int64(named, 0));
		if (rc == SQLITE_OK)
			rc = salvage_copy_found(reader->statements[READ_REVISION],
				salvage_row_is_sane, chunk, TABLE_REVISION);
		if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTFOUND || rc == SQLITE_CONSTRAINT) {
			reader->rows_dropped++;
			rc = SQLITE_OK;
		}
	}
	(void)sqlite3_finalize(named);
	return rc;
}

int salvage_copy_rest(struct reader *reader, struct chunk *chunk, bool *ret_has_tally)
{
	static const enum salvage_table numbered[] = { TABLE_EXCEPTION, TABLE_AUDIT,
		TABLE_CONFIG_REVISION };
	static const struct {
		enum salvage_table table;
		const char *up, *down;
	} others[] = {
		{ TABLE_TALLY, "day, source, device, type, destination, outcome, detail",
			"day DESC, source DESC, device DESC, type DESC, destination DESC,"
			" outcome DESC, detail DESC" },
		{ TABLE_SEQUENCE, "source", "source DESC" },
		{ TABLE_COUNTER, "name", "name DESC" },
		{ TABLE_CURSOR, "name", "name DESC" },
		{ TABLE_REFERENCE, "kind, id", "kind DESC, id DESC" },
		{ TABLE_ALIAS, "scheme, code, kind", "scheme DESC, code DESC, kind DESC" },
		{ TABLE_PROGRESS, "document, line, measure",
			"document DESC, line DESC, measure DESC" },
	};
	int rc = SQLITE_OK;
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(numbered) / sizeof(numbered[0]); i++)
		rc = copy_numbered(reader, chunk, numbered[i]);
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(others) / sizeof(others[0]); i++) {
		bool is_whole = false;
		rc = copy_from_ends(
			reader, chunk, others[i].table, others[i].up, others[i].down, &is_whole);
		if (others[i].table == TABLE_TALLY)
			*ret_has_tally = is_whole;
	}
	return rc;
}
