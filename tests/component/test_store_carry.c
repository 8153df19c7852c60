/* What a delivery keeps of its own: the carry of its next step, its number, when it is looked up. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1
#define TMS 2
#define MILLION 1000000

static void open_both(struct shed *shed)
{
	shed_init(shed, NULL);
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
}

struct seen {
	int64_t seqs[16];
	unsigned n;
	char carry[64];
	unsigned looks;
	int64_t look_at_ms, accepted_at_ms, serial, doubt_at_ms;
	bool has_carry, has_body;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	struct seen *seen = ctx;
	seen->seqs[seen->n++] = row->seq;
	seen->has_carry = row->carry != NULL;
	(void)snprintf(seen->carry, sizeof(seen->carry), "%s", row->carry ? row->carry : "");
	seen->has_body = row->body != NULL;
	seen->looks = row->looks;
	seen->look_at_ms = row->look_at_ms;
	seen->accepted_at_ms = row->accepted_at_ms;
	seen->doubt_at_ms = row->doubt_at_ms;
	seen->serial = row->serial;
	return 0;
}

static struct seen see(struct shed *shed, int64_t seq)
{
	struct seen seen = { .n = 0 };
	assert_int_equal(store_list_event_deliveries(shed->store, seq, on_row, &seen), 0);
	assert_int_equal(seen.n, 1);
	return seen;
}

static struct seen see_ready(struct shed *shed)
{
	struct seen seen = { .n = 0 };
	assert_int_equal(store_list_ready(shed->store, ERP, 1, 0, 10, on_row, &seen), 0);
	return seen;
}

static struct seen see_looks(struct shed *shed, int64_t now_ms)
{
	struct seen seen = { .n = 0 };
	assert_int_equal(store_list_looks(shed->store, ERP, now_ms, 10, on_row, &seen), 0);
	return seen;
}

static void settle(struct shed *shed, int64_t seq, struct store_settlement settlement)
{
	settlement.now_ms = 60000;
	assert_int_equal(store_settle(shed->store, ERP, seq, &settlement), 0);
}

static int64_t claimed(struct shed *shed, int n)
{
	int64_t seq = shed_put(shed, n, ERP, "");
	shed_claim(shed, ERP, seq);
	return seq;
}

static int64_t carries(struct shed *shed)
{
	shed_commit(shed);
	return shed_ask(shed, "SELECT count(*) FROM delivery WHERE carry IS NOT NULL");
}

/* --- carry --------------------------------------------------------------------------------------- */

static void test_a_carry_comes_back_with_the_body_after_a_crash(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	assert_int_equal(store_set_carry(shed.store, ERP, seq, "{\"step\":2}"), 0);
	shed_commit(&shed);
	assert_false(see(&shed, seq).has_carry);
	shed_crash(&shed);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_READY });
	assert_string_equal(see_ready(&shed).carry, "{\"step\":2}");
	shed_done(&shed);
}

static void test_a_delivery_that_begins_again_carries_nothing(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	assert_int_equal(store_set_carry(shed.store, ERP, seq, "{}"), 0);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_READY, .drops_carry = true });
	struct seen seen = see_ready(&shed);
	assert_true(seen.has_body);
	assert_false(seen.has_carry);
	shed_claim(&shed, ERP, seq);
	assert_int_equal(store_set_carry(shed.store, ERP, seq, "{}"), 0);
	assert_int_equal(carries(&shed), 1);
	assert_int_equal(store_set_carry(shed.store, ERP, seq, NULL), 0);
	assert_int_equal(carries(&shed), 0);
	shed_done(&shed);
}

static void test_what_is_finished_keeps_no_carry(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t done = claimed(&shed, 1);
	int64_t exception = claimed(&shed, 2);
	assert_int_equal(store_set_carry(shed.store, ERP, done, "{}"), 0);
	assert_int_equal(store_set_carry(shed.store, ERP, exception, "{}"), 0);
	settle(&shed, done, (struct store_settlement){ .to = DELIVERY_DONE });
	settle(&shed, exception, (struct store_settlement){ .to = DELIVERY_EXCEPTION });
	assert_int_equal(carries(&shed), 1); /* a person may have it sent again */
	settle(&shed, exception, (struct store_settlement){ .to = DELIVERY_DISCARDED });
	assert_int_equal(carries(&shed), 0);
	shed_done(&shed);
}

