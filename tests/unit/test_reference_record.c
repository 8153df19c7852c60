/* One record of reference data: what it becomes, what it is found by, why it is refused. */
#include "dray/reference_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"
#include "dray/units.h"

/* The site says Stk for a piece, and PAL for a pallet, which elsewhere is a pascal. */
static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	const char *code = strcmp(name, "Stk") == 0   ? "H87"
			   : strcmp(name, "PAL") == 0 ? "PX"
						      : NULL;

	if (ctx && strcmp(name, "broken") == 0)
		return -1;
	if (code)
		(void)snprintf(ret, REFERENCE_UOM_MAX, "%s", code);
	return code != NULL;
}

static enum reference_reading read_as(
	const char *text, const char *kind, struct reference_record *ret, struct error *err)
{
	static int broken;
	struct unit_names *names = unit_names_new();
	const struct reference known = {
		.find_unit = find_unit, .ctx = &broken, .unit_names = names
	};
	const struct json_limits limits = { 1024 * 1024, 16, 5000, false };
	struct buf scratch = BUF_INIT;
	struct json_error flaw;
	cJSON *tree = json_parse(text, strlen(text), &limits, &scratch, &flaw);
	enum reference_reading status;

	assert_non_null(tree);
	assert_non_null(names);
	status = reference_record_read(tree, kind, &known, ret, err);
	unit_names_free(names);
	cJSON_Delete(tree);
	buf_done(&scratch);
	return status;
}

/* "scheme code pack" per alias, a line each. */
static void list_aliases(const struct reference_record *record, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < record->n_aliases; i++)
		at += (size_t)snprintf(out + at, size - at, "%s %s %s\n", record->aliases[i].scheme,
			record->aliases[i].code,
			record->aliases[i].pack ? record->aliases[i].pack : "-");
}

