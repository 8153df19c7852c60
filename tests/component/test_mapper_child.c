/*
 * The child as a process: killed, not to be started, mended, lying.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapper/map_sandbox.h"
#include "mapper_fixture.h"

#define CALLS 50
#define PAUSE_MS 100 /* behind the first failed start; twice as long behind each further one */

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
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
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

/* Until the mapper knows of it: a process that is killed dies when the machine has a moment for it. */
static void kill_idle_child(void)
{
	const pid_t pid = child_pid();
	const int64_t until = now_ms() + PATIENCE_MS;

	assert_int_equal(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0 && now_ms() < until)
		turn_for(5);
	assert_int_equal(kill(pid, 0), -1);
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

static void start_script_bounded(const char *text, int64_t bound_ms)
{
	FILE *file;

	(void)snprintf(script_path, sizeof(script_path), "%s/child", folder_path);
	file = fopen(script_path, "we");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(script_path, 0700), 0);
	start_bounded(script_path, bound_ms);
}

static void start_script(const char *text)
{
	start_script_bounded(text, LONG_BOUND_MS);
}

#define SAY_READY "printf '\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&0;"
#define TOO_LATE "ran for longer"
/* The first call of a mapper is number 1. */
#define SAY(kind, number, len) \
	"printf '\\" kind "\\0\\0\\0\\0\\0\\0\\0\\" number "\\0\\0\\0" len "' >&0;"

/* --- tests --------------------------------------------------------------------------------------------- */

static void test_the_child_has_no_environment_and_no_files(void **state)
{
	(void)state;
	assert_int_equal(setenv("DRAY_SECRET", "s3cret", 1), 0);
	expect(ask_text("$ENV", "null"), MAPPER_OUTPUT, "{}");
	expect(ask_text("env", "null"), MAPPER_FAILED, "env is not to be had");
	if (map_sandbox_is_whole())
		expect_nothing_left_of_the_child();
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
	turn_until_at_least(1 + CALLS / 5);
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
		kill_idle_child();
	}
	expect(ask(program, "1"), MAPPER_OUTPUT, "1");
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

/* So many starts there are time for, each pause twice as long as the one before. */
static int64_t starts_within(int64_t ms)
{
	int64_t starts = 1;

	for (int64_t pause_ms = PAUSE_MS; ms >= pause_ms; pause_ms *= 2) {
		ms -= pause_ms;
		starts++;
	}
	return starts;
}

static void test_a_child_that_dies_at_its_start_is_not_spawned_in_a_loop(void **state)
{
	const int64_t began = now_ms();
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
	assert_in_range(info.st_size, 2, starts_within(now_ms() - began));
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
	turn_for(3 * PAUSE_MS);
	expect(ask(program, "1"), MAPPER_OUTPUT, "1");
	mapper_program_unref(program);
	assert_int_equal(unlink(script_path), 0);
}

static void expect_lie(const char *script, enum mapper_outcome outcome, const char *words)
{
	const bool waits = strcmp(words, TOO_LATE) == 0;
	struct mapper_program *program;
	void *none = NULL;

	start_script_bounded(script, waits ? BOUND_MS : LONG_BOUND_MS);
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
		{ SAY("6", "1", "\\5\\0\\0\\0xx"), TOO_LATE }, /* the rest never comes */
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
	start_script_bounded(SAY_READY "exec sleep 60", BOUND_MS);
	program = program_of(".");
	began = now_ms();
	for (int i = 0; i < 200; i++)
		(void)call(program, input, &answers[i]);
	turn_for(100);
	assert_true(now_ms() - began < LONG_BOUND_MS); /* who blocks waits until the child's end */
	turn_until(200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(answers[i].outcome, i < 3 ? MAPPER_OVERRAN : MAPPER_HELD);
	free(input);
	mapper_program_unref(program);
}

/* By a machine with other work: that is not the program's fault. */
static void test_a_child_that_is_kept_from_running_is_waited_for(void **state)
{
	struct mapper_program *program;
	struct answer answer;

	(void)state;
	start(DRAY_MAP);
	program = program_of(". + 1");
	expect(ask(program, "1"), MAPPER_OUTPUT, "2");
	assert_int_equal(kill(child_pid(), SIGSTOP), 0);
	(void)call(program, "2", &answer);
	turn_for(3 * BOUND_MS);
	assert_int_equal(answer.n, 0);
	assert_int_equal(kill(child_pid(), SIGCONT), 0);
	turn_until(2);
	expect(answer, MAPPER_OUTPUT, "3");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_child(test_the_child_has_no_environment_and_no_files),
		with_child(test_a_child_killed_in_mid_call_answers_each_exactly_once),
		with_child(test_a_child_that_dies_idle_is_nobodys_fault),
		with_own(test_a_child_that_cannot_be_started_holds),
		with_own(test_a_child_that_dies_at_its_start_is_not_spawned_in_a_loop),
		with_own(test_a_child_that_is_mended_is_used_again),
		with_own(test_garbage_ends_the_child),
		with_own(test_garbage_before_it_is_ready_is_a_failed_start),
		with_own(test_a_child_that_does_not_read_blocks_nobody),
		with_own(test_a_child_that_is_kept_from_running_is_waited_for),
		with_child(test_it_is_gone_with_its_client),
	};
	char command[80];
	int failed;

	if (!mkdtemp(folder_path))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder_path);
	return system(command) == 0 ? failed : 1;
}