static void test_only_a_claimed_delivery_takes_a_carry(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = shed_put(&shed, 1, ERP, "");
	assert_int_equal(store_set_carry(shed.store, ERP, seq, "{}"), -1);
	assert_non_null(strstr(store_failure(shed.store), "is not claimed"));
	store_abandon(shed.store);
	shed_done(&shed);
}

/* --- numbers --------------------------------------------------------------------------------------- */

static int64_t serial(struct shed *shed, int destination, int64_t seq)
{
	return store_give_serial(shed->store, destination, seq);
}

static void test_each_delivery_of_a_destination_has_another_number(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t first = shed_put(&shed, 1, ERP, "");
	int64_t second = shed_put(&shed, 2, ERP, "");
	int64_t other = shed_put(&shed, 3, TMS, "");
	assert_int_equal(serial(&shed, ERP, first), 1);
	assert_int_equal(serial(&shed, ERP, second), 2);
	assert_int_equal(serial(&shed, TMS, other), 1);
	assert_int_equal(serial(&shed, ERP, first), 1);
	shed_commit(&shed);
	shed_crash(&shed);
	assert_int_equal(serial(&shed, ERP, second), 2);
	assert_int_equal(serial(&shed, ERP, shed_put(&shed, 4, ERP, "")), 3);
	assert_int_equal(see(&shed, second).serial, 2);
	shed_done(&shed);
}

static void test_a_number_of_a_turn_that_failed_is_given_again(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t first = shed_put(&shed, 1, ERP, "");
	shed_commit(&shed);
	assert_int_equal(serial(&shed, ERP, first), 1);
	store_abandon(shed.store);
	assert_int_equal(serial(&shed, ERP, first), 1);
	shed_done(&shed);
}

static void test_a_database_that_stands_in_for_another_numbers_a_million_later(void **state)
{
	(void)state;
	struct shed shed;
	struct error err = { 0 };
	open_both(&shed);
	for (int n = 1; n <= 3; n++)
		(void)serial(&shed, ERP, shed_put(&shed, n, ERP, ""));
	shed_commit(&shed);
	(void)store_break(shed.store, "in a test");
	assert_int_equal(store_replace(shed.store, &err), 0);
	assert_int_equal(serial(&shed, ERP, shed_put(&shed, 9, ERP, "")), MILLION + 4);
	assert_int_equal(serial(&shed, TMS, shed_put(&shed, 10, TMS, "")), MILLION + 1);
	shed_done(&shed);
}

/* --- lookups --------------------------------------------------------------------------------------- */

static void test_lookups_come_when_they_are_due_with_all_they_need(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t late = claimed(&shed, 1);
	int64_t soon = claimed(&shed, 2);
	assert_int_equal(store_set_carry(shed.store, ERP, soon, "{}"), 0);
	settle(&shed, late, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 900 });
	settle(&shed, soon, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 800 });
	assert_int_equal(store_next_look(shed.store, ERP), 800);
	assert_int_equal(see_looks(&shed, 799).n, 0);
	struct seen seen = see_looks(&shed, 800);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seqs[0], soon);
	assert_true(seen.has_body && seen.has_carry);
	assert_int_equal(see_looks(&shed, 900).n, 2);
	shed_commit(&shed);
	assert_int_equal(store_depth(shed.store, ERP, DELIVERY_SUSPECT), 2);
	assert_int_equal(store_depth(shed.store, ERP, DELIVERY_CLAIMED), 0);
	shed_done(&shed);
}

