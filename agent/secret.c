#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define SECRET_MAX (64 * 1024)
#define PATH_BYTES 4096
#define WARNED_MAX 64

static bool has_parent_part(const char *name)
{
	for (const char *at = name; (at = strstr(at, "..")); at += 2) {
		bool starts = at == name || at[-1] == '/';
		if (starts && (at[2] == '/' || at[2] == '\0'))
			return true;
	}
	return false;
}

static bool join_path(const char *dir, const char *join, const char *name, char *out, size_t size)
{
	int len = snprintf(out, size, "%s%s%s", dir, join, name);

	return len > 0 && (size_t)len < size;
}

/* Where the configuration names it is for the caller to say: here only the file is known. */
__attribute__((format(printf, 3, 4))) static int refuse(
	struct error *err, const char *file, const char *format, ...)
{
	const size_t kept = 120; /* of a long path the end, where the name is */
	size_t len = strlen(file);
	char why[100];
	va_list args;

	va_start(args, format);
	if (vsnprintf(why, sizeof(why), format, args) < 0)
		why[0] = '\0';
	va_end(args);
	return error_set(err, NULL, "the secret in the file %s %s",
		len > kept ? file + len - kept : file, why);
}

/* The first place that has it; the last, when it is nowhere: there the error shows. */
static bool find_path(const struct secret_dirs *dirs, const char *name, char *out, size_t size)
{
	/* The unit's LoadCredential=dray:FOLDER puts "dray_" before the names that it finds there. */
	const struct {
		const char *dir, *join;
	} places[] = {
		{ dirs->credentials, "/" },
		{ dirs->credentials, "/dray_" },
		{ dirs->beside ? dirs->beside : ".", "/" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!places[i].dir)
			continue;
		if (!join_path(places[i].dir, places[i].join, name, out, size))
			return false;
		if (access(out, F_OK) == 0)
			break;
	}
	return true;
}

int secret_path(const struct secret_dirs *dirs, const struct config_secret *secret, char *out,
	size_t size, struct error *err)
{
	const char *name = secret->file;
	bool fits;

	if (!name || !*name)
		return error_set(err, NULL, "no secret is configured");
	if (*name != '/' && has_parent_part(name))
		return refuse(err, name, "must not lead upwards out of its folder");
	fits = *name == '/' ? join_path("", "", name, out, size) : find_path(dirs, name, out, size);
	return fits ? 0 : refuse(err, name, "has too long a path");
}

/*
 * The first time for each file; the list is bounded, beyond it the log's own limit on repeats serves. A
 * load reads secrets beside the loop.
 */
static bool is_news(const struct stat *info)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		dev_t dev;
		ino_t ino;
	} warned[WARNED_MAX];
	static size_t n_warned;
	bool is_new = true;

	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_warned && is_new; i++)
		is_new = warned[i].dev != info->st_dev || warned[i].ino != info->st_ino;
	if (is_new && n_warned < WARNED_MAX) {
		warned[n_warned].dev = info->st_dev;
		warned[n_warned++].ino = info->st_ino;
	}
	(void)pthread_mutex_unlock(&lock);
	return is_new;
}

static void warn_readable(const char *path, const struct stat *info)
{
	if (!is_news(info))
		return;
	LOG_WARNING("secret can be read by others, remove the permission (chmod o-r)",
		LOG_S("file", path));
}

/* Read to the end or to `size`. The count, or -1. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, out + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static size_t cut_line_break(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	return len;
}

static char *check_content(const char *path, char *text, size_t got, struct error *err)
{
	size_t len = cut_line_break(text, got);

	if (got > SECRET_MAX)
		(void)refuse(err, path, "is larger than 64 KiB");
	else if (len == 0)
		(void)refuse(err, path, "is empty");
	else if (memchr(text, '\0', len))
		(void)refuse(err, path, "holds a NUL byte");
	else {
		text[len] = '\0';
		return text;
	}
	explicit_bzero(text, SECRET_MAX + 2);
	free(text);
	return NULL;
}

static char *read_content(int fd, const char *path, struct error *err)
{
	char *text = malloc(SECRET_MAX + 2);

	if (!text) {
		(void)refuse(err, path, "found no memory");
		return NULL;
	}
	ssize_t got = read_all(fd, text, SECRET_MAX + 1);
	if (got < 0) {
		(void)refuse(err, path, "can't be read: %s", strerror(errno));
		explicit_bzero(text, SECRET_MAX + 2);
		free(text);
		return NULL;
	}
	return check_content(path, text, (size_t)got, err);
}

/* The content in memory of its own size; the large block that it was read into is wiped. */
static char *shrink_content(char *text, const char *path, struct error *err)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		(void)refuse(err, path, "found no memory");
	secret_free(text);
	return copy;
}

char *secret_read(
	const struct secret_dirs *dirs, const struct config_secret *secret, struct error *err)
{
	char path[PATH_BYTES];
	struct stat info;
	char *text = NULL;

	if (secret_path(dirs, secret, path, sizeof(path), err))
		return NULL;
	/* O_NONBLOCK: a pipe that somebody put there must not hold the loop. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		(void)refuse(err, path, "can't be opened: %s", strerror(errno));
		return NULL;
	}
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		(void)refuse(err, path, "is not a regular file");
	} else {
		if (info.st_mode & S_IROTH)
			warn_readable(path, &info);
		text = shrink_content(read_content(fd, path, err), path, err);
	}
	(void)close(fd);
	return text;
}

void secret_free(char *text)
{
	if (!text)
		return;
	explicit_bzero(text, strlen(text));
	free(text);
}
