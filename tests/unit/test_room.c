/* How much room is left, as tables: plans, what is left, and the level with its hysteresis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dray/room.h"

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static void test_reserve_and_margin_fit_the_smaller_bound(void **state)
{
	static const struct {
		struct room_bounds bounds;
		int64_t reserve, margin;
	} cases[] = {
		{ { 4 * GIB, 16 * MIB, 64 * GIB }, 16 * MIB, 8 * MIB }, /* the defaults */
		{ { 4 * GIB, 16 * MIB, 0 }, 16 * MIB, 8 * MIB },        /* no bound but max_bytes */
		{ { 4 * GIB, 16 * MIB, 32 * MIB }, 4 * MIB, 2 * MIB },  /* a small disk */
		{ { 8 * MIB, 16 * MIB, 64 * GIB }, MIB, 512 * KIB },    /* a small store */
		{ { 4 * GIB, 0, 64 * GIB }, 0, MIB },                   /* no reserve */
		{ { 4 * GIB, 0, 32 * MIB }, 0, 512 * KIB },             /* … on a small disk */
		{ { 4 * GIB, 64 * KIB, 64 * GIB }, 64 * KIB, MIB },     /* a reserve of no use */
		{ { 16 * GIB, GIB, 64 * GIB }, GIB, 512 * MIB },        /* a large one */
		{ { MIB, 16 * MIB, 64 * GIB }, 128 * KIB, 64 * KIB },   /* the smallest store */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct room_plan plan = room_plan(&cases[i].bounds);

		assert_int_equal(plan.reserve_bytes, cases[i].reserve);
		assert_int_equal(plan.margin_bytes, cases[i].margin);
		assert_int_equal(plan.has_disk, cases[i].bounds.disk_bytes > 0);
	}
}

/* In MiB: max_bytes 100, reserve 8, margin 4, on a large disk. */
static struct room_plan plan_100(void)
{
	return room_plan(&(struct room_bounds){ 100 * MIB, 8 * MIB, 64 * GIB });
}

static struct room_measure measured(int64_t used, int64_t free, int64_t owed, bool has_reserve)
{
	return (struct room_measure){ .used_bytes = used * MIB,
		.free_bytes = free * MIB,
		.owed_bytes = owed * MIB,
		.has_reserve = has_reserve };
}

static void test_what_is_left_is_the_smaller_of_both(void **state)
{
	static const struct {
		int64_t used, free, owed;
		bool has_reserve;
		int64_t in_store, on_disk;
	} cases[] = {
		{ 0, 1000, 0, true, 100, 996 }, /* the margin is not for us */
		{ 60, 1000, 0, true, 40, 996 },
		{ 60, 24, 0, true, 40, 20 },
		{ 60, 24, 6, true, 40, 14 },  /* checkpoints will take their part */
		{ 60, 24, -6, true, 40, 26 }, /* … or give back */
		{ 60, 24, 0, false, 40, 12 }, /* a released reserve is no room */
		{ 60, 4, 0, true, 40, 0 },
		{ 110, 2, 1, false, -10, -11 },
	};
	struct room_plan plan = plan_100();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct room_measure is =
			measured(cases[i].used, cases[i].free, cases[i].owed, cases[i].has_reserve);
		int64_t smaller =
			cases[i].in_store < cases[i].on_disk ? cases[i].in_store : cases[i].on_disk;

		assert_int_equal(room_left_in_store(&plan, &is), cases[i].in_store * MIB);
		assert_int_equal(room_left_on_disk(&plan, &is), cases[i].on_disk * MIB);
		assert_int_equal(room_left(&plan, &is), smaller * MIB);
	}
}

static void test_a_disk_that_does_not_tell_is_not_judged(void **state)
{
	struct room_plan plan = room_plan(&(struct room_bounds){ 100 * MIB, 8 * MIB, 0 });
	struct room_measure is = measured(10, 0, 0, true);

	(void)state;
	assert_int_equal(room_left(&plan, &is), 90 * MIB);
	assert_int_equal(room_judge(&plan, &is, ROOM_AMPLE), ROOM_AMPLE);
	assert_false(room_wants_disk(&plan, &is));
}

#define A ROOM_AMPLE
#define T ROOM_TIGHT
#define N ROOM_NONE

