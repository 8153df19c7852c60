#include "turn.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/error.h"
#include "dray/metrics.h"
#include "log.h"
#include "store/store.h"

#define LOOK_EVERY_S 1

struct turn {
	struct event_base *base;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	struct event *wake;
	struct event *look_timer;
	bool look_is_due;
	bool has_failed; /* to replace a broken store */
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

static void on_look_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	((struct turn *)ctx)->look_is_due = true;
}

struct turn *turn_new(struct event_base *base, struct store *store, struct metrics *metrics,
	const struct clock *clock)
{
	static const struct timeval every = { .tv_sec = LOOK_EVERY_S };
	struct turn *turn = calloc(1, sizeof(*turn));

	if (!turn)
		return NULL;
	turn->base = base;
	turn->store = store;
	turn->metrics = metrics;
	turn->clock = clock;
	turn->wake = event_new(base, -1, 0, on_wake, NULL);
	turn->look_timer = event_new(base, -1, EV_PERSIST, on_look_timer, turn);
	if (!turn->wake || !turn->look_timer || event_add(turn->look_timer, &every) < 0) {
		turn_free(turn);
		return NULL;
	}
	return turn;
}

void turn_free(struct turn *turn)
{
	if (!turn)
		return;
	if (turn->wake)
		event_free(turn->wake);
	if (turn->look_timer)
		event_free(turn->look_timer);
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

/* What the store was is set aside; a fresh one takes its place. */
static void replace(struct turn *turn)
{
	struct error err = { 0 };
	char kept[256];
	const char *why = kept;
	const char *error = err.message;

	(void)snprintf(kept, sizeof(kept), "%s", store_broken(turn->store));
	if (store_replace(turn->store, &err) < 0) {
		LOG_ERROR("the database is broken and can't be replaced, trying again",
			LOG_S("why", why), LOG_S("error", error));
		return;
	}
	LOG_ERROR("the database is broken: it was set aside, a fresh one has taken its place",
		LOG_S("why", why));
	for (unsigned i = 0; i < turn->n_members; i++)
		if (turn->members[i].replaced)
			turn->members[i].replaced(turn->members[i].ctx);
	turn_wake(turn);
}

/* At once, and when that fails again each second. */
static void mend(struct turn *turn)
{
	if (turn->look_is_due)
		store_look(turn->store);
	if (store_broken(turn->store) && (!turn->has_failed || turn->look_is_due))
		replace(turn);
	turn->has_failed = store_broken(turn->store) != NULL;
	turn->look_is_due = false;
}

void turn_finish(struct turn *turn)
{
	dispatch(turn);
	if (commit(turn))
		release(turn);
	else
		poison(turn);
	mend(turn);
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
