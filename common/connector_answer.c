#include "connector_parts.h"

#include <stdio.h>
#include <string.h>

#include "dray/json.h"
#include "dray/utf8.h"

static const struct json_limits answer_limits = {
	.max_bytes = 4 << 20, .max_depth = 64, .max_members = 100000
};

/* A blank, or what a terminal may take for a command: C0, DEL, and C1 (U+0080 to U+009F). */
static bool is_blank_or_control(const unsigned char *text, size_t width)
{
	return text[0] <= 0x20 || text[0] == 0x7f ||
	       (width == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

void connector_clean(const char *text, size_t len, char *out, size_t size)
{
	const unsigned char *from = (const unsigned char *)text;
	size_t n = 0;

	if (size == 0)
		return;
	for (size_t i = 0; i < len;) {
		size_t width = utf8_length(from + i, len - i);
		if (is_blank_or_control(from + i, width)) {
			if (n > 0 && out[n - 1] != ' ' && n + 1 < size)
				out[n++] = ' ';
			i += width;
			continue;
		}
		if (n + (width ? width : 1) >= size)
			break;
		if (width)
			memmove(out + n, from + i, width);
		else
			out[n] = '?';
		width = width ? width : 1;
		n += width;
		i += width;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static cJSON *parse_answer(const char *body, size_t len)
{
	struct buf scratch = BUF_INIT;
	cJSON *root = len > 0 ? json_parse(body, len, &answer_limits, &scratch, NULL) : NULL;

	buf_done(&scratch);
	return root;
}

static bool copy_scalar(const cJSON *value, char *out, size_t size)
{
	if (cJSON_IsString(value)) {
		connector_clean(value->valuestring, strlen(value->valuestring), out, size);
		return *out != '\0';
	}
	if (!cJSON_IsNumber(value))
		return false;
	int len = snprintf(out, size, "%.15g", value->valuedouble);
	if (len > 0 && (size_t)len < size)
		return true;
	out[0] = '\0';
	return false;
}

void connector_read_ref(const char *body, size_t len, char *out, size_t size)
{
	cJSON *root = parse_answer(body, len);

	if (size > 0)
		out[0] = '\0';
	if (size > 0 && !copy_scalar(json_get(root, "ref"), out, size))
		(void)copy_scalar(json_get(root, "id"), out, size);
	cJSON_Delete(root);
}

/* problem+json (RFC 9457) first, then what APIs are used to say. */
static bool find_words(const cJSON *root, char *out, size_t size)
{
	static const char *const names[] = { "detail", "title", "message", "error_description",
		"error" };
	const cJSON *error = json_get(root, "error");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const cJSON *words = json_get(root, names[i]);
		if (cJSON_IsString(words) && copy_scalar(words, out, size))
			return true;
	}
	return cJSON_IsString(json_get(error, "message")) &&
	       copy_scalar(json_get(error, "message"), out, size);
}

void connector_read_refusal(const char *body, size_t len, char *out, size_t size)
{
	cJSON *root = parse_answer(body, len);

	if (size == 0 || !find_words(root, out, size))
		connector_clean(body, len, out, size);
	cJSON_Delete(root);
}
