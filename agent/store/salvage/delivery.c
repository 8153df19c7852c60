/*
 * delivery.c - see delivery.h
 */
#include "store/salvage/delivery.h"

#include "store/salvage/check.h"

struct place {
	int64_t destination, seq;
};

static int compare(struct place a, struct place b)
{
	if (a.destination != b.destination)
		return a.destination < b.destination ? -1 : 1;
	return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

static int bind(sqlite3_stmt *stmt, struct place place)
{
	int rc = sqlite3_bind_int64(stmt, 1, place.seq);
	return rc == SQLITE_OK ? sqlite3_bind_int64(stmt, 2, place.destination) : rc;
}

/* The row before or behind a place. */
static enum seek find_next(struct reader *reader, enum reader_statement id, struct place from,
	struct place *ret, bool *ret_is_made)
{
	sqlite3_stmt *stmt = reader->statements[id];
	if (bind(stmt, from) != SQLITE_OK)
		return SEEK_BROKEN;
	int rc = sqlite3_step(stmt);
	enum seek found = rc == SQLITE_ROW    ? SEEK_FOUND
			  : rc == SQLITE_DONE ? SEEK_NONE
					      : SEEK_BROKEN;
	if (found == SEEK_FOUND && (sqlite3_column_type(stmt, 0) != SQLITE_INTEGER ||
					   sqlite3_column_type(stmt, 1) != SQLITE_INTEGER))
		found = SEEK_BROKEN;
	if (found == SEEK_FOUND) {
		*ret = (struct place){ sqlite3_column_int64(stmt, 0),
			sqlite3_column_int64(stmt, 1) };
		*ret_is_made = sqlite3_column_int(stmt, 2) != 0;
	}
	(void)sqlite3_reset(stmt);
	return found;
}

/* No row, as its neighbours see it? A neighbour that can't be read says nothing against it: the page
 * where the row would be is sound. */
static bool is_absent(struct reader *reader, struct place place)
{
	const struct map_tree *tree = map_tree_named(&reader->map, "delivery");
	bool is_holed = tree != NULL && tree->is_holed;
	bool is_made = false;
	bool is_others = false;
	struct place other;
	struct place before = { INT64_MIN, INT64_MIN };
	struct place behind = { INT64_MAX, INT64_MAX };
	enum seek below = find_next(reader, READ_DELIVERY_BEFORE, place, &before, &is_made);
	if (is_made || (below == SEEK_NONE && is_holed))
		return false;
	if (below != SEEK_BROKEN &&
		find_next(reader, READ_DELIVERY_AFTER, before, &other, &is_others) == SEEK_FOUND &&
		compare(other, place) <= 0)
		return false;
	enum seek above = find_next(reader, READ_DELIVERY_AFTER, place, &behind, &is_others);
	if (above == SEEK_NONE && is_holed)
		return false;
	return above == SEEK_BROKEN ||
	       find_next(reader, READ_DELIVERY_BEFORE, behind, &other, &is_others) != SEEK_FOUND ||
	       compare(other, place) < 0;
}

static int note_doubt(struct reader *reader, struct chunk *chunk, struct place place)
{
	reader->deliveries_unreadable++;
	return chunk_run(chunk,
		"INSERT OR IGNORE INTO delivery (destination, seq, state, lane)"
		" VALUES (?1, ?2, 0, 1)",
		place.destination, place.seq);
}

/* As salvage_copy_found(); in a page in the wrong place another row may be found. */
static int copy_row(
	struct reader *reader, struct chunk *chunk, enum reader_statement id, struct place place)
{
	sqlite3_stmt *stmt = reader->statements[id];
	int rc = bind(stmt, place);
	if (rc != SQLITE_OK)
		return rc;
	int found = sqlite3_step(stmt);
	struct place its = { sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1) };
	if (found != SQLITE_ROW)
		rc = found == SQLITE_DONE ? SQLITE_NOTFOUND : SQLITE_CORRUPT;
	else if (compare(its, place) != 0)
		rc = SQLITE_CORRUPT;
	else
		rc = salvage_delivery_is_sane(stmt) ? chunk_copy(chunk, TABLE_DELIVERY, stmt)
						    : SQLITE_CONSTRAINT;
	(void)sqlite3_reset(stmt);
	return rc;
}

int salvage_copy_delivery(struct reader *reader, struct chunk *chunk, int destination, int64_t seq)
{
	struct place place = { destination, seq };
	int rc = copy_row(reader, chunk, READ_DELIVERY, place);
	if (rc == SQLITE_NOTFOUND && is_absent(reader, place))
		return SQLITE_OK;
	if (rc == SQLITE_CORRUPT)
		rc = copy_row(reader, chunk, READ_DELIVERY_ABOVE, place);
	if (rc == SQLITE_NOTFOUND || rc == SQLITE_CORRUPT || rc == SQLITE_CONSTRAINT)
		return note_doubt(reader, chunk, place);
	reader->deliveries += rc == SQLITE_OK;
	return rc;
}
