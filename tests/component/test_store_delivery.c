/* Deliveries: who waits for whom, who is woken, and whether the counts are what a recount says. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1
#define TMS 2

static int setup(void **state)
{
	struct shed *shed = calloc(1, sizeof(*shed));
	assert_non_null(shed);
	shed_init(shed, NULL);
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	shed_commit(shed);
	*state = shed;
	return 0;
}

static int teardown(void **state)
{
	shed_done(*state);
	free(*state);
	return 0;
}

/* --- keys ---------------------------------------------------------------------------------------- */

static void test_deliveries_of_one_key_wait_for_each_other_and_others_pass(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "PO-1");
	int64_t b = shed_put(shed, 2, ERP, "PO-1");
	int64_t c = shed_put(shed, 3, ERP, "PO-1");
	int64_t other = shed_put(shed, 4, ERP, "PO-2");
	int64_t none = shed_put(shed, 5, ERP, "");
	assert_int_equal(shed_put_delivery(shed, TMS, b, "PO-1"), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, c), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, other), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, none), DELIVERY_READY);

	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, c), DELIVERY_PARKED);
	shed_claim(shed, ERP, b);
	shed_settle(shed, ERP, b, DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, c), DELIVERY_PARKED);
	shed_commit(shed);
}

static void test_an_exception_holds_its_key_until_it_is_discarded(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "PO-1");
	int64_t b = shed_put(shed, 2, ERP, "PO-1");
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_EXCEPTION);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_PARKED);
	shed_settle(shed, ERP, a, DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	shed_commit(shed);
}

static void test_an_exception_that_passes_frees_its_key(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "PO-1");
	int64_t b = shed_put(shed, 2, ERP, "PO-1");
	const struct store_settlement settlement = {
		.to = DELIVERY_EXCEPTION, .exception_passes = true, .now_ms = 60000
	};
	shed_claim(shed, ERP, a);
	assert_int_equal(store_settle(shed->store, ERP, a, &settlement), 0);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	shed_settle(shed, ERP, a, DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	shed_commit(shed);
}

static void test_a_key_whose_holder_is_done_is_free_for_the_next_event(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "PO-1");
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_DONE);
	int64_t b = shed_put(shed, 2, ERP, "PO-1");
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	shed_commit(shed);
}

/* --- rows ---------------------------------------------------------------------------------------- */

struct rows {
	unsigned n;
	struct store_delivery_row row[16];
	char body[16][16];
};

static int collect(void *ctx, const struct store_delivery_row *row)
{
	struct rows *rows = ctx;
	rows->row[rows->n] = *row;
	rows->body[rows->n][0] = '\0';
	if (row->body != NULL)
		(void)snprintf(rows->body[rows->n], 16, "%.*s", (int)row->len, row->body);
	rows->n++;
	return 0;
}

static struct store_delivery_row look(struct shed *shed, int destination, int64_t seq)
{
	struct rows rows = { 0 };
	assert_int_equal(store_list_event_deliveries(shed->store, seq, collect, &rows), 0);
	for (unsigned i = 0; i < rows.n; i++) {
		if (rows.row[i].destination == destination)
			return rows.row[i];
	}
	fail_msg("no such delivery");
	return rows.row[0];
}

static void test_ready_rows_come_by_seq_with_bodies_and_no_more_than_asked(void **state)
{
	struct shed *shed = *state;
	struct rows rows = { 0 };
	for (int n = 1; n <= 5; n++)
		(void)shed_put(shed, n, ERP, "");
	assert_int_equal(store_list_ready(shed->store, ERP, 1, 0, 3, collect, &rows), 0);
	assert_int_equal(rows.n, 3);
	assert_int_equal(rows.row[0].seq, 1);
	assert_int_equal(rows.row[2].seq, 3);
	assert_string_equal(rows.body[2], "e3");
	rows.n = 0;
	assert_int_equal(store_list_ready(shed->store, ERP, 0, 0, 3, collect, &rows), 0);
	assert_int_equal(rows.n, 0);
	shed_commit(shed);
}

