/* What the scanner lets through, and what it refuses. */
#include "dray/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct json_limits roomy = { 1 << 20, 32, 100000, false };

static struct buf out;

static enum json_flaw scan(const char *text)
{
	return json_scan(text, strlen(text), &roomy, &out, NULL, NULL);
}

static void assert_scans_to(const char *text, const char *expected)
{
	assert_int_equal(scan(text), JSON_FINE);
	assert_string_equal(out.data, expected);
}

static void test_valid_texts_pass_unchanged(void **state)
{
	static const char *const texts[] = { "0", "-0", "1.5", "1e5", "1E+5", "1e-5", "true",
		"false", "null", "\"\"", "[]", "{}", "[[],{}]", "{\"\":0}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\\uD83D\\uDE00\"",
		"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
		"\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"", "\"\x7f\"",
		"{\"a\":{\"a\":{\"a\":[1,2,{\"b\":null}]}}}", " [ 1 , 2 ]\r\n\t" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_scans_to(texts[i], texts[i]);
}

static void test_what_is_not_json_is_a_syntax_flaw(void **state)
{
	static const char *const texts[] = { "{", "[", "\"", "[1,]", "{\"a\":1,}", "{\"a\"}",
		"{\"a\":}", "{a:1}", "{1:1}", "[1 2]", "[1}", "{\"a\":1]", "]", "}", ",", ":", "01",
		"-01", "-", "+1", "1.", ".5", "1e", "1e+", "1.e1", "0x10", "NaN", "Infinity",
		"-Infinity", "tru", "nul", "True", "truex", "'a'", "\"\\x\"", "\"\\u12\"",
		"\"\\u12g4\"", "\"\\", "\"\\u0000\"", "\"a\nb\"", "\"\x01\"", "[1]]", "{}{}", "1 2",
		"/* c */ 1", "// c\n1", "\xef\xbb\xbf{}", "[1,,2]", "{\"a\":1,,\"b\":2}", "\x01",
		"[\"a\",\"b]" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(scan(texts[i]), JSON_SYNTAX);
}

static void test_a_nul_byte_is_a_syntax_flaw_wherever_it_stands(void **state)
{
	static const char *const texts[] = { "\0", "[1\0]", "\"a\0b\"", "\"\\\0\"", "tru\0" };
	static const size_t lengths[] = { 1, 4, 5, 4, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(
			json_scan(texts[i], lengths[i], &roomy, &out, NULL, NULL), JSON_SYNTAX);
}

static void test_bad_utf8_is_refused(void **state)
{
	static const char *const texts[] = { "\"\x80\"", "\"\xbf\"", "\"\xc0\x80\"", "\"\xc1\xbf\"",
		"\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"",
		"\"\xf0\x80\x80\x80\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"", "\"\xfe\"", "\"\xff\"", "\"\xc3\"", "\"\xe2\x82\"",
		"\"\xf0\x9f\x98\"", "\"\xc3", "\"\xe2\x82", "\"abcdefgh\xc3(ijklmnop\"",
		"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\ud800x\"",
		"\"\\ud83d\\u0041\"", "{\"\xff\":1}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(scan(texts[i]), JSON_BAD_UTF8);
}

static void test_nothing_but_blanks_is_empty(void **state)
{
	(void)state;
	assert_int_equal(scan(""), JSON_EMPTY);
	assert_int_equal(scan(" \t\r\n"), JSON_EMPTY);
	assert_int_equal(json_scan(NULL, 0, &roomy, &out, NULL, NULL), JSON_EMPTY);
}

static void test_a_number_that_a_double_cannot_hold_becomes_its_own_digits(void **state)
{
	static const char *const pairs[][2] = {
		{ "9007199254740992", "9007199254740992" },
		{ "-9007199254740992", "-9007199254740992" },
		{ "9007199254740993", "\"9007199254740993\"" },
		{ "-9007199254740993", "\"-9007199254740993\"" },
		{ "395060001343500004", "\"395060001343500004\"" },
		{ "18446744073709551616", "\"18446744073709551616\"" },
		{ "100000000000000000000", "\"100000000000000000000\"" },
		{ "0.123456789012345", "0.123456789012345" },
		{ "0.1234567890123456", "\"0.1234567890123456\"" },
		{ "123456789.012345", "123456789.012345" },
		{ "123456789.0123456", "\"123456789.0123456\"" },
		{ "0.000000000000000000001", "0.000000000000000000001" },
		{ "0.00000000000000000000", "0.00000000000000000000" },
		{ "1e999", "\"1e999\"" },
		{ "-1e999", "\"-1e999\"" },
		{ "1e-999", "\"1e-999\"" },
		{ "1e99999999999999999999", "\"1e99999999999999999999\"" },
		{ "0e999", "0e999" },
		{ "1e307", "1e307" },
		{ "1e309", "\"1e309\"" },
		{ "10e308", "\"10e308\"" },
		{ "0.001e310", "0.001e310" },
		{ "[1e999,2,{\"a\":9007199254740993}]",
			"[\"1e999\",2,{\"a\":\"9007199254740993\"}]" },
		{ "0.0000000000000000000000000000000000000000000000000000000000000001",
			"\"0.0000000000000000000000000000000000000000000000000000000000000001\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		assert_scans_to(pairs[i][0], pairs[i][1]);
}

static void test_a_key_may_stand_once_in_an_object(void **state)
{
	(void)state;
	assert_int_equal(scan("{\"a\":1,\"a\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"a\":1,\"\\u0061\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"\\n\":1,\"\\u000a\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"\xc3\xa9\":1,\"\\u00E9\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"\xe2\x82\xac\":1,\"\\u20ac\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"\xf0\x9f\x98\x80\":1,\"\\uD83D\\uDE00\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"\":1,\"b\":{},\"\":2}"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("[{\"x\":{\"k\":1,\"k\":1}}]"), JSON_DUPLICATE_KEY);
	assert_int_equal(scan("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), JSON_FINE);
	assert_int_equal(scan("[{\"a\":1},{\"a\":1}]"), JSON_FINE);
	assert_int_equal(scan("{\"a\":1,\"A\":1,\"ab\":1,\"\\\\u0061\":1}"), JSON_FINE);
}

static void put_many_keys(struct buf *text, unsigned n)
{
	buf_reset(text);
	buf_puts(text, "{\"nested\":{\"k0\":0}");
	for (unsigned i = 0; i < n; i++)
		buf_printf(text, ",\"k%u\":%u", i, i);
}

static void test_a_duplicate_is_found_among_many_keys(void **state)
{
	struct buf text = BUF_INIT;
	struct json_error error;

	(void)state;
	put_many_keys(&text, 5000);
	buf_puts(&text, "}");
	assert_int_equal(scan(text.data), JSON_FINE);
	put_many_keys(&text, 5000);
	buf_puts(&text, ",\"k17\":0}");
	assert_int_equal(
		json_scan(text.data, text.len, &roomy, &out, NULL, &error), JSON_DUPLICATE_KEY);
	assert_memory_equal(text.data + error.offset, "\"k17\":0}", 8);
	buf_done(&text);
}

static void test_depth_is_bounded(void **state)
{
	struct json_limits limits = roomy;
	char text[201];

	(void)state;
	limits.max_depth = 3;
	assert_int_equal(json_scan("[[{}]]", 6, &limits, &out, NULL, NULL), JSON_FINE);
	assert_int_equal(json_scan("[[{\"a\":[]}]]", 12, &limits, &out, NULL, NULL), JSON_TOO_DEEP);
	limits.max_depth = 1000;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	assert_int_equal(json_scan(text + 36, 128, &limits, &out, NULL, NULL), JSON_FINE);
	assert_int_equal(json_scan(text + 35, 130, &limits, &out, NULL, NULL), JSON_TOO_DEEP);
}

static void test_size_is_bounded(void **state)
{
	static const char *const cut[] = { "[12345678]", "\"123456789\"", "1234567890123",
		"[\"\xc3\xa9\xc3\xa9\xc3\xa9\"]", "[\"a\\u00e9\"]", "[false,\"\"]", "[1,1.23456]",
		"[1,1e+1234]" };
	struct json_limits limits = roomy;

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
		size_t len = strlen(cut[i]);

		for (limits.max_bytes = 1; limits.max_bytes < len; limits.max_bytes++)
			assert_int_equal(
				json_scan(cut[i], len, &limits, &out, NULL, NULL), JSON_TOO_LARGE);
		assert_int_equal(json_scan(cut[i], len, &limits, &out, NULL, NULL), JSON_FINE);
	}
	limits.max_bytes = 7;
	assert_int_equal(json_scan("  {\"a\":1}  ", 11, &limits, &out, NULL, NULL), JSON_FINE);
}

static void test_members_are_bounded(void **state)
{
	struct json_limits limits = roomy;

	(void)state;
	limits.max_members = 4;
	assert_int_equal(json_scan("[1,2,{}]", 8, &limits, &out, NULL, NULL), JSON_FINE);
	assert_int_equal(json_scan("[1,2,{},4]", 10, &limits, &out, NULL, NULL), JSON_TOO_LARGE);
}

static void test_values_one_after_another_are_taken_one_by_one(void **state)
{
	static const char text[] = " {\"a\":1} {\"b\":[2]}\n3{\"c\":1e999}";
	static const char *const expected[] = { " {\"a\":1} ", "{\"b\":[2]}\n", "3",
		"{\"c\":\"1e999\"}" };
	struct json_limits limits = roomy;
	size_t pos = 0;

	(void)state;
	limits.max_bytes = 11;
	for (size_t i = 0; i < 4; i++) {
		size_t used = 0;

		assert_int_equal(
			json_scan(text + pos, strlen(text) - pos, &limits, &out, &used, NULL),
			JSON_FINE);
		assert_string_equal(out.data, expected[i]);
		pos += used;
	}
	assert_int_equal(pos, strlen(text));
}

static void test_comments_become_blanks_where_they_are_allowed(void **state)
{
	static const char text[] =
		"// head\n{ /* a */ \"a\" /**/: 1, // tail\n\"b\":\"//no\"}//end";
	static const char *const broken[] = { "/ 1", "1 /", "/* 1", "/*/ 1", "1 /*" };
	struct json_limits limits = roomy;

	(void)state;
	limits.comments = true;
	assert_int_equal(json_scan(text, strlen(text), &limits, &out, NULL, NULL), JSON_FINE);
	assert_string_equal(out.data, " \n{   \"a\"  : 1,  \n\"b\":\"//no\"} ");
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_int_equal(json_scan(broken[i], strlen(broken[i]), &limits, &out, NULL, NULL),
			JSON_SYNTAX);
}

static void test_a_flaw_is_told_with_its_line_and_column(void **state)
{
	static const char text[] = "{\n  \"a\": 1,\n  \"b\": x\n}";
	struct json_error error;

	(void)state;
	assert_int_equal(json_scan(text, strlen(text), &roomy, &out, NULL, &error), JSON_SYNTAX);
	assert_int_equal(error.flaw, JSON_SYNTAX);
	assert_int_equal(error.line, 3);
	assert_int_equal(error.column, 8);
	assert_int_equal(text[error.offset], 'x');
	assert_string_equal(error.message, "a value is expected here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_texts_pass_unchanged),
		cmocka_unit_test(test_what_is_not_json_is_a_syntax_flaw),
		cmocka_unit_test(test_a_nul_byte_is_a_syntax_flaw_wherever_it_stands),
		cmocka_unit_test(test_bad_utf8_is_refused),
		cmocka_unit_test(test_nothing_but_blanks_is_empty),
		cmocka_unit_test(test_a_number_that_a_double_cannot_hold_becomes_its_own_digits),
		cmocka_unit_test(test_a_key_may_stand_once_in_an_object),
		cmocka_unit_test(test_a_duplicate_is_found_among_many_keys),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_members_are_bounded),
		cmocka_unit_test(test_values_one_after_another_are_taken_one_by_one),
		cmocka_unit_test(test_comments_become_blanks_where_they_are_allowed),
		cmocka_unit_test(test_a_flaw_is_told_with_its_line_and_column),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&out);
	return failed;
}
