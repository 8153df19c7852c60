/*
 * What a broken database held comes back as it was, or in doubt: each rule for rows, keys, counts,
 * numbers, and events that were sent again meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "play_salvage.h"
#include "store/store_internal.h"

/* --- states ---------------------------------------------------------------------------------------- */

static void settle_proven(struct shed *shed, int64_t seq, enum delivery_state to)
{
	const struct store_settlement settlement = {
		.to = to, .due_at_ms = 90000, .is_proven = true, .now_ms = 60000
	};
	assert_int_equal(store_settle(shed->store, ERP, seq, &settlement), 0);
}

static void test_each_delivery_comes_back_as_it_was_or_in_doubt(void **state)
{
	struct shed *shed = *state;
	int64_t ready = shed_put(shed, 1, ERP, "");
	int64_t waiting = shed_put(shed, 2, ERP, "");
	int64_t waiting_in_doubt = shed_put(shed, 3, ERP, "");
	int64_t claimed = shed_put(shed, 4, ERP, "");
	int64_t exception = shed_put(shed, 5, ERP, "");
	int64_t done = shed_put(shed, 6, ERP, "");
	int64_t discarded = shed_put(shed, 7, ERP, "");
	int64_t first = shed_put(shed, 8, ERP, "PO-1");
	int64_t parked = shed_put(shed, 9, ERP, "PO-1");
	shed_claim(shed, ERP, waiting);
	settle_proven(shed, waiting, DELIVERY_WAITING);
	shed_claim(shed, ERP, waiting_in_doubt);
	shed_settle(shed, ERP, waiting_in_doubt, DELIVERY_WAITING);
	shed_claim(shed, ERP, claimed);
	shed_claim(shed, ERP, exception);
	shed_settle(shed, ERP, exception, DELIVERY_EXCEPTION);
	make_exception(shed, exception, ERP);
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	shed_claim(shed, ERP, discarded);
	shed_settle(shed, ERP, discarded, DELIVERY_EXCEPTION);
	shed_settle(shed, ERP, discarded, DELIVERY_DISCARDED);
	shed_commit(shed);

	break_store(shed);
	assert_int_equal(shed_state(shed, ERP, ready), 0);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, ready), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, waiting), DELIVERY_WAITING);
	assert_int_equal(shed_state(shed, ERP, waiting_in_doubt), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, claimed), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, exception), DELIVERY_EXCEPTION);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, discarded), DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, parked), DELIVERY_PARKED);
	/* What a repeat needs is kept. */
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" attempts = 1 AND claimed_at_ms = 50000 AND"
					" doubt_at_ms = 50000 AND due_at_ms IS NULL"),
		2);
	assert_int_equal(salvage_view(shed).state, STORE_SALVAGE_DONE);
	assert_int_equal(salvage_view(shed).events, 9);
	assert_int_equal(salvage_view(shed).deliveries, 7);
	assert_int_equal(salvage_view(shed).in_doubt, 2);
	assert_int_equal(salvage_view(shed).events_lost + salvage_view(shed).deliveries_lost, 0);
	assert_non_null(strstr(salvage_view(shed).file, ".salvaged-1"));
	assert_int_equal(access(salvage_view(shed).file, F_OK), 0);
}

static void test_a_batch_in_doubt_comes_back_whole(void **state)
{
	struct shed *shed = *state;
	for (int n = 1; n <= 8; n++) {
		int64_t seq = shed_put(shed, n, ERP, n % 2 ? "PO-odd" : "");
		if (n == 1 || n % 2 == 0)
			assert_int_equal(store_claim(shed->store, ERP, seq, 1, 0, 50000), 0);
	}
	shed_commit(shed);
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" batch = 1 AND attempts = 1"),
		5);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 4"), 3);
}

