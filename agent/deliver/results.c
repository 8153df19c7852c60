/*
 * results.c - an answer that has one result for each event of a batch: each goes its own way.
 *
 * Who is told to come again was not applied by this request, and goes alone from now on. An earlier one
 * of unknown fate may yet land: its doubt stays where a record carries its key with it. A batch's own
 * key is left only when the other side has taken it, or was never sent it before.
 *
 * Who has no result, or an unknown one, is in doubt: where the whole batch is, it is repeated as it was.
 * Where the others have ended, a key of the batch's own can't be repeated any more: a person looks. What
 * the other side recognises by itself goes again alone, and what can be looked up is looked up.
 */
#include <string.h>

#include "deliver_internal.h"

/* Matched by id, each result once; two events of a batch may have the same id. */
static void match(struct claim *claim, const struct connector_result *result, size_t *at)
{
	for (size_t i = 0; i < claim->n; i++) {
		struct member *member = &claim->members[(*at + i) % claim->n];

		if (member->result || strcmp(claim_text(claim, member->id), result->id) != 0)
			continue;
		member->result = result;
		*at = (*at + i + 1) % claim->n;
		return;
	}
}

static bool has_done(const struct claim *claim)
{
	for (size_t i = 0; i < claim->n; i++)
		if (claim->members[i].result && claim->members[i].result->verb == CONNECTOR_DONE)
			return true;
	return false;
}

/*
 * Does the answer tell of earlier attempts too? What was done of a batch was done under its key: one that
 * lands late is a repeat of it.
 */
static bool is_key_taken(const struct claim *claim)
{
	return claim->destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_HEADER &&
	       has_done(claim);
}

/* Sent alone from now on: does the other side know what of it was applied, or is that not asked for? */
static bool is_recognised_alone(const struct claim *claim)
{
	const struct config_destination *is = &claim->destination->settings->is;

	switch (is->idempotency) {
	case CONFIG_IDEMPOTENCY_NATURAL:
		return true;
	case CONFIG_IDEMPOTENCY_HEADER:
		return claim->n == 1;
	case CONFIG_IDEMPOTENCY_NONE:
		return is->resend_on_doubt;
	case CONFIG_IDEMPOTENCY_LOOKUP:
		break;
	}
	return false;
}

/* Of whom this answer says what comes next, whatever became of earlier attempts. */
static bool is_plain(const struct claim *claim, const struct member *member)
{
	if (!member->result || member->result->verb == CONNECTOR_UNKNOWN)
		return false;
	return member->result->verb != CONNECTOR_RETRY || member->doubt_at_ms == 0 ||
	       is_recognised_alone(claim) || is_key_taken(claim);
}

/* The request as a whole, for the destination's breaker: it works when anything was taken. */
static struct outcome_verdict judge_all(const struct claim *claim)
{
	struct outcome_verdict verdict = { OUTCOME_REJECT, false, false };

	for (size_t i = 0; i < claim->n; i++) {
		const struct connector_result *result = claim->members[i].result;

		if (!result || result->verb == CONNECTOR_UNKNOWN || result->verb == CONNECTOR_RETRY)
			verdict.outcome = OUTCOME_RETRY;
	}
	if (has_done(claim))
		verdict.outcome = OUTCOME_DONE;
	return verdict;
}

void results_decide(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	size_t at = 0, n_plain = 0;

	for (size_t i = 0; i < claim->n; i++)
		claim->members[i].result = NULL;
	for (size_t i = 0; i < claim->said->n_results; i++)
		match(claim, &claim->said->results[i], &at);
	for (size_t i = 0; i < claim->n; i++)
		n_plain += is_plain(claim, &claim->members[i]);
	decision->is_each = n_plain > 0;
	if (!decision->is_each)
		return;
	decision->verdict = judge_all(claim);
	decision->fate.outcome = decision->verdict.outcome;
	decision->passes_hold = claim->is_probe && claim->destination->culprit.is_set &&
				claim->n_requests > 0 && decision->verdict.outcome == OUTCOME_DONE;
}

/* It goes alone from now on, from its first step. */
static void leave(const struct claim *claim, struct fate *fate)
{
	fate->settlement.leaves_batch = claim->n > 1;
	fate->settlement.drops_carry = claim->n > 1;
}

static void judge_doubt(const struct claim *claim, const struct member *member, struct fate *fate)
{
	if (!fate->reason[0])
		memcpy(fate->reason, "the answer does not say what became of it",
			sizeof("the answer does not say what became of it"));
	if (!is_recognised_alone(claim)) {
		fate_unknown(claim, member, fate);
		return;
	}
	fate_retry(claim, member, 0, fate);
	leave(claim, fate);
}

void results_judge(const struct claim *claim, const struct member *member, struct fate *ret)
{
	const struct connector_result *result = member->result;

	fate_init(claim, ret);
	if (result)
		fate_take_words(claim, result, ret);
	if (!is_plain(claim, member)) {
		judge_doubt(claim, member, ret);
		return;
	}
	if (result->verb == CONNECTOR_DONE) {
		fate_done(claim, member, ret);
		return;
	}
	ret->settlement.is_proven = true;
	ret->ends_doubt = is_key_taken(claim);
	leave(claim, ret);
	if (result->verb == CONNECTOR_RETRY) {
		fate_retry(claim, member, result->after_ms > 0 ? result->after_ms : 0, ret);
		return;
	}
	ret->outcome = OUTCOME_REJECT;
	fate_exception(claim, "rejected", "normal", ret);
}
