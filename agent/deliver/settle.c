/*
 * settle.c - writing a decision in the turn's transaction. What moves in memory moves after the
 * commit (window.c, hold.c), so that a poisoned turn has nothing to take back here.
 */
#include <stdio.h>

#include "deliver_internal.h"

static int settle_member(struct claim *claim, const struct member *member)
{
	const struct decision *decision = &claim->decision;
	struct store_settlement settlement = decision->settlement;
	struct store *store = claim->deliver->options.store;
	int id = claim->destination->id;
	char code[16] = "";

	settlement.previous_doubt_at_ms = member->doubt_at_ms;
	if (store_settle(store, id, member->seq, &settlement) != 0)
		return -1;
	if (settlement.to == DELIVERY_DONE)
		news_add_delivery(claim, member, decision->ref);
	/* An attempt that reached nobody is none of the event's. */
	bool is_plain = settlement.to == DELIVERY_DONE && member->attempts <= 1;
	if (!is_plain && decision->verdict.outcome != OUTCOME_UNREACHABLE &&
		store_put_attempt(store, id, member->seq, member->attempts, claim->claimed_at_ms,
			claim->answer.took_ms, outcome_word(decision->verdict.outcome),
			claim->answer.status, decision->reason) != 0)
		return -1;
	if (!decision->kind)
		return 0;
	if (claim->answer.status > 0)
		(void)snprintf(code, sizeof(code), "%d", claim->answer.status);
	return exception_open(claim, member, decision->kind, decision->severity, code,
		decision->reason, settlement.now_ms);
}

static int settle_hold(struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	struct destination *destination = claim->destination;
	int64_t now_ms = decision->settlement.now_ms;

	if (decision->opens_hold && hold_open_exception(destination, decision->reason, now_ms) != 0)
		return -1;
	if (decision->passes_hold && !destination->culprit.is_cleared &&
		!hold_is_culprit(destination, claim->members[0].seq, claim->batch) &&
		hold_reject_culprit(destination, now_ms) != 0)
		return -1;
	if (decision->verdict.outcome == OUTCOME_DONE &&
		(destination->is_hold_open || destination->is_hold_left) &&
		(decision->passes_hold || !destination->culprit.is_set) &&
		store_resolve_hold(claim->deliver->options.store, destination->id,
			"the destination accepts again", now_ms) != 0)
		return -1;
	return 0;
}

/* The wait that was asked for outlives a restart. */
static int settle_pace(struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	const struct destination *destination = claim->destination;
	struct store *store = claim->deliver->options.store;
	int64_t asked_at_ms = decision->settlement.now_ms + decision->asked_ms;

	if (decision->asked_ms <= 0 ||
		asked_at_ms <= store_destination_not_before(store, destination->id))
		return 0;
	return store_destination_throttle(store, destination->id, asked_at_ms);
}

static void leave_hints(struct claim *claim)
{
	struct destination *destination = claim->destination;
	const struct decision *decision = &claim->decision;

	window_expect_ready(destination, (unsigned)claim->n);
	if (decision->settlement.to == DELIVERY_WAITING &&
		decision->settlement.due_at_ms < destination->next_due_at_ms)
		destination->next_due_at_ms = decision->settlement.due_at_ms;
	/* Breaker, hold and pace move at the commit: nothing is claimed before they have. */
	if (claim->is_probe || decision->settlement.to != DELIVERY_DONE)
		destination->is_disturbed = true;
}

int claim_settle(struct claim *claim)
{
	claim_decide(claim);
	for (size_t i = 0; i < claim->n; i++)
		if (settle_member(claim, &claim->members[i]) != 0)
			return -1;
	if (settle_hold(claim) != 0 || settle_pace(claim) != 0)
		return -1;
	leave_hints(claim);
	claim_move(claim, CLAIM_SETTLED);
	return 0;
}
