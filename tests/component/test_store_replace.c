/*
 * Replacing a broken database, and salvaging it, cut short at any point: what is there in the end is
 * the same as if nothing had come between.
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

#include "help_faulty_vfs.h"
#include "play_salvage.h"
#include "store/store_internal.h"

/* --- cut short ------------------------------------------------------------------------------------- */

#define BACK 12

/* Some of everything, and some of it sent again while the salvage runs. */
static void fill(struct shed *shed)
{
	for (int n = 1; n <= BACK; n++) {
		int64_t seq = shed_put(shed, n, n % 4 ? ERP : TMS, n % 3 ? "PO-1" : "");
		if (n % 3 == 0)
			shed_claim(shed, n % 4 ? ERP : TMS, seq);
		if (n % 6 == 0)
			shed_settle(shed, n % 4 ? ERP : TMS, seq, DELIVERY_DONE);
		assert_int_equal(store_audit(shed->store, n, "uid:0", "did", "x", ""), 0);
		make_exception(shed, seq, ERP);
	}
	shed_commit(shed);
}

static void send_again(struct shed *shed)
{
	for (int n = BACK - 2; n <= BACK + 2; n++)
		(void)shed_put(shed, n, ERP, "PO-1");
	shed_commit(shed);
}

/* All that must be the same however the salvage went: one number. */
static int64_t fingerprint(struct shed *shed)
{
	return shed_ask(shed,
		"SELECT (SELECT sum(seq * 7919 + state * 31 + attempts + destination) FROM delivery)"
		" + (SELECT sum(seq * 13) FROM event) + (SELECT sum(n * destination) FROM tally)"
		" + (SELECT sum(n) FROM tally WHERE outcome = 'stored') * 1000003"
		" + (SELECT count(*) FROM exception) * 17 + (SELECT sum(id) FROM audit) * 19");
}

static int64_t fingerprint_of_a_smooth_one(void)
{
	void *state;
	assert_int_equal(salvage_setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	break_store(shed);
	send_again(shed);
	salvage_all(shed);
	int64_t print = fingerprint(shed);
	assert_int_equal(salvage_view(shed).events, BACK);
	(void)salvage_teardown(&state);
	return print;
}

static void test_a_salvage_goes_on_where_the_last_commit_left_it(void **state)
{
	struct shed *shed = *state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n_slices = 0;
	fill(shed);
	break_store(shed);
	send_again(shed);
	while (store_is_salvaging(shed->store)) {
		shed_reopen(shed);
		assert_true(salvage_slice(shed) >= 0);
		n_slices++;
	}
	check_sums(shed);
	assert_int_equal(n_slices, BACK / plan.slice_events);
	assert_int_equal(plan.n_started, n_slices + 1 + 1); /* the smooth one's as well */
	assert_int_equal(fingerprint(shed), smooth);
	assert_int_equal(salvage_view(shed).events, BACK);
}

/* Returns false when the nth call did not come. */
static bool fail_at(unsigned calls, unsigned nth, int code, int64_t smooth)
{
	void *state;
	unsigned n = 0;
	assert_int_equal(salvage_setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	break_store(shed);
	send_again(shed);
	faulty_vfs_arm(calls, nth, code, false);
	while (store_is_salvaging(shed->store)) {
		(void)salvage_slice(shed);
		if (store_is_refusing(shed->store)) /* then it waits for a probe that succeeds */
			(void)store_probe(shed->store);
		assert_true(++n < 100);
	}
	bool has_failed = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();
	check_sums(shed);
	assert_int_equal(fingerprint(shed), smooth);
	assert_int_equal(salvage_view(shed).events, BACK);
	(void)salvage_teardown(&state);
	return has_failed;
}

static void test_a_slice_that_fails_is_merged_again_and_once(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_at(FAULTY_WRITE, n, SQLITE_FULL, smooth))
		n++;
	assert_true(n > 8);
}

/* Replacing fails at any point, and is tried again. */
static bool fail_replacing_at(unsigned nth, bool is_start, int64_t smooth)
{
	void *state;
	struct error err;
	unsigned n = 0;
	assert_int_equal(salvage_setup(&state), 0);
	struct shed *shed = state;
	fill(shed);
	(void)store_break(shed->store, "a test broke it");
	store_abandon(shed->store);
	faulty_vfs_arm(FAULTY_WRITE | FAULTY_OPEN, nth, 0, false);
	int status = store_replace(shed->store, &err);
	bool has_failed = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();
	/* Before it succeeds all is refused, or drayd ends and starts anew. */
	if (status < 0) {
		int64_t seq;
		assert_non_null(store_broken(shed->store));
		assert_int_equal(shed_try_event(shed, 99, &seq), STORE_FAILED);
		assert_int_equal(store_commit(shed->store), -1);
		store_abandon(shed->store);
		store_checkpoint_tail(shed->store);
		store_sizes(shed->store, &(struct store_sizes){ 0 });
		assert_true(store_is_poisoned(shed->store));
		if (is_start)
			shed_reopen(shed);
		else
			assert_int_equal(store_replace(shed->store, &err), 0);
	}
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	send_again(shed);
	while (store_is_salvaging(shed->store)) {
		assert_true(salvage_slice(shed) >= 0);
		assert_true(++n < 100);
	}
	check_sums(shed);
	assert_int_equal(fingerprint(shed), smooth);
	(void)salvage_teardown(&state);
	return has_failed;
}

static void test_replacing_that_fails_is_tried_again(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_replacing_at(n, false, smooth))
		n++;
	assert_true(n > 8);
}

