/*
 * A jq program within our prelude: what it gives, what it can't have, and the site's time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mapper/map_program.h"

static struct buf out;

static enum mapper_outcome run(const char *text, const char *input)
{
	struct map_program *program = map_program_new(text, strlen(text));
	enum mapper_outcome outcome;

	assert_non_null(program);
	outcome = map_program_run(program, input, strlen(input), &out);
	map_program_free(program);
	assert_false(buf_failed(&out));
	return outcome;
}

static void expect(const char *text, const char *input, const char *output)
{
	if (run(text, input) != MAPPER_OUTPUT)
		fail_msg("%s gave no output: %s", text, out.data ? out.data : "");
	assert_string_equal(out.data, output);
}

static void expect_failure(const char *text, const char *input, const char *words)
{
	if (run(text, input) != MAPPER_FAILED || !strstr(out.data, words))
		fail_msg("%s: %s", text, out.data ? out.data : "nothing");
}

static void set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static void test_one_input_gives_one_output(void **state)
{
	(void)state;
	expect("{a: .b, c: \"\\(.d)ü\"}", "{\"b\":1.5,\"d\":[null,true]}",
		"{\"a\":1.5,\"c\":\"[null,true]ü\"}");
	expect("def f: .x; def g: f; g", "{\"x\":\"y\"}", "\"y\"");
	expect("# a comment\n.x # and one without an end", "{\"x\":1}", "1");
}

static void test_no_output_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(run("empty", "null"), MAPPER_NOTHING);
	assert_int_equal(out.len, 0);
}

static void test_a_second_output_and_an_error_behind_the_first_are_failures(void **state)
{
	(void)state;
	expect_failure("1, 2", "null", "more than one output");
	expect_failure("1, error(\"late\")", "null", "late");
}

static void test_an_error_says_its_words(void **state)
{
	(void)state;
	expect_failure("error(\"no such item\")", "null", "no such item");
	expect_failure("error({code: 7})", "null", "{\"code\":7}");
	expect_failure(".a.b", "{\"a\":1}", "Cannot index number with");
}

static void test_words_are_cut_between_two_characters(void **state)
{
	(void)state;
	expect_failure("error(\"x\" + \"€\" * 2000)", "null", "x€");
	assert_in_range(out.len, 2046, 2048);
	assert_memory_equal(out.data + out.len - 3, "€", 3);
}

static void test_a_program_runs_again_after_it_failed(void **state)
{
	static const char text[] = "if . == 1 then error(\"one\") else . + 1 end";
	struct map_program *program = map_program_new(text, strlen(text));

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(map_program_run(program, "1", 1, &out), MAPPER_FAILED);
		assert_string_equal(out.data, "one");
		assert_int_equal(map_program_run(program, "2", 1, &out), MAPPER_OUTPUT);
		assert_string_equal(out.data, "3");
		map_program_drop(program);
	}
	map_program_free(program);
}

static void test_a_flaw_is_named_with_its_line_and_nothing_of_the_prelude(void **state)
{
	(void)state;
	expect_failure("{a:\n nothing_known}", "null",
		"the program doesn't compile: nothing_known/0 is not defined, line 2");
	assert_null(strstr(out.data, "def "));
	expect_failure("{a:", "null", "the program doesn't compile: syntax error");
	assert_null(strstr(out.data, "shell"));
	expect_failure("nothing_known | also_unknown", "null",
		"nothing_known/0 is not defined, line 1; also_unknown/0 is not defined, line 1");
}

static void test_the_same_flaw_is_told_each_time(void **state)
{
	struct map_program *program = map_program_new("nope", 4);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(map_program_run(program, "1", 1, &out), MAPPER_FAILED);
		assert_string_equal(
			out.data, "the program doesn't compile: nope/0 is not defined, line 1");
	}
	map_program_free(program);
}

static void test_an_output_beyond_the_bound_is_refused(void **state)
{
	(void)state;
	expect_failure(
		"reduce range(22) as $i (\"x\"; . + .)", "null", "the output is larger than 4 MiB");
	assert_int_equal(
		run("reduce range(22) as $i (\"x\"; . + .) | .[2:]", "null"), MAPPER_OUTPUT);
	assert_int_equal(out.len, MAPPER_OUTPUT_MAX);
}

static void test_what_a_pure_function_has_no_business_with_says_so(void **state)
{
	static const char *const names[] = { "env", "now", "input", "inputs", "debug", "stderr",
		"input_filename", "input_line_number", "get_search_list", "get_prog_origin",
		"get_jq_origin", "modulemeta", "halt", "halt_error" };
	char words[80];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(words, sizeof(words), "%s is not to be had", names[i]);
		expect_failure(names[i], "\"/etc/passwd\"", words);
	}
	expect_failure("halt_error(1)", "null", "halt_error is not to be had");
	expect_failure("first(inputs)", "null", "inputs is not to be had");
}

static void test_the_environment_is_empty(void **state)
{
	(void)state;
	assert_int_equal(setenv("DRAY_SECRET", "s3cret", 1), 0);
	expect("$ENV", "null", "{}");
	expect("$ENV.DRAY_SECRET", "null", "null");
	expect("def f: $ENV.TZ; f", "null", "null");
	expect_failure("$__prog_args", "null", "$__prog_args is not defined");
	expect_failure("env.DRAY_SECRET", "null", "env is not to be had");
}

static void test_modules_are_no_grammar(void **state)
{
	(void)state;
	expect_failure("import \"a\" as a; a::f", "null", "syntax error");
	expect_failure("include \"/etc/passwd\"; .", "null", "syntax error");
	expect_failure("import \"/etc/x\" as $x; $x", "null", "syntax error");
	expect_failure("module {}; .", "null", "syntax error");
}

static void test_local_time_is_the_sites(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	expect("local_time", "\"2026-11-21T14:04:05Z\"", "\"2026-11-21T15:04:05+01:00\"");
	expect("local_time", "\"2026-11-21T14:04:05.123Z\"", "\"2026-11-21T15:04:05+01:00\"");
	expect("[first(local_time)]", "\"2026-11-21T14:04:05Z\"",
		"[\"2026-11-21T15:04:05+01:00\"]");
	expect("local_time", "\"2026-06-30T22:30:00.999999Z\"", "\"2026-07-01T00:30:00+02:00\"");
	expect("local_date", "\"2026-06-30T22:30:00Z\"", "\"2026-07-01\"");
	expect("local_time", "\"2026-11-21T09:04:05-05:00\"", "\"2026-11-21T15:04:05+01:00\"");
	expect("local_time", "\"2026-11-21T19:34:05.5+05:30\"", "\"2026-11-21T15:04:05+01:00\"");
	expect("[.[] | local_date]", "[\"2024-02-29T12:00:00Z\",\"1999-12-31T23:00:00Z\"]",
		"[\"2024-02-29\",\"2000-01-01\"]");
}

/* Berlin: forward on 29 March 2026 at 01:00 UTC, back on 25 October 2026 at 01:00 UTC. */
static void test_local_time_follows_summer_time_both_ways(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	expect("local_time", "\"2026-03-29T00:59:59.999Z\"", "\"2026-03-29T01:59:59+01:00\"");
	expect("local_time", "\"2026-03-29T01:00:00.000Z\"", "\"2026-03-29T03:00:00+02:00\"");
	expect("local_time", "\"2026-10-25T00:59:59Z\"", "\"2026-10-25T02:59:59+02:00\"");
	expect("local_time", "\"2026-10-25T01:00:00Z\"", "\"2026-10-25T02:00:00+01:00\"");
	set_zone("America/New_York"); /* back on 1 November 2026 at 06:00 UTC */
	expect("local_time", "\"2026-11-01T05:59:59Z\"", "\"2026-11-01T01:59:59-04:00\"");
	expect("local_time", "\"2026-11-01T06:00:00Z\"", "\"2026-11-01T01:00:00-05:00\"");
}

