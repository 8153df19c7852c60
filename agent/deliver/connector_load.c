/*
 * connector_load.c - reads a connector's folder.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "deliver_internal.h"
#include "dray/json.h"

#define DECLARATION_MAX ((size_t)64 * 1024)
#define PATH_BYTES 4096

/* 1 read, 0 there is no such file, -1 with *err filled. */
static int read_text(const char *path, struct buf *out, struct error *err)
{
	FILE *file = fopen(path, "re");
	char *room;
	size_t len;
	int status = 1;

	if (!file) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return error_set(err, path, "cannot read the connector: %s", strerror(errno));
	}
	room = buf_reserve(out, DECLARATION_MAX + 1);
	len = room ? fread(room, 1, DECLARATION_MAX + 1, file) : 0;
	if (!room)
		status = error_set(err, path, "out of memory");
	else if (ferror(file))
		status = error_set(err, path, "cannot read the connector: %s", strerror(errno));
	else if (len > DECLARATION_MAX)
		status = error_set(err, path, "a connector has at most 64 KiB");
	else
		out->len += len;
	(void)fclose(file);
	return status;
}

static cJSON *parse_declaration(const char *path, const struct buf *text, struct error *err)
{
	static const struct json_limits limits = {
		.max_bytes = DECLARATION_MAX, .max_depth = 16, .max_members = 1000, .comments = true
	};
	struct buf scratch = BUF_INIT;
	struct json_error flaw;
	cJSON *declaration = json_parse(text->data, text->len, &limits, &scratch, &flaw);

	if (!declaration)
		error_fill(
			err, path, "line %u, column %u: %s", flaw.line, flaw.column, flaw.message);
	buf_done(&scratch);
	return declaration;
}

/* The file of a connector from the first folder that has the connector. As read_text(). */
static int find_text(const char *name, const char *const *dirs, const char *file, char *path,
	struct buf *out, struct error *err)
{
	struct buf declaration = BUF_INIT;
	int status = 0;

	for (; *dirs && status == 0; dirs++) {
		if (snprintf(path, PATH_BYTES, "%s/%s/connector.json", *dirs, name) >= PATH_BYTES)
			continue;
		buf_reset(&declaration);
		status = read_text(path, &declaration, err);
		if (status <= 0)
			continue;
		(void)snprintf(path, PATH_BYTES, "%s/%s/%s", *dirs, name, file);
		status = read_text(path, out, err) < 0 ? -1 : 1;
	}
	buf_done(&declaration);
	return status;
}

cJSON *connector_load(const char *name, const char *const *dirs, struct error *err)
{
	struct buf text = BUF_INIT;
	cJSON *declaration = NULL;
	char path[PATH_BYTES];
	int status;

	if (!id_is_name(name, strlen(name)) || name[0] == '.') {
		error_fill(err, "connector", "\"%s\" is no name of a connector", name);
		return NULL;
	}
	status = find_text(name, dirs, "connector.json", path, &text, err);
	if (status > 0)
		declaration = parse_declaration(path, &text, err);
	else if (status == 0)
		error_fill(err, "connector",
			"there is no connector \"%s\" in the connector folders", name);
	buf_done(&text);
	return declaration;
}

int connector_load_program(
	const char *name, const char *const *dirs, struct buf *out, struct error *err)
{
	char path[PATH_BYTES];

	return find_text(name, dirs, "connector.jq", path, out, err) < 0 ? -1 : 0;
}
