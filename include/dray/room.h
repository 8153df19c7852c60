/*
 * room.h - how much room the store has left, and what follows from it.
 *
 * Two things bound the store: store.max_bytes, and the disk that it lies on. What is left is the
 * smaller of
 *
 *   max_bytes − used                                 used: pages in use, and the WAL
 *   free − owed − margin − a reserve not in place    free: what the disk has for us
 *                                                    owed: what checkpoints will take of it yet
 *
 * so that giving up the reserve doesn't look like room.
 *
 *   reserve  store.reserve, at most an eighth of the smaller bound: released when the disk is full,
 *            so that deliveries can settle and drain
 *   margin   half of the reserve, at least a 64th of the smaller bound or 1 MiB, whichever is less
 *
 *   level    entered             left                                   what follows
 *   AMPLE    left ≥ 3 margins    left < 2 margins                       nothing
 *   TIGHT    left < 2 margins    left ≥ 3 margins                       bodies of delivered events go
 *   NONE     left ≤ 0, or the    left ≥ 1 margin, the reserve is in     capture is closed as well
 *            disk refuses        place, nothing was refused lately
 *
 * With the defaults (max_bytes 4 GiB, reserve 16 MiB) on a large disk: margin 8 MiB, bodies go below
 * 16 MiB until there are 24 MiB, capture closes at 0 and opens at 8 MiB. On a disk of 32 MiB: reserve
 * 4 MiB, margin 2 MiB; capture closes when 2 MiB are free beside the reserve and opens at 4 MiB.
 *
 * Pure: the caller measures.
 */
#ifndef DRAY_ROOM_H
#define DRAY_ROOM_H

#include <stdbool.h>
#include <stdint.h>

enum room_level { ROOM_AMPLE, ROOM_TIGHT, ROOM_NONE };
/* "ample", "tight", "none" */
const char *room_level_word(enum room_level level);

/* What bounds the store, in bytes. */
struct room_bounds {
	int64_t max_bytes;     /* store.max_bytes, > 0 */
	int64_t reserve_bytes; /* store.reserve, >= 0 */
	int64_t disk_bytes;    /* the whole disk; 0: it has no bound, and is not judged */
};

struct room_plan {
	int64_t max_bytes;
	int64_t reserve_bytes; /* how large the reserve file is to be; 0: none */
	int64_t margin_bytes;  /* > 0 */
	bool has_disk;         /* the disk is judged as well */
};
struct room_plan room_plan(const struct room_bounds *bounds);

struct room_measure {
	int64_t used_bytes; /* of the store, its WAL included */
	int64_t free_bytes; /* of the disk */
	int64_t owed_bytes; /* of the disk, to checkpoints; negative: they will give back */
	bool has_reserve;   /* the reserve is in place */
	bool is_refused;    /* the disk refuses what the store writes, now */
	bool was_refused;   /* … or did so lately */
};

/* What is left by each bound; INT64_MAX where there is none. Negative: overdrawn. */
int64_t room_left_in_store(const struct room_plan *plan, const struct room_measure *measure);
int64_t room_left_on_disk(const struct room_plan *plan, const struct room_measure *measure);
/* The smaller of both. */
int64_t room_left(const struct room_plan *plan, const struct room_measure *measure);

enum room_level room_judge(
	const struct room_plan *plan, const struct room_measure *measure, enum room_level before);

/* Is there room to put the reserve in place? */
bool room_may_reserve(const struct room_plan *plan, const struct room_measure *measure);
/* Less than there must be to be AMPLE again: time to make some. */
bool room_is_short(const struct room_plan *plan, const struct room_measure *measure);
/* Is it the disk that is short, so that pages which the store doesn't use should go back to it? */
bool room_wants_disk(const struct room_plan *plan, const struct room_measure *measure);

/* What status, metrics and health show. */
struct room_report {
	enum room_level level;
	int64_t since_at_ms;   /* wall clock since when it is so */
	int64_t left_bytes;    /* until capture closes; negative: overdrawn */
	int64_t disk_bytes;    /* 0: no bound */
	int64_t free_bytes;    /* of the disk */
	int64_t reserve_bytes; /* in place; 0: none, or released */
	const char *why;       /* why capture is closed, in words; "" it is open */
};

#endif
