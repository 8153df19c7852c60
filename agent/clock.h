/*
 * clock.h - the only clock and the only entropy of the agent.
 *
 * Rooms get a `const struct clock *` and never ask the system themselves, so that a test hands in a
 * simulated one. Wall clock: ms since the Unix epoch, may jump. Monotonic: ms, never does.
 */
#ifndef DRAY_CLOCK_H
#define DRAY_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*wall_ms)(void *ctx);
	int64_t (*mono_us)(void *ctx);
	void (*entropy)(void *ctx, void *bytes, size_t len);
	/* The kernel says the wall clock is synchronised (adjtimex). */
	bool (*is_synchronised)(void *ctx);
	void *ctx;
};

/* The system's. Static; its entropy is getrandom(2). */
const struct clock *clock_system(void);

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);
int64_t clock_mono_us(const struct clock *clock);
uint64_t clock_seed(const struct clock *clock); /* 64 bits of entropy */

/*
 * May an age on the wall clock be believed? Not while wall and monotonic clock have come apart by an
 * hour since the watch was started, until the kernel says that the clock is synchronised.
 */
struct clock_watch {
	const struct clock *clock;
	int64_t wall_minus_mono_ms; /* at the start */
};
void clock_watch_start(struct clock_watch *watch, const struct clock *clock);
bool clock_watch_trusts(const struct clock_watch *watch);

#endif
