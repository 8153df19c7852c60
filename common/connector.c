/* connector.c - a revision's text as a struct, and what needs no program */
#include "connector_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"

static const struct json_limits revision_limits = {
	.max_bytes = 1 << 20, .max_depth = 64, .max_members = 100000
};

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

const char *const connector_key_formats[CONNECTOR_KEY_FORMATS] = { [ID_FORMAT_UUID] = "uuid",
	[ID_FORMAT_HEX] = "hex",
	[ID_FORMAT_ALNUM] = "alnum",
	[ID_FORMAT_DIGITS] = "digits" };

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

/* What is wrong came from the template's var, when it has one: that is what a site can mend. */
static int refuse_template(
	const char *member, const char *template, struct error *err, const char *message)
{
	const char *start = strchr(template, '{');
	const char *end = start ? strchr(start, '}') : NULL;
	char where[128];
	int len =
		end ? snprintf(where, sizeof(where), "vars.%.*s", (int)(end - start - 1), start + 1)
		    : snprintf(where, sizeof(where), "connector.request.%s", member);

	return error_set(err, len > 0 ? where : NULL, "%s", message);
}

/* *ret stays NULL only when memory ran out. */
static void expand(const char *template, const cJSON *vars, char **ret)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "");
	for (const char *at = template; *at; at++) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		if (!end) {
			buf_putc(&text, *at);
			continue;
		}
		put_var(vars, at + 1, (size_t)(end - at - 1), &text);
		at = end;
	}
	*ret = buf_take(&text, NULL);
}

static int read_path(
	const cJSON *request, const cJSON *vars, struct connector *connector, struct error *err)
{
	const char *template = json_get(request, "path") ? json_get_string(request, "path") : "";

	if (!template)
		return error_set(err, "connector.request.path", "must be a text");
	expand(template, vars, &connector->path);
	if (!connector->path)
		return out_of_memory(err);
	if (*connector->path && *connector->path != '/')
		return refuse_template("path", template, err,
			"the path must begin with a slash, such as \"/v1/events\"");
	for (const char *at = connector->path; *at; at++) {
		if (*at <= 0x20 || *at > 0x7e)
			return refuse_template("path", template, err,
				"the path must hold visible ASCII characters only; encode others "
				"with %");
	}
	return 0;
}

/* MQTT 5 section 4.7.1: wildcards are for filters. */
static int read_topic(
	const cJSON *request, const cJSON *vars, struct connector *connector, struct error *err)
{
	const char *template = json_get(request, "topic") ? json_get_string(request, "topic") : "";

	if (!template)
		return error_set(err, "connector.request.topic", "must be a text");
	expand(template, vars, &connector->topic);
	if (!connector->topic)
		return out_of_memory(err);
	for (const char *at = connector->topic; *at; at++) {
		if ((unsigned char)*at < 0x20 || strchr("\x7f+#", *at))
			return refuse_template("topic", template, err,
				"the topic must not hold control characters, + or #");
	}
	return 0;
}

static int read_request(
	const cJSON *request, const cJSON *vars, struct connector *connector, struct error *err)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH" };

	if (copy_member(request, "method", "POST", &connector->method, err) ||
		copy_member(request, "content_type", "application/json", &connector->content_type,
			err) ||
		copy_member(request, "batch_content_type", connector->content_type,
			&connector->batch_content_type, err)) {
		error_prefix(err, "connector.request");
		return -1;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(connector->method, methods[i]) == 0)
			return read_path(request, vars, connector, err) ||
					       read_topic(request, vars, connector, err)
				       ? -1
				       : 0;
	}
	return error_set(err, "connector.request.method", "must be POST, PUT or PATCH");
}

/* Written by connector_revision_text() alone; absent: the default shape. */
static int read_key(const cJSON *key, struct id_shape *ret, struct error *err)
{
	const char *format = json_get_string(key, "format");
	int64_t length;

	if (!key)
		return 0;
	if (!format || !json_get_integer(key, "length", 0, 64, &length))
		return error_set(err, "key", "must have a format and a length");
	ret->length = (unsigned)length;
	ret->is_quoted = cJSON_IsTrue(json_get(key, "quoted"));
	for (size_t i = 0; i < CONNECTOR_KEY_FORMATS; i++) {
		if (strcmp(format, connector_key_formats[i]) != 0)
			continue;
		ret->format = (enum id_format)i;
		return 0;
	}
	return error_set(err, "key.format", "is not known");
}

static int read_program(const cJSON *root, struct connector *connector, struct error *err)
{
	const cJSON *program = json_get(root, "program");

	if (!program)
		return 0;
	if (!cJSON_IsString(program))
		return error_set(err, "program", "must be a text");
	connector->program = strdup(program->valuestring);
	if (!connector->program)
		return out_of_memory(err);
	connector->program_len = strlen(connector->program);
	return 0;
}

static int read_vars(const cJSON *vars, struct connector *connector, struct error *err)
{
	struct buf text = BUF_INIT;

	if (!cJSON_IsObject(vars))
		return error_set(err, "vars", "must be an object");
	json_print(vars, &text);
	connector->vars = buf_take(&text, NULL);
	return connector->vars ? 0 : out_of_memory(err);
}

static int read_declaration(const cJSON *root, struct connector *connector, struct error *err)
{
	const cJSON *declaration = json_get(root, "connector");
	const cJSON *request = json_get(declaration, "request");
	const cJSON *serial = json_get(declaration, "serial");

	if (!cJSON_IsObject(declaration))
		return error_set(err, "connector", "must be an object");
	if (copy_member(declaration, "name", NULL, &connector->name, err)) {
		error_prefix(err, "connector");
		return -1;
	}
	if (serial && !cJSON_IsBool(serial))
		return error_set(err, "connector.serial", "must be true or false");
	connector->has_serial = cJSON_IsTrue(serial);
	if (!connector->program && !cJSON_IsObject(request))
		return error_set(err, "connector.request", "must be an object");
	return read_request(request, json_get(root, "vars"), connector, err);
}

static int read_revision(const cJSON *root, struct connector *connector, struct error *err)
{
	connector->is_batched = cJSON_IsTrue(json_get(root, "batched"));
	if (read_key(json_get(root, "key"), &connector->key, err) ||
		read_program(root, connector, err) ||
		read_vars(json_get(root, "vars"), connector, err))
		return -1;
	return read_declaration(root, connector, err);
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
		(void)out_of_memory(err);
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
	free(connector->program);
	free(connector->vars);
	free(connector);
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
