/*
 * Data made canonical at the door: what a barcode fills in and what it contradicts, items by the site's
 * own number, quantities in the item's base unit.
 */
#include "dray/event.h"
#include "dray/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"

#define N(array_) (sizeof(array_) / sizeof(*(array_)))
#define GS "\\u001d"

static const struct json_limits scan_limits = { 1 << 18, 32, 100000, false };
static const struct event_limits event_limits = { 1 << 18, 32, 500 };

/* --- a site's items and units ------------------------------------------------------------------------ */

static const struct {
	const char *scheme, *code, *sku, *uom, *pack;
} items[] = {
	{ "sku", "SKU-1", "SKU-1", "EA", "" },
	{ "sku", "OLD-1", "SKU-1", "EA", "" },
	{ "gtin", "09506000134352", "SKU-1", "EA", "" },
	{ "gtin", "19506000134359", "SKU-1", "EA", "12" },
	{ "supplier_item", "ACME/A-77", "SKU-1", "EA", "" },
	{ "supplier_item", "A-77", "SKU-2", "KGM", "" },
	{ "sku", "SKU-2", "SKU-2", "KGM", "" },
	{ "gtin", "04006381333931", "SKU-2", "KGM", "" },
	{ "sku", "SKU-3", "SKU-3", "", "" },
	{ "sku", "SKU-4", "SKU-4", "XKG", "" },
};

static const struct {
	const char *sku, *uom, *pack;
} packs[] = {
	{ "SKU-1", "CS", "12" },
	{ "SKU-1", "PX", "576" },
	{ "SKU-1", "LTR", "0.5" },
	{ "SKU-2", "BG", "2.5" },
};

static const struct {
	const char *name, *code;
} units[] = {
	{ "Stk", "H87" },
	{ "KG", "XKG" }, /* a brewery's keg: local names win */
	{ "Krt", "XCS" },
	{ "odd", "no unit" },
};

struct site {
	bool has_items;
	bool is_broken; /* the store can't be read */
};

static bool has_items(void *ctx)
{
	return ((struct site *)ctx)->has_items;
}

static int find_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	if (((struct site *)ctx)->is_broken)
		return -1;
	for (size_t i = 0; i < N(items); i++)
		if (strcmp(items[i].scheme, scheme) == 0 && strcmp(items[i].code, code) == 0) {
			(void)snprintf(ret->sku, sizeof(ret->sku), "%s", items[i].sku);
			(void)snprintf(ret->uom, sizeof(ret->uom), "%s", items[i].uom);
			(void)snprintf(ret->pack, sizeof(ret->pack), "%s", items[i].pack);
			return 1;
		}
	return 0;
}

static int find_pack(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX])
{
	(void)ctx;
	for (size_t i = 0; i < N(packs); i++)
		if (strcmp(packs[i].sku, sku) == 0 && strcmp(packs[i].uom, uom) == 0)
			return snprintf(ret, DECIMAL_TEXT_MAX, "%s", packs[i].pack) > 0;
	return 0;
}

static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	if (((struct site *)ctx)->is_broken)
		return -1;
	for (size_t i = 0; i < N(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return snprintf(ret, REFERENCE_UOM_MAX, "%s", units[i].code) > 0;
	return 0;
}

static struct site stocked = { true, false };
static struct site empty = { false, false };
static struct site broken = { true, true };

/* --- an event of one type, read -------------------------------------------------------------------- */

static int parse(const char *type, const char *data, struct site *site, bool accepts_invalid,
	struct event *ret, struct problem *ret_problem)
{
	const struct reference reference = { has_items, find_item, find_pack, find_unit, site };
	struct event_context context = { .site = "s",
		.topic_device = "d",
		.limits = &event_limits,
		.received_at_ms = INT64_C(1795269845000), /* 2026-11-21 */
		.reference = site ? &reference : NULL,
		.accepts_invalid = accepts_invalid };
	struct buf text = BUF_INIT;
	struct buf scratch = BUF_INIT;
	cJSON *object;

	buf_printf(&text, "{\"id\":\"1\",\"time\":0,\"type\":\"%s\",\"data\":%s}", type, data);
	object = json_parse(text.data, text.len, &scan_limits, &scratch, NULL);
	assert_non_null(object);
	buf_done(&text);
	buf_done(&scratch);
	return event_parse(object, &context, ret, ret_problem);
}

struct change {
	const char *line;     /* as sent */
	const char *expected; /* as stored */
	const char *noted;    /* draynormalised */
	bool is_changed;
};

static void assert_data(const char *type, struct site *site, const char *data, const char *expected,
	const char *noted, bool is_changed)
{
	struct buf out = BUF_INIT;
	struct problem problem = { 0 };
	const char *changes;
	struct event event;

	if (parse(type, data, site, false, &event, &problem) < 0)
		fail_msg("%s %s: %s (%s)", reason_word(problem.reason), problem.field,
			problem.message, data);
	json_print(event.data, &out);
	assert_string_equal(out.data, expected);
	changes = event_field_string(&event, "draynormalised");
	if (strcmp(changes ? changes : "", noted) != 0)
		fail_msg("'%s' and not '%s' (%s)", changes ? changes : "", noted, data);
	if (event.is_changed != is_changed)
		fail_msg("is_changed %d (%s)", event.is_changed, data);
	event_done(&event);
	buf_done(&out);
}

static void assert_changes(struct site *site, const struct change *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char data[1024];
		char expected[1024];

		(void)snprintf(data, sizeof(data),
			"{\"supplier\":{\"id\":\"ACME\"},\"lines\":[%s]}", rows[i].line);
		(void)snprintf(expected, sizeof(expected),
			"{\"supplier\":{\"id\":\"ACME\"},\"lines\":[%s]}", rows[i].expected);
		assert_data("receipt", site, data, expected, rows[i].noted, rows[i].is_changed);
	}
}

