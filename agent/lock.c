#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Root may come first, to restore a backup: the file is its agent's, as the folder is. */
static int own_like_folder(int fd, const char *dir)
{
	struct stat about;

	return geteuid() != 0 || stat(dir, &about) < 0 ? 0 : fchown(fd, about.st_uid, about.st_gid);
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
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && own_like_folder(fd, state_dir) == 0)
		return fd;
	(void)close(fd);
	return error_set(err, "state_dir", "another drayd works in %s; stop it first", state_dir);
}
