/* What a scanned barcode says: the forms, told apart and read. */
#include "dray/gs1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GS "\x1d"
#define NOW 2026

static struct gs1_scan scan;
static struct gs1_error error;

static enum gs1_reading read_text(const char *text)
{
	/* Of its own size, so that the sanitizer sees a byte too many. */
	size_t len = strlen(text);
	char *copy = malloc(len + 1);
	enum gs1_reading reading;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(&error, 0xa5, sizeof(error));
	reading = gs1_read(copy, len, NOW, &scan, &error);
	free(copy);
	return reading;
}

/* "01=09506000134352 10=L77": the elements as they were read. */
static const char *elements(void)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < scan.n; i++) {
		const struct gs1_element *e = &scan.elements[i];

		assert_int_equal(strlen(e->value), e->len);
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s=%s", i ? " " : "", e->ai, e->value);
	}
	return text;
}

struct reading {
	const char *text;
	const char *elements;
};

static void check_readings(const struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char why[160] = "";

		if (read_text(readings[i].text) != GS1_READ)
			fail_msg("%s is not read: %s", readings[i].text,
				gs1_error_text(&error, why, sizeof(why)));
		assert_string_equal(elements(), readings[i].elements);
	}
}

#define CHECK_READINGS(readings_) \
	check_readings((readings_), sizeof(readings_) / sizeof(*(readings_)))

static void test_what_a_symbology_identifier_names_gs1_is_read(void **state)
{
	static const struct reading readings[] = {
		{ "]C10109506000134352", "01=09506000134352" },
		{ "]C1010950600013435210L77", "01=09506000134352 10=L77" },
		{ "]C1010950600013435210L77" GS "17270331", "01=09506000134352 10=L77 17=270331" },
		{ "]d20109506000134352172703313103001250",
			"01=09506000134352 17=270331 3103=001250" },
		{ "]Q310L77" GS "21S1", "10=L77 21=S1" },
		{ "]e00109506000134352", "01=09506000134352" },
		{ "]e110L77", "10=L77" },
		{ "]e210L77", "10=L77" },
		{ "]J100395060001343500003", "00=395060001343500003" },
		{ "]C1" GS "10L77", "10=L77" },
		{ "]C110L77" GS, "10=L77" },
		{ "]C10109506000134352" GS "10L77", "01=09506000134352 10=L77" },
		{ "]C110L77\r\n", "10=L77" },
		{ "]C110L77{GS}21S1", "10=L77 21=S1" },
		{ "]C110<GS>" GS "21S1", "10=<GS> 21=S1" },
		{ "]C10109506000134352" GS "0109506000134352",
			"01=09506000134352 01=09506000134352" },
		{ "]C1021950600013435937000024", "02=19506000134359 37=000024" },
		{ "]E09506000134352", "01=09506000134352" },
		{ "]E0036000291452", "01=00036000291452" },
		{ "]E00036000291452", "01=00036000291452" },
		{ "]E3950600013435212", "01=09506000134352" },
		{ "]E3950600013435251999", "01=09506000134352" },
		{ "]E496385074", "01=00000096385074" },
		{ "]I119506000134359", "01=19506000134359" },
	};

	(void)state;
	CHECK_READINGS(readings);
}

static void test_the_bracketed_form_is_read(void **state)
{
	static const struct reading readings[] = {
		{ "(01)09506000134352(10)L77", "01=09506000134352 10=L77" },
		{ "(01) 09506000134352 (17) 270331 (10) L77",
			"01=09506000134352 17=270331 10=L77" },
		{ "(10)A(B)C(21)D", "10=A(B)C 21=D" },
		{ "]C1(01)09506000134352(10)L77", "01=09506000134352 10=L77" },
		{ "(10)A(999)B", "10=A(999)B" },
		{ "(3103)001250", "3103=001250" },
		{ "(00)395060001343500003\r\n", "00=395060001343500003" },
	};

	(void)state;
	CHECK_READINGS(readings);
}

