/*
 * clock_says.c - what the kernel says of the clock, by the test's will: LD_PRELOADed into drayd beside
 * libfaketime, which sets the clock but not this.
 *
 * CLOCK_VOUCHED_WHEN  a file: while it is there the clock is synchronised
 * CLOCK_BOOT_ID       a file with the boot's id
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

int adjtimex(struct timex *state)
{
	const char *path = getenv("CLOCK_VOUCHED_WHEN");

	memset(state, 0, sizeof(*state));
	return path && access(path, F_OK) == 0 ? TIME_OK : TIME_ERROR;
}

static int open_as(const char *path, int flags, va_list args)
{
	const char *boot_id = getenv("CLOCK_BOOT_ID");
	int mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(args, int) : 0;

	if (boot_id && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		path = boot_id;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_as(path, flags, args);
	va_end(args);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_as(path, flags, args);
	va_end(args);
	return fd;
}
