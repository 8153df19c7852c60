/*
 * window.c - the window of one destination: how many requests may leave, what answers do to
 * it, and when to look again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "log.h"
#include "turn.h"

static void on_time(evutil_socket_t fd, short what, void *ctx)
{
	struct destination *destination = ctx;

	(void)fd;
	(void)what;
	destination->timer_mono_ms = 0;
	turn_wake(destination->deliver->options.turn);
}

struct destination *window_new(struct deliver *deliver, const char *name)
{
	struct destination *destination = calloc(1, sizeof(*destination));

	if (!destination)
		return NULL;
	destination->deliver = deliver;
	destination->name = strdup(name);
	destination->timer = evtimer_new(deliver->options.base, on_time, destination);
	if (!destination->name || !destination->timer) {
		window_free(destination);
		return NULL;
	}
	destination->may_have_ready = true;
	destination->may_have_suspects = true;
	destination->is_hold_left = true;
	return destination;
}

static void forget_revisions(struct destination *destination)
{
	revision_unref(destination->current);
	destination->current = NULL;
	for (size_t i = 0; i < REVISIONS_KEPT; i++) {
		revision_unref(destination->older[i]);
		destination->older[i] = NULL;
	}
}

void window_free(struct destination *destination)
{
	if (!destination)
		return;
	limit_leave(destination);
	credential_free(destination->credential);
	forget_revisions(destination);
	line_unref(destination->line);
	settings_free(destination->settings);
	if (destination->timer)
		event_free(destination->timer);
	free(destination->name);
	free(destination);
}

void window_configure(struct destination *destination, struct settings *settings, struct line *line,
	struct revision *revision, struct credential *credential)
{
	/* It borrows from what goes below. */
	credential_free(destination->credential);
	destination->credential = credential;
	destination->noted_failure = 0;
	destination->has_credential_failed = false;
	forget_revisions(destination);
	destination->current = revision;
	settings_free(destination->settings);
	destination->settings = settings;
	line_unref(destination->line);
	destination->line = line;
	destination->is_configured = true;
	/* What was to be looked up may not be so any more, or can be now. */
	destination->may_have_suspects = true;
	destination->next_look_at_ms = 0;
	window_expect_ready(destination, 1);
}

void window_replaced(struct destination *destination)
{
	if (destination->current)
		destination->current->id = 0;
	for (size_t i = 0; i < REVISIONS_KEPT; i++) {
		revision_unref(destination->older[i]);
		destination->older[i] = NULL;
	}
	destination->recovery = RECOVERY_DUE;
	destination->may_have_suspects = true;
	destination->next_due_at_ms = 0;
	destination->next_look_at_ms = 0;
	destination->is_hold_left = true;
	/* The answer that named it is dropped. */
	destination->is_culprit_named = false;
	window_expect_ready(destination, 1);
}

void window_expect_ready(struct destination *destination, unsigned n)
{
	destination->may_have_ready = true;
	destination->unseen += n;
}

void window_wait(struct destination *destination, int64_t wait_ms)
{
	int64_t until_mono_ms = deliver_mono(destination->deliver) + wait_ms;

	if (wait_ms > 0 && until_mono_ms > destination->not_before_mono_ms)
		destination->not_before_mono_ms = until_mono_ms;
}

int64_t window_wait_ms(const struct destination *destination)
{
	int64_t wait_ms = destination->not_before_mono_ms - deliver_mono(destination->deliver);

	return wait_ms > 0 ? wait_ms : 0;
}

bool window_may_ask(struct destination *destination)
{
	const struct breaker *breaker = &destination->breaker;
	int64_t now_mono_ms = deliver_mono(destination->deliver);
	bool is_due = breaker->state == BREAKER_OPEN && now_mono_ms >= breaker->probe_mono_ms;

	return (breaker->state == BREAKER_CLOSED || is_due) && window_wait_ms(destination) == 0 &&
	       limit_free(destination->limit, now_mono_ms) > 0;
}

