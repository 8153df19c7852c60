/*
 * chunk.h - a chunk: the small clean file that rows are handed over in (salvage.h).
 *
 * It is scratch: no journal, no fsync. What must not get lost is lost only where the set aside files
 * are, and they stay.
 */
#ifndef DRAY_STORE_SALVAGE_CHUNK_H
#define DRAY_STORE_SALVAGE_CHUNK_H

#include <stdint.h>

#include <sqlite3.h>

enum salvage_table {
	TABLE_EVENT,
	TABLE_DELIVERY,
	TABLE_ATTEMPT,
	TABLE_DESTINATION,
	TABLE_REVISION,
	TABLE_SEQUENCE,
	TABLE_TALLY,
	TABLE_COUNTER,
	TABLE_CURSOR,
	TABLE_EXCEPTION,
	TABLE_AUDIT,
	TABLE_REFERENCE,
	TABLE_ALIAS,
	TABLE_PROGRESS,
	TABLE_CONFIG_REVISION,
	TABLE_LOST, /* only a chunk has it */
	SALVAGE_TABLES
};
const char *salvage_table_name(enum salvage_table table);

struct chunk {
	sqlite3 *db;
	sqlite3_stmt *inserts[SALVAGE_TABLES]; /* made at first use */
};

/* Make the file anew, with this program's schema, and begin. An SQLite error; chunk_drop() then. */
int chunk_open(struct chunk *chunk, const char *path);
/*
 * Insert the row that `row` stands on, a `SELECT *` of the table. SQLITE_OK; SQLITE_CONSTRAINT: it
 * does not pass the schema, and is left out; anything else: the chunk can't be written.
 */
int chunk_copy(struct chunk *chunk, enum salvage_table table, sqlite3_stmt *row);
/* Run a text of one or no row with up to two numbers bound. An SQLite error. */
int chunk_run(struct chunk *chunk, const char *sql, int64_t first, int64_t second);
/* Commit and close. An SQLite error; the file is of no use then. */
int chunk_close(struct chunk *chunk);
/* Close without. Any state of it, also of zeros. */
void chunk_drop(struct chunk *chunk);

#endif