static void test_a_database_that_lost_commits_is_all_doubt(void **state)
{
	struct shed *shed = *state;
	int64_t done = shed_put(shed, 1, ERP, "");
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	for (int n = 2; n <= 5; n++)
		(void)shed_put(shed, n, ERP, "PO-1");
	shed_commit(shed);
	break_store(shed);
	plan.is_behind = true;
	/* The reader had begun already. */
	shed_reopen(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE state = 5 AND"
					" doubt_at_ms >= 2000"),
		4);
	assert_int_equal(salvage_view(shed).in_doubt, 4);
}

static void test_a_delivery_whose_row_is_gone_is_made_from_its_event(void **state)
{
	struct shed *shed = *state;
	int64_t first = shed_put(shed, 1, ERP, "torn");
	int64_t second = shed_put(shed, 2, ERP, "torn");
	int64_t other = shed_put(shed, 3, TMS, "");
	shed_claim(shed, ERP, first);
	shed_settle(shed, ERP, first, DELIVERY_DONE);
	shed_commit(shed);
	plan.damage = "UPDATE delivery SET state = 0, held_key = NULL WHERE destination = 1;"
		      "DELETE FROM destination WHERE id = 2";
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_SUSPECT);
	assert_int_equal(shed_state(shed, ERP, other), DELIVERY_SUSPECT);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery WHERE held_key = 'torn' AND"
					" doubt_at_ms = seq * 1000"),
		3);
	assert_int_equal(salvage_view(shed).deliveries_torn, 3);

	/* Behind another one it waits for it; once it is proven to be needed. */
	shed_settle(shed, ERP, second, DELIVERY_READY);
	shed_settle(shed, ERP, first, DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_PARKED);
	shed_claim(shed, ERP, first);
	shed_settle(shed, ERP, first, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_READY);
	shed_commit(shed);
}

/* --- keys ------------------------------------------------------------------------------------------ */

static void test_older_deliveries_go_before_those_that_came_since(void **state)
{
	struct shed *shed = *state;
	int64_t old_first = shed_put(shed, 1, ERP, "PO-1");
	int64_t old_second = shed_put(shed, 2, ERP, "PO-1");
	int64_t held = shed_put(shed, 3, ERP, "PO-2");
	shed_claim(shed, ERP, held);
	shed_settle(shed, ERP, held, DELIVERY_EXCEPTION);
	shed_commit(shed);
	break_store(shed);
	int64_t new_first = shed_put(shed, 11, ERP, "PO-1");
	int64_t new_second = shed_put(shed, 12, ERP, "PO-1");
	int64_t new_held = shed_put(shed, 13, ERP, "PO-2");
	int64_t new_alone = shed_put(shed, 14, ERP, "PO-3");
	shed_commit(shed);
	assert_true(new_first > 1000000000000);
	assert_int_equal(shed_state(shed, ERP, new_first), DELIVERY_READY);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, old_first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, old_second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_first), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_held), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, new_alone), DELIVERY_READY);

	const int64_t order[] = { old_first, old_second, new_first, new_second };
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		assert_int_equal(shed_state(shed, ERP, order[i]), DELIVERY_READY);
		shed_claim(shed, ERP, order[i]);
		shed_settle(shed, ERP, order[i], DELIVERY_DONE);
	}
	shed_settle(shed, ERP, held, DELIVERY_DISCARDED);
	assert_int_equal(shed_state(shed, ERP, new_held), DELIVERY_READY);
	shed_commit(shed);
	check_sums(shed);
}

static void test_a_parked_delivery_whose_holder_is_lost_becomes_ready(void **state)
{
	struct shed *shed = *state;
	(void)shed_put(shed, 1, ERP, "PO-1");
	int64_t second = shed_put(shed, 2, ERP, "PO-1");
	int64_t third = shed_put(shed, 3, ERP, "PO-1");
	shed_commit(shed);
	plan.damage = "DELETE FROM event WHERE seq = 1; DELETE FROM delivery WHERE seq = 1";
	plan.events_lost = 1;
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, third), DELIVERY_PARKED);
	/* It is told, and the ledger closes with it. */
	assert_int_equal(salvage_view(shed).events_lost, 1);
	assert_int_equal(salvage_view(shed).deliveries_lost, 1);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'lost'"), 1);
}

