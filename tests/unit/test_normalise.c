/* Normalising as a whole: what is stored and said of an event, whatever becomes of its data. */
#include "help_normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"

static const struct event_limits event_limits = { 1 << 18, 32, 500 };

static void test_a_store_that_can_not_be_read_refuses_even_what_accepts_anything(void **state)
{
	struct problem problem = { 0 };
	struct event event;

	(void)state;
	assert_int_equal(site_parse("receipt", "{\"lines\":[{" ITEM ",\"quantity\":1}]}",
				 &site_broken, true, &event, &problem),
		-1);
	assert_int_equal(problem.reason, REASON_STORE_FULL);
	assert_int_equal(site_parse("receipt",
				 "{\"lines\":[{\"sscc\":\"1\",\"quantity\":1,\"uom\":\"EA\"}]}",
				 &site_broken, true, &event, &problem),
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
		site_parse("receipt",
			"{\"lines\":[{\"barcode\":\"]C10109506000134353\",\"quantity\":\"2.50\"}]}",
			&site_stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_BARCODE_INVALID);
	json_print(event.data, &out);
	assert_string_equal(out.data,
		"{\"lines\":[{\"barcode\":\"]C10109506000134353\",\"quantity\":\"2.50\"}]}");
	event_done(&event);
	buf_reset(&out);
	assert_int_equal(site_parse("receipt",
				 "{\"lines\":[{" OF("OLD-1") ",\"quantity\":1},{" OF(
					 "SKU-9") ",\"quantity\":\"2.50\",\"uom\":\"g\"}]}",
				 &site_stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_ITEM_UNKNOWN);
	json_print(event.data, &out);
	assert_string_equal(
		out.data, "{\"lines\":[{" ITEM ",\"quantity\":\"1\",\"uom\":\"EA\"},{" OF(
				  "SKU-9") ",\"quantity\":\"2.5\",\"uom\":\"g\"}]}");
	event_done(&event);
	buf_reset(&out);
	/* The quantities of a line share its unit: all are converted or none is. */
	assert_int_equal(site_parse("receipt",
				 "{\"lines\":[{" ITEM
				 ",\"quantity\":2,\"requested\":\"0.3\",\"uom\":\"CS\"}]}",
				 &site_stocked, true, &event, &problem),
		0);
	assert_int_equal(problem.reason, REASON_UOM_INEXACT);
	json_print(event.data, &out);
	assert_string_equal(out.data,
		"{\"lines\":[{" ITEM ",\"quantity\":\"2\",\"requested\":\"0.3\",\"uom\":\"CS\"}]}");
	event_done(&event);
	assert_int_equal(site_parse("receipt", "{\"lines\":[{" ITEM ",\"quantity\":1}]}",
				 &site_stocked, true, &event, &problem),
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
	assert_int_equal(site_parse("receipt", data, NULL, false, &plain, &problem), 0);
	assert_int_equal(site_parse("receipt", data, &site_stocked, false, &resolved, &problem), 0);
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
	assert_int_equal(
		site_parse("receipt", data.data, &site_stocked, false, &event, &problem), 0);
	assert_string_equal(event_field_string(&event, "data.lines.499.item.sku"), "SKU-1");
	assert_non_null(strstr(
		event_field_string(&event, "draynormalised"), "gs1:/data/lines/499/quantity"));
	event_done(&event);
	buf_reset(&data);
	put_lines(&data, 501, line);
	assert_int_equal(
		site_parse("receipt", data.data, &site_stocked, false, &event, &problem), -1);
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
		cmocka_unit_test(
			test_a_store_that_can_not_be_read_refuses_even_what_accepts_anything),
		cmocka_unit_test(test_what_is_accepted_though_invalid_says_why),
		cmocka_unit_test(test_the_digest_covers_what_was_sent),
		cmocka_unit_test(test_five_hundred_lines_of_barcodes_are_read_and_one_more_is_not),
		cmocka_unit_test(test_attributes_of_our_own_are_only_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
