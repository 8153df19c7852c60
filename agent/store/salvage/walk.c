/*
 * walk.c - see walk.h
 */
#include "store/salvage/walk.h"

#include <stdio.h>

#define VAIN_KEY_BY_KEY 1024
#define VAIN_BEFORE_DOUBLING 64
#define VAIN_MAX (INT64_C(1) << 23) /* some seconds */
#define STEP_MAX (INT64_C(1) << 40)

enum seek salvage_step(sqlite3_stmt *stmt, int64_t *ret)
{
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	if (rc == SQLITE_ROW)
		return SEEK_FOUND;
	return rc == SQLITE_DONE ? SEEK_NONE : SEEK_BROKEN;
}

enum seek salvage_seek(sqlite3_stmt *stmt, int64_t key, int64_t *ret)
{
	return sqlite3_bind_int64(stmt, 1, key) == SQLITE_OK ? salvage_step(stmt, ret)
							     : SEEK_BROKEN;
}

static int prepare(sqlite3 *db, const char *table, const char *key, const char *relation,
	const char *order, sqlite3_stmt **ret)
{
	char sql[160];
	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM %s WHERE %s %s ?1 ORDER BY %s %s LIMIT 1",
		key, table, key, relation, key, order);
	return sqlite3_prepare_v2(db, sql, -1, ret, NULL);
}

int salvage_walk_start(struct walk *walk, sqlite3 *db, const char *table, const char *key,
	int64_t after, int64_t end, const atomic_bool *is_stopping)
{
	*walk = (struct walk){ .is_stopping = is_stopping, .at = after + 1, .end = end };
	int rc = prepare(db, table, key, ">=", "ASC", &walk->up);
	if (rc == SQLITE_OK)
		rc = prepare(db, table, key, "<", "DESC", &walk->down);
	if (rc != SQLITE_OK)
		return rc;
	int64_t last = 0;
	if (salvage_seek(walk->down, after + 1, &last) == SEEK_FOUND && last > 0 && last <= after)
		walk->last = last;
	return SQLITE_OK;
}

void salvage_walk_done(struct walk *walk)
{
	(void)sqlite3_finalize(walk->up);
	(void)sqlite3_finalize(walk->down);
	walk->up = walk->down = NULL;
}

/* From `key`, which was found, down over keys not below `floor`: as far as they fall and are whole. */
static int64_t descend(struct walk *walk, int64_t key, int64_t floor)
{
	int64_t below = 0;
	while (++walk->vain <= VAIN_MAX && !atomic_load(walk->is_stopping) &&
		salvage_seek(walk->down, key, &below) == SEEK_FOUND && below >= floor &&
		below < key)
		key = below;
	return key;
}

/* Is there nothing between the last key found and `key`, seen from above and from elsewhere? */
static bool is_sound_gap(const struct walk *walk, int64_t key)
{
	int64_t below = 0;
	enum seek found = salvage_seek(walk->down, key, &below);
	bool is_empty =
		found == SEEK_NONE ? walk->last == 0 : found == SEEK_FOUND && below == walk->last;
	return is_empty && (walk->is_known == NULL || !walk->is_known(walk->ctx, walk->last, key));
}

static bool finish(struct walk *walk, struct gap *ret_gap)
{
	walk->is_cut = true;
	*ret_gap = (struct gap){ walk->at, walk->end };
	walk->at = walk->end + 1;
	return false;
}

static bool take(struct walk *walk, int64_t key, int64_t *ret_key)
{
	walk->at = key + 1;
	walk->last = key;
	*ret_key = key;
	return true;
}

/*
 * The key at or above `from`. SEEK_BROKEN where that can't be the next one, or may not be: nothing is
 * seen from above, so that others may be in between. Then *candidate becomes it.
 */
static enum seek probe(const struct walk *walk, int64_t from, int64_t *ret_key, int64_t *candidate)
{
	int64_t key = 0;
	int64_t below = 0;
	enum seek found = salvage_seek(walk->up, from, &key);
	if (found != SEEK_FOUND)
		return found;
	if (key < from || key > walk->end)
		return SEEK_BROKEN;
	if (key > from) {
		enum seek seen = salvage_seek(walk->down, key, &below);
		if (seen == SEEK_BROKEN || (seen == SEEK_FOUND && below >= key)) {
			*candidate = key < *candidate ? key : *candidate;
			return SEEK_BROKEN;
		}
		if (seen == SEEK_FOUND && below >= from)
			return SEEK_BROKEN;
	}
	*ret_key = key;
	return SEEK_FOUND;
}

/* The same after long steps: what they have stepped over is looked for from above. */
static enum seek probe_far(struct walk *walk, int64_t from, int64_t *ret_key)
{
	int64_t key = 0;
	if (salvage_seek(walk->down, from, &key) == SEEK_FOUND && key >= walk->at && key < from) {
		*ret_key = descend(walk, key, walk->at);
		return SEEK_FOUND;
	}
	enum seek found = salvage_seek(walk->up, from, &key);
	if (found == SEEK_FOUND && (key < from || key > walk->end))
		return SEEK_BROKEN;
	if (found == SEEK_FOUND)
		*ret_key = descend(walk, key, walk->at);
	return found;
}

/* Key by key, up to a candidate if there is one; then with longer and longer steps. */
static bool search(struct walk *walk, int64_t candidate, int64_t *ret_key)
{
	int64_t step = 1;
	int64_t from = walk->at;
	enum seek found = SEEK_BROKEN;
	for (int64_t n = 1; found != SEEK_FOUND; n++) {
		bool is_far = n >= VAIN_KEY_BY_KEY;
		if (candidate <= walk->end && (is_far || from + 1 >= candidate)) {
			*ret_key = candidate;
			return true;
		}
		if (from == walk->end || ++walk->vain > VAIN_MAX || atomic_load(walk->is_stopping))
			return false;
		if (is_far && n % VAIN_BEFORE_DOUBLING == 0 && step < STEP_MAX)
			step *= 2;
		from = from < walk->end - step ? from + step : walk->end;
		found = step == 1 ? probe(walk, from, ret_key, &candidate)
				  : probe_far(walk, from, ret_key);
	}
	return true;
}

bool salvage_walk_next(struct walk *walk, int64_t *ret_key, struct gap *ret_gap)
{
	int64_t key = 0;
	int64_t candidate = INT64_MAX;
	*ret_gap = (struct gap){ 1, 0 };
	if (walk->at > walk->end)
		return false;
	enum seek found = probe(walk, walk->at, &key, &candidate);
	if (found == SEEK_FOUND && (key == walk->at || is_sound_gap(walk, key)))
		return take(walk, key, ret_key);
	if (found == SEEK_NONE && is_sound_gap(walk, INT64_MAX)) {
		walk->at = walk->end + 1;
		return false;
	}
	/* SEEK_NONE that the other side contradicts is no end. */
	if (found != SEEK_FOUND && !search(walk, candidate, &key))
		return finish(walk, ret_gap);
	*ret_gap = (struct gap){ walk->at, key - 1 };
	return take(walk, key, ret_key);
}
