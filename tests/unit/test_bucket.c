#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dray/bucket.h"

static void test_no_rate_is_no_limit(void **state)
{
	struct bucket bucket;
	(void)state;

	bucket_init(&bucket, 0, 0);
	for (int i = 0; i < 1000; i++)
		bucket_take(&bucket);
	assert_int_equal(bucket_available(&bucket, 0), INT64_MAX);
	assert_int_equal(bucket_wait_ms(&bucket, 0), 0);
}

static void test_burst_is_one_second_and_at_least_one_token(void **state)
{
	static const struct {
		int64_t per_hour, burst;
	} rows[] = {
		{ 1, 1 },
		{ 3600, 1 },
		{ 72000, 20 },
		{ 3600000, 1000 },
		{ INT64_MAX, BUCKET_RATE_MAX / 3600 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket bucket;
		bucket_init(&bucket, rows[i].per_hour, 0);
		assert_int_equal(bucket_available(&bucket, 0), rows[i].burst);
		assert_int_equal(bucket_available(&bucket, INT64_MAX), rows[i].burst);
	}
}

static void test_wait_is_exactly_until_the_next_token(void **state)
{
	static const int64_t rates[] = { 1, 7, 10, 3600, 30000, 72000, 7200000 };
	(void)state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket bucket;
		bucket_init(&bucket, rates[i], 500);
		while (bucket_available(&bucket, 500) > 0)
			bucket_take(&bucket);
		int64_t wait_ms = bucket_wait_ms(&bucket, 500);
		assert_true(wait_ms > 0);
		assert_int_equal(bucket_available(&bucket, 500 + wait_ms - 1), 0);
		assert_true(bucket_available(&bucket, 500 + wait_ms) > 0);
		assert_int_equal(bucket_wait_ms(&bucket, 500 + wait_ms), 0);
	}
}

/* However often it is asked in between, over a long time the rate is met, and never exceeded. */
static void test_rate_is_kept_whatever_the_pattern_of_asking(void **state)
{
	static const int64_t rates[] = { 10, 3600, 72000, 30000 };
	uint64_t random = 4711;
	(void)state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket bucket;
		int64_t now_ms = 0, taken = 0;
		bucket_init(&bucket, rates[i], 0);
		int64_t burst = bucket_available(&bucket, 0);
		while (now_ms < 20 * 3600000) {
			for (; bucket_available(&bucket, now_ms) > 0; taken++)
				bucket_take(&bucket);
			random = random * 6364136223846793005u + 1442695040888963407u;
			now_ms += 1 + (int64_t)((random >> 33) %
						(uint64_t)bucket_wait_ms(&bucket, now_ms));
		}
		int64_t due = rates[i] * 20;
		assert_true(taken <= due + burst + 1);
		assert_true(taken >= due - due / 50);
	}
}

static void test_clock_that_stands_or_steps_back_gives_nothing(void **state)
{
	struct bucket bucket;
	(void)state;

	bucket_init(&bucket, 3600, 10000);
	bucket_take(&bucket);
	assert_int_equal(bucket_available(&bucket, 10000), 0);
	assert_int_equal(bucket_available(&bucket, 9000), 0);
	assert_int_equal(bucket_available(&bucket, 11000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_rate_is_no_limit),
		cmocka_unit_test(test_burst_is_one_second_and_at_least_one_token),
		cmocka_unit_test(test_wait_is_exactly_until_the_next_token),
		cmocka_unit_test(test_rate_is_kept_whatever_the_pattern_of_asking),
		cmocka_unit_test(test_clock_that_stands_or_steps_back_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
