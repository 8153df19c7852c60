/*
 * fuzz_connector.c - any texts, each behind a NUL, as connector.json, vars and program: refused in
 * words, or its revision reads back as what it was made of, and what it renders is JSON.
 */
#include <string.h>

#include "dray/connector.h"
#include "dray/json.h"
#include "help_fuzz.h"

static const struct json_limits limits = { 1 << 16, 32, 10000, true };

static cJSON *read_json(const char *text, size_t len)
{
	struct buf scratch = BUF_INIT;
	cJSON *root = json_parse(text, len, &limits, &scratch, NULL);

	buf_done(&scratch);
	return root;
}

/* Nothing of a header ends it. */
static void check_header(const char *text)
{
	for (; *text; text++)
		check((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_read_back(
	const struct connector *connector, const struct connector_source *source)
{
	char key[ID_KEY_MAX];

	check(connector->is_batched == source->is_batched);
	check(connector->key.format == source->key.format);
	check(connector->key.length == source->key.length);
	check(connector->key.is_quoted == source->key.is_quoted);
	check(!connector->program == !source->program);
	check(!source->program ||
		(connector->program_len == source->program_len &&
			memcmp(connector->program, source->program, source->program_len) == 0));
	check_json(connector->vars, strlen(connector->vars));
	id_shape_key(&connector->key, "00112233-4455-8677-b899-aabbccddeeff", key);
	check(strlen(key) < ID_KEY_MAX);
}

static void check_revision(const struct buf *text, const struct connector_source *source)
{
	static const struct connector_event events[] = { { "{\"id\":1}", 8 }, { "{}", 2 } };
	struct connector *connector;
	struct buf body = BUF_INIT;
	struct error err = { 0 };

	check_json(text->data, text->len);
	if (connector_parse(text->data, text->len, &connector, &err) != 0) {
		check(err.message[0] != '\0');
		return;
	}
	check_read_back(connector, source);
	check(strcmp(connector->method, "POST") == 0 || connector->method[0] == 'P');
	/* They become a request line, a topic and headers. */
	check_header(connector->path);
	check_header(connector->topic);
	check_header(connector->content_type);
	check_header(connector->batch_content_type);
	connector_render(connector, events, source->is_batched ? 2 : 1, &body);
	check_json(body.data, body.len);
	buf_done(&body);
	connector_free(connector);
}

static void try_revision(const struct connector_source *source)
{
	uint8_t digest[ID_DIGEST_BYTES];
	struct buf text = BUF_INIT;
	struct error err = { 0 };

	if (connector_revision_text(source, &text, digest, &err) == 0)
		check_revision(&text, source);
	else
		check(err.message[0] != '\0');
	buf_done(&text);
}

/* The next part, up to a NUL. False when there is none. */
static bool take_part(const char **text, size_t *size, const char **ret, size_t *ret_len)
{
	if (*size == 0)
		return false;
	*ret = *text;
	*ret_len = strnlen(*text, *size);
	*text += *ret_len;
	*size -= *ret_len;
	if (*size > 0) {
		*text += 1;
		*size -= 1;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *part;
	size_t whole = size, len;
	cJSON *declaration = take_part(&text, &size, &part, &len) ? read_json(part, len) : NULL;
	cJSON *vars = take_part(&text, &size, &part, &len) ? read_json(part, len) : NULL;
	struct connector_source source = { .declaration = declaration };

	if (!vars)
		vars = cJSON_CreateObject();
	source.vars = vars;
	if (take_part(&text, &size, &part, &len)) {
		source.program = part;
		source.program_len = len;
		source.key = (struct id_shape){ (enum id_format)(whole % 4),
			8 + (unsigned)(whole % 57), whole % 2 != 0 };
	}
	for (int i = 0; i < 2 && declaration && cJSON_IsObject(vars); i++) {
		source.is_batched = i != 0;
		try_revision(&source);
	}
	cJSON_Delete(declaration);
	cJSON_Delete(vars);
	return 0;
}
