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

static void test_a_product_is_exact_or_none(void **state)
{
	static const struct {
		const char *value, *factor;
		const char *expected; /* "": it has too many digits */
	} rows[] = {
		{ "2", "12", "24" },
		{ "-2.5", "0.4", "-1" },
		{ "-2.5", "-4", "10" },
		{ "0", "7", "0" },
		{ "7", "0", "0" },
		{ "1.5", "1.5", "2.25" },
		{ "999999999999999999", "1", "999999999999999999" },
		{ "999999999999999999", "10", "" },
		{ "999999999999999999", "0.1", "99999999999999999.9" },
		{ "0.000000000000000001", "0.1", "" },
		{ "0.000000000000000005", "0.2", "0.000000000000000001" },
		{ "123456789012345678", "123456789012345678", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct decimal value;
		struct decimal factor;
		struct decimal product;
		char text[DECIMAL_TEXT_MAX] = "";

		assert_true(decimal_parse(rows[i].value, strlen(rows[i].value), &value));
		assert_true(decimal_parse(rows[i].factor, strlen(rows[i].factor), &factor));
		if (decimal_times(&value, &factor, &product))
			decimal_format(&product, text);
		assert_string_equal(text, rows[i].expected);
	}
}

static void test_a_fraction_ends_or_is_refused(void **state)
{
	const struct decimal one = { .digits = 1 };
	const struct decimal nine = { .digits = 9, .scale = 1 };
	struct decimal result = { .digits = 77 };

	(void)state;
	assert_false(decimal_multiply(
		&one, (const int64_t[]){ 1, 1 }, (const int64_t[]){ 3, 1 }, &result));
	assert_int_equal(result.digits, 77);
	assert_true(decimal_multiply(
		&nine, (const int64_t[]){ 5, 2 }, (const int64_t[]){ 3, 8 }, &result));
	assert_int_equal(result.digits, 375);
	assert_int_equal(result.scale, 3);
	assert_true(decimal_multiply(&one, (const int64_t[]){ INT64_MAX, INT64_MAX },
		(const int64_t[]){ INT64_MAX, INT64_MAX }, &result));
	assert_int_equal(result.digits, 1);
	assert_false(decimal_multiply(&one, (const int64_t[]){ INT64_MAX, INT64_MAX },
		(const int64_t[]){ 1, 1 }, &result));
	assert_true(decimal_is_whole(&one));
	assert_false(decimal_is_whole(&nine));
	assert_true(decimal_is_whole(&(struct decimal){ .digits = -120, .scale = 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_product_is_exact_or_none),
		cmocka_unit_test(test_a_fraction_ends_or_is_refused),
		cmocka_unit_test(test_what_is_read_comes_out_canonical),
		cmocka_unit_test(test_what_is_no_quantity_is_refused),
		cmocka_unit_test(test_the_length_bounds_the_text),
		cmocka_unit_test(test_comparing_is_exact_whatever_the_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
