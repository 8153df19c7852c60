/*
 * early_hup.c - a SIGHUP while drayd starts: LD_PRELOADed into it, taking the lock of the state
 * folder, which comes after the configuration is read, brings one.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int fd, int operation)
{
	(void)kill(getpid(), SIGHUP);
	return (int)syscall(SYS_flock, fd, operation);
}
