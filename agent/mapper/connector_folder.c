#include "connector_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "dray/adapter_contract.h"
#include "dray/buf.h"
#include "dray/ids.h"
#include "dray/json.h"
#include "file.h"

#define DECLARATION_MAX ((size_t)64 << 10)
#define PROGRAM_MAX ((size_t)256 << 10)
#define CASES_MAX ((size_t)1 << 20)

static int fail(struct error *err, const char *path, const char *words)
{
	const size_t kept = sizeof(err->path) - 1;
	size_t len = strlen(path);

	return error_set(err, len > kept ? path + len - kept : path, "%s", words);
}

static const char flawed[] = "is damaged: gzip can't read it";

/* What is compressed is read as what it was; anything else is read as it is. */
static int read_open(gzFile file, const char *path, size_t max, struct buf *out, struct error *err)
{
	int n, code;

	do {
		char *room = buf_reserve(out, 4096);

		if (!room)
			return fail(err, path, "out of memory");
		n = gzread(file, room, 4096);
		if (n < 0) {
			(void)gzerror(file, &code);
			return fail(err, path, code == Z_ERRNO ? strerror(errno) : flawed);
		}
		out->len += (size_t)n;
		if (out->len > max)
			return error_set(err, path, "larger than %zu KiB", max >> 10);
	} while (n > 0);
	return 0;
}

static int open_regular(const char *path, struct error *err, gzFile *ret)
{
	struct stat info;
	int fd = file_open(path, &info);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return fail(err, path, errno == EINVAL ? "not a regular file" : strerror(errno));
	*ret = gzdopen(fd, "rb");
	if (*ret)
		return 1;
	(void)close(fd);
	return fail(err, path, "out of memory");
}

/*
 * As packages install them, or as they are written: NAME, else NAME.gz.
 * 1 read, 0 there is no such file, -1 with *err filled.
 */
static int read_text(
	const char *folder, const char *name, size_t max, struct buf *out, struct error *err)
{
	static const char *const endings[] = { "", ".gz" };
	char path[PATH_MAX];
	gzFile file = NULL;
	int status = 0;

	for (size_t i = 0; i < 2 && status == 0; i++) {
		if (snprintf(path, sizeof(path), "%s/%s%s", folder, name, endings[i]) >=
			(int)sizeof(path))
			return fail(err, folder, "path is too long");
		status = open_regular(path, err, &file);
	}
	if (status <= 0)
		return status;
	buf_puts(out, "");
	status = read_open(file, path, max, out, err);
	if (gzclose_r(file) != Z_OK && status == 0)
		status = fail(err, path, flawed);
	return status < 0 ? -1 : 1;
}

/* 1 and *ret, 0 there is no such file, -1 with *err filled. */
static int read_json(const char *folder, const char *name, const struct json_limits *limits,
	cJSON **ret, struct error *err)
{
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	struct json_error flaw;
	int status = read_text(folder, name, limits->max_bytes, &text, err);
	char path[PATH_MAX];

	if (status > 0) {
		*ret = json_parse(text.data, text.len, limits, &scratch, &flaw);
		if (!*ret) {
			(void)snprintf(path, sizeof(path), "%s/%s:%u:%u", folder, name, flaw.line,
				flaw.column);
			status = fail(err, path, flaw.message);
		}
	}
	buf_done(&text);
	buf_done(&scratch);
	return status;
}

/* A folder's two sides: what goes out, and what comes in. */
struct side {
	const char *word, *declaration, *program, *cases;
};
static const struct side connector_side = { "connector", "connector.json", "connector.jq",
	"cases.json" };
static const struct side adapter_side = { "adapter", "adapter.json", "adapter.jq",
	"adapter_cases.json" };

static int check_adapter(const struct connector_folder *folder, const char *path, struct error *err)
{
	if (!folder->program)
		return fail(err, path, "there is no adapter.jq in this folder");
	if (adapter_check_declaration(folder->declaration, err) == 0)
		return 0;
	error_prefix(err, "adapter.json");
	return -1;
}

/* 1 when the folder has that side and all is read, 0 when not, -1 with *err filled. */
static int read_folder(
	const struct side *side, const char *path, struct connector_folder *ret, struct error *err)
{
	static const struct json_limits limits = {
		.max_bytes = DECLARATION_MAX, .max_depth = 16, .max_members = 1000, .comments = true
	};
	struct connector_folder folder = { 0 };
	struct buf program = BUF_INIT;
	int has_program,
		status = read_json(path, side->declaration, &limits, &folder.declaration, err);

	if (status > 0) {
		has_program = read_text(path, side->program, PROGRAM_MAX, &program, err);
		folder.path = strdup(path);
		if (has_program > 0)
			folder.program = buf_take(&program, &folder.program_len);
		if (has_program < 0)
			status = -1;
		else if (!folder.path || (has_program && !folder.program))
			status = error_set(err, path, "out of memory");
	}
	buf_done(&program);
	if (status > 0 && side == &adapter_side && check_adapter(&folder, path, err) < 0)
		status = -1;
	if (status > 0)
		*ret = folder;
	else
		connector_folder_done(&folder);
	return status;
}

static int find_folder(const struct side *side, const char *name, const char *const *dirs,
	struct connector_folder *ret, struct error *err)
{
	char path[PATH_MAX];
	int status = 0;

	if (!id_is_name(name, strlen(name)) || name[0] == '.')
		return error_set(err, side->word, "\"%.64s\" is no name of a folder", name);
	for (; *dirs && status == 0; dirs++) {
		if (snprintf(path, sizeof(path), "%s/%s", *dirs, name) < (int)sizeof(path))
			status = read_folder(side, path, ret, err);
	}
	if (status == 0)
		return error_set(err, side->word, "there is no %s \"%s\" in the connector folders",
			side->word, name);
	return status < 0 ? -1 : 0;
}

static int read_cases(const struct side *side, const struct connector_folder *folder, cJSON **ret,
	struct error *err)
{
	static const struct json_limits limits = {
		.max_bytes = CASES_MAX, .max_depth = 48, .max_members = 100000, .comments = true
	};

	*ret = NULL;
	return read_json(folder->path, side->cases, &limits, ret, err) < 0 ? -1 : 0;
}

int connector_folder_find(
	const char *name, const char *const *dirs, struct connector_folder *ret, struct error *err)
{
	return find_folder(&connector_side, name, dirs, ret, err);
}

int connector_folder_look(const char *path, struct connector_folder *ret, struct error *err)
{
	return read_folder(&connector_side, path, ret, err);
}

int connector_folder_read(const char *path, struct connector_folder *ret, struct error *err)
{
	int status = connector_folder_look(path, ret, err);

	if (status == 0)
		return fail(err, path, "there is no connector.json in this folder");
	return status < 0 ? -1 : 0;
}

int connector_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err)
{
	return read_cases(&connector_side, folder, ret, err);
}

int adapter_folder_find(
	const char *name, const char *const *dirs, struct connector_folder *ret, struct error *err)
{
	return find_folder(&adapter_side, name, dirs, ret, err);
}

int adapter_folder_look(const char *path, struct connector_folder *ret, struct error *err)
{
	return read_folder(&adapter_side, path, ret, err);
}

int adapter_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err)
{
	return read_cases(&adapter_side, folder, ret, err);
}

void connector_folder_done(struct connector_folder *folder)
{
	free(folder->path);
	cJSON_Delete(folder->declaration);
	free(folder->program);
	*folder = (struct connector_folder){ 0 };
}
