/*
 * delivery.c - the moves of deliveries: store.h draws them, legal_moves[] lists them, and
 * delivery_move() is the one place where a state changes.
 *
 * What a move costs: its own row and, when a key is freed, one seek and one more row.
 */
#include <string.h>

#include "store/store_internal.h"

#define TO(state) (1u << (state))

static const unsigned legal_moves[DELIVERY_STATES] = {
	/* Of a new one READY or PARKED; in the others it comes back from a salvage. */
	[0] = TO(DELIVERY_READY) | TO(DELIVERY_PARKED) | TO(DELIVERY_WAITING) |
	      TO(DELIVERY_SUSPECT) | TO(DELIVERY_EXCEPTION) | TO(DELIVERY_DONE) |
	      TO(DELIVERY_DISCARDED),
	[DELIVERY_READY] = TO(DELIVERY_CLAIMED) | TO(DELIVERY_PARKED),
	[DELIVERY_CLAIMED] = TO(DELIVERY_READY) | TO(DELIVERY_WAITING) | TO(DELIVERY_SUSPECT) |
			     TO(DELIVERY_PARKED) | TO(DELIVERY_EXCEPTION) | TO(DELIVERY_DONE),
	[DELIVERY_WAITING] = TO(DELIVERY_READY) | TO(DELIVERY_PARKED),
	[DELIVERY_PARKED] = TO(DELIVERY_READY) | TO(DELIVERY_CLAIMED),
	[DELIVERY_SUSPECT] = TO(DELIVERY_READY) | TO(DELIVERY_PARKED) | TO(DELIVERY_SUSPECT) |
			     TO(DELIVERY_DONE) | TO(DELIVERY_EXCEPTION),
	[DELIVERY_EXCEPTION] = TO(DELIVERY_READY) | TO(DELIVERY_PARKED) | TO(DELIVERY_DONE) |
			       TO(DELIVERY_DISCARDED),
	[DELIVERY_DONE] = TO(DELIVERY_READY) | TO(DELIVERY_PARKED), /* store_replay() */
	[DELIVERY_DISCARDED] = 0,
};

const char *delivery_state_word(enum delivery_state state)
{
	static const char *const words[DELIVERY_STATES] = { "none", "ready", "claimed", "waiting",
		"parked", "suspect", "exception", "done", "discarded" };
	return (unsigned)state < DELIVERY_STATES ? words[state] : "none";
}

static bool is_finished(enum delivery_state state)
{
	return state == DELIVERY_DONE || state == DELIVERY_DISCARDED;
}

int delivery_move(
	struct store *store, int id, int64_t seq, enum delivery_state from, enum delivery_state to)
{
	struct destination *destination = destination_at(store, id);
	if (destination == NULL)
		return store_refuse(store, "there is no destination %d", id);
	if ((unsigned)from >= DELIVERY_STATES || (legal_moves[from] & TO(to)) == 0)
		return store_refuse(store, "delivery of event %lld to %s can't go from %s to %s",
			(long long)seq, destination->name, delivery_state_word(from),
			delivery_state_word(to));
	if (from != 0)
		destination->changes[from]--;
	destination->changes[to]++;
	return 0;
}

int delivery_count(
	struct store *store, int destination, int64_t seq, int64_t at_ms, const char *outcome)
{
	struct event_labels labels;
	if (event_labels_find(store, seq, &labels) < 0)
		return -1;
	return tally_add(
		store, at_ms > 0 ? at_ms : labels.received_at_ms, &labels, destination, outcome);
}

/* --- in ------------------------------------------------------------------------------------------ */

int delivery_find_first(struct store *store, int destination, const char *key, int64_t *ret_seq,
	enum delivery_state *ret_state)
{
	struct query query = query_start(store, DELIVERY_KEY_FIRST);
	query_int(&query, destination);
	query_text(&query, key);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	*ret_seq = row_int(&query, 0);
	*ret_state = (enum delivery_state)row_int(&query, 1);
	query_end(&query);
	return 1;
}

int store_put_delivery(struct store *store, int destination, int64_t seq, const char *key, int lane,
	enum delivery_state *ret_state)
{
	if (store_begin_write(store) < 0)
		return -1;
	enum delivery_state state = DELIVERY_READY;
	if (key[0] != '\0') {
		int64_t first;
		enum delivery_state first_state;
		int found = delivery_find_first(store, destination, key, &first, &first_state);
		if (found < 0)
			return -1;
		if (found > 0)
			state = DELIVERY_PARKED;
	}
	if (delivery_move(store, destination, seq, 0, state) < 0)
		return -1;

	struct query query = query_start(store, DELIVERY_INSERT);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, state);
	query_int(&query, lane);
	query_text_or_null(&query, key);
	if (query_run(&query) < 0 || delivery_count(store, destination, seq, 0, "routed") < 0)
		return -1;
	*ret_state = state;
	return 0;
}

