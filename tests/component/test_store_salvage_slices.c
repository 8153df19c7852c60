/*
 * The small tables of a broken database come back in slices: none looks at more rows than its share,
 * and whatever comes between two of them, each row is there once in the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play_salvage.h"
#include "store/merge.h"
#include "store/reference.h"

#define NOW 500000
#define EVENTS 9

/* --- what is in the tables --------------------------------------------------------------------------- */

static void run(struct shed *shed, const char *format, ...)
{
	char sql[2048];
	char *message = NULL;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	if (sqlite3_exec(shed->store->db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

/* `rows` rows of each small table, numbered from `first` on. */
static void fill_tables(struct shed *shed, int first, int rows)
{
	static const char *const texts[] = {
		"sequence SELECT 'device-' || n, 1, n, 3 FROM c",
		("tally SELECT n % 7, 'handhelds', 'd' || n, 'receipt', n % 3,"
		 " iif(n % 3, 'routed', 'stored'), '', 2 FROM c"),
		"cursor SELECT 'cursor \"' || n || '\"', n, n FROM c",
		"reference SELECT 'item', 'SKU-' || n, NULL, 'csv', n, NULL, '{}' FROM c",
		"alias SELECT 'gtin', 'G' || n, 'item', 'SKU-' || n, '1' FROM c",
		"progress SELECT 'PO-' || n, '1', 'received', n, n FROM c",
		"config_revision SELECT n, n, 'x', zeroblob(32), 'ok', NULL, '{}' FROM c",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		run(shed,
			"WITH RECURSIVE c(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM c LIMIT %d)"
			" INSERT INTO %s",
			first, rows, texts[i]);
}

/* Those whose ids are the database's own: every other exception is open, and has come thrice. */
static void fill_numbered(struct shed *shed, int rows)
{
	run(shed,
		"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT %d)"
		" INSERT INTO exception (id, state, kind, severity, reason, seq, destination, repeats,"
		" opened_at_ms, due_at_ms, resolved_at_ms, digest) SELECT n, iif(n %% 2, 1, 3),"
		" 'invalid', 'low', 'r', 0, 0, 2, n, n, iif(n %% 2, NULL, n),"
		" CAST(printf('%%032d', n) AS BLOB) FROM c",
		rows);
	run(shed,
		"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT %d)"
		" INSERT INTO audit SELECT n, n, 'uid:0', 'did', 'x', '',"
		" CAST(printf('%%032d', n) AS BLOB) FROM c",
		rows);
}

static void break_filled(struct shed *shed, int rows)
{
	for (int n = 1; n <= EVENTS; n++) {
		int64_t seq = shed_put(shed, n, n % 2 ? ERP : TMS, "");
		if (n % 3 == 0)
			shed_claim(shed, n % 2 ? ERP : TMS, seq);
		if (n % 3 == 0)
			shed_settle(shed, n % 2 ? ERP : TMS, seq, DELIVERY_DONE);
	}
	shed_commit(shed);
	fill_tables(shed, 1, rows);
	fill_numbered(shed, rows);
	plan.slice_events = EVENTS;
	break_store(shed);
	/* Some of it has come again. */
	fill_tables(shed, rows - 9, 20);
	run(shed, "DELETE FROM tally WHERE source = 'handhelds' AND outcome = 'routed'");
	run(shed, "INSERT INTO exception (state, kind, severity, reason, seq, destination,"
		  " opened_at_ms, due_at_ms, digest) VALUES (1, 'invalid', 'low', 'r', 0, 0, 5, 5,"
		  " CAST(printf('%%032d', 7) AS BLOB))");
	assert_int_equal(store_audit(shed->store, 1, "uid:0", "new", "x", ""), 0);
	shed_commit(shed);
}

/* All that must be the same however the salvage went. */
static const char *const sums[] = {
	"SELECT count(*) * 1000003 + sum(seen * 7 + last + first) FROM sequence",
	"SELECT count(*) * 1000003 + sum(n * (day + 1) * (destination + 1)) FROM tally",
	"SELECT sum(n) FROM tally WHERE outcome = 'lost'",
	"SELECT count(*) * 1000003 + sum(repeats * 31 + state) FROM exception",
	"SELECT count(*) * 1000003 + sum(id * at_ms) FROM audit",
	"SELECT count(*) * 1000003 + sum(seen_at_ms) FROM reference",
	"SELECT count(*) FROM alias",
	"SELECT count(*) * 1000003 + sum(at_ms) FROM progress",
	"SELECT count(*) FROM config_revision",
	"SELECT count(*) FROM cursor WHERE name LIKE 'cursor%'",
	"SELECT sum(value) FROM counter WHERE name LIKE 'open/%'",
	"SELECT count(*) FROM tally WHERE detail = 'rows'",
};
#define SUMS (sizeof(sums) / sizeof(sums[0]))

static void read_sums(struct shed *shed, int64_t ret[SUMS])
{
	for (size_t i = 0; i < SUMS; i++)
		ret[i] = shed_ask(shed, sums[i]);
}

static void assert_sums(struct shed *shed, const int64_t wanted[SUMS])
{
	for (size_t i = 0; i < SUMS; i++) {
		int64_t is = shed_ask(shed, sums[i]);
		if (is != wanted[i])
			fail_msg(
				"%s: %lld, not %lld", sums[i], (long long)is, (long long)wanted[i]);
	}
}

static void find_smooth_sums(int rows, int64_t ret[SUMS])
{
	void *state;
	assert_int_equal(salvage_setup(&state), 0);
	struct shed *shed = state;
	break_filled(shed, rows);
	salvage_all(shed);
	read_sums(shed, ret);
	(void)salvage_teardown(&state);
}

/* --- its share --------------------------------------------------------------------------------------- */

#define ROWS 20000
#define STEPS_PER_LOOK 100
/* Of SQLite's machine, for a row that is read in one table and written to another; seeks in between. */
#define STEPS_PER_ROW 200

static int64_t steps;

static int on_steps(void *ctx)
{
	(void)ctx;
	steps += STEPS_PER_LOOK;
	return 0;
}

/* Of every connection: that which reads what was salvaged, too. */
static int watch(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	(void)message;
	(void)api;
	sqlite3_progress_handler(db, STEPS_PER_LOOK, on_steps, NULL);
	return SQLITE_OK;
}

static void test_no_slice_looks_at_more_rows_than_its_share(void **state)
{
	struct shed *shed = *state;
	const struct store_salvaging with = { .now_ms = NOW, .due_at_ms = NOW + 1000 };
	void (*entry)(void) = (void (*)(void))watch;
	unsigned n = 0;
	assert_int_equal(sqlite3_auto_extension(entry), SQLITE_OK);
	break_filled(shed, ROWS);
	while (store_is_salvaging(shed->store)) {
		int64_t before = sqlite3_total_changes64(shed->store->db);
		steps = 0;
		assert_true(store_salvage(shed->store, &with) >= 0);
		assert_int_equal(store_commit(shed->store), 0);
		int64_t written = sqlite3_total_changes64(shed->store->db) - before;
		if (written > MERGE_ROWS + 100)
			fail_msg("slice %u wrote %lld rows", n, (long long)written);
		if (steps > (int64_t)MERGE_ROWS * STEPS_PER_ROW)
			fail_msg("slice %u took %lld steps", n, (long long)steps);
		n++;
	}
	(void)sqlite3_cancel_auto_extension(entry);
	check_sums(shed);
	/* Nine tables, and the fresh tally once more. */
	assert_in_range(n, 10 * ROWS / MERGE_ROWS, 10 * ROWS / MERGE_ROWS + 5);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM reference"), ROWS + 10);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM alias"), ROWS + 10);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM audit"), ROWS + 1);
	assert_int_equal(shed_ask(shed, "SELECT sum(seen) FROM sequence"), 3 * (ROWS + 20));
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally WHERE source = 'handhelds' AND"
					" outcome = 'stored'"),
		2 * (ROWS / 3) + 2 * 7 + EVENTS);
}

