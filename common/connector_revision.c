/* connector_revision.c - what is pinned to a delivery, as one text */
#include "connector_parts.h"

#include <string.h>

#include "declared_vars.h"
#include "dray/json.h"
#include "dray/utf8.h"

#define REVISION_MAX_BYTES ((size_t)1 << 20)

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
	if (declared_vars_check(declared, err))
		return -1;
	if (!source->program)
		return check_request(request, err);
	if (request)
		return error_set(err, "request", "has no business beside a program");
	if (check_utf8(source->program, source->program_len))
		return error_set(err, NULL, "the program must be UTF-8 without NUL");
	return 0;
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
	cJSON *vars;

	if (check_declaration(source, err)) {
		error_prefix(err, "connector");
		return -1;
	}
	if (declared_vars_fill(declared, source->vars, "connector", &vars, err))
		return -1;
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
