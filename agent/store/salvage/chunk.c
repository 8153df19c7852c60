/*
 * chunk.c - see chunk.h
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/salvage/chunk.h"
#include "store/store_internal.h"

#define SQL_MAX 1024

const char *salvage_table_name(enum salvage_table table)
{
	static const char *const names[SALVAGE_TABLES] = {
		[TABLE_EVENT] = "event",
		[TABLE_DELIVERY] = "delivery",
		[TABLE_ATTEMPT] = "attempt",
		[TABLE_DESTINATION] = "destination",
		[TABLE_REVISION] = "connector_revision",
		[TABLE_SEQUENCE] = "sequence",
		[TABLE_TALLY] = "tally",
		[TABLE_COUNTER] = "counter",
		[TABLE_CURSOR] = "cursor",
		[TABLE_EXCEPTION] = "exception",
		[TABLE_AUDIT] = "audit",
		[TABLE_REFERENCE] = "reference",
		[TABLE_ALIAS] = "alias",
		[TABLE_PROGRESS] = "progress",
		[TABLE_CONFIG_REVISION] = "config_revision",
		[TABLE_LOST] = "lost",
	};
	return names[table];
}

/* Events are as private here as in the database. */
static int make_file(const char *path)
{
	(void)unlink(path);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return SQLITE_CANTOPEN;
	(void)close(fd);
	return SQLITE_OK;
}

int chunk_open(struct chunk *chunk, const char *path)
{
	static const char pragmas[] = "PRAGMA journal_mode = OFF;"
				      "PRAGMA synchronous = OFF;"
				      "PRAGMA cache_size = -1024;"
				      "PRAGMA temp_store = MEMORY;";
	static const char beginning[] = "BEGIN; CREATE TABLE lost (seq INTEGER PRIMARY KEY,"
					" source TEXT NOT NULL, id TEXT NOT NULL) STRICT";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	*chunk = (struct chunk){ .db = NULL };
	int rc = make_file(path);
	if (rc == SQLITE_OK)
		rc = sqlite3_open_v2(path, &chunk->db, flags, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(chunk->db, pragmas, NULL, NULL, NULL);
	if (rc == SQLITE_OK && schema_migrate(chunk->db, schema_texts, schema_version, NULL) < 0)
		rc = sqlite3_errcode(chunk->db) == SQLITE_OK ? SQLITE_ERROR
							     : sqlite3_errcode(chunk->db);
	return rc == SQLITE_OK ? sqlite3_exec(chunk->db, beginning, NULL, NULL, NULL) : rc;
}

/* By the columns that the source has: one of an older schema may have fewer. */
static int prepare_insert(struct chunk *chunk, enum salvage_table table, sqlite3_stmt *row)
{
	char columns[SQL_MAX] = "";
	char marks[SQL_MAX] = "";
	char sql[3 * SQL_MAX];
	size_t len = 0;
	size_t marks_len = 0;
	for (int i = 0; i < sqlite3_column_count(row); i++) {
		const char *name = sqlite3_column_name(row, i);
		if (name == NULL || len + strlen(name) + 2 >= sizeof(columns))
			return SQLITE_TOOBIG;
		len += (size_t)snprintf(
			columns + len, sizeof(columns) - len, "%s%s", i ? "," : "", name);
		marks_len += (size_t)snprintf(
			marks + marks_len, sizeof(marks) - marks_len, "%s?", i ? "," : "");
	}
	(void)snprintf(sql, sizeof(sql), "INSERT INTO %s (%s) VALUES (%s)",
		salvage_table_name(table), columns, marks);
	return sqlite3_prepare_v2(chunk->db, sql, -1, &chunk->inserts[table], NULL);
}

int chunk_copy(struct chunk *chunk, enum salvage_table table, sqlite3_stmt *row)
{
	int rc = SQLITE_OK;
	if (chunk->inserts[table] == NULL)
		rc = prepare_insert(chunk, table, row);
	sqlite3_stmt *insert = chunk->inserts[table];
	for (int i = 0; rc == SQLITE_OK && i < sqlite3_column_count(row); i++)
		rc = sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(insert);
	(void)sqlite3_reset(insert);
	if (rc == SQLITE_DONE)
		return SQLITE_OK;
	return (rc & 0xff) == SQLITE_CONSTRAINT ? SQLITE_CONSTRAINT : rc;
}

int chunk_run(struct chunk *chunk, const char *sql, int64_t first, int64_t second)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(chunk->db, sql, -1, &stmt, NULL);
	int n = rc == SQLITE_OK ? sqlite3_bind_parameter_count(stmt) : 0;
	if (rc == SQLITE_OK && n > 0)
		rc = sqlite3_bind_int64(stmt, 1, first);
	if (rc == SQLITE_OK && n > 1)
		rc = sqlite3_bind_int64(stmt, 2, second);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static void finalize_inserts(struct chunk *chunk)
{
	for (int i = 0; i < SALVAGE_TABLES; i++) {
		(void)sqlite3_finalize(chunk->inserts[i]);
		chunk->inserts[i] = NULL;
	}
}

int chunk_close(struct chunk *chunk)
{
	finalize_inserts(chunk);
	int rc = sqlite3_exec(chunk->db, "COMMIT", NULL, NULL, NULL);
	(void)sqlite3_close(chunk->db);
	chunk->db = NULL;
	return rc;
}

void chunk_drop(struct chunk *chunk)
{
	finalize_inserts(chunk);
	(void)sqlite3_close(chunk->db);
	chunk->db = NULL;
}
