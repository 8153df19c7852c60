/*
 * What dray-map gives up, tried from within: each probe runs in a process of its own that has entered
 * the sandbox as dray-map does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "mapper/map_sandbox.h"

#define HELD 40   /* the probe's own status: it was refused as it should */
#define BROKEN 41 /* it got what it must not have */

/* The status of a process that entered, then did this. */
static int status_of(int (*probe)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct error err = { 0 };
		if (map_sandbox_enter(&err) < 0) {
			(void)fprintf(stderr, "%s\n", err.message);
			_exit(99);
		}
		_exit(probe());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_refused(int (*probe)(void))
{
	int status = status_of(probe);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HELD);
}

static void expect_killed(int (*probe)(void), int signal)
{
	int status = status_of(probe);

	if (!WIFSIGNALED(status))
		fail_msg("it ended with status %d", WEXITSTATUS(status));
	assert_int_equal(WTERMSIG(status), signal);
}

static int refused(long result)
{
	return result == -1 && errno == EPERM ? HELD : BROKEN;
}

/* --- probes -------------------------------------------------------------------------------------------- */

static int do_nothing(void)
{
	return HELD;
}

static int compute(void)
{
	char *memory = malloc(8 << 20);
	time_t now = 1795000000;
	struct tm local;

	if (!memory)
		return BROKEN;
	memset(memory, 1, 8 << 20);
	memory = realloc(memory, 16 << 20);
	free(memory);
	map_sandbox_begin_call();
	map_sandbox_measure();
	return localtime_r(&now, &local) ? HELD : BROKEN;
}

static int compare_numbers(const void *a, const void *b)
{
	const long long left = *(const long long *)a, right = *(const long long *)b;

	return left < right ? -1 : left > right;
}

static int sort_a_long_list(void)
{
	enum { N = 10000 };
	long long *numbers = malloc(N * sizeof(*numbers));

	if (!numbers)
		return BROKEN;
	for (long long i = 0; i < N; i++)
		numbers[i] = i * 7919 % N;
	qsort(numbers, N, sizeof(*numbers), compare_numbers);
	return numbers[1] == 1 && numbers[N - 1] == N - 1 ? HELD : BROKEN;
}

static int open_for_reading(void)
{
	return refused(open("/etc/passwd", O_RDONLY));
}

static int open_for_writing(void)
{
	return refused(open("/tmp/dray-sandbox-probe", O_WRONLY | O_CREAT, 0600));
}

static int look_at_a_file(void)
{
	struct stat info;

	return refused(stat("/etc/passwd", &info));
}

static int ask_for_access(void)
{
	return refused(access("/etc/passwd", R_OK));
}

static int open_by_number(void)
{
#ifdef __NR_open
	return refused(syscall(__NR_open, "/etc/passwd", O_RDONLY));
#else
	return HELD;
#endif
}

static int make_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? BROKEN : HELD;
}

static int make_a_socketpair(void)
{
	int ends[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? BROKEN : HELD;
}

static int run_a_program(void)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	(void)execv("/bin/true", argv);
	return HELD;
}

static int make_a_process(void)
{
	return fork() >= 0 ? BROKEN : HELD;
}

static int signal_the_parent(void)
{
	return kill(getppid(), 0) == 0 ? BROKEN : HELD;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0) == MAP_FAILED
		       ? HELD
		       : BROKEN;
}

static int make_memory_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 ? BROKEN : HELD;
}

static int raise_another_limit(void)
{
	const struct rlimit limit = { 100, 100 };

	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? BROKEN : HELD;
}

static int trace(void)
{
	return syscall(__NR_ptrace, 0, 0, 0, 0) == 0 ? BROKEN : HELD;
}

/* Volatile: a compiler may leave out what is taken and not used, and call it granted. */
static int take_memory(void)
{
	char *volatile memory = malloc(MAP_MEMORY_BYTES);

	return memory ? BROKEN : HELD;
}

static int take_memory_twice(void)
{
	char *volatile memory = malloc(MAP_MEMORY_BYTES / 2 + (1 << 20));

	if (!memory)
		return BROKEN;
	map_sandbox_measure(); /* a program was compiled: what it took counts no more */
	memory = malloc(MAP_MEMORY_BYTES / 2 + (1 << 20));
	if (!memory)
		return BROKEN;
	memory = malloc(MAP_MEMORY_BYTES / 2);
	return memory ? BROKEN : HELD;
}

static int keep_a_file(void)
{
	char byte;

	return read(17, &byte, 1) == -1 && errno == EBADF ? HELD : BROKEN;
}

/* --- tests ------------------------------------------------------------------------------------------------- */

static void test_it_can_compute(void **state)
{
	(void)state;
	expect_refused(do_nothing);
	assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
	tzset();
	expect_refused(compute);
	expect_refused(sort_a_long_list);
}

static void test_no_file_can_be_opened_or_looked_at(void **state)
{
	(void)state;
	if (!map_sandbox_is_whole())
		skip();
	expect_refused(open_for_reading);
	expect_refused(open_for_writing);
	expect_refused(look_at_a_file);
	expect_refused(ask_for_access);
	expect_refused(open_by_number);
	assert_int_not_equal(access("/tmp/dray-sandbox-probe", F_OK), 0);
}

static void test_sockets_programs_and_processes_end_it(void **state)
{
	int (*const probes[])(void) = { make_a_socket, make_a_socketpair, run_a_program,
		make_a_process, signal_the_parent, make_code, make_memory_code, raise_another_limit,
		trace };

	(void)state;
	if (!map_sandbox_is_whole())
		skip();
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		expect_killed(probes[i], SIGSYS);
}

static void test_memory_is_bounded_from_what_was_in_use(void **state)
{
	(void)state;
	if (!map_sandbox_is_whole())
		skip();
	expect_refused(take_memory);
	expect_refused(take_memory_twice);
}

/* fork() leaves our own files open in the probe: entering must have closed them. */
static void test_files_that_were_open_are_closed(void **state)
{
	int file = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(dup2(file, 17), 17);
	expect_refused(keep_a_file);
	(void)close(17);
	(void)close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_can_compute),
		cmocka_unit_test(test_no_file_can_be_opened_or_looked_at),
		cmocka_unit_test(test_sockets_programs_and_processes_end_it),
		cmocka_unit_test(test_memory_is_bounded_from_what_was_in_use),
		cmocka_unit_test(test_files_that_were_open_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