static void test_ready_rows_behind_a_place_leave_out_the_rest_of_its_batch(void **state)
{
	const struct store_settlement refused = { .to = DELIVERY_READY, .now_ms = 60000 };
	struct shed *shed = *state;
	struct rows rows = { 0 };
	for (int n = 1; n <= 4; n++)
		(void)shed_put(shed, n, ERP, "");
	for (int64_t seq = 2; seq <= 3; seq++) {
		assert_int_equal(store_claim(shed->store, ERP, seq, 2, 0, 50000), 0);
		assert_int_equal(store_settle(shed->store, ERP, seq, &refused), 0);
	}
	assert_int_equal(store_list_ready(shed->store, ERP, 1, 2, 3, collect, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.row[0].seq, 4);
	shed_commit(shed);
}

static void test_a_batch_is_kept_over_a_retry_and_left_when_taken_apart(void **state)
{
	struct shed *shed = *state;
	struct rows rows = { 0 };
	int64_t a = shed_put(shed, 1, ERP, "");
	int64_t b = shed_put(shed, 2, ERP, "");
	assert_int_equal(store_claim(shed->store, ERP, a, a, 4, 50000), 0);
	assert_int_equal(store_claim(shed->store, ERP, b, a, 4, 50000), 0);
	shed_settle(shed, ERP, a, DELIVERY_WAITING);
	shed_settle(shed, ERP, b, DELIVERY_WAITING);
	assert_int_equal(store_list_batch(shed->store, ERP, a, collect, &rows), 0);
	assert_int_equal(rows.n, 2);
	assert_string_equal(rows.body[1], "e2");
	assert_int_equal(rows.row[1].connector_revision, 4);

	const struct store_settlement apart = {
		.to = DELIVERY_READY, .leaves_batch = true, .now_ms = 60000
	};
	assert_int_equal(store_promote_due(shed->store, ERP, 90000, 1000, 10), 2);
	shed_claim(shed, ERP, a);
	shed_claim(shed, ERP, b);
	assert_int_equal(store_settle(shed->store, ERP, a, &apart), 0);
	assert_int_equal(store_settle(shed->store, ERP, b, &apart), 0);
	assert_int_equal(look(shed, ERP, a).batch, 0);
	assert_int_equal(look(shed, ERP, b).batch, 0);
	assert_int_equal(look(shed, ERP, b).connector_revision, 4);
	shed_commit(shed);
}

static void test_a_void_attempt_is_taken_back_and_an_earlier_one_stays(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "");
	const struct store_settlement unreachable = {
		.to = DELIVERY_WAITING,
		.attempt_is_void = true,
		.is_proven = true,
		.due_at_ms = 1000,
		.now_ms = 60000,
	};
	shed_claim(shed, ERP, a);
	assert_int_equal(look(shed, ERP, a).attempts, 1);
	assert_int_equal(look(shed, ERP, a).claimed_at_ms, 50000);
	assert_int_equal(look(shed, ERP, a).doubt_at_ms, 50000);
	assert_int_equal(store_settle(shed->store, ERP, a, &unreachable), 0);
	assert_int_equal(look(shed, ERP, a).attempts, 0);
	assert_int_equal(look(shed, ERP, a).claimed_at_ms, 0);
	assert_int_equal(look(shed, ERP, a).doubt_at_ms, 0);

	assert_int_equal(store_promote_due(shed->store, ERP, 2000, 100000, 10), 1);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_WAITING);
	assert_int_equal(store_promote_due(shed->store, ERP, 95000, 100000, 10), 1);
	assert_int_equal(store_claim(shed->store, ERP, a, 0, 0, 99000), 0);
	assert_int_equal(look(shed, ERP, a).doubt_at_ms, 50000);
	assert_int_equal(store_settle(shed->store, ERP, a, &unreachable), 0);
	assert_int_equal(look(shed, ERP, a).attempts, 1);
	assert_int_equal(look(shed, ERP, a).doubt_at_ms, 0);
	assert_int_equal(look(shed, ERP, a).claimed_at_ms, 0);
	shed_commit(shed);
}

static void test_a_done_row_says_when_with_which_status_and_ref(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "PO-1");
	const struct store_settlement done = {
		.to = DELIVERY_DONE, .status = 201, .ref = "PR-1", .now_ms = 60000
	};
	shed_claim(shed, ERP, a);
	assert_int_equal(store_settle(shed->store, ERP, a, &done), 0);
	struct rows rows = { 0 };
	assert_int_equal(
		store_list_deliveries(shed->store, ERP, DELIVERY_DONE, 0, 10, collect, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.row[0].settled_at_ms, 60000);
	assert_int_equal(rows.row[0].last_status, 201);
	shed_commit(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE ref = 'PR-1'"
					" AND held_key IS NULL"),
		1);
}

