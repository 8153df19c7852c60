/*
 * decide.c - from an answer to what becomes of its deliveries. Made once per answer: a turn that is
 * repeated after poison settles the same, due times and jitter included.
 */
#include <stdio.h>
#include <string.h>

#include "deliver_internal.h"
#include "dray/retry.h"

static int64_t oldest_doubt(const struct claim *claim)
{
	int64_t oldest_ms = 0;

	for (size_t i = 0; i < claim->n; i++) {
		int64_t at_ms = claim->members[i].doubt_at_ms;

		if (at_ms > 0 && (oldest_ms == 0 || at_ms < oldest_ms))
			oldest_ms = at_ms;
	}
	return oldest_ms;
}

/*
 * 0: there is none. One of an age that may yet be known is as young as can be, so that it leads to no
 * exception; dispatch lets it wait.
 */
static int64_t doubt_age(const struct claim *claim)
{
	const struct clock *clock = claim->deliver->options.clock;
	int64_t at_ms = oldest_doubt(claim), age_ms;

	if (at_ms == 0)
		return 0;
	age_ms = clock_age_most(clock, at_ms);
	if (age_ms == TIMELINE_UNKNOWN && clock_may_learn_age(clock, at_ms))
		age_ms = 0;
	return age_ms > 0 ? age_ms : 1;
}

static struct outcome_verdict classify(const struct claim *claim)
{
	const struct config_destination *is = &claim->destination->settings->is;
	const struct outcome_input input = {
		.transport = claim->answer.transport,
		.status = claim->answer.status,
		.mode = is->idempotency == CONFIG_IDEMPOTENCY_NONE ? OUTCOME_MODE_NONE
								   : OUTCOME_MODE_HEADER,
		.resend_on_doubt = is->resend_on_doubt,
		.is_csrf_refusal = claim->answer.is_csrf_refusal,
		.is_refreshed = claim->is_refreshed,
		.batch_count = (unsigned)claim->n,
		.doubt_age_ms = doubt_age(claim),
		.settle_ms = is->settle_ms,
		.key_lifetime_ms = is->idempotency_lifetime_ms,
	};

	return outcome_classify(&input);
}

/* What happened, in words: the other side's own where it had some. */
static void describe(const struct claim *claim, char *out, size_t size)
{
	char words[REASON_MAX / 2] = "";

	if (claim->answer.transport != TRANSPORT_ANSWERED) {
		(void)snprintf(out, size, "%s", claim->answer.error);
		return;
	}
	connector_read_refusal(
		claim->answer.body.data, claim->answer.body.len, words, sizeof(words));
	if (words[0])
		(void)snprintf(out, size, "%s", words);
	else
		(void)snprintf(out, size, "%s answered %d without saying why",
			claim->destination->name, claim->answer.status);
}

static void become_exception(struct claim *claim, const char *kind, const char *severity)
{
	struct decision *decision = &claim->decision;

	decision->settlement.to = DELIVERY_EXCEPTION;
	decision->settlement.exception_passes = claim->destination->settings->is.exception_passes;
	decision->kind = kind;
	decision->severity = severity;
}

static void become_done(struct claim *claim)
{
	const struct destination *destination = claim->destination;
	struct decision *decision = &claim->decision;

	decision->settlement.to = DELIVERY_DONE;
	/* A batch's answer names no single record. */
	if (claim->n == 1)
		connector_read_ref(claim->answer.body.data, claim->answer.body.len, decision->ref,
			sizeof(decision->ref));
	decision->settlement.ref = decision->ref[0] ? decision->ref : NULL;
	decision->passes_hold = claim->is_probe && destination->culprit.is_set;
}

static void become_unknown(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	char words[REASON_MAX / 2];

	become_exception(claim, "unknown", "critical");
	(void)snprintf(words, sizeof(words), "%.*s", REASON_MAX / 2 - 1, decision->reason);
	(void)snprintf(decision->reason, sizeof(decision->reason),
		"it may have been applied, look at %s before it is sent again: %s",
		claim->destination->name, words);
}

