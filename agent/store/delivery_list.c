/*
 * delivery_list.c - looking at deliveries: for the dispatcher, and for people.
 */
#include "store/store_internal.h"

void delivery_fill_row(const struct query *query, struct store_delivery_row *row)
{
	size_t len = 0;
	*row = (struct store_delivery_row){
		.destination = (int)row_int(query, 0),
		.seq = row_int(query, 1),
		.state = (enum delivery_state)row_int(query, 2),
		.lane = (int)row_int(query, 3),
		.batch = row_int(query, 4),
		.attempts = (unsigned)row_int(query, 5),
		.due_at_ms = row_int(query, 6),
		.claimed_at_ms = row_int(query, 7),
		.doubt_at_ms = row_int(query, 8),
		.settled_at_ms = row_int(query, 9),
		.last_status = (int)row_int(query, 10),
		.ref = row_text(query, 11),
		.held_key = row_text(query, 12),
		.connector_revision = (int)row_int(query, 13),
		.serial = row_int(query, 14),
		.looks = (unsigned)row_int(query, 15),
		.look_at_ms = row_int(query, 16),
		.accepted_at_ms = row_int(query, 17),
		.received_at_ms = row_int(query, 18),
		.revision = row_int(query, 19),
		.source = row_text(query, 20),
		.id = row_text(query, 21),
		.type = row_text(query, 22),
		.device = row_text(query, 23),
	};
	row->body = row_bytes(query, 24, &len);
	row->len = len;
	row->carry = (const char *)sqlite3_column_text(query->stmt, 25);
}

static int give_rows(struct query *query, store_delivery_fn fn, void *ctx)
{
	int more;
	while ((more = query_step(query)) > 0) {
		struct store_delivery_row row;
		delivery_fill_row(query, &row);
		if (fn(ctx, &row) != 0) {
			query_end(query);
			return 0;
		}
	}
	return more;
}

int store_list_ready(struct store *store, int destination, int lane, int64_t after_place,
	unsigned limit, store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_READY);
	query_int(&query, destination);
	query_int(&query, lane);
	query_int(&query, after_place);
	query_int(&query, limit);
	return give_rows(&query, fn, ctx);
}

int store_list_batch(
	struct store *store, int destination, int64_t batch, store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_BATCH);
	query_int(&query, destination);
	query_int(&query, batch);
	return give_rows(&query, fn, ctx);
}

int store_list_claimed(struct store *store, int destination, store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_CLAIMED);
	query_int(&query, destination);
	return give_rows(&query, fn, ctx);
}

int store_list_suspect(
	struct store *store, int destination, unsigned limit, store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_SUSPECT);
	query_int(&query, destination);
	query_int(&query, limit);
	return give_rows(&query, fn, ctx);
}

int store_list_looks(struct store *store, int destination, int64_t now_ms, unsigned limit,
	store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_LOOKS);
	query_int(&query, destination);
	query_int(&query, now_ms);
	query_int(&query, limit);
	return give_rows(&query, fn, ctx);
}

struct chain {
	store_delivery_fn fn;
	void *ctx;
};

/* Whoever was sent before, or may have been, goes again as it was: none behind it may pass it. */
static int on_chain_row(void *ctx, const struct store_delivery_row *row)
{
	const struct chain *chain = ctx;
	if (row->state != DELIVERY_PARKED || row->batch != 0 || row->connector_revision != 0 ||
		row->doubt_at_ms != 0)
		return 1;
	return chain->fn(chain->ctx, row);
}

int store_list_chain(struct store *store, int destination, const char *key, int64_t after_seq,
	unsigned limit, store_delivery_fn fn, void *ctx)
{
	struct chain chain = { .fn = fn, .ctx = ctx };
	struct query query = query_start(store, DELIVERY_LIST_CHAIN);
	query_int(&query, destination);
	query_text(&query, key);
	query_int(&query, after_seq);
	query_int(&query, limit);
	return give_rows(&query, on_chain_row, &chain);
}

int store_list_deliveries(struct store *store, int destination, enum delivery_state state,
	int64_t after_seq, unsigned limit, store_delivery_fn fn, void *ctx)
{
	bool is_finished = state > DELIVERY_EXCEPTION;
	struct query query =
		query_start(store, is_finished ? DELIVERY_LIST_FINISHED : DELIVERY_LIST_UNFINISHED);
	query_int(&query, destination);
	query_int(&query, state);
	query_int(&query, after_seq);
	query_int(&query, limit);
	if (is_finished)
		query_int(&query, FINISHED_LOOK_MAX);
	return give_rows(&query, fn, ctx);
}

int store_list_event_deliveries(struct store *store, int64_t seq, store_delivery_fn fn, void *ctx)
{
	struct query query = query_start(store, DELIVERY_LIST_EVENT);
	query_int(&query, seq);
	return give_rows(&query, fn, ctx);
}

/* The lowest unfinished seq of a destination: one seek per state and lane that may hold any. */
static int find_oldest(struct store *store, int id, int64_t *ret_seq)
{
	const struct destination *destination = destination_at(store, id);
	*ret_seq = 0;
	for (int state = DELIVERY_READY; destination && state <= DELIVERY_EXCEPTION; state++) {
		if (destination->depth[state] == 0 && destination->changes[state] == 0)
			continue;
		for (int lane = 0; lane < 3; lane++) {
			int64_t seq = 0;
			struct query query = query_start(store, DELIVERY_OLDEST);
			query_int(&query, id);
			query_int(&query, state);
			query_int(&query, lane);
			int found = query_number(&query, &seq);
			if (found < 0)
				return -1;
			if (found > 0 && (*ret_seq == 0 || seq < *ret_seq))
				*ret_seq = seq;
		}
	}
	return 0;
}

int64_t store_oldest(struct store *store, int destination)
{
	int64_t seq = 0;
	int64_t received_at_ms = 0;
	if (find_oldest(store, destination, &seq) < 0)
		return -1;
	if (seq == 0)
		return 0;
	struct query query = query_start(store, EVENT_RECEIVED);
	query_int(&query, seq);
	return query_number(&query, &received_at_ms) < 0 ? -1 : received_at_ms;
}
