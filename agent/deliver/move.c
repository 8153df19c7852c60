/*
 * move.c - after the commit: what a settled answer does to its destination's breaker, hold,
 * credentials and pace, and whom to tell.
 */
#include <string.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "log.h"

void window_fail(struct destination *destination, enum breaker_cause cause)
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
	/* Where the program needed no request nobody was asked. */
	bool is_asked = claim->n_requests > 0;
	bool has_worked =
		!is_held && is_asked && outcome != OUTCOME_REFRESH && outcome != OUTCOME_HOLD;

	if (is_late) {
		/* It left before the breaker opened: good news count, but none of a hold. */
		if (outcome == OUTCOME_DONE && !is_held && is_asked)
			breaker_success(breaker);
	} else if (cause != BREAKER_NO_CAUSE) {
		window_fail(destination, cause);
	} else if ((outcome == OUTCOME_DONE && is_asked) || has_worked) {
		breaker_success(breaker);
	} else if (claim->is_probe) {
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
		LOG_WARNING("destination is held, it refuses every delivery",
			LOG_S("destination", destination->name),
			LOG_S("reason", decision->fate.reason));
		deliver_alert(destination->deliver, "critical",
			"destination %s is held, it refuses every delivery: %s", destination->name,
			decision->fate.reason);
	}
	if (decision->passes_hold)
		hold_end(destination, claim);
	if (decision->verdict.outcome == OUTCOME_DONE && !destination->culprit.is_set) {
		destination->is_hold_left = false;
		hold_lift(destination);
	}
}

static void move_credential(struct destination *destination, const struct claim *claim)
{
	if (claim->n_requests == 0)
		return;
	/* Also where it holds the destination: the probe has another one. */
	if (claim_is_unauthorized(claim))
		credential_refused(destination->credential, claim->credential_generation);
	else if (claim->decision.verdict.outcome == OUTCOME_DONE || claim_status(claim) / 100 == 2)
		credential_accepted(destination->credential, claim->credential_generation);
}

static void move_pace(struct destination *destination, const struct claim *claim)
{
	long long asked_h = (long long)(claim->decision.asked_too_long_ms / 3600000);
	/* Of what was out together each answer asks for it. */
	bool is_told = window_wait_ms(destination) > DAY_MS / 2;

	window_wait(destination, claim->decision.asked_ms);
	if (claim->decision.asked_too_long_ms == 0 || is_told)
		return;
	LOG_WARNING("destination asks for a long wait, it is asked again in 24 hours",
		LOG_S("destination", destination->name), LOG_I("hours", asked_h));
	deliver_alert(destination->deliver, "normal",
		"destination %s asks to wait for %lld hours: it is asked again in 24",
		destination->name, asked_h);
}

static void tell_up(struct destination *destination)
{
	LOG_INFO("destination takes deliveries again", LOG_S("destination", destination->name));
	if (!destination->is_alarmed)
		return;
	destination->is_alarmed = false;
	deliver_alert(destination->deliver, "low", "destination %s takes deliveries again",
		destination->name);
}

static void tell_down(struct destination *destination, bool is_alarm)
{
	enum breaker_cause cause = destination->breaker.cause;

	LOG_WARNING("destination takes no deliveries", LOG_S("destination", destination->name),
		LOG_S("cause", breaker_cause_word(cause)), LOG_S("reason", destination->reason));
	if (!is_alarm)
		return;
	destination->is_alarmed = true;
	deliver_alert(destination->deliver, "normal", "destination %s %s, its deliveries wait: %s",
		destination->name, cause == BREAKER_UNREACHABLE ? "cannot be reached" : "fails",
		destination->reason);
}

/*
 * One alarm when it stops taking deliveries, one word when it takes them again. What a hold comes to
 * its probe will tell.
 */
void window_tell_change(struct destination *destination, enum breaker_state was)
{
	bool was_up = was == BREAKER_CLOSED;
	bool is_up = destination->breaker.state == BREAKER_CLOSED;
	bool is_alarm =
		!is_up && !destination->is_alarmed && destination->breaker.cause != BREAKER_HOLD;

	if (is_up && !was_up)
		tell_up(destination);
	else if (is_alarm || (was_up && !is_up))
		tell_down(destination, is_alarm);
}

static void note_reason(struct destination *destination, const struct decision *decision)
{
	if (decision->verdict.outcome != OUTCOME_DONE) {
		memcpy(destination->reason, decision->fate.reason, sizeof(destination->reason));
		return;
	}
	destination->last_success_at_ms = decision->now_ms;
	/* One that came in late doesn't explain why the others wait. */
	if (destination->breaker.state == BREAKER_CLOSED)
		destination->reason[0] = '\0';
}

static void forget_probes_in(const struct claims *claims, const struct destination *destination)
{
	struct claim *claim;

	TAILQ_FOREACH (claim, claims, link)
		if (claim->destination == destination)
			claim->is_probe = false;
}

/* A probe that is still out when another request has closed the breaker is a request like others:
 * when the breaker opens again, there is another probe. */
static void forget_probes(const struct destination *destination)
{
	forget_probes_in(&destination->deliver->mapping, destination);
	forget_probes_in(&destination->deliver->sent, destination);
	forget_probes_in(&destination->deliver->answered, destination);
	forget_probes_in(&destination->deliver->stepped, destination);
}

static void count_attempt(const struct destination *destination, const struct claim *claim)
{
	struct metrics *metrics = destination->deliver->options.metrics;

	if (claim->op != CONNECTOR_DELIVER)
		return;
	metrics_add(metrics, METRIC_ATTEMPTS, destination->name,
		outcome_word(claim->decision.verdict.outcome), 1);
	if (claim->n_requests > 0)
		metrics_observe(metrics, METRIC_ATTEMPT_SECONDS, destination->name,
			(double)claim->answer.took_ms / 1000);
}

void window_move(struct destination *destination, const struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	enum breaker_state was = destination->breaker.state;

	count_attempt(destination, claim);
	move_breaker(destination, claim);
	move_hold(destination, claim);
	move_credential(destination, claim);
	move_pace(destination, claim);
	if (was != BREAKER_CLOSED && destination->breaker.state == BREAKER_CLOSED)
		forget_probes(destination);
	if (decision->verdict.outcome == OUTCOME_DONE)
		destination->has_blamed = false;
	note_reason(destination, decision);
	/* HALF_OPEN was down already. */
	window_tell_change(destination, was);
}
