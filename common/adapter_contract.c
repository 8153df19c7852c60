/* adapter_contract.c - see adapter_contract.h */
#include "dray/adapter_contract.h"

#include <string.h>

#include "connector_parts.h"
#include "declared_vars.h"
#include "dray/encode.h"
#include "dray/ids.h"
#include "dray/times.h"
#include "dray/utf8.h"

#define MEMBERS_MAX 200000 /* JSON values in one payload */
#define DEPTH_MAX 62       /* the scanner's 64, and the input around the payload */

static const char *const payloads[] = {
	[ADAPTER_JSON] = "json", [ADAPTER_TEXT] = "text", [ADAPTER_BYTES] = "bytes"
};
#define PAYLOADS (sizeof(payloads) / sizeof(payloads[0]))

static size_t find_payload(const char *word)
{
	size_t i = 0;

	while (i < PAYLOADS && (!word || strcmp(payloads[i], word) != 0))
		i++;
	return i;
}

int adapter_check_declaration(const cJSON *declaration, struct error *err)
{
	static const char *const members[] = { "name", "version", "title", "payload", "vars",
		NULL };
	const char *name = json_get_string(declaration, "name");
	int64_t version;

	if (output_check_members(declaration, members, err))
		return -1;
	if (!name || !id_is_name(name, strlen(name)))
		return error_set(err, "name", "must be the adapter's name");
	if (!json_get_integer(declaration, "version", 1, INT32_MAX, &version))
		return error_set(err, "version", "must be a whole number from 1");
	if (!json_get_string(declaration, "title"))
		return error_set(err, "title", "must be a text that says what it reads");
	if (find_payload(json_get_string(declaration, "payload")) == PAYLOADS)
		return error_set(err, "payload", "must be \"json\", \"text\" or \"bytes\"");
	return declared_vars_check(json_get(declaration, "vars"), err);
}

enum adapter_payload adapter_payload_of(const cJSON *declaration)
{
	size_t i = find_payload(json_get_string(declaration, "payload"));

	return i < PAYLOADS ? (enum adapter_payload)i : ADAPTER_JSON;
}

int adapter_put_vars(
	const cJSON *declaration, const cJSON *vars, struct buf *out, struct error *err)
{
	static const cJSON nothing = { .type = cJSON_Object };
	const cJSON *declared = json_get(declaration, "vars");
	cJSON *filled;

	if (declared_vars_fill(declared ? declared : &nothing, vars, "adapter", &filled, err))
		return -1;
	json_print(filled, out);
	cJSON_Delete(filled);
	return buf_failed(out) ? error_set(err, NULL, "out of memory") : 0;
}

struct json_limits adapter_limits(size_t max_bytes, unsigned max_depth)
{
	return (struct json_limits){ .max_bytes = max_bytes,
		.max_depth = max_depth < DEPTH_MAX ? max_depth : DEPTH_MAX,
		.max_members = MEMBERS_MAX };
}

static void put_payload(const struct adapter_input *input, struct buf *out)
{
	switch (input->payload) {
	case ADAPTER_JSON:
		buf_put(out, input->value, input->len);
		break;
	case ADAPTER_TEXT:
		connector_put_text(input->value, input->len, out);
		break;
	case ADAPTER_BYTES:
		buf_putc(out, '"');
		encode_base64(input->value, input->len, out);
		buf_putc(out, '"');
		break;
	}
}

void adapter_put_input(const struct adapter_input *input, struct buf *out)
{
	char received[TIME_TEXT_MAX];

	time_format(input->received_at_ms, received);
	buf_puts(out, "{\"payload\":");
	put_payload(input, out);
	buf_puts(out, ",\"topic\":");
	if (input->topic)
		connector_put_text(input->topic, strlen(input->topic), out);
	else
		buf_puts(out, "null");
	buf_puts(out, ",\"headers\":");
	connector_put_headers(input->headers, input->n_headers, out);
	buf_puts(out, ",\"site\":");
	connector_put_text(input->site, strlen(input->site), out);
	buf_puts(out, ",\"source\":");
	connector_put_text(input->source, strlen(input->source), out);
	buf_puts(out, ",\"vars\":");
	buf_puts(out, input->vars);
	buf_printf(out, ",\"received\":\"%s\"}", received);
}

bool adapter_is_text(const char *text, size_t len, size_t *ret_at)
{
	size_t at = 0;

	while (at < len) {
		size_t width = text[at] ? utf8_length(text + at, len - at) : 0;
		if (width == 0) {
			*ret_at = at;
			return false;
		}
		at += width;
	}
	return true;
}

int adapter_check_output(const char *text, size_t len, struct error *err)
{
	size_t at = 1, start, end;

	if (len > 0 && text[0] == '{')
		return 0;
	if (len == 0 || text[0] != '[')
		return error_set(err, NULL, "gave what is neither an event nor an array of events");
	while (at < len && text[at] != ']') {
		if (!json_extent(text, len, at, &start, &end) || text[start] != '{')
			return error_set(
				err, NULL, "gave an array with something else than events in it");
		at = end + (end < len && text[end] == ',');
	}
	return 0;
}

void adapter_fill_problem(
	const char *name, enum reason reason, const char *words, struct problem *ret)
{
	char clean[sizeof(ret->message)];

	connector_clean(words, strlen(words), clean, sizeof(clean));
	problem_fill(ret, reason, "", "adapter %s: %s", name, clean);
}
