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

struct made {
	int result;
	char *text;
	uint8_t digest[ID_DIGEST_BYTES];
	struct error err;
};

/* `vars` NULL: none. */
static struct made make(const char *declaration, const char *vars, struct connector_source source)
{
	cJSON *declared = cJSON_Parse(declaration), *settings = vars ? cJSON_Parse(vars) : NULL;
	struct made made = { 0 };
	struct buf out = BUF_INIT;

	assert_non_null(declared);
	source.declaration = declared;
	source.vars = settings;
	made.result = connector_revision_text(&source, &out, made.digest, &made.err);
	if (!made.result)
		made.text = buf_take(&out, NULL);
	cJSON_Delete(declared);
	cJSON_Delete(settings);
	buf_done(&out);
	return made;
}

static struct connector *parse_source(
	const char *declaration, const char *vars, struct connector_source source)
{
	struct made made = make(declaration, vars, source);
	struct connector *connector = NULL;

	if (!made.result)
		made.result = connector_parse(made.text, strlen(made.text), &connector, &made.err);
	if (made.result)
		print_error("%s: %s\n", made.err.path, made.err.message);
	assert_int_equal(made.result, 0);
	free(made.text);
	return connector;
}

static struct connector *parse(const char *declaration, const char *vars, bool is_batched)
{
	return parse_source(
		declaration, vars, (struct connector_source){ .is_batched = is_batched });
}

static void assert_source_refused(
	const char *declaration, const char *vars, struct connector_source source, const char *path)
{
	struct made made = make(declaration, vars, source);
	struct connector *connector = NULL;

	if (!made.result)
		made.result = connector_parse(made.text, strlen(made.text), &connector, &made.err);
	if (made.result != -1 || strcmp(made.err.path, path) != 0)
		print_error("%s\n%s: %s\n", declaration, made.err.path, made.err.message);
	assert_int_equal(made.result, -1);
	assert_null(connector);
	assert_string_equal(made.err.path, path);
	assert_true(made.err.message[0] != '\0');
	free(made.text);
}

static void assert_refused(const char *declaration, const char *vars, const char *path)
{
	assert_source_refused(declaration, vars, (struct connector_source){ 0 }, path);
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
	assert_refused("{\"name\":\"x\",\"request\":{\"path\":\"events\"}}", NULL,
		"connector.request.path");
}

static void test_topics_that_are_filters_are_refused(void **state)
{
	static const char declared[] = "{\"name\":\"x\",\"request\":{\"topic\":\"in/{topic}\"}}";
	struct connector *connector = parse(declared, "{\"topic\":\"m\u00fcnchen/a b\"}", false);
	(void)state;

	assert_string_equal(connector->topic, "in/m\u00fcnchen/a b");
	connector_free(connector);
	assert_refused(declared, "{\"topic\":\"a/+\"}", "vars.topic");
	assert_refused(declared, "{\"topic\":\"#\"}", "vars.topic");
	assert_refused(declared, "{\"topic\":\"a\\nb\"}", "vars.topic");
	assert_refused(
		"{\"name\":\"x\",\"request\":{\"topic\":\"a#\"}}", NULL, "connector.request.topic");
}

