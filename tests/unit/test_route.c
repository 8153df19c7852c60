#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dray/json.h"
#include "dray/route.h"

static const char ship[] =
	"{\"id\":\"e-1\",\"type\":\"ship\",\"time\":\"2026-11-21T14:04:05Z\",\"data\":{\"document\":"
	"{\"type\":\"sales_order\",\"id\":\"SO-88\"},\"shipment\":\"SH-501\",\"carrier\":{\"scac\":"
	"\"DHLG\"},\"tracking\":null,\"packages\":[{\"lines\":[{\"line\":1,\"item\":{\"sku\":"
	"\"SKU-1\"},\"quantity\":4,\"uom\":\"EA\"}]}]}}";

static struct event parse_event(const char *text)
{
	static const struct event_limits limits = { 256 << 10, 32, 500 };
	const struct event_context context = { .site = "dc",
		.topic_device = "tc52",
		.received_at_ms = 1795269845000,
		.limits = &limits };
	struct event event;
	struct problem problem = { 0 };
	cJSON *object = cJSON_Parse(text);

	assert_non_null(object);
	int result = event_parse(object, &context, &event, &problem);
	if (result)
		print_error("%s %s\n", problem.field, problem.message);
	assert_int_equal(result, 0);
	return event;
}

static void test_conditions_hold_or_not(void **state)
{
	static const struct {
		const char *when;
		bool matches;
	} rows[] = {
		{ "{}", true },
		{ "{\"type\":\"ship\"}", true },
		{ "{\"type\":\"pick\"}", false },
		{ "{\"type\":[\"pick\",\"ship\"]}", true },
		{ "{\"type\":[\"pick\",\"receipt\"]}", false },
		{ "{\"type\":\"sh*\"}", true },
		{ "{\"type\":\"*\"}", true },
		{ "{\"type\":[\"pi*\",\"sh*\"]}", true },
		{ "{\"type\":\"ship*\"}", true },
		{ "{\"type\":\"shipp*\"}", false },
		{ "{\"data.carrier\":true}", true },
		{ "{\"data.carrier\":false}", false },
		{ "{\"data.seal\":true}", false },
		{ "{\"data.seal\":false}", true },
		{ "{\"data.tracking\":true}", false },
		{ "{\"data.tracking\":false}", true },
		{ "{\"data.carrier.scac\":\"DHLG\"}", true },
		{ "{\"data.carrier\":\"DHLG\"}", false },
		{ "{\"data.document.id\":\"SO-*\"}", true },
		{ "{\"device\":\"tc52\"}", true },
		{ "{\"site\":\"dc\"}", true },
		{ "{\"data.packages.0.lines.0.line\":1}", true },
		{ "{\"data.packages.0.lines.0.line\":2}", false },
		{ "{\"data.packages.0.lines.0.line\":[2,1]}", true },
		{ "{\"data.packages.0.lines.0.quantity\":4}", true },
		{ "{\"data.packages.0.lines.0.quantity\":\"4\"}", true },
		{ "{\"type\":\"ship\",\"data.carrier.scac\":\"UPSN\"}", false },
		{ "{\"type\":\"ship\",\"data.nothing\":null}", true },
	};
	struct event event = parse_event(ship);
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cJSON *when = cJSON_Parse(rows[i].when);
		struct error err = { 0 };
		assert_int_equal(route_check_when(when, &err), 0);
		if (route_matches(when, &event) != rows[i].matches)
			print_error("%s\n", rows[i].when);
		assert_int_equal(route_matches(when, &event), rows[i].matches);
		cJSON_Delete(when);
	}
	assert_true(route_matches(NULL, &event));
	event_done(&event);
}

