#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dray/retry.h"

static const struct retry_policy policy = {
	.base_ms = 1000, .max_ms = 900000, .give_up_ms = 60000
};

static void test_ceiling_doubles_up_to_the_maximum(void **state)
{
	static const struct {
		unsigned attempt;
		int64_t ceiling_ms;
	} rows[] = {
		{ 0, 1000 },
		{ 1, 1000 },
		{ 2, 2000 },
		{ 3, 4000 },
		{ 10, 512000 },
		{ 11, 900000 },
		{ 63, 900000 },
		{ 64, 900000 },
		{ 1u << 31, 900000 },
		{ UINT32_MAX, 900000 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(retry_ceiling(1000, 900000, rows[i].attempt), rows[i].ceiling_ms);
	assert_int_equal(retry_ceiling(3, INT64_MAX, UINT32_MAX), INT64_MAX);
	assert_int_equal(retry_ceiling(5000, 1000, 1), 1000);
	assert_int_equal(retry_ceiling(0, 1000, 5), 0);
}

static void test_jitter_stays_within_its_bounds_and_uses_all_of_them(void **state)
{
	uint64_t seed = 20261121;
	(void)state;

	for (unsigned attempt = 1; attempt <= 40; attempt++) {
		int64_t ceiling_ms = retry_ceiling(1000, 900000, attempt);
		int64_t least = INT64_MAX, most = 0;
		for (int i = 0; i < 500; i++) {
			int64_t wait_ms = retry_jitter(1000, 900000, attempt, seed++);
			assert_in_range(wait_ms, 0, ceiling_ms);
			least = wait_ms < least ? wait_ms : least;
			most = wait_ms > most ? wait_ms : most;
		}
		assert_true(least < ceiling_ms / 20);
		assert_true(most > ceiling_ms - ceiling_ms / 20);
	}
}

static void test_same_seed_gives_the_same_wait(void **state)
{
	(void)state;
	assert_int_equal(retry_jitter(1000, 900000, 5, 42), retry_jitter(1000, 900000, 5, 42));
	assert_int_not_equal(retry_jitter(1000, 900000, 5, 42), retry_jitter(1000, 900000, 5, 43));
}

static void test_retry_obeys_retry_after(void **state)
{
	int64_t due_at_ms;
	(void)state;

	assert_true(retry_next_due(&policy, 1, 5000, 30000, 6000, 7, &due_at_ms));
	assert_int_equal(due_at_ms, 36000);
	assert_true(retry_next_due(&policy, 1, 5000, 1, 6000, 7, &due_at_ms));
	assert_in_range(due_at_ms, 6001, 7000);
}

static void test_retry_gives_up_at_the_age_of_the_first_attempt(void **state)
{
	int64_t due_at_ms = -7;
	(void)state;

	assert_true(retry_next_due(&policy, 3, 1000, 0, 60999, 1, &due_at_ms));
	due_at_ms = -7;
	assert_false(retry_next_due(&policy, 3, 1000, 0, 61000, 1, &due_at_ms));
	assert_int_equal(due_at_ms, -7);
}

static void test_retry_without_give_up_goes_on_for_ever(void **state)
{
	const struct retry_policy patient = { .base_ms = 1, .max_ms = 10, .give_up_ms = 0 };
	int64_t due_at_ms;
	(void)state;

	assert_true(retry_next_due(&patient, UINT32_MAX, 0, 0, INT64_MAX - 1000, 1, &due_at_ms));
	assert_in_range(due_at_ms, INT64_MAX - 1000, INT64_MAX - 990);
}

static void test_clock_set_back_does_not_give_up(void **state)
{
	int64_t due_at_ms;
	(void)state;

	assert_true(retry_next_due(&policy, 1, 900000, 0, 1000, 1, &due_at_ms));
	assert_in_range(due_at_ms, 1000, 2000);
}

static void test_huge_waits_do_not_overflow(void **state)
{
	const struct retry_policy wide = {
		.base_ms = INT64_MAX, .max_ms = INT64_MAX, .give_up_ms = INT64_MAX
	};
	int64_t due_at_ms;
	(void)state;

	assert_true(retry_next_due(&wide, 1u << 31, 5, INT64_MAX, INT64_MAX - 1, 3, &due_at_ms));
	assert_int_equal(due_at_ms, INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ceiling_doubles_up_to_the_maximum),
		cmocka_unit_test(test_jitter_stays_within_its_bounds_and_uses_all_of_them),
		cmocka_unit_test(test_same_seed_gives_the_same_wait),
		cmocka_unit_test(test_retry_obeys_retry_after),
		cmocka_unit_test(test_retry_gives_up_at_the_age_of_the_first_attempt),
		cmocka_unit_test(test_retry_without_give_up_goes_on_for_ever),
		cmocka_unit_test(test_clock_set_back_does_not_give_up),
		cmocka_unit_test(test_huge_waits_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
