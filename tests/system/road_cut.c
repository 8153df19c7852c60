/*
 * road_cut.c - the end, at a step of the road: LD_PRELOADed into drayd, it kills it in front of the n-th call
 * that writes revisions.json, n being what ROAD_CUT_AT says; a write is done by half first.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int n_calls, road_fd = -1, folder_fd = -1;

static bool is_cut(void)
{
	const char *at = getenv("ROAD_CUT_AT");

	return at && ++n_calls == strtol(at, NULL, 10);
}

static void cut(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

static bool is_of_road(const char *path)
{
	return strstr(path, "/revisions.json") != NULL;
}

static int open_by(const char *path, int flags, int mode)
{
	bool is_written = is_of_road(path) && (flags & O_WRONLY);
	int fd;

	if (is_written && is_cut())
		cut();
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (is_written)
		road_fd = fd;
	if (road_fd == -2 && (flags & O_DIRECTORY)) /* behind the rename comes the folder */
		folder_fd = fd;
	return fd;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) ? va_arg(args, int) : 0;
	va_end(args);
	return open_by(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & O_CREAT) ? va_arg(args, int) : 0;
	va_end(args);
	return open_by(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (fd >= 0 && fd == road_fd && is_cut()) {
		(void)!syscall(SYS_write, fd, bytes, len / 2);
		cut();
	}
	return syscall(SYS_write, fd, bytes, len);
}

int fsync(int fd)
{
	if (fd >= 0 && (fd == road_fd || fd == folder_fd) && is_cut())
		cut();
	if (fd == folder_fd)
		road_fd = folder_fd = -1;
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	if (is_of_road(to)) {
		if (is_cut())
			cut();
		road_fd = -2;
	}
	return (int)syscall(SYS_rename, from, to);
}
