/*
 * The mapper's client with the real child, and with children that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "dray/buf.h"
#include "mapper/map_sandbox.h"
#include "mapper/mapper.h"
#include "mapper/mapper_run.h"

#define BOUND_MS 400
#define HOLD_MS 700
#define PATIENCE_MS 30000
#define CALLS 50

struct answer {
	unsigned n; /* times it came */
	enum mapper_outcome outcome;
	char text[256];
	size_t len;
	unsigned order; /* among all */
	int64_t at_ms;
};

static struct event_base *base;
static struct mapper *mapper;
static unsigned n_answers;

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_done(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct answer *answer = ctx;

	assert_int_equal(text[len], '\0');
	answer->n++;
	answer->outcome = outcome;
	(void)snprintf(answer->text, sizeof(answer->text), "%s", text);
	answer->len = len;
	answer->order = ++n_answers;
	answer->at_ms = now_ms();
}

/* Turn the loop until so many answers have come, never for longer than a test may take. */
static void turn_until(unsigned n)
{
	const struct timeval look = { .tv_usec = 20000 };
	const int64_t until = now_ms() + PATIENCE_MS;

	while (n_answers < n && now_ms() < until) {
		assert_int_equal(event_base_loopexit(base, &look), 0);
		assert_int_equal(event_base_dispatch(base) < 0, 0);
	}
	assert_int_equal(n_answers, n);
}

static void turn_for(int64_t ms)
{
	const struct timeval after = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	assert_int_equal(event_base_loopexit(base, &after), 0);
	assert_int_equal(event_base_dispatch(base) < 0, 0);
}

static struct mapper_program *program_of(const char *text)
{
	struct mapper_program *program = mapper_program_new(mapper, text, strlen(text));

	assert_non_null(program);
	return program;
}

static struct mapper_call *call(
	struct mapper_program *program, const char *input, struct answer *answer)
{
	struct mapper_call *ret;

	memset(answer, 0, sizeof(*answer));
	ret = mapper_call(program, input, strlen(input), on_done, answer);
	assert_non_null(ret);
	assert_int_equal(answer->n, 0); /* never from within */
	return ret;
}

static struct answer ask(struct mapper_program *program, const char *input)
{
	struct answer answer;

	(void)call(program, input, &answer);
	turn_until(n_answers + 1);
	assert_int_equal(answer.n, 1);
	return answer;
}

static struct answer ask_text(const char *text, const char *input)
{
	struct mapper_program *program = program_of(text);
	struct answer answer = ask(program, input);

	mapper_program_unref(program);
	return answer;
}

static void expect(struct answer answer, enum mapper_outcome outcome, const char *words)
{
	if (answer.outcome != outcome || !strstr(answer.text, words))
		fail_msg("outcome %d: %s", (int)answer.outcome, answer.text);
}

static void start_bounded(const char *path, int64_t bound_ms)
{
	const struct mapper_options options = {
		.path = path, .zone = "Europe/Berlin", .bound_ms = bound_ms, .hold_ms = HOLD_MS
	};

	base = event_base_new();
	assert_non_null(base);
	mapper = mapper_new(base, &options);
	assert_non_null(mapper);
	n_answers = 0;
}

static void start(const char *path)
{
	start_bounded(path, BOUND_MS);
}

static int setup(void **state)
{
	(void)state;
	start(DRAY_MAP);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mapper_free(mapper);
	event_base_free(base);
	return 0;
}

/* --- our children, by /proc --------------------------------------------------------------------------------- */

/* The child of ours that runs now; 0: there is none. More than one is a failure. */
static pid_t child_pid(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		char path[300], text[512] = "", *end;
		FILE *file;
		int parent = 0;

		(void)snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (strtol(entry->d_name, NULL, 10) <= 0 || !(file = fopen(path, "re")))
			continue;
		(void)fread(text, 1, sizeof(text) - 1, file);
		(void)fclose(file);
		end = strrchr(text, ')');
		if (!end || sscanf(end + 1, " %*c %d", &parent) != 1 || parent != getpid())
			continue;
		assert_int_equal(found, 0);
		found = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	(void)closedir(folder);
	return found;
}

