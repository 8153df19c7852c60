/*
 * timeline.h - how much time has passed, on a machine whose clock may be wrong.
 *
 * Two scales, both in ms:
 *
 *   steady  what is stored, waited for and measured. It counts with the machine's boot clock, which
 *           nobody can set, and never goes back. It began equal to the wall clock of the first start.
 *   wall    what people and other systems are shown: steady plus what the wall clock is ahead of it,
 *           as far as it is believed.
 *
 * Within a boot steady time is exact, whatever is done to the wall clock. Only at a boot is there a
 * question: how long was the machine off? Each boot has a trust that says how well its wall clock
 * answers that:
 *
 *   WRONG ──────► VOUCHED   the kernel says that the clock is synchronised (NTP); from then on the
 *     ▲              ▲      whole boot is known, also what was stamped in it before
 *     │ an hour off  │
 *   PLAUSIBLE ───────┘      at the start it was not behind what was known, and nobody vouches for it
 *
 * A boot is WRONG when its clock is behind the boot before (1970: no battery), or was set by an hour
 * or more while nobody vouched for it.
 *
 * What holds
 *   1. Between stamps of one boot every age is exact; over boots, to a minute or two where known.
 *   2. timeline_least() counts time off only between VOUCHED boots: nothing that goes by it is early.
 *      Where none was ever vouched for, the machine's own clock is all there is: PLAUSIBLE will do.
 *   3. timeline_most() is unknown where the time off is, and then says whether it may yet be known.
 *   4. A stamp made while the clock was wrong is right as soon as the clock is: the boot's offset is
 *      learned, its stamps stay as they are. Boots that all begin in 1970 have different steady times.
 *
 * What can't be known
 *   - A time server that lies, or a battery clock nobody vouches for that has run off forward while
 *     the machine was off, is believed.
 *   - A virtual machine that was paused without its boot clock noticing: that time has not passed.
 *   - A boot that ended before its clock was right: how long the machine was off around it. Stamps
 *     of vouched boots on either side of it are not touched by that.
 *
 * Pure: the caller reads the clocks.
 */
#ifndef DRAY_TIMELINE_H
#define DRAY_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/buf.h"

#define TIMELINE_BOOTS 64
#define TIMELINE_ID_MAX 40                 /* a boot's UUID */
#define TIMELINE_UNKNOWN INT64_MAX         /* an age */
#define TIMELINE_APART_MS INT64_C(3600000) /* so far off a clock is wrong, not inexact */
#define TIMELINE_NOTE_MS \
	INT64_C(60000) /* at least so often `noted_ms` is kept while stamps are made */

enum timeline_trust { TIMELINE_WRONG, TIMELINE_PLAUSIBLE, TIMELINE_VOUCHED };

struct timeline_boot {
	int64_t from_ms;  /* steady, of its first stamp */
	int64_t gap_ms;   /* what steady time skipped before it, >= 0; may have passed or not */
	int64_t ahead_ms; /* wall minus steady in it, as far as known */
	enum timeline_trust trust;
};

struct timeline {
	char boot_id[TIMELINE_ID_MAX];
	int64_t steady_minus_boot_ms;
	int64_t noted_ms;       /* steady time up to which the boot is known to have lasted */
	int64_t doubted_at_ms;  /* steady time since when the wall clock isn't believed; 0: it is */
	int64_t floor_ahead_ms; /* of this boot: wall time is at least so far ahead */
	unsigned n;             /* 0: not begun */
	struct timeline_boot boots[TIMELINE_BOOTS]; /* oldest first; the last is this one */
};

/* The clocks, read together. */
struct timeline_reading {
	int64_t boot_ms; /* since boot, also while asleep */
	int64_t wall_ms;
	bool is_vouched; /* the kernel says the wall clock is synchronised */
};

/*
 * Begin, or go on with what was kept.
 *
 * boot_id    of this boot; "" unknown: then it is taken for another one.
 * newest_ms  where nothing was kept (n is 0): the newest stamp in the store; 0 none.
 */
void timeline_begin(struct timeline *timeline, const char *boot_id,
	const struct timeline_reading *now, int64_t newest_ms);
/* Look at the clocks. True: something changed that should be kept. */
bool timeline_look(struct timeline *timeline, const struct timeline_reading *now);

int64_t timeline_steady(const struct timeline *timeline, int64_t boot_ms);
/* What the wall clock showed, or should have shown, at a stamp; of a coming time, what it will. */
int64_t timeline_wall(const struct timeline *timeline, int64_t at_ms);
/* The stamp of a wall time: for questions that people ask, where an approximation serves. */
int64_t timeline_stamp(const struct timeline *timeline, int64_t wall_ms);

/* The age of a stamp, >= 0: at least, at most (TIMELINE_UNKNOWN), and to show to people. */
int64_t timeline_least(const struct timeline *timeline, int64_t at_ms, int64_t now_ms);
int64_t timeline_most(const struct timeline *timeline, int64_t at_ms, int64_t now_ms);
int64_t timeline_age(const struct timeline *timeline, int64_t at_ms, int64_t now_ms);
/*
 * An unknown age may yet be known: when this boot, not a day old, is vouched for, as the stamp's was.
 */
bool timeline_may_learn(const struct timeline *timeline, int64_t at_ms, int64_t now_ms);
/* Stamps before this one are older than age_ms at least. */
int64_t timeline_before(const struct timeline *timeline, int64_t age_ms, int64_t now_ms);

/* As text, and back. False: not ours; the timeline is empty then. */
void timeline_print(const struct timeline *timeline, struct buf *out);
bool timeline_parse(const char *text, struct timeline *ret);

#endif
