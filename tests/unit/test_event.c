/* The envelope: short and full form, who may say what, and the canonical bytes. */
#include "dray/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"
#include "dray/utf8.h"

#define RECEIVED_AT_MS INT64_C(1795269845301) /* 2026-11-21T14:04:05.301Z */
#define LINES "\"lines\":[{\"item\":{\"sku\":\"A\"},\"quantity\":1}]"
#define DATA "\"data\":{" LINES "}"
#define TIME "\"time\":\"2026-11-21T14:04:05Z\""

static const struct json_limits scan_limits = { 1 << 18, 32, 100000, false };
static const struct event_limits event_limits = { 1 << 18, 32, 500 };

static struct event_context from_topic(void)
{
	return (struct event_context){ .site = "dc-muc-1",
		.topic_site = "dc-muc-1",
		.topic_type = "receipt",
		.topic_device = "tc52-0042",
		.received_at_ms = RECEIVED_AT_MS,
		.limits = &event_limits };
}

static struct event_context from_nowhere(void)
{
	return (struct event_context){
		.site = "dc-muc-1", .received_at_ms = RECEIVED_AT_MS, .limits = &event_limits
	};
}

static int parse(const char *text, const struct event_context *context, struct event *ret,
	struct problem *ret_problem)
{
	struct buf scratch = BUF_INIT;
	cJSON *object = json_parse(text, strlen(text), &scan_limits, &scratch, NULL);

	assert_non_null(object);
	buf_done(&scratch);
	return event_parse(object, context, ret, ret_problem);
}

static void assert_takes(const char *text, const struct event_context *context, struct event *ret)
{
	struct problem problem = { 0 };

	if (parse(text, context, ret, &problem) < 0)
		fail_msg("%s %s: %s", reason_word(problem.reason), problem.field, problem.message);
}

static void assert_renders(const struct event *event, const char *expected)
{
	struct buf out = BUF_INIT;

	event_render(event, &out);
	assert_string_equal(out.data, expected);
	buf_done(&out);
}

static const char receipt[] =
	"{\"id\":\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11\",\"type\":\"receipt\","
	"\"time\":\"2026-11-21T15:04:05.123+01:00\",\"operator\":\"u117\",\n"
	" \"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1001\"},"
	"\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,\n"
	"  \"lines\":[{\"line\":1,\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"09506000134352\"},"
	"\"quantity\":12,\"uom\":\"EA\",\"lot\":\"L77\",\"expiry\":\"2027-03-31\"},\n"
	"           {\"line\":2,\"item\":{\"sku\":\"SKU-2\"},\"quantity\":\"2.50\",\"uom\":\"KGM\","
	"\"condition\":\"damaged\",\"reason\":\"wet\"}]}}";

static const char canonical_receipt[] =
	"{\"specversion\":\"1.0\",\"id\":\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11\","
	"\"source\":\"/dc-muc-1/tc52-0042\",\"type\":\"receipt\","
	"\"subject\":\"purchase_order/PO-1001\",\"time\":\"2026-11-21T14:04:05.123Z\","
	"\"datacontenttype\":\"application/json\",\"site\":\"dc-muc-1\",\"device\":\"tc52-0042\","
	"\"operator\":\"u117\",\"correlationid\":\"PO-1001\","
	"\"receivedtime\":\"2026-11-21T14:04:05.301Z\","
	"\"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1001\"},"
	"\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,"
	"\"lines\":[{\"line\":1,\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"09506000134352\"},"
	"\"quantity\":\"12\",\"uom\":\"EA\",\"lot\":\"L77\",\"expiry\":\"2027-03-31\"},"
	"{\"line\":2,\"item\":{\"sku\":\"SKU-2\"},\"quantity\":\"2.5\",\"uom\":\"KGM\","
	"\"condition\":\"damaged\",\"reason\":\"wet\"}]}}";

