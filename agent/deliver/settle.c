/*
 * settle.c - writing what a claim has come to in the turn's transaction: its end, or what its next
 * request hangs on. What moves in memory moves after the commit (window.c, hold.c), so that a poisoned
 * turn has nothing to take back here.
 */
#include <stdio.h>
#include <string.h>

#include "deliver_internal.h"
#include "dray/json.h"

/* --- what an answer brought ------------------------------------------------------------------------ */

static int emit_one(
	struct claim *claim, const struct member *member, unsigned index, const cJSON *event)
{
	const struct deliver_options *options = &claim->deliver->options;
	struct buf text = BUF_INIT;
	int status;

	json_print(event, &text);
	const struct deliver_emit emit = {
		.destination = claim->destination->name,
		.parent_seq = member->seq,
		.parent_source = claim_text(claim, member->source),
		.parent_id = claim_text(claim, member->id),
		.parent_body = claim_text(claim, member->body),
		.parent_len = member->len,
		.index = index,
		.text = text.data,
		.len = text.len,
	};
	status = buf_failed(&text) ? -1 : options->on_emit(options->ctx, &emit);
	buf_done(&text);
	return status;
}

static int emit_of(struct claim *claim, const struct member *member, const struct fate *fate)
{
	const cJSON *event;
	unsigned index = 0;

	if (!claim->deliver->options.on_emit || fate->settlement.to != DELIVERY_DONE)
		return 0;
	cJSON_ArrayForEach (event, fate->emit)
		if (emit_one(claim, member, index++, event) != 0)
			return -1;
	return 0;
}

/* --- one delivery ----------------------------------------------------------------------------------- */

static int write_attempt(struct claim *claim, const struct member *member, const struct fate *fate)
{
	/* An attempt that reached nobody is none of the event's; nor is a lookup. */
	bool is_plain = fate->settlement.to == DELIVERY_DONE && member->attempts <= 1;
	bool is_none = fate->outcome == OUTCOME_UNREACHABLE || claim->op == CONNECTOR_LOOKUP;

	if (is_plain || is_none)
		return 0;
	return store_put_attempt(claim->deliver->options.store, claim->destination->id, member->seq,
		member->attempts, claim->claimed_at_ms,
		claim->n_requests > 0 ? claim->answer.took_ms : 0, outcome_word(fate->outcome),
		claim_status(claim), fate->outcome == OUTCOME_DONE ? "" : fate->reason);
}

static int write_exception(
	struct claim *claim, const struct member *member, const struct fate *fate)
{
	char status[16] = "";
	struct exception_words words = {
		.kind = fate->kind,
		.severity = fate->severity,
		.code = fate->code ? fate->code : status,
		.field = fate->field ? fate->field : "",
		.reason = fate->reason,
	};

	if (!fate->kind)
		return 0;
	if (claim_status(claim) > 0)
		(void)snprintf(status, sizeof(status), "%d", claim_status(claim));
	return exception_open(claim, member, &words, fate->settlement.now_ms);
}

/* A `retry` may say what the next attempt begins with, also where a person is to make it. */
static int write_carry(struct claim *claim, const struct member *member)
{
	if (claim->op != CONNECTOR_DELIVER || !map_has_carry(claim))
		return 0;
	return store_set_carry(claim->deliver->options.store, claim->destination->id, member->seq,
		claim->said->carry);
}

static void expect(struct destination *destination, const struct store_settlement *settlement)
{
	if (settlement->to == DELIVERY_WAITING &&
		settlement->due_at_ms < destination->next_due_at_ms)
		destination->next_due_at_ms = settlement->due_at_ms;
	if (settlement->to == DELIVERY_SUSPECT) {
		lookup_expect(destination, settlement->look_at_ms);
		/* Its mode may have changed meanwhile: then there is no other look. */
		if (destination->settings->is.idempotency != CONFIG_IDEMPOTENCY_LOOKUP)
			destination->may_have_suspects = true;
	}
	/* Breaker, hold and pace move at the commit: nothing is claimed before they have. */
	if (settlement->to != DELIVERY_DONE)
		destination->is_disturbed = true;
}

static int settle_member(struct claim *claim, const struct member *member, const struct fate *fate)
{
	struct store *store = claim->deliver->options.store;
	struct store_settlement settlement = fate->settlement;

	settlement.previous_doubt_at_ms = fate->ends_doubt ? 0 : member->doubt_at_ms;
	if (write_carry(claim, member) != 0 ||
		store_settle(store, claim->destination->id, member->seq, &settlement) != 0)
		return -1;
	expect(claim->destination, &settlement);
	if (settlement.to == DELIVERY_DONE)
		news_add_delivery(claim, member, fate->ref);
	return write_attempt(claim, member, fate) != 0 ? -1 : write_exception(claim, member, fate);
}

/* Of a member: the claim's, or its own, which `room` is for. */
static const struct fate *find_fate(
	const struct claim *claim, const struct member *member, struct fate *room)
{
	if (!claim->decision.is_each)
		return &claim->decision.fate;
	results_judge(claim, member, room);
	return room;
}

/* What a batch's answer brings as a whole is its first event's. 0, or -1 before anything is settled. */
static int emit_all(struct claim *claim)
{
	struct fate room;
	size_t n = claim->decision.is_each ? claim->n : 1;

	for (size_t i = 0; i < n; i++)
		if (emit_of(claim, &claim->members[i], find_fate(claim, &claim->members[i], &room)))
			return -1;
	return 0;
}

static int settle_members(struct claim *claim)
{
	struct fate room;

	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];

		if (settle_member(claim, member, find_fate(claim, member, &room)) != 0)
			return -1;
	}
	return 0;
}

/* --- the destination -------------------------------------------------------------------------------- */

static int settle_hold(struct claim *claim)
{
	const struct decision *decision = &claim->decision;
	struct destination *destination = claim->destination;
	int64_t now_ms = decision->now_ms;

	if (decision->opens_hold &&
		hold_open_exception(destination, decision->fate.reason, now_ms) != 0)
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
	int64_t asked_at_ms = decision->now_ms + decision->asked_ms;

	if (decision->asked_ms <= 0 ||
		asked_at_ms <= store_destination_not_before(store, destination->id))
		return 0;
	return store_destination_throttle(store, destination->id, asked_at_ms);
}

/* --- the claim --------------------------------------------------------------------------------------- */

/* Its next request hangs on a carry: that is committed first. A lookup's lives in memory only. */
static int step(struct claim *claim)
{
	struct store *store = claim->deliver->options.store;
	bool is_new = claim->op == CONNECTOR_DELIVER && map_has_carry(claim);

	for (size_t i = 0; is_new && i < claim->n; i++)
		if (store_set_carry(store, claim->destination->id, claim->members[i].seq,
			    claim->said->carry) != 0)
			return -1;
	claim_move(claim, CLAIM_STEPPED);
	return 0;
}

int claim_settle(struct claim *claim)
{
	if (map_has_request(claim))
		return step(claim);
	claim_decide(claim);
	if (emit_all(claim) != 0 || settle_members(claim) != 0 || settle_hold(claim) != 0 ||
		settle_pace(claim) != 0)
		return -1;
	window_expect_ready(claim->destination, (unsigned)claim->n);
	if (claim->is_probe)
		claim->destination->is_disturbed = true;
	claim_move(claim, CLAIM_SETTLED);
	return 0;
}
