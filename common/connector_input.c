/* connector_input.c - what a program is asked */
#include "connector_parts.h"

#include <string.h>

#include "dray/json.h"
#include "dray/utf8.h"

#define HEADERS_MAX 128
#define HEADER_BYTES_MAX ((size_t)64 << 10)

/* A body stands two levels deep in the input, which the scanner's 64 bound as a whole. */
static const struct json_limits body_limits = {
	.max_bytes = (size_t)4 << 20, .max_depth = 60, .max_members = 100000
};

/* A NUL can't stand in a JSON text that cJSON and the scanner are to take. */
static size_t character_length(const char *text, size_t left)
{
	return *text == '\0' ? 0 : utf8_length(text, left);
}

void connector_put_text(const char *text, size_t len, struct buf *out)
{
	struct buf clean = BUF_INIT;
	size_t start = 0, at = 0;

	buf_puts(&clean, "");
	while (at < len) {
		size_t width = character_length(text + at, len - at);
		if (width > 0) {
			at += width;
			continue;
		}
		buf_put(&clean, text + start, at - start);
		buf_puts(&clean, "\xef\xbf\xbd");
		start = ++at;
	}
	buf_put(&clean, text + start, len - start);
	if (buf_failed(&clean))
		out->failed = true;
	else
		buf_put_json(out, clean.data, clean.len);
	buf_done(&clean);
}

static void put_text_or_null(const char *text, struct buf *out)
{
	if (text)
		connector_put_text(text, strlen(text), out);
	else
		buf_puts(out, "null");
}

/* RFC 8259 section 8.1 lets a parser pass over a byte order mark, and some servers send one. */
static void skip_mark(const char **body, size_t *len)
{
	if (*len < 3 || memcmp(*body, "\xef\xbb\xbf", 3) != 0)
		return;
	*body += 3;
	*len -= 3;
}

static void put_body(const char *body, size_t len, struct buf *out)
{
	struct buf scanned = BUF_INIT;

	skip_mark(&body, &len);
	if (len == 0) {
		buf_puts(out, "null");
		return;
	}
	if (json_scan(body, len, &body_limits, &scanned, NULL, NULL) == JSON_FINE)
		buf_put(out, scanned.data, scanned.len);
	else
		connector_put_text(
			body, len < body_limits.max_bytes ? len : body_limits.max_bytes, out);
	buf_done(&scanned);
}

static bool has_come(const struct connector_header *headers, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(headers[i].name, name) == 0)
			return true;
	return false;
}

static void put_values(
	const struct connector_header *headers, size_t first, size_t n, struct buf *out)
{
	struct buf joined = BUF_INIT;

	for (size_t i = first; i < n; i++) {
		if (strcmp(headers[i].name, headers[first].name) != 0)
			continue;
		buf_puts(&joined, i == first ? "" : ", ");
		buf_puts(&joined, headers[i].value);
	}
	if (buf_failed(&joined))
		out->failed = true;
	else
		connector_put_text(joined.data, joined.len, out);
	buf_done(&joined);
}

/* The first ones that together keep the bounds. */
static size_t count_headers(const struct connector_header *headers, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		bytes += strlen(headers[i].name) + strlen(headers[i].value);
		if (i == HEADERS_MAX || bytes > HEADER_BYTES_MAX)
			return i;
	}
	return n;
}

void connector_put_headers(
	const struct connector_header *headers, size_t n_headers, struct buf *out)
{
	size_t n = count_headers(headers, n_headers);
	bool is_first = true;

	buf_putc(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (has_come(headers, i, headers[i].name))
			continue;
		if (!is_first)
			buf_putc(out, ',');
		is_first = false;
		connector_put_text(headers[i].name, strlen(headers[i].name), out);
		buf_putc(out, ':');
		put_values(headers, i, n, out);
	}
	buf_putc(out, '}');
}

static void put_response(const struct connector_response *response, struct buf *out)
{
	if (!response) {
		buf_puts(out, "null");
		return;
	}
	buf_puts(out, "{\"status\":");
	buf_put_integer(out, response->status);
	buf_puts(out, ",\"headers\":");
	connector_put_headers(response->headers, response->n_headers, out);
	buf_puts(out, ",\"body\":");
	put_body(response->body, response->len, out);
	buf_putc(out, '}');
}

static void put_events(const struct connector_input *input, struct buf *out)
{
	buf_putc(out, '[');
	for (size_t i = 0; i < input->n_events; i++) {
		if (i > 0)
			buf_putc(out, ',');
		buf_put(out, input->events[i].body, input->events[i].len);
	}
	buf_putc(out, ']');
}

static void put_credentials(const struct connector_input *input, struct buf *out)
{
	buf_puts(out, ",\"credentials\":{\"username\":");
	put_text_or_null(input->username, out);
	buf_puts(out, ",\"password\":");
	put_text_or_null(input->password, out);
	buf_putc(out, '}');
}

void connector_put_input(
	const struct connector *connector, const struct connector_input *input, struct buf *out)
{
	static const char *const ops[] = { [CONNECTOR_DELIVER] = "deliver",
		[CONNECTOR_LOOKUP] = "lookup",
		[CONNECTOR_LOGIN] = "login" };

	buf_puts(out, "{\"op\":");
	put_text_or_null(ops[input->op], out);
	buf_puts(out, ",\"events\":");
	put_events(input, out);
	buf_puts(out, ",\"key\":");
	put_text_or_null(input->key, out);
	if (input->serial > 0) {
		buf_puts(out, ",\"serial\":");
		buf_put_integer(out, input->serial);
	}
	buf_puts(out, ",\"carry\":");
	buf_puts(out, input->carry ? input->carry : "null");
	buf_puts(out, ",\"response\":");
	put_response(input->response, out);
	buf_puts(out, ",\"site\":");
	put_text_or_null(input->site, out);
	buf_puts(out, ",\"vars\":");
	buf_puts(out, connector->vars);
	if (input->op == CONNECTOR_LOGIN)
		put_credentials(input, out);
	buf_putc(out, '}');
}
