#include "housekeeping.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define PURGE_EVERY_MS INT64_C(60000)
#define PURGE_ROWS 200

struct housekeeping {
	const struct clock *clock;
	struct turn *turn;
	struct store *store;
	int64_t retain_ms;
	int checkpoint_fd;
	struct event *on_checkpoint;
	struct event *purge_timer;
	bool is_purging;
	bool tail_is_due;
};

static void on_checkpoint_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
		housekeeping->tail_is_due = true;
}

static void on_purge_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct housekeeping *housekeeping = ctx;

	(void)fd;
	(void)what;
	housekeeping->is_purging = true;
}

static void on_dispatch(void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	bool more = false;
	int n;

	if (!housekeeping->is_purging)
		return;
	n = store_purge(housekeeping->store,
		clock_stamp_before(housekeeping->clock, housekeeping->retain_ms), PURGE_ROWS,
		&more);
	if (n > 0)
		LOG_DEBUG("purged finished events", LOG_I("count", n));
	housekeeping->is_purging = more;
	if (more)
		turn_wake(housekeeping->turn);
}

static void on_release(void *ctx)
{
	struct housekeeping *housekeeping = ctx;

	if (!housekeeping->tail_is_due)
		return;
	housekeeping->tail_is_due = false;
	store_checkpoint_tail(housekeeping->store);
}

static int set_purge_timer(struct housekeeping *housekeeping, int64_t every_ms)
{
	struct timeval every = { .tv_sec = every_ms / 1000, .tv_usec = every_ms % 1000 * 1000 };

	return event_add(housekeeping->purge_timer, &every);
}

struct housekeeping *housekeeping_new(struct event_base *base, const struct clock *clock)
{
	struct housekeeping *housekeeping = calloc(1, sizeof(*housekeeping));

	if (!housekeeping)
		return NULL;
	housekeeping->clock = clock;
	housekeeping->checkpoint_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (housekeeping->checkpoint_fd < 0)
		goto fail;
	housekeeping->on_checkpoint = event_new(base, housekeeping->checkpoint_fd,
		EV_READ | EV_PERSIST, on_checkpoint_ready, housekeeping);
	housekeeping->purge_timer = event_new(base, -1, EV_PERSIST, on_purge_timer, housekeeping);
	if (!housekeeping->on_checkpoint || !housekeeping->purge_timer ||
		event_add(housekeeping->on_checkpoint, NULL) < 0 ||
		set_purge_timer(housekeeping, PURGE_EVERY_MS) < 0)
		goto fail;
	return housekeeping;
fail:
	housekeeping_free(housekeeping);
	return NULL;
}

void housekeeping_free(struct housekeeping *housekeeping)
{
	if (!housekeeping)
		return;
	if (housekeeping->on_checkpoint)
		event_free(housekeeping->on_checkpoint);
	if (housekeeping->purge_timer)
		event_free(housekeeping->purge_timer);
	if (housekeeping->checkpoint_fd >= 0)
		(void)close(housekeeping->checkpoint_fd);
	free(housekeeping);
}

void housekeeping_attach(struct housekeeping *housekeeping, struct turn *turn, struct store *store)
{
	housekeeping->turn = turn;
	housekeeping->store = store;
	turn_add(turn, &(struct turn_member){ .name = "housekeeping",
			       .dispatch = on_dispatch,
			       .release = on_release,
			       .ctx = housekeeping });
}

void housekeeping_set_retain(struct housekeeping *housekeeping, int64_t retain_ms)
{
	housekeeping->retain_ms = retain_ms;
	/* What is kept for seconds isn't kept for a minute. */
	if (set_purge_timer(housekeeping, retain_ms < PURGE_EVERY_MS ? retain_ms : PURGE_EVERY_MS) <
		0)
		LOG_ERROR("the purge can't be timed anew, memory may be short");
}

void housekeeping_on_checkpoint(void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	uint64_t one = 1;
	ssize_t n = write(housekeeping->checkpoint_fd, &one, sizeof(one));

	(void)n; /* a full eventfd says the same */
}
