/*
 * The store on a disk that fails: for every nth call of a short scenario, what was committed is
 * there, what was not isn't, and the store goes on after store_abandon().
 */
#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "help_faulty_vfs.h"
#include "help_store.h"
#include "store/store_internal.h"

#define ERP 1
#define TURNS 6
#define EVENTS_BEFORE 40

/* --- the scenario -------------------------------------------------------------------------------- */

struct story {
	bool is_committed[TURNS];
	unsigned n_poisoned;
};

/* One event in, the one before it done and its key's next one woken. No asserts: it may fail. */
static int run_turn(struct shed *shed, int turn)
{
	const struct store_settlement done = { .to = DELIVERY_DONE, .now_ms = 60000 };
	struct store *store = shed->store;
	enum delivery_state put;
	int64_t seq = 0;
	if (shed_try_event(shed, 1000 + turn, &seq) != STORE_STORED ||
		store_put_delivery(store, ERP, seq, "PO-1", 1, &put) < 0)
		return -1;
	if (put == DELIVERY_READY && (store_claim(store, ERP, seq, seq, 0, 50000) < 0 ||
					     store_settle(store, ERP, seq, &done) < 0))
		return -1;
	bool more;
	if (turn == TURNS - 2 && store_purge(store, 20000, 10, &more) < 0)
		return -1;
	return store_commit(store);
}

static void tell(struct shed *shed, struct story *story)
{
	for (int turn = 0; turn < TURNS; turn++) {
		if (run_turn(shed, turn) == 0) {
			story->is_committed[turn] = true;
		} else {
			assert_true(store_is_poisoned(shed->store));
			assert_string_not_equal(store_failure(shed->store), "");
			store_abandon(shed->store);
			story->n_poisoned++;
		}
		store_checkpoint_tail(shed->store);
	}
}

static int note_event(void *ctx, const struct store_event_row *row)
{
	(void)row;
	*(bool *)ctx = true;
	return 0;
}

static void check_story(struct shed *shed, const struct story *story)
{
	for (int turn = 0; turn < TURNS; turn++) {
		char id[16];
		bool is_there = false;
		(void)snprintf(id, sizeof(id), "e%d", 1000 + turn);
		assert_in_range(store_get_event(shed->store, 0, id, note_event, &is_there), 0, 1);
		assert_int_equal(is_there, story->is_committed[turn]);
	}
}

static const char miscounted_depth[] =
	"SELECT count(*) FROM (SELECT destination, state, sum(n) AS n FROM ("
	" SELECT destination, state, n FROM depth UNION ALL"
	" SELECT destination, state, -count(*) FROM delivery GROUP BY 1, 2"
	") GROUP BY 1, 2) WHERE n <> 0";
/* Each stored event has taken one seq, purged or not. */
static const char miscounted_tally[] =
	"SELECT (SELECT sum(n) FROM tally WHERE outcome = 'stored') <>"
	" (SELECT max(seq) FROM event)";
static const char is_broken[] = "SELECT count(*) FROM pragma_integrity_check"
				" WHERE integrity_check <> 'ok'";

static void open_shed(struct shed *shed)
{
	shed_init(shed, FAULTY_VFS);
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	for (int n = 1; n <= EVENTS_BEFORE; n++)
		(void)shed_put_event(shed, n);
	shed_commit(shed);
	shed_reopen(shed);
}

