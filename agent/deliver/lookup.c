/*
 * lookup.c - what is in doubt is looked up before it is sent again: SUSPECT rows become claims of their
 * own, and stay SUSPECT until a look ends.
 *
 *   found                              DONE
 *   not found                          READY, no doubt left: the same request in a form that the
 *                                      other side refuses if the first one lands after all
 *   not found, though it was accepted  an exception
 *   refused                            an exception
 *   no word, or not clear              the next look, later each time; after `looks` an exception
 *
 * A destination that can't be reached, or is held, costs no look.
 */
#include <stdio.h>
#include <string.h>

#include "deliver_internal.h"
#include "dray/retry.h"

#define STILL_OUT_MS \
	1000 /* what is due is being looked up already: no need to ask the store often */

bool lookup_is_possible(const struct destination *destination, const struct revision *revision)
{
	return destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP &&
	       revision->program;
}

void lookup_expect(struct destination *destination, int64_t look_at_ms)
{
	if (look_at_ms < destination->next_look_at_ms)
		destination->next_look_at_ms = look_at_ms;
}

int64_t lookup_next_ms(const struct destination *destination)
{
	int64_t earliest_ms = clock_boot_from_ms(destination->deliver->options.clock) +
			      destination->settings->is.settle_ms;

	return destination->next_look_at_ms > earliest_ms ? destination->next_look_at_ms
							  : earliest_ms;
}

bool lookup_is_due(const struct destination *destination)
{
	return destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP &&
	       lookup_next_ms(destination) <= deliver_now(destination->deliver);
}

bool lookup_is_awaited(const struct destination *destination)
{
	return destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP &&
	       destination->next_look_at_ms != INT64_MAX && !lookup_is_due(destination);
}

/* --- into claims ------------------------------------------------------------------------------------ */

struct gathering {
	struct destination *destination;
	struct claims drafts;
	unsigned n, max;
	bool has_failed;
};

static bool is_out_in(
	const struct claims *claims, const struct destination *destination, int64_t seq)
{
	const struct claim *claim;

	TAILQ_FOREACH (claim, claims, link)
		if (claim->op == CONNECTOR_LOOKUP && claim->destination == destination &&
			claim->members[0].seq == seq && !claim->is_orphan)
			return true;
	return false;
}

bool lookup_is_out(const struct destination *destination, int64_t seq)
{
	const struct deliver *deliver = destination->deliver;

	return is_out_in(&deliver->fresh, destination, seq) ||
	       is_out_in(&deliver->mapping, destination, seq) ||
	       is_out_in(&deliver->sent, destination, seq) ||
	       is_out_in(&deliver->answered, destination, seq) ||
	       is_out_in(&deliver->stepped, destination, seq);
}

static int on_look_row(void *ctx, const struct store_delivery_row *row)
{
	struct gathering *gathering = ctx;
	struct claim *claim;

	/* One of several steps may take longer than the row's next look is away. */
	if (lookup_is_out(gathering->destination, row->seq))
		return 0;
	claim = claim_take(gathering->destination);
	if (!claim || claim_add_member(claim, row) != 0) {
		claim_give(claim);
		gathering->has_failed = true;
		return 1;
	}
	claim->op = CONNECTOR_LOOKUP;
	TAILQ_INSERT_TAIL(&gathering->drafts, claim, link);
	gathering->n++;
	return gathering->n == gathering->max;
}

/* If nobody settles it, since the process ends: by then the other side has answered, or never will. */
static int64_t next_if_lost(const struct destination *destination, int64_t now_ms)
{
	const struct config_destination *is = &destination->settings->is;

	return now_ms + 2 * is->timeout_ms + is->settle_ms;
}

