/* Events that were routed wrongly get the deliveries that they should have had, in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "help_store.h"

#define ERP 1
#define TMS 2

static enum store_rerouted reroute(struct shed *shed, int destination, int64_t seq, const char *key)
{
	return store_reroute(shed->store,
		&(struct store_reroute){
			.destination = destination, .seq = seq, .key = key, .lane = 1 });
}

static void assert_counts_close(struct shed *shed)
{
	shed_commit(shed);
	assert_int_equal(
		shed_ask(shed, "SELECT coalesce(sum(n), 0) FROM tally WHERE outcome = 'routed'"),
		shed_ask(shed, "SELECT count(*) FROM delivery"));
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM (SELECT state, n FROM depth"
					" WHERE n <> 0 EXCEPT SELECT state, count(*) FROM delivery"
					" GROUP BY destination, state)"),
		0);
}

static int set_up(void **state)
{
	int status = shed_set_up(state);
	struct shed *shed = *state;

	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	return status;
}

static void test_an_event_that_went_nowhere_is_delivered_after_all(void **state)
{
	struct shed *shed = *state;
	int64_t seq = shed_put_event(shed, 1);

	assert_int_equal(
		store_count(shed->store, 1000, "handhelds", "d1", "receipt", 0, "unrouted", ""), 0);
	assert_int_equal(store_reroute(shed->store, &(struct store_reroute){ .destination = ERP,
							    .seq = seq,
							    .key = "PO-1",
							    .was_unrouted = true }),
		STORE_REROUTE_DONE);
	assert_int_equal(shed_state(shed, ERP, seq), DELIVERY_READY);
	assert_counts_close(shed);
	assert_int_equal(
		shed_ask(shed, "SELECT coalesce(sum(n), 0) FROM tally WHERE outcome = 'unrouted'"),
		0);
}

static void test_a_delivery_that_is_there_stays_whatever_became_of_it(void **state)
{
	struct shed *shed = *state;
	int64_t done = shed_put(shed, 1, ERP, "PO-1");
	int64_t waits = shed_put(shed, 2, ERP, "PO-2");

	shed_claim(shed, ERP, done);
	shed_settle(shed, ERP, done, DELIVERY_DONE);
	assert_int_equal(reroute(shed, ERP, done, "PO-1"), STORE_REROUTE_THERE);
	assert_int_equal(reroute(shed, ERP, waits, "PO-2"), STORE_REROUTE_THERE);
	assert_int_equal(shed_state(shed, ERP, done), DELIVERY_DONE);
	assert_counts_close(shed);
}

static void test_a_younger_one_with_its_key_waits_behind_it(void **state)
{
	struct shed *shed = *state;
	int64_t older = shed_put(shed, 1, TMS, "PO-1");
	int64_t younger = shed_put(shed, 2, ERP, "PO-1");

	assert_int_equal(reroute(shed, ERP, older, "PO-1"), STORE_REROUTE_DONE);
	assert_int_equal(shed_state(shed, ERP, older), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, younger), DELIVERY_PARKED);
	assert_counts_close(shed);
	shed_claim(shed, ERP, older);
	shed_settle(shed, ERP, older, DELIVERY_DONE);
	assert_int_equal(shed_state(shed, ERP, younger), DELIVERY_READY);
}

static void test_behind_an_older_one_with_its_key_it_waits(void **state)
{
	struct shed *shed = *state;
	int64_t older = shed_put(shed, 1, ERP, "PO-1");
	int64_t late = shed_put(shed, 2, TMS, "PO-1");

	assert_int_equal(reroute(shed, ERP, late, "PO-1"), STORE_REROUTE_DONE);
	assert_int_equal(shed_state(shed, ERP, older), DELIVERY_READY);
	assert_int_equal(shed_state(shed, ERP, late), DELIVERY_PARKED);
	assert_counts_close(shed);
}

static void test_while_a_younger_one_is_on_its_way_it_has_to_wait(void **state)
{
	struct shed *shed = *state;
	int64_t older = shed_put(shed, 1, TMS, "PO-1");
	int64_t younger = shed_put(shed, 2, ERP, "PO-1");

	shed_claim(shed, ERP, younger);
	assert_int_equal(reroute(shed, ERP, older, "PO-1"), STORE_REROUTE_BUSY);
	assert_int_equal(shed_state(shed, ERP, older), 0);
	shed_settle(shed, ERP, younger, DELIVERY_DONE);
	assert_int_equal(reroute(shed, ERP, older, "PO-1"), STORE_REROUTE_DONE);
	assert_counts_close(shed);
}

static void test_seqs_are_listed_in_slices(void **state)
{
	struct shed *shed = *state;
	int64_t seqs[2], first = shed_put_event(shed, 1);

	for (int i = 2; i <= 4; i++)
		(void)shed_put_event(shed, i);
	shed_commit(shed);
	assert_int_equal(store_last_seq(shed->store), first + 3);
	assert_int_equal(store_list_seqs(shed->store, first, first + 3, seqs, 2), 2);
	assert_int_equal(seqs[0], first + 1);
	assert_int_equal(seqs[1], first + 2);
	assert_int_equal(store_list_seqs(shed->store, seqs[1], first + 3, seqs, 2), 1);
	assert_int_equal(store_list_seqs(shed->store, first + 3, first + 3, seqs, 2), 0);
}

static void test_what_was_not_taken_forgets_what_it_was_sent_with(void **state)
{
	struct shed *shed = *state;
	int64_t refused = shed_put(shed, 1, ERP, "PO-1");
	int64_t in_doubt = shed_put(shed, 2, ERP, "PO-2");
	static const uint8_t digest[ID_DIGEST_BYTES] = { 1 };
	int revision = store_connector_revision(shed->store, "rest", "{}", 2, digest, 1);
	const struct store_settlement proven = {
		.to = DELIVERY_WAITING, .due_at_ms = 5, .is_proven = true
	};
	const struct store_settlement doubtful = { .to = DELIVERY_WAITING, .due_at_ms = 5 };

	assert_int_equal(store_claim(shed->store, ERP, refused, 0, revision, 1), 0);
	assert_int_equal(store_claim(shed->store, ERP, in_doubt, 0, revision, 1), 0);
	assert_int_equal(
		store_unpin(shed->store, ERP, refused), 0); /* it is out: nothing happens */
	assert_int_equal(store_settle(shed->store, ERP, refused, &proven), 0);
	assert_int_equal(store_settle(shed->store, ERP, in_doubt, &doubtful), 0);
	shed_commit(shed);
	assert_int_equal(
		shed_ask(
			shed, "SELECT count(*) FROM delivery WHERE connector_revision IS NOT NULL"),
		2);
	assert_int_equal(store_unpin(shed->store, ERP, refused), 0);
	assert_int_equal(store_unpin(shed->store, ERP, in_doubt), 0);
	shed_commit(shed);
	assert_int_equal(
		shed_ask(shed, "SELECT seq FROM delivery WHERE connector_revision IS NOT NULL"),
		in_doubt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_an_event_that_went_nowhere_is_delivered_after_all, set_up,
			shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_delivery_that_is_there_stays_whatever_became_of_it, set_up,
			shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_younger_one_with_its_key_waits_behind_it, set_up, shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_behind_an_older_one_with_its_key_it_waits, set_up, shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_while_a_younger_one_is_on_its_way_it_has_to_wait, set_up,
			shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_seqs_are_listed_in_slices, set_up, shed_tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_was_not_taken_forgets_what_it_was_sent_with, set_up,
			shed_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