static void test_the_complete_example_comes_out_byte_for_byte(void **state)
{
	struct event_context context = from_topic();
	struct event event;

	(void)state;
	assert_takes(receipt, &context, &event);
	assert_renders(&event, canonical_receipt);
	assert_string_equal(event.id, "01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11");
	assert_string_equal(event.source, "/dc-muc-1/tc52-0042");
	assert_string_equal(event.type, "receipt");
	assert_string_equal(event.subject, "purchase_order/PO-1001");
	assert_string_equal(event.document_key, "purchase_order/PO-1001");
	assert_string_equal(event.correlation_id, "PO-1001");
	assert_string_equal(event.operator_id, "u117");
	assert_true(event.occurred_at_ms == INT64_C(1795269845123));
	assert_true(event.received_at_ms == RECEIVED_AT_MS);
	assert_true(event.sent_at_ms == -1);
	assert_true(event.sequence == -1);
	assert_ptr_equal(json_get(event.root, "data"), event.data);
	event_done(&event);
	assert_null(event.root);
}

static void test_the_canonical_form_is_its_own_canonical_form(void **state)
{
	struct event_context context = from_nowhere();
	struct event event;

	(void)state;
	assert_takes(canonical_receipt, &context, &event);
	assert_renders(&event, canonical_receipt);
	event_done(&event);
}

static void test_the_full_form_keeps_what_dray_does_not_know(void **state)
{
	struct event_context context = from_nowhere();
	struct event event;

	(void)state;
	assert_takes(
		"{\"data\":{\"x\":[1,{\"y\":null}]," LINES ",\"big\":9007199254740993},"
		"\"zeta\":\"z\",\"receivedtime\":\"2020-01-01T00:00:00Z\",\"alpha\":7,"
		"\"draynormalised\":[],\"senttime\":1795269845,\"sequence\":17,"
		"\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
		"\"correlationid\":\"c-1\",\"device\":\"d1\",\"site\":\"dc-muc-1\",\"operator\":null,"
		"\"subject\":\"given\",\"datacontenttype\":\"application/json; charset=utf-8\"," TIME
		",\"type\":\"count\",\"source\":\"urn:handheld:1\",\"id\":\"1\","
		"\"specversion\":\"1.0\"}",
		&context, &event);
	assert_renders(&event,
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"urn:handheld:1\",\"type\":\"count\","
		"\"subject\":\"given\",\"time\":\"2026-11-21T14:04:05.000Z\","
		"\"datacontenttype\":\"application/json\",\"site\":\"dc-muc-1\",\"device\":\"d1\","
		"\"correlationid\":\"c-1\",\"sequence\":\"17\","
		"\"senttime\":\"2026-11-21T14:04:05.000Z\","
		"\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
		"\"receivedtime\":\"2026-11-21T14:04:05.301Z\",\"zeta\":\"z\",\"alpha\":7,"
		"\"data\":{\"x\":[1,{\"y\":null}],\"lines\":[{\"item\":{\"sku\":\"A\"},"
		"\"quantity\":\"1\"}],\"big\":\"9007199254740993\"}}");
	assert_true(event.sequence == 17);
	assert_true(event.sent_at_ms == INT64_C(1795269845000));
	event_done(&event);
}

static void test_a_source_may_be_a_path_below_the_device(void **state)
{
	struct event_context context = from_topic();
	struct event event;

	(void)state;
	assert_takes("{\"id\":\"1\",\"source\":\"/dc-muc-1/tc52-0042/app\"," TIME "," DATA "}",
		&context, &event);
	assert_string_equal(event.source, "/dc-muc-1/tc52-0042/app");
	assert_string_equal(event.type, "receipt");
	event_done(&event);
}

static void test_an_event_that_no_device_made_needs_none(void **state)
{
	struct event_context context = from_nowhere();
	struct event event;

	(void)state;
	context.topic_device = "";
	assert_takes("{\"id\":\"1\",\"type\":\"document.posted\"," TIME ",\"data\":{}}", &context,
		&event);
	assert_string_equal(event.device, "");
	assert_string_equal(event.source, "/dc-muc-1");
	assert_null(json_get(event.root, "device"));
	event_done(&event);
}

