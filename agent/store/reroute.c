/*
 * reroute.c - a delivery that should have been made when its event came.
 */
#include "store/store_internal.h"

int64_t store_last_seq(const struct store *store)
{
	return store->next_seq - 1;
}

int store_list_seqs(
	struct store *store, int64_t after_seq, int64_t to_seq, int64_t *ret_seqs, unsigned n)
{
	struct query query = query_start(store, EVENT_LIST_SEQS);
	query_int(&query, after_seq);
	query_int(&query, to_seq);
	query_int(&query, n);
	unsigned found = 0;
	int more;
	while ((more = query_step(&query)) > 0)
		ret_seqs[found++] = row_int(&query, 0);
	return more < 0 ? -1 : (int)found;
}

static int insert(
	struct store *store, const struct store_reroute *reroute, enum delivery_state state)
{
	struct query query = query_start(store, DELIVERY_INSERT);
	query_int(&query, reroute->destination);
	query_int(&query, reroute->seq);
	query_int(&query, state);
	query_int(&query, reroute->lane);
	query_text_or_null(&query, reroute->key);
	return query_run(&query) < 0
		       ? -1
		       : delivery_count(store, reroute->destination, reroute->seq, 0, "routed");
}

static int take_back_unrouted(struct store *store, int64_t seq)
{
	struct event_labels labels;
	if (event_labels_find(store, seq, &labels) < 0)
		return -1;
	return tally_take_back(store, &labels, 0, "unrouted");
}

enum store_rerouted store_reroute(struct store *store, const struct store_reroute *reroute)
{
	enum delivery_state state;
	if (store_begin_write(store) < 0)
		return STORE_REROUTE_FAILED;
	struct query query = query_start(store, DELIVERY_FIND);
	query_int(&query, reroute->destination);
	query_int(&query, reroute->seq);
	int found = query_step(&query);
	if (found > 0)
		query_end(&query);
	if (found != 0)
		return found < 0 ? STORE_REROUTE_FAILED : STORE_REROUTE_THERE;
	int place = delivery_find_place(
		store, reroute->destination, reroute->seq, reroute->key, &state);
	if (place <= 0)
		return place < 0 ? STORE_REROUTE_FAILED : STORE_REROUTE_BUSY;
	if (delivery_move(store, reroute->destination, reroute->seq, 0, state) < 0 ||
		insert(store, reroute, state) < 0 ||
		(reroute->was_unrouted && take_back_unrouted(store, reroute->seq) < 0))
		return STORE_REROUTE_FAILED;
	return STORE_REROUTE_DONE;
}

int store_unpin(struct store *store, int destination, int64_t seq)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_UNPIN);
	query_int(&query, destination);
	query_int(&query, seq);
	return query_run(&query);
}
