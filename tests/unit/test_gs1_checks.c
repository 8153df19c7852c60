/* What is asked of values beyond their form: each check of the table, good and bad. */
#include "dray/gs1.h"
#include "dray/gs1_ai.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 2026

static struct gs1_scan scan;
static struct gs1_error error;

static enum gs1_reading read_element(const char *ai, const char *value)
{
	char text[GS1_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "]C1%s%s", ai, value);

	return gs1_read(text, (size_t)len, NOW, &scan, &error);
}

struct sample {
	const char *ai;
	const char *values[6];
};

static const struct sample samples[] = {
	{ "00", { "395060001343500003" } },
	{ "01", { "09506000134352", "00000096385074" } },
	{ "11", { "260100", "240229", "261231", "260630" } },
	{ "253", { "9506000134352", "9506000134352A-1", "9506000134352ABCDEFGHIJKLMNOPQ" } },
	{ "255", { "9506000134352", "95060001343520", "9506000134352123456789012" } },
	{ "3912", { "9781999", "9241", "9261", "0081" } },
	{ "414", { "9506000134352" } },
	{ "421", { "27680331", "276A", "004ABCDEFGHI" } },
	{ "422", { "276", "894", "004", "275" } },
	{ "423", { "276", "276056", "276056250380528" } },
	{ "4300", { "A%20B", "A", "%c3%A4", "100%25" } },
	{ "4307", { "DE", "AD", "ZW" } },
	{ "4309", { "02790858483015297971", "00000000000000000000", "18000000003600000000" } },
	{ "4321", { "0", "1" } },
	{ "4324", { "2601002359", "2601310000" } },
	{ "4326", { "260131" } },
	{ "4330", { "000100", "000100-" } },
	{ "7003", { "2601312359" } },
	{ "7007", { "260101", "260101260131" } },
	{ "7011", { "260131", "2601311200" } },
	{ "7023", { "1234ABC", "1234" } },
	{ "7030", { "276AB", "999AB" } },
	{ "7040", { "1AB-", "1ABz", "1AB_", "1AB0" } },
	{ "7041", { "1A", "8", "9", "201", "ZZ", "APE" } },
	{ "7241", { "01", "10", "80", "99" } },
	{ "7250", { "19000228", "20000229", "20240229" } },
	{ "7251", { "202402291200" } },
	{ "7252", { "0", "1", "2", "9" } },
	{ "7258", { "1/1", "2/3", "9/9" } },
	{ "8001", { "12341234512310", "00010000100190", "00010000100199" } },
	{ "8003", { "09506000134352", "09506000134352SERIAL" } },
	{ "8004", { "9506ASSET" } },
	{ "8006", { "095060001343520102", "095060001343529999" } },
	{ "8007", { "FR7630006000011234567890189", "DE91100000000123456789",
			  "MU43BOMM0101123456789101000MUR", "BE71096123456769",
			  "LC14BOSL123456789012345678901234" } },
	{ "8008", { "26013123", "2601310059", "260131005900" } },
	{ "8010", { "9506#-/A1" } },
	{ "8011", { "1", "10", "123456789012" } },
	{ "8013", { "1987654Ad4X4bL5ttr2310c2K", "12345678901234567890123NT",
			  "12345_ABCDEFGHIJKLMCP", "7907665Bm8v2AB" } },
	{ "8014", { "1987654Ad4X4bL5ttr2310c2K" } },
	{ "8030", { "AZaz09-_", "12=", "1==" } },
	{ "8110", { "012345612345611110123",
			  "012345612345611110123"
			  "10150123"
			  "9"
			  "2150123"
			  "0123456",
			  "012345612345611110123"
			  "3261231"
			  "4260101",
			  "012345612345611110123"
			  "50123456"
			  "611234567"
			  "90000" } },
	{ "8112", { "001234561234560123456", "101234561234560123456",
			  "061234567890121234569123456789012345" } },
};

static void test_values_that_pass_the_checks_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		for (size_t k = 0; k < 6 && samples[i].values[k]; k++)
			if (read_element(samples[i].ai, samples[i].values[k]) != GS1_READ)
				fail_msg("(%s)%s: at %zu %s", samples[i].ai, samples[i].values[k],
					error.position, error.message);
}

