/*
 * attempt.c - one row per attempt that did not simply succeed.
 */
#include "store/store_internal.h"

int store_put_attempt(struct store *store, int destination, int64_t seq, unsigned attempt,
	int64_t at_ms, int64_t took_ms, const char *outcome, int status, const char *message)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, ATTEMPT_INSERT);
	query_int(&query, seq);
	query_int(&query, destination);
	query_int(&query, attempt);
	query_int(&query, at_ms);
	query_int(&query, took_ms);
	query_text(&query, outcome);
	query_int_or_null(&query, status, 0);
	query_text_or_null(&query, message);
	return query_run(&query);
}

int store_list_attempts(struct store *store, int64_t seq, store_attempt_fn fn, void *ctx)
{
	struct query query = query_start(store, ATTEMPT_LIST);
	query_int(&query, seq);
	int more;
	while ((more = query_step(&query)) > 0) {
		const struct store_attempt_row row = {
			.destination = (int)row_int(&query, 0),
			.attempt = (unsigned)row_int(&query, 1),
			.at_ms = row_int(&query, 2),
			.took_ms = row_int(&query, 3),
			.outcome = row_text(&query, 4),
			.message = row_text(&query, 5),
			.status = (int)row_int(&query, 6),
		};
		if (fn(ctx, &row) != 0) {
			query_end(&query);
			return 0;
		}
	}
	return more;
}