static void test_conditions_that_mean_nothing_are_refused(void **state)
{
	static const struct {
		const char *when, *path;
	} rows[] = {
		{ "[]", "" },
		{ "{\"type\":{}}", "type" },
		{ "{\"type\":[]}", "type" },
		{ "{\"type\":[true]}", "type" },
		{ "{\"type\":[[\"a\"]]}", "type" },
		{ "{\"type\":\"recipt\"}", "type" },
		{ "{\"type\":[\"receipt\",\"recipt\"]}", "type" },
		{ "{\"\":\"a\"}", "" },
		{ "{\"data.\":\"a\"}", "data." },
		{ "{\".data\":\"a\"}", ".data" },
		{ "{\"data..x\":\"a\"}", "data..x" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cJSON *when = cJSON_Parse(rows[i].when);
		struct error err = { 0 };
		assert_int_equal(route_check_when(when, &err), -1);
		assert_string_equal(err.path, rows[i].path);
		cJSON_Delete(when);
	}
}

static struct config *build(const char *text)
{
	cJSON *document = cJSON_Parse(text);
	struct config *config = NULL;
	struct error err = { 0 };

	assert_int_equal(config_build(document, &config, &err), 0);
	cJSON_Delete(document);
	return config;
}

static void test_an_event_reaches_each_destination_once_in_the_most_urgent_lane(void **state)
{
	struct config *config = build(
		"{\"site\":\"dc\",\"destinations\":{\"a\":{\"url\":\"http://a\"},"
		"\"b\":{\"url\":\"http://b\"},\"c\":{\"url\":\"http://c\"}},\"routes\":{"
		"\"1\":{\"to\":[\"c\"],\"lane\":\"bulk\"},"
		"\"2\":{\"when\":{\"type\":\"ship\"},\"to\":[\"c\",\"a\"],\"lane\":\"critical\"},"
		"\"3\":{\"when\":{\"type\":\"ship\"},\"to\":[\"a\"],\"lane\":\"normal\"},"
		"\"4\":{\"when\":{\"type\":\"pick\"},\"to\":[\"b\"]}}}");
	struct event event = parse_event(ship);
	struct route_target targets[3];
	(void)state;

	assert_int_equal(route_event(config, &event, targets), 2);
	assert_int_equal(targets[0].destination, 0);
	assert_int_equal(targets[0].lane, CONFIG_LANE_CRITICAL);
	assert_int_equal(targets[1].destination, 2);
	assert_int_equal(targets[1].lane, CONFIG_LANE_CRITICAL);
	event_done(&event);
	config_free(config);
}

static void test_no_route_is_unrouted(void **state)
{
	struct config *config = build("{\"site\":\"dc\"}");
	struct event event = parse_event(ship);
	(void)state;

	assert_int_equal(route_event(config, &event, NULL), 0);
	event_done(&event);
	config_free(config);
}

static void test_order_keys_follow_the_destination(void **state)
{
	static char document_pointer[] = "/data/shipment", line[] = "/data/packages/0/lines/0/line",
		    nothing[] = "/data/nothing", object[] = "/data/carrier";
	struct config_destination destination = { .order = CONFIG_ORDER_DOCUMENT };
	struct event event = parse_event(ship);
	char key[EVENT_KEY_MAX];
	(void)state;

	route_order_key(&destination, &event, key);
	assert_string_equal(key, event.document_key);
	assert_true(*key != '\0');
	destination.order = CONFIG_ORDER_DEVICE;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "tc52");
	destination.order = CONFIG_ORDER_NONE;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "");
	destination.order = CONFIG_ORDER_POINTER;
	destination.order_pointer = document_pointer;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "SH-501");
	destination.order_pointer = line;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "1");
	destination.order_pointer = nothing;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "");
	destination.order_pointer = object;
	route_order_key(&destination, &event, key);
	assert_string_equal(key, "");
	event_done(&event);
}

static void test_a_long_order_key_becomes_its_digest(void **state)
{
	static char pointer[] = "/data/note";
	struct config_destination destination = { .order = CONFIG_ORDER_POINTER,
		.order_pointer = pointer };
	char text[700], a[EVENT_KEY_MAX], b[EVENT_KEY_MAX];
	(void)state;

	for (int i = 0; i < 2; i++) {
		char note[400];
		memset(note, 'x', sizeof(note) - 1);
		note[398] = i ? 'y' : 'x';
		note[399] = '\0';
		assert_true(snprintf(text, sizeof(text),
				    "{\"id\":\"e\",\"type\":\"count\",\"time\":"
				    "\"2026-11-21T14:04:05Z\",\"data\":{\"lines\":[{\"item\":{"
				    "\"sku\":\"S\"},\"quantity\":1,\"uom\":\"EA\"}],"
				    "\"note\":\"%s\"}}",
				    note) < (int)sizeof(text));
		struct event event = parse_event(text);
		route_order_key(&destination, &event, i ? b : a);
		event_done(&event);
	}
	assert_int_equal(strlen(a), 64);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions_hold_or_not),
		cmocka_unit_test(test_conditions_that_mean_nothing_are_refused),
		cmocka_unit_test(
			test_an_event_reaches_each_destination_once_in_the_most_urgent_lane),
		cmocka_unit_test(test_no_route_is_unrouted),
		cmocka_unit_test(test_order_keys_follow_the_destination),
		cmocka_unit_test(test_a_long_order_key_becomes_its_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