static void test_the_last_status_outlives_an_attempt_without_one(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "");
	const struct store_settlement busy = {
		.to = DELIVERY_READY, .status = 503, .now_ms = 60000
	};
	shed_claim(shed, ERP, a);
	assert_int_equal(store_settle(shed->store, ERP, a, &busy), 0);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_READY);
	assert_int_equal(look(shed, ERP, a).last_status, 503);
	shed_commit(shed);
}

static void test_an_impossible_move_poisons_the_turn_and_says_why(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	const struct store_settlement done = { .to = DELIVERY_DONE, .now_ms = 60000 };
	assert_int_equal(store_settle(shed->store, ERP, a, &done), -1);
	assert_true(store_is_poisoned(shed->store));
	assert_string_equal(store_failure(shed->store),
		"delivery of event 1 to erp can't go from ready to done");
	assert_int_equal(store_claim(shed->store, ERP, a, 0, 0, 1), -1);
	assert_int_equal(store_commit(shed->store), -1);
	store_abandon(shed->store);
	shed_claim(shed, ERP, a);
	assert_int_equal(store_claim(shed->store, ERP, a, 0, 0, 1), -1);
	store_abandon(shed->store);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
}

static void test_unfinished_rows_are_listed_by_seq_page_by_page(void **state)
{
	struct shed *shed = *state;
	enum delivery_state put;
	int64_t after = 0;
	int64_t expected = 1;
	for (int n = 1; n <= 12; n++) {
		int64_t seq = shed_put_event(shed, n);
		assert_int_equal(store_put_delivery(shed->store, ERP, seq, "", n % 3, &put), 0);
		if (n % 2 == 0)
			shed_claim(shed, ERP, seq);
	}
	for (int page = 0; page < 3; page++) {
		struct rows rows = { 0 };
		assert_int_equal(
			store_list_deliveries(shed->store, ERP, 0, after, 5, collect, &rows), 0);
		for (unsigned i = 0; i < rows.n; i++)
			assert_int_equal(rows.row[i].seq, expected++);
		after = rows.row[rows.n - 1].seq;
	}
	assert_int_equal(expected, 13);
	struct rows claimed = { 0 };
	assert_int_equal(
		store_list_deliveries(shed->store, ERP, DELIVERY_CLAIMED, 4, 3, collect, &claimed),
		0);
	assert_int_equal(claimed.n, 3);
	assert_int_equal(claimed.row[0].seq, 6);
	shed_commit(shed);
}

static int count_attempt(void *ctx, const struct store_attempt_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static void test_a_destination_that_cannot_be_reached_leaves_one_attempt_row(void **state)
{
	struct shed *shed = *state;
	int n = 0;
	for (int i = 0; i < 100; i++)
		assert_int_equal(store_put_attempt(shed->store, ERP, 1, 1, i, 5, "unreachable", 0,
					 "connection refused"),
			0);
	assert_int_equal(store_list_attempts(shed->store, 1, count_attempt, &n), 0);
	assert_int_equal(n, 1);
	shed_commit(shed);
}

/* --- time ---------------------------------------------------------------------------------------- */

static int64_t put_waiting(struct shed *shed, int n, int64_t due_at_ms)
{
	const struct store_settlement retry = {
		.to = DELIVERY_WAITING, .due_at_ms = due_at_ms, .now_ms = 60000
	};
	int64_t seq = shed_put(shed, n, ERP, "");
	shed_claim(shed, ERP, seq);
	assert_int_equal(store_settle(shed->store, ERP, seq, &retry), 0);
	return seq;
}

static void test_due_rows_become_ready_and_a_clock_that_jumped_back_holds_none(void **state)
{
	struct shed *shed = *state;
	int64_t soon = put_waiting(shed, 1, 1000);
	int64_t later = put_waiting(shed, 2, 5000);
	int64_t from_the_future = put_waiting(shed, 3, 900000);
	shed_commit(shed);
	assert_int_equal(store_next_due(shed->store, ERP), 1000);
	assert_int_equal(store_promote_due(shed->store, ERP, 999, 1000000, 10), 0);
	assert_false(store_is_dirty(shed->store));
	assert_int_equal(store_promote_due(shed->store, ERP, 1000, 10000, 10), 2);
	assert_int_equal(shed_state(shed, ERP, soon), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, later), DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, from_the_future), DELIVERY_READY);
	assert_int_equal(store_next_due(shed->store, ERP), 5000);
	assert_int_equal(store_next_due(shed->store, TMS), 0);
	shed_commit(shed);
}