/* --- sent again ------------------------------------------------------------------------------------ */

static void test_an_event_that_was_sent_again_is_there_once_and_in_its_old_place(void **state)
{
	struct shed *shed = *state;
	int64_t first = shed_put(shed, 1, ERP, "PO-1");
	int64_t second = shed_put(shed, 2, ERP, "PO-1");
	int64_t done = shed_put(shed, 3, ERP, "PO-1x");
	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	shed_commit(shed);
	break_store(shed);
	int64_t again_second = shed_put(shed, 2, ERP, "PO-1");
	int64_t again_done = shed_put(shed, 3, ERP, "PO-1x");
	int64_t behind_done = shed_put(shed, 4, ERP, "PO-1x");
	int64_t newer = shed_put(shed, 5, ERP, "PO-1");
	shed_commit(shed);
	assert_int_equal(shed_state(shed, ERP, behind_done), DELIVERY_PARKED);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, again_second), 0);
	assert_int_equal(shed_state(shed, ERP, again_done), 0);
	assert_int_equal(shed_state(shed, ERP, first), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, second), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, newer), DELIVERY_PARKED);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, behind_done), DELIVERY_READY);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), 5);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), 5);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'routed'"), 5);
}

static void test_other_content_under_an_old_id_goes_to_a_person(void **state)
{
	struct shed *shed = *state;
	int64_t old = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	plan.damage = "UPDATE event SET digest = zeroblob(32)";
	break_store(shed);
	(void)shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	salvage_all(shed);
	assert_int_equal(shed_state(shed, ERP, old), DELIVERY_READY);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE kind = 'id_conflict'"
					" AND seq = 1 AND raw = CAST('e1' AS BLOB)"),
		1);
}

static void test_one_that_was_acted_upon_stays(void **state)
{
	struct shed *shed = *state;
	int64_t old = shed_put(shed, 1, ERP, "");
	shed_commit(shed);
	break_store(shed);
	int64_t again = shed_put(shed, 1, ERP, "");
	shed_claim(shed, ERP, again);
	shed_commit(shed);
	while (store_is_salvaging(shed->store))
		assert_true(salvage_slice(shed) >= 0);
	assert_int_equal(shed_state(shed, ERP, again), DELIVERY_CLAIMED);
	assert_int_equal(shed_state(shed, ERP, old), 0);
}

/* --- numbers --------------------------------------------------------------------------------------- */

static void test_numbers_go_on_above_and_names_stay(void **state)
{
	struct shed *shed = *state;
	static const uint8_t digest[ID_DIGEST_BYTES] = { 7 };
	int64_t seq = shed_put(shed, 1, TMS, "");
	int revision = store_connector_revision(shed->store, "rest", "{}", 2, digest, 5);
	assert_int_equal(store_claim(shed->store, TMS, seq, 0, revision, 50000), 0);
	assert_int_equal(store_destination_pause(shed->store, TMS, true), 0);
	make_exception(shed, 0, TMS);
	assert_int_equal(store_audit(shed->store, 1, "uid:0", "old", "x", ""), 0);
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	assert_true(store_destination_is_paused(shed->store, TMS));
	static const uint8_t other[ID_DIGEST_BYTES] = { 8 };
	(void)store_connector_revision(shed->store, "rest", "[]", 2, other, 5);
	assert_int_equal(store_audit(shed->store, 2, "uid:0", "new", "x", ""), 0);
	make_exception(shed, shed_put_event(shed, 2), 0);
	shed_commit(shed);
	salvage_all(shed);
	shed_reopen(shed);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	assert_true(store_destination_is_paused(shed->store, TMS));
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM delivery AS d JOIN connector_revision"
					" AS r ON r.id = d.connector_revision WHERE r.text = '{}'"),
		1);
	/* The old exception has its number, the new one is above; so is the work item of the end. */
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE id = 1"), 1);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE id > 1000000"), 2);
	assert_int_equal(shed_ask(shed, "SELECT what = 'old' FROM audit WHERE id = 1"), 1);
	assert_int_equal(shed_ask(shed, "SELECT what = 'new' FROM audit WHERE id = 1000001"), 1);
	assert_true(shed_put_event(shed, 3) > 1000000000000);
	shed_commit(shed);

	/* And once more. */
	(void)shed_ask(shed, "SELECT 1");
	break_store(shed);
	assert_true(shed_put_event(shed, 4) > 2000000000000);
	shed_commit(shed);
	salvage_all(shed);
	assert_int_equal(salvage_view(shed).events, 3);
}

