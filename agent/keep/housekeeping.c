#include "keep/housekeeping.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/times.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define EVERY_MS INT64_C(60000)
#define SLICE_ROWS 50
/* Between slices that found nothing to do: a backlog older than store.retain is walked over, and
 * costs little of a core. */
#define PAUSE_MS 50
#define DAY_MS INT64_C(86400000)

struct housekeeping {
	const struct clock *clock;
	struct turn *turn;
	struct store *store;
	int64_t retain_ms;
	int checkpoint_fd;
	struct event *on_checkpoint;
	struct event *round_timer;
	struct event *pause_timer;
	bool is_keeping_house;
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

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct housekeeping *housekeeping = ctx;

	(void)fd;
	(void)what;
	housekeeping->is_keeping_house = true;
}

/* A slice of each. How much was done, and whether there may be more. */
static int keep_house(struct housekeeping *housekeeping, bool *ret_more)
{
	const struct clock *clock = housekeeping->clock;
	bool more_events = false, more_counts = false;
	int n_events = store_purge(housekeeping->store,
		clock_stamp_before(clock, housekeeping->retain_ms), SLICE_ROWS, &more_events);
	/* Yesterday still gains: what came then is counted when it is routed and settled. */
	int n_counts = store_fold_tally(housekeeping->store,
		time_day(clock_wall_ms(clock) - DAY_MS), SLICE_ROWS, &more_counts);

	if (n_events > 0)
		LOG_DEBUG("purged finished events", LOG_I("count", n_events));
	*ret_more = more_events || more_counts;
	return (n_events > 0 ? n_events : 0) + (n_counts > 0 ? n_counts : 0);
}

static void on_dispatch(void *ctx)
{
	static const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct housekeeping *housekeeping = ctx;
	bool more = false;

	if (!housekeeping->is_keeping_house || store_is_refusing(housekeeping->store))
		return;
	housekeeping->is_keeping_house = false;
	if (keep_house(housekeeping, &more) == 0 && more) {
		/* Failing, it is taken up in the next minute. */
		(void)event_add(housekeeping->pause_timer, &pause);
	} else if (more) {
		housekeeping->is_keeping_house = true;
		turn_wake(housekeeping->turn);
	}
}

static void on_release(void *ctx)
{
	struct housekeeping *housekeeping = ctx;

	if (!housekeeping->tail_is_due)
		return;
	housekeeping->tail_is_due = false;
	store_checkpoint_tail(housekeeping->store);
}

static int set_round_timer(struct housekeeping *housekeeping, int64_t every_ms)
{
	struct timeval every = clock_wait(every_ms);

	return event_add(housekeeping->round_timer, &every);
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
	housekeeping->round_timer = event_new(base, -1, EV_PERSIST, on_timer, housekeeping);
	housekeeping->pause_timer = event_new(base, -1, 0, on_timer, housekeeping);
	if (!housekeeping->on_checkpoint || !housekeeping->round_timer ||
		!housekeeping->pause_timer || event_add(housekeeping->on_checkpoint, NULL) < 0 ||
		set_round_timer(housekeeping, EVERY_MS) < 0)
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
	if (housekeeping->round_timer)
		event_free(housekeeping->round_timer);
	if (housekeeping->pause_timer)
		event_free(housekeeping->pause_timer);
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
	if (set_round_timer(housekeeping, retain_ms < EVERY_MS ? retain_ms : EVERY_MS) < 0)
		LOG_ERROR("the purge can't be timed anew, memory may be short");
}

void housekeeping_on_checkpoint(void *ctx)
{
	struct housekeeping *housekeeping = ctx;
	uint64_t one = 1;
	ssize_t n = write(housekeeping->checkpoint_fd, &one, sizeof(one));

	(void)n; /* a full eventfd says the same */
}
