#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dray/breaker.h"

static const struct breaker_policy policy = { .failures = 3, .base_ms = 1000, .probe_ms = 30000 };

static void fail_n(struct breaker *breaker, int n, int64_t now_mono_ms)
{
	for (int i = 0; i < n; i++)
		breaker_failure(breaker, &policy, BREAKER_FAILURES, now_mono_ms, 1);
}

static void test_breaker_opens_after_failures_in_a_row(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	fail_n(&breaker, 2, 100);
	assert_true(breaker_allows(&breaker, 100));
	breaker_success(&breaker);
	fail_n(&breaker, 2, 100);
	assert_true(breaker_allows(&breaker, 100));
	fail_n(&breaker, 1, 100);
	assert_false(breaker_allows(&breaker, 100));
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_int_equal(breaker.cause, BREAKER_FAILURES);
	assert_int_equal(breaker.opened_mono_ms, 100);
}

static void test_open_breaker_lets_one_probe_out_at_its_time(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	fail_n(&breaker, 3, 100);
	assert_false(breaker_allows(&breaker, 30099));
	assert_true(breaker_allows(&breaker, 30100));
	assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
	assert_false(breaker_allows(&breaker, 90000));
}

static void test_passed_probe_closes_and_forgets(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	fail_n(&breaker, 3, 100);
	assert_true(breaker_allows(&breaker, 30100));
	breaker_success(&breaker);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	assert_int_equal(breaker.cause, BREAKER_NO_CAUSE);
	fail_n(&breaker, 2, 40000);
	assert_true(breaker_allows(&breaker, 40000));
}

static void test_failed_probe_opens_at_once_and_keeps_the_time_it_opened(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	fail_n(&breaker, 3, 100);
	assert_true(breaker_allows(&breaker, 30100));
	fail_n(&breaker, 1, 31000);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_int_equal(breaker.opened_mono_ms, 100);
	assert_false(breaker_allows(&breaker, 60999));
	assert_true(breaker_allows(&breaker, 61000));
}

static void test_hold_opens_at_once_and_waits_the_whole_time(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	breaker_failure(&breaker, &policy, BREAKER_HOLD, 0, 1);
	assert_int_equal(breaker.cause, BREAKER_HOLD);
	assert_false(breaker_allows(&breaker, 29999));
	assert_true(breaker_allows(&breaker, 30000));
}

static void test_unreachable_is_probed_soon_then_ever_later(void **state)
{
	static const int64_t ceilings_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	(void)state;

	for (uint64_t seed = 0; seed < 200; seed++) {
		struct breaker breaker = { 0 };
		int64_t now_ms = 5000;
		for (size_t i = 0; i < sizeof(ceilings_ms) / sizeof(ceilings_ms[0]); i++) {
			breaker_failure(&breaker, &policy, BREAKER_UNREACHABLE, now_ms, seed);
			assert_in_range(
				breaker.probe_mono_ms - now_ms, ceilings_ms[i] / 2, ceilings_ms[i]);
			now_ms = breaker.probe_mono_ms;
			assert_true(breaker_allows(&breaker, now_ms));
		}
	}
}

static void test_late_failure_while_open_moves_nothing_but_a_hold_is_told(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	breaker_failure(&breaker, &policy, BREAKER_UNREACHABLE, 0, 1);
	int64_t probe_mono_ms = breaker.probe_mono_ms;
	breaker_failure(&breaker, &policy, BREAKER_FAILURES, 400, 1);
	assert_int_equal(breaker.cause, BREAKER_UNREACHABLE);
	breaker_failure(&breaker, &policy, BREAKER_HOLD, 400, 1);
	assert_int_equal(breaker.cause, BREAKER_HOLD);
	assert_int_equal(breaker.probe_mono_ms, probe_mono_ms);
}

static void test_withdrawn_probe_is_due_at_once(void **state)
{
	struct breaker breaker = { 0 };
	(void)state;

	breaker_probe_withdrawn(&breaker, 10);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_n(&breaker, 3, 100);
	assert_true(breaker_allows(&breaker, 30100));
	breaker_probe_withdrawn(&breaker, 30200);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker_allows(&breaker, 30200));
	assert_false(breaker_allows(&breaker, 30200));
}

/* A destination under load with requests that end in any order, over many seeds. */
static void test_never_more_than_one_request_is_out_in_half_open(void **state)
{
	uint64_t random = 1;
	(void)state;

	for (int round = 0; round < 200; round++) {
		struct breaker breaker = { 0 };
		int64_t now_ms = 0;
		int probes_out = 0;
		for (int step = 0; step < 500; step++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			unsigned dice = (unsigned)(random >> 33) % 8;
			now_ms += (int64_t)((random >> 40) % 3000);
			if (dice < 5) {
				if (breaker_allows(&breaker, now_ms) &&
					breaker.state == BREAKER_HALF_OPEN)
					probes_out++;
			} else if (dice == 5 && probes_out > 0) {
				breaker_probe_withdrawn(&breaker, now_ms);
				probes_out = 0;
			} else if (dice == 6) {
				breaker_success(&breaker);
				probes_out = 0;
			} else {
				breaker_failure(&breaker, &policy,
					(enum breaker_cause)(1 + (random >> 50) % 3), now_ms,
					random);
				probes_out = 0;
			}
			assert_in_range(probes_out, 0, 1);
			assert_int_equal(probes_out, breaker.state == BREAKER_HALF_OPEN ? 1 : 0);
			if (breaker.state == BREAKER_OPEN)
				assert_true(breaker.probe_mono_ms <= now_ms + policy.probe_ms);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breaker_opens_after_failures_in_a_row),
		cmocka_unit_test(test_open_breaker_lets_one_probe_out_at_its_time),
		cmocka_unit_test(test_passed_probe_closes_and_forgets),
		cmocka_unit_test(test_failed_probe_opens_at_once_and_keeps_the_time_it_opened),
		cmocka_unit_test(test_hold_opens_at_once_and_waits_the_whole_time),
		cmocka_unit_test(test_unreachable_is_probed_soon_then_ever_later),
		cmocka_unit_test(test_late_failure_while_open_moves_nothing_but_a_hold_is_told),
		cmocka_unit_test(test_withdrawn_probe_is_due_at_once),
		cmocka_unit_test(test_never_more_than_one_request_is_out_in_half_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
