/*
 * What a process gives up by itself, tried in children: there is no way back.
 */
#include "harden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/capability.h>

#include "filter.h"

#define NO_FILTERS 77
#define STRANGER 65534

/* How a child ends that does this, as wait(2) says it. */
static int end_of(int (*act)(void))
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* --- memory ------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/dray-harden-XXXXXX";

static int crash(void)
{
	const struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

	(void)setrlimit(RLIMIT_CORE, &all);
	(void)signal(SIGABRT, SIG_DFL);
	if (chdir(folder) == 0)
		abort();
	return 1;
}

/* Root may set the limit anew: the other half holds. */
static int crash_hardened(void)
{
	harden_memory();
	return crash();
}

static void test_a_crash_leaves_no_core(void **state)
{
	(void)state;
	if (IS_SANITISED || !WCOREDUMP(end_of(crash)))
		skip(); /* nobody's does here */
	int status = end_of(crash_hardened);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_false(WCOREDUMP(status));
}

static int limit_is_left(void)
{
	struct rlimit limit = { .rlim_cur = 1 };

	harden_memory();
	return getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur > 0 || limit.rlim_max > 0 ||
	       prctl(PR_GET_DUMPABLE) != 0;
}

static void test_no_limit_is_left_and_nobody_traces_it(void **state)
{
	(void)state;
	assert_int_equal(end_of(limit_is_left), 0);
}

/* --- calls --------------------------------------------------------------------------------------------- */

/* What would end otherwise for anyone: done, or refused for another reason. */
static const struct {
	const char *name;
	long number;
	long args[4];
} refused[] = {
	{ "process_vm_readv", __NR_process_vm_readv, { 0 } },
	{ "kcmp", __NR_kcmp, { 0 } },
	{ "unshare", __NR_unshare, { 0 } },
	{ "setns", __NR_setns, { -1 } },
	{ "fsopen", __NR_fsopen, { 0 } },
	{ "perf_event_open", __NR_perf_event_open, { 0 } },
	{ "io_uring_setup", __NR_io_uring_setup, { 0 } },
	{ "add_key", __NR_add_key, { 0 } },
	{ "keyctl", __NR_keyctl, { -1 } },
	{ "userfaultfd", __NR_userfaultfd, { -1 } },
	{ "syslog", __NR_syslog, { 10 } },
	{ "quotactl", __NR_quotactl, { -1 } },
#if !IS_SANITISED
	{ "ptrace", __NR_ptrace, { -1 } },
#endif
};

static bool is_refused(size_t i)
{
	const long *args = refused[i].args;

	return syscall(refused[i].number, args[0], args[1], args[2], args[3]) == -1 &&
	       errno == EPERM;
}

static bool has_filter(void)
{
	return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

static int try_refused(void)
{
	harden_calls();
	if (!has_filter())
		return NO_FILTERS;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (!is_refused(i)) {
			(void)fprintf(stderr, "%s is not refused\n", refused[i].name);
			return 1;
		}
	}
	return 0;
}

static int count_refused_before(void)
{
	int n = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		n += is_refused(i);
	return n;
}

static void *do_nothing(void *arg)
{
	return arg;
}

/* What the daemon lives by: files, threads, children, sockets, other programs. */
static int try_needed(void)
{
	char *const argv[] = { (char *)"true", NULL };
	pthread_t thread;
	pid_t pid;
	int status = 1;

	harden_calls();
	if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) != 0 ||
		waitpid(pid, &status, 0) != pid || status != 0)
		return 2;
	return system("exec true") == 0 ? 0 : 3;
}

static void test_calls_that_reach_into_the_kernel_are_refused(void **state)
{
	int status = WEXITSTATUS(end_of(try_refused));

	(void)state;
	if (status == NO_FILTERS)
		skip();
	assert_int_equal(status, 0);
	assert_true(
		WEXITSTATUS(end_of(count_refused_before)) < 6); /* it is the filter that refuses */
}

static void test_calls_that_are_needed_are_left(void **state)
{
	(void)state;
	assert_int_equal(end_of(try_needed), 0);
}

/* --- rights -------------------------------------------------------------------------------------------- */

/* But that of binding low ports. */
static bool has_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t allowed = UINT32_C(1) << CAP_NET_BIND_SERVICE;

	return syscall(SYS_capget, &header, data) != 0 || (data[0].permitted & ~allowed) ||
	       data[1].permitted || (data[0].effective & ~allowed) || data[0].inheritable;
}

static int give_up_rights(void)
{
	struct error err = { 0 };

	if (harden_rights(folder, &err) != 0)
		return 1;
	if (has_rights())
		return 2;
	for (unsigned long right = 0; prctl(PR_CAPBSET_READ, right) >= 0; right++)
		if (right != CAP_NET_BIND_SERVICE && prctl(PR_CAPBSET_READ, right) != 0)
			return geteuid() == 0
				       ? 3
				       : 0; /* who had no rights can't leave the set either */
	return 0;
}

static int become_owner(void)
{
	struct error err = { 0 };
	gid_t groups[2] = { 0 };

	if (setgroups(1, groups) != 0 || harden_rights(folder, &err) != 0)
		return 1;
	if (getuid() != STRANGER || geteuid() != STRANGER || getgid() != STRANGER ||
		getegid() != STRANGER)
		return 2;
	for (int i = 0, n = getgroups(2, groups); i < n; i++)
		if (groups[i] != STRANGER)
			return 3;
	if (has_rights() || prctl(PR_GET_DUMPABLE) != 0)
		return 4;
	return setuid(0) == 0 ? 5 : 0;
}

static void test_no_capability_is_kept(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(end_of(give_up_rights)), 0);
}

static void test_root_becomes_who_the_state_folder_belongs_to(void **state)
{
	static const gid_t groups[] = { STRANGER,
		0 }; /* of the folder: root's gives no rights either */

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		assert_int_equal(chown(folder, STRANGER, groups[i]), 0);
		int status = WEXITSTATUS(end_of(become_owner));

		assert_int_equal(chown(folder, 0, 0), 0);
		assert_int_equal(status, 0);
	}
}

/* --- life ---------------------------------------------------------------------------------------------- */

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	(void)state;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_crash_leaves_no_core),
		cmocka_unit_test(test_no_limit_is_left_and_nobody_traces_it),
		cmocka_unit_test(test_calls_that_reach_into_the_kernel_are_refused),
		cmocka_unit_test(test_calls_that_are_needed_are_left),
		cmocka_unit_test(test_no_capability_is_kept),
		cmocka_unit_test(test_root_becomes_who_the_state_folder_belongs_to),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
