#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dray/connector.h"

#define REST                                                                                     \
	"{\"name\":\"rest\",\"version\":1,\"request\":{\"method\":\"POST\",\"path\":\"{path}\"," \
	"\"content_type\":\"application/json\",\"batch_content_type\":\"application/json\"}}"

static char *revision(
	const char *declaration, const char *vars, bool is_batched, uint8_t digest[ID_DIGEST_BYTES])
{
	cJSON *declared = cJSON_Parse(declaration), *settings = vars ? cJSON_Parse(vars) : NULL;
	struct buf out = BUF_INIT;
	struct error err = { 0 };

	assert_non_null(declared);
	assert_int_equal(
		connector_revision_text(&(struct connector_source){ .declaration = declared,
						.vars = settings,
						.is_batched = is_batched },
			&out, digest, &err),
		0);
	cJSON_Delete(declared);
	cJSON_Delete(settings);
	return buf_take(&out, NULL);
}

static struct connector *parse(const char *declaration, const char *vars, bool is_batched)
{
	uint8_t digest[ID_DIGEST_BYTES];
	char *text = revision(declaration, vars, is_batched, digest);
	struct connector *connector = NULL;
	struct error err = { 0 };

	int result = connector_parse(text, strlen(text), &connector, &err);
	if (result)
		print_error("%s: %s\n", err.path, err.message);
	assert_int_equal(result, 0);
	free(text);
	return connector;
}

static void assert_refused(const char *declaration, const char *vars, const char *path)
{
	uint8_t digest[ID_DIGEST_BYTES];
	char *text = revision(declaration, vars, false, digest);
	struct connector *connector = NULL;
	struct error err = { 0 };

	assert_int_equal(connector_parse(text, strlen(text), &connector, &err), -1);
	assert_null(connector);
	assert_string_equal(err.path, path);
	free(text);
}

static void test_rest_is_read_with_vars_put_in(void **state)
{
	struct connector *connector = parse(REST, "{\"path\":\"/events\",\"other\":1}", false);
	(void)state;

	assert_string_equal(connector->name, "rest");
	assert_string_equal(connector->method, "POST");
	assert_string_equal(connector->path, "/events");
	assert_string_equal(connector->content_type, "application/json");
	assert_false(connector->is_batched);
	connector_free(connector);
	connector = parse(REST, NULL, true);
	assert_string_equal(connector->path, "");
	assert_true(connector->is_batched);
	connector_free(connector);
	connector_free(NULL);
}

static void test_path_takes_several_vars_and_numbers(void **state)
{
	struct connector *connector = parse(
		"{\"name\":\"x\",\"request\":{\"method\":\"PUT\",\"path\":\"/c/{company}/v{n}{no}/{\"}}",
		"{\"company\":\"ACME\",\"n\":2}", false);
	(void)state;

	assert_string_equal(connector->path, "/c/ACME/v2/{");
	assert_string_equal(connector->method, "PUT");
	assert_string_equal(connector->batch_content_type, "application/json");
	connector_free(connector);
}

static void test_paths_that_could_break_a_request_are_refused(void **state)
{
	(void)state;
	assert_refused(REST, "{\"path\":\"events\"}", "vars.path");
	assert_refused(REST, "{\"path\":\"@evil.example.com/\"}", "vars.path");
	assert_refused(REST, "{\"path\":\"/a b\"}", "vars.path");
	assert_refused(REST, "{\"path\":\"/a\\r\\nX: y\"}", "vars.path");
	assert_refused(REST, "{\"path\":\"/\\u00e4\"}", "vars.path");
	assert_refused("{\"name\":\"x\",\"request\":{\"path\":\"{base}/in\"}}",
		"{\"base\":\"erp\"}", "vars.base");
	assert_refused("{\"name\":\"x\",\"request\":{\"path\":\"events\"}}", NULL, "request.path");
}

static void test_declarations_that_are_wrong_are_refused(void **state)
{
	(void)state;
	assert_refused("7", NULL, "connector");
	assert_refused("{}", NULL, "name");
	assert_refused("{\"name\":\"x\"}", NULL, "request");
	assert_refused("{\"name\":7,\"request\":{}}", NULL, "name");
	assert_refused("{\"name\":\"x\",\"request\":{\"method\":\"DELETE\"}}", NULL, "method");
	assert_refused("{\"name\":\"x\",\"request\":{\"path\":7}}", NULL, "path");
	assert_refused("{\"name\":\"x\",\"request\":{\"content_type\":\"a\\r\\nb: c\"}}", NULL,
		"content_type");
}

