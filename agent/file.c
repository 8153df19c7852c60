#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/param.h>
#include <unistd.h>

int file_open(const char *path, struct stat *ret_info)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int failed = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, ret_info) != 0)
		failed = errno;
	else if (!S_ISREG(ret_info->st_mode))
		failed = EINVAL;
	if (!failed)
		return fd;
	(void)close(fd);
	errno = failed;
	return -1;
}

/* One more than `max` is asked for: it tells what is too large. */
int file_read_open(int fd, size_t max, struct buf *out)
{
	size_t left = max + 1;
	ssize_t n = 1;

	while (n != 0) {
		char *room = buf_reserve(out, 1);

		if (!room)
			return ENOMEM;
		n = read(fd, room, MIN(out->cap - out->len - 1, left));
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0) {
			out->len += (size_t)n;
			left -= (size_t)n;
		}
		out->data[out->len] = '\0';
		if (left == 0)
			return EFBIG;
	}
	return 0;
}

int file_read(const char *path, size_t max, struct buf *out)
{
	struct stat info;
	int fd = file_open(path, &info);
	int failed;

	if (fd < 0)
		return errno;
	failed = file_read_open(fd, max, out);
	(void)close(fd);
	return failed;
}
