/*
 * Counts stay true and few: old days are folded into one, open exceptions are counted once, and no
 * start and no reading looks at what is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/buf.h"
#include "help_store.h"
#include "store/store_internal.h"

#define DAY_MS INT64_C(86400000)
#define FIRST_DAY 20000
#define LABELS 48 /* sources x devices x types x outcomes below */

static void count_a_day(struct shed *shed, int32_t day)
{
	static const char *const devices[] = { "tc52-1", "tc52-2", "tc52-3", "" };
	static const char *const types[] = { "receipt", "pick", "ship" };
	static const struct {
		const char *outcome, *detail;
		int destination;
	} what[] = { { "stored", "", 0 }, { "rejected", "too_large", 0 }, { "done", "", 1 },
		{ "routed", "", 1 } };

	for (size_t i = 0; i < LABELS; i++) {
		unsigned times = 1 + (unsigned)((size_t)day + i) % 3;

		while (times-- > 0)
			assert_int_equal(
				store_count(shed->store, day * DAY_MS + 5, "handhelds",
					devices[i % 4], types[i / 4 % 3], what[i / 12].destination,
					what[i / 12].outcome, what[i / 12].detail),
				0);
	}
	shed_commit(shed);
}

static int print_row(void *ctx, const struct store_tally_row *row)
{
	buf_printf(ctx, "%d %s %s %s %d %s %s %lld\n", row->day, row->source, row->device,
		row->type, row->destination, row->outcome, row->detail, (long long)row->n);
	return 0;
}

/* All that metrics, status and ledger read. free(3). */
static char *print_sums(struct shed *shed, int32_t today)
{
	struct buf sums = BUF_INIT;

	for (int by = STORE_TALLY_METRICS; by <= STORE_TALLY_TODAY; by++)
		assert_int_equal(store_sum_tally(shed->store, (enum store_tally_by)by, today,
					 print_row, &sums),
			0);
	return buf_take(&sums, NULL);
}

static void fold_all(struct shed *shed, int32_t before_day, unsigned rows)
{
	bool more = true;

	while (more) {
		assert_in_range(store_fold_tally(shed->store, before_day, rows, &more), 0, rows);
		shed_commit(shed);
	}
}

static void test_folding_changes_no_sum_and_bounds_the_rows(void **state)
{
	struct shed *shed = *state;
	int32_t today = FIRST_DAY + 99;

	for (int32_t day = FIRST_DAY; day <= today; day++)
		count_a_day(shed, day);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), 100 * LABELS);
	char *before = print_sums(shed, today);
	fold_all(shed, today - 1, 50);
	char *after = print_sums(shed, today);
	assert_string_equal(before, after);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), 3 * LABELS);
	free(before);
	free(after);

	/* A hundred days more, folded as they come. */
	for (int32_t day = today + 1; day <= today + 100; day++) {
		count_a_day(shed, day);
		fold_all(shed, day - 1, 50);
	}
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), 3 * LABELS);
}

static void test_a_slice_of_folding_is_bounded_and_a_poisoned_one_did_not_happen(void **state)
{
	struct shed *shed = *state;
	bool more = false;

	for (int32_t day = FIRST_DAY; day < FIRST_DAY + 3; day++)
		count_a_day(shed, day);
	char *before = print_sums(shed, FIRST_DAY);
	assert_int_equal(store_fold_tally(shed->store, FIRST_DAY + 2, 10, &more), 10);
	assert_true(more);
	store_abandon(shed->store);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), 3 * LABELS);
	char *after = print_sums(shed, FIRST_DAY);
	assert_string_equal(before, after);
	fold_all(shed, FIRST_DAY, 10);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), 3 * LABELS);
	free(before);
	free(after);
}

/* What was counted for an old day after it was folded is folded as well. */
static void test_a_late_count_for_a_folded_day_is_not_lost(void **state)
{
	struct shed *shed = *state;

	count_a_day(shed, FIRST_DAY);
	fold_all(shed, FIRST_DAY + 1, 50);
	count_a_day(shed, FIRST_DAY);
	fold_all(shed, FIRST_DAY + 1, 50);
	assert_int_equal(shed_ask(shed, "SELECT count(*) FROM tally"), LABELS);
	assert_int_equal(shed_ask(shed, "SELECT sum(n) FROM tally"), 4 * LABELS);
}

/* --- open exceptions ---------------------------------------------------------------------------------- */

