#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>

#define APART_MAX_MS 3600000

static int64_t system_wall_ms(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_us(void *ctx)
{
	struct timespec now;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Without entropy there are no ids and no jitter: nothing sensible can go on. */
static void system_entropy(void *ctx, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	(void)ctx;
	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		at += n;
		len -= (size_t)n;
	}
}

static bool system_is_synchronised(void *ctx)
{
	struct timex state = { .modes = 0 };

	(void)ctx;
	return adjtimex(&state) != TIME_ERROR;
}

const struct clock *clock_system(void)
{
	static const struct clock clock = {
		.wall_ms = system_wall_ms,
		.mono_us = system_mono_us,
		.entropy = system_entropy,
		.is_synchronised = system_is_synchronised,
	};

	return &clock;
}

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock->wall_ms(clock->ctx);
}

int64_t clock_mono_ms(const struct clock *clock)
{
	return clock->mono_us(clock->ctx) / 1000;
}

int64_t clock_mono_us(const struct clock *clock)
{
	return clock->mono_us(clock->ctx);
}

uint64_t clock_seed(const struct clock *clock)
{
	uint64_t seed;

	clock->entropy(clock->ctx, &seed, sizeof(seed));
	return seed;
}

static int64_t wall_minus_mono(const struct clock *clock)
{
	return clock_wall_ms(clock) - clock_mono_ms(clock);
}

void clock_watch_start(struct clock_watch *watch, const struct clock *clock)
{
	*watch = (struct clock_watch){ clock, wall_minus_mono(clock) };
}

bool clock_watch_trusts(const struct clock_watch *watch)
{
	int64_t apart_ms = wall_minus_mono(watch->clock) - watch->wall_minus_mono_ms;

	return llabs(apart_ms) < APART_MAX_MS || watch->clock->is_synchronised(watch->clock->ctx);
}