/* --- cut short ----------------------------------------------------------------------------------------- */

#define FEW 1203

static void test_a_kill_in_or_between_any_slices_neither_loses_nor_doubles(void **state)
{
	struct shed *shed = *state;
	const struct store_salvaging with = { .now_ms = NOW, .due_at_ms = NOW + 1000 };
	int64_t smooth[SUMS];
	unsigned n = 0;
	find_smooth_sums(FEW, smooth);
	plan.events_lost = 2;
	break_filled(shed, FEW);
	while (store_is_salvaging(shed->store)) {
		assert_true(store_salvage(shed->store, &with) >= 0);
		store_abandon(shed->store); /* what a kill leaves of a slice */
		shed_reopen(shed);
		assert_true(salvage_slice(shed) >= 0);
		n++;
	}
	assert_in_range(n, 10 * FEW / MERGE_ROWS, 10 * FEW / MERGE_ROWS + 3);
	check_sums(shed);
	assert_sums(shed, smooth);
	assert_int_equal(salvage_view(shed).events, EVENTS);
	assert_int_equal(salvage_view(shed).events_lost, 2);
	assert_int_equal(salvage_view(shed).state, STORE_SALVAGE_DONE);
}

/* What is counted, keys apart that name the databases themselves. */
static void test_a_database_that_breaks_between_two_slices_gives_its_share_on(void **state)
{
	(void)state;
	int64_t smooth[SUMS];
	find_smooth_sums(FEW, smooth);
	for (unsigned stop = 1; stop < 24; stop += 3) {
		void *another;
		assert_int_equal(salvage_setup(&another), 0);
		struct shed *shed = another;
		break_filled(shed, FEW);
		for (unsigned i = 0; i < stop; i++)
			assert_int_equal(salvage_slice(shed), 0);
		break_store(shed);
		while (store_is_salvaging(shed->store))
			assert_true(salvage_slice(shed) >= 0);
		assert_int_equal(shed_ask(shed, sums[0]), smooth[0]);
		assert_int_equal(
			shed_ask(shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"),
			2 * (FEW / 3) + 2 * 7 + EVENTS);
		assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE seq = 0 AND"
						" kind = 'invalid'"),
			FEW);
		assert_int_equal(shed_ask(shed, "SELECT sum(repeats) FROM exception"
						" WHERE kind = 'invalid'"),
			2 * (FEW - 1) + 3);
		assert_int_equal(shed_ask(shed, sums[4]), smooth[4]);
		for (size_t i = 5; i < SUMS - 2; i++)
			assert_int_equal(shed_ask(shed, sums[i]), smooth[i]);
		check_sums(shed);
		(void)salvage_teardown(&another);
	}
}

