#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MAX_MS (INT64_C(1000) << 30)

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_ms(void *ctx)
{
	(void)ctx;
	return read_us(CLOCK_REALTIME) / 1000;
}

static int64_t system_mono_us(void *ctx)
{
	(void)ctx;
	return read_us(CLOCK_MONOTONIC);
}

static int64_t system_boot_ms(void *ctx)
{
	(void)ctx;
	return read_us(CLOCK_BOOTTIME) / 1000;
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

	int status = adjtimex(&state);

	(void)ctx;
	return status >= 0 && status != TIME_ERROR;
}

/* See random(4). */
static void system_boot_id(void *ctx, char out[TIMELINE_ID_MAX])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, TIMELINE_ID_MAX - 1);

	(void)ctx;
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, " \n")] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

const struct clock *clock_system(void)
{
	static const struct clock clock = {
		.wall_ms = system_wall_ms,
		.mono_us = system_mono_us,
		.entropy = system_entropy,
		.is_synchronised = system_is_synchronised,
		.boot_ms = system_boot_ms,
		.boot_id = system_boot_id,
	};

	return &clock;
}

static int64_t boot_ms(const struct clock *clock)
{
	return clock->boot_ms ? clock->boot_ms(clock->ctx) : clock_mono_ms(clock);
}

int64_t clock_steady_ms(const struct clock *clock)
{
	return clock->timeline ? timeline_steady(clock->timeline, boot_ms(clock))
			       : clock->wall_ms(clock->ctx);
}

int64_t clock_wall_ms(const struct clock *clock)
{
	return clock_wall_of(clock, clock_steady_ms(clock));
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

int64_t clock_boot_from_ms(const struct clock *clock)
{
	const struct timeline *timeline = clock->timeline;

	return timeline && timeline->n > 0 ? timeline->boots[timeline->n - 1].from_ms : 0;
}

struct timeline_reading clock_read(const struct clock *clock)
{
	return (struct timeline_reading){
		.boot_ms = boot_ms(clock),
		.wall_ms = clock->wall_ms(clock->ctx),
		.is_vouched = clock->is_synchronised(clock->ctx),
	};
}

int64_t clock_wall_of(const struct clock *clock, int64_t at_ms)
{
	return clock->timeline ? timeline_wall(clock->timeline, at_ms) : at_ms;
}

int64_t clock_stamp_of(const struct clock *clock, int64_t wall_ms)
{
	return clock->timeline ? timeline_stamp(clock->timeline, wall_ms) : wall_ms;
}

static int64_t age_of(const struct clock *clock, int64_t at_ms,
	int64_t (*fn)(const struct timeline *timeline, int64_t at_ms, int64_t now_ms))
{
	int64_t now_ms = clock_steady_ms(clock);

	if (clock->timeline)
		return fn(clock->timeline, at_ms, now_ms);
	return now_ms > at_ms ? now_ms - at_ms : 0;
}

int64_t clock_age(const struct clock *clock, int64_t at_ms)
{
	return age_of(clock, at_ms, timeline_age);
}

int64_t clock_age_least(const struct clock *clock, int64_t at_ms)
{
	return age_of(clock, at_ms, timeline_least);
}

int64_t clock_age_most(const struct clock *clock, int64_t at_ms)
{
	return age_of(clock, at_ms, timeline_most);
}

bool clock_may_learn_age(const struct clock *clock, int64_t at_ms)
{
	return clock->timeline &&
	       timeline_may_learn(clock->timeline, at_ms, clock_steady_ms(clock));
}

int64_t clock_stamp_before(const struct clock *clock, int64_t age_ms)
{
	int64_t now_ms = clock_steady_ms(clock);

	return clock->timeline ? timeline_before(clock->timeline, age_ms, now_ms) : now_ms - age_ms;
}

struct timeval clock_wait(int64_t wait_ms)
{
	int64_t ms = wait_ms < 0 ? 0 : wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms;

	return (struct timeval){ .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}
