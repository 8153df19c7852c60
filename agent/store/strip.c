/*
 * strip.c - what is delivered gives up its content when room is short; that it was there, and its
 * id, stay.
 *
 * Setting `body` to NULL would free nothing: a row that shrinks leaves its page as it is, and later
 * events go to later pages. So a slice of rows is taken out, which empties their pages, and put back
 * without content, which fills few of them.
 *
 * Slices go from the lowest seq upward; the next one goes on behind the last, and a round ends at the
 * newest event. An event stays whole that has no delivery, an unfinished one, or an open exception.
 */
#include "store/store_internal.h"

static int find_end(struct store *store, unsigned rows, int64_t *ret_seq, bool *ret_is_last)
{
	struct query query = query_start(store, STRIP_END);
	query_int(&query, store->stripped_to_seq);
	query_int(&query, rows);
	int found = query_step(&query);
	if (found <= 0)
		return -1;
	*ret_seq = row_int(&query, 0);
	*ret_is_last = row_int(&query, 1) < (int64_t)rows;
	query_end(&query);
	return 0;
}

/* How many of the slice may go, or -1. */
static int take(struct store *store, int64_t to_seq)
{
	struct query query = query_start(store, STRIP_TAKE);
	query_int(&query, store->stripped_to_seq);
	query_int(&query, to_seq);
	return query_run(&query) < 0 ? -1 : sqlite3_changes(store->db);
}

static int run(struct store *store, enum statement id)
{
	struct query query = query_start(store, id);
	return query_run(&query);
}

int store_strip(struct store *store, unsigned rows, bool *ret_more)
{
	int64_t to_seq = 0;
	bool is_last = false;
	*ret_more = false;
	if (store_begin_write(store) < 0 || find_end(store, rows, &to_seq, &is_last) < 0)
		return -1;
	int n = take(store, to_seq);
	if (n < 0)
		return -1;
	if (n > 0 && (run(store, STRIP_DELETE) < 0 || run(store, STRIP_INSERT) < 0 ||
			     run(store, STRIP_FORGET) < 0))
		return -1;
	store->stripped_to_seq = is_last ? 0 : to_seq;
	*ret_more = !is_last;
	return n;
}

int store_free_pages(struct store *store)
{
	if (store_begin_write(store) < 0)
		return -1;
	return run(store, PURGE_VACUUM);
}