static void test_replacing_that_fails_goes_on_at_the_next_start(void **state)
{
	(void)state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	unsigned n = 1;
	while (fail_replacing_at(n, true, smooth))
		n++;
	assert_true(n > 8);
}

static void test_a_database_that_breaks_during_a_salvage_is_salvaged_first(void **state)
{
	struct shed *shed = *state;
	int64_t smooth = fingerprint_of_a_smooth_one();
	fill(shed);
	break_store(shed);
	assert_true(salvage_slice(shed) >= 0);
	send_again(shed);
	assert_true(salvage_slice(shed) >= 0);
	break_store(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), BACK + 2);
	(void)smooth;
	assert_int_equal(
		shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), BACK + 2);
}

/* --- in bad company ---------------------------------------------------------------------------------- */

static void test_a_disk_that_refuses_is_not_tried_by_the_salvage(void **state)
{
	struct shed *shed = *state;
	fill(shed);
	break_store(shed);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, true);
	assert_int_equal(salvage_slice(shed), -1);
	assert_true(store_is_refusing(shed->store));
	/* Else each turn is poisoned: nobody can ask, and the next one follows at once. */
	assert_int_equal(salvage_slice(shed), 0);
	assert_false(store_is_poisoned(shed->store));
	faulty_vfs_disarm();
	assert_int_equal(store_probe(shed->store), 0);
	salvage_all(shed);
	assert_int_equal(salvage_view(shed).events, BACK);
}

static void test_a_fresh_database_takes_the_reserve_of_a_full_disk(void **state)
{
	struct shed *shed = *state;
	struct error err;
	char path[160];
	fill(shed);
	(void)snprintf(path, sizeof(path), "%s-reserve", shed->path);
	assert_int_equal(store_reserve(shed->store, 4096), 0);
	(void)store_break(shed->store, "a test broke it");
	store_abandon(shed->store);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, false);
	assert_int_equal(store_replace(shed->store, &err), 0);
	assert_int_equal(faulty_vfs_failures(), 1);
	assert_int_not_equal(access(path, F_OK), 0);
	salvage_all(shed);
	assert_int_equal(salvage_view(shed).events, BACK);
}

