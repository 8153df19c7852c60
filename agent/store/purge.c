/*
 * purge.c - old events leave, in slices, from the lowest seq upward.
 *
 * A slice visits a bounded number of events. Those that must stay (unfinished, an open exception,
 * or a stamp that is ahead of the others) are not visited again in this round: the next slice goes
 * on behind them, and a round ends where a whole slice found nothing old.
 */
#include "store/store_internal.h"

#define UNFINISHED_MAX 1000 /* deliveries among which a revision's are looked for */

struct candidate {
	int64_t seq;
	bool is_old;
	bool is_needed;
};

static int find_next(struct store *store, int64_t before_ms, struct candidate *ret)
{
	struct query query = query_start(store, PURGE_NEXT);
	query_int(&query, store->purged_to_seq);
	query_int(&query, before_ms);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	*ret = (struct candidate){
		.seq = row_int(&query, 0),
		.is_old = row_int(&query, 1) != 0,
		.is_needed = row_int(&query, 2) != 0,
	};
	query_end(&query);
	return 1;
}

static int run_with(struct store *store, enum statement id, int64_t number)
{
	struct query query = query_start(store, id);
	query_int(&query, number);
	return query_run(&query);
}

static int purge_event(struct store *store, int64_t seq)
{
	if (store_begin_write(store) < 0 || delivery_purge(store, seq) < 0 ||
		run_with(store, ATTEMPT_DELETE, seq) < 0)
		return -1;
	return run_with(store, EVENT_DELETE, seq);
}

/* Without its row nothing says that a seq was given out. */
static int keep_seq(struct store *store)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, "seq");
	query_int(&query, store->next_seq - 1);
	return query_run(&query);
}

/* Resolved ones: who did what to them stays in the audit trail. */
static int purge_exceptions(struct store *store, int64_t before_ms, unsigned rows)
{
	int64_t id = 0;
	struct query look = query_start(store, EXCEPTION_OLD);
	query_int(&look, before_ms);
	int found = query_number(&look, &id);
	if (found <= 0)
		return found;
	if (store_begin_write(store) < 0)
		return -1;
	struct query purge = query_start(store, EXCEPTION_PURGE);
	query_int(&purge, before_ms);
	query_int(&purge, rows);
	return query_run(&purge);
}

static int64_t count_unfinished(const struct store *store)
{
	int64_t n = 0;
	for (int id = 1; id <= store->n_destinations; id++) {
		const struct destination *destination = destination_at(store, id);
		for (int state = DELIVERY_READY; state <= DELIVERY_EXCEPTION; state++)
			n += destination->depth[state] + destination->changes[state];
	}
	return n;
}

/* No index says what was sent with a revision: it is looked for when there is little to look at. */
static int purge_revisions(struct store *store, int64_t before_ms)
{
	int64_t id = 0;
	int found;
	if (count_unfinished(store) > UNFINISHED_MAX)
		return 0;
	for (;;) {
		struct query look = query_start(store, REVISION_UNUSED);
		query_int(&look, id);
		query_int(&look, before_ms);
		found = query_number(&look, &id);
		if (found <= 0)
			return found;
		if (revision_is_known(store, id))
			continue;
		if (store_begin_write(store) < 0 || run_with(store, REVISION_DELETE, id) < 0)
			return -1;
	}
}

static int free_pages(struct store *store)
{
	struct query query = query_start(store, PURGE_VACUUM);
	return query_run(&query);
}

int store_purge(struct store *store, int64_t before_ms, unsigned rows, bool *ret_more)
{
	int n_purged = 0;
	bool saw_old = false;
	bool saw_end = false;
	for (unsigned i = 0; i < rows && !saw_end; i++) {
		struct candidate next = { 0 };
		int found = find_next(store, before_ms, &next);
		if (found < 0)
			return -1;
		saw_end = found == 0;
		saw_old |= next.is_old;
		if (found > 0)
			store->purged_to_seq = next.seq;
		if (!next.is_old || next.is_needed)
			continue;
		if (purge_event(store, next.seq) < 0)
			return -1;
		n_purged++;
	}
	bool more = saw_old && !saw_end;
	if (!more)
		store->purged_to_seq = 0;
	if (!more && purge_revisions(store, before_ms) < 0)
		return -1;
	if (purge_exceptions(store, before_ms, rows) < 0)
		return -1;
	if (n_purged > 0 && (keep_seq(store) < 0 || free_pages(store) < 0))
		return -1;
	*ret_more = more;
	return n_purged;
}