static void test_declarations_that_are_wrong_are_refused(void **state)
{
	static const struct {
		const char *declaration, *path;
	} rows[] = {
		{ "7", "connector" },
		{ "{}", "connector.request" },
		{ "{\"request\":{}}", "connector.name" },
		{ "{\"name\":\"x\"}", "connector.request" },
		{ "{\"name\":7,\"request\":{}}", "connector.name" },
		{ "{\"name\":\"x\",\"serial\":1,\"request\":{}}", "connector.serial" },
		{ "{\"name\":\"x\",\"request\":{\"method\":\"DELETE\"}}",
			"connector.request.method" },
		{ "{\"name\":\"x\",\"request\":{\"path\":7}}", "connector.request.path" },
		{ "{\"name\":\"x\",\"request\":{\"topic\":7}}", "connector.request.topic" },
		{ "{\"name\":\"x\",\"request\":{\"pth\":\"/\"}}", "connector.request.pth" },
		{ "{\"name\":\"x\",\"request\":{\"content_type\":\"a\\r\\nb: c\"}}",
			"connector.request.content_type" },
		{ "{\"name\":\"x\",\"request\":{},\"vars\":[]}", "connector.vars" },
		{ "{\"name\":\"x\",\"request\":{},\"vars\":{\"a\":1}}", "connector.vars.a" },
		{ "{\"name\":\"x\",\"request\":{},\"vars\":{\"a\":{\"required\":1}}}",
			"connector.vars.a.required" },
		{ "{\"name\":\"x\",\"request\":{},\"vars\":{\"a\":{\"help\":1}}}",
			"connector.vars.a.help" },
		{ "{\"name\":\"x\",\"request\":{},\"vars\":{\"a\":{\"fallback\":1}}}",
			"connector.vars.a.fallback" },
		{ "{\"name\":\"x\",\"request\":{},"
		  "\"vars\":{\"a\":{\"required\":true,\"default\":1}}}",
			"connector.vars.a.default" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_refused(rows[i].declaration, NULL, rows[i].path);
}

#define ACME                                                                      \
	"{\"name\":\"acme\",\"version\":1,\"serial\":true,\"vars\":{\"company\":" \
	"{\"required\":true,\"help\":\"Acme's company code\"},"                   \
	"\"warehouse\":{\"default\":\"1\"},\"flags\":{\"default\":{\"a\":[1]}},\"note\":{}}}"

static const struct connector_source acme = { .program = "{\"send\": {}} # \"\\",
	.program_len = 17 };

static void test_program_and_vars_with_their_defaults_are_read_back(void **state)
{
	struct connector *connector =
		parse_source(ACME, "{\"company\":\"A\",\"flags\":null}", acme);
	(void)state;

	assert_string_equal(connector->name, "acme");
	assert_string_equal(connector->program, acme.program);
	assert_int_equal(connector->program_len, acme.program_len);
	assert_true(connector->has_serial);
	assert_string_equal(
		connector->vars, "{\"company\":\"A\",\"flags\":null,\"warehouse\":\"1\"}");
	assert_string_equal(connector->path, "");
	assert_string_equal(connector->method, "POST");
	connector_free(connector);
	connector = parse_source(ACME, "{\"company\":\"A\",\"warehouse\":2}", acme);
	assert_string_equal(
		connector->vars, "{\"company\":\"A\",\"flags\":{\"a\":[1]},\"warehouse\":2}");
	connector_free(connector);
}

static void test_vars_are_held_against_what_is_declared(void **state)
{
	(void)state;
	assert_source_refused(ACME, NULL, acme, "vars.company");
	assert_source_refused(ACME, "{\"warehouse\":2}", acme, "vars.company");
	assert_source_refused(ACME, "{\"company\":null}", acme, "vars.company");
	assert_source_refused(ACME, "{\"company\":\"A\",\"compny\":1}", acme, "vars.compny");
	assert_source_refused("{\"name\":\"x\",\"vars\":{}}", "{\"a\":1}", acme, "vars.a");
	struct made made = make(ACME, NULL, acme);
	assert_string_equal(made.err.message, "required by the connector: Acme's company code");
}

static void test_program_that_is_no_text_or_has_a_request_beside_is_refused(void **state)
{
	(void)state;
	assert_source_refused("{\"name\":\"x\"}", NULL,
		(struct connector_source){ .program = "\xff", .program_len = 1 }, "connector");
	assert_source_refused("{\"name\":\"x\"}", NULL,
		(struct connector_source){ .program = "a\0b", .program_len = 3 }, "connector");
	assert_source_refused("{\"name\":\"x\",\"request\":{}}", NULL, acme, "connector.request");
}

static void test_revision_larger_than_can_be_read_back_is_refused(void **state)
{
	size_t len = (size_t)1 << 20;
	char *program = malloc(len);
	(void)state;

	assert_non_null(program);
	memset(program, ' ', len);
	assert_source_refused("{\"name\":\"x\"}", NULL,
		(struct connector_source){ .program = program, .program_len = len }, "connector");
	len -= 100;
	connector_free(parse_source("{\"name\":\"x\"}", NULL,
		(struct connector_source){ .program = program, .program_len = len }));
	free(program);
}

static void test_key_shape_is_part_of_the_revision(void **state)
{
	static const enum id_format formats[] = { ID_FORMAT_UUID, ID_FORMAT_HEX, ID_FORMAT_ALNUM,
		ID_FORMAT_DIGITS };
	struct connector *connector = parse("{\"name\":\"x\",\"request\":{}}", NULL, false);
	(void)state;

	assert_int_equal(connector->key.format, ID_FORMAT_UUID);
	assert_int_equal(connector->key.length, 0);
	assert_false(connector->key.is_quoted);
	connector_free(connector);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		connector = parse_source("{\"name\":\"x\",\"request\":{}}", NULL,
			(struct connector_source){ .key = { formats[i], 20, true } });
		assert_int_equal(connector->key.format, formats[i]);
		assert_int_equal(connector->key.length, 20);
		assert_true(connector->key.is_quoted);
		connector_free(connector);
	}
}

static void assert_differ(const struct made *a, const struct made *b)
{
	assert_string_not_equal(a->text, b->text);
	assert_memory_not_equal(a->digest, b->digest, sizeof(a->digest));
}

/* As an earlier version wrote it: deliveries pinned by one go on under the next. */
#define PLAIN_TEXT                                                          \
	"{\"batched\":false,\"connector\":{\"name\":\"x\",\"request\":{}}," \
	"\"vars\":{\"p\":1,\"q\":2}}"

static void test_revision_is_the_same_whatever_the_order_of_members(void **state)
{
	static const char one[] = "{\"name\":\"x\",\"request\":{}}",
			  two[] = "{\"request\":{},\"name\":\"x\"}";
	const struct connector_source plain = { 0 }, batched = { .is_batched = true },
				      shaped = { .key.is_quoted = true };
	struct made made[] = { make(one, "{\"p\":1,\"q\":2}", plain),
		make(two, "{\"q\":2,\"p\":1}", plain), make(two, "{\"q\":2,\"p\":3}", plain),
		make(two, "{\"q\":2,\"p\":1}", batched), make(two, "{\"q\":2,\"p\":1}", shaped),
		make("{\"name\":\"x\"}", "{\"q\":2,\"p\":1}", acme) };
	(void)state;

	assert_string_equal(made[0].text, PLAIN_TEXT);
	assert_string_equal(made[0].text, made[1].text);
	assert_memory_equal(made[0].digest, made[1].digest, sizeof(made[0].digest));
	for (size_t i = 2; i < sizeof(made) / sizeof(made[0]); i++)
		assert_differ(&made[0], &made[i]);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		free(made[i].text);
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
		cmocka_unit_test(test_topics_that_are_filters_are_refused),
		cmocka_unit_test(test_program_and_vars_with_their_defaults_are_read_back),
		cmocka_unit_test(test_vars_are_held_against_what_is_declared),
		cmocka_unit_test(test_program_that_is_no_text_or_has_a_request_beside_is_refused),
		cmocka_unit_test(test_revision_larger_than_can_be_read_back_is_refused),
		cmocka_unit_test(test_key_shape_is_part_of_the_revision),
		cmocka_unit_test(test_declarations_that_are_wrong_are_refused),
		cmocka_unit_test(test_revision_is_the_same_whatever_the_order_of_members),
		cmocka_unit_test(test_body_is_the_event_or_an_array_of_events),
		cmocka_unit_test(test_reference_is_ref_or_id),
		cmocka_unit_test(test_refusal_is_told_in_the_words_of_the_other_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
