#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dray/outcome.h"

#define HOUR_MS INT64_C(3600000)

static struct outcome_input answer(int status)
{
	return (struct outcome_input){
		.transport = TRANSPORT_ANSWERED,
		.status = status,
		.mode = OUTCOME_MODE_HEADER,
		.batch_count = 1,
		.settle_ms = 60000,
		.key_lifetime_ms = 24 * HOUR_MS,
	};
}

/* What header says natural says, and what none says lookup says. */
static enum outcome_mode twin_of(enum outcome_mode mode)
{
	static const enum outcome_mode twins[] = {
		[OUTCOME_MODE_HEADER] = OUTCOME_MODE_NATURAL,
		[OUTCOME_MODE_NATURAL] = OUTCOME_MODE_HEADER,
		[OUTCOME_MODE_LOOKUP] = OUTCOME_MODE_NONE,
		[OUTCOME_MODE_NONE] = OUTCOME_MODE_LOOKUP,
	};

	return twins[mode];
}

static void assert_twins_agree(struct outcome_input input)
{
	struct outcome_verdict verdict = outcome_classify(&input), twin;

	/* Lookup has no choice of doubles, and natural has each record's key in a batch. */
	if (input.resend_on_doubt || (input.batch_count > 1 && input.doubt_age_ms > 0))
		return;
	input.mode = twin_of(input.mode);
	twin = outcome_classify(&input);
	assert_int_equal(verdict.outcome, twin.outcome);
	assert_int_equal(verdict.is_proven, twin.is_proven);
	assert_int_equal(verdict.is_failure, twin.is_failure);
}

static void assert_verdict(
	const struct outcome_input *input, enum outcome outcome, bool is_proven, bool is_failure)
{
	struct outcome_verdict verdict = outcome_classify(input);

	if (verdict.outcome != outcome || verdict.is_proven != is_proven ||
		verdict.is_failure != is_failure)
		print_error("status %d mode %d\n", input->status, (int)input->mode);
	assert_int_equal(verdict.outcome, outcome);
	assert_int_equal(verdict.is_proven, is_proven);
	assert_int_equal(verdict.is_failure, is_failure);
	assert_twins_agree(*input);
}

static void test_every_status_means_what_the_table_says(void **state)
{
	static const struct {
		int status;
		enum outcome header, none;
		bool is_proven;
		bool header_failure, none_failure;
	} rows[] = {
		{ 0, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 100, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 199, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 200, OUTCOME_DONE, OUTCOME_DONE, false, false, false },
		{ 201, OUTCOME_DONE, OUTCOME_DONE, false, false, false },
		{ 202, OUTCOME_DONE, OUTCOME_DONE, false, false, false },
		{ 204, OUTCOME_DONE, OUTCOME_DONE, false, false, false },
		{ 299, OUTCOME_DONE, OUTCOME_DONE, false, false, false },
		{ 301, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 302, OUTCOME_HOLD, OUTCOME_UNKNOWN, false, false, true },
		{ 303, OUTCOME_HOLD, OUTCOME_UNKNOWN, false, false, true },
		{ 307, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 308, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 400, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 401, OUTCOME_REFRESH, OUTCOME_REFRESH, true, false, false },
		{ 402, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 403, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 404, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 405, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 406, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 407, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 408, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 409, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 410, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 413, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 415, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 418, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 422, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 425, OUTCOME_RETRY, OUTCOME_RETRY, true, false, false },
		{ 426, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 429, OUTCOME_RETRY, OUTCOME_RETRY, true, false, false },
		{ 451, OUTCOME_HOLD, OUTCOME_HOLD, true, false, false },
		{ 499, OUTCOME_REJECT, OUTCOME_REJECT, true, false, false },
		{ 500, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 501, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 502, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 503, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 504, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
		{ 999, OUTCOME_RETRY, OUTCOME_UNKNOWN, false, true, true },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome_input input = answer(rows[i].status);
		assert_verdict(&input, rows[i].header, rows[i].is_proven, rows[i].header_failure);
		input.mode = OUTCOME_MODE_NONE;
		assert_verdict(&input, rows[i].none, rows[i].is_proven, rows[i].none_failure);
	}
}

static void test_nothing_sent_is_unreachable_in_both_modes(void **state)
{
	struct outcome_input input = answer(0);
	(void)state;

	input.transport = TRANSPORT_NOT_SENT;
	assert_verdict(&input, OUTCOME_UNREACHABLE, true, true);
	input.mode = OUTCOME_MODE_NONE;
	assert_verdict(&input, OUTCOME_UNREACHABLE, true, true);
}

static void test_no_answer_is_sent_again_only_where_a_repeat_is_known(void **state)
{
	struct outcome_input input = answer(0);
	(void)state;

	input.transport = TRANSPORT_NO_ANSWER;
	assert_verdict(&input, OUTCOME_RETRY, false, true);
	input.mode = OUTCOME_MODE_NONE;
	assert_verdict(&input, OUTCOME_UNKNOWN, false, true);
}

static void test_resend_on_doubt_chooses_doubles(void **state)
{
	static const int statuses[] = { 0, 302, 408, 500, 502, 503, 504 };
	(void)state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct outcome_input input = answer(statuses[i]);
		input.mode = OUTCOME_MODE_NONE;
		input.resend_on_doubt = true;
		assert_verdict(&input, OUTCOME_RETRY, false, true);
	}
}