static int64_t open_one(struct shed *shed, const char *kind, int64_t seq)
{
	const struct store_exception exception = {
		.kind = kind,
		.severity = "normal",
		.code = "",
		.reason = "why",
		.field = "",
		.seq = seq,
		.destination = 1,
		.origin = "",
		.device = "",
		.opened_at_ms = 100,
	};
	int64_t id = store_open_exception(shed->store, &exception, NULL);

	assert_true(id > 0);
	return id;
}

static void sum_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	struct buf *out = ctx;

	if (n > 0)
		buf_printf(out, "%s %s %lld\n", kind, severity, (long long)n);
}

static void assert_open(struct shed *shed, const char *wanted)
{
	struct buf found = BUF_INIT;

	store_count_open(shed->store, sum_open, &found);
	assert_string_equal(found.data, wanted);
	buf_done(&found);
}

static int steps_of(struct shed *shed, enum statement id)
{
	return sqlite3_stmt_status(shed->store->statements[id], SQLITE_STMTSTATUS_VM_STEP, 0);
}

static void test_a_start_looks_at_no_open_exception(void **state)
{
	struct shed *shed = *state;

	for (int64_t seq = 1; seq <= 500; seq++)
		(void)open_one(shed, seq % 5 == 0 ? "gave_up" : "rejected", seq);
	int64_t id = open_one(shed, "unknown", 501);
	shed_commit(shed);
	assert_int_equal(store_resolve_exception(shed->store, id, "looked", 200), 0);
	shed_commit(shed);
	(void)open_one(shed, "rejected", 502);
	store_abandon(shed->store);
	shed_reopen(shed);
	assert_open(shed, "gave_up normal 100\nrejected normal 400\n");
	assert_int_equal(steps_of(shed, EXCEPTION_COUNT_OPEN), 0);
	assert_in_range(steps_of(shed, COUNTER_LIST_OPEN), 1, 200);
}

/* An older program has not counted: the rows are, once. */
static void test_a_file_without_counts_is_counted_once(void **state)
{
	struct shed *shed = *state;

	(void)open_one(shed, "rejected", 1);
	(void)open_one(shed, "rejected", 2);
	shed_commit(shed);
	assert_int_equal(
		sqlite3_exec(shed->store->db, "DELETE FROM counter", NULL, NULL, NULL), SQLITE_OK);
	shed_reopen(shed);
	assert_open(shed, "rejected normal 2\n");
	assert_true(steps_of(shed, EXCEPTION_COUNT_OPEN) > 0);
	(void)open_one(shed, "gave_up", 3);
	shed_commit(shed);
	shed_reopen(shed);
	assert_open(shed, "gave_up normal 1\nrejected normal 2\n");
	assert_int_equal(steps_of(shed, EXCEPTION_COUNT_OPEN), 0);
}

static int count_row(void *ctx, const struct store_exception_row *row)
{
	(void)row;
	++*(int *)ctx;
	return 0;
}

static void test_a_search_among_many_exceptions_goes_page_by_page(void **state)
{
	struct shed *shed = *state;
	struct store_exception_filter filter = { .kind = "gave_up", .limit = 100 };
	int n_found = 0, n_calls = 0;

	(void)open_one(shed, "gave_up", 1);
	for (int64_t seq = 2; seq <= 3 * LOOK_MAX; seq++)
		(void)open_one(shed, "rejected", seq);
	shed_commit(shed);
	do {
		assert_int_equal(store_list_exceptions(shed->store, &filter, count_row, &n_found,
					 &filter.before_id),
			0);
		n_calls++;
	} while (filter.before_id > 0);
	assert_int_equal(n_found, 1);
	assert_int_equal(n_calls, 4);
}

static int open_shed(void **state)
{
	struct shed *shed = malloc(sizeof(*shed));

	assert_non_null(shed);
	shed_init(shed, NULL);
	*state = shed;
	return 0;
}

static int close_shed(void **state)
{
	shed_done(*state);
	free(*state);
	return 0;
}

#define WITH_SHED(test) cmocka_unit_test_setup_teardown(test, open_shed, close_shed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SHED(test_folding_changes_no_sum_and_bounds_the_rows),
		WITH_SHED(test_a_slice_of_folding_is_bounded_and_a_poisoned_one_did_not_happen),
		WITH_SHED(test_a_late_count_for_a_folded_day_is_not_lost),
		WITH_SHED(test_a_start_looks_at_no_open_exception),
		WITH_SHED(test_a_file_without_counts_is_counted_once),
		WITH_SHED(test_a_search_among_many_exceptions_goes_page_by_page),
	};

	return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