static void test_revision_is_the_same_whatever_the_order_of_members(void **state)
{
	uint8_t a[ID_DIGEST_BYTES], b[ID_DIGEST_BYTES], c[ID_DIGEST_BYTES], d[ID_DIGEST_BYTES];
	char *first = revision("{\"name\":\"x\",\"request\":{}}", "{\"p\":1,\"q\":2}", false, a);
	char *second = revision("{\"request\":{},\"name\":\"x\"}", "{\"q\":2,\"p\":1}", false, b);
	char *third = revision("{\"request\":{},\"name\":\"x\"}", "{\"q\":2,\"p\":3}", false, c);
	char *fourth = revision("{\"request\":{},\"name\":\"x\"}", "{\"q\":2,\"p\":1}", true, d);
	(void)state;

	assert_string_equal(first,
		"{\"batched\":false,\"connector\":{\"name\":\"x\",\"request\":{}},"
		"\"vars\":{\"p\":1,\"q\":2}}");
	assert_string_equal(first, second);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	assert_memory_not_equal(a, d, sizeof(a));
	free(first);
	free(second);
	free(third);
	free(fourth);
}

static void test_body_is_the_event_or_an_array_of_events(void **state)
{
	static const struct connector_event events[] = { { "{\"id\":1}x", 8 },
		{ "{\"id\":2}", 8 } };
	struct connector *single = parse(REST, NULL, false), *batched = parse(REST, NULL, true);
	struct buf out = BUF_INIT;
	(void)state;

	connector_render(single, events, 1, &out);
	assert_string_equal(out.data, "{\"id\":1}");
	buf_reset(&out);
	connector_render(batched, events, 1, &out);
	assert_string_equal(out.data, "[{\"id\":1}]");
	buf_reset(&out);
	connector_render(batched, events, 2, &out);
	assert_string_equal(out.data, "[{\"id\":1},{\"id\":2}]");
	buf_done(&out);
	connector_free(single);
	connector_free(batched);
}

static void test_reference_is_ref_or_id(void **state)
{
	static const struct {
		const char *body, *ref;
	} rows[] = {
		{ "", "" },
		{ "OK", "" },
		{ "[]", "" },
		{ "{}", "" },
		{ "{\"ref\":\"PR-00012\",\"id\":7}", "PR-00012" },
		{ "{\"id\":7}", "7" },
		{ "{\"id\":\"x\"}", "x" },
		{ "{\"ref\":null,\"id\":\"x\"}", "x" },
		{ "{\"ref\":{},\"id\":[]}", "" },
		{ "{\"id\":9007199254740993}", "9007199254740993" },
		{ "{\"ref\":\"a\\nb\"}", "a b" },
		{ "{\"ref\":\"0123456789012345678901234567890\"}",
			"012345678901234567890123456789" },
		{ "{\"ref\":\"01234567890123456789012345678\\u00e4\"}",
			"01234567890123456789012345678" },
		{ "{\"ref\":", "" },
	};
	char out[31];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connector_read_ref(rows[i].body, strlen(rows[i].body), out, sizeof(out));
		assert_string_equal(out, rows[i].ref);
	}
}

static void test_refusal_is_told_in_the_words_of_the_other_side(void **state)
{
	static const struct {
		const char *body, *words;
	} rows[] = {
		{ "", "" },
		{ "{\"title\":\"Bad\",\"detail\":\"unknown item SKU-1\"}", "unknown item SKU-1" },
		{ "{\"title\":\"Bad\"}", "Bad" },
		{ "{\"message\":\"no\"}", "no" },
		{ "{\"error\":\"denied\"}", "denied" },
		{ "{\"error\":\"invalid\",\"error_description\":\"wrong scope\"}", "wrong scope" },
		{ "{\"error\":{\"code\":7,\"message\":\"closed period\"}}", "closed period" },
		{ "{\"x\":1}", "{\"x\":1}" },
		{ "  <h1>Bad\r\n\tRequest</h1>\n", "<h1>Bad Request</h1>" },
		{ "a\x1b[31mred\x7f!", "a [31mred !" },
		{ "a\xff\xc3-\xed\xa0\x80z", "a?\?-?\?\?z" },
		{ "M\xc3\xbcnchen", "M\xc3\xbcnchen" },
		{ "\x1b[2J no\x7f \xc2\x9b"
		  "2J it \xc2\xa0is",
			"[2J no 2J it \xc2\xa0is" },
	};
	char out[64], small[4], none[1];
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connector_read_refusal(rows[i].body, strlen(rows[i].body), out, sizeof(out));
		assert_string_equal(out, rows[i].words);
	}
	connector_read_refusal("ab\xc3\xbc", 4, small, sizeof(small));
	assert_string_equal(small, "ab");
	connector_read_refusal("ab", 2, none, sizeof(none));
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rest_is_read_with_vars_put_in),
		cmocka_unit_test(test_path_takes_several_vars_and_numbers),
		cmocka_unit_test(test_paths_that_could_break_a_request_are_refused),
		cmocka_unit_test(test_declarations_that_are_wrong_are_refused),
		cmocka_unit_test(test_revision_is_the_same_whatever_the_order_of_members),
		cmocka_unit_test(test_body_is_the_event_or_an_array_of_events),
		cmocka_unit_test(test_reference_is_ref_or_id),
		cmocka_unit_test(test_refusal_is_told_in_the_words_of_the_other_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
