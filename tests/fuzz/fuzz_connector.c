/*
 * fuzz_connector.c - any text as a connector.json, a NUL, any text as vars: refused in words, or its
 * revision reads back, and what it renders is JSON.
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

static void check_revision(const struct buf *text, bool is_batched)
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
	check(connector->is_batched == is_batched);
	check(strcmp(connector->method, "POST") == 0 || strcmp(connector->method, "PUT") == 0);
	/* They become a request line and headers. */
	check_header(connector->path);
	check_header(connector->content_type);
	check_header(connector->batch_content_type);
	connector_render(connector, events, is_batched ? 2 : 1, &body);
	check_json(body.data, body.len);
	buf_done(&body);
	connector_free(connector);
}

static void try_revision(const cJSON *declaration, const cJSON *vars, bool is_batched)
{
	uint8_t digest[ID_DIGEST_BYTES];
	struct buf text = BUF_INIT;
	struct error err = { 0 };

	if (connector_revision_text(
		    &(struct connector_source){
			    .declaration = declaration, .vars = vars, .is_batched = is_batched },
		    &text, digest, &err) == 0)
		check_revision(&text, is_batched);
	else
		check(err.message[0] != '\0');
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t len = strnlen(text, size);
	cJSON *declaration = read_json(text, len);
	cJSON *vars = len < size ? read_json(text + len + 1, size - len - 1) : NULL;

	if (!vars)
		vars = cJSON_CreateObject();
	if (declaration && cJSON_IsObject(vars)) {
		try_revision(declaration, vars, false);
		try_revision(declaration, vars, true);
	}
	cJSON_Delete(declaration);
	cJSON_Delete(vars);
	return 0;
}
