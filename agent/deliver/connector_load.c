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

/* The program beside it, if there is one. 0, or -1 with *err filled. */
static int read_program(char path[PATH_BYTES], struct buf *out, struct error *err)
{
	char *end = strrchr(path, '.');

	memcpy(end, ".jq", sizeof(".jq"));
	return read_text(path, out, err) < 0 ? -1 : 0;
}

cJSON *connector_load(
	const char *name, const char *const *dirs, struct buf *out_program, struct error *err)
{
	struct buf text = BUF_INIT;
	cJSON *declaration = NULL;
	char path[PATH_BYTES];
	int status = 0;

	if (!id_is_name(name, strlen(name)) || name[0] == '.') {
		error_fill(err, "connector", "\"%s\" is no name of a connector", name);
		return NULL;
	}
	for (; *dirs && status == 0; dirs++) {
		if (snprintf(path, sizeof(path), "%s/%s/connector.json", *dirs, name) >=
			(int)sizeof(path))
			continue;
		status = read_text(path, &text, err);
	}
	if (status > 0)
		declaration = parse_declaration(path, &text, err);
	else if (status == 0)
		error_fill(err, "connector",
			"there is no connector \"%s\" in the connector folders", name);
	buf_done(&text);
	if (declaration && read_program(path, out_program, err) != 0) {
		cJSON_Delete(declaration);
		declaration = NULL;
	}
	return declaration;
}