static void become_retry(struct claim *claim, int64_t now_ms)
{
	const struct config_destination *is = &claim->destination->settings->is;
	const struct member *member = &claim->members[0];
	const struct clock *clock = claim->deliver->options.clock;
	struct decision *decision = &claim->decision;
	const struct retry_policy policy = {
		.base_ms = is->retry_base_ms,
		.max_ms = is->retry_max_ms,
		.give_up_ms = is->retry_give_up_ms,
	};
	char words[REASON_MAX / 2];

	decision->asked_too_long = claim->answer.asked_ms > DAY_MS;
	if (claim->answer.asked_ms > 0)
		decision->asked_ms = decision->asked_too_long ? DAY_MS : claim->answer.asked_ms;
	decision->settlement.to = DELIVERY_WAITING;
	if (retry_next_due(&policy, member->attempts,
		    now_ms - clock_age_least(clock, member->first_at_ms), decision->asked_ms,
		    now_ms, clock_seed(clock), &decision->settlement.due_at_ms))
		return;
	decision->settlement.due_at_ms = 0;
	/* Its members may be sent again one by one, under other keys: a person must look first. */
	if (claim->n > 1 && (!decision->verdict.is_proven || claim_is_doubted(claim))) {
		become_unknown(claim);
		return;
	}
	become_exception(claim, "gave_up", "normal");
	(void)snprintf(words, sizeof(words), "%.*s", REASON_MAX / 2 - 1, decision->reason);
	(void)snprintf(decision->reason, sizeof(decision->reason),
		"gave up after %u attempts, the last: %s", member->attempts, words);
}

static void become_held(struct claim *claim)
{
	struct destination *destination = claim->destination;
	struct decision *decision = &claim->decision;
	bool may_open = destination->breaker.state == BREAKER_CLOSED || claim->is_probe;

	if (destination->culprit.is_set) {
		decision->opens_hold = claim->is_probe && !destination->is_hold_open;
	} else if (may_open && !destination->is_culprit_named) {
		destination->is_culprit_named = true;
		decision->is_culprit = true;
	}
}

/* Another has passed since it was refused: the destination is not at fault this time. But for one
 * delivery after each that passes: the second may be refused for the destination's sake. */
static bool is_to_blame(struct claim *claim)
{
	struct destination *destination = claim->destination;

	if (destination->culprit.is_set || destination->has_blamed ||
		!hold_is_passed(destination, claim->members[0].seq))
		return false;
	destination->has_blamed = true;
	return true;
}

static void become_refused(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	decision->verdict.outcome = claim->n > 1 ? OUTCOME_SPLIT : OUTCOME_REJECT;
	if (claim->n > 1 && claim_is_doubted(claim))
		decision->verdict.outcome = OUTCOME_UNKNOWN;
}

static void decide_by_outcome(struct claim *claim, int64_t now_ms)
{
	struct decision *decision = &claim->decision;
	struct store_settlement *settlement = &decision->settlement;

	switch (decision->verdict.outcome) {
	case OUTCOME_DONE:
		become_done(claim);
		return;
	case OUTCOME_RETRY:
		become_retry(claim, now_ms);
		return;
	case OUTCOME_UNKNOWN:
		become_unknown(claim);
		return;
	case OUTCOME_REJECT:
		become_exception(claim, "rejected", "normal");
		return;
	case OUTCOME_SPLIT:
		settlement->leaves_batch = true;
		break;
	case OUTCOME_HOLD:
		become_held(claim);
		break;
	case OUTCOME_UNREACHABLE:
	case OUTCOME_REFRESH:
		break;
	}
	/* Sent again as soon as the destination may be asked; it made no attempt at the event. */
	settlement->to = DELIVERY_READY;
	settlement->attempt_is_void = decision->verdict.is_proven;
}

void claim_decide(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	int64_t now_ms = deliver_now(claim->deliver);

	if (decision->is_made)
		return;
	memset(decision, 0, sizeof(*decision));
	decision->is_made = true;
	decision->verdict = classify(claim);
	decision->settlement.now_ms = now_ms;
	decision->settlement.status = claim->answer.status;
	decision->settlement.is_proven = decision->verdict.is_proven;
	if (decision->verdict.outcome != OUTCOME_DONE)
		describe(claim, decision->reason, sizeof(decision->reason));
	if (decision->verdict.outcome == OUTCOME_HOLD && is_to_blame(claim))
		become_refused(claim);
	decide_by_outcome(claim, now_ms);
}