/* jq 1.6 is an hour off here. */
static void test_the_calendar_does_not_end_in_2038(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	expect("[todate, (gmtime | todate), strftime(\"%Y-%j-%w\")]", "4102358400",
		"[\"2099-12-31T00:00:00Z\",\"2099-12-31T00:00:00Z\",\"2099-365-4\"]");
	expect("gmtime", "2147483648.5", "[2038,0,19,3,14,8.5,2,18]");
	expect("gmtime", "-1", "[1969,11,31,23,59,59,3,364]");
	expect("map(fromdate | todate)",
		"[\"2000-02-29T00:00:00Z\",\"2100-02-28T23:59:59Z\",\"2100-03-01T00:00:00Z\","
		"\"2400-02-29T12:00:00Z\",\"1900-03-01T00:00:00Z\"]",
		"[\"2000-02-29T00:00:00Z\",\"2100-02-28T23:59:59Z\",\"2100-03-01T00:00:00Z\","
		"\"2400-02-29T12:00:00Z\",\"1900-03-01T00:00:00Z\"]");
	expect("map(local_time)",
		"[\"2038-01-19T03:14:07Z\",\"2038-01-19T03:14:08Z\",\"2099-12-31T23:30:00Z\","
		"\"2050-07-01T12:00:00Z\"]",
		"[\"2038-01-19T04:14:07+01:00\",\"2038-01-19T04:14:08+01:00\","
		"\"2100-01-01T00:30:00+01:00\",\"2050-07-01T14:00:00+02:00\"]");
	expect("[localtime[0:6], strflocaltime(\"%Y-%m-%d %H\")]", "2540376000.5",
		"[[2050,6,2,14,0,0.5],\"2050-07-02 14\"]");
}