static void test_a_lookup_that_left_counts_and_is_due_later(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 800 });
	assert_int_equal(store_look_begun(shed.store, ERP, seq, 1800), 0);
	assert_int_equal(see(&shed, seq).looks, 1);
	assert_int_equal(store_next_look(shed.store, ERP), 1800);
	settle(&shed, seq,
		(struct store_settlement){
			.to = DELIVERY_SUSPECT, .look_at_ms = 2800, .is_accepted = true });
	struct seen seen = see(&shed, seq);
	assert_int_equal(seen.looks, 1);
	assert_int_equal(seen.look_at_ms, 2800);
	assert_int_equal(seen.accepted_at_ms, 60000);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 3800 });
	assert_int_equal(see(&shed, seq).accepted_at_ms, 60000);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_DONE });
	assert_int_equal(store_next_look(shed.store, ERP), 0);
	assert_int_equal(see_looks(&shed, INT64_MAX).n, 0);
	shed_commit(&shed);
	assert_int_equal(store_depth(shed.store, ERP, DELIVERY_SUSPECT), 0);
	shed_done(&shed);
}

static void test_what_a_lookup_did_not_find_is_in_doubt_no_more(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 800 });
	assert_int_equal(see(&shed, seq).doubt_at_ms, 50000);
	settle(&shed, seq,
		(struct store_settlement){
			.to = DELIVERY_READY, .is_absent = true, .previous_doubt_at_ms = 50000 });
	struct seen seen = see_ready(&shed);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.doubt_at_ms, 0);
	assert_int_equal(seen.look_at_ms, 0);
	shed_done(&shed);
}

static void test_a_person_gives_all_lookups_anew(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 800 });
	assert_int_equal(store_look_begun(shed.store, ERP, seq, 1800), 0);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_EXCEPTION });
	assert_int_equal(see(&shed, seq).looks, 1);
	settle(&shed, seq, (struct store_settlement){ .to = DELIVERY_READY });
	assert_int_equal(see(&shed, seq).looks, 0);
	shed_done(&shed);
}

static void test_only_what_is_in_doubt_is_looked_up(void **state)
{
	(void)state;
	struct shed shed;
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	assert_int_equal(store_look_begun(shed.store, ERP, seq, 1800), -1);
	assert_non_null(strstr(store_failure(shed.store), "is not in doubt"));
	store_abandon(shed.store);
	shed_done(&shed);
}

