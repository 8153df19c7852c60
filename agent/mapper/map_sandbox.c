#include "map_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "filter.h"

/* --- the filter ------------------------------------------------------------------------------------------ */

#define KILL RETURN(SECCOMP_RET_KILL_PROCESS)
#define PERMIT_WITHOUT_EXEC(name)                                            \
	UNLESS(__NR_##name, 4), LOAD_ARGUMENT(2),                            \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), KILL, \
		RETURN(SECCOMP_RET_ALLOW)
#define PERMIT_OWN_MEMORY_LIMIT                                                      \
	UNLESS(__NR_prlimit64, 6), LOAD_ARGUMENT(0), UNLESS(0, 3), LOAD_ARGUMENT(1), \
		UNLESS(RLIMIT_AS, 1), RETURN(SECCOMP_RET_ALLOW), KILL

static const struct sock_filter filter[] = {
	LOAD_ARCH,
	UNLESS(ARCH, 1),
	BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	KILL,
	LOAD_NUMBER,

	PERMIT(read),
	PERMIT(write),
	PERMIT(pread64),
	PERMIT(exit),
	PERMIT(exit_group),
	PERMIT(brk),
	PERMIT(munmap),
	PERMIT(mremap),
	PERMIT(madvise),
	PERMIT_WITHOUT_EXEC(mprotect),
#ifdef __NR_mmap
	PERMIT_WITHOUT_EXEC(mmap),
#endif
#ifdef __NR_mmap2
	PERMIT_WITHOUT_EXEC(mmap2),
#endif
	PERMIT_OWN_MEMORY_LIMIT,
	PERMIT(setitimer),
	PERMIT(restart_syscall),
	PERMIT(rt_sigreturn),
	PERMIT(futex),
	PERMIT(getrandom),
	PERMIT(clock_gettime),
#ifdef __NR_clock_gettime64
	PERMIT(clock_gettime64),
#endif
	PERMIT(gettimeofday),
	PERMIT(sysinfo), /* glibc's qsort() asks how much memory there is before it sorts a long list */

#ifdef __NR_open
	REFUSE(open),
#endif
	REFUSE(openat),
#ifdef __NR_openat2
	REFUSE(openat2),
#endif
#ifdef __NR_creat
	REFUSE(creat),
#endif
#ifdef __NR_access
	REFUSE(access),
#endif
	REFUSE(faccessat),
#ifdef __NR_faccessat2
	REFUSE(faccessat2),
#endif
#ifdef __NR_stat
	REFUSE(stat),
	REFUSE(lstat),
#endif
#ifdef __NR_stat64
	REFUSE(stat64),
	REFUSE(lstat64),
#endif
#ifdef __NR_newfstatat
	REFUSE(newfstatat),
#endif
#ifdef __NR_fstatat64
	REFUSE(fstatat64),
#endif
	REFUSE(statx),
#ifdef __NR_readlink
	REFUSE(readlink),
#endif
	REFUSE(readlinkat),
	REFUSE(getcwd),

	KILL,
};

static int install_filter(struct error *err)
{
	struct sock_fprog program = {
		.len = (unsigned short)(sizeof(filter) / sizeof(filter[0])),
		.filter = (struct sock_filter *)filter,
	};

	if (IS_SANITISED)
		return 0;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
		return error_set(
			err, "", "the system-call filter can't be installed: %s", strerror(errno));
	return 0;
}

bool map_sandbox_is_whole(void)
{
	return !IS_SANITISED;
}

#define STACK_BYTES ((size_t)128 << 10)

/* --- limits ------------------------------------------------------------------------------------------------ */

static int statm_fd = -1;

static int set_limit(int resource, rlim_t soft, rlim_t hard, const char *name, struct error *err)
{
	struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

	return setrlimit((__rlimit_resource_t)resource, &limit) == 0
		       ? 0
		       : error_set(err, "", "the limit of %s can't be set: %s", name,
				 strerror(errno));
}

/* Address space in use, bytes; 0 when it can't be read. */
static size_t measure(void)
{
	char text[64];
	ssize_t len = pread(statm_fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return 0;
	text[len] = '\0';
	return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static int limit_memory(struct error *err)
{
	size_t used;
	rlim_t soft;

	if (IS_SANITISED)
		return 0;
	(void)malloc_trim(0);
	used = measure();
	if (used == 0)
		return error_set(err, "", "the memory in use can't be read");
	soft = used + MAP_MEMORY_BYTES;
	if (soft > MAP_MEMORY_HARD_BYTES)
		soft = MAP_MEMORY_HARD_BYTES;
	return set_limit(RLIMIT_AS, soft, MAP_MEMORY_HARD_BYTES, "memory", err);
}

void map_sandbox_measure(void)
{
	(void)limit_memory(NULL); /* else the old bound holds */
}

void map_sandbox_begin_call(void)
{
	const struct itimerval timer = { .it_value = { .tv_sec = MAP_CPU_S } };

	(void)setitimer(ITIMER_PROF, &timer, NULL);
}

/* Where memory has run out the stack can't grow either: what its words need is there before. */
static void touch_stack(void)
{
	volatile char room[STACK_BYTES];

	for (size_t i = 0; i < sizeof(room); i += 1024)
		room[i] = 0;
}

int map_sandbox_enter(struct error *err)
{
	touch_stack();
	if (close_range(3, ~0U, 0) != 0)
		return error_set(err, "", "files can't be closed: %s", strerror(errno));
	statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (statm_fd < 0 && !IS_SANITISED)
		return error_set(err, "", "/proc/self/statm can't be read: %s", strerror(errno));
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, "", "privileges can't be given up: %s", strerror(errno));
	if (set_limit(RLIMIT_CORE, 0, 0, "core files", err) < 0 ||
		set_limit(RLIMIT_FSIZE, 0, 0, "file size", err) < 0 ||
		set_limit(RLIMIT_NOFILE, 0, 0, "open files", err) < 0 || limit_memory(err) < 0)
		return -1;
	return install_filter(err);
}
