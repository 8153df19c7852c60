/*
 * replay.c - DONE deliveries go again.
 */
#include <limits.h>

#include "store/store_internal.h"

/* Where a call's look ends. 1, 0 there is nothing more, -1. */
static int find_end(struct store *store, const struct store_replay_filter *filter, int64_t *ret_seq)
{
	struct query query = query_start(store, DELIVERY_REPLAY_END);
	query_int(&query, filter->destination);
	query_int(&query, filter->after_seq);
	query_int(&query, LOOK_MAX);
	return query_number(&query, ret_seq);
}

int store_list_replay(struct store *store, const struct store_replay_filter *filter,
	store_delivery_fn fn, void *ctx, int64_t *ret_cursor)
{
	int64_t end = 0, last = 0;
	unsigned n = 0;
	int found = find_end(store, filter, &end);
	if (found == 0)
		*ret_cursor = 0;
	if (found <= 0)
		return found;
	struct query query = query_start(store, DELIVERY_LIST_REPLAY);
	query_int(&query, filter->destination);
	query_int(&query, filter->after_seq);
	query_int(&query, end);
	query_int(&query, filter->since_ms);
	query_int(&query, filter->until_ms > 0 ? filter->until_ms : INT64_MAX);
	query_text_or_null(&query, filter->type);
	query_int(&query, filter->limit);
	while ((found = query_step(&query)) > 0) {
		struct store_delivery_row row;
		delivery_fill_row(&query, &row);
		last = row.seq;
		n++;
		if (fn(ctx, &row) != 0) {
			query_end(&query);
			found = 0;
			break;
		}
	}
	*ret_cursor = n == filter->limit ? last : end;
	return found;
}

int delivery_find_place(struct store *store, int destination, int64_t seq, const char *key,
	enum delivery_state *ret_state)
{
	int64_t first = 0;
	enum delivery_state state = 0;
	int found = 0;
	*ret_state = DELIVERY_READY;
	if (key[0] != '\0')
		found = delivery_find_first(store, destination, key, &first, &state);
	if (found < 0)
		return -1;
	if (found == 0)
		return 1;
	if (first < seq) {
		*ret_state = DELIVERY_PARKED;
		return 1;
	}
	if (state == DELIVERY_CLAIMED)
		return 0;
	if (state == DELIVERY_READY || state == DELIVERY_WAITING)
		return delivery_park(store, destination, first, state) < 0 ? -1 : 1;
	return 1;
}

enum store_replayed store_replay(
	struct store *store, int destination, int64_t seq, const struct store_replay *replay)
{
	enum delivery_state state;
	if (store_begin_write(store) < 0)
		return STORE_REPLAY_FAILED;
	int place = delivery_find_place(store, destination, seq, replay->key, &state);
	if (place <= 0)
		return place < 0 ? STORE_REPLAY_FAILED : STORE_REPLAY_BUSY;
	struct query query = query_start(store, DELIVERY_REPLAY);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, state);
	query_text_or_null(&query, replay->key);
	query_int_or_null(&query, replay->doubt_at_ms, 0);
	query_int(&query, replay->is_rendered_anew);
	if (query_run(&query) < 0)
		return STORE_REPLAY_FAILED;
	if (sqlite3_changes(store->db) != 1) {
		(void)store_refuse(store, "delivery of event %lld to %s is replayed but not done",
			(long long)seq, store_destination_name(store, destination));
		return STORE_REPLAY_FAILED;
	}
	if (delivery_move(store, destination, seq, DELIVERY_DONE, state) < 0 ||
		delivery_count(store, destination, seq, replay->now_ms, "routed") < 0)
		return STORE_REPLAY_FAILED;
	return STORE_REPLAY_DONE;
}
