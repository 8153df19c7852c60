/* Instants as they come and as they are stored. */
#include "dray/times.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_reads(const char *text, const char *expected)
{
	int64_t at_ms = -1;
	char out[TIME_TEXT_MAX];

	assert_true(time_parse(text, strlen(text), &at_ms));
	time_format(at_ms, out);
	assert_string_equal(out, expected);
}

static void test_every_accepted_form_becomes_utc(void **state)
{
	(void)state;
	assert_reads("2026-11-21T15:04:05.123+01:00", "2026-11-21T14:04:05.123Z");
	assert_reads("2026-11-21T14:04:05.123Z", "2026-11-21T14:04:05.123Z");
	assert_reads("2026-11-21t14:04:05z", "2026-11-21T14:04:05.000Z");
	assert_reads("2026-11-21 15:04:05,1+0100", "2026-11-21T14:04:05.100Z");
	assert_reads("2026-11-21T15:04:05+01", "2026-11-21T14:04:05.000Z");
	assert_reads("2026-11-21T09:34:05.999999-04:30", "2026-11-21T14:04:05.999Z");
	assert_reads("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z");
	assert_reads("1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00.000Z");
	assert_reads("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z");
	assert_reads("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z");
	assert_reads("2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000Z");
	assert_reads("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z");
	assert_reads("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z");
}

static void test_epochs_are_told_apart_by_size(void **state)
{
	(void)state;
	assert_reads("0", "1970-01-01T00:00:00.000Z");
	assert_reads("1795269845", "2026-11-21T14:04:05.000Z");
	assert_reads("1795269845.123", "2026-11-21T14:04:05.123Z");
	assert_reads("1795269845.1239", "2026-11-21T14:04:05.123Z");
	assert_reads("1795269845123", "2026-11-21T14:04:05.123Z");
	assert_reads("1795269845123456", "2026-11-21T14:04:05.123Z");
}

static void test_what_is_no_instant_is_refused(void **state)
{
	static const char *const texts[] = { "", " ", "2026-11-21", "2026-11-21T15:04:05",
		"2026-11-21T15:04:05.Z", "2026-11-21T15:04:05.123", "2026-11-21T15:04Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z",
		"2026-11-21T24:00:00Z", "2026-11-21T23:60:00Z", "2026-11-21T23:59:61Z",
		"2026-11-21T15:04:05+24:00", "2026-11-21T15:04:05+01:60", "2026-11-21T15:04:05+1",
		"2026-11-21T15:04:05ZZ", "2026-11-21T15:04:05Z ", " 2026-11-21T15:04:05Z",
		"1969-12-31T23:59:59Z", "1970-01-01T00:30:00+01:00", "9999-12-31T23:59:59-01:00",
		"0000-01-01T00:00:00Z", "-1", "1e9", "1795269845.", "100000000000000000",
		"99999999999999999999999999", "yesterday", "12:00", "2026-11-21X15:04:05Z",
		"2026-1-21T15:04:05Z", "20261121T150405Z" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int64_t at_ms;

		assert_false(time_parse(texts[i], strlen(texts[i]), &at_ms));
	}
}

static void test_a_number_is_an_epoch_too(void **state)
{
	int64_t at_ms;

	(void)state;
	assert_true(time_from_number(1795269845.123, &at_ms));
	assert_true(at_ms == INT64_C(1795269845123));
	assert_true(time_from_number(1795269845123, &at_ms));
	assert_true(at_ms == INT64_C(1795269845123));
	assert_true(time_from_number(1795269845123456, &at_ms));
	assert_true(at_ms == INT64_C(1795269845123));
	assert_true(time_from_number(0, &at_ms));
	assert_true(at_ms == 0);
	assert_false(time_from_number(-1, &at_ms));
	assert_false(time_from_number(1e17, &at_ms));
	assert_false(time_from_number(NAN, &at_ms));
	assert_false(time_from_number(INFINITY, &at_ms));
}

static void test_every_day_of_the_calendar_goes_there_and_back(void **state)
{
	static const int64_t day_ms = INT64_C(86400000);

	(void)state;
	for (int64_t day = 0; day < 2932897; day += 7) {
		int64_t at_ms = day * day_ms + 86399999;
		int64_t back_ms = -1;
		char text[TIME_TEXT_MAX];

		time_format(at_ms, text);
		assert_true(time_parse(text, strlen(text), &back_ms));
		assert_true(back_ms == at_ms);
		assert_int_equal(time_day(at_ms), day);
	}
}

static void test_a_day_before_the_epoch_is_negative(void **state)
{
	(void)state;
	assert_int_equal(time_day(0), 0);
	assert_int_equal(time_day(-1), -1);
	assert_int_equal(time_day(INT64_C(-86400000)), -1);
	assert_int_equal(time_day(INT64_C(-86400001)), -2);
}

static void test_all_three_http_dates_are_read(void **state)
{
	static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" };
	static const char *const bad[] = { "", "Sun", "Sun, ", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ", "120",
		"06 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
		"Sun, 06-Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT" };
	int64_t at_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		at_ms = 0;
		assert_true(time_parse_http_date(good[i], strlen(good[i]), &at_ms));
		assert_true(at_ms == INT64_C(784111777000));
	}
	assert_true(time_parse_http_date("Sat Nov 21 14:04:05 2026", 24, &at_ms));
	assert_true(at_ms == INT64_C(1795269845000));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(time_parse_http_date(bad[i], strlen(bad[i]), &at_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_accepted_form_becomes_utc),
		cmocka_unit_test(test_epochs_are_told_apart_by_size),
		cmocka_unit_test(test_what_is_no_instant_is_refused),
		cmocka_unit_test(test_a_number_is_an_epoch_too),
		cmocka_unit_test(test_every_day_of_the_calendar_goes_there_and_back),
		cmocka_unit_test(test_a_day_before_the_epoch_is_negative),
		cmocka_unit_test(test_all_three_http_dates_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
