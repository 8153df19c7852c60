/* Why an event was refused. */
#include "dray/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_reason_has_a_word_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(reason_word(REASON_NONE), "");
	assert_string_equal(reason_word(REASON_FIELD_MISSING), "field_missing");
	assert_string_equal(reason_word(REASON_STORE_FULL), "store_full");
	for (int i = REASON_NONE + 1; i < REASON_N; i++) {
		assert_true(strlen(reason_word((enum reason)i)) > 0);
		for (int j = REASON_NONE; j < i; j++)
			assert_string_not_equal(
				reason_word((enum reason)i), reason_word((enum reason)j));
	}
	assert_string_equal(reason_word(REASON_N), "");
}

static void test_a_problem_names_field_and_bound(void **state)
{
	struct problem problem;

	(void)state;
	assert_int_equal(problem_set(&problem, REASON_FIELD_RANGE, "/data/lot",
				 "lot is longer than %d characters", 64),
		-1);
	assert_int_equal(problem.reason, REASON_FIELD_RANGE);
	assert_string_equal(problem.field, "/data/lot");
	assert_string_equal(problem.message, "lot is longer than 64 characters");
}

static void test_what_is_cut_stays_utf8(void **state)
{
	struct problem problem;
	char text[400];

	(void)state;
	for (size_t i = 0; i < 399; i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3);
	text[399] = '\0';
	problem_fill(&problem, REASON_FIELD_RANGE, text, "%s", text);
	assert_int_equal(strlen(problem.field), 159);
	assert_int_equal(strlen(problem.message), 198);
	problem_fill(&problem, REASON_FIELD_RANGE, text + 3, "x%s", text);
	assert_int_equal(strlen(problem.message), 199);
	problem_fill(&problem, REASON_FIELD_RANGE, "", "\xc3\xa9");
	assert_string_equal(problem.message, "\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reason_has_a_word_of_its_own),
		cmocka_unit_test(test_a_problem_names_field_and_bound),
		cmocka_unit_test(test_what_is_cut_stays_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
