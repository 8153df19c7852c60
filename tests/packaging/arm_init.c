/*
 * The first process of a machine that has nothing but programs of tests: it runs those that the kernel's
 * command line names behind "--", says how each ended, and switches off.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char *program)
{
	char *const arguments[] = { program, NULL };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(STDOUT_FILENO, STDERR_FILENO);
		execv(program, arguments);
		_exit(127);
	}
	while (waitpid(-1, &status, 0) != pid)
		continue;
	return status;
}

static int set_up_loopback(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &loopback);
}

int main(int argc, char **argv)
{
	(void)mkdir("/proc", 0755);
	(void)mkdir("/dev", 0755);
	(void)mkdir("/tmp", 01777);
	if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
		mount("dev", "/dev", "devtmpfs", 0, NULL) != 0 ||
		mount("tmp", "/tmp", "tmpfs", 0, NULL) != 0 || set_up_loopback() != 0)
		printf("[  FAILED  ] the machine\n");
	for (int i = 1; i < argc; i++) {
		const char *name = strrchr(argv[i], '/');

		printf("[  BEGUN   ] %s\n", name ? name + 1 : argv[i]);
		(void)fflush(stdout);
		printf("[  ENDED   ] %s %d\n", name ? name + 1 : argv[i], run(argv[i]));
		(void)fflush(stdout);
	}
	(void)reboot(RB_POWER_OFF);
	return 0;
}