static void test_the_tally_is_made_from_the_rows_where_it_is_lost(void **state)
{
	struct shed *shed = *state;
	for (int n = 1; n <= 6; n++) {
		int64_t seq = shed_put(shed, n, ERP, "");
		if (n > 3)
			continue;
		shed_claim(shed, ERP, seq);
		shed_settle(shed, ERP, seq, DELIVERY_DONE);
	}
	shed_commit(shed);
	plan.has_tally = false;
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), 6);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'routed'"), 6);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'done'"), 3);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally WHERE outcome = 'lost'"), 0);
}

static int on_work(void *ctx, const struct store_exception_row *row)
{
	*(bool *)ctx =
		strcmp(row->kind, "store") == 0 && strcmp(row->code, "salvaged") == 0 &&
		strcmp(row->severity, "critical") == 0 && strstr(row->reason, "a test broke it") &&
		strstr(row->reason, "salvaged-1") && strstr(row->reason, "4 events are back");
	return 0;
}

static void test_the_end_is_a_work_item_with_the_counts_in_words(void **state)
{
	struct shed *shed = *state;
	bool is_told = false;
	for (int n = 1; n <= 4; n++)
		(void)shed_put(shed, n, ERP, "");
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(salvage_view(shed).exception, 0);
	salvage_all(shed);
	assert_int_equal(
		store_get_exception(shed->store, salvage_view(shed).exception, on_work, &is_told),
		1);
	assert_true(is_told);
	shed_reopen(shed);
	assert_int_equal(salvage_view(shed).state, STORE_SALVAGE_DONE);
	assert_int_equal(salvage_view(shed).events, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, salvage_setup, salvage_teardown)

static void test_an_exception_whose_work_item_is_lost_gets_another(void **state)
{
	struct shed *shed = *state;
	int64_t seq = shed_put(shed, 1, ERP, "PO-1");
	(void)shed_put(shed, 2, ERP, "PO-1");
	shed_claim(shed, ERP, seq);
	shed_settle(shed, ERP, seq, DELIVERY_EXCEPTION);
	make_exception(shed, seq, ERP);
	shed_commit(shed);
	plan.damage = "DELETE FROM exception";
	break_store(shed);
	salvage_all(shed);
	/* Without one nobody could act on it, and it holds its key. */
	assert_int_equal(shed_state(shed, ERP, seq), DELIVERY_EXCEPTION);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception AS x JOIN delivery AS d"
					" USING (seq, destination)"
					" WHERE x.state < 3 AND d.state = 6"),
		1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_delivery_comes_back_as_it_was_or_in_doubt),
		TEST(test_a_batch_in_doubt_comes_back_whole),
		TEST(test_a_database_that_lost_commits_is_all_doubt),
		TEST(test_a_delivery_whose_row_is_gone_is_made_from_its_event),
		TEST(test_older_deliveries_go_before_those_that_came_since),
		TEST(test_a_parked_delivery_whose_holder_is_lost_becomes_ready),
		TEST(test_an_event_that_was_sent_again_is_there_once_and_in_its_old_place),
		TEST(test_other_content_under_an_old_id_goes_to_a_person),
		TEST(test_one_that_was_acted_upon_stays),
		TEST(test_numbers_go_on_above_and_names_stay),
		TEST(test_the_tally_is_made_from_the_rows_where_it_is_lost),
		TEST(test_the_end_is_a_work_item_with_the_counts_in_words),
		TEST(test_an_exception_whose_work_item_is_lost_gets_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
