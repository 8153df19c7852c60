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

/* --- chains --------------------------------------------------------------------------------------- */

static unsigned count_chain(struct shed *shed, int64_t after_seq, unsigned limit)
{
	struct rows rows = { 0 };
	assert_int_equal(
		store_list_chain(shed->store, ERP, "PO-1", after_seq, limit, collect, &rows), 0);
	return rows.n;
}

/* PO-1, three times, READY and parked behind it. */
static int64_t put_three(struct shed *shed)
{
	int64_t first = shed_put(shed, 1, ERP, "PO-1");
	(void)shed_put(shed, 2, ERP, "PO-1");
	(void)shed_put(shed, 3, ERP, "PO-1");
	return first;
}

static void claim_chain(struct shed *shed, int64_t first)
{
	assert_int_equal(store_claim(shed->store, ERP, first, first, 1, 50000), 0);
	assert_int_equal(store_claim_chained(shed->store, ERP, first + 1, first, 1, 50000), 0);
}

static void test_a_chain_done_in_order_frees_the_key_behind_it(void **state)
{
	struct shed *shed = *state;
	int64_t first = put_three(shed);
	assert_int_equal(count_chain(shed, first, 10), 2);
	assert_int_equal(count_chain(shed, first, 1), 1);
	claim_chain(shed, first);
	shed_settle(shed, ERP, first, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, first + 2), DELIVERY_PARKED);
	shed_settle(shed, ERP, first + 1, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, first + 2), DELIVERY_READY);
	shed_commit(shed);
	assert_int_equal(store_depth(shed->store, ERP, DELIVERY_PARKED), 0);
}

static void test_a_chain_whose_first_is_an_exception_waits_behind_it(void **state)
{
	struct shed *shed = *state;
	int64_t first = put_three(shed);
	claim_chain(shed, first);
	shed_settle(shed, ERP, first, DELIVERY_EXCEPTION);
	shed_settle(shed, ERP, first + 1, DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, first + 1), DELIVERY_PARKED);
	assert_int_equal(store_next_due(shed->store, ERP), 0);
	shed_settle(shed, ERP, first, DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, first + 1), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, first + 2), DELIVERY_PARKED);
}

static void test_who_was_sent_before_ends_a_chain(void **state)
{
	const struct store_settlement apart = { .to = DELIVERY_READY, .leaves_batch = true };
	struct shed *shed = *state;
	int64_t first = put_three(shed);
	claim_chain(shed, first);
	assert_int_equal(store_settle(shed->store, ERP, first, &apart), 0);
	assert_int_equal(store_settle(shed->store, ERP, first + 1, &apart), 0);
	assert_int_equal(shed_state(shed, ERP, first + 1), DELIVERY_PARKED);
	assert_int_equal(count_chain(shed, first, 10), 0);
	assert_int_equal(count_chain(shed, first + 1, 10), 1);
}

static void test_nobody_is_claimed_behind_who_is_not(void **state)
{
	struct shed *shed = *state;
	int64_t first = put_three(shed);
	shed_commit(shed);
	assert_int_equal(store_claim_chained(shed->store, ERP, first + 1, first, 1, 50000), -1);
	store_abandon(shed->store);
	assert_int_equal(store_claim(shed->store, ERP, first, 0, 1, 50000), 0);
	assert_int_equal(store_claim_chained(shed->store, ERP, first + 1, first, 1, 50000), -1);
	assert_non_null(strstr(store_failure(shed->store), "not claimed in its batch"));
	store_abandon(shed->store);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, shed_tear_down)

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
		TEST(test_a_chain_done_in_order_frees_the_key_behind_it),
		TEST(test_a_chain_whose_first_is_an_exception_waits_behind_it),
		TEST(test_who_was_sent_before_ends_a_chain),
		TEST(test_nobody_is_claimed_behind_who_is_not),
		TEST(test_a_claim_is_found_after_a_crash_and_what_was_not_committed_is_not),
		TEST(test_depth_moves_at_the_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
