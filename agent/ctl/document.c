#include "ctl/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/format.h"
#include "dray/json.h"
#include "dray/jws.h"

static const struct json_limits limits = {
	.max_bytes = JWS_MAX, .max_depth = 32, .max_members = 100000, .comments = true
};

static void parse(const struct buf *text, struct document *ret)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { 0 };

	ret->root = json_parse(text->data ? text->data : "", text->len, &limits, &scratch, &flaw);
	buf_done(&scratch);
	if (!ret->root) {
		error_fill(&ret->err, NULL, "%s, at line %u column %u", flaw.message, flaw.line,
			flaw.column);
	} else if (!cJSON_IsObject(ret->root)) {
		cJSON_Delete(ret->root);
		ret->root = NULL;
		error_fill(&ret->err, NULL, "must hold one object");
	}
}

int document_read(const char *name, struct document *ret)
{
	struct buf payload = BUF_INIT;
	int code, opened;

	*ret = (struct document){ 0 };
	code = read_input(name, JWS_MAX, &ret->text);
	if (code != CTL_DONE)
		return code;
	opened = jws_open(ret->text.data, ret->text.len, NULL, &payload, &ret->err);
	if (opened >= 0)
		parse(opened ? &payload : &ret->text, ret);
	buf_done(&payload);
	ret->is_desired = opened != 0 || json_get(ret->root, "config");
	return CTL_DONE;
}

void document_done(struct document *document)
{
	cJSON_Delete(document->root);
	buf_done(&document->text);
}

void document_print(const cJSON *root)
{
	char *text = cJSON_Print(root);

	for (char *line = text; line && *line;) {
		size_t indent = strspn(line, "\t"), len = strcspn(line, "\n");
		size_t size = 2 * len + 8;
		char *cell = malloc(size), end = line[len];

		line[len] = '\0';
		for (char *tab = line + indent; (tab = strchr(tab, '\t'));)
			*tab = ' '; /* behind a name; a text has none */
		if (cell) {
			format_cell(line + indent, size, cell, size);
			(void)printf("%.*s%s\n", (int)indent, line, cell);
		}
		free(cell);
		line += len + (end == '\n');
	}
	cJSON_free(text);
}

void document_name(const cJSON *row, char out[32])
{
	const cJSON *revision = json_get(row, "revision");
	bool is_strange = strcmp(text_of(row, "result"), "refused") == 0 &&
			  strcmp(text_of(row, "origin"), "files") != 0;

	if (cJSON_IsNumber(revision))
		(void)snprintf(out, 32, "revision %.0f", revision->valuedouble);
	else
		(void)snprintf(out, 32, is_strange ? "a document" : "the files");
}