static void test_mktime_is_utc_in_summer_too(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	expect("fromdate", "\"2026-06-21T14:04:05Z\"", "1782050645");
	expect("fromdate", "\"2026-12-21T14:04:05Z\"", "1797861845");
	expect("[.[] | gmtime | mktime]",
		"[0,-1,86399,68169600,951782400,951868800,1782050645,4107542399]",
		"[0,-1,86399,68169600,951782400,951868800,1782050645,4107542399]");
	expect("[range(0; 4000000000; 8640777) | select((todate | fromdate) != .)]", "null", "[]");
	expect_failure("\"2026\" | mktime", "null", "mktime takes");
}

static void test_odd_offsets_are_whole(void **state)
{
	(void)state;
	set_zone("UTC");
	expect("local_time", "\"2026-11-21T14:04:05Z\"", "\"2026-11-21T14:04:05+00:00\"");
	set_zone("Asia/Kathmandu");
	expect("local_time", "\"2026-11-21T18:15:00Z\"", "\"2026-11-22T00:00:00+05:45\"");
	set_zone("America/St_Johns");
	expect("local_time", "\"2026-11-21T03:29:59Z\"", "\"2026-11-20T23:59:59-03:30\"");
	set_zone("Pacific/Marquesas");
	expect("local_time", "\"2026-11-21T09:29:00Z\"", "\"2026-11-20T23:59:00-09:30\"");
}

/* jq 1.6: a `try` catches what is raised behind it, also the break by which first() ends. */
static void test_helpers_stand_within_first(void **state)
{
	(void)state;
	set_zone("Europe/Berlin");
	expect("first(local_time, 1)", "\"2026-11-21T14:04:05Z\"", "\"2026-11-21T15:04:05+01:00\"");
	expect("first(local_date, 1)", "\"2026-11-21T14:04:05Z\"", "\"2026-11-21\"");
	expect("first(fromdate, 1)", "\"2026-06-21T14:04:05Z\"", "1782050645");
	expect("first(uuid_hex, 1)", "\"a-b\"", "\"ab\"");
	expect("[limit(1; local_date, 1)]", "\"2026-11-21T14:04:05Z\"", "[\"2026-11-21\"]");
	expect("try (local_time | error(\"x\")) catch .", "\"2026-11-21T14:04:05Z\"", "\"x\"");
}

static void test_what_is_no_time_is_an_error(void **state)
{
	static const char *const wrong[] = { "null", "5", "\"\"", "\"2026-11-21\"",
		"\"2026-11-21T14:04:05\"", "\"2026-11-21 14:04:05Z\"", "\"x2026-11-21T14:04:05Z\"",
		"\"2026-11-21T14:04:05Z\\n\"", "{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_failure("local_time", wrong[i], "is no time such as");
}

static void test_uuid_hex_strips_hyphens(void **state)
{
	(void)state;
	expect("uuid_hex", "\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11\"",
		"\"01937f3e6c1a7b559f0e2f6f3f0c9b11\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_input_gives_one_output),
		cmocka_unit_test(test_no_output_is_no_error),
		cmocka_unit_test(test_a_second_output_and_an_error_behind_the_first_are_failures),
		cmocka_unit_test(test_an_error_says_its_words),
		cmocka_unit_test(test_words_are_cut_between_two_characters),
		cmocka_unit_test(test_a_program_runs_again_after_it_failed),
		cmocka_unit_test(test_a_flaw_is_named_with_its_line_and_nothing_of_the_prelude),
		cmocka_unit_test(test_the_same_flaw_is_told_each_time),
		cmocka_unit_test(test_an_output_beyond_the_bound_is_refused),
		cmocka_unit_test(test_what_a_pure_function_has_no_business_with_says_so),
		cmocka_unit_test(test_the_environment_is_empty),
		cmocka_unit_test(test_modules_are_no_grammar),
		cmocka_unit_test(test_local_time_is_the_sites),
		cmocka_unit_test(test_local_time_follows_summer_time_both_ways),
		cmocka_unit_test(test_the_calendar_does_not_end_in_2038),
		cmocka_unit_test(test_mktime_is_utc_in_summer_too),
		cmocka_unit_test(test_odd_offsets_are_whole),
		cmocka_unit_test(test_helpers_stand_within_first),
		cmocka_unit_test(test_what_is_no_time_is_an_error),
		cmocka_unit_test(test_uuid_hex_strips_hyphens),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&out);
	return failed;
}
