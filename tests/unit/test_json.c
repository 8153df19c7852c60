/* Trees: found, told apart, patched, printed. */
#include "dray/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct json_limits roomy = { 1 << 20, 64, 100000, false };

static cJSON *parse(const char *text)
{
	struct buf scratch = BUF_INIT;
	struct json_error error = { 0 };
	cJSON *root = json_parse(text, strlen(text), &roomy, &scratch, &error);

	assert_non_null(root);
	buf_done(&scratch);
	return root;
}

static void test_a_flaw_comes_back_from_parse(void **state)
{
	struct buf scratch = BUF_INIT;
	struct json_error error = { 0 };

	(void)state;
	assert_null(json_parse("[1,", 3, &roomy, &scratch, &error));
	assert_int_equal(error.flaw, JSON_SYNTAX);
	assert_int_equal(error.offset, 3);
	buf_done(&scratch);
}

static void test_getters_do_not_lie(void **state)
{
	cJSON *root = parse("{\"s\":\"x\",\"S\":\"y\",\"n\":12,\"f\":1.5,\"big\":9007199254740992,"
			    "\"huge\":1e300,\"neg\":-3,\"t\":true,\"z\":null}");
	int64_t n = 99;

	(void)state;
	assert_string_equal(json_get_string(root, "s"), "x");
	assert_string_equal(json_get_string(root, "S"), "y");
	assert_null(json_get_string(root, "n"));
	assert_null(json_get(root, "absent"));
	assert_null(json_get(json_get(root, "s"), "s"));
	assert_null(json_get(NULL, "s"));
	assert_false(json_get_integer(root, "f", 0, 10, &n));
	assert_false(json_get_integer(root, "huge", INT64_MIN, INT64_MAX, &n));
	assert_false(json_get_integer(root, "s", 0, 10, &n));
	assert_false(json_get_integer(root, "t", 0, 10, &n));
	assert_false(json_get_integer(root, "n", 0, 11, &n));
	assert_false(json_get_integer(root, "neg", 0, 11, &n));
	assert_int_equal(n, 99);
	assert_true(json_get_integer(root, "n", 12, 12, &n));
	assert_int_equal(n, 12);
	assert_true(json_get_integer(root, "big", 0, INT64_MAX, &n));
	assert_true(n == INT64_C(9007199254740992));
	cJSON_Delete(root);
}

static void test_a_pointer_finds_what_rfc_6901_says(void **state)
{
	cJSON *root = parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"m~n\":8,\"~1\":9,"
			    "\"o\":{\"\":7}}");

	(void)state;
	assert_ptr_equal(json_pointer(root, ""), root);
	assert_string_equal(json_pointer(root, "/foo/1")->valuestring, "baz");
	assert_int_equal(json_pointer(root, "/")->valueint, 0);
	assert_int_equal(json_pointer(root, "/a~1b")->valueint, 1);
	assert_int_equal(json_pointer(root, "/m~0n")->valueint, 8);
	assert_int_equal(json_pointer(root, "/~01")->valueint, 9);
	assert_int_equal(json_pointer(root, "/o/")->valueint, 7);
	assert_null(json_pointer(root, "/foo/2"));
	assert_null(json_pointer(root, "/foo/01"));
	assert_null(json_pointer(root, "/foo/-"));
	assert_null(json_pointer(root, "/foo/0/x"));
	assert_null(json_pointer(root, "/fo"));
	assert_null(json_pointer(root, "/fooo"));
	assert_null(json_pointer(root, "foo"));
	cJSON_Delete(root);
}

static void test_a_dotted_path_goes_through_objects_and_arrays(void **state)
{
	cJSON *root = parse(
		"{\"data\":{\"carrier\":{\"scac\":\"DHLG\"},\"lines\":[{\"q\":1},{\"q\":2}]}}");

	(void)state;
	assert_string_equal(json_dotted(root, "data.carrier.scac")->valuestring, "DHLG");
	assert_int_equal(json_dotted(root, "data.lines.1.q")->valueint, 2);
	assert_null(json_dotted(root, "data.lines.2.q"));
	assert_null(json_dotted(root, "data.carrier.scac.x"));
	assert_null(json_dotted(root, "data."));
	assert_null(json_dotted(root, ""));
	assert_null(json_dotted(NULL, "data"));
	cJSON_Delete(root);
}

static void assert_extent(const char *text, size_t pos, const char *expected)
{
	size_t start = 0;
	size_t end = 0;

	assert_true(json_extent(text, strlen(text), pos, &start, &end));
	assert_int_equal(end - start, strlen(expected));
	assert_memory_equal(text + start, expected, end - start);
}

static void test_an_extent_ends_where_the_element_ends(void **state)
{
	(void)state;
	assert_extent("[{\"a\":1},2]", 1, "{\"a\":1}");
	assert_extent("[{\"a\":x!},2]", 1, "{\"a\":x!}");
	assert_extent("[ {\"a\":\"}]\\\"}\"} ,2]", 1, "{\"a\":\"}]\\\"}\"}");
	assert_extent("[1,nope,3]", 3, "nope");
	assert_extent("[\"a,b\",3]", 1, "\"a,b\"");
	assert_extent("{\"a\":1}{\"b\":2}", 0, "{\"a\":1}");
	assert_extent("{\"a\":1} {\"b\":[2]}", 7, "{\"b\":[2]}");
	assert_extent("12 13", 0, "12");
	assert_extent("[1,]", 3, "");
	assert_extent("[,1]", 1, "");
	assert_extent("}}1", 0, "}");
}

