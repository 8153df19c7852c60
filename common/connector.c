#include "dray/connector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"

static const struct json_limits revision_limits = {
	.max_bytes = 1 << 20, .max_depth = 64, .max_members = 100000
};
/* Visible ASCII: what may stand in a request line and in a header without being encoded. */
static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text <= 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

static int copy_member(
	const cJSON *object, const char *name, const char *fallback, char **ret, struct error *err)
{
	const cJSON *member = json_get(object, name);
	const char *text = member ? json_get_string(object, name) : fallback;

	if (!text || !*text)
		return error_set(err, name, member ? "must be a text" : "required");
	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return error_set(err, name, "must not hold control characters");
	}
	*ret = strdup(text);
	return *ret ? 0 : error_set(err, NULL, "out of memory");
}

static void put_var(const cJSON *vars, const char *name, size_t len, struct buf *out)
{
	const cJSON *var;

	cJSON_ArrayForEach (var, vars) {
		if (strlen(var->string) != len || memcmp(var->string, name, len) != 0)
			continue;
		if (cJSON_IsString(var))
			buf_puts(out, var->valuestring);
		else if (cJSON_IsNumber(var))
			json_print(var, out);
	}
}

/* What is wrong with a path came from its var, when it has one: that is what a site can mend. */
static int refuse_path(const char *template, struct error *err, const char *message)
{
	const char *start = strchr(template, '{');
	const char *end = start ? strchr(start, '}') : NULL;
	char where[128] = "request.path";

	if (end &&
		snprintf(where, sizeof(where), "vars.%.*s", (int)(end - start - 1), start + 1) < 0)
		where[0] = '\0';
	return error_set(err, where, "%s", message);
}

static int expand_path(
	const char *template, const cJSON *vars, struct connector *connector, struct error *err)
{
	struct buf path = BUF_INIT;

	buf_puts(&path, "");
	for (const char *at = template; *at; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		if (!end) {
			buf_putc(&path, *at);
			continue;
		}
		put_var(vars, at + 1, (size_t)(end - at - 1), &path);
		at = end;
	}
	connector->path = buf_take(&path, NULL);
	if (!connector->path)
		return error_set(err, NULL, "out of memory");
	if (*connector->path && *connector->path != '/')
		return refuse_path(
			template, err, "the path must begin with a slash, such as \"/v1/events\"");
	if (!is_visible(connector->path))
		return refuse_path(template, err,
			"the path must hold visible ASCII characters only; encode others with %");
	return 0;
}

static int read_request(
	const cJSON *request, const cJSON *vars, struct connector *connector, struct error *err)
{
	const char *path = json_get(request, "path") ? json_get_string(request, "path") : "";

	if (copy_member(request, "method", "POST", &connector->method, err) ||
		copy_member(
			request, "content_type", "application/json", &connector->content_type, err))
		return -1;
	if (strcmp(connector->method, "POST") != 0 && strcmp(connector->method, "PUT") != 0)
		return error_set(err, "method", "must be POST or PUT");
	if (copy_member(request, "batch_content_type", connector->content_type,
		    &connector->batch_content_type, err))
		return -1;
	if (!path)
		return error_set(err, "path", "must be a text");
	return expand_path(path, vars, connector, err);
}

static int read_revision(const cJSON *root, struct connector *connector, struct error *err)
{
	const cJSON *declaration = json_get(root, "connector");

	if (!cJSON_IsObject(declaration))
		return error_set(err, "connector", "must be an object");
	connector->is_batched = cJSON_IsTrue(json_get(root, "batched"));
	if (copy_member(declaration, "name", NULL, &connector->name, err))
		return -1;
	if (!cJSON_IsObject(json_get(declaration, "request")))
		return error_set(err, "request", "must be an object");
	return read_request(
		json_get(declaration, "request"), json_get(root, "vars"), connector, err);
}

int connector_parse(const char *text, size_t len, struct connector **ret, struct error *err)
{
	struct json_error flaw;
	struct buf scratch = BUF_INIT;
	struct connector *connector = NULL;
	int result = -1;
	cJSON *root = json_parse(text, len, &revision_limits, &scratch, &flaw);

	if (!root) {
		error_fill(
			err, NULL, "line %u, column %u: %s", flaw.line, flaw.column, flaw.message);
		goto out;
	}
	connector = calloc(1, sizeof(*connector));
	if (!connector) {
		error_fill(err, NULL, "out of memory");
		goto out;
	}
	if (read_revision(root, connector, err))
		goto out;
	*ret = connector;
	connector = NULL;
	result = 0;
out:
	connector_free(connector);
	cJSON_Delete(root);
	buf_done(&scratch);
	return result;
}

void connector_free(struct connector *connector)
{
	if (!connector)
		return;
	free(connector->name);
	free(connector->method);
	free(connector->path);
	free(connector->topic);
	free(connector->content_type);
	free(connector->batch_content_type);
	free(connector);
}

/* Sorted by hand at the top, by json_print_sorted() below: no copy of the trees. */
int connector_revision_text(const struct connector_source *source, struct buf *out,
	uint8_t ret_digest[ID_DIGEST_BYTES], struct error *err)
{
	size_t start = out->len;

	buf_printf(out, "{\"batched\":%s,\"connector\":", source->is_batched ? "true" : "false");
	json_print_sorted(source->declaration, out);
	buf_puts(out, ",\"vars\":");
	if (source->vars)
		json_print_sorted(source->vars, out);
	else
		buf_puts(out, "{}");
	buf_putc(out, '}');
	if (buf_failed(out))
		return error_set(err, NULL, "out of memory");
	id_digest(out->data + start, out->len - start, ret_digest);
	return 0;
}

void connector_render(const struct connector *connector, const struct connector_event *events,
	size_t n, struct buf *out_body)
{
	if (!connector->is_batched) {
		buf_put(out_body, events[0].body, events[0].len);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		buf_putc(out_body, i == 0 ? '[' : ',');
		buf_put(out_body, events[i].body, events[i].len);
	}
	buf_putc(out_body, ']');
}
