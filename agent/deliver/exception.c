/*
 * exception.c - what becomes of READY rows that may not be sent: they are given to a person (the row,
 * the exception that explains it, the news), taken apart, or wait.
 *
 * Such a row goes through a claim that never leaves, since only a claimed one can be settled.
 */
#include "deliver_internal.h"

enum key_memory doubt_judge_key(const struct destination *destination, int64_t doubt_at_ms)
{
	const struct config_destination *is = &destination->settings->is;
	const struct clock *clock = destination->deliver->options.clock;
	int64_t age_ms;

	bool has_lifetime = is->idempotency == CONFIG_IDEMPOTENCY_HEADER ||
			    is->idempotency == CONFIG_IDEMPOTENCY_NATURAL;

	if (doubt_at_ms == 0 || !has_lifetime || is->idempotency_lifetime_ms == 0)
		return KEY_KNOWN;
	age_ms = clock_age_most(clock, doubt_at_ms);
	if (age_ms < is->idempotency_lifetime_ms)
		return KEY_KNOWN;
	return age_ms == TIMELINE_UNKNOWN && clock_may_learn_age(clock, doubt_at_ms)
		       ? KEY_UNCERTAIN
		       : KEY_FORGOTTEN;
}

static int64_t due_by(const struct settings *settings, const char *severity, int64_t now_ms)
{
	bool is_critical = severity[0] == 'c';

	return now_ms + (is_critical ? settings->sla_critical_ms : settings->sla_normal_ms);
}

int exception_open(struct claim *claim, const struct member *member,
	const struct exception_words *words, int64_t now_ms)
{
	const struct store_exception exception = {
		.kind = words->kind,
		.severity = words->severity,
		.code = words->code,
		.reason = words->reason,
		.field = words->field,
		.seq = member->seq,
		.destination = claim->destination->id,
		.origin = claim_text(claim, member->source),
		.device = claim_text(claim, member->device),
		.opened_at_ms = now_ms,
		.due_at_ms = due_by(claim->destination->settings, words->severity, now_ms),
	};

	if (store_open_exception(claim->deliver->options.store, &exception, NULL) < 0)
		return -1;
	news_add_exception(claim, member, words->kind, words->severity, words->reason);
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

/* All are claimed before the first is settled: who stands in a chain is claimed behind its first. */
static int claim_all(const struct claim *claim, int64_t now_ms)
{
	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];

		if (claim_member(
			    claim, member, member->batch, member->connector_revision, now_ms) != 0)
			return -1;
	}
	return 0;
}

static int settle_unsent(
	const struct claim *claim, const struct member *member, struct store_settlement settlement)
{
	settlement.attempt_is_void = true;
	settlement.is_proven = true;
	settlement.previous_doubt_at_ms = member->doubt_at_ms;
	return store_settle(
		claim->deliver->options.store, claim->destination->id, member->seq, &settlement);
}

static int settle_all(const struct claim *claim, const struct store_settlement *settlement)
{
	if (claim_all(claim, settlement->now_ms) != 0)
		return -1;
	for (size_t i = 0; i < claim->n; i++)
		if (settle_unsent(claim, &claim->members[i], *settlement) != 0)
			return -1;
	return 0;
}

int settle_exception(struct claim *claim, const char *kind, const char *severity, const char *code,
	const char *reason, int64_t now_ms)
{
	const struct exception_words words = { kind, severity, code, "", reason };
	const struct store_settlement settlement = {
		.to = DELIVERY_EXCEPTION,
		.exception_passes = claim->destination->settings->is.exception_passes,
		.now_ms = now_ms,
	};

	if (claim_all(claim, now_ms) != 0)
		return -1;
	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];

		if (settle_unsent(claim, member, settlement) != 0 ||
			exception_open(claim, member, &words, now_ms) != 0)
			return -1;
	}
	return 0;
}

int settle_apart(struct claim *claim, int64_t now_ms)
{
	const struct store_settlement settlement = {
		.to = DELIVERY_READY,
		.leaves_batch = true,
		.drops_carry = true, /* it is of all of them */
		.now_ms = now_ms,
	};

	return settle_all(claim, &settlement);
}

int settle_later(struct claim *claim, int64_t due_at_ms, int64_t now_ms)
{
	const struct store_settlement settlement = {
		.to = DELIVERY_WAITING, .due_at_ms = due_at_ms, .now_ms = now_ms
	};
	struct destination *destination = claim->destination;

	if (settle_all(claim, &settlement) != 0)
		return -1;
	if (due_at_ms < destination->next_due_at_ms)
		destination->next_due_at_ms = due_at_ms;
	return 0;
}

int settle_suspect(struct claim *claim, int64_t now_ms)
{
	struct destination *destination = claim->destination;
	const struct store_settlement settlement = {
		.to = DELIVERY_SUSPECT,
		.look_at_ms = now_ms + destination->settings->is.settle_ms,
		.leaves_batch = true,
		.now_ms = now_ms,
	};

	if (settle_all(claim, &settlement) != 0)
		return -1;
	lookup_expect(destination, settlement.look_at_ms);
	return 0;
}