static void test_an_element_without_an_end_has_no_extent(void **state)
{
	static const char *const texts[] = { "", "  ", "{\"a\":1", "[[1]", "\"abc", "{\"a",
		"\"\\" };
	size_t start;
	size_t end;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_false(json_extent(texts[i], strlen(texts[i]), 0, &start, &end));
}

static void assert_prints(const char *text, const char *plain, const char *sorted)
{
	struct buf out = BUF_INIT;
	cJSON *root = parse(text);

	json_print(root, &out);
	assert_string_equal(out.data, plain);
	buf_reset(&out);
	json_print_sorted(root, &out);
	assert_string_equal(out.data, sorted);
	cJSON_Delete(root);
	buf_done(&out);
}

static void test_printing_keeps_order_and_sorting_does_not(void **state)
{
	(void)state;
	assert_prints(" { \"b\" : [ 1 , { \"z\" : 1 , \"y\" : { } } , [ ] ] , \"a\" : null } ",
		"{\"b\":[1,{\"z\":1,\"y\":{}},[]],\"a\":null}",
		"{\"a\":null,\"b\":[1,{\"y\":{},\"z\":1},[]]}");
	assert_prints("[[],{},\"[\",\"{\",true,false]", "[[],{},\"[\",\"{\",true,false]",
		"[[],{},\"[\",\"{\",true,false]");
	assert_prints("{\"ab\":1,\"a\":2,\"B\":3,\"\":4}", "{\"ab\":1,\"a\":2,\"B\":3,\"\":4}",
		"{\"\":4,\"B\":3,\"a\":2,\"ab\":1}");
}

static void test_numbers_print_to_the_last_digit(void **state)
{
	static const char text[] = "[0,-0.0,12,12.0,1.50,1e2,9007199254740991,-9007199254740992,"
				   "4503599627370497,0.1,123456.789012345,1e300,1e-7,2147483648]";
	static const char expected[] =
		"[0,0,12,12,1.5,100,9007199254740991,-9007199254740992,"
		"4503599627370497,0.1,123456.789012345,1e+300,1e-07,2147483648]";

	(void)state;
	assert_prints(text, expected, expected);
}

static void test_strings_print_with_the_escapes_they_need(void **state)
{
	static const char text[] =
		"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u000b\\u001f\\u00e9\\ud83d\\ude00\x7f\"]";
	static const char expected[] =
		"[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u000b\\u001f\xc3\xa9\xf0\x9f\x98\x80\x7f\"]";

	(void)state;
	assert_prints(text, expected, expected);
}

static void test_an_object_with_many_members_is_sorted(void **state)
{
	struct buf text = BUF_INIT;
	struct buf expected = BUF_INIT;
	struct buf out = BUF_INIT;
	cJSON *root;

	(void)state;
	for (int i = 0; i < 300; i++) {
		buf_printf(
			&text, "%c\"k%03d\":[{\"b\":1,\"a\":%d}]", i ? ',' : '{', (i * 7) % 300, i);
		buf_printf(&expected, "%c\"k%03d\":[{\"a\":%d,\"b\":1}]", i ? ',' : '{', i,
			(i * 43) % 300);
	}
	buf_putc(&text, '}');
	buf_putc(&expected, '}');
	root = parse(text.data);
	json_print_sorted(root, &out);
	assert_string_equal(out.data, expected.data);
	cJSON_Delete(root);
	buf_done(&text);
	buf_done(&expected);
	buf_done(&out);
}

static void test_a_merge_patch_does_what_rfc_7396_shows(void **state)
{
	static const char *const rows[][3] = {
		/* the table of appendix A */
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
		{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
			"{\"a\":{\"b\":\"d\"}}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
		{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
		{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
		{ "{\"a\":\"foo\"}", "null", "null" },
		{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
		{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = BUF_INIT;
		cJSON *target = parse(rows[i][0]);
		cJSON *patch = parse(rows[i][1]);

		assert_int_equal(json_merge_patch(&target, patch), 0);
		json_print(target, &out);
		assert_string_equal(out.data, rows[i][2]);
		cJSON_Delete(target);
		cJSON_Delete(patch);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flaw_comes_back_from_parse),
		cmocka_unit_test(test_getters_do_not_lie),
		cmocka_unit_test(test_a_pointer_finds_what_rfc_6901_says),
		cmocka_unit_test(test_a_dotted_path_goes_through_objects_and_arrays),
		cmocka_unit_test(test_an_extent_ends_where_the_element_ends),
		cmocka_unit_test(test_an_element_without_an_end_has_no_extent),
		cmocka_unit_test(test_printing_keeps_order_and_sorting_does_not),
		cmocka_unit_test(test_numbers_print_to_the_last_digit),
		cmocka_unit_test(test_strings_print_with_the_escapes_they_need),
		cmocka_unit_test(test_an_object_with_many_members_is_sorted),
		cmocka_unit_test(test_a_merge_patch_does_what_rfc_7396_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
