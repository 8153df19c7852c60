/* Bytes as text. */
#include "dray/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_base64_pads_as_rfc_4648_does(void **state)
{
	/* RFC 4648, section 10. */
	static const char *const rows[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" }, { "\xfb\xff", "+/8=" } };
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&out);
		buf_puts(&out, "");
		encode_base64(rows[i][0], strlen(rows[i][0]), &out);
		assert_string_equal(out.data, rows[i][1]);
	}
	buf_done(&out);
}

static void test_hex_is_lower_case(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	encode_hex("\x00\x7f\xff\n", 4, &out);
	assert_string_equal(out.data, "007fff0a");
	buf_done(&out);
}

static void test_percent_leaves_only_what_is_unreserved(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	encode_percent("aZ09-._~ +&=%/:\xc3\xa9", &out);
	assert_string_equal(out.data, "aZ09-._~%20%2B%26%3D%25%2F%3A%C3%A9");
	buf_done(&out);
}

static void test_base64_is_read_back_in_both_alphabets(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t len; /* SIZE_MAX: refused */
	} rows[] = {
		{ "", "", 0 }, { "Zg==", "f", 1 }, { "Zg", "f", 1 }, { "Zm8=", "fo", 2 },
		{ "Zm8", "fo", 2 }, { "Zm9vYmFy", "foobar", 6 }, { "+/8=", "\xfb\xff", 2 },
		{ "-_8", "\xfb\xff", 2 }, { "Z", "", SIZE_MAX }, { "Zm9vY", "", SIZE_MAX },
		{ "=", "", SIZE_MAX }, { "====", "", SIZE_MAX }, { "Zg=", "", SIZE_MAX },
		{ "Zg===", "", SIZE_MAX }, { "Z===", "", SIZE_MAX }, { "Zm 9", "", SIZE_MAX },
		{ "Zm9vYmFyYg==", "", SIZE_MAX }, /* a byte more than there is room */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char out[6];
		size_t len = 99;
		bool is_read =
			decode_base64(rows[i].text, strlen(rows[i].text), out, sizeof(out), &len);

		assert_int_equal(is_read, rows[i].len != SIZE_MAX);
		assert_int_equal(len, is_read ? rows[i].len : 0);
		assert_memory_equal(out, rows[i].bytes, len);
	}
}

static void test_hex_is_read_back_in_both_cases(void **state)
{
	unsigned char out[4];
	size_t len = 99;

	(void)state;
	assert_true(decode_hex("007fFf0A", 8, out, sizeof(out), &len));
	assert_int_equal(len, 4);
	assert_memory_equal(out, "\x00\x7f\xff\n", 4);
	assert_true(decode_hex("", 0, out, sizeof(out), &len));
	assert_int_equal(len, 0);
	assert_false(decode_hex("abc", 3, out, sizeof(out), &len));
	assert_false(decode_hex("0g", 2, out, sizeof(out), &len));
	assert_false(decode_hex("0011223344", 10, out, sizeof(out), &len));
	assert_int_equal(len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64_pads_as_rfc_4648_does),
		cmocka_unit_test(test_hex_is_lower_case),
		cmocka_unit_test(test_base64_is_read_back_in_both_alphabets),
		cmocka_unit_test(test_hex_is_read_back_in_both_cases),
		cmocka_unit_test(test_percent_leaves_only_what_is_unreserved),
	};

	return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
