#include "turn.h"

#include <stdlib.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "log.h"
#include "store/store.h"

struct turn {
	struct event_base *base;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	struct event *wake;
	struct turn_member members[TURN_MEMBERS_MAX];
	unsigned n_members;
	bool is_stopping;
};

/* Being active is all it is for: it makes event_base_loop() return. */
static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

struct turn *turn_new(struct event_base *base, struct store *store, struct metrics *metrics,
	const struct clock *clock)
{
	struct turn *turn = calloc(1, sizeof(*turn));

	if (!turn)
		return NULL;
	turn->base = base;
	turn->store = store;
	turn->metrics = metrics;
	turn->clock = clock;
	turn->wake = event_new(base, -1, 0, on_wake, NULL);
	if (!turn->wake) {
		free(turn);
		return NULL;
	}
	return turn;
}

void turn_free(struct turn *turn)
{
	if (!turn)
		return;
	event_free(turn->wake);
	free(turn);
}

void turn_add(struct turn *turn, const struct turn_member *member)
{
	if (turn->n_members == TURN_MEMBERS_MAX)
		abort(); /* main.c wires a fixed number of rooms */
	turn->members[turn->n_members++] = *member;
}

void turn_wake(struct turn *turn)
{
	event_active(turn->wake, EV_TIMEOUT, 1);
}

void turn_stop(struct turn *turn)
{
	turn->is_stopping = true;
	turn_wake(turn);
}

static void dispatch(struct turn *turn)
{
	for (unsigned i = 0; i < turn->n_members && !store_is_poisoned(turn->store); i++)
		if (turn->members[i].dispatch)
			turn->members[i].dispatch(turn->members[i].ctx);
}

/* True when everything of the turn is durable, or there was nothing. */
static bool commit(struct turn *turn)
{
	int64_t began_mono_us;

	if (store_is_poisoned(turn->store))
		return false;
	if (!store_is_dirty(turn->store))
		return true;
	began_mono_us = clock_mono_us(turn->clock);
	if (store_commit(turn->store) < 0)
		return false;
	metrics_observe(turn->metrics, METRIC_COMMIT_SECONDS, NULL,
		(double)(clock_mono_us(turn->clock) - began_mono_us) / 1e6);
	return true;
}

static void release(struct turn *turn)
{
	for (unsigned i = 0; i < turn->n_members; i++)
		if (turn->members[i].committed)
			turn->members[i].committed(turn->members[i].ctx);
	for (unsigned i = 0; i < turn->n_members; i++)
		if (turn->members[i].release)
			turn->members[i].release(turn->members[i].ctx);
}

static void poison(struct turn *turn)
{
	LOG_ERROR("turn poisoned: nothing of it was stored, nothing left the process",
		LOG_S("why", store_failure(turn->store)));
	metrics_add(turn->metrics, METRIC_TURNS_POISONED, NULL, NULL, 1);
	store_abandon(turn->store);
	for (unsigned i = 0; i < turn->n_members; i++)
		if (turn->members[i].poisoned)
			turn->members[i].poisoned(turn->members[i].ctx);
}

void turn_finish(struct turn *turn)
{
	dispatch(turn);
	if (commit(turn))
		release(turn);
	else
		poison(turn);
}

int turn_run(struct turn *turn)
{
	while (!turn->is_stopping) {
		if (event_base_loop(turn->base, EVLOOP_ONCE) < 0)
			return -1;
		turn_finish(turn);
	}
	return 0;
}
