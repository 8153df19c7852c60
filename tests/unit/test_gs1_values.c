/* What the elements of a GS1 barcode mean, and what must stand together. */
#include "dray/gs1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GS "\x1d"
#define NOW 2026

static struct gs1_scan scan;

static void read_in(const char *text, int year)
{
	struct gs1_error error;

	if (gs1_read(text, strlen(text), year, &scan, &error) != GS1_READ)
		fail_msg("%s is not read", text);
}

static void test_values_are_found_by_their_ai(void **state)
{
	(void)state;
	read_in("]C1010950600013435210L77" GS "21S-1" GS "400PO-1001", NOW);
	assert_string_equal(gs1_value(&scan, "01"), "09506000134352");
	assert_string_equal(gs1_value(&scan, "10"), "L77");
	assert_string_equal(gs1_value(&scan, "21"), "S-1");
	assert_string_equal(gs1_value(&scan, "400"), "PO-1001");
	assert_null(gs1_value(&scan, "00"));
	assert_null(gs1_find(&scan, "1"));
	assert_int_equal(gs1_find(&scan, "21")->position, 25);
}

static void test_two_digits_of_a_year_mean_one_from_49_before_now_to_50_after(void **state)
{
	static const struct {
		const char *yymmdd;
		int now;
		const char *date;
	} dates[] = {
		{ "270331", 2026, "2027-03-31" },
		{ "760101", 2026, "2076-01-01" },
		{ "770101", 2026, "1977-01-01" },
		{ "991231", 2026, "1999-12-31" },
		{ "000101", 2026, "2000-01-01" },
		{ "000101", 2050, "2100-01-01" },
		{ "010101", 2050, "2001-01-01" },
		{ "000101", 2051, "2100-01-01" },
		{ "010101", 2051, "2101-01-01" },
		{ "020101", 2051, "2002-01-01" },
		{ "490101", 2099, "2149-01-01" },
		{ "500101", 2099, "2050-01-01" },
		{ "510101", 2000, "1951-01-01" },
		{ "500101", 2000, "2050-01-01" },
		{ "000229", 2026, "2000-02-29" },
		{ "280200", 2026, "2028-02-29" },
		{ "270200", 2026, "2027-02-28" },
		{ "270400", 2026, "2027-04-30" },
		{ "271200", 2026, "2027-12-31" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
		char text[16];
		char date[GS1_DATE_MAX];

		snprintf(text, sizeof(text), "]C117%s", dates[i].yymmdd);
		read_in(text, dates[i].now);
		assert_true(gs1_date(&scan, "17", date));
		assert_string_equal(date, dates[i].date);
	}
}

static void test_a_leap_day_holds_in_its_own_century(void **state)
{
	struct gs1_error error;

	(void)state;
	assert_int_equal(gs1_read("]C117000229", 11, 2026, &scan, &error), GS1_READ);
	assert_int_equal(gs1_read("]C117000229", 11, 2060, &scan, &error), GS1_INVALID);
	assert_int_equal(error.position, 9);
}

static void test_only_dates_are_dates(void **state)
{
	char date[GS1_DATE_MAX];

	(void)state;
	read_in("]C17007270331270401" GS "725019991231" GS "10L77" GS "11260101", NOW);
	assert_true(gs1_date(&scan, "7007", date));
	assert_string_equal(date, "2027-03-31");
	assert_true(gs1_date(&scan, "7250", date));
	assert_string_equal(date, "1999-12-31");
	assert_true(gs1_date(&scan, "11", date));
	assert_false(gs1_date(&scan, "10", date));
	assert_false(gs1_date(&scan, "17", date));
}

static void test_numbers_have_the_decimals_that_their_ai_says(void **state)
{
	static const struct {
		const char *element;
		const char *number; /* NULL: none */
		const char *uom;    /* NULL: none */
		bool is_logistic;
	} numbers[] = {
		{ "3103001250", "1.25", "KGM", false },
		{ "3100001250", "1250", "KGM", false },
		{ "3105000000", "0", "KGM", false },
		{ "3105000001", "0.00001", "KGM", false },
		{ "3202012345", "123.45", "LBR", false },
		{ "3302001234", "12.34", "KGM", true },
		{ "3402001234", "12.34", "LBR", true },
		{ "3111000015", "1.5", "MTR", false },
		{ "3210000015", "15", "INH", false },
		{ "3152000050", "0.5", "LTR", false },
		{ "3372000050", "0.5", "28", false },
		{ "3571000050", "5", NULL, false },
		{ "3601000050", "5", "QTL", false },
		{ "3690000050", "50", "YDQ", true },
		{ "3012", "12", NULL, false },
		{ "37000024", "24", NULL, false },
		{ "3902"
		  "1999",
			"19.99", NULL, false },
		{ "3912"
		  "978"
		  "1999",
			"19.99", NULL, false },
		{ "3909"
		  "123456789012345",
			"123456.789012345", NULL, false },
		{ "3932"
		  "978"
		  "50",
			"0.5", NULL, false },
		{ "3941"
		  "1250",
			"125", NULL, false },
		{ "3952000199", "1.99", NULL, false },
		{ "10123", NULL, NULL, false },
		{ "400123", NULL, NULL, false },
		{ "2099", NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[64];
		struct decimal value;

		snprintf(text, sizeof(text), "]C1%s", numbers[i].element);
		read_in(text, NOW);
		assert_int_equal(scan.n, 1);
		if (numbers[i].uom)
			assert_string_equal(gs1_uom(&scan.elements[0]), numbers[i].uom);
		else
			assert_null(gs1_uom(&scan.elements[0]));
		assert_int_equal(gs1_is_logistic(&scan.elements[0]), numbers[i].is_logistic);
		assert_int_equal(gs1_number(&scan.elements[0], &value), numbers[i].number != NULL);
		if (numbers[i].number) {
			decimal_format(&value, text);
			assert_string_equal(text, numbers[i].number);
		}
	}
}

static void test_a_number_is_the_same_decimal_as_its_text(void **state)
{
	struct decimal value;
	struct decimal same;

	(void)state;
	read_in("]C13103001250", NOW);
	assert_true(gs1_number(&scan.elements[0], &value));
	assert_true(decimal_parse("1.25", 4, &same));
	assert_int_equal(value.digits, same.digits);
	assert_int_equal(value.scale, same.scale);
	read_in("]C13103000000", NOW);
	assert_true(gs1_number(&scan.elements[0], &value));
	assert_int_equal(value.digits, 0);
	assert_int_equal(value.scale, 0);
}

/* --- pairs ------------------------------------------------------------------------------------ */

struct pairing {
	const char *scans[3];
	const char *known[3];
	const char *words; /* NULL: they fit */
};

static void check_pairing(const struct pairing *pairing)
{
	static struct gs1_scan read[3];
	const struct gs1_scan *scans[3];
	struct gs1_error error;
	char words[sizeof(error.message) + 32];
	size_t n = 0;

	for (; n < 3 && pairing->scans[n]; n++) {
		const char *text = pairing->scans[n];

		if (gs1_read(text, strlen(text), NOW, &read[n], &error) != GS1_READ)
			fail_msg("%s is not read", text);
		scans[n] = &read[n];
	}
	if (gs1_check_pairs(scans, n, pairing->known[0] ? pairing->known : NULL, &error)) {
		assert_null(pairing->words);
		return;
	}
	gs1_error_text(&error, words, sizeof(words));
	if (!pairing->words)
		fail_msg("%s: %s", pairing->scans[0], words);
	assert_string_equal(words, pairing->words);
}

static void test_what_must_stand_together_is_looked_for_on_all_that_marks_one_thing(void **state)
{
	static const struct pairing pairings[] = {
		{ { "(01)09506000134352(10)L77" }, { NULL }, NULL },
		{ { "(00)395060001343500003" }, { NULL }, NULL },
		{ { "(10)L77" }, { NULL },
			"(10) at 1: it needs (01) or (02) or (03) or (8006) or (8026) beside it" },
		{ { "(10)L77", "09506000134352" }, { NULL }, NULL },
		{ { "09506000134352", "(10)L77" }, { NULL }, NULL },
		{ { "(10)L77" }, { "01" }, NULL },
		{ { "(10)L77" }, { "00" },
			"(10) at 1: it needs (01) or (02) or (03) or (8006) or (8026) beside it" },
		{ { "(02)19506000134359" }, { NULL }, "(02) at 1: it needs (37) beside it" },
		{ { "(02)19506000134359(37)24", "(00)395060001343500003" }, { NULL }, NULL },
		{ { "(02)19506000134359(37)24" }, { NULL },
			"(37) at 19: it needs (00) and (02) or (00) and (8026) beside it" },
		{ { "(02)19506000134359(37)24" }, { "00" }, NULL },
		{ { "(01)09506000134352(250)X" }, { NULL },
			"(250) at 19: it needs (01) and (21) or (03) and (21) or (8006) and (21) beside it" },
		{ { "(01)09506000134352(250)X(21)S" }, { NULL }, NULL },
		{ { "(01)09506000134352(3922)1999" }, { NULL },
			"(3922) at 19: it needs (01) and (30) or (01) and (31nn) or (01) and (32nn) or (01) and (35nn) or (01) and (36nn) beside it" },
		{ { "(01)09506000134352(3922)1999(3103)000100" }, { NULL }, NULL },
		{ { "(7041)1A" }, { "00" }, NULL },
		{ { "(8030)A1" }, { NULL },
			"(8030) at 1: it needs (00) or (01) and (21) or (03) and (21) or (253) or (255) or "
			"(8003) or (8004) or (8006) and (21) or (8010) and (8011) or (8017) or (8018) "
			"beside it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairings) / sizeof(*pairings); i++)
		check_pairing(&pairings[i]);
}

static void test_what_may_not_stand_together_is_refused_across_symbols(void **state)
{
	static const struct pairing pairings[] = {
		{ { "09506000134352", "(02)19506000134359" }, { "37" },
			"(02) at 1: it may not stand beside (01)" },
		{ { "(01)09506000134352(3103)000100", "(3102)000100" }, { NULL },
			"(3103) at 19: it may not stand beside (3102)" },
		{ { "(01)09506000134352(3103)000100", "(3103)000100" }, { NULL }, NULL },
		{ { "(01)09506000134352(3103)000100", "(3202)000100" }, { NULL }, NULL },
		{ { "(01)09506000134352(21)S", "(235)T" }, { NULL },
			"(21) at 19: it may not stand beside (235)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairings) / sizeof(*pairings); i++)
		check_pairing(&pairings[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_found_by_their_ai),
		cmocka_unit_test(test_two_digits_of_a_year_mean_one_from_49_before_now_to_50_after),
		cmocka_unit_test(test_a_leap_day_holds_in_its_own_century),
		cmocka_unit_test(test_only_dates_are_dates),
		cmocka_unit_test(test_numbers_have_the_decimals_that_their_ai_says),
		cmocka_unit_test(test_a_number_is_the_same_decimal_as_its_text),
		cmocka_unit_test(
			test_what_must_stand_together_is_looked_for_on_all_that_marks_one_thing),
		cmocka_unit_test(test_what_may_not_stand_together_is_refused_across_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
