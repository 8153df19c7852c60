#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dray/connector.h"

static struct connector_output *read_said(const char *text, enum connector_op op, size_t n_events)
{
	struct connector_output *output = NULL;
	struct error err = { 0 };

	int result = connector_read_output(text, strlen(text), op, n_events, &output, &err);
	if (result)
		print_error("%s\n%s: %s\n", text, err.path, err.message);
	assert_int_equal(result, 0);
	return output;
}

static void assert_refused(
	const char *text, enum connector_op op, size_t n_events, const char *path)
{
	struct connector_output *output = NULL;
	struct error err = { 0 };
	int result = connector_read_output(text, strlen(text), op, n_events, &output, &err);

	if (result != -1 || strcmp(err.path, path) != 0)
		print_error("%.200s\nis refused at \"%s\": %s\n", text, err.path, err.message);
	assert_int_equal(result, -1);
	assert_null(output);
	assert_string_equal(err.path, path);
	assert_true(err.message[0] != '\0');
}

static void assert_send(const char *send, const char *expected)
{
	struct connector_output *output = NULL;
	char text[1024], got[1024] = "";
	size_t at;

	assert_true(snprintf(text, sizeof(text), "{\"send\":%s}", send) < (int)sizeof(text));
	output = read_said(text, CONNECTOR_DELIVER, 1);
	assert_int_equal(output->verb, CONNECTOR_SEND);
	at = (size_t)snprintf(got, sizeof(got), "%s %s|%s|", output->send.method, output->send.path,
		output->send.content_type);
	for (const char *const *header = output->send.headers; *header; header++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s|", *header);
	(void)snprintf(got + at, sizeof(got) - at, "%s", output->send.body);
	assert_string_equal(got, expected);
	assert_int_equal(output->send.len, strlen(output->send.body));
	connector_output_free(output);
}

static void test_send_is_read_member_by_member(void **state)
{
	static const struct {
		const char *send, *expected;
	} rows[] = {
		{ "{}", "POST ||" },
		{ "{\"method\":\"GET\",\"path\":\"/v1/x\"}", "GET /v1/x||" },
		{ "{\"method\":\"DELETE\"}", "DELETE ||" },
		{ "{\"method\":\"PUT\",\"body\":{\"b\":1,\"a\":[true,null,\"\\u00e4\"]}}",
			"PUT |application/json|{\"b\":1,\"a\":[true,null,\"\u00e4\"]}" },
		{ "{\"method\":\"PATCH\",\"text\":\"ISA*00\\n\\\"~\"}",
			"PATCH |text/plain|ISA*00\n\"~" },
		{ "{\"body\":\"a text\",\"content_type\":\"application/x.y+json; charset=utf-8\"}",
			"POST |application/x.y+json; charset=utf-8|\"a text\"" },
		{ "{\"text\":\"\"}", "POST |text/plain|" },
		{ "{\"body\":null,\"text\":null,\"headers\":null,\"query\":null,\"path\":null}",
			"POST ||" },
		{ "{\"body\":0}", "POST |application/json|0" },
		{ "{\"path\":\"sites/m\u00fcnchen/a b\"}", "POST sites/m\u00fcnchen/a b||" },
		{ "{\"headers\":{\"If-Match\":\"W/\\\"1\\\"\",\"X-Count\":3,\"X-Empty\":\"\","
		  "\"X-None\":null}}",
			"POST ||If-Match: W/\"1\"|X-Count: 3|X-Empty: |" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_send(rows[i].send, rows[i].expected);
}

static void test_query_is_percent_encoded_behind_the_path(void **state)
{
	static const struct {
		const char *send, *expected;
	} rows[] = {
		{ "{\"path\":\"/x\",\"query\":{\"a\":\"b\",\"c\":2}}", "POST /x?a=b&c=2||" },
		{ "{\"path\":\"/x?y=1\",\"query\":{\"a\":\"b\"}}", "POST /x?y=1&a=b||" },
		{ "{\"query\":{\"$filter\":\"no eq 'A&B=1/#?'\"}}",
			"POST ?%24filter=no%20eq%20%27A%26B%3D1%2F%23%3F%27||" },
		{ "{\"query\":{\"a\":\"\\u00e4\\r\\n%\",\"b\":1.5,\"c\":\"-._~\"}}",
			"POST ?a=%C3%A4%0D%0A%25&b=1.5&c=-._~||" },
		{ "{\"path\":\"/x\",\"query\":{}}", "POST /x||" },
		{ "{\"path\":\"/x\",\"query\":{\"a\":null,\"b\":\"\"}}", "POST /x?b=||" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_send(rows[i].send, rows[i].expected);
}

/* They were doubles in the program: none becomes a string, and none changes. */
static void test_numbers_of_a_body_stay_numbers(void **state)
{
	(void)state;
	assert_send("{\"body\":[0.30000000000000004,100000000000000000,3.3,9007199254740993]}",
		"POST |application/json|[0.30000000000000004,1e+17,3.3,9007199254740992]");
}

static void test_carry_goes_with_a_send_and_a_retry(void **state)
{
	struct connector_output *output =
		read_said("{\"send\":{},\"carry\":{\"b\":[1.5],\"a\":null}}", CONNECTOR_DELIVER, 1);
	(void)state;

	assert_string_equal(output->carry, "{\"b\":[1.5],\"a\":null}");
	connector_output_free(output);
	output = read_said("{\"carry\":\"x\",\"retry\":{}}", CONNECTOR_LOOKUP, 1);
	assert_string_equal(output->carry, "\"x\"");
	connector_output_free(output);
	output = read_said("{\"retry\":{},\"carry\":null}", CONNECTOR_DELIVER, 1);
	assert_null(output->carry);
	connector_output_free(output);
	assert_refused("{\"done\":{},\"carry\":{}}", CONNECTOR_DELIVER, 1, "carry");
	assert_refused("{\"carry\":{}}", CONNECTOR_DELIVER, 1, "");
}

static void assert_result(const char *text, enum connector_op op, enum connector_verb verb,
	const char *words, int64_t after_ms)
{
	struct connector_output *output = read_said(text, op, 1);
	const struct connector_result *result = &output->result;
	char got[1024];

	(void)snprintf(got, sizeof(got), "%s|%s|%s|%s|%s", result->id, result->ref, result->code,
		result->reason, result->field);
	assert_int_equal(output->verb, verb);
	assert_int_equal(result->verb, verb);
	assert_string_equal(got, words);
	assert_int_equal(result->after_ms, after_ms);
	connector_output_free(output);
}

static void test_every_verb_is_read(void **state)
{
	static const struct {
		const char *text;
		enum connector_op op;
		enum connector_verb verb;
		const char *words;
		int64_t after_ms;
	} rows[] = {
		{ "{\"done\":{}}", CONNECTOR_DELIVER, CONNECTOR_DONE, "||||", -1 },
		{ "{\"done\":{\"ref\":\"PR-1\"}}", CONNECTOR_LOOKUP, CONNECTOR_DONE, "|PR-1|||",
			-1 },
		{ "{\"done\":{\"ref\":12}}", CONNECTOR_DELIVER, CONNECTOR_DONE, "|12|||", -1 },
		{ "{\"retry\":{}}", CONNECTOR_DELIVER, CONNECTOR_RETRY, "||||", -1 },
		{ "{\"retry\":{\"after_s\":0,\"reason\":\"busy\"}}", CONNECTOR_LOGIN,
			CONNECTOR_RETRY, "|||busy|", 0 },
		{ "{\"retry\":{\"after_s\":0.0001}}", CONNECTOR_LOOKUP, CONNECTOR_RETRY, "||||",
			1 },
		{ "{\"retry\":{\"after_s\":2678400}}", CONNECTOR_DELIVER, CONNECTOR_RETRY, "||||",
			INT64_C(2678400000) },
		{ "{\"reject\":{\"code\":\"unknown_item\",\"message\":\"no \\n\\u001b such "
		  "item\",\"field\":\"/data/lines/0/item\"}}",
			CONNECTOR_DELIVER, CONNECTOR_REJECT,
			"||unknown_item|no such item|/data/lines/0/item", -1 },
		{ "{\"reject\":{\"code\":417,\"message\":{\"a\":[\"b\"]},\"field\":null}}",
			CONNECTOR_LOOKUP, CONNECTOR_REJECT, "||417|{\"a\":[\"b\"]}|", -1 },
		{ "{\"unknown\":{\"reason\":\"half\"}}", CONNECTOR_DELIVER, CONNECTOR_UNKNOWN,
			"|||half|", -1 },
		{ "{\"unknown\":{}}", CONNECTOR_LOOKUP, CONNECTOR_UNKNOWN, "||||", -1 },
		{ "{\"absent\":{}}", CONNECTOR_LOOKUP, CONNECTOR_ABSENT, "||||", -1 },
		{ "{\"hold\":{\"reason\":\"gone\"},\"done\":null}", CONNECTOR_DELIVER,
			CONNECTOR_HOLD, "|||gone|", -1 },
		{ "{\"hold\":{}}", CONNECTOR_LOGIN, CONNECTOR_HOLD, "||||", -1 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_result(
			rows[i].text, rows[i].op, rows[i].verb, rows[i].words, rows[i].after_ms);
}

static void test_verb_without_business_in_an_op_is_refused(void **state)
{
	static const struct {
		const char *text, *path;
		bool deliver, lookup, login; /* allowed */
	} rows[] = {
		{ "{\"send\":{}}", "send", true, true, true },
		{ "{\"done\":{}}", "done", true, true, false },
		{ "{\"results\":[]}", "results", true, false, false },
		{ "{\"retry\":{}}", "retry", true, true, true },
		{ "{\"reject\":{}}", "reject", true, true, false },
		{ "{\"unknown\":{}}", "unknown", true, true, false },
		{ "{\"absent\":{}}", "absent", false, true, false },
		{ "{\"hold\":{}}", "hold", true, true, true },
		{ "{\"session\":{\"headers\":{\"A\":\"b\"}}}", "session", false, false, true },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const bool allowed[] = { [CONNECTOR_DELIVER] = rows[i].deliver,
			[CONNECTOR_LOOKUP] = rows[i].lookup,
			[CONNECTOR_LOGIN] = rows[i].login };
		for (int op = 0; op < 3; op++) {
			if (!allowed[op])
				assert_refused(
					rows[i].text, (enum connector_op)op, 1, rows[i].path);
			else
				connector_output_free(
					read_said(rows[i].text, (enum connector_op)op, 1));
		}
	}
}

static void test_session_has_headers_that_carry_credentials(void **state)
{
	struct connector_output *output = read_said("{\"session\":{\"headers\":{\"Authorization\":"
						    "\"Session x\",\"Cookie\":\"sid=1\"},"
						    "\"lifetime_s\":600.5}}",
		CONNECTOR_LOGIN, 0);
	(void)state;

	assert_int_equal(output->verb, CONNECTOR_SESSION);
	assert_string_equal(output->headers[0], "Authorization: Session x");
	assert_string_equal(output->headers[1], "Cookie: sid=1");
	assert_null(output->headers[2]);
	assert_int_equal(output->lifetime_ms, 600500);
	connector_output_free(output);
	assert_refused("{\"session\":{}}", CONNECTOR_LOGIN, 0, "session.headers");
	assert_refused("{\"session\":{\"headers\":{}}}", CONNECTOR_LOGIN, 0, "session.headers");
	assert_refused("{\"session\":{\"headers\":{\"Host\":\"x\"}}}", CONNECTOR_LOGIN, 0,
		"session.headers.Host");
	assert_refused("{\"session\":{\"headers\":{\"A\":\"x\"},\"lifetime_s\":-1}}",
		CONNECTOR_LOGIN, 0, "session.lifetime_s");
	assert_refused("{\"session\":{\"token\":\"x\"}}", CONNECTOR_LOGIN, 0, "session.token");
}

static void test_results_are_one_for_each_event(void **state)
{
	struct connector_output *output = read_said(
		"{\"results\":[{\"id\":\"a\",\"done\":{\"ref\":7,\"emit\":[{\"type\":\"x\"}]}},"
		"{\"id\":\"b\",\"reject\":{\"message\":\"no\"}},"
		"{\"retry\":{\"after_s\":1.5},\"id\":\"a\"},{\"id\":\"c\",\"unknown\":{}}]}",
		CONNECTOR_DELIVER, 5);
	(void)state;

	assert_int_equal(output->verb, CONNECTOR_RESULTS);
	assert_int_equal(output->n_results, 4);
	assert_string_equal(output->results[0].id, "a");
	assert_int_equal(output->results[0].verb, CONNECTOR_DONE);
	assert_string_equal(output->results[0].ref, "7");
	assert_int_equal(cJSON_GetArraySize(output->results[0].emit), 1);
	assert_string_equal(output->results[1].id, "b");
	assert_string_equal(output->results[1].reason, "no");
	assert_int_equal(output->results[2].verb, CONNECTOR_RETRY);
	assert_int_equal(output->results[2].after_ms, 1500);
	assert_int_equal(output->results[3].verb, CONNECTOR_UNKNOWN);
	connector_output_free(output);
}

static void test_wrong_results_are_named(void **state)
{
	static const struct {
		const char *results, *path;
	} rows[] = {
		{ "{}", "results" },
		{ "[1]", "results[0]" },
		{ "[{\"done\":{}}]", "results[0].id" },
		{ "[{\"id\":7,\"done\":{}}]", "results[0].id" },
		{ "[{\"id\":\"\",\"done\":{}}]", "results[0].id" },
		{ "[{\"id\":\"a\",\"done\":{}},{\"id\":\"b c\",\"done\":{}}]", "results[1].id" },
		{ "[{\"id\":\"a\"}]", "results[0]" },
		{ "[{\"id\":\"a\",\"done\":{},\"retry\":{}}]", "results[0].retry" },
		{ "[{\"id\":\"a\",\"hold\":{}}]", "results[0].hold" },
		{ "[{\"id\":\"a\",\"send\":{}}]", "results[0].send" },
		{ "[{\"id\":\"a\",\"done\":{},\"carry\":1}]", "results[0].carry" },
		{ "[{\"id\":\"a\",\"done\":{\"rf\":1}}]", "results[0].done.rf" },
		{ "[{\"id\":\"a\",\"done\":{\"emit\":[{}]}}]", "results[0].done.emit[0].type" },
		{ "[{\"id\":\"a\",\"done\":{}},{\"id\":\"b\",\"done\":{}},{\"id\":\"c\",\"done\":{}}]",
			"results" },
	};
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(snprintf(text, sizeof(text), "{\"results\":%s}", rows[i].results) <
			    (int)sizeof(text));
		assert_refused(text, CONNECTOR_DELIVER, 2, rows[i].path);
	}
}

static void test_emit_is_a_bounded_list_of_events(void **state)
{
	static const char event[] = "{\"type\":\"shipment.booked\",\"data\":{\"a\":1}}";
	struct buf text = BUF_INIT;
	(void)state;

	buf_puts(&text, "{\"done\":{\"emit\":[");
	for (int i = 0; i < CONNECTOR_EMIT_MAX; i++) {
		buf_puts(&text, i ? "," : "");
		buf_puts(&text, event);
	}
	size_t full = text.len;
	buf_puts(&text, "]}}");
	struct connector_output *output = read_said(text.data, CONNECTOR_DELIVER, 1);
	assert_int_equal(cJSON_GetArraySize(output->result.emit), CONNECTOR_EMIT_MAX);
	connector_output_free(output);
	text.len = full;
	buf_puts(&text, ",{\"type\":\"x\"}]}}");
	assert_refused(text.data, CONNECTOR_DELIVER, 1, "done.emit");
	buf_done(&text);
	assert_refused("{\"done\":{\"emit\":{}}}", CONNECTOR_DELIVER, 1, "done.emit");
	assert_refused("{\"done\":{\"emit\":[1]}}", CONNECTOR_DELIVER, 1, "done.emit[0]");
	assert_refused("{\"done\":{\"emit\":[{\"type\":\"x\"},{\"type\":7}]}}", CONNECTOR_DELIVER,
		1, "done.emit[1].type");
	assert_refused("{\"done\":{\"emit\":[{\"type\":\"x\",\"data\":[]}]}}", CONNECTOR_DELIVER, 1,
		"done.emit[0].data");
}

static void test_what_a_request_could_be_broken_with_is_named(void **state)
{
	static const struct {
		const char *send, *path;
	} rows[] = {
		{ "7", "send" },
		{ "{\"url\":\"x\"}", "send.url" },
		{ "{\"\":\"x\"}", "send.\"\"" },
		{ "{\"method\":7}", "send.method" },
		{ "{\"method\":\"post\"}", "send.method" },
		{ "{\"method\":\"CONNECT\"}", "send.method" },
		{ "{\"method\":\"\"}", "send.method" },
		{ "{\"path\":7}", "send.path" },
		{ "{\"path\":\"/a\\r\\nX: y\"}", "send.path" },
		{ "{\"path\":\"/a\\u007f\"}", "send.path" },
		{ "{\"query\":[]}", "send.query" },
		{ "{\"query\":{\"a\":true}}", "send.query.a" },
		{ "{\"query\":{\"a\":{}}}", "send.query.a" },
		{ "{\"body\":1,\"text\":\"x\"}", "send.text" },
		{ "{\"text\":1}", "send.text" },
		{ "{\"content_type\":\"a\\nb\"}", "send.content_type" },
		{ "{\"content_type\":\"\u00e4\"}", "send.content_type" },
		{ "{\"headers\":[]}", "send.headers" },
		{ "{\"headers\":{\"Host\":\"x\"}}", "send.headers.Host" },
		{ "{\"headers\":{\"host\":\"x\"}}", "send.headers.host" },
		{ "{\"headers\":{\"Content-Length\":1}}", "send.headers.Content-Length" },
		{ "{\"headers\":{\"Transfer-Encoding\":\"chunked\"}}",
			"send.headers.Transfer-Encoding" },
		{ "{\"headers\":{\"Connection\":\"close\"}}", "send.headers.Connection" },
		{ "{\"headers\":{\"Content-Type\":\"text/xml\"}}", "send.headers.Content-Type" },
		{ "{\"headers\":{\"authorization\":\"x\"}}", "send.headers.authorization" },
		{ "{\"headers\":{\"Cookie\":\"x\"}}", "send.headers.Cookie" },
		{ "{\"headers\":{\"\":\"x\"}}", "send.headers.\"\"" },
		{ "{\"headers\":{\"a b\":\"x\"}}", "send.headers.a b" },
		{ "{\"headers\":{\"a\\r\\nb\":\"x\"}}", "send.headers.a b" },
		{ "{\"headers\":{\"a:\":\"x\"}}", "send.headers.a:" },
		{ "{\"headers\":{\"A\":true}}", "send.headers.A" },
		{ "{\"headers\":{\"A\":\"x\\r\\nB: y\"}}", "send.headers.A" },
		{ "{\"headers\":{\"A\":\" x\"}}", "send.headers.A" },
		{ "{\"headers\":{\"A\":\"x \"}}", "send.headers.A" },
		{ "{\"headers\":{\"A\":\"x\\ty\"}}", "send.headers.A" },
		{ "{\"headers\":{\"A\":\"\u00e4\"}}", "send.headers.A" },
		{ "{\"headers\":{\"If-Match\":\"1\",\"if-match\":\"2\"}}",
			"send.headers.if-match" },
	};
	char text[512];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(snprintf(text, sizeof(text), "{\"send\":%s}", rows[i].send) <
			    (int)sizeof(text));
		assert_refused(text, CONNECTOR_DELIVER, 1, rows[i].path);
	}
}

static void test_outputs_that_say_nothing_or_too_much_are_named(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "", "" },
		{ "{", "" },
		{ "7", "" },
		{ "[]", "" },
		{ "{}", "" },
		{ "{\"done\":null}", "" },
		{ "{\"done\":{}} {}", "" },
		{ "{\"done\":{},\"done\":{}}", "" },
		{ "{\"done\":{\"ref\":\"\\u0000\"}}", "" },
		{ "{\"done\":{},\"hold\":{}}", "hold" },
		{ "{\"ok\":true}", "ok" },
		{ "{\"documents\":[]}", "documents" },
		{ "{\"done\":true}", "done" },
		{ "{\"done\":{\"ref\":{}}}", "done.ref" },
		{ "{\"done\":{\"ref\":true}}", "done.ref" },
		{ "{\"retry\":{\"after\":1}}", "retry.after" },
		{ "{\"retry\":{\"after_s\":\"1\"}}", "retry.after_s" },
		{ "{\"retry\":{\"after_s\":-0.1}}", "retry.after_s" },
		{ "{\"retry\":{\"after_s\":2678401}}", "retry.after_s" },
		{ "{\"retry\":{\"after_s\":1e999}}", "retry.after_s" },
		{ "{\"reject\":{\"reason\":\"x\"}}", "reject.reason" },
		{ "{\"unknown\":{\"message\":\"x\"}}", "unknown.message" },
		{ "{\"hold\":\"x\"}", "hold" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(rows[i].text, CONNECTOR_DELIVER, 1, rows[i].path);
	assert_refused("{\"absent\":{\"reason\":1}}", CONNECTOR_LOOKUP, 1, "absent.reason");
}

/* `open`, then `n` times a letter, then `close`. */
static char *stretch(const char *open, size_t n, const char *close)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, open);
	for (size_t i = 0; i < n; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, close);
	return buf_take(&text, NULL);
}

static void test_what_is_too_large_is_named(void **state)
{
	static const struct {
		const char *open, *close;
		size_t most;
		const char *path;
	} rows[] = {
		{ "{\"send\":{\"path\":\"", "\"}}", 8192, "send.path" },
		{ "{\"send\":{\"query\":{\"a\":\"", "\"}}}", 8192 - 3, "send.query" },
		{ "{\"send\":{\"headers\":{\"A\":\"", "\"}}}", 8192, "send.headers.A" },
		{ "{\"send\":{\"headers\":{\"", "\":\"\"}}}", 64,
			"send.headers.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		{ "{\"send\":{\"content_type\":\"", "\"}}", 256, "send.content_type" },
		{ "{\"send\":{},\"carry\":\"", "\"}", (64 << 10) - 2, "carry" },
		{ "{\"send\":{\"text\":\"", "\"}}", (4 << 20) - 20, "" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *fits = stretch(rows[i].open, rows[i].most, rows[i].close);
		char *large = stretch(rows[i].open, rows[i].most + 1, rows[i].close);
		connector_output_free(read_said(fits, CONNECTOR_DELIVER, 1));
		assert_refused(large, CONNECTOR_DELIVER, 1, rows[i].path);
		free(fits);
		free(large);
	}
}

static void test_more_headers_than_fit_are_refused(void **state)
{
	struct buf text = BUF_INIT;
	(void)state;

	buf_puts(&text, "{\"send\":{\"headers\":{\"H\":\"\"");
	for (int i = 1; i < CONNECTOR_HEADERS_MAX; i++)
		buf_printf(&text, ",\"H%d\":\"\"", i);
	size_t full = text.len;
	buf_puts(&text, "}}}");
	struct connector_output *output = read_said(text.data, CONNECTOR_DELIVER, 1);
	assert_non_null(output->send.headers[CONNECTOR_HEADERS_MAX - 1]);
	assert_null(output->send.headers[CONNECTOR_HEADERS_MAX]);
	connector_output_free(output);
	text.len = full;
	buf_puts(&text, ",\"I\":\"\"}}}");
	assert_refused(text.data, CONNECTOR_DELIVER, 1, "send.headers");
	buf_done(&text);
}

/* Words of others are cut, not refused: what they say about must not be lost for its length. */
static void test_words_are_cut_between_characters(void **state)
{
	char *text = stretch("{\"reject\":{\"message\":\"", 499,
		"\u00e4yz\",\"code\":\"0123456789"
		"012345678901234567890123456789012345678901234567890123456789\"}}");
	struct connector_output *output = read_said(text, CONNECTOR_DELIVER, 1);
	(void)state;

	assert_int_equal(strlen(output->result.reason), 499);
	assert_int_equal(strlen(output->result.code), 64);
	connector_output_free(output);
	free(text);
	text = stretch("{\"done\":{\"ref\":\"", 200, "\"}}");
	output = read_said(text, CONNECTOR_DELIVER, 1);
	assert_int_equal(strlen(output->result.ref), 128);
	connector_output_free(output);
	free(text);
	text = stretch("{\"hold\":{\"reason\":[\"", 600, "\"]}}");
	output = read_said(text, CONNECTOR_DELIVER, 1);
	assert_int_equal(strlen(output->result.reason), 500);
	connector_output_free(output);
	connector_output_free(NULL);
	free(text);
}

static void test_text_need_not_end_with_a_nul(void **state)
{
	static const char text[] = "{\"done\":{}}garbage";
	size_t len = strlen("{\"done\":{}}");
	struct connector_output *output = NULL;
	struct error err = { 0 };
	char *exact = malloc(len);
	(void)state;

	assert_non_null(exact);
	memcpy(exact, text, len);
	assert_int_equal(connector_read_output(exact, len, CONNECTOR_DELIVER, 1, &output, &err), 0);
	connector_output_free(output);
	free(exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send_is_read_member_by_member),
		cmocka_unit_test(test_query_is_percent_encoded_behind_the_path),
		cmocka_unit_test(test_numbers_of_a_body_stay_numbers),
		cmocka_unit_test(test_carry_goes_with_a_send_and_a_retry),
		cmocka_unit_test(test_every_verb_is_read),
		cmocka_unit_test(test_verb_without_business_in_an_op_is_refused),
		cmocka_unit_test(test_session_has_headers_that_carry_credentials),
		cmocka_unit_test(test_results_are_one_for_each_event),
		cmocka_unit_test(test_wrong_results_are_named),
		cmocka_unit_test(test_emit_is_a_bounded_list_of_events),
		cmocka_unit_test(test_what_a_request_could_be_broken_with_is_named),
		cmocka_unit_test(test_outputs_that_say_nothing_or_too_much_are_named),
		cmocka_unit_test(test_what_is_too_large_is_named),
		cmocka_unit_test(test_more_headers_than_fit_are_refused),
		cmocka_unit_test(test_words_are_cut_between_characters),
		cmocka_unit_test(test_text_need_not_end_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
