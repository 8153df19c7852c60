#include "loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>

struct event {
	TAILQ_ENTRY(event) link;
	event_callback_fn fn;
	void *ctx;
	int64_t at_ms;
	uint64_t nth; /* of those set: who was set first runs first */
	bool is_set, is_active;
};

static struct {
	TAILQ_HEAD(events, event) waiting;
	int64_t now_ms;
	uint64_t n_set;
} loop = { .waiting = TAILQ_HEAD_INITIALIZER(loop.waiting) };

void loop_reset(void)
{
	TAILQ_INIT(&loop.waiting);
	loop.now_ms = 0;
	loop.n_set = 0;
}

int64_t loop_now_ms(void)
{
	return loop.now_ms;
}

void loop_pass(int64_t ms)
{
	loop.now_ms += ms;
}

static void leave(struct event *event)
{
	if (event->is_set || event->is_active)
		TAILQ_REMOVE(&loop.waiting, event, link);
	event->is_set = false;
	event->is_active = false;
}

void loop_set(struct event *event, int64_t at_ms)
{
	leave(event);
	event->at_ms = at_ms;
	event->nth = ++loop.n_set;
	event->is_set = true;
	TAILQ_INSERT_TAIL(&loop.waiting, event, link);
}

static bool is_before(const struct event *a, const struct event *b)
{
	if (a->is_active != b->is_active)
		return a->is_active;
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->nth < b->nth;
}

static struct event *find_first(void)
{
	struct event *event, *first = NULL;

	TAILQ_FOREACH (event, &loop.waiting, link)
		if (!first || is_before(event, first))
			first = event;
	return first;
}

void loop_run_until(int64_t at_ms)
{
	struct event *event;

	while ((event = find_first()) && (event->is_active || event->at_ms <= at_ms)) {
		if (event->at_ms > loop.now_ms)
			loop.now_ms = event->at_ms;
		leave(event);
		event->fn(-1, EV_TIMEOUT, event->ctx);
	}
	loop.now_ms = at_ms;
}

/* --- what turns and timers ask of libevent --------------------------------------------------------- */

struct event *event_new(
	struct event_base *base, evutil_socket_t fd, short what, event_callback_fn fn, void *ctx)
{
	struct event *event = calloc(1, sizeof(*event));

	(void)base;
	(void)fd;
	(void)what;
	if (!event)
		return NULL;
	event->fn = fn;
	event->ctx = ctx;
	return event;
}

int event_add(struct event *event, const struct timeval *wait)
{
	loop_set(event, loop.now_ms + wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
	return 0;
}

int event_del(struct event *event)
{
	leave(event);
	return 0;
}

void event_free(struct event *event)
{
	leave(event);
	free(event);
}

void event_active(struct event *event, int result, short n_calls)
{
	(void)result;
	(void)n_calls;
	loop_set(event, loop.now_ms);
	event->is_active = true;
}

int event_base_loop(struct event_base *base, int flags)
{
	uint64_t n_set = loop.n_set;
	struct event *event = find_first();

	(void)base;
	(void)flags;
	if (event && !event->is_active && event->at_ms > loop.now_ms)
		loop.now_ms = event->at_ms;
	/* What these callbacks set is for the next turn. */
	while (event && event->nth <= n_set && (event->is_active || event->at_ms <= loop.now_ms)) {
		leave(event);
		event->fn(-1, EV_TIMEOUT, event->ctx);
		event = find_first();
	}
	return 0;
}
