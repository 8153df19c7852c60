/*
 * results.c - an answer that has one result for each event of a batch: each goes its own way.
 *
 * Who is told to come again was not applied, and goes alone from now on. Who has no result, or an
 * unknown one, is in doubt: where the whole batch is, it is repeated as it was. Where the others
 * have ended, a key of the batch's own can't be repeated any more: a person looks. What the other
 * side recognises by itself goes again alone, and what can be looked up is looked up.
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

static bool is_plain(const struct member *member)
{
	return member->result && member->result->verb != CONNECTOR_UNKNOWN;
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
	for (size_t i = 0; i < claim->n; i++)
		if (is_plain(&claim->members[i]) &&
			claim->members[i].result->verb == CONNECTOR_DONE)
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
		n_plain += is_plain(&claim->members[i]);
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
	const struct config_destination *is = &claim->destination->settings->is;
	bool chose_doubles = is->idempotency == CONFIG_IDEMPOTENCY_NONE && is->resend_on_doubt;

	if (!fate->reason[0])
		memcpy(fate->reason, "the answer does not say what became of it",
			sizeof("the answer does not say what became of it"));
	if (is->idempotency != CONFIG_IDEMPOTENCY_NATURAL && !chose_doubles) {
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
	if (!is_plain(member)) {
		judge_doubt(claim, member, ret);
		return;
	}
	if (result->verb == CONNECTOR_DONE) {
		fate_done(claim, member, ret);
		return;
	}
	ret->settlement.is_proven = true;
	ret->ends_doubt = true;
	leave(claim, ret);
	if (result->verb == CONNECTOR_RETRY) {
		fate_retry(claim, member, result->after_ms > 0 ? result->after_ms : 0, ret);
		return;
	}
	ret->outcome = OUTCOME_REJECT;
	fate_exception(claim, "rejected", "normal", ret);
}