/* What has a key of its own can come twice. */
static void test_rows_with_a_key_come_back_once_even_where_the_place_is_lost(void **state)
{
	struct shed *shed = *state;
	int64_t smooth[SUMS];
	find_smooth_sums(FEW, smooth);
	break_filled(shed, FEW);
	while (salvage_slice(shed) == 0)
		if (shed_ask(shed, "SELECT count(*) FROM alias") > FEW)
			break;
	plan.damage = "DELETE FROM cursor WHERE name LIKE 'salvage.at/%'";
	break_store(shed);
	while (store_is_salvaging(shed->store))
		assert_true(salvage_slice(shed) >= 0);
	assert_int_equal(shed_ask(shed, "SELECT sum(repeats) FROM exception"
					" WHERE kind = 'invalid' AND id <> 7 AND id < 1000000"),
		2 * (FEW - 1));
	for (size_t i = 4; i < SUMS - 2; i++)
		assert_int_equal(shed_ask(shed, sums[i]), smooth[i]);
}

/* --- in between ------------------------------------------------------------------------------------------ */

static void test_exceptions_without_a_work_item_get_one_each_in_slices(void **state)
{
	struct shed *shed = *state;
	const int n_events = MERGE_ROWS + 100;
	for (int n = 1; n <= n_events; n++) {
		int64_t seq = shed_put(shed, n, ERP, "");
		shed_claim(shed, ERP, seq);
		shed_settle(shed, ERP, seq, DELIVERY_EXCEPTION);
		make_exception(shed, seq, ERP);
	}
	shed_commit(shed);
	plan.damage = "DELETE FROM exception WHERE id % 3 > 0";
	break_store(shed);
	while (store_is_salvaging(shed->store)) {
		shed_reopen(shed);
		assert_true(salvage_slice(shed) >= 0);
	}
	check_sums(shed);
	assert_int_equal(
		shed_ask(shed, "SELECT count(*) FROM exception WHERE state < 3 AND seq > 0"),
		n_events);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM exception WHERE kind = 'unknown'"),
		n_events * 2 / 3);
}