static void test_a_record_becomes_a_body_and_what_it_is_found_by(void **state)
{
	static const struct {
		const char *text, *body, *aliases;
	} cases[] = {
		{ "{\"id\":\"S\",\"kind\":\"item\"}", "{\"kind\":\"item\",\"id\":\"S\"}", "" },
		{ "{\"kind\":\"item\",\"id\":\"SKU-1\",\"codes\":[\"OLD-1\"],\"uom\":\"Stk\","
		  "\"gtins\":[\"9506000134352\",{\"gtin\":\"19506000134359\",\"pack\":12.0}],"
		  "\"packs\":{\"cartons\":\"12.00\",\"PAL\":480},\"colour\":{\"b\":[1,null]},"
		  "\"supplier_items\":[{\"supplier\":\"ACME\",\"item\":\"A/77\"},\"B-9\"],"
		  "\"name\":\"Bolt\"}",
			"{\"kind\":\"item\",\"id\":\"SKU-1\",\"name\":\"Bolt\",\"uom\":\"H87\","
			"\"gtins\":[\"09506000134352\",{\"gtin\":\"19506000134359\",\"pack\":\"12\"}],"
			"\"packs\":{\"CT\":\"12\",\"PX\":\"480\"},"
			"\"supplier_items\":[{\"supplier\":\"ACME\",\"item\":\"A/77\"},\"B-9\"],"
			"\"codes\":[\"OLD-1\"],\"colour\":{\"b\":[1,null]}}",
			"gtin 09506000134352 -\ngtin 19506000134359 12\npack SKU-1/CT 12\n"
			"pack SKU-1/PX 480\nsupplier_item ACME/A/77 -\nsupplier_item B-9 -\n"
			"sku OLD-1 -\n" },
		{ "{\"kind\":\"item\",\"id\":\"S\",\"uom\":\"EA\",\"packs\":{\"EA\":\"1\"}}",
			"{\"kind\":\"item\",\"id\":\"S\",\"uom\":\"EA\",\"packs\":{\"EA\":\"1\"}}",
			"pack S/EA 1\n" },
		{ "{\"kind\":\"unit\",\"id\":\"H87\",\"names\":[\"Stk\",\"St\xc3\xbc"
		  "ck\"]}",
			"{\"kind\":\"unit\",\"id\":\"H87\",\"names\":[\"Stk\",\"St\xc3\xbc"
			"ck\"]}",
			"unit Stk -\nunit St\xc3\xbc"
			"ck -\n" },
		{ "{\"kind\":\"unit\",\"id\":\"XPX\",\"names\":[\"PAL\"]}",
			"{\"kind\":\"unit\",\"id\":\"PX\",\"names\":[\"PAL\"]}", "unit PAL -\n" },
		{ "{\"kind\":\"unit\",\"id\":\"hectogram\"}", "{\"kind\":\"unit\",\"id\":\"HGM\"}",
			"" },
		{ "{\"kind\":\"item\",\"id\":\"S\",\"uom\":\"Hectogram\"}",
			"{\"kind\":\"item\",\"id\":\"S\",\"uom\":\"HGM\"}", "" },
		{ "{\"names\":7,\"gtins\":\"none\",\"id\":\"ACME\",\"kind\":\"supplier\"}",
			"{\"kind\":\"supplier\",\"id\":\"ACME\",\"gtins\":\"none\",\"names\":7}",
			"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reference_record record, again;
		struct error err;
		char aliases[1024];

		assert_int_equal(read_as(cases[i].text, NULL, &record, &err), REFERENCE_READ);
		assert_string_equal(record.body.data, cases[i].body);
		list_aliases(&record, aliases, sizeof(aliases));
		assert_string_equal(aliases, cases[i].aliases);
		assert_int_equal(read_as(record.body.data, NULL, &again, &err), REFERENCE_READ);
		assert_string_equal(again.body.data, record.body.data);
		reference_record_done(&record);
		reference_record_done(&again);
	}
}

#define ITEM(members) "{\"kind\":\"item\",\"id\":\"S\"," members "}"
#define UNIT(members) "{\"kind\":\"unit\",\"id\":\"PX\"," members "}"
#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static void test_a_flaw_names_its_member(void **state)
{
	static const char *const cases[][3] = {
		{ "[]", "", "a record is a JSON object" },
		{ "{\"id\":\"S\"}", "/kind", "is missing: item, unit, supplier, location, …" },
		{ "{\"kind\":1,\"id\":\"S\"}", "/kind", "must be a string" },
		{ "{\"kind\":\"Item\",\"id\":\"S\"}", "/kind",
			"must be a lower-case word of at most 32 characters" },
		{ "{\"kind\":\"a/b\",\"id\":\"S\"}", "/kind",
			"must be a lower-case word of at most 32 characters" },
		{ "{\"kind\":\"item\"}", "/id", "is missing" },
		{ "{\"kind\":\"item\",\"id\":4711}", "/id", "must be a string" },
		{ "{\"kind\":\"item\",\"id\":\"\"}", "/id", "is empty" },
		{ "{\"kind\":\"item\",\"id\":\" S\"}", "/id", "begins or ends with a blank" },
		{ "{\"kind\":\"item\",\"id\":\"a\\u001bb\"}", "/id", "holds a control character" },
		{ "{\"kind\":\"item\",\"id\":\"a\xc2\x9b"
		  "b\"}",
			"/id", "holds a control character" },
		{ "{\"kind\":\"item\",\"id\":\"" X64 "x\"}", "/id",
			"of an item is at most 64 bytes long" },
		{ "{\"kind\":\"asn\",\"id\":\"" X64 X64 X64 X16 "\"}", "/id",
			"is longer than 200 bytes" },
		{ "{\"kind\":\"unit\",\"id\":\"ZORP\"}", "/id",
			"ZORP is no unit of Recommendation 20 or 21, nor of X12" },
		{ ITEM("\"name\":7"), "/name", "must be a string" },
		{ ITEM("\"uom\":\"zorps\""), "/uom",
			"zorps is no unit that is known: import it before as a name of one (kind "
			"unit)" },
		{ ITEM("\"gtins\":\"4006381333931\""), "/gtins", "must be an array" },
		{ ITEM("\"gtins\":[4006381333931]"), "/gtins/0", "must be a string" },
		{ ITEM("\"gtins\":[\"4006381333931\",\"4006381333932\"]"), "/gtins/1",
			"4006381333932 is no GTIN: 8, 12, 13 or 14 digits, the last one their check "
			"digit" },
		{ ITEM("\"gtins\":[\"4006381333931\",\"04006381333931\"]"), "/gtins/1",
			"04006381333931 stands there twice" },
		{ ITEM("\"gtins\":[{\"pack\":\"2\"}]"), "/gtins/0/gtin", "is missing" },
		{ ITEM("\"gtins\":[{\"gtin\":\"4006381333931\",\"pack\":\"0\"}]"), "/gtins/0/pack",
			"must be a decimal above 0 of at most 18 digits: base units" },
		{ ITEM("\"gtins\":[{\"gtin\":\"4006381333931\",\"pack\":null}]"), "/gtins/0/pack",
			"must be a number or a decimal in a string" },
		{ ITEM("\"packs\":[]"), "/packs", "must be an object of units and quantities" },
		{ ITEM("\"packs\":{\"CS\":\"12,5\"}"), "/packs/CS",
			"must be a decimal above 0 of at most 18 digits: base units" },
		{ ITEM("\"packs\":{\"CS\":-1}"), "/packs/CS",
			"must be a decimal above 0 of at most 18 digits: base units" },
		{ ITEM("\"packs\":{\"CS\":1,\"case\":2}"), "/packs/case",
			"S/CS stands there twice" },
		{ ITEM("\"packs\":{\"a~/b\":1}"), "/packs/a~0~1b",
			"a~/b is no unit that is known: import it before as a name of one (kind unit)" },
		{ ITEM("\"uom\":\"EA\",\"packs\":{\"EA\":2}"), "/packs/EA",
			"EA is the item's own unit, and holds 1 of it" },
		{ ITEM("\"supplier_items\":[{\"supplier\":\"A\"}]"), "/supplier_items/0/item",
			"is missing" },
		{ ITEM("\"supplier_items\":[{\"supplier\":\"A/B\",\"item\":\"1\"}]"),
			"/supplier_items/0/supplier", "holds a '/'" },
		{ ITEM("\"codes\":[\"A\",\"B\",\"A\"]"), "/codes/2", "A stands there twice" },
		{ UNIT("\"names\":[\"KGM\"]"), "/names/0",
			"KGM is the code of another unit, kilogram" },
		{ UNIT("\"names\":[\"\"]"), "/names/0", "is empty" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reference_record record;
		struct error err = { 0 };

		if (read_as(cases[i][0], NULL, &record, &err) != REFERENCE_REFUSED)
			fail_msg("not refused: %s", cases[i][0]);
		assert_string_equal(err.path, cases[i][1]);
		assert_string_equal(err.message, cases[i][2]);
		reference_record_done(&record);
	}
}

static void test_the_kind_that_is_asked_for_is_the_records_own(void **state)
{
	struct reference_record record;
	struct error err;

	(void)state;
	assert_int_equal(read_as("{\"id\":\"A\"}", "supplier", &record, &err), REFERENCE_READ);
	assert_string_equal(record.body.data, "{\"kind\":\"supplier\",\"id\":\"A\"}");
	reference_record_done(&record);
	assert_int_equal(read_as("{\"id\":\"A\",\"kind\":\"item\"}", "supplier", &record, &err),
		REFERENCE_REFUSED);
	assert_string_equal(err.message, "is item, where all records are to be supplier");
	reference_record_done(&record);
}

static void test_codes_of_one_record_are_bounded(void **state)
{
	struct reference_record record;
	struct buf text = BUF_INIT;
	struct error err;

	(void)state;
	buf_puts(&text, "{\"kind\":\"item\",\"id\":\"S\",\"codes\":[\"c\"");
	for (int i = 1; i < REFERENCE_ALIASES_MAX; i++)
		buf_printf(&text, ",\"c%d\"", i);
	buf_puts(&text, "]}");
	assert_int_equal(read_as(text.data, NULL, &record, &err), REFERENCE_READ);
	assert_int_equal(record.n_aliases, REFERENCE_ALIASES_MAX);
	reference_record_done(&record);
	text.len -= 1;
	buf_puts(&text, ",\"gtins\":[\"4006381333931\"]}");
	assert_int_equal(read_as(text.data, NULL, &record, &err), REFERENCE_REFUSED);
	assert_string_equal(err.path, "/codes");
	reference_record_done(&record);
	buf_done(&text);
}

static void test_a_store_that_cannot_say_is_no_refusal(void **state)
{
	struct reference_record record;
	struct error err;

	(void)state;
	assert_int_equal(
		read_as(ITEM("\"uom\":\"broken\""), NULL, &record, &err), REFERENCE_FAILED);
	reference_record_done(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_record_becomes_a_body_and_what_it_is_found_by),
		cmocka_unit_test(test_a_flaw_names_its_member),
		cmocka_unit_test(test_the_kind_that_is_asked_for_is_the_records_own),
		cmocka_unit_test(test_codes_of_one_record_are_bounded),
		cmocka_unit_test(test_a_store_that_cannot_say_is_no_refusal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
