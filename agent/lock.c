#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOMENT_NS 20000000
#define MOMENTS 25

/* Root may come first, to restore a backup: the file is its agent's, as the folder is. */
static int own_like_folder(int fd, const char *dir)
{
	struct stat about;

	if (geteuid() != 0 || stat(dir, &about) < 0 || about.st_uid == 0)
		return 0;
	return fchown(fd, about.st_uid, about.st_gid);
}

/*
 * One that was killed while it spawned a child is survived by it, with the lock, until the child has
 * become another program: that takes a moment only.
 */
static int wait_for(int fd)
{
	static const struct timespec moment = { .tv_nsec = MOMENT_NS };
	int status = flock(fd, LOCK_EX | LOCK_NB);

	for (int i = 0; i < MOMENTS && status < 0 && errno == EWOULDBLOCK; i++) {
		(void)nanosleep(&moment, NULL);
		status = flock(fd, LOCK_EX | LOCK_NB);
	}
	return status;
}

int lock_take(const char *state_dir, struct error *err)
{
	char path[PATH_MAX];
	int fd;

	if (mkdir(state_dir, 0750) < 0 && errno != EEXIST)
		return error_set(
			err, "state_dir", "%s can't be made: %s", state_dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/drayd.lock", state_dir) >= (int)sizeof(path))
		return error_set(err, "state_dir", "path is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return error_set(err, "state_dir", "%s can't be opened: %s", path, strerror(errno));
	if (wait_for(fd) == 0 && own_like_folder(fd, state_dir) == 0)
		return fd;
	(void)close(fd);
	return error_set(err, "state_dir", "another drayd works in %s; stop it first", state_dir);
}