static void expect_nothing_left_of_the_child(void)
{
	char path[64], text[4096] = "";
	FILE *file;
	struct dirent *entry;
	DIR *folder;
	unsigned files = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)child_pid());
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), 0);
	(void)fclose(file);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)child_pid());
	folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder)))
		files += entry->d_name[0] != '.';
	(void)closedir(folder);
	assert_int_equal(files, 4); /* the socket, /dev/null twice, its own statm */
}

/* --- a script in the place of dray-map -------------------------------------------------------------------- */

static char folder_path[] = "/tmp/dray-mapper-XXXXXX";
static char script_path[64];

static void start_script(const char *text)
{
	FILE *file;

	(void)snprintf(script_path, sizeof(script_path), "%s/child", folder_path);
	file = fopen(script_path, "we");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(script_path, 0700), 0);
	start(script_path);
}

#define SAY_READY "printf '\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&0;"
/* The first call of a mapper is number 1. */
#define SAY(kind, number, len) \
	"printf '\\" kind "\\0\\0\\0\\0\\0\\0\\0\\" number "\\0\\0\\0" len "' >&0;"

/* --- tests ------------------------------------------------------------------------------------------------------ */

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
		for (int i = 0; i < 40; i++) {
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

static void test_the_child_has_no_environment_and_no_files(void **state)
{
	(void)state;
	assert_int_equal(setenv("DRAY_SECRET", "s3cret", 1), 0);
	expect(ask_text("$ENV", "null"), MAPPER_OUTPUT, "{}");
	expect(ask_text("env", "null"), MAPPER_FAILED, "env is not to be had");
	if (map_sandbox_is_whole())
		expect_nothing_left_of_the_child();
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

static void test_an_endless_program_is_ended_and_others_are_answered(void **state)
{
	struct mapper_program *endless = program_of("def f: f; f"), *fine = program_of(". + 1");
	struct answer first, bad, second;
	int64_t began;

	(void)state;
	expect(ask(fine, "1"), MAPPER_OUTPUT, "2");
	began = now_ms();
	(void)call(fine, "2", &first);
	(void)call(endless, "0", &bad);
	(void)call(fine, "3", &second);
	turn_until(n_answers + 3);
	expect(first, MAPPER_OUTPUT, "3");
	expect(bad, MAPPER_OVERRAN, "ran for longer than 400 ms");
	expect(second, MAPPER_OUTPUT, "4");
	assert_true(bad.at_ms - began >= BOUND_MS);
	assert_true(first.order < bad.order && bad.order < second.order);
	mapper_program_unref(endless);
	mapper_program_unref(fine);
}

/* Each has the bound for itself, however many stand before it. */
static void test_the_bound_is_of_the_oldest_call_not_of_the_queue(void **state)
{
	/* About a tenth of the bound each on any machine that can test this at all. */
	struct mapper_program *slow = program_of("last(range(300000))");
	static struct answer answers[10];
	int64_t began, took;

	(void)state;
	began = now_ms();
	expect(ask(slow, "0"), MAPPER_OUTPUT, "299999");
	took = now_ms() - began;
	for (int i = 0; i < 10; i++)
		(void)call(slow, "0", &answers[i]);
	began = now_ms();
	turn_until(11);
	for (int i = 0; i < 10; i++)
		expect(answers[i], MAPPER_OUTPUT, "299999");
	print_message("one took %lld ms, ten %lld ms, the bound is %d ms\n", (long long)took,
		(long long)(now_ms() - began), BOUND_MS);
	assert_true(now_ms() - began > BOUND_MS);
	mapper_program_unref(slow);
}

static void test_a_memory_bomb_costs_the_child_alone(void **state)
{
	const char *words = map_sandbox_is_whole() ? "takes more than 64 MiB" : "";

	(void)state;
	start_bounded(DRAY_MAP, map_sandbox_is_whole() ? 20000 : BOUND_MS);
	expect(ask_text("[range(1e9)] | length", "null"), MAPPER_OVERRAN, words);
	expect(ask_text("reduce range(60) as $i (\"x\"; . + .) | length", "null"), MAPPER_OVERRAN,
		words);
	expect(ask_text(".", "1"), MAPPER_OUTPUT, "1");
}

static void test_deep_recursion_costs_the_child_alone(void **state)
{
	struct answer answer;

	(void)state;
	answer = ask_text("def f: 1 + f; f", "null");
	assert_int_equal(answer.outcome, MAPPER_OVERRAN);
	answer = ask_text("reduce range(3000000) as $i (null; [.])", "null");
	assert_int_equal(answer.outcome, MAPPER_OVERRAN);
	expect(ask_text(".", "1"), MAPPER_OUTPUT, "1");
}

static void test_an_output_beyond_the_bound_is_a_failure(void **state)
{
	(void)state;
	expect(ask_text("\"x\" * 4194304", "null"), MAPPER_FAILED, "larger than 4 MiB");
	expect(ask_text("\"x\" * 4194302", "null"), MAPPER_OUTPUT, "xxx");
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

/* The one that it worked on is blamed, the others are asked again: each is answered once. */
static void test_a_child_killed_in_mid_call_answers_each_exactly_once(void **state)
{
	struct mapper_program *program = program_of("last(range(100000))");
	static struct answer answers[CALLS];
	unsigned overran = 0;

	(void)state;
	expect(ask(program, "0"), MAPPER_OUTPUT, "99999");
	for (int i = 0; i < CALLS; i++)
		(void)call(program, "0", &answers[i]);
	turn_until(1 + CALLS / 5);
	assert_int_equal(kill(child_pid(), SIGKILL), 0);
	turn_until(1 + CALLS);
	turn_for(50);
	for (int i = 0; i < CALLS; i++) {
		assert_int_equal(answers[i].n, 1);
		assert_int_equal(answers[i].order, i + 2);
		overran += answers[i].outcome == MAPPER_OVERRAN;
		if (answers[i].outcome == MAPPER_OVERRAN)
			expect(answers[i], MAPPER_OVERRAN, "died of signal 9");
		else
			expect(answers[i], MAPPER_OUTPUT, "99999");
	}
	assert_int_equal(overran, 1);
	mapper_program_unref(program);
}

static void test_a_child_that_dies_idle_is_nobodys_fault(void **state)
{
	struct mapper_program *program = program_of(".");

	(void)state;
	for (int i = 0; i < 5; i++) {
		expect(ask(program, "1"), MAPPER_OUTPUT, "1");
		assert_int_equal(kill(child_pid(), SIGKILL), 0);
		turn_for(30);
	}
	expect(ask(program, "1"), MAPPER_OUTPUT, "1");
	mapper_program_unref(program);
}

#define FAULTY "if . == 0 then last(range(1e12)) else . end"

static void test_three_strikes_hold_a_program_and_no_other(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY), *fine = program_of(". + 1");
	struct answer bad[5], good;

	(void)state;
	for (int i = 0; i < 5; i++)
		(void)call(faulty, "0", &bad[i]);
	turn_until(5);
	for (int i = 0; i < 3; i++)
		expect(bad[i], MAPPER_OVERRAN, "ran for longer");
	for (int i = 3; i < 5; i++)
		expect(bad[i], MAPPER_HELD,
			"held after 3 strikes, the last: the program ran for longer");
	(void)call(faulty, "1", &bad[0]);
	(void)call(fine, "1", &good);
	turn_until(7);
	expect(bad[0], MAPPER_HELD, "held");
	expect(good, MAPPER_OUTPUT, "2");
	mapper_program_unref(faulty);
	mapper_program_unref(fine);
}

static void test_a_held_program_is_released_by_one_that_comes_back(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);
	struct answer probe, behind;

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	turn_for(HOLD_MS + 50);
	(void)call(faulty, "0", &probe);
	(void)call(faulty, "1", &behind);
	turn_until(5);
	expect(behind, MAPPER_HELD, "");
	expect(probe, MAPPER_OVERRAN, "");
	expect(ask(faulty, "1"), MAPPER_HELD, ""); /* held anew */
	turn_for(HOLD_MS + 50);
	expect(ask(faulty, "7"), MAPPER_OUTPUT, "7");
	expect(ask(faulty, "8"), MAPPER_OUTPUT, "8");
	expect(ask(faulty, "0"), MAPPER_OVERRAN, ""); /* the count begins anew */
	expect(ask(faulty, "9"), MAPPER_OUTPUT, "9");
	mapper_program_unref(faulty);
}

static void test_a_cancelled_probe_gives_its_place_to_the_next(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);
	struct answer never;

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	turn_for(HOLD_MS + 50);
	mapper_call_cancel(call(faulty, "1", &never));
	expect(ask(faulty, "2"), MAPPER_OUTPUT, "2");
	assert_int_equal(never.n, 0);
	mapper_program_unref(faulty);
}