/* Returns false when the nth call did not come. */
static bool fail_at(unsigned calls, unsigned n, int code, bool for_ever)
{
	struct shed shed;
	struct story story = { 0 };
	open_shed(&shed);
	faulty_vfs_arm(calls, n, code, for_ever);
	tell(&shed, &story);
	bool has_failed = faulty_vfs_failures() > 0;
	faulty_vfs_disarm();
	if (calls == FAULTY_SYNC)
		assert_int_equal(shed.n_fatal > 0, has_failed);
	if (!for_ever)
		assert_true(story.n_poisoned <= 1);

	check_story(&shed, &story);
	(void)shed_put(&shed, 2000, ERP, "PO-2");
	shed_commit(&shed);
	shed_reopen(&shed);
	check_story(&shed, &story);
	assert_int_equal(shed_ask(&shed, is_broken), 0);
	assert_int_equal(shed_ask(&shed, miscounted_depth), 0);
	assert_int_equal(shed_ask(&shed, miscounted_tally), 0);
	shed_done(&shed);
	return has_failed;
}

static void fail_at_every(unsigned calls, int code, bool for_ever, unsigned at_least)
{
	unsigned n = 1;
	while (fail_at(calls, n, code, for_ever))
		n++;
	/* Else nothing was tested. */
	assert_true(n > at_least);
}

static void test_any_write_may_fail_once(void **state)
{
	(void)state;
	fail_at_every(FAULTY_WRITE, SQLITE_IOERR_WRITE, false, 2 * TURNS);
}

static void test_any_write_may_fail_and_all_that_follow(void **state)
{
	(void)state;
	fail_at_every(FAULTY_WRITE, SQLITE_IOERR_WRITE, true, 2 * TURNS);
}

static void test_the_disk_may_be_full_at_any_write(void **state)
{
	(void)state;
	fail_at_every(FAULTY_WRITE, SQLITE_FULL, false, 2 * TURNS);
}

static void test_the_disk_may_become_full_and_stay_so(void **state)
{
	(void)state;
	fail_at_every(FAULTY_WRITE, SQLITE_FULL, true, 2 * TURNS);
}

static void test_any_read_may_fail(void **state)
{
	(void)state;
	fail_at_every(FAULTY_READ, SQLITE_IOERR_READ, false, 3);
}

static void test_memory_may_run_out_at_any_read(void **state)
{
	(void)state;
	fail_at_every(FAULTY_READ, SQLITE_IOERR_NOMEM, false, 3);
}

static void test_a_failed_fsync_is_fatal_whenever_it_comes(void **state)
{
	(void)state;
	fail_at_every(FAULTY_SYNC, SQLITE_IOERR_FSYNC, false, TURNS);
}

static void test_any_other_call_may_fail(void **state)
{
	(void)state;
	fail_at_every(FAULTY_SIZE | FAULTY_TRUNCATE | FAULTY_SHM_MAP, 0, false, 0);
}

/* --- at open ------------------------------------------------------------------------------------- */

static void test_a_store_that_cannot_be_opened_says_so_and_leaks_nothing(void **state)
{
	(void)state;
	struct shed shed;
	bool is_open = false;
	open_shed(&shed);
	for (unsigned n = 1; !is_open; n++) {
		struct store_options options;
		struct error err = { 0 };
		store_close(shed.store);
		shed.store = NULL;
		shed_open_options(&shed, &options);
		faulty_vfs_arm(FAULTY_ANY, n, 0, false);
		is_open = store_open(&options, &shed.store, &err) == 0;
		assert_true(is_open || err.message[0] != '\0');
		is_open = is_open && faulty_vfs_failures() == 0;
		faulty_vfs_disarm();
	}
	shed_done(&shed);
}

static void test_a_store_on_a_full_disk_opens_with_the_help_of_its_reserve(void **state)
{
	(void)state;
	struct shed shed;
	struct store_options options;
	struct store_space space;
	struct error err = { 0 };
	open_shed(&shed);
	assert_int_equal(store_reserve(shed.store, 65536), 0);
	store_measure(shed.store, &space);
	assert_int_equal(space.reserve_bytes, 65536);
	store_close(shed.store);
	shed_open_options(&shed, &options);
	faulty_vfs_arm(FAULTY_SHM_MAP, 1, SQLITE_IOERR_SHMSIZE, false);
	assert_int_equal(store_open(&options, &shed.store, &err), 0);
	assert_int_equal(faulty_vfs_failures(), 1);
	store_measure(shed.store, &space);
	assert_int_equal(space.reserve_bytes, 0);
	store_close(shed.store);
	shed.store = NULL;
	faulty_vfs_arm(FAULTY_SHM_MAP, 1, SQLITE_IOERR_SHMSIZE, false);
	assert_int_equal(
		store_open(&options, &shed.store, &err), -1); /* no reserve, no second try */
	faulty_vfs_disarm();
	shed_done(&shed);
}

