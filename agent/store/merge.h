/*
 * merge.h - one chunk on its way into the fresh database: what the files of the merge share.
 *
 * A chunk is read by a connection of its own and written by the store's: nothing is attached, so no
 * prepared statement is made anew.
 */
#ifndef DRAY_STORE_MERGE_H
#define DRAY_STORE_MERGE_H

#include "dray/buf.h"
#include "store/store_internal.h"

/* A number of the broken database and what it is here. */
struct merge_number {
	int64_t old;
	int64_t now;
};
struct merge_numbers {
	struct merge_number *items;
	size_t n, cap;
};

#define MERGE_DESTINATIONS 128

struct merge {
	struct store *store;
	sqlite3 *db; /* the chunk */
	const struct salvage_chunk *chunk;
	const struct store_salvaging *with;
	struct store_salvage_view *counts;
	struct merge_numbers destinations, revisions;
	struct merge_numbers skipped;        /* seqs whose rows are not taken */
	struct merge_numbers torn;           /* seqs of which a delivery could not be read */
	struct buf lost;                     /* "<seq> <source> <id>", a line each */
	int64_t missing[MERGE_DESTINATIONS]; /* by id: unfinished by the tally, by no delivery */
};

/* Each row of an SQL text on the chunk. 0, or -1: the store is poisoned. */
int merge_each(
	struct merge *merge, const char *sql, int (*fn)(struct merge *merge, sqlite3_stmt *row));
/* Bind the row's columns as they are, `n` from `from` on, behind what is bound already. */
void merge_bind(struct query *query, sqlite3_stmt *row, int from, int n);
/* "" for NULL. */
const char *merge_text(sqlite3_stmt *row, int column);

/* What the tally would have, counted from the rows: taken back when the tally itself comes. */
#define MERGE_COUNTED "rows"

/* What the number is here; -1: it is not known. */
int64_t merge_number_of(const struct merge_numbers *numbers, int64_t old);
/* 0, or -1: the store is poisoned. */
int merge_note(struct store *store, struct merge_numbers *numbers, int64_t old, int64_t now);

/* Rows of the small tables that a turn looks at. */
#define MERGE_ROWS 500
/* A slice of the small tables. 1: it was the last. 0, or -1: the store is poisoned. */
int merge_small_tables(struct merge *merge);

#endif