static void test_forgotten_key_turns_every_repeat_into_unknown(void **state)
{
	static const int statuses[] = { 302, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504 };
	(void)state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct outcome_input input = answer(statuses[i]);
		input.doubt_age_ms = 24 * HOUR_MS - 1;
		assert_int_not_equal(outcome_classify(&input).outcome, OUTCOME_UNKNOWN);
		input.doubt_age_ms = 24 * HOUR_MS;
		assert_int_equal(outcome_classify(&input).outcome, OUTCOME_UNKNOWN);
		input.key_lifetime_ms = 0;
		assert_int_not_equal(outcome_classify(&input).outcome, OUTCOME_UNKNOWN);
	}
}

static void test_forgotten_key_changes_no_final_answer(void **state)
{
	struct outcome_input input = answer(200);
	(void)state;

	input.doubt_age_ms = 48 * HOUR_MS;
	assert_int_equal(outcome_classify(&input).outcome, OUTCOME_DONE);
	input.status = 422;
	assert_int_equal(outcome_classify(&input).outcome, OUTCOME_REJECT);
	input.batch_count = 5;
	assert_int_equal(outcome_classify(&input).outcome, OUTCOME_UNKNOWN);
}

static void test_unreachable_past_the_lifetime_of_a_doubted_key_is_unknown(void **state)
{
	struct outcome_input input = answer(0);
	(void)state;

	input.transport = TRANSPORT_NOT_SENT;
	input.doubt_age_ms = 25 * HOUR_MS;
	assert_verdict(&input, OUTCOME_UNKNOWN, true, true);
}

static void test_second_401_holds(void **state)
{
	struct outcome_input input = answer(401);
	(void)state;

	input.is_refreshed = true;
	assert_verdict(&input, OUTCOME_HOLD, true, false);
}

static void test_refused_batch_is_split(void **state)
{
	static const int statuses[] = { 400, 409, 413, 415, 422 };
	(void)state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct outcome_input input = answer(statuses[i]);
		input.batch_count = 2;
		assert_verdict(&input, OUTCOME_SPLIT, true, false);
	}
}

static void test_refused_batch_behind_doubt_is_not_split_under_other_keys(void **state)
{
	static const int statuses[] = { 400, 409, 413, 415, 422 };
	(void)state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct outcome_input input = answer(statuses[i]);
		input.batch_count = 2;
		input.doubt_age_ms = HOUR_MS;
		assert_verdict(&input, OUTCOME_UNKNOWN, true, false);
		input.mode = OUTCOME_MODE_LOOKUP;
		assert_verdict(&input, OUTCOME_UNKNOWN, true, false);
		input.mode = OUTCOME_MODE_NATURAL;
		assert_verdict(&input, OUTCOME_SPLIT, true, false);
		input.mode = OUTCOME_MODE_NONE;
		assert_verdict(&input, OUTCOME_UNKNOWN, true, false);
		input.resend_on_doubt = true;
		assert_verdict(&input, OUTCOME_SPLIT, true, false);
		input.batch_count = 1;
		assert_verdict(&input, OUTCOME_REJECT, true, false);
	}
}

