/*
 * clock.h - the only clock and the only entropy of the agent.
 *
 * Rooms get a `const struct clock *` and never ask the system themselves, so that a test hands in a
 * simulated one.
 *
 *   steady     ms; every stamp that is stored or waited for. Never jumps, goes on over a restart.
 *   wall       ms since the Unix epoch, as far as it is believed; what people and others are shown.
 *   monotonic  as libevent's timers count; what lives in memory only.
 *
 * timeline.h says how the first two hang together; keep/timekeeper.h keeps it.
 */
#ifndef DRAY_CLOCK_H
#define DRAY_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "dray/timeline.h"

struct clock {
	int64_t (*wall_ms)(void *ctx);
	int64_t (*mono_us)(void *ctx);
	void (*entropy)(void *ctx, void *bytes, size_t len);
	/* The kernel says the wall clock is synchronised (adjtimex). False also where it may not be
	 * asked: a unit with ProtectClock= or a system call filter must let adjtimex pass. */
	bool (*is_synchronised)(void *ctx);
	void *ctx;
	/* Since boot, also while the machine sleeps. NULL: the monotonic one. */
	int64_t (*boot_ms)(void *ctx);
	/* Of this boot, a UUID; "" when it can't be read. NULL: likewise. */
	void (*boot_id)(void *ctx, char out[TIMELINE_ID_MAX]);
	const struct timeline *timeline; /* NULL: steady is the wall clock as it is read */
};

/* The system's. Static; its entropy is getrandom(2). */
const struct clock *clock_system(void);

int64_t clock_steady_ms(const struct clock *clock);
int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);
int64_t clock_mono_us(const struct clock *clock);
uint64_t clock_seed(const struct clock *clock); /* 64 bits of entropy */

/* All of them at once, as the machine says. */
struct timeline_reading clock_read(const struct clock *clock);

/* The stamp with which this boot began: time off before it may have been skipped by up to a minute. */
int64_t clock_boot_from_ms(const struct clock *clock);

/* The wall time of a stamp, and the stamp of a wall time. */
int64_t clock_wall_of(const struct clock *clock, int64_t at_ms);
int64_t clock_stamp_of(const struct clock *clock, int64_t wall_ms);

/* The age of a stamp now: see timeline.h. */
int64_t clock_age(const struct clock *clock, int64_t at_ms);
int64_t clock_age_least(const struct clock *clock, int64_t at_ms);
int64_t clock_age_most(const struct clock *clock, int64_t at_ms); /* or TIMELINE_UNKNOWN */
bool clock_may_learn_age(const struct clock *clock, int64_t at_ms);
/* Stamps before this one are at least so old. */
int64_t clock_stamp_before(const struct clock *clock, int64_t age_ms);

/*
 * A wait as libevent takes it. Below 0 is none; beyond 34 years it is 34 years, so that on a machine
 * whose time_t has 32 bits a timer may still add it to its clock.
 */
struct timeval clock_wait(int64_t wait_ms);

#endif
