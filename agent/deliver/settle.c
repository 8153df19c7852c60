/*
 * settle.c - writing a decision in the turn's transaction. What moves in memory moves after the
 * commit (destination.c, hold.c), so that a poisoned turn has nothing to take back here.
 */
#include <stdio.h>

#include "deliver_internal.h"

bool settle_is_forgotten(
	const struct destination *destination, int64_t doubt_at_ms, int64_t now_ms)
{
	const struct config_destination *is = &destination->settings->is;

	return doubt_at_ms > 0 && is->idempotency == CONFIG_IDEMPOTENCY_HEADER &&
	       is->idempotency_lifetime_ms > 0 &&
	       now_ms - doubt_at_ms >= is->idempotency_lifetime_ms;
}

static int64_t due_by(const struct settings *settings, const char *severity, int64_t now_ms)
{
	bool is_critical = severity[0] == 'c';

	return now_ms + (is_critical ? settings->sla_critical_ms : settings->sla_normal_ms);
}

static int open_exception(struct claim *claim, const struct member *member, const char *kind,
	const char *severity, const char *code, const char *reason, int64_t now_ms)
{
	const struct store_exception exception = {
		.kind = kind,
		.severity = severity,
		.code = code,
		.reason = reason,
		.field = "",
		.seq = member->seq,
		.destination = claim->destination->id,
		.origin = claim_text(claim, member->source),
		.device = claim_text(claim, member->device),
		.opened_at_ms = now_ms,
		.due_at_ms = due_by(claim->destination->settings, severity, now_ms),
	};

	if (store_open_exception(claim->deliver->options.store, &exception, NULL) < 0)
		return -1;
	news_add(claim, member, true, "", reason, now_ms);
	return 0;
}

int hold_open_exception(struct destination *destination, const char *reason, int64_t now_ms)
{
	const struct store_exception exception = {
		.kind = "hold",
		.severity = "critical",
		.code = "",
		.reason = reason,
		.field = "",
		.destination = destination->id,
		.origin = "",
		.device = "",
		.opened_at_ms = now_ms,
		.due_at_ms = due_by(destination->settings, "critical", now_ms),
	};

	return store_open_exception(destination->deliver->options.store, &exception, NULL) < 0 ? -1
											       : 0;
}

int settle_exception(struct claim *claim, bool is_claimed, const char *kind, const char *severity,
	const char *code, const char *reason, int64_t now_ms)
{
	struct store *store = claim->deliver->options.store;
	int id = claim->destination->id;

	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];
		const struct store_settlement settlement = {
			.to = DELIVERY_EXCEPTION,
			/* A READY row goes through a claim that never leaves. */
			.attempt_is_void = !is_claimed,
			.is_proven = true,
			.previous_doubt_at_ms = member->doubt_at_ms,
			.exception_passes = claim->destination->settings->is.exception_passes,
			.now_ms = now_ms,
		};

		if (!is_claimed && store_claim(store, id, member->seq, member->batch,
					   member->connector_revision, now_ms) != 0)
			return -1;
		if (store_settle(store, id, member->seq, &settlement) != 0 ||
			open_exception(claim, member, kind, severity, code, reason, now_ms) != 0)
			return -1;
	}
	return 0;
}

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
		news_add(claim, member, false, decision->ref, "", settlement.now_ms);
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
	return open_exception(claim, member, decision->kind, decision->severity, code,
		decision->reason, settlement.now_ms);
}

static int settle_hold(struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	struct destination *destination = claim->destination;
	int64_t now_ms = decision->settlement.now_ms;

	if (decision->opens_hold && hold_open_exception(destination, decision->reason, now_ms) != 0)
		return -1;
	if (decision->passes_hold &&
		!hold_is_culprit(destination, claim->members[0].seq, claim->batch) &&
		hold_reject_culprit(destination, now_ms) != 0)
		return -1;
	if (decision->verdict.outcome == OUTCOME_DONE && destination->is_hold_open &&
		(decision->passes_hold || !destination->culprit.is_set) &&
		store_resolve_hold(claim->deliver->options.store, destination->id,
			"the destination accepts again", now_ms) != 0)
		return -1;
	return 0;
}

static void leave_hints(struct claim *claim)
{
	struct destination *destination = claim->destination;
	const struct decision *decision = &claim->decision;

	destination_expect_ready(destination, (unsigned)claim->n);
	if (decision->settlement.to == DELIVERY_WAITING &&
		decision->settlement.due_at_ms < destination->next_due_at_ms)
		destination->next_due_at_ms = decision->settlement.due_at_ms;
	if (claim->is_probe || decision->settlement.to == DELIVERY_WAITING ||
		decision->settlement.to == DELIVERY_READY)
		destination->is_disturbed = true;
}

int claim_settle(struct claim *claim)
{
	claim_decide(claim);
	for (size_t i = 0; i < claim->n; i++)
		if (settle_member(claim, &claim->members[i]) != 0)
			return -1;
	if (settle_hold(claim) != 0)
		return -1;
	leave_hints(claim);
	claim_move(claim, CLAIM_SETTLED);
	return 0;
}
