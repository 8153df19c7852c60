/*
 * Giving up the content of delivered events: who may, that nothing else changes, that room comes of
 * it, and that a disk that fails in the midst of it leaves everything as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "help_faulty_vfs.h"
#include "help_store.h"

#define ERP 1
#define TMS 2
#define ROWS 5000

/* All of a row but its content, and all rows, as one number that changes when any of them does. */
static const char others[] =
	"SELECT sum(seq * 31 + length(source || id || type || device || origin) * 7 + revision"
	" + coalesce(length(document), 0) + coalesce(length(correlation), 3) + occurred_at_ms"
	" + coalesce(sent_at_ms, 5) + received_at_ms + length(digest)) FROM event";

static void open_shed(struct shed *shed, const char *vfs)
{
	shed_init(shed, vfs);
	assert_int_equal(store_destination_id(shed->store, "erp"), ERP);
	assert_int_equal(store_destination_id(shed->store, "tms"), TMS);
	shed_commit(shed);
}

static bool is_whole(struct shed *shed, int64_t seq)
{
	char sql[96];
	(void)snprintf(sql, sizeof(sql), "SELECT body IS NOT NULL FROM event WHERE seq = %lld",
		(long long)seq);
	return shed_ask(shed, sql) != 0;
}

static int64_t put_done(struct shed *shed, int n)
{
	int64_t seq = shed_put(shed, n, ERP, "");
	shed_claim(shed, ERP, seq);
	shed_settle(shed, ERP, seq, DELIVERY_DONE);
	return seq;
}

static int strip_all(struct shed *shed)
{
	bool more = true;
	int n = store_strip(shed->store, ROWS, &more);
	assert_false(more);
	shed_commit(shed);
	return n;
}

static int64_t put_in_state(struct shed *shed, int n, enum delivery_state state)
{
	char key[16];
	(void)snprintf(key, sizeof(key), "key-%d", n);
	int64_t seq;
	if (state == DELIVERY_PARKED)
		(void)put_done(shed, 100 + n), (void)shed_put(shed, 200 + n, ERP, key);
	seq = shed_put(shed, n, ERP, key);
	if (state == DELIVERY_READY || state == DELIVERY_PARKED)
		return seq;
	shed_claim(shed, ERP, seq);
	if (state == DELIVERY_DISCARDED) {
		shed_settle(shed, ERP, seq, DELIVERY_EXCEPTION);
		shed_settle(shed, ERP, seq, DELIVERY_DISCARDED);
	} else if (state != DELIVERY_CLAIMED) {
		shed_settle(shed, ERP, seq, state);
	}
	return seq;
}

static void test_only_what_is_finished_gives_up_its_content(void **state)
{
	(void)state;
	struct shed shed;
	int64_t seqs[DELIVERY_STATES];
	open_shed(&shed, NULL);
	for (int n = DELIVERY_READY; n < DELIVERY_STATES; n++) {
		seqs[n] = put_in_state(&shed, n, (enum delivery_state)n);
		assert_int_equal(shed_state(&shed, ERP, seqs[n]), n);
	}
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 3); /* and the one that the parked one came after */
	for (int n = DELIVERY_READY; n < DELIVERY_STATES; n++)
		assert_int_equal(is_whole(&shed, seqs[n]), n <= DELIVERY_EXCEPTION);
	shed_done(&shed);
}

static void test_what_nobody_was_to_carry_stays(void **state)
{
	(void)state;
	struct shed shed;
	open_shed(&shed, NULL);
	int64_t unrouted = shed_put_event(&shed, 1);
	(void)put_done(&shed, 2);
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 1);
	assert_true(is_whole(&shed, unrouted));
	shed_done(&shed);
}

static void test_one_destination_that_waits_is_enough_to_keep_it(void **state)
{
	(void)state;
	struct shed shed;
	open_shed(&shed, NULL);
	int64_t seq = put_done(&shed, 1);
	(void)shed_put_delivery(&shed, TMS, seq, "");
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 0);
	assert_true(is_whole(&shed, seq));
	shed_claim(&shed, TMS, seq);
	shed_settle(&shed, TMS, seq, DELIVERY_DONE);
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 1);
	assert_false(is_whole(&shed, seq));
	shed_done(&shed);
}

static void test_an_open_exception_keeps_it(void **state)
{
	(void)state;
	struct shed shed;
	open_shed(&shed, NULL);
	int64_t seq = put_done(&shed, 1);
	const struct store_exception exception = { .kind = "id_conflict",
		.severity = "normal",
		.code = "",
		.reason = "other content",
		.field = "",
		.origin = "",
		.device = "",
		.seq = seq,
		.opened_at_ms = 1 };
	int64_t id = store_open_exception(shed.store, &exception, NULL);
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 0);
	assert_int_equal(store_resolve_exception(shed.store, id, "seen", 2), 0);
	shed_commit(&shed);
	assert_int_equal(strip_all(&shed), 1);
	shed_done(&shed);
}

static void test_all_but_the_content_stays_and_a_resend_is_still_known(void **state)
{
	(void)state;
	struct shed shed;
	int64_t known = 0;
	open_shed(&shed, NULL);
	for (int n = 1; n <= 50; n++)
		(void)put_done(&shed, n);
	shed_commit(&shed);
	int64_t before = shed_ask(&shed, others);
	assert_int_equal(strip_all(&shed), 50);
	assert_int_equal(shed_ask(&shed, others), before);
	assert_int_equal(shed_ask(&shed, "SELECT count(*) FROM event WHERE body IS NULL"), 50);
	assert_int_equal(shed_try_event(&shed, 7, &known), STORE_DUPLICATE);
	assert_int_equal(known, 7);
	assert_int_equal(shed_put_event(&shed, 51), 51);
	shed_commit(&shed);
	assert_int_equal(shed_ask(&shed, "SELECT count(*) FROM pragma_integrity_check"
					 " WHERE integrity_check <> 'ok'"),
		0);
	shed_done(&shed);
}

