/*
 * The delivery engine through random days (random/day.h): whatever happens, each event is applied
 * once where the destination promises it, in order, within the limits, and nothing is lost or stuck.
 *
 *   DRAY_SEEDS=2000   so many days; default 400, with DRAY_LONG 100000
 *   DRAY_SEED=17      from this one on
 *   DRAY_TRACE=200    show so many steps of a day that fails; default 40
 *
 * Days are shared out to two processes. A day that fails is lived again with its trace, whatever
 * ended it.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_faulty_vfs.h"
#include "random/day.h"
#include "random/disk.h"

#define WORKERS 2
#define SHOWN_MAX 3
#define FAILURES_MAX 100000
#define TRACE_MAX (8 << 20)
/* So many days go by on a real file. */
#define ON_FILE 50
#define FAILED 3 /* exit status of a worker that has told so */

static struct shared {
	uint64_t current[WORKERS]; /* the seed that is lived; 0 none is */
	unsigned n_folders, n_failures, n_cut_short;
	unsigned n_chained;          /* deliveries sent in a chain behind another one */
	unsigned n_looks, n_repeats; /* and what was sent again after a look in vain */
	struct {
		uint64_t seed;
		char words[200];
	} failures[FAILURES_MAX];
	size_t trace_len;
	char words[512], trace[TRACE_MAX];
} * shared;

static char root[48];

/* Each process has a folder of its own, and ends by what kills it: cmocka would go on. */
static void move_in(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };
	unsigned nth = __atomic_fetch_add(&shared->n_folders, 1, __ATOMIC_SEQ_CST);

	(void)snprintf(day.dir, sizeof(day.dir), "%s/%u", root, nth);
	(void)snprintf(day.path, sizeof(day.path), "%s/dray.db", day.dir);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_DFL);
	if (mkdir(day.dir, 0700) != 0)
		abort();
}

static uint64_t read_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

/* NULL: all was well. Else what was not. */
static const char *live(uint64_t seed, bool is_in_memory)
{
	jmp_buf failed;

	day.failed = &failed;
	buf_reset(&day.trace);
	if (setjmp(failed) != 0)
		return day.words;
	day_live(seed, is_in_memory);
	(void)__atomic_fetch_add(&shared->n_chained, day.n_chained, __ATOMIC_SEQ_CST);
	(void)__atomic_fetch_add(&shared->n_looks, day.n_looks, __ATOMIC_SEQ_CST);
	(void)__atomic_fetch_add(&shared->n_repeats, day.n_repeats, __ATOMIC_SEQ_CST);
	if (day.is_cut_short)
		(void)__atomic_fetch_add(&shared->n_cut_short, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void fail_with(uint64_t seed, const char *words)
{
	unsigned at = __atomic_fetch_add(&shared->n_failures, 1, __ATOMIC_SEQ_CST);

	if (at >= FAILURES_MAX)
		return;
	shared->failures[at].seed = seed;
	(void)snprintf(shared->failures[at].words, sizeof(shared->failures[at].words), "%s", words);
}

static void work(unsigned worker, uint64_t from, uint64_t end)
{
	for (uint64_t seed = from; seed < end; seed++) {
		if (seed % WORKERS != worker)
			continue;
		shared->current[worker] = seed;
		const char *words = live(seed, seed % ON_FILE != 0);
		if (!words)
			continue;
		fail_with(seed, words);
		_exit(FAILED);
	}
	shared->current[worker] = 0;
}

static pid_t begin_worker(unsigned worker, uint64_t from, uint64_t end)
{
	pid_t pid;

	shared->current[worker] = from;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		move_in();
		work(worker, from, end);
		_exit(0);
	}
	return pid;
}

/* A day that ends its process is a failure like another, and the next days go on. */
static void live_days(uint64_t first, uint64_t end)
{
	pid_t pids[WORKERS];
	unsigned n = WORKERS;
	int status;

	for (unsigned i = 0; i < WORKERS; i++)
		pids[i] = begin_worker(i, first, end);
	while (n > 0) {
		pid_t pid = wait(&status);
		unsigned worker = pid == pids[0] ? 0 : 1;

		assert_true(pid > 0);
		if (shared->current[worker] == 0) {
			n--;
			continue;
		}
		if (!WIFEXITED(status) || WEXITSTATUS(status) != FAILED)
			fail_with(shared->current[worker], "it ended the process");
		pids[worker] = begin_worker(worker, shared->current[worker] + 1, end);
	}
}

/* --- a day that failed ---------------------------------------------------------------------------- */

/* The trace grows in memory that outlives the process. */
static void live_traced(uint64_t seed, bool is_in_memory)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		move_in();
		day.is_traced = true;
		day.trace = (struct buf){ .data = shared->trace, .cap = TRACE_MAX };
		const char *words = live(seed, is_in_memory);
		(void)snprintf(shared->words, sizeof(shared->words), "%s", words ? words : "");
		_exit(0);
	}
	(void)snprintf(shared->words, sizeof(shared->words), "it ended the process");
	memset(shared->trace, 0, shared->trace_len);
	assert_true(waitpid(pid, NULL, 0) == pid);
	shared->trace_len = strnlen(shared->trace, TRACE_MAX);
}

