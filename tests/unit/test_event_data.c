/* data held against the declared table: what is refused, what is normalised, what is left alone. */
#include "dray/event.h"
#include "dray/event_types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"

static const struct json_limits scan_limits = { 1 << 18, 32, 100000, false };
static const struct event_limits event_limits = { 1 << 18, 32, 3 };

static int parse(const char *type, const char *data, struct event *ret, struct problem *ret_problem)
{
	struct event_context context = {
		.site = "s", .topic_device = "d", .limits = &event_limits
	};
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

static void assert_takes(const char *type, const char *data, const char *expected)
{
	struct buf out = BUF_INIT;
	struct problem problem = { 0 };
	struct event event;

	if (parse(type, data, &event, &problem) < 0)
		fail_msg("%s %s: %s", reason_word(problem.reason), problem.field, problem.message);
	json_print(event.data, &out);
	assert_string_equal(out.data, expected);
	event_done(&event);
	buf_done(&out);
}

struct refusal {
	const char *type;
	const char *data;
	enum reason reason;
	const char *field;
};

static void assert_refuses(const struct refusal *row)
{
	struct problem problem = { 0 };
	struct event event;

	if (parse(row->type, row->data, &event, &problem) == 0)
		fail_msg("taken: %s", row->data);
	if (problem.reason != row->reason || strcmp(problem.field, row->field) != 0)
		fail_msg("%s %s (%s): %s", reason_word(problem.reason), problem.field,
			problem.message, row->data);
}

#define LINE(rest) "{\"lines\":[{\"item\":{\"sku\":\"A\"},\"quantity\":1," rest "}]}"
#define QUANTITY(q) "{\"lines\":[{\"item\":{\"sku\":\"A\"},\"quantity\":" q "}]}"

static void test_a_line_that_was_handled_says_what_and_how_much(void **state)
{
	static const struct refusal rows[] = {
		{ "receipt", "{}", REASON_FIELD_MISSING, "/data/lines" },
		{ "receipt", "{\"lines\":null}", REASON_FIELD_MISSING, "/data/lines" },
		{ "receipt", "{\"lines\":[]}", REASON_FIELD_MISSING, "/data/lines" },
		{ "receipt", "{\"lines\":{}}", REASON_FIELD_TYPE, "/data/lines" },
		{ "receipt", "{\"lines\":[7]}", REASON_FIELD_TYPE, "/data/lines/0" },
		{ "receipt", "{\"lines\":[{\"item\":{\"sku\":\"A\"}}]}", REASON_FIELD_MISSING,
			"/data/lines/0/quantity" },
		{ "receipt", "{\"lines\":[{\"sscc\":\"1\",\"quantity\":1},{\"quantity\":1}]}",
			REASON_FIELD_MISSING, "/data/lines/1/item" },
		{ "receipt", "{\"lines\":[{\"item\":{},\"quantity\":1}]}", REASON_FIELD_MISSING,
			"/data/lines/0/item/sku" },
		{ "receipt", "{\"lines\":[{\"item\":{\"sku\":\"\"},\"quantity\":1}]}",
			REASON_FIELD_RANGE, "/data/lines/0/item/sku" },
		{ "receipt", "{\"lines\":[{\"item\":{\"sku\":5},\"quantity\":1}]}",
			REASON_FIELD_TYPE, "/data/lines/0/item/sku" },
		{ "receipt", "{\"lines\":[{\"item\":\"A\",\"quantity\":1}]}", REASON_FIELD_TYPE,
			"/data/lines/0/item" },
	};
	static const char *const types[] = { "receipt", "putaway", "pick", "pack", "transfer",
		"adjust", "count", "status" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refuses(&rows[i]);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct refusal row = { types[i], "{}", REASON_FIELD_MISSING, "/data/lines" };

		assert_refuses(&row);
		assert_takes(types[i], "{\"lines\":[{\"barcode\":\"x\",\"quantity\":1}]}",
			"{\"lines\":[{\"barcode\":\"x\",\"quantity\":\"1\"}]}");
	}
}

#define SCANNED(bytes) "{\"lines\":[{\"scan_bytes\":" bytes ",\"quantity\":\"1\"}]}"

static void test_a_scan_that_is_no_text_identifies_a_line_in_base64(void **state)
{
	static const char *const taken[] = { SCANNED("\"/wBdQQ==\""), SCANNED("\"+/8A\""),
		SCANNED("\"/w8=\"") };
	static const char *const refused[] = { SCANNED("\"/wBdQ\""), SCANNED("\"/wBdQ=\""),
		SCANNED("\"/w=A\""), SCANNED("\"====\""), SCANNED("\"_wBd\""), SCANNED("\"/wBd \""),
		SCANNED("\"/wBdQQ==\\n\"") };
	const struct refusal mistyped = { "receipt", SCANNED("[255]"), REASON_FIELD_TYPE,
		"/data/lines/0/scan_bytes" };
	const struct refusal empty = { "receipt", SCANNED("\"\""), REASON_FIELD_RANGE,
		"/data/lines/0/scan_bytes" };

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		assert_takes("receipt", taken[i], taken[i]);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct refusal row = { "receipt", refused[i], REASON_BARCODE_INVALID,
			"/data/lines/0/scan_bytes" };

		assert_refuses(&row);
	}
	assert_refuses(&mistyped);
	assert_refuses(&empty);
}

