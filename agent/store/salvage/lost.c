/*
 * lost.c - see lost.h
 */
#include "store/salvage/lost.h"

#include <string.h>

#include "dray/event.h"
#include "store/salvage/check.h"

#define SCANS_MAX 50 /* each reads the index from end to end */
#define UNKNOWN_MAX 1000000

/* A page in the wrong place is noticed by its order. */
struct order {
	char id[ID_MAX + 1];
	char source[EVENT_SOURCE_MAX];
	bool has_last;
};

static bool copy_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);
	if (text == NULL || len >= size || memchr(text, 0, len) != NULL)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

static bool is_in_order(sqlite3_stmt *stmt, struct order *last)
{
	struct order its = { .has_last = true };
	if (!copy_text(stmt, 1, its.source, sizeof(its.source)) ||
		!copy_text(stmt, 2, its.id, sizeof(its.id)))
		return false;
	int order = last->has_last ? strcmp(its.id, last->id) : 1;
	if (order == 0)
		order = strcmp(its.source, last->source);
	*last = its;
	return order > 0;
}

static int list(struct reader *reader, struct chunk *chunk, sqlite3_stmt *stmt)
{
	if (reader->n_listed == SALVAGE_LOST_LISTED || !salvage_row_is_sane(stmt))
		return SQLITE_OK;
	int rc = chunk_copy(chunk, TABLE_LOST, stmt);
	reader->n_listed += rc == SQLITE_OK;
	return rc == SQLITE_CONSTRAINT ? SQLITE_OK : rc;
}

/* False: the index can't be read to its end, or can't be believed: it must know the event that was
 * found last, and keep its order. */
static bool scan(struct reader *reader, struct chunk *chunk, const struct gap *gap, int64_t *ret_n)
{
	sqlite3_stmt *stmt = reader->statements[READ_NAMES];
	struct order order = { .has_last = false };
	bool knows_last = false;
	int rc = SQLITE_OK;
	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(stmt, 0);
		bool is_lost = seq >= gap->from && seq <= gap->to;
		knows_last = knows_last || seq == reader->walk.last;
		*ret_n += is_lost;
		rc = is_lost ? list(reader, chunk, stmt) : SQLITE_OK;
		if (rc == SQLITE_OK && !is_in_order(stmt, &order))
			rc = SQLITE_CORRUPT;
	}
	(void)sqlite3_reset(stmt);
	return rc == SQLITE_DONE && knows_last;
}

int64_t salvage_count_lost(struct reader *reader, struct chunk *chunk, const struct gap *gap)
{
	int64_t n = 0;
	if (gap->from > gap->to)
		return 0;
	if (reader->n_lost_scans < SCANS_MAX) {
		reader->n_lost_scans++;
		if (scan(reader, chunk, gap, &n))
			return n;
	}
	int64_t most = gap->to - gap->from + 1;
	/* Between two databases' numbers there are a million million that no event ever had. */
	if (most > UNKNOWN_MAX)
		most = n > UNKNOWN_MAX ? n : UNKNOWN_MAX;
	return most;
}
