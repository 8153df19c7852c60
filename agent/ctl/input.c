#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

int read_input(const char *name, size_t max, struct buf *out)
{
	const bool is_stdin = strcmp(name, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0) {
		(void)fprintf(stderr, "drayctl: cannot open %s: %s\n", name, strerror(errno));
		return CTL_USAGE;
	}
	failed = file_read_open(fd, max, out);
	if (failed == EFBIG)
		(void)fprintf(stderr, "drayctl: %s is larger than the %zu bytes that are taken\n",
			name, max);
	else if (failed)
		(void)fprintf(stderr, "drayctl: cannot read %s: %s\n", name, strerror(failed));
	if (!is_stdin)
		(void)close(fd);
	return failed ? CTL_USAGE : CTL_DONE;
}