static void test_a_digital_link_is_read_whatever_its_host(void **state)
{
	static const struct reading readings[] = {
		{ "https://id.gs1.org/01/09506000134352", "01=09506000134352" },
		{ "http://shop.example:8080/p/de/01/09506000134352/10/L77/21/S1?17=270331&linkType=x",
			"01=09506000134352 10=L77 21=S1 17=270331" },
		{ "HTTPS://ID.EXAMPLE/01/09506000134352/22/2A/10/L/21/S",
			"01=09506000134352 22=2A 10=L 21=S" },
		{ "https://x.example/01/09506000134352/235/TP1", "01=09506000134352 235=TP1" },
		{ "https://x.example/01/9506000134352", "01=09506000134352" },
		{ "https://x.example/01/96385074/", "01=00000096385074" },
		{ "https://x.example/01/09506000134352/10/A%2FB%25", "01=09506000134352 10=A/B%" },
		{ "https://x.example/01/09506000134352?10=A+B;3103=001250",
			"01=09506000134352 10=A+B 3103=001250" },
		{ "https://x.example/01/09506000134352?01=09506000134352",
			"01=09506000134352 01=09506000134352" },
		{ "https://x.example/01/09506000134352#10=x", "01=09506000134352" },
		{ "https://x.example/01/x/00/395060001343500003", "00=395060001343500003" },
		{ "https://x.example/414/9506000134352/254/32a", "414=9506000134352 254=32a" },
		{ "https://x.example/8004/9506000134352-7", "8004=9506000134352-7" },
		{ "]Q1https://id.gs1.org/01/09506000134352", "01=09506000134352" },
		{ "]d1https://id.gs1.org/01/09506000134352", "01=09506000134352" },
	};

	(void)state;
	CHECK_READINGS(readings);
}

static void test_without_an_identifier_only_what_can_hardly_be_anything_else_is_read(void **state)
{
	static const struct reading readings[] = {
		{ "96385074", "01=00000096385074" },
		{ "036000291452", "01=00036000291452" },
		{ "9506000134352", "01=09506000134352" },
		{ "09506000134352", "01=09506000134352" },
		{ "19506000134359\n", "01=19506000134359" },
		{ "395060001343500003", "00=395060001343500003" },
		{ "00395060001343500003", "00=395060001343500003" },
		{ "010950600013435210L77", "01=09506000134352 10=L77" },
		{ "0219506000134359370024", "02=19506000134359 37=0024" },
		{ "10L77" GS "21S1", "10=L77 21=S1" },
		{ GS "10L77", "10=L77" },
		{ "{GS}0109506000134352", "01=09506000134352" },
	};

	(void)state;
	CHECK_READINGS(readings);
}

static void test_everything_else_is_a_plain_barcode(void **state)
{
	static const char *const texts[] = { "", "\r\n", "]", "]C", "]C0ABC", "]A01234567",
		"]I0123456", "]I1123456", "]Q1hello", "]d10109506000134352", "]C09506000134352",
		"ABC-123", "L77", "9506000134351", "96385073", "950600013435", "395060001343500004",
		"12345678901", "123456789012345", "0109506000134351",
		"0109506000134352"
		"49",
		"01095060001343",
		"0109506000134352"
		"30A",
		"17270331", "10L77", "(49) 89 123456", "(212) 555-1234", "(01", "()", "A" GS "B",
		"49" GS "x",
		"[)>\x1e"
		"06" GS "1T123",
		"https://", "https:///01/09506000134352", "https://x.example", "https://x.example/",
		"https://x.example/about/us", "https://x.example?01=09506000134352",
		"https://x.example/01/blue", "https://x.example/01/09506000134",
		"https://x.example/01", "https://x.example/01/", "https://x.example/01//",
		"https://x.example/401/page", "https://x.example/8004/home",
		"https://x.example/10/L77", "https://x.example/01/%ZZ",
		"https://x.example/01/09506000134352/more",
		"https://x.example/01/09506000134352/more/than",
		"ftp://x.example/01/09506000134352" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (read_text(texts[i]) != GS1_PLAIN)
			fail_msg("%s is not plain but %s", texts[i], elements());
		assert_int_equal(scan.n, 0);
	}
}

struct refusal {
	const char *text;
	const char *words;
	bool is_misread;
};

