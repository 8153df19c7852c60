/*
 * dispatch.c - READY rows into free capacity: claim, pin, render. All of it in the turn's
 * transaction; nothing leaves here.
 */
#include <stdlib.h>
#include <string.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "dray/lane.h"
#include "log.h"
#include "turn.h"

#define PROMOTE_WINDOWS 4 /* due rows made READY in a turn, in windows */
#define FAILURE_WAIT_MS 1000
#define CLOCK_WAIT_MS 10000 /* between looks whether the clock can be believed */

/* --- one draft ------------------------------------------------------------------------------------ */

static void member_key(
	const struct claim *claim, const struct member *member, char out[ID_UUID_MAX])
{
	id_idempotency_key(claim->destination->settings->site, claim->destination->name,
		claim_text(claim, member->source), claim_text(claim, member->id), member->revision,
		out);
}

/* A batch is what its members are: their keys make its key. 0, or -1 when memory ran out. */
static int make_key(struct claim *claim)
{
	struct buf keys = BUF_INIT;
	char key[ID_UUID_MAX];

	if (claim->n == 1) {
		member_key(claim, &claim->members[0], claim->key);
		return 0;
	}
	for (size_t i = 0; i < claim->n; i++) {
		member_key(claim, &claim->members[i], key);
		buf_puts(&keys, key);
	}
	const char *site = claim->destination->settings->site, *name = claim->destination->name;
	const struct id_part parts[] = {
		{ site, strlen(site) },
		{ name, strlen(name) },
		{ "batch", 5 },
		{ keys.data, keys.len },
	};
	bool has_failed = buf_failed(&keys);
	if (!has_failed)
		id_derive(parts, sizeof(parts) / sizeof(parts[0]), claim->key);
	buf_done(&keys);
	return has_failed ? -1 : 0;
}

static int render(struct claim *claim)
{
	const struct connector_event *events = claim_list_events(claim);

	if (!events)
		return -1;
	buf_reset(&claim->body);
	connector_render(claim->revision->connector, events, claim->n, &claim->body);
	return buf_failed(&claim->body) ? -1 : 0;
}

int claim_put_together(struct claim *claim, struct revision *revision)
{
	claim->revision = revision_ref(revision);
	claim->line = line_ref(claim->destination->line);
	if (make_key(claim) != 0)
		return -1;
	if (!revision->program)
		return render(claim);
	buf_reset(&claim->carry);
	buf_puts(&claim->carry, claim_text(claim, claim->members[0].carry));
	return buf_failed(&claim->carry) ? -1 : 0;
}

/* The number of a batch is its first member's. */
static int give_serial(struct claim *claim)
{
	struct member *first = &claim->members[0];

	if (!claim->revision->connector->has_serial)
		return 0;
	first->serial = store_give_serial(
		claim->deliver->options.store, claim->destination->id, first->seq);
	return first->serial < 0 ? -1 : 0;
}

static int claim_members(struct claim *claim, int64_t now_ms)
{
	for (size_t i = 0; i < claim->n; i++) {
		struct member *member = &claim->members[i];

		if (claim_member(claim, member, claim->batch, claim->revision->id, now_ms) != 0)
			return -1;
		member->attempts++;
		if (member->first_at_ms == 0)
			member->first_at_ms = now_ms;
	}
	claim->claimed_at_ms = now_ms;
	return give_serial(claim);
}

/* Members of a batch were doubted together: the first that isn't known speaks for all. */
static enum key_memory judge_keys(const struct claim *claim)
{
	enum key_memory memory = KEY_KNOWN;

	for (size_t i = 0; i < claim->n && memory == KEY_KNOWN; i++)
		memory = doubt_judge_key(claim->destination, claim->members[i].doubt_at_ms);
	return memory;
}