struct refusal {
	const char *line;
	enum reason reason;
	const char *field;
	const char *message; /* a part of it */
};

static void assert_refuses(struct site *site, const struct refusal *row)
{
	struct problem problem = { 0 };
	struct event event;
	char data[1024];

	(void)snprintf(data, sizeof(data), "{\"lines\":[%s]}", row->line);
	if (parse("receipt", data, site, false, &event, &problem) == 0)
		fail_msg("taken: %s", row->line);
	if (problem.reason != row->reason || strcmp(problem.field, row->field) != 0 ||
		!strstr(problem.message, row->message))
		fail_msg("%s %s: %s (%s)", reason_word(problem.reason), problem.field,
			problem.message, row->line);
}

static void assert_all_refused(struct site *site, const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refuses(site, &rows[i]);
}

#define ITEM "\"item\":{\"sku\":\"SKU-1\"}"
#define OF(sku_) "\"item\":{\"sku\":\"" sku_ "\"}"
#define LINE "/data/lines/0"

/* --- barcodes ---------------------------------------------------------------------------------------- */

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
	static const struct refusal half = { "{\"barcode\":\"(01)99506000134355(30)8\","
					     "\"uom\":\"EA\"}",
		REASON_FIELD_MISSING, LINE "/quantity", "" };
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refuses(NULL, &half);
	assert_int_equal(parse("adjust", "{\"lines\":[{\"barcode\":\"(01)99506000134355(30)8\"}]}",
				 NULL, false, &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_FIELD_MISSING);
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
	assert_refuses(NULL, &broken_one);
}

static void test_a_barcode_that_can_not_be_read_is_invalid(void **state)
{
	static const struct refusal rows[] = {
		{ "{\"barcode\":\"]C10109506000134353\",\"quantity\":1}", REASON_BARCODE_INVALID,
			LINE "/barcode", "(01)" },
		{ "{\"barcode\":\"]C1010950600013435217271331\",\"quantity\":1}",
			REASON_BARCODE_INVALID, LINE "/barcode", "(17)" },
		{ "{\"barcode\":\"]C110L77\",\"quantity\":1}", REASON_BARCODE_INVALID,
			LINE "/barcode", "(10)" },
		{ "{" ITEM ",\"quantity\":1,\"barcode\":\"]C109999\"}", REASON_BARCODE_INVALID,
			LINE "/barcode", "" },
	};
	static const struct change known = { "{" ITEM ",\"quantity\":1,\"barcode\":\"]C110L77\"}",
		"{" ITEM ",\"quantity\":\"1\",\"barcode\":\"]C110L77\",\"lot\":\"L77\"}",
		"gs1:" LINE "/lot", false };

	(void)state;
	assert_all_refused(NULL, rows, N(rows));
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
	assert_all_refused(NULL, rows, N(rows));
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
		{ "{\"sscc\":\"PLATE-1\",\"quantity\":1}",
			"{\"sscc\":\"PLATE-1\",\"quantity\":\"1\"}", "", false },
	};
	static const struct refusal row = {
		"{\"item\":{\"gtin\":\"9506000134353\"},\"quantity\":1}", REASON_BARCODE_INVALID,
		LINE "/item/gtin", "9506000134353"
	};

	(void)state;
	assert_changes(NULL, rows, N(rows));
	assert_refuses(NULL, &row);
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
	assert_data("pack", &empty,
		"{\"package\":{\"weight\":{\"value\":1,\"uom\":\"lb\"},"
		"\"dimensions\":{\"length\":1,\"uom\":\"cm\"}},"
		"\"lines\":[{" ITEM ",\"quantity\":1}]}",
		"{\"package\":{\"weight\":{\"value\":\"1\",\"uom\":\"LBR\"},"
		"\"dimensions\":{\"length\":\"1\",\"uom\":\"CMT\"}},"
		"\"lines\":[{" ITEM ",\"quantity\":\"1\"}]}",
		"unit:/data/package/weight/uom unit:/data/package/dimensions/uom", true);
}

