/*
 * database_header.h - is what begins so a SQLite database? (SQLite's "Database File Format", section 1.3.) A
 * look from outside, at a file that somebody else may be writing. Pure.
 */
#ifndef DRAY_DATABASE_HEADER_H
#define DRAY_DATABASE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATABASE_HEADER_BYTES 100

/*
 * bytes, len  the file's first 100; fewer where it has no more.
 * is_alone    nobody has it open and there is no WAL: its size must be right.
 * ret_schema  user_version, where there is no flaw.
 * Returns     what is wrong with it; NULL: nothing. Static.
 */
const char *database_header_flaw(
	const uint8_t *bytes, size_t len, int64_t file_bytes, bool is_alone, uint32_t *ret_schema);

#endif
