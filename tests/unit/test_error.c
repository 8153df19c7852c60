/* What went wrong, in words. */
#include "dray/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_an_error_reads_path_then_message(void **state)
{
	struct error err;
	char text[64];

	(void)state;
	assert_int_equal(error_set(&err, "retry.max", "must be at least %d", 1), -1);
	assert_string_equal(error_text(&err, text, sizeof(text)), "retry.max: must be at least 1");
	assert_int_equal(error_set(&err, NULL, "no memory"), -1);
	assert_string_equal(error_text(&err, text, sizeof(text)), "no memory");
	assert_string_equal(error_text(&err, text, 4), "no ");
	assert_string_equal(error_text(&err, text, 0), "");
}

static void test_nobody_need_care(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, "a", "b"), -1);
	error_prefix(NULL, "a");
}

static void test_a_prefix_goes_in_front(void **state)
{
	struct error err;

	(void)state;
	error_fill(&err, "retry.max", "bad");
	error_prefix(&err, "erp");
	error_prefix(&err, "destinations");
	error_prefix(&err, "");
	assert_string_equal(err.path, "destinations.erp.retry.max");
	error_fill(&err, "", "bad");
	error_prefix(&err, "erp");
	assert_string_equal(err.path, "erp");
}

static void test_what_is_too_long_is_cut(void **state)
{
	struct error err;
	char word[400];

	(void)state;
	memset(word, 'p', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	error_fill(&err, word, "%s", word);
	assert_int_equal(strlen(err.path), sizeof(err.path) - 1);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	error_prefix(&err, "erp");
	assert_memory_equal(err.path, "erp.ppp", 7);
	assert_int_equal(strlen(err.path), sizeof(err.path) - 1);
	error_prefix(&err, word);
	assert_int_equal(strlen(err.path), sizeof(err.path) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_error_reads_path_then_message),
		cmocka_unit_test(test_nobody_need_care),
		cmocka_unit_test(test_a_prefix_goes_in_front),
		cmocka_unit_test(test_what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
