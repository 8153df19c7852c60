/* connector_revision.c - what is pinned to a delivery, as one text */
#include "connector_parts.h"

#include <string.h>

#include "dray/json.h"
#include "dray/utf8.h"

#define REVISION_MAX_BYTES ((size_t)1 << 20)

static int refuse_var(struct error *err, const char *name, const char *message, const char *more)
{
	char clean[64];

	connector_clean(name, strlen(name), clean, sizeof(clean));
	(void)error_set(err, clean, "%s%.160s", message, more);
	error_prefix(err, "vars");
	return -1;
}

/* {"required": bool, "default": any, "help": text}, required and default not together. */
static int check_declared_var(const cJSON *var, struct error *err)
{
	static const char *const members[] = { "required", "default", "help", NULL };
	const cJSON *required = json_get(var, "required"), *help = json_get(var, "help");

	if (output_check_members(var, members, err))
		return -1;
	if (required && !cJSON_IsBool(required))
		return error_set(err, "required", "must be true or false");
	if (help && !cJSON_IsString(help))
		return error_set(err, "help", "must be a text");
	if (cJSON_IsTrue(required) && json_get(var, "default"))
		return error_set(err, "default", "has no business beside required");
	return 0;
}

static int check_declared_vars(const cJSON *declared, struct error *err)
{
	const cJSON *var;

	if (!cJSON_IsObject(declared))
		return error_set(err, "vars", "must be an object");
	cJSON_ArrayForEach (var, declared) {
		if (check_declared_var(var, err) == 0)
			continue;
		error_prefix(err, var->string);
		error_prefix(err, "vars");
		return -1;
	}
	return 0;
}

static int check_utf8(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t width = text[i] ? utf8_length(text + i, len - i) : 0;
		if (width == 0)
			return -1;
		i += width;
	}
	return 0;
}

static int check_request(const cJSON *request, struct error *err)
{
	static const char *const members[] = { "method", "path", "topic", "content_type",
		"batch_content_type", NULL };

	if (!cJSON_IsObject(request))
		return error_set(err, "request",
			"must be an object: without a program the request is declared");
	if (output_check_members(request, members, err)) {
		error_prefix(err, "request");
		return -1;
	}
	return 0;
}

static int check_declaration(const struct connector_source *source, struct error *err)
{
	const cJSON *declared = json_get(source->declaration, "vars");
	const cJSON *request = json_get(source->declaration, "request");

	if (!cJSON_IsObject(source->declaration))
		return error_set(err, NULL, "must be an object");
	if (declared && check_declared_vars(declared, err))
		return -1;
	if (!source->program)
		return check_request(request, err);
	if (request)
		return error_set(err, "request", "has no business beside a program");
	if (check_utf8(source->program, source->program_len))
		return error_set(err, NULL, "the program must be UTF-8 without NUL");
	return 0;
}

/* What the destination says against what is declared. */
static int check_vars(const cJSON *declared, const cJSON *vars, struct error *err)
{
	const cJSON *var;

	cJSON_ArrayForEach (var, vars) {
		if (!json_get(declared, var->string))
			return refuse_var(
				err, var->string, "the connector has no such setting", "");
	}
	cJSON_ArrayForEach (var, declared) {
		const char *help = json_get_string(var, "help");
		if (!cJSON_IsTrue(json_get(var, "required")) || output_get(vars, var->string))
			continue;
		return refuse_var(err, var->string,
			help ? "required by the connector: " : "required by the connector",
			help ? help : "");
	}
	return 0;
}

/* The vars with the declared defaults below them; the caller's. NULL: memory ran out. */
static cJSON *fill_vars(const cJSON *declared, const cJSON *vars)
{
	cJSON *filled = vars ? cJSON_Duplicate(vars, true) : cJSON_CreateObject();
	const cJSON *var;

	cJSON_ArrayForEach (var, declared) {
		const cJSON *fallback = json_get(var, "default");
		if (!filled || !fallback || json_get(filled, var->string))
			continue;
		cJSON *copy = cJSON_Duplicate(fallback, true);
		if (copy && cJSON_AddItemToObject(filled, var->string, copy))
			continue;
		cJSON_Delete(copy);
		cJSON_Delete(filled);
		return NULL;
	}
	return filled;
}

/* Sorted by hand at the top, by json_print_sorted() below. What is not there is left away, so that a
 * connector that has no use for it keeps the text that earlier versions gave it. */
static void put_text(const struct connector_source *source, const cJSON *vars, struct buf *out)
{
	const struct id_shape *key = &source->key;

	buf_printf(out, "{\"batched\":%s,\"connector\":", source->is_batched ? "true" : "false");
	json_print_sorted(source->declaration, out);
	if (key->format != ID_FORMAT_UUID || key->length != 0 || key->is_quoted)
		buf_printf(out, ",\"key\":{\"format\":\"%s\",\"length\":%u,\"quoted\":%s}",
			connector_key_formats[key->format], key->length,
			key->is_quoted ? "true" : "false");
	if (source->program) {
		buf_puts(out, ",\"program\":");
		buf_put_json(out, source->program, source->program_len);
	}
	buf_puts(out, ",\"vars\":");
	json_print_sorted(vars, out);
	buf_putc(out, '}');
}

int connector_revision_text(const struct connector_source *source, struct buf *out,
	uint8_t ret_digest[ID_DIGEST_BYTES], struct error *err)
{
	const cJSON *declared = json_get(source->declaration, "vars");
	size_t start = out->len;

	if (check_declaration(source, err)) {
		error_prefix(err, "connector");
		return -1;
	}
	if (declared && check_vars(declared, source->vars, err))
		return -1;
	cJSON *vars = fill_vars(declared, source->vars);
	if (!vars)
		return error_set(err, NULL, "out of memory");
	put_text(source, vars, out);
	cJSON_Delete(vars);
	if (buf_failed(out))
		return error_set(err, NULL, "out of memory");
	if (out->len - start > REVISION_MAX_BYTES)
		return error_set(err, "connector",
			"connector.json, program and vars are larger than 1 MiB together");
	id_digest(out->data + start, out->len - start, ret_digest);
	return 0;
}