/* Who compares an invoice with it wants the cents as they were written. */
static void test_money_is_kept_as_it_was_sent(void **state)
{
	static const char *const amounts[] = { "\"31.90\"", "\"0031.9\"", "31.9", "12",
		"\"-4.50\"" };
	static const char *const invalid[] = { "\"31,90\"", "\"\"", "\"EUR 3\"" };
	char data[128];

	(void)state;
	for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++) {
		(void)snprintf(
			data, sizeof(data), "{\"freight_cost\":{\"amount\":%s}}", amounts[i]);
		assert_takes("ship", data, data);
	}
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
		struct refusal row = { "tracking", data, REASON_QUANTITY_INVALID,
			"/data/freight_cost/amount" };

		(void)snprintf(
			data, sizeof(data), "{\"freight_cost\":{\"amount\":%s}}", invalid[i]);
		assert_refuses(&row);
	}
}

static void test_quantities_become_canonical_strings(void **state)
{
	static const char *const pairs[][2] = {
		{ "12", "\"12\"" },
		{ "0", "\"0\"" },
		{ "-0.0", "\"0\"" },
		{ "2.50", "\"2.5\"" },
		{ "\"2.50\"", "\"2.5\"" },
		{ "\"1e3\"", "\"1000\"" },
		{ "1e3", "\"1000\"" },
		{ "1e-7", "\"0.0000001\"" },
		{ "0.1", "\"0.1\"" },
		{ "123456789.012345", "\"123456789.012345\"" },
		{ "9007199254740991", "\"9007199254740991\"" },
		{ "9007199254740993", "\"9007199254740993\"" },
		{ "123456789012345678", "\"123456789012345678\"" },
		{ "1e17", "\"100000000000000000\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		char data[128];
		char expected[128];

		(void)snprintf(data, sizeof(data), QUANTITY("%s"), pairs[i][0]);
		(void)snprintf(expected, sizeof(expected), QUANTITY("%s"), pairs[i][1]);
		assert_takes("receipt", data, expected);
	}
	assert_takes("adjust", QUANTITY("-3.0"), QUANTITY("\"-3\""));
}

static void test_what_is_no_quantity_is_refused(void **state)
{
	static const char *const invalid[] = { "1e999", "1e18", "1e-19", "1e30", "-1", "\"-1\"",
		"\"NaN\"", "\"\"", "\"1,5\"", "\" 1\"", "1234567890123456789", "\"one\"" };
	static const char *const mistyped[] = { "true", "[]", "{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++) {
		char data[128];
		struct refusal row = { "receipt", data, REASON_QUANTITY_INVALID,
			"/data/lines/0/quantity" };

		(void)snprintf(data, sizeof(data), QUANTITY("%s"), invalid[i]);
		assert_refuses(&row);
	}
	for (size_t i = 0; i < sizeof(mistyped) / sizeof(*mistyped); i++) {
		char data[128];
		struct refusal row = { "receipt", data, REASON_FIELD_TYPE,
			"/data/lines/0/quantity" };

		(void)snprintf(data, sizeof(data), QUANTITY("%s"), mistyped[i]);
		assert_refuses(&row);
	}
}

static void test_every_declared_kind_is_held_to(void **state)
{
	static const struct refusal rows[] = {
		{ "receipt", LINE("\"line\":-1"), REASON_FIELD_RANGE, "/data/lines/0/line" },
		{ "receipt", LINE("\"line\":1.5"), REASON_FIELD_RANGE, "/data/lines/0/line" },
		{ "receipt", LINE("\"line\":[]"), REASON_FIELD_TYPE, "/data/lines/0/line" },
		{ "receipt", LINE("\"uom\":\"12345678901234567\""), REASON_FIELD_RANGE,
			"/data/lines/0/uom" },
		{ "receipt", LINE("\"lot\":77"), REASON_FIELD_TYPE, "/data/lines/0/lot" },
		{ "receipt", LINE("\"expiry\":\"2027-02-30\""), REASON_TIME_INVALID,
			"/data/lines/0/expiry" },
		{ "receipt", LINE("\"expiry\":\"31.03.2027\""), REASON_TIME_INVALID,
			"/data/lines/0/expiry" },
		{ "receipt", LINE("\"expiry\":20270331"), REASON_FIELD_TYPE,
			"/data/lines/0/expiry" },
		{ "receipt", LINE("\"condition\":\"wet\""), REASON_FIELD_RANGE,
			"/data/lines/0/condition" },
		{ "receipt", LINE("\"condition\":1"), REASON_FIELD_TYPE,
			"/data/lines/0/condition" },
		{ "receipt", LINE("\"serials\":\"S1\""), REASON_FIELD_TYPE,
			"/data/lines/0/serials" },
		{ "receipt", LINE("\"serials\":[\"S1\",2]"), REASON_FIELD_TYPE,
			"/data/lines/0/serials" },
		{ "receipt", "{\"final\":1}", REASON_FIELD_TYPE, "/data/final" },
		{ "receipt", "{\"supplier\":\"ACME\"}", REASON_FIELD_TYPE, "/data/supplier" },
		{ "receipt", "{\"document\":{\"id\":\"1\"}}", REASON_FIELD_MISSING,
			"/data/document/type" },
		{ "receipt", "{\"document\":{\"type\":\"asn\"}}", REASON_FIELD_MISSING,
			"/data/document/id" },
		{ "receipt", "{\"document\":{\"type\":\"asn\",\"id\":\"\"}}", REASON_FIELD_RANGE,
			"/data/document/id" },
		{ "receipt", "{\"document\":{\"type\":\"a/b\",\"id\":\"1\"}}", REASON_FIELD_RANGE,
			"/data/document/type" },
		{ "receipt", "{\"document\":\"PO-1\"}", REASON_FIELD_TYPE, "/data/document" },
		{ "pick", LINE("\"requested\":-6"), REASON_QUANTITY_INVALID,
			"/data/lines/0/requested" },
		{ "status", LINE("\"to_status\":\"lost\""), REASON_FIELD_RANGE,
			"/data/lines/0/to_status" },
		{ "transfer", "{\"from\":7}", REASON_FIELD_TYPE, "/data/from" },
		{ "transfer", "{\"from\":{\"site\":7}}", REASON_FIELD_TYPE, "/data/from/site" },
		{ "ship", "{\"packages\":[{},{\"weight\":{\"value\":\"-1\"}}]}",
			REASON_QUANTITY_INVALID, "/data/packages/1/weight/value" },
		{ "ship", "{\"packages\":[{\"lines\":[{},{\"item\":{}}]}]}", REASON_FIELD_MISSING,
			"/data/packages/0/lines/1/item/sku" },
		{ "ship", "{\"freight_cost\":{\"amount\":\"1.2.3\"}}", REASON_QUANTITY_INVALID,
			"/data/freight_cost/amount" },
		{ "ship", "{\"freight_cost\":{\"currency\":\"EURO\"}}", REASON_FIELD_RANGE,
			"/data/freight_cost/currency" },
		{ "delivery", "{\"delivered_at\":\"yesterday\"}", REASON_TIME_INVALID,
			"/data/delivered_at" },
		{ "delivery", "{\"delivered_at\":false}", REASON_FIELD_TYPE, "/data/delivered_at" },
		{ "delivery", "{\"documents\":{}}", REASON_FIELD_TYPE, "/data/documents" },
		{ "allocation", "{\"failed\":\"x\"}", REASON_QUANTITY_INVALID, "/data/failed" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refuses(&rows[i]);
}

static void test_lines_are_counted_over_the_whole_event(void **state)
{
	static const struct refusal rows[] = {
		{ "ship", "{\"lines\":[{},{},{},{}]}", REASON_TOO_MANY_LINES, "/data/lines" },
		{ "ship", "{\"packages\":[{\"lines\":[{},{}]},{\"lines\":[{},{}]}]}",
			REASON_TOO_MANY_LINES, "/data/packages/1/lines" },
	};

	(void)state;
	assert_takes("ship", "{\"lines\":[{},{},{}]}", "{\"lines\":[{},{},{}]}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refuses(&rows[i]);
}

static void test_a_ship_is_normalised_through_all_its_levels(void **state)
{
	(void)state;
	assert_takes("ship",
		"{\"document\":{\"type\":\"sales_order\",\"id\":\"SO-88\"},\"shipment\":\"SH-501\","
		"\"carrier\":{\"scac\":\"DHLG\",\"service\":\"express\"},\"tracking\":\"JD0140\","
		"\"packages\":[{\"sscc\":395060001343500004,\"weight\":{\"value\":12.40,"
		"\"uom\":\"KGM\"},\"lines\":[{\"item\":{\"sku\":\"SKU-1\"},\"quantity\":4.0}]}],"
		"\"freight_cost\":{\"amount\":\"31.90\",\"currency\":\"EUR\"}}",
		"{\"document\":{\"type\":\"sales_order\",\"id\":\"SO-88\"},\"shipment\":\"SH-501\","
		"\"carrier\":{\"scac\":\"DHLG\",\"service\":\"express\"},\"tracking\":\"JD0140\","
		"\"packages\":[{\"sscc\":\"395060001343500004\",\"weight\":{\"value\":\"12.4\","
		"\"uom\":\"KGM\"},\"lines\":[{\"item\":{\"sku\":\"SKU-1\"},\"quantity\":\"4\"}]}],"
		"\"freight_cost\":{\"amount\":\"31.90\",\"currency\":\"EUR\"}}");
}

static void test_instants_become_canonical_and_places_may_be_names(void **state)
{
	(void)state;
	assert_takes("delivery", "{\"delivered_at\":\"2026-11-21T15:04:05+01:00\"}",
		"{\"delivered_at\":\"2026-11-21T14:04:05.000Z\"}");
	assert_takes("tracking", "{\"eta\":1795269845,\"location\":\"Ulm\"}",
		"{\"eta\":\"2026-11-21T14:04:05.000Z\",\"location\":\"Ulm\"}");
	assert_takes("tracking", "{\"location\":{\"city\":\"Ulm\"}}",
		"{\"location\":{\"city\":\"Ulm\"}}");
}

static void test_what_the_table_does_not_know_is_left_alone(void **state)
{
	static const char data[] = "{\"z\":{\"quantity\":12},\"lines\":[{\"weight\":1.5,"
				   "\"lot\":null}],\"a\":[[1,2],\"\xc3\xa9\"]}";

	(void)state;
	assert_takes("ship", data, data);
}

static bool is_declared(const char *name)
{
	size_t i = 0;

	for (const struct event_type *type; (type = event_type_at(i)); i++)
		if (strcmp(event_type_name(type), name) == 0)
			return event_type_is_known(name);
	return false;
}

static void test_the_table_has_every_type_of_the_page(void **state)
{
	static const char *const names[] = { "receipt", "putaway", "pick", "pack", "ship",
		"transfer", "adjust", "count", "status", "allocation", "delivery", "tracking",
		"po.created", "po.changed", "po.acknowledged", "asn", "order.released", "invoice",
		"discrepancy", "match", "shipment.booked", "shipment.label", "document.posted" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(is_declared(names[i]));
	assert_null(event_type_at(sizeof(names) / sizeof(*names)));
	assert_false(event_type_is_known("Receipt"));
	assert_false(event_type_is_known(""));
}

/* The walk marks what it has seen in 64 bits. */
static void test_no_shape_has_more_than_64_fields(void **state)
{
	size_t i = 0;

	(void)state;
	for (const struct event_type *type; (type = event_type_at(i)); i++) {
		size_t n = 0;

		for (const struct event_field *f = type->data.fields; f->name; f++) {
			size_t inner = 0;

			while (f->shape && f->shape->fields[inner].name)
				inner++;
			assert_true(inner <= 64);
			n++;
		}
		assert_true(n > 0 && n <= 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_that_was_handled_says_what_and_how_much),
		cmocka_unit_test(test_a_scan_that_is_no_text_identifies_a_line_in_base64),
		cmocka_unit_test(test_quantities_become_canonical_strings),
		cmocka_unit_test(test_money_is_kept_as_it_was_sent),
		cmocka_unit_test(test_what_is_no_quantity_is_refused),
		cmocka_unit_test(test_every_declared_kind_is_held_to),
		cmocka_unit_test(test_lines_are_counted_over_the_whole_event),
		cmocka_unit_test(test_a_ship_is_normalised_through_all_its_levels),
		cmocka_unit_test(test_instants_become_canonical_and_places_may_be_names),
		cmocka_unit_test(test_what_the_table_does_not_know_is_left_alone),
		cmocka_unit_test(test_the_table_has_every_type_of_the_page),
		cmocka_unit_test(test_no_shape_has_more_than_64_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