static void test_a_shipment_orders_where_there_is_no_document(void **state)
{
	struct event_context context = from_nowhere();
	struct event event;

	(void)state;
	assert_takes("{\"id\":\"1\",\"type\":\"ship\",\"device\":\"d\"," TIME
		     ",\"data\":{\"shipment\":\"SH-501\"}}",
		&context, &event);
	assert_string_equal(event.document_key, "shipment/SH-501");
	assert_string_equal(event.subject, "");
	assert_string_equal(event.correlation_id, "");
	event_done(&event);
}

static void test_a_broken_traceparent_is_left_out(void **state)
{
	static const char *const broken[] = { "\"\"", "7", "\"00-x\"",
		"\"00-00000000000000000000000000000000-00f067aa0ba902b7-01\"",
		"\"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01\"",
		"\"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01\"",
		"\"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"" };
	struct event_context context = from_topic();

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct event event;
		char text[400];

		(void)snprintf(text, sizeof(text),
			"{\"id\":\"1\",\"traceparent\":%s," TIME "," DATA "}", broken[i]);
		assert_takes(text, &context, &event);
		assert_string_equal(event.traceparent, "");
		assert_null(json_get(event.root, "traceparent"));
		event_done(&event);
	}
}

struct content {
	char id[ID_MAX + 1];
	uint8_t digest[ID_DIGEST_BYTES];
};

static struct content content_of(const char *text, size_t index)
{
	struct event_context context = from_topic();
	struct content content = { 0 };
	struct event event;

	context.index = index;
	assert_takes(text, &context, &event);
	memcpy(content.id, event.id, sizeof(content.id));
	memcpy(content.digest, event.digest, sizeof(content.digest));
	event_done(&event);
	return content;
}

static void test_a_resend_has_the_same_digest_and_other_content_another(void **state)
{
	struct content first = content_of("{\"id\":\"1\"," TIME "," DATA "}", 0);
	static const char *const same[] = {
		"{\"id\":\"1\",\"senttime\":99,\"operator\":\"u\"," TIME "," DATA "}",
		"{" DATA ",\"time\":\"2026-11-21T15:04:05.000+01:00\",\"id\":\"2\"}",
		"{\"id\":\"1\"," TIME
		",\"data\":{\"lines\":[{\"quantity\" : 1.0,\"item\":{\"sku\":\"A\"}}]}}",
	};
	static const char *const other[] = {
		"{\"id\":\"1\",\"time\":\"2026-11-21T14:04:06Z\"," DATA "}",
		"{\"id\":\"1\"," TIME ",\"data\":{\"x\":1," LINES "}}",
		"{\"id\":\"1\"," TIME
		",\"data\":{\"lines\":[{\"quantity\":\"1\",\"item\":{\"sku\":\"A\"}}]}}",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(
			content_of(same[i], 0).digest, first.digest, sizeof(first.digest));
		assert_memory_not_equal(
			content_of(other[i], 0).digest, first.digest, sizeof(first.digest));
	}
}

static void test_an_id_that_was_not_given_is_derived_the_same_twice(void **state)
{
	struct content first = content_of("{" TIME "," DATA "}", 0);

	(void)state;
	assert_int_equal(strlen(first.id), 36);
	assert_string_equal(content_of("{" DATA "," TIME ",\"senttime\":1}", 0).id, first.id);
	assert_string_not_equal(content_of("{" TIME "," DATA "}", 1).id, first.id);
	assert_string_not_equal(
		content_of("{" TIME ",\"data\":{\"x\":1," LINES "}}", 0).id, first.id);
}

static void test_fields_are_found_by_dotted_path_as_they_are_rendered(void **state)
{
	struct event_context context = from_topic();
	struct event event;

	(void)state;
	assert_takes(receipt, &context, &event);
	assert_string_equal(event_field_string(&event, "type"), "receipt");
	assert_string_equal(event_field_string(&event, "source"), "/dc-muc-1/tc52-0042");
	assert_string_equal(event_field_string(&event, "time"), "2026-11-21T14:04:05.123Z");
	assert_string_equal(event_field_string(&event, "data.supplier.id"), "ACME");
	assert_string_equal(event_field_string(&event, "data.lines.1.quantity"), "2.5");
	assert_null(event_field_string(&event, "data.final"));
	assert_true(cJSON_IsFalse(event_field(&event, "data.final")));
	assert_null(event_field(&event, "data.carrier.scac"));
	event_done(&event);
}