/* --- items ------------------------------------------------------------------------------------------- */

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
	assert_changes(&stocked, rows, N(rows));
	assert_data("receipt", &stocked,
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
	assert_all_refused(&stocked, rows, N(rows));
	assert_changes(&empty, &row, 1); /* no item at all: they pass as they are */
	assert_changes(NULL, &row, 1);
}

/* --- units ------------------------------------------------------------------------------------------- */

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
	assert_changes(&stocked, rows, N(rows));
}

static void test_a_unit_without_a_quantity_is_only_named(void **state)
{
	(void)state;
	assert_data("asn", &stocked, "{\"lines\":[{" ITEM ",\"uom\":\"box\"},{" ITEM "}]}",
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
	assert_all_refused(&stocked, rows, N(rows));
	assert_refuses(&empty, &without_items);
	assert_changes(NULL, &without_reference, 1);
	assert_int_equal(
		parse("ship", "{\"packages\":[{},{\"weight\":{\"value\":1,\"uom\":\"ells\"}}]}",
			&empty, false, &event, &problem),
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
	assert_all_refused(&stocked, rows, N(rows));
}

/* --- all of it --------------------------------------------------------------------------------------- */

static void test_a_store_that_can_not_be_read_refuses_even_what_accepts_anything(void **state)
{
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_int_equal(parse("receipt", "{\"lines\":[{" ITEM ",\"quantity\":1}]}", &broken, true,
				 &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_STORE_FULL);
	assert_int_equal(
		parse("receipt", "{\"lines\":[{\"sscc\":\"1\",\"quantity\":1,\"uom\":\"EA\"}]}",
			&broken, true, &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_STORE_FULL);
}

static void test_what_is_accepted_though_invalid_says_why(void **state)
{
	struct buf out = BUF_INIT;
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_int_equal(
		parse("receipt",
			"{\"lines\":[{\"barcode\":\"]C10109506000134353\",\"quantity\":\"2.50\"}]}",
			&stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_BARCODE_INVALID);
	json_print(event.data, &out);
	assert_string_equal(out.data,
		"{\"lines\":[{\"barcode\":\"]C10109506000134353\",\"quantity\":\"2.50\"}]}");
	event_done(&event);
	buf_reset(&out);
	assert_int_equal(parse("receipt",
				 "{\"lines\":[{" OF("OLD-1") ",\"quantity\":1},{" OF(
					 "SKU-9") ",\"quantity\":\"2.50\",\"uom\":\"g\"}]}",
				 &stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_ITEM_UNKNOWN);
	json_print(event.data, &out);
	assert_string_equal(
		out.data, "{\"lines\":[{" ITEM ",\"quantity\":\"1\",\"uom\":\"EA\"},{" OF(
				  "SKU-9") ",\"quantity\":\"2.5\",\"uom\":\"g\"}]}");
	event_done(&event);
	buf_reset(&out);
	/* The quantities of a line share its unit: all are converted or none is. */
	assert_int_equal(parse("receipt",
				 "{\"lines\":[{" ITEM
				 ",\"quantity\":2,\"requested\":\"0.3\",\"uom\":\"CS\"}]}",
				 &stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_UOM_INEXACT);
	json_print(event.data, &out);
	assert_string_equal(out.data,
		"{\"lines\":[{" ITEM ",\"quantity\":\"2\",\"requested\":\"0.3\",\"uom\":\"CS\"}]}");
	event_done(&event);
	assert_int_equal(parse("receipt", "{\"lines\":[{" ITEM ",\"quantity\":1}]}", &stocked, true,
				 &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_NONE);
	event_done(&event);
	buf_done(&out);
}

/* The content of an event is what was sent. */
static void test_the_digest_covers_what_was_sent(void **state)
{
	static const char data[] = "{\"lines\":[{\"barcode\":\"(01)09506000134352(30)8\"}]}";
	struct problem problem = { 0 };
	struct event plain;
	struct event resolved;

	(void)state;
	assert_int_equal(parse("receipt", data, NULL, false, &plain, &problem), 0);
	assert_int_equal(parse("receipt", data, &stocked, false, &resolved, &problem), 0);
	assert_memory_equal(plain.digest, resolved.digest, sizeof(plain.digest));
	assert_null(event_field(&plain, "data.lines.0.item.sku"));
	assert_string_equal(event_field_string(&resolved, "data.lines.0.item.sku"), "SKU-1");
	event_done(&plain);
	event_done(&resolved);
}

static void put_lines(struct buf *data, unsigned n, const char *line)
{
	buf_puts(data, "{\"lines\":[");
	for (unsigned i = 0; i < n; i++)
		buf_printf(data, "%s%s", i ? "," : "", line);
	buf_puts(data, "]}");
}

static void test_five_hundred_lines_of_barcodes_are_read_and_one_more_is_not(void **state)
{
	static const char line[] =
		"{\"barcode\":\"(01)09506000134352(10)L77(17)270331(21)S1(30)8\"}";
	struct buf data = BUF_INIT;
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	put_lines(&data, 500, line);
	assert_int_equal(parse("receipt", data.data, &stocked, false, &event, &problem), 0);
	assert_string_equal(event_field_string(&event, "data.lines.499.item.sku"), "SKU-1");
	assert_non_null(strstr(
		event_field_string(&event, "draynormalised"), "gs1:/data/lines/499/quantity"));
	event_done(&event);
	buf_reset(&data);
	put_lines(&data, 501, line);
	assert_int_equal(parse("receipt", data.data, &stocked, false, &event, &problem), -1);
	assert_int_equal(problem.reason, REASON_TOO_MANY_LINES);
	buf_done(&data);
}

static void test_attributes_of_our_own_are_only_ours(void **state)
{
	static const char object[] =
		"{\"id\":\"1\",\"time\":\"2026-11-21T14:00:00Z\",\"senttime\":\"%s\","
		"\"type\":\"tracking\",\"draynormalised\":\"x\",\"drayskew\":\"7\",\"data\":{}}";
	static const struct {
		const char *sent;
		int64_t bound_ms;
		const char *skew; /* NULL: none */
	} rows[] = {
		{ "2026-11-21T14:00:00Z", 60000, "245" },
		{ "2026-11-21T15:04:05Z", 60000, "-3600" },
		{ "2026-11-21T14:03:30Z", 60000, NULL },
		{ "2026-11-21T14:00:00Z", 0, NULL },
		{ "2026-11-21T14:03:05Z", 60000, NULL },
		{ "2026-11-21T14:03:04.999Z", 60000, "60" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct event_context context = { .site = "s",
			.topic_device = "d",
			.limits = &event_limits,
			.received_at_ms = INT64_C(1795269845000),
			.max_skew_ms = rows[i].bound_ms };
		struct problem problem = { 0 };
		struct event event;
		char text[256];
		const char *skew;

		(void)snprintf(text, sizeof(text), object, rows[i].sent);
		assert_int_equal(event_parse(cJSON_Parse(text), &context, &event, &problem), 0);
		skew = event_field_string(&event, "drayskew");
		if (strcmp(skew ? skew : "", rows[i].skew ? rows[i].skew : "") != 0)
			fail_msg("%s: %s", rows[i].sent, skew ? skew : "none");
		assert_null(event_field(&event, "draynormalised"));
		event_done(&event);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_barcode_fills_what_the_line_does_not_say),
		cmocka_unit_test(test_a_barcode_says_how_much_where_the_line_says_nothing_of_it),
		cmocka_unit_test(test_a_plain_barcode_is_left_alone),
		cmocka_unit_test(test_the_bytes_of_a_scan_are_its_text_where_they_are_one),
		cmocka_unit_test(test_a_barcode_that_can_not_be_read_is_invalid),
		cmocka_unit_test(test_what_a_barcode_contradicts_is_a_conflict),
		cmocka_unit_test(test_a_key_in_clear_is_brought_to_its_full_form),
		cmocka_unit_test(test_a_package_is_read_like_a_line),
		cmocka_unit_test(test_an_item_is_known_by_the_sites_own_number),
		cmocka_unit_test(test_an_item_that_nobody_knows_is_unknown),
		cmocka_unit_test(test_a_quantity_becomes_the_items_base_unit),
		cmocka_unit_test(test_a_unit_without_a_quantity_is_only_named),
		cmocka_unit_test(test_a_unit_that_nobody_knows_is_unknown),
		cmocka_unit_test(test_what_does_not_convert_exactly_is_inexact),
		cmocka_unit_test(
			test_a_store_that_can_not_be_read_refuses_even_what_accepts_anything),
		cmocka_unit_test(test_what_is_accepted_though_invalid_says_why),
		cmocka_unit_test(test_the_digest_covers_what_was_sent),
		cmocka_unit_test(test_five_hundred_lines_of_barcodes_are_read_and_one_more_is_not),
		cmocka_unit_test(test_attributes_of_our_own_are_only_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