struct refusal {
	const char *ai;
	const char *value;
	size_t at; /* in the value */
	const char *message;
};

static const struct refusal refusals[] = {
	{ "00", "395060001343500004", 17, "the check digit is 4, it should be 3" },
	{ "11", "261301", 2, "there is no month 13" },
	{ "11", "260001", 2, "there is no month 00" },
	{ "11", "260431", 4, "there is no day 31 in month 04" },
	{ "11", "250229", 4, "there is no day 29 in month 02" },
	{ "253", "9506000134351A", 12, "the check digit is 1, it should be 2" },
	{ "255", "9506000134352A", 13, "A is no digit" },
	{ "3912", "1001", 0, "there is no currency 100" },
	{ "421", "99912", 0, "there is no country 999" },
	{ "421", "276", 3, "it breaks off" },
	{ "422", "000", 0, "there is no country 000" },
	{ "423", "276999", 3, "there is no country 999" },
	{ "423", "27605", 5, "it breaks off" },
	{ "423", "276056250380528276", 15, "it may have 15 characters, not more" },
	{ "4300", "A%2", 1, "two hexadecimal digits must follow %" },
	{ "4300", "A%2G", 1, "two hexadecimal digits must follow %" },
	{ "4307", "XX", 0, "there is no country XX" },
	{ "4307", "D ", 1, "the byte 0x20 is no character that may stand here" },
	{ "4307", "EA", 0, "there is no country EA" },
	{ "4309", "18000000010000000000", 0, "more than 180 degrees" },
	{ "4309", "00000000003600000001", 10, "more than 360 degrees" },
	{ "4321", "2", 0, "it must be one of 01" },
	{ "4324", "2601002400", 6, "there is no hour 24" },
	{ "4324", "2601002360", 8, "there is no minute 60" },
	{ "4326", "260100", 4, "there is no day 00 in month 01" },
	{ "4330", "000100X", 6, "only a hyphen may stand here" },
	{ "4330", "000100--", 7, "it may have 7 characters, not more" },
	{ "7003", "260131", 6, "it breaks off" },
	{ "7007", "260101260132", 10, "there is no day 32 in month 01" },
	{ "7023", "123", 3, "a company prefix begins with 4 digits" },
	{ "7023", "12AB", 2, "a company prefix begins with 4 digits" },
	{ "7030", "998AB", 0, "there is no country 998" },
	{ "7040", "1AB+", 3, "+ is no character that may stand here" },
	{ "7041", "1", 0, "there is no kind of package 1" },
	{ "7041", "1AX", 0, "there is no kind of package 1AX" },
	{ "7041", "ZZZZ", 0, "there is no kind of package ZZZZ" },
	{ "7241", "00", 0, "there is no medium 00" },
	{ "7241", "11", 0, "there is no medium 11" },
	{ "7241", "79", 0, "there is no medium 79" },
	{ "7250", "19000229", 6, "there is no day 29 in month 02" },
	{ "7250", "20240100", 6, "there is no day 00 in month 01" },
	{ "7252", "3", 0, "it must be one of 0129" },
	{ "7258", "3/2", 0, "the position is behind the end" },
	{ "7258", "0/2", 0, "a position may not begin with 0" },
	{ "7258", "1/0", 2, "an end may not begin with 0" },
	{ "7258", "123", 0, "it must be a position, a slash and an end" },
	{ "7258", "12/", 0, "it must be a position, a slash and an end" },
	{ "7258", "/12", 0, "it must be a position, a slash and an end" },
	{ "7258", "1/A", 0, "it must be a position, a slash and an end" },
	{ "8001", "00001234512310", 0, "it may not be zero" },
	{ "8001", "12340000012310", 4, "it may not be zero" },
	{ "8001", "12341234500010", 9, "it may not be zero" },
	{ "8001", "12341234512320", 12, "it must be one of 019" },
	{ "8003", "19506000134352", 0, "it must be zero" },
	{ "8003", "09506000134351", 13, "the check digit is 1, it should be 2" },
	{ "8006", "095060001343520002", 14, "there is no piece 0" },
	{ "8006", "095060001343520100", 16, "there is no total of 0 pieces" },
	{ "8006", "095060001343520302", 14, "the piece is more than the total" },
	{ "8007", "BE71096123456760", 2, "the check digits are wrong" },
	{ "8007", "XX361234567890", 0, "there is no country XX" },
	{ "8007", "BE71", 4, "it is too short for an IBAN" },
	{ "8007", "LC14BOSLxx3456789012345678901230", 8, "an IBAN has digits and capital letters" },
	{ "8008", "26013124", 6, "there is no hour 24" },
	{ "8008", "2601312360", 8, "there is no minute or second 60" },
	{ "8008", "260131235960", 10, "there is no minute or second 60" },
	{ "8010", "9506a", 4, "a is no character that may stand here" },
	{ "8010", "95A6", 2, "a company prefix begins with 4 digits" },
	{ "8011", "01", 0, "it may not begin with 0" },
	{ "8011", "0", 0, "it may not begin with 0" },
	{ "8013", "1987654Ad4X4bL5ttr2310c2X", 23, "the check pair is 2X, it should be 2K" },
	{ "8013", "22", 0, "it is too short for a check pair" },
	{ "8013", "19A7654Ad4X4bL5ttr2310c2K", 23, "the check pair is 2K, it should be LT" },
	{ "8014", "0000000101842", 0, "digits alone are not enough" },
	{ "8030", "AB+", 2, "+ is no character that may stand here" },
	{ "8030", "12==", 2, "= is no character that may stand here" },
	{ "8030", "===", 0, "= is no character that may stand here" },
	{ "8110", "0123456123456", 13, "the coupon breaks off in its save value" },
	{ "8110", "712345612345611110123", 0, "the coupon's company can't begin with 7" },
	{ "8110", "01234561234561111012a", 20, "a coupon has digits only" },
	{ "8110", "0123456123456111101237", 21, "the coupon goes on behind its last field" },
	{ "8110",
		"012345612345611110123"
		"3261331",
		24, "there is no month 13" },
	{ "8110",
		"012345612345611110123"
		"3260101"
		"4260102",
		29, "the coupon expires before it starts" },
	{ "8112", "201234561234560123456", 0, "the coupon's format can't begin with 2" },
	{ "8112", "0012345612345601234567", 21, "the coupon goes on behind its last field" },
	{ "8112", "00123456", 8, "the coupon breaks off in its offer code" },
};