/* --- refusals ------------------------------------------------------------------------------------ */

static void test_a_refusal_lasts_from_the_poisoned_turn_to_the_next_commit(void **state)
{
	(void)state;
	static const struct {
		int code;
		enum store_refusal refusal;
	} cases[] = {
		{ SQLITE_FULL, STORE_FULL },
		{ SQLITE_IOERR_SHMSIZE, STORE_FULL },
		{ SQLITE_IOERR_WRITE, STORE_REFUSED },
		{ SQLITE_READONLY, STORE_REFUSED },
		{ SQLITE_CANTOPEN, STORE_REFUSED },
		{ SQLITE_IOERR_NOMEM, STORE_TAKES },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shed shed;
		open_shed(&shed);
		(void)shed_put_event(&shed, 500);
		faulty_vfs_arm(FAULTY_WRITE, 1, cases[i].code, true);
		assert_int_equal(store_commit(shed.store), -1);
		assert_int_equal(store_refusal(shed.store), cases[i].refusal);
		store_abandon(shed.store);
		assert_int_equal(store_refusal(shed.store), cases[i].refusal);
		assert_int_equal(store_probe(shed.store), -1);
		assert_false(store_is_poisoned(shed.store));
		assert_int_equal(store_refusal(shed.store), cases[i].refusal);
		faulty_vfs_disarm();
		assert_int_equal(store_probe(shed.store), 0);
		assert_false(store_is_refusing(shed.store));
		shed_done(&shed);
	}
}

static void test_a_checkpoint_that_the_disk_refuses_is_told_until_one_succeeds(void **state)
{
	(void)state;
	struct shed shed;
	struct store_space space;
	open_shed(&shed);
	(void)shed_put_event(&shed, 500);
	shed_commit(&shed);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, true);
	store_checkpoint_ask(shed.store);
	store_measure(shed.store, &space);
	assert_int_equal(space.checkpoint, STORE_FULL);
	assert_false(store_is_refusing(shed.store));
	faulty_vfs_disarm();
	store_checkpoint_ask(shed.store);
	store_measure(shed.store, &space);
	assert_int_equal(space.checkpoint, STORE_TAKES);
	shed_done(&shed);
}

/* --- poison -------------------------------------------------------------------------------------- */

static void test_a_poisoned_store_refuses_every_write(void **state)
{
	(void)state;
	struct shed shed;
	int64_t seq = 0;
	enum delivery_state put;
	open_shed(&shed);
	int64_t known = shed_put_event(&shed, 500);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, false);
	assert_int_equal(store_commit(shed.store), -1);
	faulty_vfs_disarm();
	assert_true(store_is_poisoned(shed.store));
	assert_non_null(strstr(store_failure(shed.store), "committing"));

	const struct store_settlement done = { .to = DELIVERY_DONE };
	bool more;
	assert_int_equal(shed_try_event(&shed, 501, &seq), STORE_FAILED);
	assert_int_equal(store_put_delivery(shed.store, ERP, known, "", 1, &put), -1);
	assert_int_equal(store_claim(shed.store, ERP, known, 0, 0, 1), -1);
	assert_int_equal(store_settle(shed.store, ERP, known, &done), -1);
	assert_int_equal(store_promote_due(shed.store, ERP, 1, 1, 1), -1);
	assert_int_equal(store_count(shed.store, 1, "", "", "", 0, "stored", ""), -1);
	assert_int_equal(store_audit(shed.store, 1, "", "", "", ""), -1);
	assert_int_equal(store_put_attempt(shed.store, ERP, 1, 1, 1, 1, "retry", 0, ""), -1);
	assert_int_equal(store_destination_id(shed.store, "new"), -1);
	assert_int_equal(store_destination_pause(shed.store, ERP, true), -1);
	assert_int_equal(store_resolve_exception(shed.store, 1, "", 1), -1);
	assert_int_equal(store_purge(shed.store, 1000000, 10, &more), -1);
	assert_int_equal(store_commit(shed.store), -1);

	store_abandon(shed.store);
	assert_int_equal(shed_put_event(&shed, 501), known);
	shed_commit(&shed);
	shed_done(&shed);
}

