/* Names of things. */
#include "dray/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_a_uuid7_carries_its_time(void **state)
{
	static const uint8_t entropy[10] = { 0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39,
		0x8f };
	char out[ID_UUID_MAX];

	(void)state;
	/* The example of RFC 9562, appendix A.6. */
	id_uuid7(INT64_C(0x017f22e279b0), entropy, out);
	assert_string_equal(out, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void test_the_digest_is_sha_256(void **state)
{
	static const uint8_t expected[ID_DIGEST_BYTES] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf,
		0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96,
		0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	uint8_t out[ID_DIGEST_BYTES];

	(void)state;
	id_digest("abc", 3, out);
	assert_memory_equal(out, expected, sizeof(out));
}

static void test_derived_ids_tell_their_parts_apart(void **state)
{
	const struct id_part one[] = { { "ab", 2 }, { "c", 1 } };
	const struct id_part two[] = { { "a", 1 }, { "bc", 2 } };
	char first[ID_UUID_MAX];
	char again[ID_UUID_MAX];
	char other[ID_UUID_MAX];

	(void)state;
	id_derive(one, 2, first);
	id_derive(one, 2, again);
	id_derive(two, 2, other);
	assert_string_equal(first, again);
	assert_string_not_equal(first, other);
	assert_int_equal(strlen(first), 36);
	assert_int_equal(first[14], '8');
	assert_non_null(strchr("89ab", first[19]));
	/* What went out before must come out again, whatever is built later. */
	assert_string_equal(first, "601d5476-e2cc-8e2c-87a2-bba7a3226597");
}

static void test_an_idempotency_key_differs_by_everything_it_stands_for(void **state)
{
	static const char *const rows[][4] = {
		{ "muc", "erp", "/muc/a", "1" },
		{ "ham", "erp", "/muc/a", "1" },
		{ "muc", "tms", "/muc/a", "1" },
		{ "muc", "erp", "/muc/b", "1" },
		{ "muc", "erp", "/muc/a", "2" },
		{ "muc", "er", "p/muc/a", "1" },
	};
	char keys[7][ID_UUID_MAX];

	(void)state;
	for (size_t i = 0; i < 6; i++)
		id_idempotency_key(rows[i][0], rows[i][1], rows[i][2], rows[i][3], 1, keys[i]);
	id_idempotency_key("muc", "erp", "/muc/a", "1", 2, keys[6]);
	for (size_t i = 0; i < 7; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
	assert_string_equal(keys[0], "89c56215-e71f-8cc7-88b6-c6dc0cea84a6");
}

static void test_an_id_is_1_to_128_visible_characters(void **state)
{
	char text[ID_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(id_is_valid("!~", 2));
	assert_true(id_is_valid(text, ID_MAX));
	assert_false(id_is_valid(text, ID_MAX + 1));
	assert_false(id_is_valid("", 0));
	assert_false(id_is_valid("a b", 3));
	assert_false(id_is_valid("a\x7f", 2));
	assert_false(id_is_valid("\xc3\xa9", 2));
	assert_false(id_is_valid("a\0b", 3));
}

static void test_a_name_is_1_to_64_of_a_few_characters(void **state)
{
	char text[66];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(id_is_name("dc-muc_1.A", 10));
	assert_true(id_is_name(text, 64));
	assert_false(id_is_name(text, 65));
	assert_false(id_is_name("", 0));
	assert_false(id_is_name("a/b", 3));
	assert_false(id_is_name("a+", 2));
	assert_false(id_is_name("a#", 2));
	assert_false(id_is_name("\xc3\xa9", 2));
}

/* 8 of the version, b of the variant: what id_derive() gives. Digits, base 32 and SHA-256 by Python. */
static const char key[] = "00112233-4455-8677-b899-aabbccddeeff";

static void test_a_key_takes_the_shape_that_a_destination_wants(void **state)
{
	static const struct {
		struct id_shape shape;
		const char *expected;
	} rows[] = {
		{ { ID_FORMAT_UUID, 0, false }, "00112233-4455-8677-b899-aabbccddeeff" },
		{ { ID_FORMAT_UUID, 0, true }, "\"00112233-4455-8677-b899-aabbccddeeff\"" },
		{ { ID_FORMAT_UUID, 8, false }, "00112233" },
		{ { ID_FORMAT_UUID, 40, false }, "00112233-4455-8677-b899-aabbccddeeffcd17" },
		{ { ID_FORMAT_HEX, 0, false }, "0011223344558677b899aabbccddeeff" },
		{ { ID_FORMAT_HEX, 8, false }, "00112233" },
		{ { ID_FORMAT_HEX, 32, true }, "\"0011223344558677b899aabbccddeeff\"" },
		{ { ID_FORMAT_HEX, 64, false },
			"0011223344558677b899aabbccddeeffcd17c2f4549440f86acdcad23802ffc5" },
		{ { ID_FORMAT_ALNUM, 0, false }, "aaisem2ekwdhpoezvk54zxpo74" },
		{ { ID_FORMAT_ALNUM, 26, false }, "aaisem2ekwdhpoezvk54zxpo74" },
		{ { ID_FORMAT_ALNUM, 20, false }, "aaisem2ekwdhpoezvk54" },
		{ { ID_FORMAT_ALNUM, 30, false }, "aaisem2ekwdhpoezvk54zxpo74zul4" },
		{ { ID_FORMAT_ALNUM, 64, true },
			"\"aaisem2ekwdhpoezvk54zxpo74zul4f5cusrapq2wnzljdqax7ywrlxsats5wyel\"" },
		{ { ID_FORMAT_DIGITS, 0, false }, "000088962710306278822052458069900521215" },
		{ { ID_FORMAT_DIGITS, 9, false }, "900521215" },
		{ { ID_FORMAT_DIGITS, 45, false },
			"000088962710306278822052458069900521215092766" },
		{ { ID_FORMAT_DIGITS, 64, true },
			"\"0000889627103062788220524580699005212150927661169679849971823973\"" },
	};
	char out[ID_KEY_MAX];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(out, '!', sizeof(out));
		id_shape_key(&rows[i].shape, key, out);
		assert_string_equal(out, rows[i].expected);
	}
}

static void test_the_largest_key_has_39_digits(void **state)
{
	const struct id_shape digits = { ID_FORMAT_DIGITS, 0, false };
	char out[ID_KEY_MAX];
	(void)state;

	id_shape_key(&digits, "ffffffff-ffff-ffff-ffff-ffffffffffff", out);
	assert_string_equal(out, "340282366920938463463374607431768211455");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_takes_the_shape_that_a_destination_wants),
		cmocka_unit_test(test_the_largest_key_has_39_digits),
		cmocka_unit_test(test_a_uuid7_carries_its_time),
		cmocka_unit_test(test_the_digest_is_sha_256),
		cmocka_unit_test(test_derived_ids_tell_their_parts_apart),
		cmocka_unit_test(test_an_idempotency_key_differs_by_everything_it_stands_for),
		cmocka_unit_test(test_an_id_is_1_to_128_visible_characters),
		cmocka_unit_test(test_a_name_is_1_to_64_of_a_few_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