static int claim(struct store *store, enum statement id, int destination, int64_t seq,
	int64_t batch, int connector_revision, int64_t now_ms)
{
	bool is_chained = id == DELIVERY_CLAIM_CHAINED;
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, id);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int_or_null(&query, batch, 0);
	query_int_or_null(&query, connector_revision, 0);
	query_int(&query, now_ms);
	if (query_run(&query) < 0)
		return -1;
	if (sqlite3_changes(store->db) != 1)
		return store_refuse(store, "delivery of event %lld to %s is claimed but %s",
			(long long)seq, store_destination_name(store, destination),
			is_chained ? "the first with its key is not claimed in its batch"
				   : "not ready");
	return delivery_move(store, destination, seq, is_chained ? DELIVERY_PARKED : DELIVERY_READY,
		DELIVERY_CLAIMED);
}

int store_claim(struct store *store, int destination, int64_t seq, int64_t batch,
	int connector_revision, int64_t now_ms)
{
	return claim(store, DELIVERY_CLAIM, destination, seq, batch, connector_revision, now_ms);
}

int store_claim_chained(struct store *store, int destination, int64_t seq, int64_t batch,
	int connector_revision, int64_t now_ms)
{
	return claim(
		store, DELIVERY_CLAIM_CHAINED, destination, seq, batch, connector_revision, now_ms);
}

/* --- out ----------------------------------------------------------------------------------------- */

struct present {
	enum delivery_state state;
	int64_t attempts;
	bool has_batch;
	bool has_more; /* a carry, or lookups */
	bool has_key;
	char key[512]; /* EVENT_KEY_MAX and to spare */
};

static int find_present(struct store *store, int destination, int64_t seq, struct present *ret)
{
	struct query query = query_start(store, DELIVERY_FIND);
	query_int(&query, destination);
	query_int(&query, seq);
	int found = query_step(&query);
	if (found < 0)
		return -1;
	if (found == 0) {
		(void)store_refuse(store, "there is no delivery of event %lld to destination %d",
			(long long)seq, destination);
		return -1;
	}
	const char *key = row_text(&query, 4);
	size_t len = strnlen(key, sizeof(ret->key) - 1);
	memcpy(ret->key, key, len);
	ret->key[len] = '\0';
	ret->has_key = len > 0;
	ret->state = (enum delivery_state)row_int(&query, 0);
	ret->attempts = row_int(&query, 1);
	ret->has_batch = row_int(&query, 2) != 0;
	ret->has_more = row_int(&query, 3) != 0;
	event_labels_keep(store, seq, row_int(&query, 5), row_text(&query, 6), row_text(&query, 7),
		row_text(&query, 8));
	query_end(&query);
	return 0;
}

static int make_ready(struct store *store, int destination, int64_t seq, enum delivery_state from)
{
	if (delivery_move(store, destination, seq, from, DELIVERY_READY) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_SET_READY);
	query_int(&query, destination);
	query_int(&query, seq);
	return query_run(&query);
}

/* The key is free: its next delivery may go. One is woken, never all. */
static int wake_next(struct store *store, int destination, const char *key)
{
	int64_t seq;
	enum delivery_state state;
	int found = delivery_find_first(store, destination, key, &seq, &state);
	if (found <= 0)
		return found;
	/* Claimed together with what was just settled: it holds the key itself. */
	if (state != DELIVERY_PARKED)
		return 0;
	return make_ready(store, destination, seq, DELIVERY_PARKED);
}

static int write_settlement(struct store *store, int destination, int64_t seq,
	const struct store_settlement *settlement, const struct present *present, bool frees_key)
{
	bool is_void = settlement->attempt_is_void && present->attempts > 0 &&
		       present->state != DELIVERY_SUSPECT;
	struct query query = query_start(store, DELIVERY_SETTLE);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, settlement->to);
	query_int_or_null(&query,
		settlement->to == DELIVERY_WAITING ? settlement->due_at_ms : INT64_MIN, INT64_MIN);
	query_int(&query, is_void);
	query_int(&query, settlement->is_proven || settlement->is_absent);
	query_int_or_null(&query, settlement->is_absent ? 0 : settlement->previous_doubt_at_ms, 0);
	query_int(&query, settlement->leaves_batch);
	query_int(&query, frees_key);
	query_int_or_null(&query, settlement->status, 0);
	query_text_or_null(&query, settlement->ref);
	query_int_or_null(
		&query, is_finished(settlement->to) ? settlement->now_ms : INT64_MIN, INT64_MIN);
	return query_run(&query);
}