/* --- the checkpoint thread ----------------------------------------------------------------------- */

struct bell {
	pthread_mutex_t mutex;
	pthread_cond_t rung;
	bool is_rung;
	unsigned n_fatal;
};

static void on_checkpoint(void *ctx)
{
	struct bell *bell = ctx;
	(void)pthread_mutex_lock(&bell->mutex);
	bell->is_rung = true;
	(void)pthread_cond_signal(&bell->rung);
	(void)pthread_mutex_unlock(&bell->mutex);
}

static void on_bell_fatal(void *ctx, const char *what)
{
	(void)what;
	struct bell *bell = ctx;
	(void)pthread_mutex_lock(&bell->mutex);
	bell->n_fatal++;
	(void)pthread_mutex_unlock(&bell->mutex);
}

/* Has a pass ended since the last time? With `must` it is waited for, a minute at most. */
static bool take_bell(struct bell *bell, bool must)
{
	struct timespec until;
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
	until.tv_sec += 60;
	(void)pthread_mutex_lock(&bell->mutex);
	int rc = 0;
	while (must && !bell->is_rung && rc == 0)
		rc = pthread_cond_timedwait(&bell->rung, &bell->mutex, &until);
	bool is_rung = bell->is_rung;
	bell->is_rung = false;
	(void)pthread_mutex_unlock(&bell->mutex);
	assert_int_equal(rc, 0);
	return is_rung;
}

static void reopen_with_thread(struct shed *shed, struct bell *bell, int64_t max_bytes)
{
	struct store_options options;
	struct error err = { 0 };
	*bell = (struct bell){ .mutex = PTHREAD_MUTEX_INITIALIZER,
		.rung = PTHREAD_COND_INITIALIZER };
	store_close(shed->store);
	shed_open_options(shed, &options);
	options.on_checkpoint = on_checkpoint;
	options.max_bytes = max_bytes;
	options.on_fatal = on_bell_fatal;
	options.ctx = bell;
	assert_int_equal(store_open(&options, &shed->store, &err), 0);
}