/* Also where not a single event has come back, by which the chunk could be known. */
static void test_who_resumes_a_destination_between_two_slices_is_not_overruled(void **state)
{
	struct shed *shed = *state;
	fill_tables(shed, 1, FEW);
	assert_int_equal(store_destination_pause(shed->store, TMS, true), 0);
	shed_commit(shed);
	break_store(shed);
	assert_int_equal(salvage_slice(shed), 0);
	assert_true(store_destination_is_paused(shed->store, TMS));
	assert_int_equal(store_destination_pause(shed->store, TMS, false), 0);
	shed_commit(shed);
	salvage_all(shed);
	assert_false(store_destination_is_paused(shed->store, TMS));
}

/* The old row is still to come when its item is imported anew, under other codes. */
static void test_an_item_imported_between_two_slices_keeps_its_own_codes(void **state)
{
	struct shed *shed = *state;
	const struct store_alias own = { "gtin", "own", NULL };
	const struct store_reference item = { .kind = "item",
		.id = "SKU-3",
		.source = "new",
		.body = "{}",
		.len = 2,
		.aliases = &own,
		.n_aliases = 1 };
	break_filled(shed, FEW);
	while (shed_ask(shed, "SELECT count(*) FROM alias WHERE id = 'SKU-3'") == 0)
		assert_int_equal(salvage_slice(shed), 0);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM reference WHERE id = 'SKU-3'"), 0);
	assert_int_equal(store_put_reference(shed->store, &item, NULL), 0);
	shed_commit(shed);
	salvage_all(shed);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM alias WHERE id = 'SKU-3' AND"
					" code = 'own'"),
		1);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM alias WHERE id = 'SKU-3'"), 1);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM reference WHERE id = 'SKU-3' AND"
					" source = 'new'"),
		1);
}

static void wake(void *ctx)
{
	++*(unsigned *)ctx;
}

static void test_who_merges_is_woken_for_each_slice(void **state)
{
	struct shed *shed = *state;
	unsigned n_woken = 0;
	unsigned n = 0;
	break_filled(shed, FEW);
	shed->store->options.on_salvage = wake;
	shed->store->options.ctx = &n_woken;
	while (store_is_salvaging(shed->store)) {
		assert_int_equal(n_woken, n);
		assert_true(salvage_slice(shed) >= 0);
		n++;
	}
	assert_int_equal(n_woken, n - 1);
	shed->store->options.ctx = shed;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, salvage_setup, salvage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_slice_looks_at_more_rows_than_its_share),
		TEST(test_a_kill_in_or_between_any_slices_neither_loses_nor_doubles),
		cmocka_unit_test(test_a_database_that_breaks_between_two_slices_gives_its_share_on),
		TEST(test_rows_with_a_key_come_back_once_even_where_the_place_is_lost),
		TEST(test_exceptions_without_a_work_item_get_one_each_in_slices),
		TEST(test_who_resumes_a_destination_between_two_slices_is_not_overruled),
		TEST(test_an_item_imported_between_two_slices_keeps_its_own_codes),
		TEST(test_who_merges_is_woken_for_each_slice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
