#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dray/connector.h"
#include "dray/json.h"

static char vars[] = "{\"company\":\"ACME\"}";
static const struct connector connector = { .vars = vars };

/* What is put passes the scanner as it stands. */
static char *put(const struct connector_input *input)
{
	static const struct json_limits limits = { (size_t)64 << 20, 64, 1000000, false };
	struct buf out = BUF_INIT, scanned = BUF_INIT;

	connector_put_input(&connector, input, &out);
	assert_false(buf_failed(&out));
	assert_int_equal(json_scan(out.data, out.len, &limits, &scanned, NULL, NULL), JSON_FINE);
	assert_string_equal(scanned.data, out.data);
	buf_done(&scanned);
	return buf_take(&out, NULL);
}

static void assert_input(const struct connector_input *input, const char *expected)
{
	char *text = put(input);

	assert_string_equal(text, expected);
	free(text);
}

static void test_first_rendering_has_no_response(void **state)
{
	static const struct connector_event events[] = { { "{\"id\":\"a\"}x", 10 },
		{ "{\"id\":\"b\"}", 10 } };
	struct connector_input input = {
		.op = CONNECTOR_DELIVER,
		.events = events,
		.n_events = 1,
		.key = "0198-\"k\"",
		.site = "dc-muc-1",
	};
	(void)state;

	assert_input(&input, "{\"op\":\"deliver\",\"events\":[{\"id\":\"a\"}],"
			     "\"key\":\"0198-\\\"k\\\"\",\"carry\":null,\"response\":null,"
			     "\"site\":\"dc-muc-1\",\"vars\":{\"company\":\"ACME\"}}");
	input.op = CONNECTOR_LOOKUP;
	input.n_events = 2;
	input.serial = 17;
	input.carry = "{\"order\":9}";
	assert_input(&input, "{\"op\":\"lookup\",\"events\":[{\"id\":\"a\"},{\"id\":\"b\"}],"
			     "\"key\":\"0198-\\\"k\\\"\",\"serial\":17,\"carry\":{\"order\":9},"
			     "\"response\":null,\"site\":\"dc-muc-1\","
			     "\"vars\":{\"company\":\"ACME\"}}");
}

static void test_login_alone_is_told_credentials(void **state)
{
	struct connector_input input = {
		.op = CONNECTOR_LOGIN, .site = "s", .username = "dray", .password = "\"p\xff\n"
	};
	(void)state;

	assert_input(&input,
		"{\"op\":\"login\",\"events\":[],\"key\":null,\"carry\":null,"
		"\"response\":null,\"site\":\"s\",\"vars\":{\"company\":\"ACME\"},"
		"\"credentials\":{\"username\":\"dray\",\"password\":\"\\\"p\xef\xbf\xbd"
		"\\n\"}}");
	input.username = NULL;
	input.password = NULL;
	char *text = put(&input);
	assert_non_null(strstr(text, "\"credentials\":{\"username\":null,\"password\":null}"));
	free(text);
	input.op = CONNECTOR_DELIVER;
	input.password = "secret";
	text = put(&input);
	assert_null(strstr(text, "secret"));
	free(text);
}

static void assert_response(const struct connector_response *response, const char *expected)
{
	const struct connector_input input = {
		.op = CONNECTOR_DELIVER, .site = "s", .key = "k", .response = response
	};
	char *text = put(&input), *at = strstr(text, "\"response\":"), *end;

	assert_non_null(at);
	at += strlen("\"response\":");
	end = strstr(at, ",\"site\":");
	assert_non_null(end);
	*end = '\0';
	assert_string_equal(at, expected);
	free(text);
}