/* What may not be sent goes to a person instead. 1 may be sent, 0 not, -1 the store failed. */
static int examine(struct claim *draft, enum draft_fill fill, int64_t now_ms)
{
	bool is_doubted = claim_is_doubted(draft);
	const char *restored = is_doubted ? doubt_find_restore(draft) : NULL;

	if (is_doubted && draft->destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP)
		return settle_suspect(draft, now_ms);
	if (fill == DRAFT_BROKEN && claim_may_part(draft))
		return settle_apart(draft, now_ms);
	if (fill == DRAFT_BROKEN)
		return settle_exception(draft, "unknown", "critical", "",
			"it may have been applied in a batch that is not whole any more: retry all "
			"members of the batch together, or mark it as done",
			now_ms);
	if (restored)
		return settle_exception(draft, "unknown", "critical", "", restored, now_ms);
	switch (judge_keys(draft)) {
	case KEY_FORGOTTEN:
		return settle_exception(draft, "unknown", "critical", "",
			"it may have been applied, and the other side has forgotten its key: look "
			"there before it is sent again",
			now_ms);
	case KEY_UNCERTAIN:
		return settle_later(draft, now_ms + CLOCK_WAIT_MS, now_ms);
	case KEY_KNOWN:
		break;
	}
	return 1;
}

/* 1 it can be sent, 0 not, -1 the turn can claim nothing more. */
static int pin(struct claim *draft, int64_t now_ms)
{
	struct destination *destination = draft->destination;
	struct revision *revision =
		revision_find(destination, draft->members[0].connector_revision);

	if (revision)
		return claim_put_together(draft, revision) == 0 ? 1 : -1;
	if (store_is_poisoned(destination->deliver->options.store))
		return -1;
	return settle_exception(draft, "unknown", "critical", "",
		"the connector that it was first sent with cannot be read any more", now_ms);
}

/* 1 claimed, 0 it did not go, -1 the turn can claim nothing more. */
static int claim_draft(struct claim *draft)
{
	int64_t now_ms = deliver_now(draft->deliver);
	enum draft_fill fill = DRAFT_WHOLE;
	int status;

	if (draft->members[0].batch > 0)
		fill = draft_complete(draft);
	if (fill == DRAFT_FAILED)
		return -1;
	if (fill == DRAFT_WAITS || draft->n == 0)
		return 0;
	status = examine(draft, fill, now_ms);
	if (status == 1)
		status = pin(draft, now_ms);
	if (status != 1) {
		draft->destination->is_disturbed = true;
		return status;
	}
	if (claim_members(draft, now_ms) != 0)
		return -1;
	claim_move(draft, CLAIM_FRESH);
	return 1;
}

/* Claim the drafts in their order. How many, or -1; none is left over. */
static int claim_drafts(struct claims *drafts, bool is_probe)
{
	struct claim *draft;
	int status = 0, n = 0;

	while ((draft = TAILQ_FIRST(drafts))) {
		TAILQ_REMOVE(drafts, draft, link);
		if (status >= 0)
			status = claim_draft(draft);
		if (status > 0) {
			draft->is_probe = is_probe;
			n++;
		} else {
			claim_give(draft);
		}
	}
	return status < 0 ? -1 : n;
}

/* --- one destination ------------------------------------------------------------------------------ */

/* Fill `slots` from the lanes. How many, or -1. */
static int fill_slots(struct destination *destination, unsigned slots, bool is_probe)
{
	bool has[CONFIG_LANE_N] = { true, true, true };
	bool is_exhausted[CONFIG_LANE_N] = { false };
	unsigned share[CONFIG_LANE_N], total = 0;

	while (slots > 0 && (has[0] || has[1] || has[2])) {
		lane_share(&destination->lane_cursor, slots, has, share);
		for (int lane = 0; lane < CONFIG_LANE_N; lane++) {
			struct claims drafts = TAILQ_HEAD_INITIALIZER(drafts);

			if (share[lane] == 0)
				continue;
			if (draft_list(destination, lane, share[lane], &drafts,
				    &is_exhausted[lane]) < 0)
				return -1;
			int n = claim_drafts(&drafts, is_probe);
			if (n < 0)
				return -1;
			has[lane] = (unsigned)n == share[lane] && !is_exhausted[lane];
			slots -= (unsigned)n;
			total += (unsigned)n;
		}
	}
	if (is_exhausted[0] && is_exhausted[1] && is_exhausted[2])
		destination->may_have_ready = false;
	return (int)total;
}