static void test_deliveries_rest_from_the_start_when_an_older_database_waits(void **state)
{
	struct shed *shed = *state;
	struct error err;
	fill(shed);
	break_store(shed);
	(void)store_break(shed->store, "a test broke it");
	store_abandon(shed->store);
	assert_int_equal(unlink(shed->path), 0); /* nothing of the second one is left to read */
	char path[ASIDE_PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s-wal", shed->path);
	(void)unlink(path);
	assert_int_equal(store_replace(shed->store, &err), 0);
	assert_int_equal(salvage_view(shed).state, STORE_SALVAGE_LOST);
	assert_true(store_is_salvaging(shed->store));
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM event"), BACK);
}

static void test_what_only_a_connection_knew_is_missing_after_a_restart(void **state)
{
	struct shed *shed = *state;
	struct error err;
	char path[ASIDE_PATH_MAX];
	fill(shed);
	store_checkpoint_tail(shed->store);
	(void)snprintf(path, sizeof(path), "%s-wal", shed->path);
	assert_int_equal(unlink(path), 0);
	store_look(shed->store);
	assert_non_null(store_broken(shed->store));
	store_abandon(shed->store);
	assert_int_equal(store_replace(shed->store, &err), 0);
	assert_int_equal(salvage_slice(shed), 0);
	assert_false(salvage_view(shed).is_behind); /* the connection has all of it */
	shed_reopen(shed);
	assert_int_equal(salvage_slice(shed), 0);
	assert_true(salvage_view(shed).is_behind); /* the file may not */
	salvage_all(shed);
}

/* A statement found the damage, before anybody looked at the files. */
static void test_a_cut_wal_is_missed_whoever_meets_it_first(void **state)
{
	struct shed *shed = *state;
	struct error err;
	char path[ASIDE_PATH_MAX];
	fill(shed);
	store_checkpoint_tail(shed->store);
	(void)snprintf(path, sizeof(path), "%s-wal", shed->path);
	assert_int_equal(truncate(path, 0), 0);
	(void)store_break(shed->store, "a statement met it");
	store_abandon(shed->store);
	assert_int_equal(store_replace(shed->store, &err), 0);
	salvage_all(shed);
	assert_true(salvage_view(shed).is_behind);
}

/* Somebody tidies up: the mark is empty, after all. */
static void test_a_sound_database_without_its_mark_is_not_set_aside(void **state)
{
	struct shed *shed = *state;
	char path[ASIDE_PATH_MAX];
	fill(shed);
	break_store(shed);
	int64_t seq = shed_put(shed, 99, ERP, "");
	shed_commit(shed);
	assert_true(aside_name(shed->path, "replaced", 1, "", path));
	assert_int_equal(unlink(path), 0);
	broken_quiet(shed->store->db); /* its WAL stays, as after a kill */
	shed_reopen(shed);
	assert_int_equal(shed_state(shed, ERP, seq), DELIVERY_READY);
	salvage_all(shed);
	assert_int_equal(salvage_view(shed).events, BACK);
	assert_true(aside_name(shed->path, "replaced", 1, "", path));
	assert_int_not_equal(access(path, F_OK), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, salvage_setup, salvage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_salvage_goes_on_where_the_last_commit_left_it),
		cmocka_unit_test(test_a_slice_that_fails_is_merged_again_and_once),
		cmocka_unit_test(test_replacing_that_fails_is_tried_again),
		cmocka_unit_test(test_replacing_that_fails_goes_on_at_the_next_start),
		TEST(test_a_database_that_breaks_during_a_salvage_is_salvaged_first),
		TEST(test_a_disk_that_refuses_is_not_tried_by_the_salvage),
		TEST(test_a_fresh_database_takes_the_reserve_of_a_full_disk),
		TEST(test_deliveries_rest_from_the_start_when_an_older_database_waits),
		TEST(test_what_only_a_connection_knew_is_missing_after_a_restart),
		TEST(test_a_cut_wal_is_missed_whoever_meets_it_first),
		TEST(test_a_sound_database_without_its_mark_is_not_set_aside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
