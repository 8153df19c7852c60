/*
 * move.c - after the commit: what a settled answer does to its destination's breaker, hold,
 * credentials and pace, and whom to tell.
 */
#include <string.h>

#include "deliver_internal.h"
#include "log.h"

static void fail(struct destination *destination, enum breaker_cause cause)
{
	const struct config_destination *is = &destination->settings->is;
	const struct breaker_policy policy = {
		.failures = (unsigned)is->breaker_failures,
		.base_ms = is->retry_base_ms,
		.probe_ms = is->breaker_probe_ms,
	};
	struct deliver *deliver = destination->deliver;

	breaker_failure(&destination->breaker, &policy, cause, deliver_mono(deliver),
		clock_seed(deliver->options.clock));
}

/* What the answer holds against the destination. */
static enum breaker_cause find_cause(
	const struct destination *destination, const struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	enum outcome outcome = decision->verdict.outcome;
	bool is_held = destination->culprit.is_set;

	if (outcome == OUTCOME_UNREACHABLE)
		return BREAKER_UNREACHABLE;
	if (outcome == OUTCOME_HOLD)
		return decision->is_culprit || is_held ? BREAKER_HOLD : BREAKER_NO_CAUSE;
	if (decision->verdict.is_failure || (is_held && outcome == OUTCOME_RETRY))
		return is_held ? BREAKER_HOLD : BREAKER_FAILURES;
	return BREAKER_NO_CAUSE;
}

static void move_breaker(struct destination *destination, const struct claim *claim)
{
	enum outcome outcome = claim->decision.verdict.outcome;
	enum breaker_cause cause = find_cause(destination, claim);
	struct breaker *breaker = &destination->breaker;
	bool is_held = destination->culprit.is_set;
	bool is_late = breaker->state != BREAKER_CLOSED && !claim->is_probe;
	bool has_worked = !is_held && outcome != OUTCOME_REFRESH && outcome != OUTCOME_HOLD;

	if (is_late) {
		/* It left before the breaker opened: good news count, but none of a hold. */
		if (outcome == OUTCOME_DONE && !is_held)
			breaker_success(breaker);
	} else if (cause != BREAKER_NO_CAUSE) {
		fail(destination, cause);
	} else if (outcome == OUTCOME_DONE || has_worked) {
		breaker_success(breaker);
	} else {
		/* It tells nothing about the hold: another probe, at once. */
		breaker_probe_withdrawn(breaker, deliver_mono(destination->deliver));
	}
}

static void move_hold(struct destination *destination, const struct claim *claim)
{
	const struct decision *decision = &claim->decision;

	if (decision->is_culprit)
		hold_begin(destination, claim);
	else if (claim->is_probe && destination->culprit.is_set &&
		 decision->verdict.outcome == OUTCOME_HOLD)
		hold_go_on(destination, claim);
	if (decision->opens_hold) {
		destination->is_hold_open = true;
		deliver_alert(destination->deliver, "critical",
			"destination %s is held, it refuses every delivery: %s", destination->name,
			decision->reason);
	}
	if (decision->passes_hold)
		hold_end(destination, claim);
	if (decision->verdict.outcome == OUTCOME_DONE && !destination->culprit.is_set)
		destination->is_hold_left = false;
}

static void move_auth(struct destination *destination, const struct claim *claim)
{
	bool is_current = claim->auth_generation == destination->auth_generation;

	/* Single-flight: the first of several refusals reads the file, the others find it done. */
	if (claim->decision.verdict.outcome == OUTCOME_REFRESH && is_current)
		window_read_auth(destination);
	else if (claim->decision.verdict.outcome == OUTCOME_DONE && is_current)
		destination->is_auth_fresh = false;
}

static void move_pace(struct destination *destination, const struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	int64_t until_mono_ms = deliver_mono(destination->deliver) + decision->asked_ms;

	if (decision->asked_ms > 0 && until_mono_ms > destination->not_before_mono_ms)
		destination->not_before_mono_ms = until_mono_ms;
	if (decision->asked_too_long)
		deliver_alert(destination->deliver, "normal",
			"destination %s asks to wait for %lld hours: it is asked again in 24",
			destination->name, (long long)(claim->answer.asked_ms / 3600000));
}

/* One alarm when it stops taking deliveries, one word when it takes them again. */
static void tell_change(struct destination *destination, enum breaker_state was)
{
	struct deliver *deliver = destination->deliver;
	const struct breaker *breaker = &destination->breaker;
	bool is_up = breaker->state == BREAKER_CLOSED;

	if (is_up != (was == BREAKER_CLOSED)) {
		LOG_INFO(is_up ? "destination takes deliveries again"
			       : "destination takes no deliveries",
			LOG_S("destination", destination->name),
			LOG_S("cause", breaker_cause_word(breaker->cause)),
			LOG_S("reason", destination->reason));
		metrics_set(deliver->options.metrics, METRIC_DESTINATION_UP, destination->name,
			NULL, is_up ? 1 : 0);
	}
	if (!is_up && !destination->is_alarmed && breaker->cause != BREAKER_HOLD) {
		destination->is_alarmed = true;
		deliver_alert(deliver, "normal", "destination %s %s, its deliveries wait: %s",
			destination->name,
			breaker->cause == BREAKER_UNREACHABLE ? "cannot be reached" : "fails",
			destination->reason);
	} else if (is_up && destination->is_alarmed) {
		destination->is_alarmed = false;
		deliver_alert(
			deliver, "low", "destination %s takes deliveries again", destination->name);
	}
}

void window_move(struct destination *destination, const struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	const struct deliver *deliver = destination->deliver;
	enum breaker_state was = destination->breaker.state;

	metrics_add(deliver->options.metrics, METRIC_ATTEMPTS, destination->name,
		outcome_word(decision->verdict.outcome), 1);
	metrics_observe(deliver->options.metrics, METRIC_ATTEMPT_SECONDS, destination->name,
		(double)claim->answer.took_ms / 1000);
	if (decision->verdict.outcome == OUTCOME_DONE)
		destination->last_success_at_ms = decision->settlement.now_ms;
	else
		memcpy(destination->reason, decision->reason, sizeof(destination->reason));
	move_breaker(destination, claim);
	move_hold(destination, claim);
	move_auth(destination, claim);
	move_pace(destination, claim);
	/* HALF_OPEN was down already. */
	tell_change(destination, was);
}
