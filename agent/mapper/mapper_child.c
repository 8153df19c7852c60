#include "mapper_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int spawn(const char *path, const char *zone, int theirs, pid_t *ret)
{
	char *const argv[] = { (char *)"dray-map", (char *)zone, NULL };
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t signals;
	int status = posix_spawn_file_actions_init(&files);

	if (status != 0)
		return status;
	status = posix_spawnattr_init(&attributes);
	if (status != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return status;
	}
	(void)sigemptyset(&signals);
	(void)posix_spawnattr_setsigmask(&attributes, &signals);
	(void)sigfillset(&signals);
	(void)posix_spawnattr_setsigdefault(&attributes, &signals);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	status = posix_spawn_file_actions_adddup2(&files, theirs, 0);
	if (status == 0)
		status = posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_RDWR, 0);
	if (status == 0)
		status = posix_spawn_file_actions_adddup2(&files, 1, 2);
	if (status == 0)
		status = posix_spawn(ret, path, &files, &attributes, argv, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	return status;
}

int mapper_child_spawn(
	const char *path, const char *zone, struct mapper_child *ret, struct error *err)
{
	int ends[2], status;
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(err, path, "no socketpair: %s", strerror(errno));
	status =
		fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 ? spawn(path, zone, ends[1], &pid) : errno;
	(void)close(ends[1]);
	if (status != 0) {
		(void)close(ends[0]);
		return error_set(err, path, "can't be run: %s", strerror(status));
	}
	*ret = (struct mapper_child){ .pid = pid, .fd = ends[0] };
	return 0;
}

int64_t mapper_child_cpu_ms(const struct mapper_child *child)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(child->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return INT64_MAX;
	return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

void mapper_child_end(struct mapper_child *child)
{
	if (child->fd >= 0)
		(void)close(child->fd);
	child->fd = -1;
	if (child->pid > 0)
		(void)kill(child->pid, SIGKILL);
}

static void put_death(int status, char *words, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(words, size, "dray-map died of signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		(void)snprintf(words, size, "dray-map ended with status %d",
			WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static bool reap(struct mapper_child *child, int options, char *words, size_t size)
{
	int status = 0;
	pid_t pid;

	if (child->pid <= 0)
		return true;
	do
		pid = waitpid(child->pid, &status, options);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	if (pid > 0)
		put_death(status, words, size);
	else
		(void)snprintf(words, size, "dray-map died"); /* somebody else has reaped it */
	child->pid = 0;
	return true;
}

bool mapper_child_reap(struct mapper_child *child, char *words, size_t size)
{
	return reap(child, WNOHANG, words, size);
}

void mapper_child_done(struct mapper_child *child)
{
	char words[64];

	mapper_child_end(child);
	(void)reap(child, 0, words, sizeof(words));
}
