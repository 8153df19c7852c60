/*
 * tables.h - the tables beside events, deliveries and attempts: read from both ends, row by
 * row, into a chunk.
 *
 * All functions return SQLITE_OK, or what failed in writing the chunk (SQLITE_INTERRUPT: stopping).
 */
#ifndef DRAY_STORE_SALVAGE_TABLES_H
#define DRAY_STORE_SALVAGE_TABLES_H

#include "store/salvage/chunk.h"
#include "store/salvage/read.h"

/* Names also from their index, where the table's row can't be read. */
int salvage_copy_destinations(struct reader *reader, struct chunk *chunk);
/* Those that the deliveries in the chunk name. */
int salvage_copy_revisions(struct reader *reader, struct chunk *chunk);
/* Everything that only the last chunk has. */
int salvage_copy_rest(struct reader *reader, struct chunk *chunk, bool *ret_has_tally);

/* Step a row that is looked for by its key, check it, copy it. SQLITE_CONSTRAINT: it is there and
 * makes no sense; SQLITE_NOTFOUND; SQLITE_CORRUPT. */
int salvage_copy_found(sqlite3_stmt *stmt, bool (*is_sane)(sqlite3_stmt *stmt), struct chunk *chunk,
	enum salvage_table table);

#endif