/* What few deliveries have, and must not keep: the others cost no second write. */
static int write_doubt(struct store *store, int destination, int64_t seq,
	const struct store_settlement *settlement, const struct present *present)
{
	bool is_suspect = settlement->to == DELIVERY_SUSPECT;
	bool begins_anew = present->state == DELIVERY_EXCEPTION && !is_finished(settlement->to);
	if (!present->has_more && !is_suspect && present->state != DELIVERY_SUSPECT)
		return 0;
	struct query query = query_start(store, DELIVERY_SETTLE_DOUBT);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, settlement->drops_carry || is_finished(settlement->to));
	query_int(&query, begins_anew);
	query_int_or_null(&query, is_suspect ? settlement->look_at_ms : INT64_MIN, INT64_MIN);
	query_int_or_null(&query, settlement->is_accepted ? settlement->now_ms : 0, 0);
	query_int(&query, settlement->attempt_is_void && present->state == DELIVERY_SUSPECT);
	return query_run(&query);
}

/* What the ledger sees of a move: `exception` minus `reopened` are exceptions now. */
static int count_settlement(struct store *store, int destination, int64_t seq,
	enum delivery_state from, const struct store_settlement *settlement)
{
	static const char *const outcomes[DELIVERY_STATES] = {
		[DELIVERY_DONE] = "done",
		[DELIVERY_EXCEPTION] = "exception",
		[DELIVERY_DISCARDED] = "discarded",
	};
	const char *outcome = outcomes[settlement->to];
	if (from == DELIVERY_EXCEPTION &&
		delivery_count(store, destination, seq, settlement->now_ms, "reopened") < 0)
		return -1;
	return outcome ? delivery_count(store, destination, seq, settlement->now_ms, outcome) : 0;
}

/*
 * One that was claimed in a chain, or came back from a salvage, may stand behind another with its key:
 * then it waits for it. 0 or -1.
 */
static int heed_order(struct store *store, int destination, int64_t seq,
	const struct present *present, enum delivery_state *to)
{
	int64_t first = seq;
	enum delivery_state first_state;
	bool may_stand_behind = present->has_batch || present->state == DELIVERY_SUSPECT ||
				present->state == DELIVERY_EXCEPTION;
	if ((*to != DELIVERY_READY && *to != DELIVERY_WAITING) || !present->has_key ||
		!may_stand_behind)
		return 0;
	if (delivery_find_first(store, destination, present->key, &first, &first_state) < 0)
		return -1;
	if (first < seq)
		*to = DELIVERY_PARKED;
	return 0;
}

int store_settle(struct store *store, int destination, int64_t seq,
	const struct store_settlement *settlement)
{
	struct store_settlement heeded = *settlement;
	struct present present;
	if (store_begin_write(store) < 0 || find_present(store, destination, seq, &present) < 0 ||
		heed_order(store, destination, seq, &present, &heeded.to) < 0 ||
		delivery_move(store, destination, seq, present.state, heeded.to) < 0)
		return -1;
	bool frees_key = is_finished(heeded.to) ||
			 (heeded.to == DELIVERY_EXCEPTION && heeded.exception_passes);
	if (write_settlement(store, destination, seq, &heeded, &present, frees_key) < 0 ||
		write_doubt(store, destination, seq, &heeded, &present) < 0 ||
		count_settlement(store, destination, seq, present.state, &heeded) < 0)
		return -1;
	return frees_key && present.has_key ? wake_next(store, destination, present.key) : 0;
}

/* --- time ---------------------------------------------------------------------------------------- */

/* Make the first WAITING row READY that `look` finds against `bound_ms`. 1, 0 none, -1. */
static int promote_one(struct store *store, enum statement look, int destination, int64_t bound_ms)
{
	int64_t seq;
	struct query query = query_start(store, look);
	query_int(&query, destination);
	query_int(&query, bound_ms);
	int found = query_number(&query, &seq);
	if (found <= 0)
		return found;
	/* Only now: this is asked often, and mostly nothing is due. */
	if (store_begin_write(store) < 0)
		return -1;
	return make_ready(store, destination, seq, DELIVERY_WAITING) < 0 ? -1 : 1;
}

int store_promote_due(
	struct store *store, int destination, int64_t now_ms, int64_t horizon_ms, unsigned limit)
{
	if (store->is_poisoned)
		return -1;
	unsigned n = 0;
	while (n < limit) {
		int found = promote_one(store, DELIVERY_DUE, destination, now_ms);
		if (found == 0)
			found = promote_one(
				store, DELIVERY_DUE_BEYOND, destination, now_ms + horizon_ms);
		if (found < 0)
			return -1;
		if (found == 0)
			break;
		n++;
	}
	return (int)n;
}

int64_t store_next_due(struct store *store, int destination)
{
	int64_t due_at_ms = 0;
	struct query query = query_start(store, DELIVERY_NEXT_DUE);
	query_int(&query, destination);
	return query_number(&query, &due_at_ms) < 0 ? -1 : due_at_ms;
}