/* Those with a time are left to their time, however many. */
static void test_only_suspects_without_a_time_are_listed_as_such(void **state)
{
	(void)state;
	struct shed shed;
	struct seen seen = { .n = 0 };
	open_both(&shed);
	int64_t timed = claimed(&shed, 1);
	int64_t untimed = claimed(&shed, 2);
	settle(&shed, timed, (struct store_settlement){ .to = DELIVERY_SUSPECT, .look_at_ms = 9 });
	settle(&shed, untimed, (struct store_settlement){ .to = DELIVERY_SUSPECT });
	assert_int_equal(store_list_suspect(shed.store, ERP, 10, on_row, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seqs[0], untimed);
	assert_int_equal(see_looks(&shed, INT64_MAX).n, 1);
	assert_int_equal(store_next_look(shed.store, ERP), 9);
	shed_done(&shed);
}

/* --- a database that breaks ---------------------------------------------------------------------------- */

static void break_and_salvage(struct shed *shed)
{
	const struct store_salvaging with = { .now_ms = 70000, .due_at_ms = 80000 };
	struct error err = { 0 };
	(void)store_break(shed->store, "in a test");
	assert_int_equal(store_replace(shed->store, &err), 0);
	while (store_is_salvaging(shed->store)) {
		assert_true(store_salvage(shed->store, &with) >= 0);
		shed_commit(shed);
		(void)usleep(1000);
	}
}

static void test_all_of_it_comes_back_from_a_salvage(void **state)
{
	(void)state;
	struct shed shed;
	struct seen seen = { .n = 0 };
	open_both(&shed);
	int64_t seq = claimed(&shed, 1);
	assert_int_equal(store_set_carry(shed.store, ERP, seq, "{}"), 0);
	assert_int_equal(serial(&shed, ERP, seq), 1);
	settle(&shed, seq,
		(struct store_settlement){
			.to = DELIVERY_SUSPECT, .look_at_ms = 800, .is_accepted = true });
	assert_int_equal(store_look_begun(shed.store, ERP, seq, 1800), 0);
	shed_commit(&shed);
	break_and_salvage(&shed);
	seen = see(&shed, seq);
	assert_int_equal(seen.serial, 1);
	assert_int_equal(seen.looks, 1);
	assert_int_equal(seen.accepted_at_ms, 60000);
	assert_int_equal(seen.look_at_ms, 0); /* who looks it up decides when */
	assert_int_equal(carries(&shed), 1);
	seen.n = 0;
	assert_int_equal(store_list_suspect(shed.store, ERP, 10, on_row, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(serial(&shed, ERP, shed_put(&shed, 2, ERP, "")), MILLION + 2);
	shed_done(&shed);
}

/* Rows that were written before the columns were there have fewer. */
static void test_rows_of_the_first_schema_come_back_from_a_salvage(void **state)
{
	static const char fill[] =
		"INSERT INTO destination (id, name) VALUES (1, 'erp');"
		"WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 400)"
		" INSERT INTO event (seq, source, id, type, device, origin, occurred_at_ms,"
		" received_at_ms, digest, body) SELECT seq, '/dc/d1', 'e' || seq, 'receipt', 'd1', 'h',"
		" seq, seq, zeroblob(32), 'e' FROM n;"
		"INSERT INTO delivery (destination, seq, state, lane) SELECT 1, seq, 1, 1 FROM event;"
		"INSERT INTO depth VALUES (1, 1, 400)";
	struct shed shed;
	struct error err = { 0 };
	sqlite3 *db;

	(void)state;
	shed_init(&shed, NULL);
	store_close(shed.store);
	shed.store = NULL;
	assert_int_equal(unlink(shed.path), 0);
	assert_int_equal(sqlite3_open(shed.path, &db), SQLITE_OK);
	assert_int_equal(schema_configure(db), SQLITE_OK);
	assert_int_equal(schema_migrate(db, schema_texts, 1, &err), 0);
	assert_int_equal(sqlite3_exec(db, fill, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	shed_reopen(&shed);
	int64_t carried = 200;
	shed_claim(&shed, ERP, carried);
	assert_int_equal(store_set_carry(shed.store, ERP, carried, "{}"), 0);
	shed_commit(&shed);
	break_and_salvage(&shed);
	assert_int_equal(shed_ask(&shed, "SELECT count(*) FROM delivery WHERE state = 1"), 399);
	assert_int_equal(see(&shed, carried).seqs[0], carried);
	assert_int_equal(carries(&shed), 1);
	struct store_salvage_view view;
	store_get_salvage(shed.store, &view);
	assert_int_equal(view.events, 400);
	assert_int_equal(view.deliveries_torn + view.deliveries_lost + view.events_lost, 0);
	shed_done(&shed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_carry_comes_back_with_the_body_after_a_crash),
		cmocka_unit_test(test_a_delivery_that_begins_again_carries_nothing),
		cmocka_unit_test(test_what_is_finished_keeps_no_carry),
		cmocka_unit_test(test_only_a_claimed_delivery_takes_a_carry),
		cmocka_unit_test(test_each_delivery_of_a_destination_has_another_number),
		cmocka_unit_test(test_a_number_of_a_turn_that_failed_is_given_again),
		cmocka_unit_test(
			test_a_database_that_stands_in_for_another_numbers_a_million_later),
		cmocka_unit_test(test_lookups_come_when_they_are_due_with_all_they_need),
		cmocka_unit_test(test_a_lookup_that_left_counts_and_is_due_later),
		cmocka_unit_test(test_what_a_lookup_did_not_find_is_in_doubt_no_more),
		cmocka_unit_test(test_a_person_gives_all_lookups_anew),
		cmocka_unit_test(test_only_what_is_in_doubt_is_looked_up),
		cmocka_unit_test(test_all_of_it_comes_back_from_a_salvage),
		cmocka_unit_test(test_rows_of_the_first_schema_come_back_from_a_salvage),
		cmocka_unit_test(test_only_suspects_without_a_time_are_listed_as_such),
	};
	return cmocka_run_group_tests_name("store_carry", tests, NULL, NULL);
}