static int settle_impossible(struct claim *claim, const char *why, int64_t now_ms)
{
	const struct exception_words words = { "unknown", "critical", "", "", why };
	const struct store_settlement settlement = {
		.to = DELIVERY_EXCEPTION,
		.exception_passes = claim->destination->settings->is.exception_passes,
		.now_ms = now_ms,
	};

	if (store_settle(claim->deliver->options.store, claim->destination->id,
		    claim->members[0].seq, &settlement) != 0)
		return -1;
	return exception_open(claim, &claim->members[0], &words, now_ms);
}

/* 1 it may leave, 0 it became an exception, -1 the store failed. */
static int begin(struct claim *claim)
{
	struct destination *destination = claim->destination;
	struct store *store = claim->deliver->options.store;
	struct member *member = &claim->members[0];
	int64_t now_ms = deliver_now(claim->deliver);
	struct revision *revision = revision_find(destination, member->connector_revision);

	if (store_is_poisoned(store))
		return -1;
	if (!revision || !revision->program)
		return settle_impossible(claim,
			"it may have been applied, and the connector that it was sent with cannot "
			"look it up: look there before it is sent again",
			now_ms);
	if (claim_put_together(claim, revision) != 0 ||
		store_look_begun(store, destination->id, member->seq,
			next_if_lost(destination, now_ms)) != 0)
		return -1;
	member->looks++;
	claim->claimed_at_ms = now_ms;
	claim_move(claim, CLAIM_FRESH);
	return 1;
}

static int begin_all(struct gathering *gathering, bool is_probe)
{
	struct claim *claim;
	int status = gathering->has_failed ? -1 : 0, n = 0;

	while ((claim = TAILQ_FIRST(&gathering->drafts))) {
		TAILQ_REMOVE(&gathering->drafts, claim, link);
		if (status >= 0)
			status = begin(claim);
		if (status > 0) {
			claim->is_probe = is_probe;
			n++;
		} else {
			claim_give(claim);
		}
	}
	return status < 0 ? -1 : n;
}

int lookup_fill(struct destination *destination, unsigned n, bool is_probe)
{
	struct gathering gathering = { .destination = destination, .max = n };
	struct store *store = destination->deliver->options.store;
	int64_t now_ms = deliver_now(destination->deliver), next_at_ms;
	unsigned limit = n + destination->in_flight;
	int begun;

	TAILQ_INIT(&gathering.drafts);
	if (store_list_looks(store, destination->id, now_ms, limit, on_look_row, &gathering) != 0)
		gathering.has_failed = true;
	begun = begin_all(&gathering, is_probe);
	if (begun < 0)
		return -1;
	next_at_ms = store_next_look(store, destination->id);
	if (next_at_ms < 0)
		return -1;
	if (next_at_ms == 0)
		next_at_ms = INT64_MAX;
	else if (next_at_ms <= now_ms && gathering.n == 0)
		next_at_ms = now_ms + STILL_OUT_MS;
	destination->next_look_at_ms = next_at_ms;
	return begun;
}

/* --- what an answer leads to ------------------------------------------------------------------------- */

static void look_again(struct claim *claim, int64_t at_ms)
{
	struct fate *fate = &claim->decision.fate;

	fate->settlement.to = DELIVERY_SUSPECT;
	fate->settlement.look_at_ms = at_ms;
}

/* As soon as the destination may be asked again: it was no look. */
static void look_in_vain(struct claim *claim)
{
	look_again(claim, claim->decision.now_ms);
	claim->decision.fate.settlement.attempt_is_void = true;
}

static void become_unknown(struct claim *claim, const char *what)
{
	struct fate *fate = &claim->decision.fate;

	fate_exception(claim, "unknown", "critical", fate);
	reason_put(fate->reason,
		"it may have been applied, look at %s before it is sent again: %s%s%s",
		claim->destination->name, what, fate->reason[0] ? ": " : "", fate->reason);
}

