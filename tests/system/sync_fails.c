/*
 * sync_fails.c - a disk that no longer takes what is written: LD_PRELOADed into drayd, it fails
 * every sync once the file named by SYNC_FAILS_WHEN is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sync_by(long number, int fd)
{
	const char *path = getenv("SYNC_FAILS_WHEN");

	if (path && access(path, F_OK) == 0) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
	return sync_by(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return sync_by(SYS_fsync, fd);
}
