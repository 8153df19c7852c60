/*
 * check.h - does a row from a damaged database say something that this program writes?
 *
 * SQLite has no checksums over pages: a row can be read and be wrong. What can be known is checked:
 * text is UTF-8 without NULs, times lie between the years 1 and 9999, digests
 * have their length, counts are not negative; an event's body is its own (JSON, with the row's id and
 * type); a delivery's state fits its other columns. Damage that passes all this is not noticed.
 * Types, NOT NULL and UNIQUE are checked by the chunk's schema.
 */
#ifndef DRAY_STORE_SALVAGE_CHECK_H
#define DRAY_STORE_SALVAGE_CHECK_H

#include <stdbool.h>

#include <sqlite3.h>

/* Every column of the row that `stmt` stands on, by its name. */
bool salvage_row_is_sane(sqlite3_stmt *stmt);
/* Beyond that; `SELECT *` of the table. */
bool salvage_event_is_sane(sqlite3_stmt *stmt);
bool salvage_delivery_is_sane(sqlite3_stmt *stmt);

#endif
