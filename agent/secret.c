#include "secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dray/buf.h"
#include "file.h"
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

static size_t cut_line_break(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	return len;
}

/* In memory of its own size. */
static char *copy_content(const char *path, const struct buf *text, struct error *err)
{
	size_t len = cut_line_break(text->data, text->len);
	char *copy = NULL;

	if (len == 0)
		(void)refuse(err, path, "is empty");
	else if (memchr(text->data, '\0', len))
		(void)refuse(err, path, "holds a NUL byte");
	else if (!(copy = strndup(text->data, len)))
		(void)refuse(err, path, "found no memory");
	return copy;
}

/* The large block that it is read into does not grow, and is wiped. */
static char *read_content(int fd, const char *path, struct error *err)
{
	struct buf text = BUF_INIT;
	char *content = NULL;
	int failed =
		buf_reserve(&text, SECRET_MAX + 1) ? file_read_open(fd, SECRET_MAX, &text) : ENOMEM;

	if (failed == EFBIG)
		(void)refuse(err, path, "is larger than 64 KiB");
	else if (failed == ENOMEM)
		(void)refuse(err, path, "found no memory");
	else if (failed)
		(void)refuse(err, path, "can't be read: %s", strerror(failed));
	else
		content = copy_content(path, &text, err);
	buf_wipe(&text);
	buf_done(&text);
	return content;
}

char *secret_read(
	const struct secret_dirs *dirs, const struct config_secret *secret, struct error *err)
{
	char path[PATH_BYTES];
	struct stat info;
	char *text;

	if (secret_path(dirs, secret, path, sizeof(path), err))
		return NULL;
	int fd = file_open(path, &info);
	if (fd < 0) {
		if (errno == EINVAL)
			(void)refuse(err, path, "is not a regular file");
		else
			(void)refuse(err, path, "can't be opened: %s", strerror(errno));
		return NULL;
	}
	if (info.st_mode & S_IROTH)
		warn_readable(path, &info);
	text = read_content(fd, path, err);
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