static void test_promotion_stops_at_its_limit(void **state)
{
	struct shed *shed = *state;
	for (int n = 1; n <= 5; n++)
		(void)put_waiting(shed, n, n);
	assert_int_equal(store_promote_due(shed->store, ERP, 1000, 10000, 3), 3);
	assert_int_equal(store_promote_due(shed->store, ERP, 1000, 10000, 3), 2);
	shed_commit(shed);
}

static void test_the_oldest_is_the_lowest_seq_in_whatever_state(void **state)
{
	struct shed *shed = *state;
	assert_int_equal(store_oldest(shed->store, ERP), 0);
	int64_t a = shed_put(shed, 7, ERP, "PO-1");
	(void)shed_put(shed, 8, ERP, "PO-1");
	shed_commit(shed);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_EXCEPTION);
	shed_commit(shed);
	assert_int_equal(store_oldest(shed->store, ERP), 7000);
	shed_settle(shed, ERP, a, DELIVERY_DISCARDED);
	shed_commit(shed);
	assert_int_equal(store_oldest(shed->store, ERP), 8000);
}

/* --- what survives ------------------------------------------------------------------------------- */

static void test_a_claim_is_found_after_a_crash_and_what_was_not_committed_is_not(void **state)
{
	struct shed *shed = *state;
	struct rows rows = { 0 };
	int64_t a = shed_put(shed, 1, ERP, "");
	int64_t b = shed_put(shed, 2, ERP, "");
	shed_commit(shed);
	assert_int_equal(store_claim(shed->store, ERP, a, a, 0, 50000), 0);
	shed_commit(shed);
	shed_claim(shed, ERP, b);
	shed_crash(shed);
	assert_int_equal(store_list_claimed(shed->store, ERP, collect, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.row[0].seq, a);
	assert_int_equal(rows.row[0].batch, a);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_CLAIMED), 1);
}

static void test_depth_moves_at_the_commit(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "");
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_READY), 0);
	shed_commit(shed);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_READY), 1);
	shed_claim(shed, ERP, a);
	store_abandon(shed->store);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_READY), 1);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_CLAIMED), 0);
}

/* --- a random walk ------------------------------------------------------------------------------- */

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

/* A legal move from `from`, by chance; 0: none. */
static enum delivery_state draw_move(uint32_t *seed, enum delivery_state from)
{
	static const enum delivery_state claimed[] = { DELIVERY_READY, DELIVERY_WAITING,
		DELIVERY_SUSPECT, DELIVERY_EXCEPTION, DELIVERY_DONE, DELIVERY_DONE, DELIVERY_DONE };
	static const enum delivery_state suspect[] = { DELIVERY_READY, DELIVERY_DONE,
		DELIVERY_EXCEPTION };
	static const enum delivery_state exception[] = { DELIVERY_READY, DELIVERY_DONE,
		DELIVERY_DISCARDED };
	switch (from) {
	case DELIVERY_CLAIMED:
		return claimed[draw(seed, 7)];
	case DELIVERY_SUSPECT:
		return suspect[draw(seed, 3)];
	case DELIVERY_EXCEPTION:
		return exception[draw(seed, 3)];
	case DELIVERY_WAITING:
		return DELIVERY_READY;
	default:
		return 0;
	}
}

static void walk_one(struct shed *shed, uint32_t *seed, int *n)
{
	static const char *const keys[] = { "", "PO-1", "PO-2", "PO-3" };
	int destination = 1 + (int)draw(seed, 2);
	if (*n < 3 || draw(seed, 4) == 0) {
		int64_t seq = shed_put(shed, ++*n, ERP, keys[draw(seed, 4)]);
		(void)shed_put_delivery(shed, TMS, seq, keys[draw(seed, 4)]);
		return;
	}
	int64_t seq = 1 + (int64_t)draw(seed, (uint32_t)*n);
	enum delivery_state from = shed_state(shed, destination, seq);
	if (from == DELIVERY_READY) {
		shed_claim(shed, destination, seq);
		return;
	}
	const struct store_settlement settlement = {
		.to = draw_move(seed, from),
		.due_at_ms = 1 + draw(seed, 1000),
		.attempt_is_void = draw(seed, 3) == 0,
		.exception_passes = draw(seed, 3) == 0,
		.leaves_batch = draw(seed, 5) == 0,
		.now_ms = 60000,
	};
	if (settlement.to != 0)
		assert_int_equal(store_settle(shed->store, destination, seq, &settlement), 0);
}

