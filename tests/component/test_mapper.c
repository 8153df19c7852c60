/*
 * The mapper's client with the real child: what is asked is answered.
 */
#include <stdlib.h>

#include "dray/buf.h"
#include "mapper/mapper_run.h"
#include "mapper_fixture.h"

static void test_it_maps(void **state)
{
	(void)state;
	expect(ask_text("{a: .b}", "{\"b\":[1,2]}"), MAPPER_OUTPUT, "{\"a\":[1,2]}");
	expect(ask_text("empty", "{}"), MAPPER_NOTHING, "");
	expect(ask_text("error(\"no such item\")", "{}"), MAPPER_FAILED, "no such item");
	expect(ask_text("nope", "{}"), MAPPER_FAILED, "nope/0 is not defined");
	expect(ask_text("local_time", "\"2026-06-21T14:04:05.123Z\""), MAPPER_OUTPUT,
		"\"2026-06-21T16:04:05+02:00\"");
}

static void test_calls_are_answered_in_their_order(void **state)
{
	struct mapper_program *program = program_of(". * 2");
	static struct answer answers[2000];
	char text[16];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		(void)call(program, text, &answers[i]);
	}
	turn_until(2000);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(text, sizeof(text), "%d", 2 * i);
		assert_int_equal(answers[i].order, i + 1);
		assert_string_equal(answers[i].text, text);
	}
	mapper_program_unref(program);
}

/* More than the socketpair holds, both ways: neither side waits for the other. */
static void test_inputs_and_outputs_of_megabytes_pass(void **state)
{
	struct mapper_program *program = program_of("[., .]");
	struct buf input = BUF_INIT;
	static struct answer answers[8];

	(void)state;
	buf_putc(&input, '"');
	for (size_t i = 0; i < (1 << 20) / 16; i++)
		buf_puts(&input, "0123456789abcdef");
	buf_putc(&input, '"');
	for (int i = 0; i < 8; i++)
		(void)call(program, input.data, &answers[i]);
	turn_until(8);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(answers[i].outcome, MAPPER_OUTPUT);
		assert_int_equal(answers[i].len, 2 * input.len + 3);
	}
	buf_done(&input);
	mapper_program_unref(program);
}

static void test_more_programs_than_stay_compiled(void **state)
{
	struct mapper_program *programs[40];
	char text[32];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < (round == 0 ? 40 : 10); i++) {
			(void)snprintf(text, sizeof(text), ". + %d", i);
			if (round == 0)
				programs[i] = program_of(text);
			(void)snprintf(text, sizeof(text), "%d", 1000 + i);
			expect(ask(programs[i], "1000"), MAPPER_OUTPUT, text);
		}
	}
	for (int i = 0; i < 40; i++)
		mapper_program_unref(programs[i]);
}

static void test_the_same_text_is_the_same_program(void **state)
{
	struct mapper_program *one = program_of("."), *two = program_of("."),
			      *other = program_of("1");

	(void)state;
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, other);
	mapper_program_unref(one);
	expect(ask(two, "5"), MAPPER_OUTPUT, "5");
	mapper_program_unref(two);
	mapper_program_unref(other);
	expect(ask_text(".", "6"), MAPPER_OUTPUT, "6");
}

static void test_files_cannot_be_read(void **state)
{
	(void)state;
	expect(ask_text("import \"a\" as a; .", "null"), MAPPER_FAILED, "syntax error");
	expect(ask_text("include \"a\"; .", "null"), MAPPER_FAILED, "syntax error");
	expect(ask_text("import \"/etc/passwd\" as $a; $a", "null"), MAPPER_FAILED, "syntax error");
	expect(ask_text("modulemeta", "\"a\""), MAPPER_FAILED, "not to be had");
	expect(ask_text("input_filename", "null"), MAPPER_FAILED, "not to be had");
	expect(ask_text("input", "null"), MAPPER_FAILED, "not to be had");
	expect(ask_text("$__prog_args", "null"), MAPPER_FAILED, "not defined");
}

static void test_an_output_beyond_the_bound_is_a_failure(void **state)
{
	(void)state;
	expect(ask_text("reduce range(22) as $i (\"x\"; . + .)", "null"), MAPPER_FAILED,
		"larger than 4 MiB");
	expect(ask_text("reduce range(22) as $i (\"x\"; . + .) | .[2:]", "null"), MAPPER_OUTPUT,
		"xxx");
}

static void test_an_input_beyond_the_bound_is_a_failure(void **state)
{
	struct mapper_program *program = program_of("1");
	static struct answer answer;
	size_t len = ((size_t)16 << 20) + 1;
	char *input = malloc(len);

	(void)state;
	assert_non_null(input);
	memset(input, '1', len);
	assert_non_null(mapper_call(program, input, len, on_done, &answer));
	turn_until(1);
	expect(answer, MAPPER_FAILED, "larger than 16 MiB");
	free(input);
	mapper_program_unref(program);
}

struct regret {
	struct mapper_call *calls[6];
	struct answer answers[6];
};