unsigned window_slots(struct destination *destination)
{
	int64_t now_mono_ms = deliver_mono(destination->deliver);

	if (!window_may_ask(destination) || !breaker_allows(&destination->breaker, now_mono_ms))
		return 0;
	if (destination->breaker.state == BREAKER_HALF_OPEN || limit_is_shared(destination->limit))
		return 1;
	return limit_free(destination->limit, now_mono_ms);
}

/* --- looking again ------------------------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/*
 * When READY rows may go, as far as time alone brings it. INT64_MAX: an answer or nothing will. What
 * was possible when this turn looked is done; what became so since, in a slow commit, is not.
 */
static int64_t next_chance_mono(struct destination *destination, int64_t now_mono_ms)
{
	const struct deliver *deliver = destination->deliver;
	struct limit *limit = destination->limit;
	int64_t looked_mono_ms = deliver->looked_mono_ms;
	int64_t at_mono_ms = later(deliver->claims_from_mono_ms, destination->serve_from_mono_ms);

	bool may_have_some = destination->may_have_ready || lookup_is_due(destination);

	if (!may_have_some || destination->breaker.state == BREAKER_HALF_OPEN ||
		limit->in_flight >= limit->concurrency ||
		store_destination_is_paused(deliver->options.store, destination->id))
		return INT64_MAX;
	if (destination->breaker.state == BREAKER_OPEN)
		at_mono_ms = later(at_mono_ms, destination->breaker.probe_mono_ms);
	at_mono_ms = later(at_mono_ms, destination->not_before_mono_ms);
	at_mono_ms =
		later(at_mono_ms, looked_mono_ms + bucket_wait_ms(&limit->bucket, looked_mono_ms));
	/* Only the culprit is there, and its time has not come. */
	if (destination->culprit.is_set && at_mono_ms <= looked_mono_ms)
		at_mono_ms = destination->culprit.probe_mono_ms;
	/* All of it was possible and not done: it waits for others of its batch. */
	return at_mono_ms > looked_mono_ms ? later(at_mono_ms, now_mono_ms + 1) : INT64_MAX;
}

static int64_t from_steady(int64_t at_ms, int64_t now_ms, int64_t now_mono_ms)
{
	return at_ms > now_ms ? now_mono_ms + (at_ms - now_ms) : now_mono_ms + 1;
}

void window_arm(struct destination *destination)
{
	int64_t now_ms = deliver_now(destination->deliver);
	int64_t now_mono_ms = deliver_mono(destination->deliver);
	int64_t at_mono_ms = next_chance_mono(destination, now_mono_ms);
	int64_t wait_ms;

	if (destination->next_due_at_ms != INT64_MAX)
		at_mono_ms = sooner(
			at_mono_ms, from_steady(destination->next_due_at_ms, now_ms, now_mono_ms));
	if (lookup_is_awaited(destination))
		at_mono_ms = sooner(
			at_mono_ms, from_steady(lookup_next_ms(destination), now_ms, now_mono_ms));
	if (destination->linger_until_ms > 0)
		at_mono_ms = sooner(
			at_mono_ms, from_steady(destination->linger_until_ms, now_ms, now_mono_ms));
	at_mono_ms = later(at_mono_ms, destination->serve_from_mono_ms);
	if (at_mono_ms == INT64_MAX || at_mono_ms == destination->timer_mono_ms)
		return;
	destination->timer_mono_ms = at_mono_ms;
	wait_ms = at_mono_ms - now_mono_ms;
	/* The machine may sleep meanwhile: no look is further away than a minute. */
	if (wait_ms > 60000)
		wait_ms = 60000;
	struct timeval wait = clock_wait(wait_ms);
	if (evtimer_add(destination->timer, &wait) != 0)
		LOG_ERROR("a timer could not be set, memory may be short",
			LOG_S("destination", destination->name));
}