/* There is no delivery to ask a held destination with, the culprit's is none either: a lookup.
 * How many, or -1. */
static int claim_look_probe(struct destination *destination)
{
	int64_t now_mono_ms = deliver_mono(destination->deliver);
	int n;

	if (now_mono_ms < destination->culprit.probe_mono_ms || !lookup_is_due(destination) ||
		window_slots(destination) == 0)
		return 0;
	credential_reread(destination->credential);
	n = lookup_fill(destination, 1, true);
	if (n <= 0)
		breaker_probe_withdrawn(&destination->breaker, now_mono_ms);
	return n;
}

/* A held destination is asked with one delivery, chosen. How many, or -1. */
static int claim_probe(struct destination *destination)
{
	struct claims drafts = TAILQ_HEAD_INITIALIZER(drafts);
	int64_t now_mono_ms = deliver_mono(destination->deliver);
	struct claim *draft;
	int n;

	if (destination->breaker.state != BREAKER_OPEN ||
		now_mono_ms < destination->breaker.probe_mono_ms)
		return 0;
	if (draft_probe(destination, &draft) != 0)
		return -1;
	if (!draft)
		return claim_look_probe(destination);
	if (window_slots(destination) == 0) {
		claim_give(draft);
		return 0;
	}
	/* Whoever mends credentials writes the file: each probe looks. */
	credential_reread(destination->credential);
	TAILQ_INSERT_TAIL(&drafts, draft, link);
	n = claim_drafts(&drafts, true);
	if (n <= 0)
		breaker_probe_withdrawn(&destination->breaker, now_mono_ms);
	return n;
}

/* Deliveries into free slots. How many, or -1. */
static int claim_deliveries(struct destination *destination, unsigned slots, bool is_probe)
{
	if (!destination->may_have_ready || slots == 0)
		return 0;
	destination->unseen = 0;
	destination->n_lingering = 0;
	destination->linger_until_ms = 0;
	return fill_slots(destination, slots, is_probe);
}

/* Half of them are for lookups that are due, and what the others leave; an odd one is theirs in turn. */
static int share_slots(struct destination *destination, unsigned slots, bool is_probe)
{
	unsigned share = (slots + destination->looks_first) / 2;
	int n_looks = 0, n_deliveries, n_more = 0;

	if (!lookup_is_due(destination))
		return claim_deliveries(destination, slots, is_probe);
	destination->looks_first = !destination->looks_first;
	if (share > 0)
		n_looks = lookup_fill(destination, share, is_probe);
	if (n_looks < 0)
		return -1;
	slots -= (unsigned)n_looks;
	n_deliveries = claim_deliveries(destination, slots, is_probe);
	if (n_deliveries < 0)
		return -1;
	slots -= (unsigned)n_deliveries;
	if (slots > 0 && lookup_is_due(destination))
		n_more = lookup_fill(destination, slots, is_probe);
	return n_more < 0 ? -1 : n_looks + n_deliveries + n_more;
}

/* How many, or -1. */
static int claim_ready(struct destination *destination)
{
	unsigned slots;
	bool is_probe;
	int n, has_credential;

	if (!window_may_ask(destination))
		return 0;
	has_credential = window_await_credential(destination);
	if (has_credential != 1)
		return has_credential;
	if (destination->culprit.is_set && destination->breaker.state != BREAKER_CLOSED)
		return claim_probe(destination);
	slots = window_slots(destination);
	if (slots == 0)
		return 0;
	is_probe = destination->breaker.state == BREAKER_HALF_OPEN;
	n = share_slots(destination, slots, is_probe);
	if (is_probe && n <= 0)
		breaker_probe_withdrawn(&destination->breaker, deliver_mono(destination->deliver));
	return n;
}

/* The linger time is over, whether anything may leave now or not. */
static void end_linger(struct destination *destination)
{
	if (destination->linger_until_ms == 0 ||
		destination->linger_until_ms > deliver_now(destination->deliver))
		return;
	destination->linger_until_ms = 0;
	destination->may_have_ready = true;
}

