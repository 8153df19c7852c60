/* What a barcode fills in, what it contradicts, and when it can not be read. */
#include "help_normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"

static void test_a_barcode_fills_what_the_line_does_not_say(void **state)
{
	static const struct change rows[] = {
		{ "{\"barcode\":\"]C1010950600013435210L77" GS "17270331\",\"quantity\":12}",
			"{\"barcode\":\"]C1010950600013435210L77" GS
			"17270331\",\"quantity\":\"12\",\"item\":{\"gtin\":\"09506000134352\"},"
			"\"lot\":\"L77\",\"expiry\":\"2027-03-31\"}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/lot gs1:" LINE "/expiry", false },
		{ "{\"barcode\":\"(01)09506000134352(21)S1\",\"quantity\":1}",
			"{\"barcode\":\"(01)09506000134352(21)S1\",\"quantity\":\"1\","
			"\"item\":{\"gtin\":\"09506000134352\"},\"serials\":[\"S1\"]}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/serials", false },
		{ "{\"barcode\":\"https://id.gs1.org/01/09506000134352/10/L1\",\"quantity\":1,"
		  "\"item\":{\"sku\":\"A\"}}",
			"{\"barcode\":\"https://id.gs1.org/01/09506000134352/10/L1\","
			"\"quantity\":\"1\",\"item\":{\"sku\":\"A\",\"gtin\":\"09506000134352\"},"
			"\"lot\":\"L1\"}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/lot", false },
		{ "{\"barcode\":\"]E09506000134352\",\"quantity\":1,\"lot\":null,\"item\":null}",
			"{\"barcode\":\"]E09506000134352\",\"quantity\":\"1\",\"lot\":null,"
			"\"item\":{\"gtin\":\"09506000134352\"}}",
			"gs1:" LINE "/item/gtin", false },
		{ "{\"barcode\":\"]C100395060001343500003\",\"quantity\":1}",
			"{\"barcode\":\"]C100395060001343500003\",\"quantity\":\"1\","
			"\"sscc\":\"395060001343500003\"}",
			"gs1:" LINE "/sscc", false },
	};

	(void)state;
	assert_changes(NULL, rows, N(rows));
}

