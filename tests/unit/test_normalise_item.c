/* Items by the site's own number, quantities in the item's base unit. */
#include "help_normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"

static void test_an_item_is_known_by_the_sites_own_number(void **state)
{
	static const struct change rows[] = {
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"EA\"}",
			"{" ITEM ",\"quantity\":\"1\",\"uom\":\"EA\"}", "", false },
		{ "{" OF("OLD-1") ",\"quantity\":1,\"uom\":\"EA\"}",
			"{" ITEM ",\"quantity\":\"1\",\"uom\":\"EA\"}", "item:" LINE "/item/sku",
			true },
		{ "{\"item\":{\"gtin\":\"9506000134352\"},\"quantity\":1,\"uom\":\"EA\"}",
			"{\"item\":{\"gtin\":\"09506000134352\",\"sku\":\"SKU-1\"},"
			"\"quantity\":\"1\",\"uom\":\"EA\"}",
			"key:" LINE "/item/gtin item:" LINE "/item/sku", false },
		/* As the document's supplier calls it; any supplier's A-77 is another. */
		{ "{\"item\":{\"supplier_item\":\"A-77\"},\"quantity\":1,\"uom\":\"EA\"}",
			"{\"item\":{\"supplier_item\":\"A-77\",\"sku\":\"SKU-1\"},"
			"\"quantity\":\"1\",\"uom\":\"EA\"}",
			"item:" LINE "/item/sku", false },
		/* A new GTIN of an article that is known. */
		{ "{\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"99506000134355\"},\"quantity\":1,"
		  "\"uom\":\"EA\"}",
			"{\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"99506000134355\"},"
			"\"quantity\":\"1\",\"uom\":\"EA\"}",
			"", false },
		{ "{\"sscc\":\"395060001343500003\",\"quantity\":1}",
			"{\"sscc\":\"395060001343500003\",\"quantity\":\"1\"}", "", false },
		{ "{\"barcode\":\"]E09506000134352\",\"quantity\":1,\"uom\":\"EA\"}",
			"{\"barcode\":\"]E09506000134352\",\"quantity\":\"1\",\"uom\":\"EA\","
			"\"item\":{\"gtin\":\"09506000134352\",\"sku\":\"SKU-1\"}}",
			"gs1:" LINE "/item/gtin item:" LINE "/item/sku", false },
	};

	(void)state;
	assert_changes(&site_stocked, rows, N(rows));
	assert_data("receipt", &site_stocked,
		"{\"lines\":[{\"item\":{\"supplier_item\":\"A-77\"},\"quantity\":1}]}",
		"{\"lines\":[{\"item\":{\"supplier_item\":\"A-77\",\"sku\":\"SKU-2\"},"
		"\"quantity\":\"1\",\"uom\":\"KGM\"}]}",
		"item:" LINE "/item/sku unit:" LINE "/uom", false);
}

static void test_an_item_that_nobody_knows_is_unknown(void **state)
{
	static const struct refusal rows[] = {
		{ "{" OF("SKU-9") ",\"quantity\":1}", REASON_ITEM_UNKNOWN, LINE "/item/sku",
			"SKU-9" },
		{ "{\"item\":{\"sku\":\"SKU-9\",\"gtin\":\"09506000134352\"},\"quantity\":1}",
			REASON_ITEM_UNKNOWN, LINE "/item/sku", "SKU-9" },
		{ "{\"item\":{\"gtin\":\"99506000134355\"},\"quantity\":1}", REASON_ITEM_UNKNOWN,
			LINE "/item/gtin", "99506000134355" },
		{ "{\"item\":{\"supplier_item\":\"Z\"},\"quantity\":1}", REASON_ITEM_UNKNOWN,
			LINE "/item/supplier_item", "Z" },
		{ "{\"barcode\":\"(01)99506000134355\",\"quantity\":1}", REASON_ITEM_UNKNOWN,
			LINE "/item/gtin", "99506000134355" },
		/* Two names in clear that mean two things: which one can't be said. */
		{ "{\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"04006381333931\"},\"quantity\":1}",
			REASON_ITEM_UNKNOWN, LINE "/item/gtin", "sku is of SKU-1, gtin of SKU-2" },
		{ "{" ITEM ",\"barcode\":\"]E04006381333931\",\"quantity\":1}",
			REASON_BARCODE_CONFLICT, LINE "/item/gtin",
			"sku is of SKU-1, gtin of SKU-2" },
		{ "{" ITEM ",\"quantity\":1},{" OF("SKU-9") ",\"quantity\":1}", REASON_ITEM_UNKNOWN,
			"/data/lines/1/item/sku", "SKU-9" },
	};
	static const struct change row = { "{" OF("SKU-9") ",\"quantity\":1}",
		"{" OF("SKU-9") ",\"quantity\":\"1\"}", "", false };

	(void)state;
	assert_refused(&site_stocked, rows, N(rows));
	assert_changes(&site_empty, &row, 1); /* no item at all: they pass as they are */
	assert_changes(NULL, &row, 1);
}

