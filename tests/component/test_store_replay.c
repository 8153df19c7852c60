/* What was done goes again: in its place among those with its key, and the ledger still closes. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "help_store.h"

#define ERP 1

static int64_t put_done(struct shed *shed, int n, const char *key)
{
	int64_t seq = shed_put(shed, n, ERP, key);
	shed_claim(shed, ERP, seq);
	shed_settle(shed, ERP, seq, DELIVERY_DONE);
	return seq;
}

static enum store_replayed replay(struct shed *shed, int64_t seq, const char *key)
{
	const struct store_replay as = { .key = key, .doubt_at_ms = 77, .now_ms = 99000 };
	return store_replay(shed->store, ERP, seq, &as);
}

/* What the tally says was routed, less what it says has ended: what must be unfinished. */
static void assert_counts_close(struct shed *shed)
{
	shed_commit(shed);
	int64_t open = shed_ask(shed,
		"SELECT sum(CASE outcome WHEN 'routed' THEN n WHEN 'done' THEN -n ELSE 0 END)"
		" FROM tally WHERE destination = 1");
	assert_int_equal(open, shed_ask(shed, "SELECT count(*) FROM delivery WHERE state < 7"));
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM (SELECT state, n FROM depth"
					" WHERE n <> 0 EXCEPT SELECT state, count(*) FROM delivery"
					" GROUP BY state)"),
		0);
}

static void test_one_that_goes_again_is_ready_and_in_doubt_since_it_was_sent(void **state)
{
	struct shed *shed = *state;
	int64_t a = put_done(shed, 1, "PO-1");
	assert_int_equal(replay(shed, a, "PO-1"), STORE_REPLAY_DONE);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
	assert_counts_close(shed);
	assert_int_equal(shed_ask(shed, "SELECT doubt_at_ms FROM delivery"), 77);
	assert_int_equal(shed_ask(shed, "SELECT settled_at_ms IS NULL AND claimed_at_ms IS NULL"
					" AND held_key = 'PO-1' FROM delivery"),
		1);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_DONE);
	assert_counts_close(shed);
	assert_int_equal(shed_ask(shed, "SELECT doubt_at_ms FROM delivery"), 77);
}

static void test_those_of_one_key_go_again_one_after_another(void **state)
{
	struct shed *shed = *state;
	int64_t a = put_done(shed, 1, "PO-1");
	int64_t b = put_done(shed, 2, "PO-1");
	assert_int_equal(replay(shed, a, "PO-1"), STORE_REPLAY_DONE);
	assert_int_equal(replay(shed, b, "PO-1"), STORE_REPLAY_DONE);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_PARKED);
	assert_counts_close(shed);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, b), DELIVERY_READY);
	assert_counts_close(shed);
}

static void test_a_younger_one_that_waits_is_parked_behind_it_and_woken_by_it(void **state)
{
	struct shed *shed = *state;
	int64_t a = put_done(shed, 1, "PO-1");
	int64_t ready = shed_put(shed, 2, ERP, "PO-1");
	assert_int_equal(replay(shed, a, "PO-1"), STORE_REPLAY_DONE);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, ready), DELIVERY_PARKED);
	assert_counts_close(shed);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_WAITING);
	assert_int_equal(store_promote_due(shed->store, ERP, INT64_C(1) << 40, 1, 10), 1);
	shed_claim(shed, ERP, a);
	shed_settle(shed, ERP, a, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, ready), DELIVERY_READY);
	assert_counts_close(shed);
}

static void test_it_does_not_pass_a_younger_one_that_is_being_sent(void **state)
{
	struct shed *shed = *state;
	int64_t a = put_done(shed, 1, "PO-1");
	int64_t claimed = shed_put(shed, 2, ERP, "PO-1");
	shed_claim(shed, ERP, claimed);
	assert_int_equal(replay(shed, a, "PO-1"), STORE_REPLAY_BUSY);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_DONE);
	assert_counts_close(shed);
	assert_int_equal(replay(shed, a, ""), STORE_REPLAY_DONE);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
}

static void test_what_is_not_done_is_refused_and_poisons(void **state)
{
	struct shed *shed = *state;
	int64_t a = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	assert_int_equal(replay(shed, a, ""), STORE_REPLAY_FAILED);
	assert_true(store_is_poisoned(shed->store));
	store_abandon(shed->store);
	assert_int_equal(shed_state(shed, ERP, a), DELIVERY_READY);
}

/* --- listing -------------------------------------------------------------------------------------- */

struct seen {
	int n;
	int64_t last;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	struct seen *seen = ctx;
	assert_int_equal(row->state, DELIVERY_DONE);
	assert_non_null(row->body);
	assert_true(row->seq > seen->last);
	seen->last = row->seq;
	seen->n++;
	return 0;
}

static void test_done_ones_are_listed_page_by_page_each_once(void **state)
{
	struct shed *shed = *state;
	struct store_replay_filter filter = { .destination = ERP, .limit = 3 };
	struct seen seen = { 0 };
	int calls = 0;
	for (int n = 1; n <= 10; n++)
		(void)put_done(shed, n, "");
	(void)shed_put(shed, 11, ERP, "");
	shed_commit(shed);
	do {
		assert_int_equal(
			store_list_replay(shed->store, &filter, on_row, &seen, &filter.after_seq),
			0);
		assert_true(++calls < 10);
	} while (filter.after_seq > 0);
	assert_int_equal(seen.n, 10);
}

static void test_only_what_came_in_the_time_asked_for_is_listed(void **state)
{
	struct shed *shed = *state;
	struct store_replay_filter filter = {
		.destination = ERP, .limit = 100, .since_ms = 3000, .until_ms = 5000
	};
	struct seen seen = { 0 };
	int64_t cursor;
	for (int n = 1; n <= 10; n++)
		(void)put_done(shed, n, "");
	assert_int_equal(store_list_replay(shed->store, &filter, on_row, &seen, &cursor), 0);
	assert_int_equal(seen.n, 3);
	filter.type = "no-such-type";
	assert_int_equal(store_list_replay(shed->store, &filter, on_row, &seen, &cursor), 0);
	assert_int_equal(seen.n, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shed_set_up, shed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_that_goes_again_is_ready_and_in_doubt_since_it_was_sent),
		TEST(test_those_of_one_key_go_again_one_after_another),
		TEST(test_a_younger_one_that_waits_is_parked_behind_it_and_woken_by_it),
		TEST(test_it_does_not_pass_a_younger_one_that_is_being_sent),
		TEST(test_what_is_not_done_is_refused_and_poisons),
		TEST(test_done_ones_are_listed_page_by_page_each_once),
		TEST(test_only_what_came_in_the_time_asked_for_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