static void test_conflict_behind_doubt_waits_for_the_first_request(void **state)
{
	struct outcome_input input = answer(409);
	(void)state;

	input.doubt_age_ms = 59999;
	assert_verdict(&input, OUTCOME_RETRY, true, false);
	input.doubt_age_ms = 60000;
	assert_verdict(&input, OUTCOME_REJECT, true, false);
	input.batch_count = 2;
	assert_verdict(&input, OUTCOME_UNKNOWN, true, false);
}

static void test_safe_request_leaves_no_doubt_in_any_mode(void **state)
{
	static const struct {
		int status; /* 0: no answer */
		enum outcome outcome;
		bool is_failure;
	} rows[] = {
		{ 0, OUTCOME_RETRY, true },
		{ 200, OUTCOME_DONE, false },
		{ 302, OUTCOME_HOLD, false },
		{ 303, OUTCOME_HOLD, false },
		{ 308, OUTCOME_HOLD, false },
		{ 401, OUTCOME_REFRESH, false },
		{ 404, OUTCOME_HOLD, false },
		{ 408, OUTCOME_RETRY, true },
		{ 422, OUTCOME_REJECT, false },
		{ 429, OUTCOME_RETRY, false },
		{ 500, OUTCOME_RETRY, true },
		{ 504, OUTCOME_RETRY, true },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int mode = OUTCOME_MODE_HEADER; mode <= OUTCOME_MODE_NONE; mode++) {
			struct outcome_input input = answer(rows[i].status);
			input.mode = (enum outcome_mode)mode;
			input.is_safe = true;
			if (rows[i].status == 0)
				input.transport = TRANSPORT_NO_ANSWER;
			assert_verdict(&input, rows[i].outcome, rows[i].outcome != OUTCOME_DONE,
				rows[i].is_failure);
		}
	}
}

static void test_safe_request_is_repeated_though_a_key_is_forgotten(void **state)
{
	struct outcome_input input = answer(503);
	(void)state;

	input.doubt_age_ms = 48 * HOUR_MS;
	assert_verdict(&input, OUTCOME_UNKNOWN, false, true);
	input.is_safe = true;
	assert_verdict(&input, OUTCOME_RETRY, true, true);
}

static void test_status_that_means_already_there_is_done(void **state)
{
	static const int statuses[] = { 200, 302, 409, 412, 500 };
	cJSON *done = cJSON_Parse("[302,409,412,500]");
	(void)state;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (int mode = OUTCOME_MODE_HEADER; mode <= OUTCOME_MODE_NONE; mode++) {
			struct outcome_input input = answer(statuses[i]);
			input.mode = (enum outcome_mode)mode;
			input.answers_done = done;
			input.doubt_age_ms = 48 * HOUR_MS;
			input.batch_count = 3;
			assert_verdict(&input, OUTCOME_DONE, false, false);
		}
	}
	struct outcome_input other = answer(422);
	other.answers_done = done;
	assert_verdict(&other, OUTCOME_REJECT, true, false);
	other.transport = TRANSPORT_NO_ANSWER;
	other.status = 409;
	assert_verdict(&other, OUTCOME_RETRY, false, true);
	cJSON_Delete(done);
}

static void test_403_that_a_csrf_token_mends_refreshes_once(void **state)
{
	struct outcome_input input = answer(403);
	(void)state;

	input.is_csrf_refusal = true;
	assert_verdict(&input, OUTCOME_REFRESH, true, false);
	input.is_refreshed = true;
	assert_verdict(&input, OUTCOME_HOLD, true, false);
	input.is_refreshed = false;
	input.status = 404;
	assert_verdict(&input, OUTCOME_HOLD, true, false);
}