static void test_a_quantity_becomes_the_items_base_unit(void **state)
{
	static const struct change rows[] = {
		{ "{" ITEM ",\"quantity\":2,\"requested\":3,\"allocated\":1,\"failed\":0,"
		  "\"accepted\":1,\"uom\":\"case\"}",
			"{" ITEM ",\"quantity\":\"24\",\"requested\":\"36\",\"allocated\":\"12\","
			"\"failed\":\"0\",\"accepted\":\"12\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/requested unit:" LINE
			"/allocated unit:" LINE "/accepted unit:" LINE "/uom",
			true },
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"XPX\"}",
			"{" ITEM ",\"quantity\":\"576\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" ITEM ",\"quantity\":2,\"uom\":\"DZN\"}",
			"{" ITEM ",\"quantity\":\"24\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" ITEM ",\"quantity\":3,\"uom\":\"Stk\"}",
			"{" ITEM ",\"quantity\":\"3\",\"uom\":\"EA\"}", "unit:" LINE "/uom", true },
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"Krt\"}",
			"{" ITEM ",\"quantity\":\"12\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" OF("SKU-2") ",\"quantity\":\"2500\",\"uom\":\"g\"}",
			"{" OF("SKU-2") ",\"quantity\":\"2.5\",\"uom\":\"KGM\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" OF("SKU-2") ",\"quantity\":25,\"uom\":\"Hectogram\"}",
			"{" OF("SKU-2") ",\"quantity\":\"2.5\",\"uom\":\"KGM\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" OF("SKU-2") ",\"quantity\":3,\"uom\":\"BG\"}",
			"{" OF("SKU-2") ",\"quantity\":\"7.5\",\"uom\":\"KGM\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		/* The item's own pack, of whatever kind. */
		{ "{" ITEM ",\"quantity\":4,\"uom\":\"LTR\"}",
			"{" ITEM ",\"quantity\":\"2\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		/* No unit said: what the code names, the base otherwise. */
		{ "{\"item\":{\"gtin\":\"19506000134359\"},\"quantity\":2}",
			"{\"item\":{\"gtin\":\"19506000134359\",\"sku\":\"SKU-1\"},"
			"\"quantity\":\"24\",\"uom\":\"EA\"}",
			"item:" LINE "/item/sku unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{\"item\":{\"gtin\":\"19506000134359\"},\"quantity\":2,\"uom\":\"EA\"}",
			"{\"item\":{\"gtin\":\"19506000134359\",\"sku\":\"SKU-1\"},"
			"\"quantity\":\"2\",\"uom\":\"EA\"}",
			"item:" LINE "/item/sku", false },
		{ "{\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"19506000134359\"},\"quantity\":2}",
			"{\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"19506000134359\"},"
			"\"quantity\":\"24\",\"uom\":\"EA\"}",
			"unit:" LINE "/quantity unit:" LINE "/uom", true },
		{ "{" ITEM ",\"quantity\":2}", "{" ITEM ",\"quantity\":\"2\",\"uom\":\"EA\"}",
			"unit:" LINE "/uom", false },
		/* No base unit known: the code alone. */
		{ "{" OF("SKU-3") ",\"quantity\":\"1.5\",\"uom\":\"boxes\"}",
			"{" OF("SKU-3") ",\"quantity\":\"1.5\",\"uom\":\"BX\"}",
			"unit:" LINE "/uom", true },
		{ "{\"sscc\":\"1\",\"quantity\":1,\"uom\":\"PL\"}",
			"{\"sscc\":\"1\",\"quantity\":\"1\",\"uom\":\"PX\"}", "unit:" LINE "/uom",
			true },
		{ "{" OF("SKU-4") ",\"quantity\":1,\"uom\":\"KG\"}",
			"{" OF("SKU-4") ",\"quantity\":\"1\",\"uom\":\"XKG\"}", "unit:" LINE "/uom",
			true },
	};

	(void)state;
	assert_changes(&site_stocked, rows, N(rows));
}

