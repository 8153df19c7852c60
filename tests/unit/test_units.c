/* Units: what a text stands for, what one unit is in another, and when it is refused. */
#include "dray/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N(array_) (sizeof(array_) / sizeof(*(array_)))

struct finding {
	const char *text;
	const char *code; /* NULL: unknown */
};

static void assert_finds(struct unit_names *names, const struct finding *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *code = unit_find(names, rows[i].text);

		if (!code != !rows[i].code || (code && strcmp(code, rows[i].code) != 0))
			fail_msg("'%s' is %s, not %s", rows[i].text, code ? code : "unknown",
				rows[i].code ? rows[i].code : "unknown");
		if (code && unit_find(names, code) != code &&
			strcmp(unit_find(names, code), code) != 0)
			fail_msg("%s stands for %s", code, unit_find(names, code));
	}
}

static void test_a_code_is_taken_as_it_is_written(void **state)
{
	static const struct finding rows[] = {
		{ "KGM", "KGM" },
		{ "kgm", NULL },
		{ "EA", "EA" },
		{ "H87", "H87" },
		{ "h87", NULL },
		{ "10", "10" },
		{ "Z9", "Z9" },
		{ "ZZ", "ZZ" },
		{ "PT", "PT" },  /* deprecated: still what it was */
		{ "KTM", NULL }, /* deleted */
		{ "93", NULL },
	};

	assert_finds(*state, rows, N(rows));
}

static void test_a_package_is_the_same_with_its_x_and_without(void **state)
{
	static const struct finding rows[] = {
		{ "CS", "CS" }, { "XCS", "CS" }, { "CT", "CT" }, { "XCT", "CT" }, { "PX", "PX" },
		{ "XPX", "PX" }, { "XSX", NULL }, /* deleted; SX alone is a shipment */
		{ "SX", "SX" }, { "X", NULL }, { "XXX", NULL },
		{ "XXA", "XA" }, /* the X in front, and a bag that begins with one */
	};

	assert_finds(*state, rows, N(rows));
}

static void test_where_codes_disagree_a_package_is_written_with_its_x(void **state)
{
	static const struct finding rows[] = {
		{ "KG", "KGM" },
		{ "XKG", "XKG" },
		{ "PL", "PX" },
		{ "XPL", "XPL" },
		{ "CA", "CS" },
		{ "XCA", "XCA" },
		{ "PC", "H87" },
		{ "XPC", "XPC" },
		{ "PF", "PX" },
		{ "XPF", "XPF" },
		{ "PR", "PR" },
		{ "XPR", "XPR" },
		{ "LB", "LBR" },
		{ "OZ", "OZ" },
		{ "GA", "GLL" },
		{ "DZ", "DZN" },
		{ "XTN", "XTN" },
		{ "TN", "STN" },
		{ "RL", "RO" },
		{ "XRL", "XRL" },
	};

	assert_finds(*state, rows, N(rows));
}

static void test_a_name_is_known_in_any_case(void **state)
{
	static const struct finding rows[] = {
		{ "kg", "KGM" },
		{ "Kg", "KGM" },
		{ "kilogram", "KGM" },
		{ "KILOGRAM", "KGM" },
		{ "g", "GRM" },
		{ "lb", "LBR" },
		{ "LBS", "LBR" },
		{ "pcs", "H87" },
		{ "Pieces", "H87" },
		{ "Each", "EA" },
		{ "case", "CS" },
		{ "Cases", "CS" },
		{ "pallet", "PX" },
		{ "Pallets", "PX" },
		{ "carton", "CT" },
		{ "keg", "XKG" },
		{ "m³", "MTQ" },
		{ "m2", "MTK" },
		{ "mg", "MGM" },
		{ "Mg", "2U" }, /* the one letter whose case says a billion times as much */
		{ "litre", "LTR" },
		{ "Liter", "LTR" },
	};

	assert_finds(*state, rows, N(rows));
}

static void test_what_may_be_two_things_is_unknown(void **state)
{
	static const struct finding rows[] = {
		{ "ton", NULL },
		{ "gallon", NULL },
		{ "gal", NULL },
		{ "GAL", NULL },
		{ "St", NULL },
		{ "st", NULL },
		{ "pint", NULL },
		{ "Stk", NULL }, /* a local name: the site's own table says */
		{ "", NULL },
		{ " ", NULL },
		{ "KGM ", NULL },
		{ "furlong-ish", NULL },
		{ "m³/kg·s", NULL },
	};
	char longest[4096];

	assert_finds(*state, rows, N(rows));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(unit_find(*state, longest));
}

static void test_without_the_lists_names_what_is_short_is_known(void **state)
{
	static const struct finding shorts[] = {
		{ "KGM", "KGM" },
		{ "PX", "PX" },
		{ "XPX", "PX" },
		{ "KG", "KGM" },
		{ "Cartons", "CT" },
		{ "ton", NULL },
		{ "hectogram", NULL },
		{ "hg", NULL },
		{ "drum, STEEL", NULL },
	};
	static const struct finding listed[] = {
		{ "Hectogram", "HGM" },
		{ "hg", "HGM" },
		{ "drum, STEEL", "1A" },
	};

	assert_finds(NULL, shorts, N(shorts));
	assert_finds(*state, listed, N(listed));
	assert_null(unit_name(NULL, "KGM"));
	assert_null(unit_symbol(NULL, "KGM"));
}