struct refusal {
	const char *text;
	enum reason reason;
	const char *field;
};

static void assert_refuses(const struct refusal *row, const struct event_context *context)
{
	struct event event;
	struct problem problem = { 0 };

	if (parse(row->text, context, &event, &problem) == 0)
		fail_msg("taken: %s", row->text);
	if (problem.reason != row->reason || strcmp(problem.field, row->field) != 0)
		fail_msg("%s %s (%s): %s", reason_word(problem.reason), problem.field,
			problem.message, row->text);
	assert_true(strlen(problem.message) > 0);
	assert_null(event.root);
}

static void test_what_the_envelope_says_wrong_is_named(void **state)
{
	static const struct refusal rows[] = {
		{ "[]", REASON_BAD_JSON, "" },
		{ "7", REASON_BAD_JSON, "" },
		{ "{" DATA "}", REASON_FIELD_MISSING, "/id" },
		{ "{\"id\":null," DATA "}", REASON_FIELD_MISSING, "/id" },
		{ "{\"id\":7," TIME "," DATA "}", REASON_FIELD_TYPE, "/id" },
		{ "{\"id\":\"\"," TIME "," DATA "}", REASON_FIELD_RANGE, "/id" },
		{ "{\"id\":\"a b\"," TIME "," DATA "}", REASON_FIELD_RANGE, "/id" },
		{ "{\"id\":\"\xc3\xa9\"," TIME "," DATA "}", REASON_FIELD_RANGE, "/id" },
		{ "{\"id\":\"1\"," DATA "}", REASON_FIELD_MISSING, "/time" },
		{ "{\"id\":\"1\",\"time\":true," DATA "}", REASON_FIELD_TYPE, "/time" },
		{ "{\"id\":\"1\",\"time\":-5," DATA "}", REASON_TIME_INVALID, "/time" },
		{ "{\"id\":\"1\",\"time\":1e999," DATA "}", REASON_TIME_INVALID, "/time" },
		{ "{\"id\":\"1\",\"time\":\"2026-11-21T15:04:05\"," DATA "}", REASON_TIME_INVALID,
			"/time" },
		{ "{\"id\":\"1\",\"senttime\":\"now\"," TIME "," DATA "}", REASON_TIME_INVALID,
			"/senttime" },
		{ "{\"id\":\"1\"," TIME "}", REASON_FIELD_MISSING, "/data" },
		{ "{\"id\":\"1\"," TIME ",\"data\":null}", REASON_FIELD_MISSING, "/data" },
		{ "{\"id\":\"1\"," TIME ",\"data\":[]}", REASON_FIELD_TYPE, "/data" },
		{ "{\"id\":\"1\"," TIME ",\"data_base64\":\"e30=\"}", REASON_FIELD_TYPE,
			"/data_base64" },
		{ "{\"id\":\"1\",\"type\":\"pick\"," TIME "," DATA "}", REASON_TOPIC_MISMATCH,
			"/type" },
		{ "{\"id\":\"1\",\"type\":1," TIME "," DATA "}", REASON_FIELD_TYPE, "/type" },
		{ "{\"id\":\"1\",\"site\":\"dc-ham-2\"," TIME "," DATA "}", REASON_TOPIC_MISMATCH,
			"/site" },
		{ "{\"id\":\"1\",\"device\":\"tc52-0043\"," TIME "," DATA "}",
			REASON_TOPIC_MISMATCH, "/device" },
		{ "{\"id\":\"1\",\"device\":\"a/b\"," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/device" },
		{ "{\"id\":\"1\",\"source\":\"/dc-muc-1/tc52-0043\"," TIME "," DATA "}",
			REASON_TOPIC_MISMATCH, "/source" },
		{ "{\"id\":\"1\",\"source\":\"/dc-muc-1/tc52-00421\"," TIME "," DATA "}",
			REASON_TOPIC_MISMATCH, "/source" },
		{ "{\"id\":\"1\",\"source\":\"/\"," TIME "," DATA "}", REASON_TOPIC_MISMATCH,
			"/source" },
		{ "{\"id\":\"1\",\"source\":\"a b\"," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/source" },
		{ "{\"id\":\"1\",\"specversion\":\"0.3\"," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/specversion" },
		{ "{\"id\":\"1\",\"datacontenttype\":\"text/xml\"," TIME "," DATA "}",
			REASON_FIELD_RANGE, "/datacontenttype" },
		{ "{\"id\":\"1\",\"datacontenttype\":\"application/jsonx\"," TIME "," DATA "}",
			REASON_FIELD_RANGE, "/datacontenttype" },
		{ "{\"id\":\"1\",\"operator\":\"\"," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/operator" },
		{ "{\"id\":\"1\",\"operator\":4," TIME "," DATA "}", REASON_FIELD_TYPE,
			"/operator" },
		{ "{\"id\":\"1\",\"correlationid\":{}," TIME "," DATA "}", REASON_FIELD_TYPE,
			"/correlationid" },
		{ "{\"id\":\"1\",\"sequence\":-1," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/sequence" },
		{ "{\"id\":\"1\",\"sequence\":1.5," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/sequence" },
		{ "{\"id\":\"1\",\"sequence\":\"x\"," TIME "," DATA "}", REASON_FIELD_RANGE,
			"/sequence" },
		{ "{\"id\":\"1\",\"sequence\":99999999999999999999999," TIME "," DATA "}",
			REASON_FIELD_RANGE, "/sequence" },
		{ "{\"id\":\"1\",\"sequence\":[]," TIME "," DATA "}", REASON_FIELD_TYPE,
			"/sequence" },
	};
	struct event_context context = from_topic();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refuses(&rows[i], &context);
}

/* An id that a source accepts though it is too long is cut in what is derived of it. */
static void test_what_is_derived_of_too_long_a_name_stays_utf8(void **state)
{
	static const char *const members[] = {
		"\"document\":{\"type\":\"purchase_order\",\"id\":\"", "\"shipment\":\""
	};
	struct event_context context = from_topic();
	struct problem problem;
	struct event event;
	char text[1024], name[402] = "";

	(void)state;
	context.accepts_invalid = true;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(name, 'a', shift);
		for (size_t at = shift; at < 396; at += 2)
			memcpy(name + at, "\xc3\xbc", 3);
		(void)snprintf(text, sizeof(text), "{\"id\":\"1\"," TIME ",\"data\":{%s%s\"%s}}",
			members[shift / 2], name, shift / 2 ? "" : "}");
		assert_int_equal(parse(text, &context, &event, &problem), 0);
		assert_int_equal(problem.reason, REASON_FIELD_RANGE);
		for (const char *at = event.correlation_id; *at; at += utf8_length(at, strlen(at)))
			assert_int_not_equal(utf8_length(at, strlen(at)), 0);
		for (const char *at = event.document_key; *at; at += utf8_length(at, strlen(at)))
			assert_int_not_equal(utf8_length(at, strlen(at)), 0);
		event_done(&event);
	}
}

static void test_without_a_topic_the_body_must_say_who_speaks(void **state)
{
	static const struct refusal rows[] = {
		{ "{\"id\":\"1\",\"device\":\"d\"," TIME "," DATA "}", REASON_FIELD_MISSING,
			"/type" },
		{ "{\"id\":\"1\",\"device\":\"d\",\"type\":\"receipts\"," TIME "," DATA "}",
			REASON_TYPE_UNKNOWN, "/type" },
		{ "{\"id\":\"1\",\"type\":\"receipt\"," TIME "," DATA "}", REASON_FIELD_MISSING,
			"/device" },
	};
	struct event_context context = from_nowhere();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refuses(&rows[i], &context);
}

static void test_the_topic_of_another_site_is_refused(void **state)
{
	static const struct refusal row = { "{\"id\":\"1\"," TIME "," DATA "}",
		REASON_TOPIC_MISMATCH, "/site" };
	struct event_context context = from_topic();

	(void)state;
	context.topic_site = "dc-ham-2";
	assert_refuses(&row, &context);
}

static void test_a_refused_event_is_named_as_far_as_it_could_be_read(void **state)
{
	struct event_context context = from_topic();
	struct problem problem;
	struct event event;

	(void)state;
	assert_int_equal(
		parse("{\"id\":\"e7\"," TIME ",\"data\":{}}", &context, &event, &problem), -1);
	assert_string_equal(event.id, "e7");
	assert_string_equal(event.type, "receipt");
	assert_string_equal(event.device, "tc52-0042");
	assert_int_equal(parse("{\"id\":7}", &context, &event, &problem), -1);
	assert_string_equal(event.id, "");
	assert_string_equal(event.device, "tc52-0042");
}

static void test_a_refused_event_names_its_device_whatever_is_wrong_with_it(void **state)
{
	static const struct {
		const char *object, *topic_device, *device;
	} rows[] = {
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"type\":\"recipt\"}", NULL, "G-7" },
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"type\":\"pick\"}", NULL, "G-7" },
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"type\":\"pick\"}", "", "G-7" },
		{ "{\"id\":\"1\",\"device\":\"G-7\"}", NULL, "G-7" },
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"site\":\"elsewhere\"}", NULL, "G-7" },
		{ "{\"id\":7,\"device\":\"G-7\"}", NULL, "G-7" },
		/* One that is no name is nobody, and the topic's is not to be spoken for. */
		{ "{\"id\":\"1\",\"device\":\"G 7/#\",\"type\":\"recipt\"}", NULL, "" },
		{ "{\"id\":\"1\",\"device\":7,\"type\":\"recipt\"}", NULL, "" },
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"type\":\"recipt\"}", "G-8", "G-8" },
		{ "{\"id\":\"1\",\"device\":\"G-7\",\"type\":\"receipt\"}", "G-8", "G-8" },
	};
	struct event_context context = from_nowhere();
	struct problem problem;
	struct event event;

	(void)state;
	context.types = " receipt ";
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		context.topic_device = rows[i].topic_device;
		assert_int_equal(parse(rows[i].object, &context, &event, &problem), -1);
		assert_string_equal(event.device, rows[i].device);
	}
	context.topic_device = NULL;
	(void)parse(rows[0].object, &context, &event, &problem);
	assert_string_equal(problem.message, "there is no event type recipt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_complete_example_comes_out_byte_for_byte),
		cmocka_unit_test(test_the_canonical_form_is_its_own_canonical_form),
		cmocka_unit_test(test_the_full_form_keeps_what_dray_does_not_know),
		cmocka_unit_test(test_a_source_may_be_a_path_below_the_device),
		cmocka_unit_test(test_an_event_that_no_device_made_needs_none),
		cmocka_unit_test(test_a_shipment_orders_where_there_is_no_document),
		cmocka_unit_test(test_a_broken_traceparent_is_left_out),
		cmocka_unit_test(test_a_resend_has_the_same_digest_and_other_content_another),
		cmocka_unit_test(test_an_id_that_was_not_given_is_derived_the_same_twice),
		cmocka_unit_test(test_fields_are_found_by_dotted_path_as_they_are_rendered),
		cmocka_unit_test(test_what_the_envelope_says_wrong_is_named),
		cmocka_unit_test(test_what_is_derived_of_too_long_a_name_stays_utf8),
		cmocka_unit_test(test_without_a_topic_the_body_must_say_who_speaks),
		cmocka_unit_test(test_the_topic_of_another_site_is_refused),
		cmocka_unit_test(test_a_refused_event_is_named_as_far_as_it_could_be_read),
		cmocka_unit_test(test_a_refused_event_names_its_device_whatever_is_wrong_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
