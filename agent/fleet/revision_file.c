#include "fleet/revision_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "log.h"

#define NAME "revisions.json"
#define FILE_MAX (16 * 1024 * 1024)
#define KEPT_MAX 1000

static int find_path(const char *state_dir, const char *name, char out[PATH_MAX], struct error *err)
{
	return snprintf(out, PATH_MAX, "%s/%s", state_dir, name) < PATH_MAX
		       ? 0
		       : error_set(err, "state_dir", "path is too long");
}

static int fail(struct error *err, const char *path, const char *what)
{
	return error_set(err, path, "%s: %s", what, strerror(errno));
}

static int read_all(int fd, const char *path, struct buf *out, struct error *err)
{
	struct stat info;
	int failed = fstat(fd, &info) == 0 ? 0 : errno;

	if (!failed)
		failed = S_ISREG(info.st_mode) ? file_read_open(fd, FILE_MAX, out) : EFBIG;
	if (failed == EFBIG)
		return error_set(err, path, "is no file of at most 16 MiB");
	if (failed == ENOMEM)
		return error_set(err, path, "out of memory");
	errno = failed;
	return failed ? fail(err, path, "can't be read") : 1;
}

int revision_file_read(const char *state_dir, struct buf *out, struct error *err)
{
	char path[PATH_MAX];
	int fd, status;

	buf_reset(out);
	if (find_path(state_dir, NAME, path, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail(err, path, "can't be opened");
	status = read_all(fd, path, out, err);
	(void)close(fd);
	return status;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What the disk did not take may be lost from the page cache, too: it can't be trusted. */
static int sync_or_end(int fd, const char *path)
{
	if (fsync(fd) == 0)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT)
		return -1;
	LOG_ERROR("the disk did not take what was written, ending at once", LOG_S("what", path),
		LOG_S("error", strerror(errno)));
	_exit(70);
}

static int write_beside(const char *path, const struct buf *text, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail(err, path, "can't be opened");
	if (write_all(fd, text->data, text->len) == 0 && sync_or_end(fd, path) == 0) {
		(void)close(fd);
		return 0;
	}
	(void)fail(err, path, "can't be written");
	(void)close(fd);
	(void)unlink(path);
	return -1;
}

static int sync_folder(const char *state_dir, struct error *err)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status;

	if (fd < 0)
		return fail(err, state_dir, "can't be opened");
	status = sync_or_end(fd, state_dir);
	(void)close(fd);
	return status < 0 ? fail(err, state_dir, "can't be synced") : 0;
}

int revision_file_write(const char *state_dir, const struct buf *text, struct error *err)
{
	char path[PATH_MAX], beside[PATH_MAX];

	if (buf_failed(text) || !text->data)
		return error_set(err, NAME, "out of memory");
	if (text->len > FILE_MAX) /* the next start would not read it */
		return error_set(err, NAME, "would be larger than 16 MiB");
	if (find_path(state_dir, NAME, path, err) < 0 ||
		find_path(state_dir, NAME ".new", beside, err) < 0 ||
		write_beside(beside, text, err) < 0)
		return -1;
	if (rename(beside, path) == 0)
		return sync_folder(state_dir, err);
	(void)fail(err, path, "can't be renamed");
	(void)unlink(beside);
	return -1;
}

int revision_file_set_aside(const char *state_dir, char kept[PATH_MAX], struct error *err)
{
	char path[PATH_MAX];

	if (find_path(state_dir, NAME, path, err) < 0)
		return -1;
	for (int i = 1; i <= KEPT_MAX; i++) {
		if (snprintf(kept, PATH_MAX, "%s.damaged-%d", path, i) >= PATH_MAX)
			return error_set(err, "state_dir", "path is too long");
		if (access(kept, F_OK) == 0)
			continue;
		return rename(path, kept) == 0 ? sync_folder(state_dir, err)
					       : fail(err, path, "can't be set aside");
	}
	return error_set(err, path, "can't be set aside: %d are kept already", KEPT_MAX);
}

void revision_file_retire(const char *state_dir)
{
	char path[PATH_MAX], kept[PATH_MAX];

	if (find_path(state_dir, NAME, path, NULL) == 0 &&
		find_path(state_dir, NAME ".off", kept, NULL) == 0 && rename(path, kept) < 0 &&
		errno != ENOENT)
		LOG_ERROR("what the road knew can't be put away", LOG_S("folder", state_dir),
			LOG_S("error", strerror(errno)));
}
