/* What an adapter declares, what its program is asked, what it may say. */
#include "dray/adapter_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COMMON "\"name\":\"a\",\"version\":1,\"title\":\"A\""

static void test_a_declaration_is_held_to_its_form(void **state)
{
	static const struct {
		const char *text, *path; /* NULL: sound */
	} rows[] = {
		{ "{" COMMON ",\"payload\":\"json\"}", NULL },
		{ "{" COMMON ",\"payload\":\"text\",\"vars\":{}}", NULL },
		{ "{" COMMON ",\"payload\":\"bytes\",\"vars\":{\"v\":{\"default\":[1]}}}", NULL },
		{ "{" COMMON "}", "payload" },
		{ "{" COMMON ",\"payload\":\"xml\"}", "payload" },
		{ "{" COMMON ",\"payload\":1}", "payload" },
		{ "{\"version\":1,\"title\":\"A\",\"payload\":\"json\"}", "name" },
		{ "{\"name\":\"../a\",\"version\":1,\"title\":\"A\",\"payload\":\"json\"}",
			"name" },
		{ "{\"name\":\"a\",\"version\":\"1\",\"title\":\"A\",\"payload\":\"json\"}",
			"version" },
		{ "{\"name\":\"a\",\"version\":1,\"payload\":\"json\"}", "title" },
		{ "{" COMMON ",\"payload\":\"json\",\"topic\":\"x\"}", "topic" },
		{ "{" COMMON ",\"payload\":\"json\",\"vars\":[]}", "vars" },
		{ "{" COMMON ",\"payload\":\"json\",\"vars\":{\"v\":{\"help\":1}}}",
			"vars.v.help" },
		{ "{" COMMON ",\"payload\":\"json\",\"vars\":{\"v\":{\"required\":true,"
		  "\"default\":1}}}",
			"vars.v.default" },
		{ "[]", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cJSON *declaration = cJSON_Parse(rows[i].text);
		struct error err = { 0 };
		int status = adapter_check_declaration(declaration, &err);

		assert_non_null(declaration);
		assert_int_equal(status, rows[i].path ? -1 : 0);
		assert_string_equal(err.path, rows[i].path ? rows[i].path : "");
		cJSON_Delete(declaration);
	}
}

static void test_vars_are_filled_and_held_to_what_is_declared(void **state)
{
	static const char declared[] =
		"{\"vars\":{\"a\":{\"default\":1},\"b\":{\"required\":true,\"help\":\"its b\"},"
		"\"c\":{}}}";
	static const struct {
		const char *declaration, *vars, *text, *path;
	} rows[] = {
		{ declared, "{\"b\":2}", "{\"b\":2,\"a\":1}", NULL },
		{ declared, "{\"b\":2,\"a\":null}", "{\"b\":2,\"a\":null}", NULL },
		{ declared, "{}", NULL, "vars.b" },
		{ declared, "{\"b\":null}", NULL, "vars.b" },
		{ declared, "{\"b\":1,\"d\":1}", NULL, "vars.d" },
		{ "{}", "{}", "{}", NULL },
		{ "{}", "{\"d\":1}", NULL, "vars.d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cJSON *declaration = cJSON_Parse(rows[i].declaration);
		cJSON *vars = cJSON_Parse(rows[i].vars);
		struct buf out = BUF_INIT;
		struct error err = { 0 };
		int status = adapter_put_vars(declaration, vars, &out, &err);

		assert_int_equal(status, rows[i].text ? 0 : -1);
		if (rows[i].text)
			assert_string_equal(out.data, rows[i].text);
		assert_string_equal(err.path, rows[i].path ? rows[i].path : "");
		cJSON_Delete(declaration);
		cJSON_Delete(vars);
		buf_done(&out);
	}
}

static void check_input(struct adapter_input input, const char *expected)
{
	static const struct json_limits limits = { 4096, 64, 1000, false };
	struct buf out = BUF_INIT, scratch = BUF_INIT;
	cJSON *tree;

	input.site = "dc";
	input.source = "s";
	input.vars = "{\"v\":1}";
	input.received_at_ms = INT64_C(1763733845301);
	adapter_put_input(&input, &out);
	assert_string_equal(out.data, expected);
	tree = json_parse(out.data, out.len, &limits, &scratch, NULL);
	assert_non_null(tree);
	cJSON_Delete(tree);
	buf_done(&out);
	buf_done(&scratch);
}

#define BEHIND \
	"\"site\":\"dc\",\"source\":\"s\",\"vars\":{\"v\":1},\"received\":\"2025-11-21T14:04:05.301Z\"}"

static void test_an_input_is_one_json_text_whatever_came(void **state)
{
	static const struct connector_header headers[] = { { "a", "1" }, { "b", "\xff" },
		{ "a", "2" } };

	(void)state;
	check_input(
		(struct adapter_input){
			.payload = ADAPTER_JSON, .value = "{\"x\":[1]}", .len = 9, .topic = "t/1" },
		"{\"payload\":{\"x\":[1]},\"topic\":\"t/1\",\"headers\":{}," BEHIND);
	check_input((struct adapter_input){ .payload = ADAPTER_TEXT, .value = "a\"\n", .len = 3 },
		"{\"payload\":\"a\\\"\\n\",\"topic\":null,\"headers\":{}," BEHIND);
	check_input((struct adapter_input){ .payload = ADAPTER_BYTES,
			    .value = "\x00\xff",
			    .len = 2,
			    .headers = headers,
			    .n_headers = 3 },
		"{\"payload\":\"AP8=\",\"topic\":null,"
		"\"headers\":{\"a\":\"1, 2\",\"b\":\"\xef\xbf\xbd\"}," BEHIND);
	check_input((struct adapter_input){ .payload = ADAPTER_BYTES, .value = "", .len = 0 },
		"{\"payload\":\"\",\"topic\":null,\"headers\":{}," BEHIND);
}

static void test_an_output_is_an_event_or_an_array_of_events(void **state)
{
	static const struct {
		const char *text;
		bool is_fine;
	} rows[] = {
		{ "{}", true },
		{ "[]", true },
		{ "[{\"a\":[1,{}]},{\"b\":\"],[\"}]", true },
		{ "", false },
		{ "null", false },
		{ "7", false },
		{ "\"{}\"", false },
		{ "[7]", false },
		{ "[{},7]", false },
		{ "[[{}]]", false },
		{ "[{},null]", false },
		{ "[\"{\"]", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		int status = adapter_check_output(rows[i].text, strlen(rows[i].text), &err);

		assert_int_equal(status, rows[i].is_fine ? 0 : -1);
		assert_true(rows[i].is_fine == !err.message[0]);
	}
}

static void test_a_text_is_utf8_without_nul(void **state)
{
	size_t at = 99;

	(void)state;
	assert_true(adapter_is_text("", 0, &at));
	assert_true(adapter_is_text("a\xc3\xa4\n\x1d", 5, &at));
	assert_false(adapter_is_text("ab\xff", 3, &at));
	assert_int_equal(at, 2);
	assert_false(adapter_is_text("a\0b", 3, &at));
	assert_int_equal(at, 1);
	assert_false(adapter_is_text("a\xc3", 2, &at));
}

static void test_a_programs_words_are_made_fit_for_a_screen(void **state)
{
	struct problem problem;

	(void)state;
	adapter_fill_problem("gate", REASON_MAP_FAILED, "no\n\x1b[2J tag\xff", &problem);
	assert_string_equal(problem.message, "adapter gate: no [2J tag?");
	assert_int_equal(problem.reason, REASON_MAP_FAILED);
	assert_string_equal(problem.field, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_declaration_is_held_to_its_form),
		cmocka_unit_test(test_vars_are_filled_and_held_to_what_is_declared),
		cmocka_unit_test(test_an_input_is_one_json_text_whatever_came),
		cmocka_unit_test(test_an_output_is_an_event_or_an_array_of_events),
		cmocka_unit_test(test_a_text_is_utf8_without_nul),
		cmocka_unit_test(test_a_programs_words_are_made_fit_for_a_screen),
	};

	return cmocka_run_group_tests_name("adapter_contract", tests, NULL, NULL);
}