static void test_slices_go_on_behind_each_other_and_begin_anew_at_the_end(void **state)
{
	(void)state;
	struct shed shed;
	bool more = false;
	open_shed(&shed, NULL);
	for (int n = 1; n <= 25; n++)
		(void)put_done(&shed, n);
	int64_t late = shed_put(&shed, 26, ERP, "");
	shed_commit(&shed);
	assert_int_equal(store_strip(shed.store, 10, &more), 10);
	assert_true(more);
	assert_int_equal(store_strip(shed.store, 10, &more), 10);
	assert_true(more);
	assert_int_equal(store_strip(shed.store, 10, &more), 5);
	assert_false(more);
	shed_claim(&shed, ERP, late);
	shed_settle(&shed, ERP, late, DELIVERY_DONE);
	assert_int_equal(store_strip(shed.store, 100, &more), 1);
	assert_false(more);
	assert_int_equal(store_strip(shed.store, 100, &more), 0);
	shed_commit(&shed);
	shed_done(&shed);
}

/* Bodies of every size, and the room that comes of them: most of what they took. */
static void test_room_comes_of_it(void **state)
{
	static const size_t sizes[] = { 300, 600, 1200, 2000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct shed shed;
		struct store_sizes before;
		struct store_sizes after;
		open_shed(&shed, NULL);
		shed.body_bytes = sizes[i];
		for (int n = 1; n <= 2000; n++)
			(void)put_done(&shed, n);
		shed_commit(&shed);
		store_sizes(shed.store, &before);
		for (bool more = true; more;)
			assert_true(store_strip(shed.store, 200, &more) >= 0);
		store_sizes(shed.store, &after);
		int64_t freed = (before.used_bytes - before.wal_bytes) -
				(after.used_bytes - after.wal_bytes);
		print_message("%zu bytes a body: %lld of %lld bytes came free\n", sizes[i],
			(long long)freed, (long long)(2000 * sizes[i]));
		assert_true(freed > 2000 * (int64_t)sizes[i] * 6 / 10);
		shed_commit(&shed);
		shed_done(&shed);
	}
}

static void test_pages_go_back_to_the_disk(void **state)
{
	(void)state;
	struct shed shed;
	struct store_space before;
	struct store_space after;
	open_shed(&shed, NULL);
	shed.body_bytes = 2000;
	for (int n = 1; n <= 1000; n++)
		(void)put_done(&shed, n);
	shed_commit(&shed);
	store_checkpoint_ask(shed.store);
	assert_int_equal(strip_all(&shed), 1000);
	store_measure(shed.store, &before);
	assert_true(before.unused_bytes > 1000000);
	assert_true(before.disk_bytes > 0 && before.free_bytes > 0);
	do {
		assert_int_equal(store_free_pages(shed.store), 0);
		store_measure(shed.store, &after);
	} while (after.unused_bytes > 0);
	assert_true(after.owed_bytes < -1000000);
	shed_commit(&shed);
	store_checkpoint_ask(shed.store);
	store_measure(shed.store, &after);
	assert_int_equal(after.owed_bytes, 0);
	shed_done(&shed);
}

static void test_a_disk_that_fails_leaves_all_as_it_was(void **state)
{
	(void)state;
	struct shed shed;
	unsigned n_failures = 1;
	bool more;
	open_shed(&shed, FAULTY_VFS);
	for (int n = 1; n <= 20; n++)
		(void)put_done(&shed, n);
	shed_commit(&shed);
	int64_t before = shed_ask(&shed, others);
	for (unsigned n = 1; n_failures > 0; n++) {
		faulty_vfs_arm(FAULTY_WRITE, n, SQLITE_FULL, false);
		bool is_done =
			store_strip(shed.store, ROWS, &more) >= 0 && store_commit(shed.store) == 0;
		n_failures = faulty_vfs_failures();
		faulty_vfs_disarm();
		assert_int_equal(is_done, n_failures == 0);
		assert_int_equal(store_is_refusing(shed.store), !is_done);
		if (!is_done) {
			store_abandon(shed.store);
			assert_int_equal(shed_ask(&shed, "SELECT count(body) FROM event"), 20);
		}
		assert_int_equal(shed_ask(&shed, others), before);
	}
	assert_int_equal(shed_ask(&shed, "SELECT count(body) FROM event"), 0);
	shed_done(&shed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_finished_gives_up_its_content),
		cmocka_unit_test(test_what_nobody_was_to_carry_stays),
		cmocka_unit_test(test_one_destination_that_waits_is_enough_to_keep_it),
		cmocka_unit_test(test_an_open_exception_keeps_it),
		cmocka_unit_test(test_all_but_the_content_stays_and_a_resend_is_still_known),
		cmocka_unit_test(test_slices_go_on_behind_each_other_and_begin_anew_at_the_end),
		cmocka_unit_test(test_room_comes_of_it),
		cmocka_unit_test(test_pages_go_back_to_the_disk),
		cmocka_unit_test(test_a_disk_that_fails_leaves_all_as_it_was),
	};

	assert_int_equal(faulty_vfs_register(), 0);
	return cmocka_run_group_tests_name("strip", tests, NULL, NULL);
}