static void test_a_code_has_its_name_symbol_and_kind(void **state)
{
	static const struct {
		const char *code, *name, *symbol;
		enum unit_kind kind;
		bool is_whole;
	} rows[] = {
		{ "KGM", "kilogram", "kg", UNIT_MASS, false },
		{ "10", "group", "", UNIT_OTHER, false },
		{ "Z9", "nanomole", "nmol", UNIT_OTHER, false },
		{ "EA", "each", "", UNIT_COUNT, true },
		{ "CS", "Case", "", UNIT_PACKAGE, true },
		{ "XKG", "Keg", "", UNIT_PACKAGE, true },
		{ "ZZ", "mutually defined", "", UNIT_OTHER, false },
		{ "1A", "Drum, steel", "", UNIT_PACKAGE, true },
		{ "MTR", "metre", "m", UNIT_LENGTH, false },
	};
	struct unit_names *names = *state;

	for (size_t i = 0; i < N(rows); i++) {
		assert_string_equal(unit_name(names, rows[i].code), rows[i].name);
		assert_string_equal(unit_symbol(names, rows[i].code), rows[i].symbol);
		assert_int_equal(unit_kind(rows[i].code), rows[i].kind);
		assert_int_equal(unit_is_whole(rows[i].code), rows[i].is_whole);
	}
	assert_null(unit_name(names, "no"));
	assert_null(unit_symbol(names, "no code at all"));
	assert_int_equal(unit_kind("no"), UNIT_OTHER);
}

static void test_a_conversion_is_exact_or_refused(void **state)
{
	static const struct {
		const char *value, *from, *to;
		const char *expected; /* NULL: refused */
	} rows[] = {
		{ "2.5", "KGM", "GRM", "2500" },
		{ "2500", "GRM", "KGM", "2.5" },
		{ "1", "LBR", "KGM", "0.45359237" },
		{ "0.45359237", "KGM", "LBR", "1" },
		{ "1", "KGM", "LBR", NULL },
		{ "16", "ONZ", "LBR", "1" },
		{ "1", "FOT", "INH", "12" },
		{ "1", "INH", "FOT", NULL },
		{ "6", "INH", "FOT", "0.5" },
		{ "1", "SMI", "MTR", "1609.344" },
		{ "1", "GLL", "LTR", "3.785411784" },
		{ "1", "GLI", "LTR", "4.54609" },
		{ "128", "OZA", "GLL", "1" },
		{ "8", "GLI", "BUI", "1" },
		{ "1", "MTQ", "LTR", "1000" },
		{ "1", "HAR", "MTK", "10000" },
		{ "3937", "M51", "MTR", "1200" },
		{ "1", "HUR", "MIN", "60" },
		{ "3", "DZN", "H87", "36" },
		{ "1", "GRO", "DZN", "12" },
		{ "7", "H87", "DZN", NULL },
		{ "1.5", "DZN", "EA", "18" },
		{ "-3", "PR", "EA", "-6" },
		{ "0", "KGM", "LBR", "0" },
		{ "1", "KGM", "MTR", NULL },
		{ "1", "EA", "KGM", NULL },
		{ "1", "CS", "EA", NULL },
		{ "1", "CS", "CS", NULL },
		{ "1", "no", "KGM", NULL },
		{ "999999999999999999", "KGM", "KGM", "999999999999999999" },
		{ "999999999999999999", "KGM", "GRM", NULL },
		{ "0.000000000000000001", "GRM", "KGM", NULL },
		{ "0.000000000000000001", "KGM", "GRM", "0.000000000000001" },
		{ "999999999999999999", "H20", "Q32", NULL },
	};
	struct decimal value;
	struct decimal result;
	char text[DECIMAL_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_true(decimal_parse(rows[i].value, strlen(rows[i].value), &value));
		*text = '\0';
		if (unit_convert(&value, rows[i].from, rows[i].to, &result))
			decimal_format(&result, text);
		if (strcmp(text, rows[i].expected ? rows[i].expected : "") != 0)
			fail_msg(
				"%s %s in %s: '%s'", rows[i].value, rows[i].from, rows[i].to, text);
	}
}

static int open_names(void **state)
{
	*state = unit_names_new();
	return *state ? 0 : -1;
}

static int close_names(void **state)
{
	unit_names_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_code_is_taken_as_it_is_written),
		cmocka_unit_test(test_a_package_is_the_same_with_its_x_and_without),
		cmocka_unit_test(test_where_codes_disagree_a_package_is_written_with_its_x),
		cmocka_unit_test(test_a_name_is_known_in_any_case),
		cmocka_unit_test(test_what_may_be_two_things_is_unknown),
		cmocka_unit_test(test_without_the_lists_names_what_is_short_is_known),
		cmocka_unit_test(test_a_code_has_its_name_symbol_and_kind),
		cmocka_unit_test(test_a_conversion_is_exact_or_refused),
	};

	return cmocka_run_group_tests(tests, open_names, close_names);
}