/* A steady writer without the luck of threads: every pass meets an open transaction. */
static void test_the_tail_lets_the_wal_start_over(void **state)
{
	(void)state;
	struct shed shed;
	struct store_sizes sizes;
	sqlite3 *other;
	open_shed(&shed);
	shed.body_bytes = 2000;
	assert_int_equal(sqlite3_open(shed.path, &other), SQLITE_OK);
	for (int n = 10000; n < 14000; n++) {
		(void)shed_put_event(&shed, n);
		if (n % 20 == 0)
			assert_int_equal(sqlite3_wal_checkpoint_v2(other, NULL,
						 SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
				SQLITE_OK);
		if (n % 20 != 19)
			continue;
		shed_commit(&shed);
		store_checkpoint_tail(shed.store);
	}
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	store_sizes(shed.store, &sizes);
	assert_true(sizes.wal_bytes < 1 << 20);
	shed_done(&shed);
}

/* The longest WAL under a steady writer into a store of at most so many bytes, 0: any. */
static void assert_wal_stays_below(int64_t bound, int64_t max_bytes)
{
	struct shed shed;
	struct bell bell;
	struct store_sizes sizes;
	int64_t longest = 0;
	open_shed(&shed);
	reopen_with_thread(&shed, &bell, max_bytes);
	shed.body_bytes = 2000;
	for (int n = 10000; n < 20000; n++) {
		(void)shed_put_event(&shed, n);
		if (n % 100 != 99)
			continue;
		shed_commit(&shed);
		store_sizes(shed.store, &sizes);
		bool has_grown = sizes.wal_bytes > longest;
		if (has_grown)
			longest = sizes.wal_bytes;
		/* A starved thread is waited for, so that the test proves the WAL, not the
		 * scheduler. */
		if (!take_bell(&bell, has_grown && longest > bound / 2))
			continue;
		store_checkpoint_tail(shed.store);
	}
	store_sizes(shed.store, &sizes);
	assert_true(longest <= bound);
	assert_true(sizes.written_bytes > 2 * longest);
	shed_done(&shed);
}

static void test_the_wal_stays_short_under_a_steady_writer(void **state)
{
	(void)state;
	assert_wal_stays_below(12 << 20, 0);
}

static void test_the_wal_of_a_small_store_is_small(void **state)
{
	(void)state;
	assert_wal_stays_below(4 << 20, 16 << 20);
}

static void test_a_failed_fsync_in_the_checkpoint_thread_is_fatal(void **state)
{
	(void)state;
	struct shed shed;
	struct bell bell;
	struct store_sizes sizes;
	open_shed(&shed);
	reopen_with_thread(&shed, &bell, 0);
	shed.body_bytes = 2000;
	for (int n = 10000; n < 14000; n++)
		(void)shed_put_event(&shed, n);
	/* The first sync is the commit's, the second the checkpoint's. */
	faulty_vfs_arm(FAULTY_SYNC, 2, SQLITE_IOERR_FSYNC, false);
	shed_commit(&shed);
	store_sizes(shed.store, &sizes);
	assert_true(sizes.wal_bytes > 1000 * PAGE_BYTES);
	assert_true(take_bell(&bell, true));
	faulty_vfs_disarm();
	assert_int_equal(bell.n_fatal, 1);
	shed_done(&shed);
}

static int register_vfs(void **state)
{
	(void)state;
	return faulty_vfs_register();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_write_may_fail_once),
		cmocka_unit_test(test_any_write_may_fail_and_all_that_follow),
		cmocka_unit_test(test_the_disk_may_be_full_at_any_write),
		cmocka_unit_test(test_the_disk_may_become_full_and_stay_so),
		cmocka_unit_test(test_any_read_may_fail),
		cmocka_unit_test(test_memory_may_run_out_at_any_read),
		cmocka_unit_test(test_a_failed_fsync_is_fatal_whenever_it_comes),
		cmocka_unit_test(test_any_other_call_may_fail),
		cmocka_unit_test(test_a_store_that_cannot_be_opened_says_so_and_leaks_nothing),
		cmocka_unit_test(test_a_store_on_a_full_disk_opens_with_the_help_of_its_reserve),
		cmocka_unit_test(test_a_refusal_lasts_from_the_poisoned_turn_to_the_next_commit),
		cmocka_unit_test(
			test_a_checkpoint_that_the_disk_refuses_is_told_until_one_succeeds),
		cmocka_unit_test(test_a_poisoned_store_refuses_every_write),
		cmocka_unit_test(test_the_tail_lets_the_wal_start_over),
		cmocka_unit_test(test_the_wal_stays_short_under_a_steady_writer),
		cmocka_unit_test(test_the_wal_of_a_small_store_is_small),
		cmocka_unit_test(test_a_failed_fsync_in_the_checkpoint_thread_is_fatal),
	};
	return cmocka_run_group_tests(tests, register_vfs, NULL);
}
