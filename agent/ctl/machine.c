#include "ctl/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define SAID_MAX 16384

/* The owners of what is there; of what is new, the group that is to read it. */
static int set_owners(int fd, const char *path, mode_t mode, const char *group)
{
	const struct group *entry = group ? getgrnam(group) : NULL;
	struct stat info;

	if (stat(path, &info) == 0)
		return fchown(fd, info.st_uid, info.st_gid) != 0 ||
				       fchmod(fd, info.st_mode & 07777) != 0
			       ? errno
			       : 0;
	if (entry)
		(void)!fchown(fd, (uid_t)-1, entry->gr_gid); /* a plain user's file stays his */
	return fchmod(fd, mode) != 0 ? errno : 0;
}

static int write_out(int fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) != 0 ? errno : 0;
}

static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, failed = 0;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		failed = errno;
	if (fd >= 0)
		(void)close(fd);
	return failed;
}

int file_replace(const char *path, const struct buf *text, mode_t mode, const char *group)
{
	char real[PATH_MAX], temporary[PATH_MAX];
	int fd, failed;

	/* A link stays one: what it leads to is replaced. */
	if (!realpath(path, real) && snprintf(real, sizeof(real), "%s", path) >= PATH_MAX)
		return ENAMETOOLONG;
	if (buf_failed(text))
		return ENOMEM;
	if (snprintf(temporary, sizeof(temporary), "%s.new", real) >= PATH_MAX)
		return ENAMETOOLONG;
	(void)unlink(temporary); /* of one that was cut off */
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	failed = write_out(fd, text);
	if (!failed)
		failed = set_owners(fd, real, mode, group);
	if (close(fd) != 0 && !failed)
		failed = errno;
	if (!failed && rename(temporary, real) != 0)
		failed = errno;
	if (failed)
		(void)unlink(temporary);
	return failed ? failed : sync_folder(real);
}

int folder_lock(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int file_complain(const char *path, int error_number)
{
	bool is_refused = error_number == EACCES || error_number == EPERM;

	(void)fprintf(stderr, "drayctl: %s: %s%s\n", path, strerror(error_number),
		is_refused ? "; this is for root to do" : "");
	return is_refused ? CTL_REFUSED : CTL_NO;
}

/* --- programs ------------------------------------------------------------------------------------------ */

static int spawn(const char *const argv[], int to, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int failed = posix_spawn_file_actions_init(&actions);

	if (failed)
		return failed;
	failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&actions, to, 1);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&actions, to, 2);
	if (!failed)
		failed = posix_spawnp(ret, argv[0], &actions, NULL, (char *const *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* All of it is read, lest the program wait; what is too much is dropped. */
static void hear(int from, struct buf *out)
{
	char bytes[1024];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && out->len < SAID_MAX)
			buf_put(out, bytes, (size_t)n);
}

int program_run(const char *const argv[], struct buf *out)
{
	int pipes[2], status = 0, failed;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	failed = spawn(argv, pipes[1], &pid);
	(void)close(pipes[1]);
	if (!failed)
		hear(pipes[0], out);
	(void)close(pipes[0]);
	if (failed)
		return failed == ENOENT ? 127 : -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool find_shared(const char *name, char *out, size_t size)
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[len > 0 ? len : 0] = '\0';
	(void)snprintf(out, size, "%s/%s", dirname(program), name);
	if (access(out, R_OK) == 0)
		return true;
	(void)snprintf(out, size, "/usr/share/dray/%s", name);
	return access(out, R_OK) == 0;
}