static void test_an_error_names_the_ai_the_position_and_what_is_wrong(void **state)
{
	static const struct refusal refusals[] = {
		{ "]C10109506000134351", "(01) at 18: the check digit is 1, it should be 2", true },
		{ "]C1010950600013435", "(01) at 18: it breaks off", false },
		{ "]C101095060X0134352", "(01) at 11: X is no digit", false },
		{ "]C10109506000134352"
		  "17271331",
			"(17) at 23: there is no month 13", false },
		{ "]C117270230", "(17) at 9: there is no day 30 in month 02", false },
		{ "]C110", "(10) at 5: it is empty", false },
		{ "]C110" GS "21S", "(10) at 5: it is empty", false },
		{ "]C110123456789012345678901", "(10) at 25: it may have 20 characters, not more",
			false },
		{ "]C110L 77", "(10) at 6: the byte 0x20 is no character that may stand here",
			false },
		{ "]C110L\xc3\xa4", "(10) at 6: the byte 0xc3 is no character that may stand here",
			false },
		{ "]C110L77" GS "49X", "at 9: no AI begins here", false },
		{ "]C110L77" GS "1", "at 9: no AI begins here", false },
		{ "]C1", "at 3: there is nothing in it", false },
		{ "]d2" GS, "at 4: there is nothing in it", false },
		{ "]C110L77" GS "10L78", "(10) at 9: it stands twice with two values", false },
		{ "]C10109506000134352"
		  "0219506000134359",
			"(02) at 19: it may not stand beside (01)", false },
		{ "]C13103001250"
		  "3102012500",
			"(3102) at 13: it may not stand beside (3103)", false },
		{ "]E09506000134351", "at 15: the check digit is 1, it should be 2", true },
		{ "]E0950600013435", "at 14: the check digit is 5, it should be 9", true },
		{ "]E095060001343", "at 3: it must have 13 digits", false },
		{ "]E0950600X134352", "at 9: it must be digits", false },
		{ "]E496385073", "at 10: the check digit is 3, it should be 4", true },
		{ "]E4963850", "at 3: it must have 8 digits", false },
		{ "]I119506000134358", "at 16: the check digit is 8, it should be 9", true },
		{ "(01)09506000134351(10)L77", "(01) at 17: the check digit is 1, it should be 2",
			true },
		{ "(01)09506000134352(10)", "(10) at 22: it is empty", false },
		{ "(01)0950", "(01) at 8: it breaks off", false },
		{ "(17)270331junk", "(17) at 10: it may have 6 characters, not more", false },
		{ "10L77" GS "17271331", "(17) at 10: there is no month 13", false },
		{ "https://x.example/01/09506000134351",
			"(01) at 34: the check digit is 1, it should be 2", true },
		{ "https://x.example/01/9506000134351",
			"(01) at 33: the check digit is 1, it should be 2", true },
		{ "https://x.example/01/09506000134352/10/A%2",
			"(10) at 39: it is not percent-encoded", false },
		{ "https://x.example/01/09506000134352/10/A%2FB%20C",
			"(10) at 44: the byte 0x20 is no character that may stand here", false },
		{ "https://x.example/01/09506000134352/21/S/10/L",
			"(10) at 41: it is no qualifier of (01), or out of order", false },
		{ "https://x.example/01/09506000134352/10/L/235/T",
			"(235) at 41: it is no qualifier of (01), or out of order", false },
		{ "https://x.example/00/395060001343500003/10/L",
			"(10) at 40: it is no qualifier of (00), or out of order", false },
		{ "https://x.example/01/09506000134352?49=1", "at 36: there is no such AI", false },
		{ "https://x.example/01/09506000134352?21=S",
			"(21) at 36: it may not stand in the query of a URI", false },
		{ "https://x.example/01/09506000134352?17",
			"(17) at 36: it may not stand in the query of a URI", false },
		{ "https://x.example/01/09506000134352?17=", "(17) at 39: it is empty", false },
		{ "https://x.example/01/09506000134352?17=271331",
			"(17) at 41: there is no month 13", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		char words[160];

		if (read_text(refusals[i].text) != GS1_INVALID)
			fail_msg("%s is not refused: %s", refusals[i].text, elements());
		gs1_error_text(&error, words, sizeof(words));
		assert_string_equal(words, refusals[i].words);
		assert_int_equal(error.is_misread, refusals[i].is_misread);
		assert_int_equal(scan.n, 0);
	}
}

static void test_a_scan_says_where_its_parts_stood(void **state)
{
	(void)state;
	assert_int_equal(read_text("]C10109506000134352"
				   "10L77\r\n"),
		GS1_READ);
	assert_string_equal(scan.symbology, "C1");
	assert_int_equal(scan.start, 3);
	assert_int_equal(scan.end, 24);
	assert_int_equal(scan.elements[0].position, 3);
	assert_int_equal(scan.elements[1].position, 19);
	assert_int_equal(read_text("(01)09506000134352(10)L77"), GS1_READ);
	assert_string_equal(scan.symbology, "");
	assert_int_equal(scan.elements[1].position, 19);
	assert_int_equal(read_text("https://x.example/01/09506000134352?17=270331"), GS1_READ);
	assert_int_equal(scan.elements[0].position, 18);
	assert_int_equal(scan.elements[1].position, 36);
	assert_int_equal(read_text("]E09506000134352"), GS1_READ);
	assert_int_equal(scan.elements[0].position, 3);
	assert_int_equal(read_text("]A0SHELF-7\n"), GS1_PLAIN);
	assert_string_equal(scan.symbology, "A0");
	assert_int_equal(scan.start, 3);
	assert_int_equal(scan.end, 10);
}

static void test_a_text_is_looked_at_up_to_its_bound(void **state)
{
	char text[GS1_TEXT_MAX + 2] = "]C1";

	(void)state;
	memset(text + 3, '9', GS1_TEXT_MAX - 2);
	assert_int_equal(gs1_read(text, GS1_TEXT_MAX + 1, NOW, &scan, &error), GS1_PLAIN);
	assert_int_equal(gs1_read(text, GS1_TEXT_MAX, NOW, &scan, &error), GS1_INVALID);
}

static void test_a_symbol_has_a_bounded_number_of_elements(void **state)
{
	char text[GS1_TEXT_MAX] = "]C1";
	char words[160];

	(void)state;
	for (int i = 0; i < GS1_ELEMENTS_MAX; i++)
		memcpy(text + 3 + 4 * i, "2007", 4);
	assert_int_equal(read_text(text), GS1_READ);
	assert_int_equal(scan.n, GS1_ELEMENTS_MAX);
	memcpy(text + 3 + 4 * GS1_ELEMENTS_MAX, "2007", 4);
	assert_int_equal(read_text(text), GS1_INVALID);
	assert_string_equal(
		gs1_error_text(&error, words, sizeof(words)), "(20) at 195: more than 48 elements");
}

static void test_bytes_that_are_no_text_are_no_barcode(void **state)
{
	(void)state;
	assert_int_equal(gs1_read("\0\0\0\0\0\0\0\0", 8, NOW, &scan, &error), GS1_PLAIN);
	assert_int_equal(gs1_read("]C1\0\0", 5, NOW, &scan, &error), GS1_INVALID);
	assert_int_equal(gs1_read("]C110\0A", 7, NOW, &scan, &error), GS1_INVALID);
	assert_int_equal(error.position, 5);
	assert_int_equal(gs1_read("https://x/01/\0", 14, NOW, &scan, &error), GS1_PLAIN);
	assert_int_equal(read_text("https://x/8004/1234%00"), GS1_PLAIN);
}

static void test_gtins_become_14_digits_and_say_their_form(void **state)
{
	static const struct {
		const char *text;
		const char *gtin;
		int form;
	} gtins[] = {
		{ "96385074", "00000096385074", 8 },
		{ "036000291452", "00036000291452", 12 },
		{ "000123456784", "00000123456784", 12 },
		{ "9506000134352", "09506000134352", 13 },
		{ "09506000134352", "09506000134352", 13 },
		{ "19506000134359", "19506000134359", 14 },
	};
	static const char *const others[] = { "", "0", "96385073", "9506000134351", "950600013435",
		"095060001343522", "9506000134X52", "-506000134352", "395060001343500003",
		"123456789" };
	char gtin[GS1_GTIN_MAX] = "untouched";

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(gs1_gtin_normalise(others[i], gtin));
	assert_string_equal(gtin, "untouched");
	for (size_t i = 0; i < sizeof(gtins) / sizeof(*gtins); i++) {
		assert_true(gs1_gtin_normalise(gtins[i].text, gtin));
		assert_string_equal(gtin, gtins[i].gtin);
		assert_int_equal(gs1_gtin_form(gtin), gtins[i].form);
	}
}

static void test_an_sscc_has_18_digits_and_a_check_digit(void **state)
{
	(void)state;
	assert_true(gs1_sscc_is_valid("395060001343500003"));
	assert_false(gs1_sscc_is_valid("395060001343500004"));
	assert_false(gs1_sscc_is_valid("00395060001343500003"));
	assert_false(gs1_sscc_is_valid("39506000134350000X"));
	assert_false(gs1_sscc_is_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_symbology_identifier_names_gs1_is_read),
		cmocka_unit_test(test_the_bracketed_form_is_read),
		cmocka_unit_test(test_a_digital_link_is_read_whatever_its_host),
		cmocka_unit_test(
			test_without_an_identifier_only_what_can_hardly_be_anything_else_is_read),
		cmocka_unit_test(test_everything_else_is_a_plain_barcode),
		cmocka_unit_test(test_an_error_names_the_ai_the_position_and_what_is_wrong),
		cmocka_unit_test(test_a_scan_says_where_its_parts_stood),
		cmocka_unit_test(test_a_text_is_looked_at_up_to_its_bound),
		cmocka_unit_test(test_a_symbol_has_a_bounded_number_of_elements),
		cmocka_unit_test(test_bytes_that_are_no_text_are_no_barcode),
		cmocka_unit_test(test_gtins_become_14_digits_and_say_their_form),
		cmocka_unit_test(test_an_sscc_has_18_digits_and_a_check_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
