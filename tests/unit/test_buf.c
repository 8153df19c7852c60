/* Bytes that grow. */
#include "dray/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_what_is_put_stands_in_order_and_ends_with_a_nul(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_put(&buf, "ab", 2);
	buf_puts(&buf, "cd");
	buf_putc(&buf, 'e');
	buf_printf(&buf, "-%d-%s", 42, "x");
	buf_put(&buf, NULL, 0);
	assert_int_equal(buf.len, 10);
	assert_string_equal(buf.data, "abcde-42-x");
	buf_done(&buf);
	assert_null(buf.data);
}

static void test_a_buffer_grows_past_its_first_size(void **state)
{
	struct buf buf = BUF_INIT;
	char word[700];

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	for (int i = 0; i < 1000; i++)
		buf_putc(&buf, 'c');
	buf_printf(&buf, "%s", word);
	assert_int_equal(buf.len, 1699);
	assert_int_equal(strlen(buf.data), 1699);
	assert_false(buf_failed(&buf));
	buf_done(&buf);
}

static void test_a_reset_keeps_the_memory(void **state)
{
	struct buf buf = BUF_INIT;
	char *data;

	(void)state;
	buf_puts(&buf, "abc");
	data = buf.data;
	buf_reset(&buf);
	assert_ptr_equal(buf.data, data);
	assert_string_equal(buf.data, "");
	buf_done(&buf);
}

static void test_a_failed_allocation_is_remembered(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_puts(&buf, "abc");
	assert_null(buf_reserve(&buf, SIZE_MAX - 2));
	buf_puts(&buf, "d");
	assert_true(buf_failed(&buf));
	assert_string_equal(buf.data, "abc");
	assert_null(buf_take(&buf, NULL));
	assert_null(buf.data);
}

static void test_taking_hands_the_bytes_over(void **state)
{
	struct buf buf = BUF_INIT;
	size_t len = 0;
	char *text;

	(void)state;
	buf_puts(&buf, "abc");
	text = buf_take(&buf, &len);
	assert_string_equal(text, "abc");
	assert_int_equal(len, 3);
	assert_int_equal(buf.len, 0);
	free(text);
	text = buf_take(&buf, &len);
	assert_string_equal(text, "");
	assert_int_equal(len, 0);
	free(text);
}

static void test_a_json_string_is_quoted_and_escaped(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_put_json(&buf, "a\"b\\c\n\x01\x0b/\xc3\xa9", 11);
	assert_string_equal(buf.data, "\"a\\\"b\\\\c\\n\\u0001\\u000b/\xc3\xa9\"");
	buf_reset(&buf);
	buf_put_json(&buf, "", 0);
	assert_string_equal(buf.data, "\"\"");
	buf_done(&buf);
}

static void test_an_integer_is_put_in_decimal(void **state)
{
	static const struct {
		int64_t number;
		const char *text;
	} rows[] = { { 0, "0" }, { -1, "-1" }, { 10, "10" }, { INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf buf = BUF_INIT;

		buf_put_integer(&buf, rows[i].number);
		assert_string_equal(buf.data, rows[i].text);
		buf_done(&buf);
	}
}

static void test_texts_are_joined_and_cut_at_the_room(void **state)
{
	char out[8];

	(void)state;
	assert_true(text_join(out, sizeof(out), "ab", "/", "cdef"));
	assert_string_equal(out, "ab/cdef");
	assert_false(text_join(out, sizeof(out), "ab", "/", "cdefg", "h"));
	assert_string_equal(out, "ab/cdef");
	assert_true(text_join(out, 1, ""));
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_integer_is_put_in_decimal),
		cmocka_unit_test(test_texts_are_joined_and_cut_at_the_room),
		cmocka_unit_test(test_what_is_put_stands_in_order_and_ends_with_a_nul),
		cmocka_unit_test(test_a_buffer_grows_past_its_first_size),
		cmocka_unit_test(test_a_reset_keeps_the_memory),
		cmocka_unit_test(test_a_failed_allocation_is_remembered),
		cmocka_unit_test(test_taking_hands_the_bytes_over),
		cmocka_unit_test(test_a_json_string_is_quoted_and_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