static void test_values_that_fail_a_check_are_refused_where_they_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		const struct refusal *r = &refusals[i];

		if (read_element(r->ai, r->value) != GS1_INVALID)
			fail_msg("(%s)%s is read", r->ai, r->value);
		assert_string_equal(error.ai, r->ai);
		assert_string_equal(error.message, r->message);
		if (error.position != 3 + strlen(r->ai) + r->at)
			fail_msg("(%s)%s: at %zu", r->ai, r->value, error.position);
	}
}

/* --- rows ----------------------------------------------------------------------------------------- */

static void test_every_ai_finds_its_own_row_and_no_other(void **state)
{
	const struct gs1_ai *row;
	size_t found = 0;

	(void)state;
	for (int n = 0; n < 10000; n++) {
		char text[8];
		size_t len = 0;

		snprintf(text, sizeof(text), "%04d", n);
		row = gs1_ai_find(text, 4, &len);
		if (!row)
			continue;
		found++;
		assert_true(len >= 2 && len <= 4);
		assert_true(strncmp(text, row->first, len) >= 0);
		assert_true(strncmp(text, row->last, len) <= 0);
		assert_ptr_equal(gs1_ai_exact(text, len), row);
		assert_true(len == 4 || gs1_ai_exact(text, len + 1) == NULL);
		assert_null(gs1_ai_exact(text, len - 1));
	}
	assert_true(found > 2000);
	assert_null(gs1_ai_exact("", 0));
	assert_null(gs1_ai_exact("0", 1));
	assert_null(gs1_ai_exact("3106", 4));
	assert_null(gs1_ai_exact("49", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_that_pass_the_checks_are_read),
		cmocka_unit_test(test_values_that_fail_a_check_are_refused_where_they_fail),
		cmocka_unit_test(test_every_ai_finds_its_own_row_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