static void test_the_level_by_what_is_left_and_where_it_was(void **state)
{
	/* margin 4: left in the store, then the level coming from AMPLE, TIGHT, NONE */
	static const struct {
		int64_t left;
		enum room_level from_ample, from_tight, from_none;
	} cases[] = {
		{ 100, A, A, A },
		{ 12, A, A, A },
		{ 11, A, T, T },
		{ 8, A, T, T },
		{ 7, T, T, T },
		{ 4, T, T, T },
		{ 3, T, T, N },
		{ 1, T, T, N },
		{ 0, N, N, N },
		{ -5, N, N, N },
	};
	struct room_plan plan = plan_100();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct room_measure is = measured(100 - cases[i].left, 1000, 0, true);
		struct room_measure by_disk = measured(0, 4 + cases[i].left, 0, true);

		assert_int_equal(room_judge(&plan, &is, ROOM_AMPLE), cases[i].from_ample);
		assert_int_equal(room_judge(&plan, &is, ROOM_TIGHT), cases[i].from_tight);
		assert_int_equal(room_judge(&plan, &is, ROOM_NONE), cases[i].from_none);
		assert_int_equal(room_judge(&plan, &by_disk, ROOM_NONE), cases[i].from_none);
	}
}

static void test_a_disk_that_refuses_closes_whatever_is_left(void **state)
{
	struct room_plan plan = plan_100();
	struct room_measure is = measured(0, 1000, 0, true);

	(void)state;
	is.is_refused = true;
	is.was_refused = true;
	assert_int_equal(room_judge(&plan, &is, ROOM_AMPLE), ROOM_NONE);
	is.is_refused = false;
	assert_int_equal(room_judge(&plan, &is, ROOM_NONE), ROOM_NONE);
	assert_int_equal(room_judge(&plan, &is, ROOM_AMPLE), ROOM_AMPLE); /* once is no reason */
	is.was_refused = false;
	assert_int_equal(room_judge(&plan, &is, ROOM_NONE), ROOM_AMPLE);
}

static void test_it_opens_only_with_the_reserve_in_place(void **state)
{
	struct room_plan plan = plan_100();
	struct room_measure is = measured(0, 1000, 0, false);

	(void)state;
	assert_int_equal(room_judge(&plan, &is, ROOM_NONE), ROOM_NONE);
	assert_int_equal(room_judge(&plan, &is, ROOM_AMPLE), ROOM_AMPLE);
	is.has_reserve = true;
	assert_int_equal(room_judge(&plan, &is, ROOM_NONE), ROOM_AMPLE);
}

static void test_the_reserve_is_put_back_when_it_leaves_a_margin(void **state)
{
	struct room_plan plan = plan_100();
	struct room_measure is = measured(0, 12, 0, false);

	(void)state;
	assert_true(room_may_reserve(&plan, &is));
	is.owed_bytes = 1;
	assert_false(room_may_reserve(&plan, &is));
	is.owed_bytes = -MIB; /* not given back yet */
	is.free_bytes -= 1;
	assert_false(room_may_reserve(&plan, &is));
	is = measured(0, 1000, 0, true);
	assert_false(room_may_reserve(&plan, &is));
}

static void test_a_released_reserve_does_not_open_what_it_closed(void **state)
{
	/* Full to the last byte; 8 come free with the reserve, of which draining takes 1. */
	struct room_plan plan = plan_100();
	struct room_measure is = measured(50, 0, 0, true);
	enum room_level level = room_judge(&plan, &is, ROOM_TIGHT);

	(void)state;
	assert_int_equal(level, ROOM_NONE);
	is = measured(50, 8, 0, false);
	assert_int_equal(room_judge(&plan, &is, level), ROOM_NONE);
	is = measured(30, 11, 0, false);
	assert_false(room_may_reserve(&plan, &is));
	is = measured(20, 16, 0, false);
	assert_true(room_may_reserve(&plan, &is));
	is = measured(20, 8, 0, true);
	assert_int_equal(room_judge(&plan, &is, level), ROOM_TIGHT);
}

static void test_pages_go_back_only_while_the_disk_is_short(void **state)
{
	struct room_plan plan = plan_100();
	struct room_measure is = measured(99, 1000, 0, true);

	(void)state;
	assert_false(room_wants_disk(&plan, &is)); /* it is max_bytes that is short */
	is = measured(50, 15, 0, true);
	assert_true(room_wants_disk(&plan, &is));
	is = measured(50, 16, 0, true);
	assert_false(room_wants_disk(&plan, &is));
	is = measured(50, 15, -1, true); /* enough are on their way */
	assert_false(room_wants_disk(&plan, &is));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve_and_margin_fit_the_smaller_bound),
		cmocka_unit_test(test_what_is_left_is_the_smaller_of_both),
		cmocka_unit_test(test_a_disk_that_does_not_tell_is_not_judged),
		cmocka_unit_test(test_the_level_by_what_is_left_and_where_it_was),
		cmocka_unit_test(test_a_disk_that_refuses_closes_whatever_is_left),
		cmocka_unit_test(test_it_opens_only_with_the_reserve_in_place),
		cmocka_unit_test(test_the_reserve_is_put_back_when_it_leaves_a_margin),
		cmocka_unit_test(test_a_released_reserve_does_not_open_what_it_closed),
		cmocka_unit_test(test_pages_go_back_only_while_the_disk_is_short),
	};

	return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
