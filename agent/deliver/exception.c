/*
 * exception.c - giving deliveries to a person: the row, the exception that explains it, the news.
 *
 * A READY row goes through a claim that never leaves, since only a claimed one can be settled.
 */
#include "deliver_internal.h"

bool settle_is_forgotten(const struct destination *destination, int64_t doubt_at_ms, int64_t now_ms)
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

int exception_open(struct claim *claim, const struct member *member, const char *kind,
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
	news_add_exception(claim, member, kind, severity, reason, now_ms);
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

int settle_exception(struct claim *claim, const char *kind, const char *severity, const char *code,
	const char *reason, int64_t now_ms)
{
	struct store *store = claim->deliver->options.store;
	int id = claim->destination->id;

	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];
		const struct store_settlement settlement = {
			.to = DELIVERY_EXCEPTION,
			.attempt_is_void = true,
			.is_proven = true,
			.previous_doubt_at_ms = member->doubt_at_ms,
			.exception_passes = claim->destination->settings->is.exception_passes,
			.now_ms = now_ms,
		};

		if (store_claim(store, id, member->seq, member->batch, member->connector_revision,
			    now_ms) != 0 ||
			store_settle(store, id, member->seq, &settlement) != 0 ||
			exception_open(claim, member, kind, severity, code, reason, now_ms) != 0)
			return -1;
	}
	return 0;
}

int settle_apart(struct claim *claim, int64_t now_ms)
{
	struct store *store = claim->deliver->options.store;
	int id = claim->destination->id;

	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];
		const struct store_settlement settlement = {
			.to = DELIVERY_READY,
			.attempt_is_void = true,
			.is_proven = true,
			.previous_doubt_at_ms = member->doubt_at_ms,
			.leaves_batch = true,
			.now_ms = now_ms,
		};

		if (store_claim(store, id, member->seq, member->batch, member->connector_revision,
			    now_ms) != 0 ||
			store_settle(store, id, member->seq, &settlement) != 0)
			return -1;
	}
	return 0;
}