static void test_words_are_those_of_the_metric(void **state)
{
	(void)state;
	assert_string_equal(outcome_word(OUTCOME_DONE), "done");
	assert_string_equal(outcome_word(OUTCOME_RETRY), "retry");
	assert_string_equal(outcome_word(OUTCOME_UNREACHABLE), "retry");
	assert_string_equal(outcome_word(OUTCOME_REFRESH), "retry");
	assert_string_equal(outcome_word(OUTCOME_UNKNOWN), "unknown");
	assert_string_equal(outcome_word(OUTCOME_REJECT), "reject");
	assert_string_equal(outcome_word(OUTCOME_SPLIT), "reject");
	assert_string_equal(outcome_word(OUTCOME_HOLD), "hold");
}

static void test_retry_after_is_read_in_seconds_and_as_a_date(void **state)
{
	/* Sat, 21 Nov 2026 14:04:05 GMT */
	const int64_t now_ms = INT64_C(1795269845000);
	static const struct {
		const char *value;
		int64_t wait_ms;
	} rows[] = {
		{ NULL, -1 },
		{ "", -1 },
		{ "   ", -1 },
		{ "soon", -1 },
		{ "-5", -1 },
		{ "1.5", -1 },
		{ "0", 0 },
		{ "120", 120000 },
		{ " 7\t", 7000 },
		{ "99999999999999999999999999", INT64_C(100) * 366 * 86400 * 1000 },
		{ "Sat, 21 Nov 2026 14:05:05 GMT", 60000 },
		{ "Sat, 21 Nov 2026 14:04:05 GMT", 0 },
		{ "Sat, 21 Nov 2020 14:05:05 GMT", 0 },
		{ "Sat, 99 Nov 2026 14:05:05 GMT", -1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(outcome_retry_after_ms(rows[i].value, now_ms), rows[i].wait_ms);
}

static void test_the_rest_is_told_by_what_remains_and_when_it_begins_anew(void **state)
{
	const int64_t now_ms = INT64_C(1795000000000);
	static const struct {
		const char *remaining, *reset;
		int64_t wait_ms;
	} cases[] = {
		{ "0", "30", 30000 },
		{ " 0 ", "0", 0 },
		{ "0", "1795000060", 60000 },
		{ "0", "1794999990", 0 },
		{ "0", "Tue, 18 Nov 2036 20:26:40 GMT",
			INT64_C(2110652800000) - INT64_C(1795000000000) },
		{ "1", "30", 0 },
		{ NULL, "30", 0 },
		{ "0", NULL, 0 },
		{ "none", "30", 0 },
		{ "0", "soon", 0 },
		{ "-1", "30", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(outcome_rest_ms(cases[i].remaining, cases[i].reset, now_ms),
			cases[i].wait_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status_means_what_the_table_says),
		cmocka_unit_test(test_nothing_sent_is_unreachable_in_both_modes),
		cmocka_unit_test(test_no_answer_is_sent_again_only_where_a_repeat_is_known),
		cmocka_unit_test(test_resend_on_doubt_chooses_doubles),
		cmocka_unit_test(test_forgotten_key_turns_every_repeat_into_unknown),
		cmocka_unit_test(test_forgotten_key_changes_no_final_answer),
		cmocka_unit_test(test_unreachable_past_the_lifetime_of_a_doubted_key_is_unknown),
		cmocka_unit_test(test_second_401_holds),
		cmocka_unit_test(test_refused_batch_is_split),
		cmocka_unit_test(test_refused_batch_behind_doubt_is_not_split_under_other_keys),
		cmocka_unit_test(test_conflict_behind_doubt_waits_for_the_first_request),
		cmocka_unit_test(test_safe_request_leaves_no_doubt_in_any_mode),
		cmocka_unit_test(test_safe_request_is_repeated_though_a_key_is_forgotten),
		cmocka_unit_test(test_status_that_means_already_there_is_done),
		cmocka_unit_test(test_403_that_a_csrf_token_mends_refreshes_once),
		cmocka_unit_test(test_words_are_those_of_the_metric),
		cmocka_unit_test(test_retry_after_is_read_in_seconds_and_as_a_date),
		cmocka_unit_test(test_the_rest_is_told_by_what_remains_and_when_it_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