/* At the first answer: they were sent, and may be answered, but nobody was told yet. */
static void cancel_later_ones(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct regret *regret = ctx;

	on_done(&regret->answers[1], outcome, text, len);
	for (int i = 2; i < 6; i += 2)
		mapper_call_cancel(regret->calls[i]);
}

static void test_what_is_cancelled_is_not_told(void **state)
{
	struct mapper_program *program = program_of("last(range(100000))");
	struct regret regret = { .answers = { { .n = 0 } } };
	struct answer *answers = regret.answers;

	(void)state;
	for (int i = 0; i < 6; i++) {
		if (i == 1)
			regret.calls[i] = mapper_call(program, "0", 1, cancel_later_ones, &regret);
		else
			regret.calls[i] = call(program, "0", &answers[i]);
		assert_non_null(regret.calls[i]);
	}
	mapper_call_cancel(regret.calls[0]); /* before it was sent */
	turn_until(3);
	turn_for(200);
	for (int i = 0; i < 6; i++)
		assert_int_equal(answers[i].n, i % 2);
	mapper_program_unref(program);
}

static void ask_again(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	static const char next[] = "1";
	struct mapper_program *program = ctx;

	(void)text;
	(void)len;
	assert_int_equal(outcome, MAPPER_OUTPUT);
	if (++n_answers < 10)
		assert_non_null(mapper_call(program, next, 1, ask_again, program));
	else
		mapper_program_unref(program);
}

static void test_a_caller_may_ask_and_let_go_from_within(void **state)
{
	struct mapper_program *program = program_of(".");

	(void)state;
	assert_non_null(mapper_call(program, "1", 1, ask_again, program));
	turn_until(10);
}

static void test_another_zone_is_another_child(void **state)
{
	struct mapper_program *program = program_of("local_time");
	struct answer before, behind;

	(void)state;
	expect(ask(program, "\"2026-11-21T14:04:05Z\""), MAPPER_OUTPUT, "T15:04:05+01:00");
	(void)call(program, "\"2026-11-21T14:04:05Z\"", &before);
	assert_int_equal(mapper_set_zone(mapper, "Asia/Kathmandu"), 0);
	(void)call(program, "\"2026-11-21T14:04:05Z\"", &behind);
	turn_until(3);
	expect(before, MAPPER_OUTPUT, "T15:04:05+01:00"); /* was asked of the other one */
	expect(behind, MAPPER_OUTPUT, "T19:49:05+05:45");
	mapper_program_unref(program);
}

static void test_a_caller_that_waits_gets_the_same_answers(void **state)
{
	struct error err = { 0 };
	struct mapper_run *run = mapper_run_new(DRAY_MAP, "Europe/Berlin", &err);
	struct buf out = BUF_INIT;

	(void)state;
	assert_non_null(run);
	assert_int_equal(mapper_run_call(run, ".a", 2, "{\"a\":1}", 7, &out), MAPPER_OUTPUT);
	assert_string_equal(out.data, "1");
	assert_int_equal(mapper_run_call(run, "empty", 5, "1", 1, &out), MAPPER_NOTHING);
	assert_int_equal(out.len, 0);
	assert_int_equal(mapper_run_call(run, "def f: f; f", 11, "1", 1, &out), MAPPER_OVERRAN);
	assert_non_null(strstr(out.data, "longer than 1000 ms"));
	assert_int_equal(mapper_run_call(run, "nope", 4, "1", 1, &out), MAPPER_FAILED);
	buf_done(&out);
	mapper_run_free(run);
	assert_null(mapper_run_new("/nonexistent/dray-map", "UTC", &err));
	assert_string_equal(err.message, "can't be run: No such file or directory");
}

static void test_a_program_is_compiled_without_an_input(void **state)
{
	struct error err = { 0 };
	struct mapper_run *run = mapper_run_new(DRAY_MAP, "Europe/Berlin", &err);
	struct buf out = BUF_INIT;

	(void)state;
	assert_non_null(run);
	assert_int_equal(mapper_run_compile(run, ".a", 2, &out), 0);
	assert_int_equal(mapper_run_compile(run, "def f: f; f", 11, &out), 0);
	assert_int_equal(mapper_run_compile(run, "error(\"x\")", 10, &out), 0);
	assert_int_equal(mapper_run_compile(run, "nope", 4, &out), -1);
	assert_string_equal(out.data, "the program doesn't compile: nope/0 is not defined, line 1");
	buf_done(&out);
	mapper_run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_child(test_it_maps),
		with_child(test_calls_are_answered_in_their_order),
		with_child(test_inputs_and_outputs_of_megabytes_pass),
		with_child(test_more_programs_than_stay_compiled),
		with_child(test_the_same_text_is_the_same_program),
		with_child(test_files_cannot_be_read),
		with_child(test_an_output_beyond_the_bound_is_a_failure),
		with_child(test_an_input_beyond_the_bound_is_a_failure),
		with_child(test_what_is_cancelled_is_not_told),
		with_child(test_a_caller_may_ask_and_let_go_from_within),
		with_child(test_another_zone_is_another_child),
		cmocka_unit_test(test_a_caller_that_waits_gets_the_same_answers),
		cmocka_unit_test(test_a_program_is_compiled_without_an_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
