#include "config/config_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dray/json.h"
#include "file.h"

#define FILE_MAX (1 << 20)
#define PATCHES_MAX 1000
#define PATH_BYTES 4096
#define ZONES_FOLDER "/usr/share/zoneinfo"

static const struct json_limits limits = {
	.max_bytes = FILE_MAX, .max_depth = 32, .max_members = 100000, .comments = true
};

/* A path that is too long for an error keeps its end, where the name and the line are. */
static int set_file_error(struct error *err, const char *path, const char *message)
{
	const size_t kept = sizeof(((struct error *)0)->path) - 1;
	size_t len = strlen(path);

	return error_set(err, len > kept ? path + len - kept : path, "%s", message);
}

static int read_file(const char *path, struct buf *out, struct error *err)
{
	int failed = file_read(path, FILE_MAX, out);

	switch (failed) {
	case 0:
		return 0;
	case EFBIG:
		return set_file_error(err, path, "larger than 1 MiB");
	case EINVAL:
		return set_file_error(err, path, "not a regular file");
	case ENOMEM:
		return set_file_error(err, path, "out of memory");
	default:
		return set_file_error(err, path, strerror(failed));
	}
}

static cJSON *parse_text(const char *path, const struct buf *text, struct error *err)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw;
	char place[PATH_BYTES + 32];
	cJSON *root = json_parse(text->data, text->len, &limits, &scratch, &flaw);

	buf_done(&scratch);
	if (!root) {
		int len = snprintf(place, sizeof(place), "%s:%u:%u", path, flaw.line, flaw.column);
		(void)set_file_error(
			err, len > 0 && (size_t)len < sizeof(place) ? place : path, flaw.message);
		return NULL;
	}
	if (!cJSON_IsObject(root)) {
		(void)set_file_error(err, path, "must hold one object");
		cJSON_Delete(root);
		return NULL;
	}
	return root;
}

static cJSON *parse_file(const char *path, struct error *err)
{
	struct buf text = BUF_INIT;
	cJSON *root = NULL;

	if (read_file(path, &text, err) == 0)
		root = parse_text(path, &text, err);
	buf_done(&text);
	return root;
}

static int apply_patch(const char *path, cJSON **document, struct error *err)
{
	cJSON *patch = parse_file(path, err);

	if (!patch)
		return -1;
	int result = json_merge_patch(document, patch);
	cJSON_Delete(patch);
	return result ? set_file_error(err, path, "out of memory") : 0;
}

static int is_patch(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* By byte, whatever the locale: the order must not depend on who starts the agent. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int apply_entries(
	const char *folder, struct dirent **entries, int n, cJSON **document, struct error *err)
{
	char path[PATH_BYTES];

	if (n > PATCHES_MAX)
		return set_file_error(err, folder, "holds more than 1000 files");
	for (int i = 0; i < n; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (len < 0 || (size_t)len >= sizeof(path))
			return set_file_error(err, folder, "path too long");
		if (apply_patch(path, document, err))
			return -1;
	}
	return 0;
}

static int apply_folder(const char *folder, cJSON **document, struct error *err)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_patch, compare_names);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return set_file_error(err, folder, strerror(errno));
	int result = apply_entries(folder, entries, n, document, err);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	return result;
}

static int find_folder(const char *path, char *out, size_t size, struct error *err)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = slash ? (size_t)(slash - path) + 1 : 0;
	int len = snprintf(out, size, "%.*sconf.d", (int)dir_len, path);

	if (dir_len >= PATH_BYTES || len < 0 || (size_t)len >= size)
		return set_file_error(err, path, "path too long");
	return 0;
}

/* libc takes an unknown zone for UTC without a word. A system without the list can't be asked. */
static int check_zone(const struct config *config, struct error *err)
{
	char path[PATH_BYTES];
	struct stat info;
	int len = snprintf(path, sizeof(path), "%s/%s", ZONES_FOLDER, config->timezone);

	if (strcmp(config->timezone, "UTC") == 0 || stat(ZONES_FOLDER, &info) != 0)
		return 0;
	if (len > 0 && (size_t)len < sizeof(path) && stat(path, &info) == 0 &&
		S_ISREG(info.st_mode))
		return 0;
	return error_set(err, "timezone",
		"there is no zone \"%.64s\" in %s, use one such as "
		"\"Europe/Berlin\"",
		config->timezone, ZONES_FOLDER);
}

/* What the pure core can't know. */
static int check_built(struct config **config, struct error *err)
{
	if (check_zone(*config, err) == 0)
		return 0;
	config_free(*config);
	*config = NULL;
	return -1;
}

static int keep_document(const cJSON *site, struct config **config, struct error *err)
{
	(*config)->document = cJSON_Duplicate(site, true);
	if ((*config)->document)
		return 0;
	config_free(*config);
	*config = NULL;
	return error_set(err, NULL, "out of memory");
}

/* What the connectors declare, below the site's document, which stays as it is. */
static int build_on_connectors(const cJSON *site, config_connector_fn find, void *ctx,
	struct config **ret, struct error *err)
{
	cJSON *document = cJSON_Duplicate(site, true);
	int result = document ? 0 : error_set(err, NULL, "out of memory");

	if (!result)
		result = config_apply_connectors(document, find, ctx, err);
	if (!result) {
		result = config_build(document, ret, err);
		if (result)
			config_blame_connector(site, document, err);
	}
	cJSON_Delete(document);
	return result ? result : keep_document(site, ret, err);
}

int config_file_read(const char *path, cJSON **ret, struct error *err)
{
	char folder[PATH_BYTES];
	cJSON *document;

	if (find_folder(path, folder, sizeof(folder), err))
		return -1;
	document = parse_file(path, err);
	if (!document)
		return -1;
	if (apply_folder(folder, &document, err)) {
		cJSON_Delete(document);
		return -1;
	}
	*ret = document;
	return 0;
}

int config_file_build(const cJSON *document, config_connector_fn find, void *ctx,
	struct config **ret, struct error *err)
{
	int result = build_on_connectors(document, find, ctx, ret, err);

	return result ? result : check_built(ret, err);
}

int config_file_load(const char *path, config_connector_fn find, void *ctx, struct config **ret,
	struct error *err)
{
	cJSON *document;
	int result = config_file_read(path, &document, err);

	if (result)
		return result;
	result = config_file_build(document, find, ctx, ret, err);
	cJSON_Delete(document);
	return result;
}