static void become_later(struct claim *claim)
{
	const struct config_destination *is = &claim->destination->settings->is;
	const struct member *member = &claim->members[0];
	struct decision *decision = &claim->decision;
	int64_t wait_ms = is->settle_ms + retry_jitter(is->retry_base_ms, is->retry_max_ms,
						  member->looks, decision->seed);
	char what[64];

	if (claim->map == MAP_SAID && claim->said->result.after_ms > 0)
		wait_ms = claim->said->result.after_ms;
	if (wait_ms < decision->asked_ms)
		wait_ms = decision->asked_ms;
	if (member->looks < (unsigned)is->looks) {
		look_again(claim, decision->now_ms + wait_ms);
		return;
	}
	(void)snprintf(what, sizeof(what), "it was looked up %u times, the last", member->looks);
	become_unknown(claim, what);
}

static void become_absent(struct claim *claim)
{
	struct fate *fate = &claim->decision.fate;

	if (claim->members[0].accepted_at_ms > 0) {
		fate->reason[0] = '\0';
		become_unknown(claim, "it was accepted and is not found");
		return;
	}
	fate->settlement.to = DELIVERY_READY;
	fate->settlement.is_absent = true;
}

/* The default, where the program says nothing: that tells of the destination, not of the delivery. */
static void decide_quiet(struct claim *claim)
{
	struct decision *decision = &claim->decision;

	decision->verdict = decide_classify(claim);
	decide_describe(claim, decision->fate.reason);
	switch (decision->verdict.outcome) {
	case OUTCOME_UNREACHABLE:
	case OUTCOME_REFRESH:
		look_in_vain(claim);
		return;
	case OUTCOME_HOLD:
		if (decide_is_to_blame(claim))
			break;
		decide_held(claim);
		look_in_vain(claim);
		return;
	case OUTCOME_DONE:
	case OUTCOME_RETRY:
	case OUTCOME_UNKNOWN:
	case OUTCOME_REJECT:
	case OUTCOME_SPLIT:
		break;
	}
	decision->verdict.outcome = OUTCOME_RETRY;
	become_later(claim);
}

static void decide_said(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	struct fate *fate = &decision->fate;

	fate_take_words(claim, &claim->said->result, fate);
	decision->verdict.outcome = OUTCOME_DONE;
	switch (claim->said->verb) {
	case CONNECTOR_DONE:
		fate_done(claim, &claim->members[0], fate);
		break;
	case CONNECTOR_ABSENT:
		become_absent(claim);
		break;
	case CONNECTOR_REJECT:
		decision->verdict.outcome = OUTCOME_REJECT;
		fate_exception(claim, "rejected", "normal", fate);
		break;
	case CONNECTOR_HOLD:
		decision->verdict.outcome = OUTCOME_HOLD;
		decision->is_destinations = true;
		decide_held(claim);
		look_in_vain(claim);
		break;
	default:
		decision->verdict.outcome = OUTCOME_RETRY;
		become_later(claim);
		break;
	}
	decision->passes_hold = decision->verdict.outcome == OUTCOME_DONE && claim->is_probe &&
				claim->n_requests > 0 && claim->destination->culprit.is_set;
}

static void decide_failed(struct claim *claim)
{
	struct decision *decision = &claim->decision;
	struct fate *fate = &decision->fate;

	memcpy(fate->reason, claim->words, sizeof(fate->reason));
	decision->verdict.outcome = OUTCOME_UNKNOWN;
	if (claim->map == MAP_HELD) {
		decision->verdict.outcome = OUTCOME_HOLD;
		decision->is_destinations = true;
		decide_held(claim);
		look_in_vain(claim);
		return;
	}
	fate->code = "connector_failed";
	become_unknown(claim, "the lookup failed");
}

void lookup_decide(struct claim *claim)
{
	if (claim->map == MAP_SAID)
		decide_said(claim);
	else if (claim->map == MAP_QUIET || decide_is_trouble(claim))
		decide_quiet(claim);
	else
		decide_failed(claim);
	claim->decision.fate.outcome = claim->decision.verdict.outcome;
}
