/*
 * sequence.c - which numbers a source has sent, so that the ledger can name gaps.
 */
#include "store/store_internal.h"

int sequence_seen(struct store *store, const char *source, int64_t sequence)
{
	struct query query = query_start(store, SEQUENCE_SEEN);
	query_text(&query, source);
	query_int(&query, sequence);
	return query_run(&query);
}

int store_list_sequences(struct store *store, store_sequence_fn fn, void *ctx)
{
	struct query query = query_start(store, SEQUENCE_LIST);
	int more;
	while ((more = query_step(&query)) > 0) {
		if (fn(ctx, row_text(&query, 0), row_int(&query, 1), row_int(&query, 2),
			    row_int(&query, 3)) != 0) {
			query_end(&query);
			return 0;
		}
	}
	return more;
}
