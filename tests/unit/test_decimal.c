/* Exact quantities. */
#include "dray/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_what_is_read_comes_out_canonical(void **state)
{
	static const char *const pairs[][2] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "0.000", "0" },
		{ "-0.0e5", "0" },
		{ "12", "12" },
		{ "12.00", "12" },
		{ "2.50", "2.5" },
		{ "-2.50", "-2.5" },
		{ "007", "7" },
		{ "1e3", "1000" },
		{ "1E+3", "1000" },
		{ "1.5e1", "15" },
		{ "1.5e-1", "0.15" },
		{ "0.001e3", "1" },
		{ "100e-2", "1" },
		{ "1e-18", "0.000000000000000001" },
		{ "1e17", "100000000000000000" },
		{ "999999999999999999", "999999999999999999" },
		{ "-999999999999999999", "-999999999999999999" },
		{ "0.999999999999999999", "0.999999999999999999" },
		{ "123456789.123456789", "123456789.123456789" },
		{ "000000000000000000000000000001", "1" },
		{ "1.000000000000000000000000000000", "1" },
		{ "10.01", "10.01" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct decimal value;
		char text[DECIMAL_TEXT_MAX];

		assert_true(decimal_parse(pairs[i][0], strlen(pairs[i][0]), &value));
		decimal_format(&value, text);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void test_what_is_no_quantity_is_refused(void **state)
{
	static const char *const texts[] = { "", "-", "+1", " 1", "1 ", ".5", "5.", "1.e2", "1e",
		"1e+", "NaN", "nan", "inf", "-Infinity", "0x10", "1,5", "1.2.3", "--1", "1e19",
		"1e-19", "1e999", "1e-999", "1e99999999999999999999", "1e18", "10e17",
		"1000000000000000000", "1234567890123456789", "0.1234567890123456789", "1.5e-18",
		"12345678901234567.89", "0.0000000000000000001", "1-", "1e1.5", "12a" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct decimal value;

		assert_false(decimal_parse(texts[i], strlen(texts[i]), &value));
	}
}

static void test_the_length_bounds_the_text(void **state)
{
	struct decimal value;

	(void)state;
	assert_true(decimal_parse("123", 2, &value));
	assert_int_equal(value.digits, 12);
	assert_false(decimal_parse("1\0002", 3, &value));
}

static int compare(const char *left, const char *right)
{
	struct decimal a;
	struct decimal b;

	assert_true(decimal_parse(left, strlen(left), &a));
	assert_true(decimal_parse(right, strlen(right), &b));
	assert_int_equal(decimal_compare(&b, &a), -decimal_compare(&a, &b));
	return decimal_compare(&a, &b);
}

static void test_comparing_is_exact_whatever_the_scale(void **state)
{
	(void)state;
	assert_int_equal(compare("1", "1.0"), 0);
	assert_int_equal(compare("0", "-0"), 0);
	assert_int_equal(compare("1", "2"), -1);
	assert_int_equal(compare("-1", "-2"), 1);
	assert_int_equal(compare("-0.5", "0.5"), -1);
	assert_int_equal(compare("0.1", "0.09"), 1);
	assert_int_equal(compare("-0.1", "-0.09"), -1);
	assert_int_equal(compare("999999999999999999", "0.000000000000000001"), 1);
	assert_int_equal(compare("12.000000000000001", "12"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read_comes_out_canonical),
		cmocka_unit_test(test_what_is_no_quantity_is_refused),
		cmocka_unit_test(test_the_length_bounds_the_text),
		cmocka_unit_test(test_comparing_is_exact_whatever_the_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