static void test_body_is_json_or_a_string(void **state)
{
	static const struct {
		const char *body, *expected;
	} rows[] = {
		{ "", "null" },
		{ "null", "null" },
		{ " {\"a\" : [1, true]} ", " {\"a\" : [1, true]} " },
		{ "{\"n\":9007199254740993,\"f\":1e999}",
			"{\"n\":\"9007199254740993\",\"f\":\"1e999\"}" },
		{ "\xef\xbb\xbf{\"a\":1}", "{\"a\":1}" },
		{ "\xef\xbb\xbf", "null" },
		{ "12", "12" },
		{ "\"x\"", "\"x\"" },
		{ "OK", "\"OK\"" },
		{ "{\"a\":1,\"a\":2}", "\"{\\\"a\\\":1,\\\"a\\\":2}\"" },
		{ "{\"a\":1", "\"{\\\"a\\\":1\"" },
		{ "<a>\xc3\xa4\xff\xc3</a>\n", "\"<a>\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd</a>\\n\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\x1b[2J", "\"\\u001b[2J\"" },
	};
	char expected[256];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct connector_response response = {
			.status = 200, .body = rows[i].body, .len = strlen(rows[i].body)
		};
		(void)snprintf(expected, sizeof(expected),
			"{\"status\":200,\"headers\":{},\"body\":%s}", rows[i].expected);
		assert_response(&response, expected);
	}
	assert_response(&(struct connector_response){ .status = 204, .body = "a\0b", .len = 3 },
		"{\"status\":204,\"headers\":{},\"body\":\"a\xef\xbf\xbd"
		"b\"}");
	assert_response(&(struct connector_response){ .status = 204 },
		"{\"status\":204,\"headers\":{},\"body\":null}");
}

static void test_headers_of_the_same_name_are_joined(void **state)
{
	static const struct connector_header headers[] = { { "location", "/x/12" },
		{ "warning", "a \"b\"" }, { "etag", "" }, { "warning", "\xff" },
		{ "warning", "c" } };
	(void)state;

	assert_response(
		&(struct connector_response){ .status = 201, .headers = headers, .n_headers = 5 },
		"{\"status\":201,\"headers\":{\"location\":\"/x/12\","
		"\"warning\":\"a \\\"b\\\", \xef\xbf\xbd, c\",\"etag\":\"\"},\"body\":null}");
}

static void test_body_beyond_the_scanners_limits_is_a_string(void **state)
{
	struct buf body = BUF_INIT;
	struct connector_response response = { .status = 200 };
	struct connector_input input = { .site = "s", .response = &response };
	(void)state;

	for (int depth = 0; depth < 60; depth++)
		buf_putc(&body, '[');
	for (int depth = 0; depth < 60; depth++)
		buf_putc(&body, ']');
	response.body = body.data;
	response.len = body.len;
	char *text = put(&input);
	assert_non_null(strstr(text, "\"body\":[[["));
	free(text);
	buf_reset(&body);
	for (int depth = 0; depth < 61; depth++)
		buf_putc(&body, '[');
	for (int depth = 0; depth < 61; depth++)
		buf_putc(&body, ']');
	response.body = body.data;
	response.len = body.len;
	text = put(&input);
	assert_non_null(strstr(text, "\"body\":\"[[["));
	free(text);
	buf_done(&body);
}

static void test_body_that_is_too_long_is_cut(void **state)
{
	size_t most = (size_t)4 << 20, len = most + 10;
	char *body = malloc(len);
	struct connector_response response = { .status = 200, .body = body, .len = len };
	struct connector_input input = { .site = "s", .response = &response };
	(void)state;

	assert_non_null(body);
	memset(body, 'x', len);
	char *text = put(&input), *at = strstr(text, "\"body\":\"");
	assert_non_null(at);
	assert_int_equal(strspn(at + strlen("\"body\":\""), "x"), most);
	free(text);
	free(body);
}

static void test_more_headers_than_the_bound_are_left_out(void **state)
{
	enum { N = 200 };
	static struct connector_header headers[N];
	static char names[N][8];
	struct connector_response response = { .status = 200, .headers = headers, .n_headers = N };
	struct connector_input input = { .site = "s", .response = &response };
	char *large = malloc((size_t)70 << 10);
	(void)state;

	for (int i = 0; i < N; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "h%d", i);
		headers[i] = (struct connector_header){ names[i], "v" };
	}
	char *text = put(&input);
	assert_non_null(strstr(text, "\"h127\""));
	assert_null(strstr(text, "\"h128\""));
	free(text);
	assert_non_null(large);
	memset(large, 'x', (size_t)70 << 10);
	large[((size_t)70 << 10) - 1] = '\0';
	headers[3].value = large;
	text = put(&input);
	assert_non_null(strstr(text, "\"h2\""));
	assert_null(strstr(text, "\"h3\""));
	free(text);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_rendering_has_no_response),
		cmocka_unit_test(test_login_alone_is_told_credentials),
		cmocka_unit_test(test_body_is_json_or_a_string),
		cmocka_unit_test(test_headers_of_the_same_name_are_joined),
		cmocka_unit_test(test_body_beyond_the_scanners_limits_is_a_string),
		cmocka_unit_test(test_body_that_is_too_long_is_cut),
		cmocka_unit_test(test_more_headers_than_the_bound_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