static void test_a_unit_without_a_quantity_is_only_named(void **state)
{
	(void)state;
	assert_data("asn", &site_stocked, "{\"lines\":[{" ITEM ",\"uom\":\"box\"},{" ITEM "}]}",
		"{\"lines\":[{" ITEM ",\"uom\":\"BX\"},{" ITEM "}]}", "unit:" LINE "/uom", true);
}

static void test_a_unit_that_nobody_knows_is_unknown(void **state)
{
	static const struct refusal rows[] = {
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"blob\"}", REASON_UOM_UNKNOWN, LINE "/uom",
			"blob" },
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"odd\"}", REASON_UOM_UNKNOWN, LINE "/uom",
			"odd" },
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"gallon\"}", REASON_UOM_UNKNOWN, LINE "/uom",
			"gallon" },
	};
	static const struct refusal without_items = { "{" ITEM ",\"quantity\":1,\"uom\":\"blob\"}",
		REASON_UOM_UNKNOWN, LINE "/uom", "blob" };
	static const struct change without_reference = { "{" ITEM
							 ",\"quantity\":1,\"uom\":\"blob\"}",
		"{" ITEM ",\"quantity\":\"1\",\"uom\":\"blob\"}", "", false };
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_refused(&site_stocked, rows, N(rows));
	assert_refused(&site_empty, &without_items, 1);
	assert_changes(NULL, &without_reference, 1);
	assert_int_equal(site_parse("ship",
				 "{\"packages\":[{},{\"weight\":{\"value\":1,\"uom\":\"ells\"}}]}",
				 &site_empty, false, &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_UOM_UNKNOWN);
	assert_string_equal(problem.field, "/data/packages/1/weight/uom");
}

static void test_what_does_not_convert_exactly_is_inexact(void **state)
{
	static const struct refusal rows[] = {
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"BX\"}", REASON_UOM_INEXACT, LINE "/uom",
			"how much EA of SKU-1 is in BX is not known" },
		{ "{" ITEM ",\"quantity\":1,\"uom\":\"KGM\"}", REASON_UOM_INEXACT, LINE "/uom",
			"KGM" },
		{ "{" ITEM ",\"quantity\":\"0.5\",\"uom\":\"EA\"}", REASON_UOM_INEXACT,
			LINE "/quantity", "0.5 EA" },
		{ "{" ITEM ",\"quantity\":\"0.1\",\"uom\":\"CS\"}", REASON_UOM_INEXACT,
			LINE "/quantity", "0.1 CS" },
		{ "{" ITEM ",\"quantity\":2,\"requested\":\"0.3\",\"uom\":\"CS\"}",
			REASON_UOM_INEXACT, LINE "/requested", "0.3 CS" },
		{ "{" OF("SKU-2") ",\"quantity\":\"999999999999999999\",\"uom\":\"TNE\"}",
			REASON_UOM_INEXACT, LINE "/quantity", "TNE" },
		{ "{" OF("SKU-2") ",\"quantity\":\"0.00000000000000001\",\"uom\":\"GRM\"}",
			REASON_UOM_INEXACT, LINE "/quantity", "GRM" },
		{ "{\"item\":{\"gtin\":\"19506000134359\"},\"quantity\":\"0.1\"}",
			REASON_UOM_INEXACT, LINE "/quantity", "0.1" },
	};

	(void)state;
	assert_refused(&site_stocked, rows, N(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_item_is_known_by_the_sites_own_number),
		cmocka_unit_test(test_an_item_that_nobody_knows_is_unknown),
		cmocka_unit_test(test_a_quantity_becomes_the_items_base_unit),
		cmocka_unit_test(test_a_unit_without_a_quantity_is_only_named),
		cmocka_unit_test(test_a_unit_that_nobody_knows_is_unknown),
		cmocka_unit_test(test_what_does_not_convert_exactly_is_inexact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