static bool is_worth_a_look(const struct destination *destination)
{
	const struct deliver *deliver = destination->deliver;

	bool is_lingering = destination->linger_until_ms > 0 &&
			    destination->n_lingering + destination->unseen <
				    (size_t)destination->settings->is.batch_max;
	bool may_have_some =
		(destination->may_have_ready && !is_lingering) || lookup_is_due(destination);

	return may_have_some && !destination->is_disturbed && !deliver->is_draining &&
	       !deliver->is_resting && deliver_mono(deliver) >= deliver->claims_from_mono_ms &&
	       !store_destination_is_paused(deliver->options.store, destination->id);
}

static int promote_due(struct destination *destination)
{
	const struct config_destination *is = &destination->settings->is;
	struct store *store = destination->deliver->options.store;
	int64_t now_ms = deliver_now(destination->deliver);
	/* No wait is longer, whoever asks for it: a row due later than that comes from a store with
	 * another time. */
	const int64_t asked_max_ms = INT64_C(1000) * CONNECTOR_AFTER_MAX_S;
	int64_t horizon_ms = is->retry_max_ms > asked_max_ms ? is->retry_max_ms : asked_max_ms;
	unsigned limit = PROMOTE_WINDOWS * (unsigned)(is->concurrency * is->batch_max);
	int64_t due_at_ms = destination->next_due_at_ms;

	if (due_at_ms == INT64_MAX || (due_at_ms > now_ms && due_at_ms <= now_ms + horizon_ms))
		return 0;
	int n = store_promote_due(store, destination->id, now_ms, horizon_ms, limit);
	if (n < 0)
		return -1;
	due_at_ms = store_next_due(store, destination->id);
	if (due_at_ms < 0)
		return -1;
	destination->next_due_at_ms = due_at_ms > 0 ? due_at_ms : INT64_MAX;
	if (n > 0)
		window_expect_ready(destination, (unsigned)n);
	if ((unsigned)n == limit)
		turn_wake(destination->deliver->options.turn);
	return 0;
}

/* How many were claimed, or -1. */
static int serve(struct destination *destination)
{
	bool has_more = false;

	if (destination->recovery == RECOVERY_DUE) {
		if (recover_claimed(destination) != 0)
			return -1;
		destination->recovery = RECOVERY_WRITTEN;
	}
	if (destination->may_have_suspects && !destination->deliver->is_resting) {
		if (recover_suspects(destination, &has_more) != 0)
			return -1;
		if (has_more) {
			turn_wake(destination->deliver->options.turn);
			return 0;
		}
		destination->may_have_suspects = false;
	}
	if (promote_due(destination) != 0)
		return -1;
	end_linger(destination);
	return is_worth_a_look(destination) ? claim_ready(destination) : 0;
}

/* Was something claimed? */
static bool serve_one(struct destination *destination)
{
	const struct deliver *deliver = destination->deliver;
	int n;

	if (!destination->is_configured || deliver_mono(deliver) < destination->serve_from_mono_ms)
		return false;
	n = serve(destination);
	if (n >= 0 || store_is_poisoned(deliver->options.store))
		return n > 0;
	/* A read failed, or memory ran out, in a turn that had written nothing: nobody else will
	 * say so, or look again. */
	LOG_ERROR("deliveries cannot be looked up, the next try is in a second",
		LOG_S("destination", destination->name),
		LOG_S("error", store_failure(deliver->options.store)));
	destination->serve_from_mono_ms = deliver_mono(deliver) + FAILURE_WAIT_MS;
	window_expect_ready(destination, 1);
	return false;
}

/* Who has claimed something goes to the end, and comes once more when the others have had their turn. */
void dispatch_serve(struct limit *limit)
{
	const struct store *store = limit->deliver->options.store;
	bool is_shared = limit_is_shared(limit);
	struct destination *destination = TAILQ_FIRST(&limit->members), *next;

	for (; destination && !store_is_poisoned(store); destination = next) {
		bool has_claimed = serve_one(destination);

		next = TAILQ_NEXT(destination, limit_link);
		if (!has_claimed || !is_shared)
			continue;
		limit_pass_on(limit, destination);
		if (!next)
			next = destination;
	}
}