static void test_a_barcode_says_how_much_where_the_line_says_nothing_of_it(void **state)
{
	static const struct change rows[] = {
		{ "{\"barcode\":\"(00)395060001343500003(02)09506000134352(37)48\"}",
			"{\"barcode\":\"(00)395060001343500003(02)09506000134352(37)48\","
			"\"sscc\":\"395060001343500003\",\"item\":{\"gtin\":\"09506000134352\"},"
			"\"quantity\":\"48\"}",
			"gs1:" LINE "/sscc gs1:" LINE "/item/gtin gs1:" LINE "/quantity", false },
		{ "{\"barcode\":\"(01)99506000134355(3103)012340\"}",
			"{\"barcode\":\"(01)99506000134355(3103)012340\","
			"\"item\":{\"gtin\":\"99506000134355\"},\"quantity\":\"12.34\",\"uom\":\"KGM\"}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/quantity gs1:" LINE "/uom", false },
		{ "{\"barcode\":\"(01)99506000134355(30)8\"}",
			"{\"barcode\":\"(01)99506000134355(30)8\","
			"\"item\":{\"gtin\":\"99506000134355\"},\"quantity\":\"8\"}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/quantity", false },
		/* What was counted is no contradiction to what was promised. */
		{ "{\"barcode\":\"(00)395060001343500003(02)09506000134352(37)48\","
		  "\"quantity\":45}",
			"{\"barcode\":\"(00)395060001343500003(02)09506000134352(37)48\","
			"\"quantity\":\"45\",\"sscc\":\"395060001343500003\","
			"\"item\":{\"gtin\":\"09506000134352\"}}",
			"gs1:" LINE "/sscc gs1:" LINE "/item/gtin", false },
	};
	/* A weight and a length: which of them is the quantity can't be said. */
	static const struct refusal two = {
		"{\"barcode\":\"(01)99506000134355(3103)012340(3111)000010\"}",
		REASON_FIELD_MISSING, LINE "/quantity", ""
	};
	static const struct refusal half = { "{\"barcode\":\"(01)99506000134355(30)8\","
					     "\"uom\":\"EA\"}",
		REASON_FIELD_MISSING, LINE "/quantity", "" };
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refused(NULL, &two, 1);
	assert_refused(NULL, &half, 1);
	assert_int_equal(
		site_parse("adjust", "{\"lines\":[{\"barcode\":\"(01)99506000134355(30)8\"}]}",
			NULL, false, &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_FIELD_MISSING);
}

/* The label of a pallet has several symbols: the one that says what is on it isn't the one with its SSCC. */
static void test_what_a_pallet_holds_is_read_without_the_symbol_of_its_sscc(void **state)
{
	static const struct change rows[] = {
		{ "{\"barcode\":\"(02)09506000134352(10)L77(37)24\"}",
			"{\"barcode\":\"(02)09506000134352(10)L77(37)24\","
			"\"item\":{\"gtin\":\"09506000134352\"},\"lot\":\"L77\","
			"\"quantity\":\"24\"}",
			"gs1:" LINE "/item/gtin gs1:" LINE "/lot gs1:" LINE "/quantity", false },
	};
	static const struct refusal alone = { "{\"barcode\":\"]C13724\",\"sscc\":\"P-1\"}",
		REASON_BARCODE_INVALID, LINE "/barcode",
		"barcode: (37) at 3: it needs (00) and (02) or" };

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refused(NULL, &alone, 1);
	assert_data("pack", NULL,
		"{\"package\":{\"barcode\":\"]C13301001240\"},\"lines\":[{" ITEM
		",\"quantity\":1}]}",
		"{\"package\":{\"barcode\":\"]C13301001240\",\"weight\":{\"value\":\"124\","
		"\"uom\":\"KGM\"}},\"lines\":[{" ITEM ",\"quantity\":\"1\"}]}",
		"gs1:/data/package/weight/value gs1:/data/package/weight/uom", false);
}

static void test_a_plain_barcode_is_left_alone(void **state)
{
	static const struct change rows[] = {
		{ "{\"barcode\":\"TOTE-4711\",\"quantity\":1}",
			"{\"barcode\":\"TOTE-4711\",\"quantity\":\"1\"}", "", false },
		{ "{\"barcode\":\"]A0ABC\",\"quantity\":1}",
			"{\"barcode\":\"]A0ABC\",\"quantity\":\"1\"}", "", false },
		/* Thirteen digits, of which the last is no check digit: some other number. */
		{ "{\"barcode\":\"9506000134353\",\"quantity\":1}",
			"{\"barcode\":\"9506000134353\",\"quantity\":\"1\"}", "", false },
	};

	(void)state;
	assert_changes(NULL, rows, N(rows));
}

static void test_the_bytes_of_a_scan_are_its_text_where_they_are_one(void **state)
{
	static const struct change rows[] = {
		{ "{\"scan_bytes\":\"XUMxMDEwOTUwNjAwMDEzNDM1MjEwTDc3\",\"quantity\":1}",
			"{\"scan_bytes\":\"XUMxMDEwOTUwNjAwMDEzNDM1MjEwTDc3\",\"quantity\":\"1\","
			"\"barcode\":\"]C1010950600013435210L77\","
			"\"item\":{\"gtin\":\"09506000134352\"},\"lot\":\"L77\"}",
			"scan:" LINE "/barcode gs1:" LINE "/item/gtin gs1:" LINE "/lot", false },
		{ "{\"scan_bytes\":\"VE9URQ==\",\"quantity\":1}",
			"{\"scan_bytes\":\"VE9URQ==\",\"quantity\":\"1\",\"barcode\":\"TOTE\"}",
			"scan:" LINE "/barcode", false },
		{ "{\"scan_bytes\":\"/w==\",\"quantity\":1}",
			"{\"scan_bytes\":\"/w==\",\"quantity\":\"1\"}", "", false },
		{ "{\"scan_bytes\":\"QQBC\",\"quantity\":1}",
			"{\"scan_bytes\":\"QQBC\",\"quantity\":\"1\"}", "", false },
		{ "{\"scan_bytes\":\"VE9URQ==\",\"barcode\":\"X\",\"quantity\":1}",
			"{\"scan_bytes\":\"VE9URQ==\",\"barcode\":\"X\",\"quantity\":\"1\"}", "",
			false },
	};
	static const struct refusal broken_one = { "{\"scan_bytes\":\"VE9\",\"quantity\":1}",
		REASON_BARCODE_INVALID, LINE "/scan_bytes", "base64" };

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refused(NULL, &broken_one, 1);
}

static void test_a_barcode_that_can_not_be_read_is_invalid(void **state)
{
	static const struct refusal rows[] = {
		{ "{\"barcode\":\"]C10109506000134353\",\"quantity\":1}", REASON_BARCODE_INVALID,
			LINE "/barcode", "barcode: (01) at 18: " },
		{ "{\"barcode\":\"]C1010950600013435217271331\",\"quantity\":1}",
			REASON_BARCODE_INVALID, LINE "/barcode", "(17)" },
		{ "{\"barcode\":\"]C110L77\",\"quantity\":1}", REASON_BARCODE_INVALID,
			LINE "/barcode", "(10)" },
		{ "{" ITEM ",\"quantity\":1,\"barcode\":\"]C109999\"}", REASON_BARCODE_INVALID,
			LINE "/barcode", "" },
	};
	static const struct change serial = { "{" ITEM ",\"quantity\":1,\"barcode\":\"]C121S1\"}",
		"{" ITEM ",\"quantity\":\"1\",\"barcode\":\"]C121S1\",\"serials\":[\"S1\"]}",
		"gs1:" LINE "/serials", false };
	static const struct change known = { "{" ITEM ",\"quantity\":1,\"barcode\":\"]C110L77\"}",
		"{" ITEM ",\"quantity\":\"1\",\"barcode\":\"]C110L77\",\"lot\":\"L77\"}",
		"gs1:" LINE "/lot", false };

	(void)state;
	assert_refused(NULL, rows, N(rows));
	assert_changes(NULL, &serial, 1);
	assert_changes(NULL, &known, 1); /* the lot of an item that the line names */
}

static void test_what_a_barcode_contradicts_is_a_conflict(void **state)
{
#define SCAN "\"quantity\":1,\"barcode\":\"(01)09506000134352(10)L77(17)270331(21)S1\""
	static const struct refusal rows[] = {
		{ "{" SCAN ",\"item\":{\"gtin\":\"04006381333931\"}}", REASON_BARCODE_CONFLICT,
			LINE "/item/gtin",
			"(01) of the barcode is 09506000134352, item/gtin is 04006381333931" },
		{ "{" SCAN ",\"lot\":\"L78\"}", REASON_BARCODE_CONFLICT, LINE "/lot",
			"(10) of the barcode is L77, lot is L78" },
		{ "{" SCAN ",\"expiry\":\"2027-04-30\"}", REASON_BARCODE_CONFLICT, LINE "/expiry",
			"(17) of the barcode is 2027-03-31, expiry is 2027-04-30" },
		{ "{" SCAN ",\"serials\":[\"S2\"]}", REASON_BARCODE_CONFLICT, LINE "/serials",
			"(21) of the barcode is S1" },
		{ "{\"quantity\":1,\"barcode\":\"]C100395060001343500003\","
		  "\"sscc\":\"340123450000000018\"}",
			REASON_BARCODE_CONFLICT, LINE "/sscc",
			"(00) of the barcode is 395060001343500003" },
		{ "{" SCAN ",\"lot\":7}", REASON_FIELD_TYPE, LINE "/lot", "lot must be a string" },
		{ "{" SCAN ",\"item\":7}", REASON_FIELD_TYPE, LINE "/item", "" },
		{ "{" SCAN ",\"serials\":7}", REASON_FIELD_TYPE, LINE "/serials", "" },
	};
	static const struct change same = {
		"{" SCAN ",\"item\":{\"gtin\":\"9506000134352\"},\"lot\":\"L77\","
		"\"expiry\":\"2027-03-31\",\"serials\":[\"S0\",\"S1\"]}",
		"{\"quantity\":\"1\",\"barcode\":\"(01)09506000134352(10)L77(17)270331(21)S1\","
		"\"item\":{\"gtin\":\"09506000134352\"},\"lot\":\"L77\","
		"\"expiry\":\"2027-03-31\",\"serials\":[\"S0\",\"S1\"]}",
		"key:" LINE "/item/gtin", false
	};

	(void)state;
	assert_refused(NULL, rows, N(rows));
	assert_changes(NULL, &same, 1);
}

static void test_a_key_in_clear_is_brought_to_its_full_form(void **state)
{
	static const struct change rows[] = {
		{ "{\"item\":{\"gtin\":\"9506000134352\"},\"quantity\":1}",
			"{\"item\":{\"gtin\":\"09506000134352\"},\"quantity\":\"1\"}",
			"key:" LINE "/item/gtin", false },
		{ "{\"sscc\":\"00395060001343500003\",\"quantity\":1}",
			"{\"sscc\":\"395060001343500003\",\"quantity\":\"1\"}", "key:" LINE "/sscc",
			false },
		{ "{\"sscc\":\"00395060001343500004\",\"quantity\":1}",
			"{\"sscc\":\"00395060001343500004\",\"quantity\":\"1\"}", "", false },
		{ "{\"sscc\":\"PLATE-1\",\"quantity\":1}",
			"{\"sscc\":\"PLATE-1\",\"quantity\":\"1\"}", "", false },
	};
	static const struct refusal row = {
		"{\"item\":{\"gtin\":\"9506000134353\"},\"quantity\":1}", REASON_BARCODE_INVALID,
		LINE "/item/gtin", "9506000134353"
	};

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refused(NULL, &row, 1);
}

static void test_a_package_is_read_like_a_line(void **state)
{
	(void)state;
	assert_data("ship", NULL,
		"{\"packages\":[{\"barcode\":\"]C1003950600013435000033301001240\","
		"\"lines\":[{\"barcode\":\"]E09506000134352\"}]},{}]}",
		"{\"packages\":[{\"barcode\":\"]C1003950600013435000033301001240\","
		"\"lines\":[{\"barcode\":\"]E09506000134352\","
		"\"item\":{\"gtin\":\"09506000134352\"}}],\"sscc\":\"395060001343500003\","
		"\"weight\":{\"value\":\"124\",\"uom\":\"KGM\"}},{}]}",
		"gs1:/data/packages/0/sscc gs1:/data/packages/0/weight/value "
		"gs1:/data/packages/0/weight/uom gs1:/data/packages/0/lines/0/item/gtin",
		false);
	assert_data("pack", &site_empty,
		"{\"package\":{\"weight\":{\"value\":1,\"uom\":\"lb\"},"
		"\"dimensions\":{\"length\":1,\"uom\":\"cm\"}},"
		"\"lines\":[{" ITEM ",\"quantity\":1}]}",
		"{\"package\":{\"weight\":{\"value\":\"1\",\"uom\":\"LBR\"},"
		"\"dimensions\":{\"length\":\"1\",\"uom\":\"CMT\"}},"
		"\"lines\":[{" ITEM ",\"quantity\":\"1\"}]}",
		"unit:/data/package/weight/uom unit:/data/package/dimensions/uom", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_barcode_fills_what_the_line_does_not_say),
		cmocka_unit_test(test_a_barcode_says_how_much_where_the_line_says_nothing_of_it),
		cmocka_unit_test(test_what_a_pallet_holds_is_read_without_the_symbol_of_its_sscc),
		cmocka_unit_test(test_a_plain_barcode_is_left_alone),
		cmocka_unit_test(test_the_bytes_of_a_scan_are_its_text_where_they_are_one),
		cmocka_unit_test(test_a_barcode_that_can_not_be_read_is_invalid),
		cmocka_unit_test(test_what_a_barcode_contradicts_is_a_conflict),
		cmocka_unit_test(test_a_key_in_clear_is_brought_to_its_full_form),
		cmocka_unit_test(test_a_package_is_read_like_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
