/*
 * cmd_config_diff.c - what a document would change, a line a value, sorted by path.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/document.h"
#include "ctl/format.h"
#include "dray/json.h"

#define DEPTH_MAX 64

/* The values of a document, each with its path: "destinations.erp.url", "\"https://…\"". */
struct line {
	char *path, *value;
};
struct lines {
	struct line *lines;
	size_t n;
};

static void lines_done(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++) {
		free(lines->lines[i].path);
		free(lines->lines[i].value);
	}
	free(lines->lines);
}

/* Takes both texts over. */
static int add_line(struct lines *lines, char *path, char *value)
{
	struct line *more = reallocarray(lines->lines, lines->n + 1, sizeof(*more));

	if (more)
		lines->lines = more;
	if (!more || !path || !value) {
		free(path);
		free(value);
		return -1;
	}
	lines->lines[lines->n++] = (struct line){ path, value };
	return 0;
}

static void put_name(struct buf *path, const char *name)
{
	bool is_plain = *name && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					      "0123456789_-") == strlen(name);

	if (path->len > 0)
		buf_putc(path, '.');
	if (is_plain)
		buf_puts(path, name);
	else
		buf_put_json(path, name, strlen(name));
}

static int put_value(struct lines *lines, const struct buf *path, const cJSON *value)
{
	struct buf text = BUF_INIT;

	json_print(value, &text);
	return add_line(lines, buf_failed(path) ? NULL : strdup(path->data ? path->data : ""),
		buf_take(&text, NULL));
}

/* A list is one value: a merge patch replaces it whole. So is an empty object. */
static int flatten(const cJSON *root, struct lines *ret)
{
	const cJSON *stack[DEPTH_MAX] = { root->child };
	size_t length[DEPTH_MAX] = { 0 };
	struct buf path = BUF_INIT;
	int depth = 0, status = 0;

	while (depth >= 0 && status == 0) {
		const cJSON *at = stack[depth];

		if (path.data)
			path.data[path.len = length[depth]] = '\0';
		if (!at) {
			depth--;
			continue;
		}
		stack[depth] = at->next;
		put_name(&path, at->string);
		if (cJSON_IsObject(at) && at->child && depth + 1 < DEPTH_MAX) {
			stack[++depth] = at->child;
			length[depth] = path.len;
		} else {
			status = put_value(ret, &path, at);
		}
	}
	buf_done(&path);
	return status;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

static int make_lines(const cJSON *root, struct lines *ret)
{
	if (flatten(root, ret) < 0)
		return -1;
	if (ret->n > 0)
		qsort(ret->lines, ret->n, sizeof(*ret->lines), compare_lines);
	return 0;
}

/* --- shown ------------------------------------------------------------------------------------------ */

static void print_line(const struct ctl *ctl, char mark, const struct line *line)
{
	size_t size = 2 * (strlen(line->path) + strlen(line->value)) + 16;
	char *text = malloc(size), *cell = malloc(size);

	if (text && cell) {
		(void)snprintf(text, size, "%c %s = %s", mark, line->path, line->value);
		format_cell(text, size, cell, size);
		print_colored(ctl, mark == '-' ? COLOR_BAD : COLOR_GOOD, cell);
		(void)putchar('\n');
	}
	free(text);
	free(cell);
}

static void put_json(
	struct buf *out, const char *path, const struct line *before, const struct line *after)
{
	buf_puts(out, out->len > 0 ? ",{\"path\":" : "{\"path\":");
	buf_put_json(out, path, strlen(path));
	if (before)
		buf_printf(out, ",\"before\":%s", before->value);
	if (after)
		buf_printf(out, ",\"after\":%s", after->value);
	buf_putc(out, '}');
}

/* How many values differ. `out` receives them for programs. */
static size_t compare(const struct ctl *ctl, const struct lines *before, const struct lines *after,
	struct buf *out)
{
	size_t i = 0, j = 0, n = 0;

	while (i < before->n || j < after->n) {
		const struct line *a = i < before->n ? &before->lines[i] : NULL;
		const struct line *b = j < after->n ? &after->lines[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);
		const char *path = order <= 0 ? a->path : b->path;

		a = order <= 0 ? a : NULL;
		b = order >= 0 ? b : NULL;
		i += a != NULL;
		j += b != NULL;
		if (a && b && strcmp(a->value, b->value) == 0)
			continue;
		n++;
		put_json(out, path, a, b);
		if (a && !ctl->is_json)
			print_line(ctl, '-', a);
		if (b && !ctl->is_json)
			print_line(ctl, '+', b);
	}
	return n;
}

/* As drayd would have it: on the files, or in their place. */
static cJSON *make_after(const struct document *document, const cJSON *answer)
{
	cJSON *files;

	if (!document->is_desired)
		return cJSON_Duplicate(document->root, true);
	files = cJSON_Duplicate(json_get(answer, "files"), true);
	if (files && json_merge_patch(&files, json_get(document->root, "config")) == 0)
		return files;
	cJSON_Delete(files);
	return NULL;
}

static int show(const struct ctl *ctl, const cJSON *before, const cJSON *after)
{
	struct lines a = { 0 }, b = { 0 };
	struct buf out = BUF_INIT;
	int code = CTL_USAGE;

	if (make_lines(before, &a) == 0 && make_lines(after, &b) == 0)
		code = compare(ctl, &a, &b, &out) > 0 ? CTL_NO : CTL_DONE;
	else
		(void)fputs("drayctl: out of memory\n", stderr);
	if (ctl->is_json && code != CTL_USAGE && !buf_failed(&out))
		(void)printf("{\"changes\":[%s]}\n", out.data ? out.data : "");
	buf_done(&out);
	lines_done(&a);
	lines_done(&b);
	return code;
}

static int show_against_agent(struct ctl *ctl, const struct document *document)
{
	struct answer answer = { 0 };
	int code = ask(ctl, "/v1/config", NULL, 0, &answer);
	const cJSON *before = json_get(answer.root, "config");
	cJSON *after = code == CTL_DONE ? make_after(document, answer.root) : NULL;

	if (code == CTL_DONE && cJSON_IsObject(before) && cJSON_IsObject(after))
		code = show(ctl, before, after);
	else if (code == CTL_DONE)
		code = CTL_USAGE;
	cJSON_Delete(after);
	answer_done(&answer);
	return code;
}

static int run(struct ctl *ctl)
{
	struct document document;
	char text[512];
	int code = document_read(ctl->args[0], &document);

	if (code == CTL_DONE && !document.root) {
		(void)fprintf(stderr, "drayctl: %s: %s\n", ctl->args[0],
			error_text(&document.err, text, sizeof(text)));
		code = CTL_USAGE;
	}
	if (code == CTL_DONE)
		code = show_against_agent(ctl, &document);
	document_done(&document);
	return code;
}

const struct command cmd_config_diff = { .noun = "config",
	.verb = "diff",
	.synopsis = "FILE|-",
	.help = "what a document would change of what is in force; exit status 1 when it would",
	.min_args = 1,
	.max_args = 1,
	.run = run };
