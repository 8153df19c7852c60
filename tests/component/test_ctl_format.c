/*
 * How drayctl writes numbers, times and texts. drayctl is a program, not a library: its formatting
 * is compiled in here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl/format.c"

static void test_ages_are_short_and_never_round_up(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ -5, "now" },
		{ 0, "now" },
		{ 59, "59s" },
		{ 119, "119s" },
		{ 180, "3m" },
		{ 7199, "119m" },
		{ 7200, "2h" },
		{ 2 * 86400 - 1, "47h" },
		{ 5 * 86400, "5d" },
	};
	char text[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		format_age(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_counts_are_grouped_and_sizes_have_units(void **state)
{
	char text[FORMAT_MAX];

	(void)state;
	format_count(0, text);
	assert_string_equal(text, "0");
	format_count(1234567, text);
	assert_string_equal(text, "1 234 567");
	format_count(-123, text);
	assert_string_equal(text, "-123");
	format_count(INT64_MIN, text);
	assert_string_equal(text, "-9 223 372 036 854 775 808");
	format_size(512, text);
	assert_string_equal(text, "512 B");
	format_size(1536, text);
	assert_string_equal(text, "1.5 KiB");
	format_size(INT64_C(4) << 30, text);
	assert_string_equal(text, "4.0 GiB");
}

static void test_times_are_local_and_short_today(void **state)
{
	int64_t now_ms = INT64_C(1795273445000); /* 2026-11-21T15:04:05Z */
	char text[FORMAT_MAX];

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1", 1), 0);
	tzset();
	format_time("2026-11-21T14:04:05.123Z", now_ms, text);
	assert_string_equal(text, "15:04:05");
	format_time("2026-11-20T23:30:00.000Z", now_ms, text);
	assert_string_equal(text, "00:30:00");
	format_time("2026-11-20T22:30:00.000Z", now_ms, text);
	assert_string_equal(text, "2026-11-20 23:30:00");
	format_time("", now_ms, text);
	assert_string_equal(text, "-");
	format_time("soon", now_ms, text);
	assert_string_equal(text, "soon");
}

static void test_width_counts_columns_not_bytes(void **state)
{
	(void)state;
	assert_int_equal(format_width("abc"), 3);
	assert_int_equal(format_width("Gr\xc3\xbc\xc3\x9f"), 4);
	assert_int_equal(format_width("e\xcc\x81"), 1);
	assert_int_equal(format_width("\xe5\x80\x89\xe5\xba\xab"), 4);
	assert_int_equal(format_width("\xff\xfe"), 2);
	assert_int_equal(format_width("\xe5\x80"), 2);
}

static void test_a_cell_is_cut_at_a_character_and_says_so(void **state)
{
	char text[64];

	(void)state;
	format_cell("Gr\xc3\xbc\xc3\x9f", 4, text, sizeof(text));
	assert_string_equal(text, "Gr\xc3\xbc\xc3\x9f");
	format_cell("Gr\xc3\xbc\xc3\x9f Gott", 4, text, sizeof(text));
	assert_string_equal(text, "Gr\xc3\xbc\xe2\x80\xa6");
	format_cell("\xe5\x80\x89\xe5\xba\xab\xe5\x80\x89", 4, text, sizeof(text));
	assert_string_equal(text, "\xe5\x80\x89\xe2\x80\xa6");
	format_cell("a long text in a small buffer", 100, text, 8);
	assert_string_equal(text, "a lo\xe2\x80\xa6");
}

static void test_a_strangers_text_cannot_steer_the_terminal(void **state)
{
	char text[64];

	(void)state;
	format_cell("\033[31mred\r\n\x7f\xc2\x9b\xe2\x80\xae", 40, text, sizeof(text));
	assert_string_equal(text, "?[31mred?????");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages_are_short_and_never_round_up),
		cmocka_unit_test(test_counts_are_grouped_and_sizes_have_units),
		cmocka_unit_test(test_times_are_local_and_short_today),
		cmocka_unit_test(test_width_counts_columns_not_bytes),
		cmocka_unit_test(test_a_cell_is_cut_at_a_character_and_says_so),
		cmocka_unit_test(test_a_strangers_text_cannot_steer_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
