/* Probation: what fails a configuration, what does not, and what it waits for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dray/probation.h"

#define LENGTH_MS 600000
#define BEGAN_MS 5000000

/* After so long: what is seen, and what comes of it. */
struct look {
	int64_t after_ms;
	bool broker_is_up;
	uint64_t received, refused; /* since the beginning */
	struct probation_destination erp, tms;
	enum probation_verdict verdict;
	const char *reason;
};

static void play(
	const struct look *looks, size_t n, uint64_t received, uint64_t refused, bool erp_is_held)
{
	struct probation_destination before[] = { { .name = "erp", .is_held = erp_is_held },
		{ .name = "tms" } };
	struct probation probation;

	probation_begin(&probation, LENGTH_MS,
		&(struct probation_sample){ .mono_ms = BEGAN_MS,
			.broker_is_up = true,
			.received = received,
			.refused = refused,
			.destinations = before,
			.n_destinations = 2 });
	for (size_t i = 0; i < n; i++) {
		const struct look *look = &looks[i];
		struct probation_destination now[] = { look->erp, look->tms };
		char reason[PROBATION_REASON_MAX] = "";

		now[0].name = "erp";
		now[1].name = "tms";
		assert_int_equal(
			probation_look(&probation,
				&(struct probation_sample){ .mono_ms = BEGAN_MS + look->after_ms,
					.broker_is_up = look->broker_is_up,
					.received = received + look->received,
					.refused = refused + look->refused,
					.destinations = now,
					.n_destinations = 2 },
				reason),
			look->verdict);
		assert_non_null(strstr(reason, look->reason ? look->reason : ""));
	}
}
#define PLAY(looks, received, refused, erp_is_held) \
	play(looks, sizeof(looks) / sizeof((looks)[0]), received, refused, erp_is_held)

static void test_a_quiet_one_passes_when_its_time_is_over(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = 0, .broker_is_up = true, .verdict = PROBATION_GOES_ON },
		{ .after_ms = LENGTH_MS - 1, .broker_is_up = true, .verdict = PROBATION_GOES_ON },
		{ .after_ms = LENGTH_MS, .broker_is_up = true, .verdict = PROBATION_PASSED },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_the_broker_may_be_away_for_a_minute(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = 60000, .verdict = PROBATION_GOES_ON },
		{ .after_ms = 60001, .broker_is_up = true, .verdict = PROBATION_GOES_ON },
		{ .after_ms = 120001, .verdict = PROBATION_GOES_ON },
		{ .after_ms = 120002,
			.verdict = PROBATION_FAILED,
			.reason = "broker was not reached for 61 s" },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_the_end_waits_for_a_broker_within_its_grace(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS - 10, .broker_is_up = true, .verdict = PROBATION_GOES_ON },
		{ .after_ms = LENGTH_MS, .verdict = PROBATION_GOES_ON },
		{ .after_ms = LENGTH_MS + 10, .broker_is_up = true, .verdict = PROBATION_PASSED },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_a_destination_that_holds_anew_fails_it_at_once(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = 1, .broker_is_up = true, .verdict = PROBATION_GOES_ON },
		{ .after_ms = 2,
			.broker_is_up = true,
			.erp = { .is_held = true },
			.verdict = PROBATION_FAILED,
			.reason = "destination erp holds" },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_one_that_held_before_may_go_on_holding(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS,
			.broker_is_up = true,
			.erp = { .is_held = true },
			.verdict = PROBATION_PASSED },
	};

	(void)state;
	PLAY(looks, 0, 0, true);
}

static void test_refusals_beyond_what_was_usual_fail_it(void **state)
{
	static const struct {
		uint64_t received_before, refused_before, received, refused;
		enum probation_verdict verdict;
	} rows[] = {
		{ 0, 0, 4, 4, PROBATION_GOES_ON }, /* too few to tell */
		{ 0, 0, 5, 5, PROBATION_FAILED },
		{ 1000, 0, 1000, 4, PROBATION_GOES_ON },
		{ 1000, 0, 1000, 5, PROBATION_FAILED },
		{ 1000, 100, 1000, 104, PROBATION_GOES_ON }, /* a tenth was usual */
		{ 1000, 100, 1000, 200, PROBATION_GOES_ON },
		{ 1000, 100, 1000, 201, PROBATION_FAILED },
		{ 1000, 1000, 1000, 1000, PROBATION_GOES_ON },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct look look = { .after_ms = 10,
			.broker_is_up = true,
			.received = rows[i].received,
			.refused = rows[i].refused,
			.verdict = rows[i].verdict,
			.reason = rows[i].verdict == PROBATION_FAILED ? "refusals rise" : NULL };

		play(&look, 1, rows[i].received_before, rows[i].refused_before, false);
	}
}