/* Invariant 2: the first by seq of a key is not PARKED, every other one is. */
static const char misparked[] =
	"SELECT count(*) FROM delivery AS d WHERE held_key IS NOT NULL AND (state = 4) ="
	" (seq = (SELECT min(seq) FROM delivery WHERE destination = d.destination"
	" AND held_key = d.held_key))";
static const char miscounted_depth[] =
	"SELECT count(*) FROM (SELECT destination, state, sum(n) AS n FROM ("
	" SELECT destination, state, n FROM depth UNION ALL"
	" SELECT destination, state, -count(*) FROM delivery GROUP BY 1, 2"
	") GROUP BY 1, 2) WHERE n <> 0";
static const char miscounted_tally[] =
	"SELECT count(*) FROM (SELECT destination, outcome, device, sum(n) AS n FROM ("
	" SELECT destination, CASE outcome WHEN 'reopened' THEN 'exception' ELSE outcome END"
	"  AS outcome, device, CASE outcome WHEN 'reopened' THEN -n ELSE n END AS n"
	"  FROM tally WHERE destination > 0 UNION ALL"
	" SELECT destination, 'routed', device, -1 FROM delivery JOIN event USING (seq) UNION ALL"
	" SELECT destination, CASE state WHEN 6 THEN 'exception' WHEN 7 THEN 'done' ELSE"
	"  'discarded' END, device, -1 FROM delivery JOIN event USING (seq) WHERE state >= 6"
	") GROUP BY 1, 2, 3) WHERE n <> 0";

static void walk(struct shed *shed, uint32_t seed)
{
	int n = 0;
	for (int turn = 0; turn < 60; turn++) {
		int before = n;
		for (uint32_t i = draw(&seed, 12); i > 0; i--)
			walk_one(shed, &seed, &n);
		if (draw(&seed, 4) == 0) {
			store_abandon(shed->store);
			n = before;
		} else {
			shed_commit(shed);
		}
		assert_int_equal(shed_ask(shed, misparked), 0);
		assert_int_equal(shed_ask(shed, miscounted_depth), 0);
		assert_int_equal(shed_ask(shed, miscounted_tally), 0);
	}
	int64_t depths[2][DELIVERY_STATES] = { 0 };
	for (int pass = 0; pass < 2; pass++) {
		for (int s = 1; s < DELIVERY_STATES; s++)
			depths[pass][s] = store_depth(shed->store, ERP, (enum delivery_state)s);
		shed_reopen(shed);
	}
	assert_memory_equal(depths[0], depths[1], sizeof(depths[0]));
}

static void test_counts_and_keys_hold_after_any_walk_with_poisoned_turns(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		void *shed;
		assert_int_equal(setup(&shed), 0);
		walk(shed, seed * 7919);
		assert_int_equal(teardown(&shed), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deliveries_of_one_key_wait_for_each_other_and_others_pass),
		TEST(test_an_exception_holds_its_key_until_it_is_discarded),
		TEST(test_an_exception_that_passes_frees_its_key),
		TEST(test_a_key_whose_holder_is_done_is_free_for_the_next_event),
		TEST(test_ready_rows_come_by_seq_with_bodies_and_no_more_than_asked),
		TEST(test_ready_rows_behind_a_place_leave_out_the_rest_of_its_batch),
		TEST(test_a_batch_is_kept_over_a_retry_and_left_when_taken_apart),
		TEST(test_a_void_attempt_is_taken_back_and_an_earlier_one_stays),
		TEST(test_a_done_row_says_when_with_which_status_and_ref),
		TEST(test_the_last_status_outlives_an_attempt_without_one),
		TEST(test_an_impossible_move_poisons_the_turn_and_says_why),
		TEST(test_unfinished_rows_are_listed_by_seq_page_by_page),
		TEST(test_a_destination_that_cannot_be_reached_leaves_one_attempt_row),
		TEST(test_due_rows_become_ready_and_a_clock_that_jumped_back_holds_none),
		TEST(test_promotion_stops_at_its_limit),
		TEST(test_the_oldest_is_the_lowest_seq_in_whatever_state),
		TEST(test_a_claim_is_found_after_a_crash_and_what_was_not_committed_is_not),
		TEST(test_depth_moves_at_the_commit),
		cmocka_unit_test(test_counts_and_keys_hold_after_any_walk_with_poisoned_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
