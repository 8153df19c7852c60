/*
 * walk.h - the keys of a damaged table, by rising key, whatever its pages look like.
 *
 * SQLite notices many damages (SQLITE_CORRUPT), not all: a page that is the copy of another one is a
 * good page in the wrong place. So no row is taken for the next one just because it follows: a gap is
 * believed only when it looks the same from both sides (the first key at or above it, the last one
 * below) and no other table says that there was something. Else the keys between are lost, as far as they can be, and the next one that can be read
 * is looked for key by key; after a thousand in vain with doubling steps, going back from where one is
 * found.
 *
 * It ends always: keys rise, a table has as many as its pages can hold, and the steps in vain are
 * bounded.
 *
 * Plain data: a copy is where to go on again. is_known may be set after the start.
 */
#ifndef DRAY_STORE_SALVAGE_WALK_H
#define DRAY_STORE_SALVAGE_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#define SALVAGE_KEY_MAX (INT64_C(1) << 48) /* no counter of this program gets there */

enum seek { SEEK_NONE, SEEK_FOUND, SEEK_BROKEN };

struct walk {
	sqlite3_stmt *up;   /* ?1 → the first key at or above it */
	sqlite3_stmt *down; /* ?1 → the last key below it */
	const atomic_bool *is_stopping;
	/* Does another table know keys between these two, excluding both? NULL: there is none. */
	bool (*is_known)(void *ctx, int64_t low, int64_t high);
	void *ctx;
	int64_t at;   /* the next key that is not looked at yet */
	int64_t last; /* the last one found; 0 none */
	int64_t end;  /* no key is above it */
	int64_t vain; /* steps in vain, in all */
	bool is_cut;  /* it ended where there may be more */
};

/* Step a statement of one number, which is reset then. */
enum seek salvage_step(sqlite3_stmt *stmt, int64_t *ret);
/* The same with ?1 bound. */
enum seek salvage_seek(sqlite3_stmt *stmt, int64_t key, int64_t *ret);

/*
 * after    begin above this key; 0 at the first.
 * end      the highest key there may be, at most SALVAGE_KEY_MAX.
 * Returns  an SQLite error. salvage_walk_done() in any case.
 */
int salvage_walk_start(struct walk *walk, sqlite3 *db, const char *table, const char *key,
	int64_t after, int64_t end, const atomic_bool *is_stopping);
void salvage_walk_done(struct walk *walk);

/* Keys from here to there; none when `from` is above `to`. */
struct gap {
	int64_t from, to;
};

/*
 * The next key. Its row may still be unreadable.
 *
 * ret_gap  keys between the last one and this, or the end, that may have been there.
 * Returns  false at the end, and when is_stopping.
 */
bool salvage_walk_next(struct walk *walk, int64_t *ret_key, struct gap *ret_gap);

#endif