/* Ten of ten in one that was rolled back, nothing else before: another one is not let pass for it. */
static void test_what_a_trial_that_was_not_kept_did_is_not_usual(void **state)
{
	struct probation_sample sample = { .mono_ms = BEGAN_MS,
		.broker_is_up = true,
		.received = 30,
		.refused = 10,
		.spoilt_received = 20,
		.spoilt_refused = 10 };
	struct probation probation;
	char reason[PROBATION_REASON_MAX];

	(void)state;
	probation_begin(&probation, LENGTH_MS, &sample);
	sample.received += 20;
	sample.refused += 10;
	assert_int_equal(probation_look(&probation, &sample, reason), PROBATION_FAILED);
	assert_non_null(strstr(reason, "refusals rise: 10 of 20, where 0.0"));
}

static void test_counters_that_began_anew_are_no_wave_of_refusals(void **state)
{
	struct probation probation;
	char reason[PROBATION_REASON_MAX];

	(void)state;
	probation_begin(&probation, LENGTH_MS,
		&(struct probation_sample){ .mono_ms = BEGAN_MS,
			.broker_is_up = true,
			.received = 100,

			.refused = 1 });
	assert_int_equal(
		probation_look(&probation,
			&(struct probation_sample){ .mono_ms = BEGAN_MS + 1, .broker_is_up = true },
			reason),
		PROBATION_GOES_ON);
}

static void test_what_the_change_touched_must_be_reached_by_its_end(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS - 1,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true },
			.verdict = PROBATION_GOES_ON },
		{ .after_ms = LENGTH_MS,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true },
			.verdict = PROBATION_FAILED,
			.reason = "destination erp can't be reached" },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_one_that_has_taken_something_was_reached(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true, .has_taken = true },
			.verdict = PROBATION_PASSED },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_what_was_not_touched_may_be_out_of_reach(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS,
			.broker_is_up = true,
			.tms = { .is_unreachable = true },
			.verdict = PROBATION_PASSED },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

static void test_while_the_line_is_down_for_all_it_waits_once_more(void **state)
{
	static const struct look looks[] = {
		{ .after_ms = LENGTH_MS,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true },
			.tms = { .is_unreachable = true },
			.verdict = PROBATION_GOES_ON },
		{ .after_ms = 2 * LENGTH_MS - 1,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true },
			.tms = { .is_unreachable = true },
			.verdict = PROBATION_GOES_ON },
		{ .after_ms = 2 * LENGTH_MS,
			.broker_is_up = true,
			.erp = { .is_touched = true, .is_unreachable = true },
			.tms = { .is_unreachable = true },
			.verdict = PROBATION_FAILED,
			.reason = "erp can't be reached" },
	};

	(void)state;
	PLAY(looks, 0, 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quiet_one_passes_when_its_time_is_over),
		cmocka_unit_test(test_the_broker_may_be_away_for_a_minute),
		cmocka_unit_test(test_the_end_waits_for_a_broker_within_its_grace),
		cmocka_unit_test(test_a_destination_that_holds_anew_fails_it_at_once),
		cmocka_unit_test(test_one_that_held_before_may_go_on_holding),
		cmocka_unit_test(test_refusals_beyond_what_was_usual_fail_it),
		cmocka_unit_test(test_what_a_trial_that_was_not_kept_did_is_not_usual),
		cmocka_unit_test(test_counters_that_began_anew_are_no_wave_of_refusals),
		cmocka_unit_test(test_what_the_change_touched_must_be_reached_by_its_end),
		cmocka_unit_test(test_one_that_has_taken_something_was_reached),
		cmocka_unit_test(test_what_was_not_touched_may_be_out_of_reach),
		cmocka_unit_test(test_while_the_line_is_down_for_all_it_waits_once_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