static void test_forgetting_a_program_releases_it(void **state)
{
	struct mapper_program *faulty = program_of(FAULTY);

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(ask(faulty, "0"), MAPPER_OVERRAN, "");
	expect(ask(faulty, "1"), MAPPER_HELD, "");
	mapper_program_unref(faulty);
	expect(ask_text(FAULTY, "1"), MAPPER_OUTPUT, "1");
}

static void test_what_is_cancelled_is_not_told(void **state)
{
	struct mapper_program *program = program_of("last(range(100000))");
	struct mapper_call *calls[6];
	struct answer answers[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		calls[i] = call(program, "0", &answers[i]);
	mapper_call_cancel(calls[0]); /* before it was sent */
	turn_until(1);
	for (int i = 2; i < 6; i += 2)
		mapper_call_cancel(calls[i]); /* sent */
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

/* The child is what is at fault, no input is: held, told why, tried again ever more rarely. */
static void test_a_child_that_cannot_be_started_holds(void **state)
{
	struct mapper_program *program;

	(void)state;
	start("/nonexistent/dray-map");
	program = program_of(".");
	expect(ask(program, "1"), MAPPER_HELD, "/nonexistent/dray-map: can't be run: No such file");
	expect(ask(program, "1"), MAPPER_HELD, "can't be run");
	mapper_program_unref(program);
}

static void test_a_child_that_dies_at_its_start_is_not_spawned_in_a_loop(void **state)
{
	char text[200], count[64];
	struct mapper_program *program;
	struct stat info;

	(void)state;
	(void)snprintf(count, sizeof(count), "%s/count", folder_path);
	(void)snprintf(text, sizeof(text), "echo >>%s; exit 3", count);
	start_script(text);
	program = program_of(".");
	expect(ask(program, "1"), MAPPER_HELD, "ended with status 3");
	for (int i = 0; i < 20; i++) {
		expect(ask(program, "1"), MAPPER_HELD, "");
		turn_for(50);
	}
	assert_int_equal(stat(count, &info), 0);
	assert_in_range(info.st_size, 2, 5); /* 100, 200, 400 ms … between */
	mapper_program_unref(program);
}

static void test_a_child_that_is_mended_is_used_again(void **state)
{
	struct mapper_program *program;

	(void)state;
	start_script("exit 3");
	program = program_of(".");
	expect(ask(program, "1"), MAPPER_HELD, "");
	assert_int_equal(unlink(script_path), 0);
	assert_int_equal(symlink(DRAY_MAP, script_path), 0);
	turn_for(300);
	expect(ask(program, "1"), MAPPER_OUTPUT, "1");
	mapper_program_unref(program);
	assert_int_equal(unlink(script_path), 0);
}

static void expect_lie(const char *script, enum mapper_outcome outcome, const char *words)
{
	struct mapper_program *program;
	void *none = NULL;

	start_script(script);
	program = program_of(".");
	expect(ask(program, "1"), outcome, words);
	mapper_program_unref(program);
	(void)teardown(&none);
}

static void test_garbage_ends_the_child(void **state)
{
	static const char wait_then[] = SAY_READY "dd bs=1 count=1 of=/dev/null 2>/dev/null;";
	static const struct {
		const char *say;
		const char *words;
	} lies[] = {
		{ "head -c 100000 /dev/urandom >&0", "no words that are known" },
		{ SAY("143", "1", "\\0\\0\\0\\0"), "no words that are known" },
		{ SAY("3", "1", "\\0\\0\\0\\0"), "no words that are known" },   /* ours to say */
		{ SAY("6", "1", "\\0\\0\\0\\377"), "no words that are known" }, /* 4 GiB to come */
		{ SAY("6", "1", "\\1\\0\\100\\0"), "no words that are known" }, /* 4 MiB and 1 */
		{ SAY("7", "1", "\\1\\0\\0\\0x"), "no words that are known" },
		{ SAY("6", "2", "\\1\\0\\0\\0x"), "not asked" }, /* of another call */
		{ SAY("4", "1", "\\0\\0\\0\\0"), "out of turn" },
		{ SAY("6", "1", "\\5\\0\\0\\0xx"), "ran for longer" }, /* the rest never comes */
		{ "exit 9", "ended with status 9" },
	};
	char script[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		(void)snprintf(
			script, sizeof(script), "%s%s\nexec sleep 30", wait_then, lies[i].say);
		expect_lie(script, MAPPER_OVERRAN, lies[i].words);
	}
	start_script("exit 0"); /* for the teardown */
}

static void test_garbage_before_it_is_ready_is_a_failed_start(void **state)
{
	(void)state;
	expect_lie("head -c 1000 /dev/urandom >&0; exec sleep 30", MAPPER_HELD, "no words");
	expect_lie(SAY("6", "1", "\\1\\0\\0\\0x") "exec sleep 30", MAPPER_HELD, "out of turn");
	expect_lie(SAY("5", "1",
			   "\\3\\0\\0\\0"
			   "sad") "exec sleep 30",
		MAPPER_HELD, "sad");
	start_script("exit 0");
}

static void test_a_child_that_does_not_read_blocks_nobody(void **state)
{
	static struct answer answers[200];
	struct mapper_program *program;
	char *input = malloc(100001);
	int64_t began;

	(void)state;
	assert_non_null(input);
	memset(input, '1', 100000);
	input[100000] = '\0';
	start_script(SAY_READY "exec sleep 30");
	program = program_of(".");
	began = now_ms();
	for (int i = 0; i < 200; i++)
		(void)call(program, input, &answers[i]);
	turn_for(100);
	assert_true(now_ms() - began < BOUND_MS);
	turn_until(200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(answers[i].outcome, i < 3 ? MAPPER_OVERRAN : MAPPER_HELD);
	free(input);
	mapper_program_unref(program);
}

static void test_it_is_gone_with_its_client(void **state)
{
	(void)state;
	expect(ask_text(".", "1"), MAPPER_OUTPUT, "1");
	assert_true(child_pid() > 0);
	mapper_free(mapper);
	mapper = NULL;
	assert_int_equal(child_pid(), 0);
}

/* --- the one that waits ---------------------------------------------------------------------------------------- */

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

#define with_child(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define with_own(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_child(test_it_maps),
		with_child(test_calls_are_answered_in_their_order),
		with_child(test_inputs_and_outputs_of_megabytes_pass),
		with_child(test_more_programs_than_stay_compiled),
		with_child(test_the_same_text_is_the_same_program),
		with_child(test_the_child_has_no_environment_and_no_files),
		with_child(test_files_cannot_be_read),
		with_child(test_an_endless_program_is_ended_and_others_are_answered),
		with_child(test_the_bound_is_of_the_oldest_call_not_of_the_queue),
		with_own(test_a_memory_bomb_costs_the_child_alone),
		with_child(test_deep_recursion_costs_the_child_alone),
		with_child(test_an_output_beyond_the_bound_is_a_failure),
		with_child(test_an_input_beyond_the_bound_is_a_failure),
		with_child(test_a_child_killed_in_mid_call_answers_each_exactly_once),
		with_child(test_a_child_that_dies_idle_is_nobodys_fault),
		with_child(test_three_strikes_hold_a_program_and_no_other),
		with_child(test_a_held_program_is_released_by_one_that_comes_back),
		with_child(test_a_cancelled_probe_gives_its_place_to_the_next),
		with_child(test_forgetting_a_program_releases_it),
		with_child(test_what_is_cancelled_is_not_told),
		with_child(test_a_caller_may_ask_and_let_go_from_within),
		with_child(test_another_zone_is_another_child),
		with_own(test_a_child_that_cannot_be_started_holds),
		with_own(test_a_child_that_dies_at_its_start_is_not_spawned_in_a_loop),
		with_own(test_a_child_that_is_mended_is_used_again),
		with_own(test_garbage_ends_the_child),
		with_own(test_garbage_before_it_is_ready_is_a_failed_start),
		with_own(test_a_child_that_does_not_read_blocks_nobody),
		with_child(test_it_is_gone_with_its_client),
		cmocka_unit_test(test_a_caller_that_waits_gets_the_same_answers),
	};
	char command[80];
	int failed;

	if (!mkdtemp(folder_path))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder_path);
	return system(command) == 0 ? failed : 1;
}