/* --- leaving the house ---------------------------------------------------------------------------- */

int delivery_purge(struct store *store, int64_t seq)
{
	for (int id = 1; id <= store->n_destinations; id++) {
		struct query query = query_start(store, DELIVERY_DELETE);
		query_int(&query, id);
		query_int(&query, seq);
		int found = query_step(&query);
		if (found < 0)
			return -1;
		if (found == 0)
			continue;
		int64_t state = row_int(&query, 0);
		if (query_run(&query) < 0)
			return -1;
		if (state > 0 && state < DELIVERY_STATES)
			destination_at(store, id)->changes[state]--;
	}
	return 0;
}

/* --- coming back ---------------------------------------------------------------------------------- */

int delivery_park(struct store *store, int destination, int64_t seq, enum delivery_state from)
{
	if (delivery_move(store, destination, seq, from, DELIVERY_PARKED) < 0)
		return -1;
	struct query query = query_start(store, BACK_DELIVERY_PARK);
	query_int(&query, destination);
	query_int(&query, seq);
	return query_run(&query);
}

static bool may_be_parked(enum delivery_state state)
{
	return state == DELIVERY_READY || state == DELIVERY_WAITING || state == DELIVERY_PARKED;
}

/* Among those with its key; rows may come back in any order. 0 or -1. */
static int find_place(
	struct store *store, const struct delivery_back *back, enum delivery_state *state)
{
	int64_t first = 0;
	enum delivery_state first_state = 0;
	int found = 0;
	if (back->held_key[0] != '\0')
		found = delivery_find_first(
			store, back->destination, back->held_key, &first, &first_state);
	if (found < 0)
		return -1;
	if (found > 0 && first < back->seq) {
		if (may_be_parked(*state))
			*state = DELIVERY_PARKED;
		return 0;
	}
	if (*state == DELIVERY_PARKED)
		*state = DELIVERY_READY;
	if (found > 0 && (first_state == DELIVERY_READY || first_state == DELIVERY_WAITING))
		return delivery_park(store, back->destination, first, first_state);
	return 0;
}

int delivery_bring_back(struct store *store, const struct delivery_back *back)
{
	enum delivery_state state = back->state;
	if ((!is_finished(state) && find_place(store, back, &state) < 0) ||
		delivery_move(store, back->destination, back->seq, 0, state) < 0)
		return -1;
	struct query query = query_start(store, BACK_DELIVERY);
	query_int(&query, back->destination);
	query_int(&query, back->seq);
	query_int(&query, state);
	query_int(&query, back->lane);
	query_int_or_null(&query, back->batch, 0);
	query_int(&query, back->attempts);
	query_int_or_null(&query, state == DELIVERY_WAITING ? back->due_at_ms : 0, 0);
	query_int_or_null(&query, back->claimed_at_ms, 0);
	query_int_or_null(&query, back->doubt_at_ms, 0);
	query_int_or_null(&query, back->settled_at_ms, 0);
	query_int_or_null(&query, back->last_status, 0);
	query_text_or_null(&query, back->ref);
	query_text_or_null(&query, is_finished(state) ? "" : back->held_key);
	query_int_or_null(&query, back->connector_revision, 0);
	query_text_or_null(&query, is_finished(state) ? "" : back->carry);
	query_int_or_null(&query, back->serial, 0);
	query_int_or_null(&query, back->looks, 0);
	query_int_or_null(&query, state == DELIVERY_SUSPECT ? back->accepted_at_ms : 0, 0);
	if (query_run(&query) < 0)
		return -1;
	return back->serial > 0 ? serial_jump(store, back->destination, back->serial) : 0;
}

static int take_back_one(struct store *store, const struct event_labels *labels, int destination)
{
	char key[sizeof(((struct present *)0)->key)];
	struct query query = query_start(store, BACK_DELIVERY_DELETE);
	query_int(&query, destination);
	query_int(&query, labels->seq);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	int64_t state = row_int(&query, 0);
	const char *held = row_text(&query, 1);
	size_t len = strnlen(held, sizeof(key) - 1);
	memcpy(key, held, len);
	key[len] = '\0';
	if (query_run(&query) < 0)
		return -1;
	destination_at(store, destination)->changes[state]--;
	if (tally_take_back(store, labels, destination, "routed") < 0)
		return -1;
	return len > 0 && wake_next(store, destination, key) < 0 ? -1 : 1;
}

int delivery_take_back(struct store *store, const struct event_labels *labels)
{
	int n = 0;
	for (int id = 1; id <= store->n_destinations; id++) {
		int found = take_back_one(store, labels, id);
		if (found < 0)
			return -1;
		n += found;
	}
	return n > 0 ? 0 : tally_take_back(store, labels, 0, "unrouted");
}