static void show(uint64_t seed)
{
	uint64_t n = read_number("DRAY_TRACE", 40);
	const char *at;

	live_traced(seed, seed % ON_FILE != 0);
	at = shared->trace + shared->trace_len;
	for (uint64_t i = 0; i <= n && at > shared->trace; i++)
		do
			at--;
		while (at > shared->trace && at[-1] != '\n');
	(void)printf("seed %llu: %s\n%s  again: DRAY_SEED=%llu DRAY_SEEDS=1 DRAY_TRACE=1000 %s\n",
		(unsigned long long)seed, shared->words, at, (unsigned long long)seed,
		program_invocation_name);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_each_event_is_applied_once_and_in_order_whatever_happens(void **state)
{
	uint64_t first = read_number("DRAY_SEED", 1),
		 n = read_number("DRAY_SEEDS", getenv("DRAY_LONG") ? 100000 : 400);

	(void)state;
	live_days(first, first + n);
	for (unsigned i = 0; i < shared->n_failures && i < SHOWN_MAX; i++)
		show(shared->failures[i].seed);
	for (unsigned i = 0; i < shared->n_failures; i++)
		(void)printf("seed %llu: %s\n", (unsigned long long)shared->failures[i].seed,
			shared->failures[i].words);
	print_message("%u days ended early: the store was taken for broken\n", shared->n_cut_short);
	print_message("%u deliveries went in a chain\n", shared->n_chained);
	print_message("%u were looked up, %u sent again\n", shared->n_looks, shared->n_repeats);
	assert_true(shared->n_cut_short <= 1 + n / 100);
	assert_true(n < 100 || shared->n_chained > n);
	assert_true(n < 100 || (shared->n_looks > n && shared->n_repeats > n / 4));
	if (shared->n_failures > 0)
		fail_msg("%u of %llu days failed", shared->n_failures, (unsigned long long)n);
}

static void test_the_same_seed_lives_the_same_day(void **state)
{
	char *first;

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		live_traced(seed, true);
		first = strdup(shared->trace);
		assert_non_null(first);
		assert_true(strlen(first) > 1000);
		live_traced(seed, true);
		assert_string_equal(shared->trace, first);
		/* The disk in memory is a disk. */
		live_traced(seed, false);
		assert_string_equal(shared->trace, first);
		free(first);
	}
}

/* Days in memory begin with a store that has its tables: making them is no part of a day. */
static void keep_empty_store(void)
{
	struct error err;
	struct store *store;

	disk_begin(true);
	assert_int_equal(store_open(&(struct store_options){ .path = day.path, .vfs = FAULTY_VFS },
				 &store, &err),
		0);
	store_close(store);
	disk_keep_as_first();
}

static int set_up(void **state)
{
	(void)state;
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)snprintf(root, sizeof(root), "%s/dray-random-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (shared == MAP_FAILED || !mkdtemp(root))
		return -1;
	move_in();
	disk_register();
	if (faulty_vfs_register() != SQLITE_OK)
		return -1;
	keep_empty_store();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_event_is_applied_once_and_in_order_whatever_happens),
		cmocka_unit_test(test_the_same_seed_lives_the_same_day),
	};

	return cmocka_run_group_tests_name("deliver_random", tests, set_up, tear_down);
}
