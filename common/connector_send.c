/* connector_send.c - the request that a program gives: checked member by member */
#include "connector_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dray/encode.h"
#include "dray/json.h"

#define PATH_MAX_BYTES 8192
#define VALUE_MAX_BYTES 8192
#define BODY_MAX_BYTES ((size_t)4 << 20)

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

/* A string that may stand in a line; "" where there is none. */
static int read_line(
	const cJSON *object, const char *name, size_t max, const char **ret, struct error *err)
{
	const cJSON *member = output_get(object, name);

	*ret = "";
	if (!member)
		return 0;
	if (!cJSON_IsString(member))
		return error_set(err, name, "must be a text");
	if (has_control(member->valuestring))
		return error_set(err, name, "must not hold control characters");
	if (strlen(member->valuestring) > max)
		return error_set(err, name, "must be at most %zu bytes long", max);
	*ret = member->valuestring;
	return 0;
}

/* --- query ------------------------------------------------------------------------------------------ */

static int put_parameter(const cJSON *value, struct buf *out, struct error *err)
{
	struct buf number = BUF_INIT;

	if (!cJSON_IsString(value) && !cJSON_IsNumber(value))
		return error_set(err, NULL, "must be a text or a number");
	encode_percent(value->string, out);
	buf_putc(out, '=');
	if (cJSON_IsString(value)) {
		encode_percent(value->valuestring, out);
		return 0;
	}
	json_print(value, &number);
	if (buf_failed(&number))
		out->failed = true;
	else
		encode_percent(number.data, out);
	buf_done(&number);
	return 0;
}

/* The name of a member that a stranger chose, as the path of an error. */
static int prefix_name(struct error *err, const char *name)
{
	char clean[64];

	connector_clean(name, strlen(name), clean, sizeof(clean));
	error_prefix(err, *clean ? clean : "\"\"");
	return -1;
}

static int put_query(const cJSON *query, const char *path, struct buf *out, struct error *err)
{
	char separator = strchr(path, '?') ? '&' : '?';
	const cJSON *value;

	if (!cJSON_IsObject(query))
		return error_set(err, NULL, "must be an object");
	cJSON_ArrayForEach (value, query) {
		if (cJSON_IsNull(value))
			continue;
		buf_putc(out, separator);
		separator = '&';
		if (put_parameter(value, out, err))
			return prefix_name(err, value->string);
	}
	return 0;
}

/* Kind is not known here: what a topic, a file's name or an HTTP path may hold is the courier's. */
static int read_path(struct output *output, const cJSON *send, const char **ret, struct error *err)
{
	const cJSON *query = output_get(send, "query");
	struct buf path = BUF_INIT;
	int result = 0;

	if (read_line(send, "path", PATH_MAX_BYTES, ret, err))
		return -1;
	if (!query)
		return 0;
	buf_puts(&path, *ret);
	if (put_query(query, *ret, &path, err)) {
		error_prefix(err, "query");
		result = -1;
	} else if (path.len > PATH_MAX_BYTES) {
		result = error_set(err, "query",
			"path and query must be at most %d bytes long together", PATH_MAX_BYTES);
	} else {
		*ret = output_keep(output, &path);
		result = *ret ? 0 : out_of_memory(err);
	}
	buf_done(&path);
	return result;
}

bool connector_is_url_path(const char *path)
{
	if (*path && *path != '/' && *path != '?')
		return false;
	for (; *path; path++)
		if (*path < 0x21 || *path > 0x7e)
			return false;
	return true;
}

/* --- headers ---------------------------------------------------------------------------------------- */

/* RFC 9110 section 5.6.2, token. */
static bool is_token(const char *text)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789!#$%&'*+-.^_`|~";

	return *text && text[strspn(text, set)] == '\0';
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcasecmp(name, *names) == 0)
			return true;
	return false;
}

static int check_name(const char *name, bool is_session, struct error *err)
{
	/* What frames the message is the courier's: RFC 9110 section 7.6.1, RFC 9112 section 6. */
	static const char *const framing[] = { "Host", "Content-Length", "Transfer-Encoding",
		"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade",
		"Expect", NULL };
	static const char *const credentials[] = { "Authorization", "Proxy-Authorization", "Cookie",
		NULL };

	if (!is_token(name) || strlen(name) > 64)
		return error_set(
			err, NULL, "is no name of a header: 1 to 64 letters, digits or hyphens");
	if (is_one_of(name, framing))
		return error_set(err, NULL, "is the engine's to set");
	if (strcasecmp(name, "Content-Type") == 0)
		return error_set(err, NULL, "is said with send.content_type");
	if (!is_session && is_one_of(name, credentials))
		return error_set(err, NULL, "carries credentials: they come from `auth`");
	return 0;
}

/* RFC 9110 section 5.5, without the tab: visible ASCII, spaces between. */
static bool is_value(const char *text)
{
	size_t len = strlen(text);

	if (len > VALUE_MAX_BYTES || *text == ' ' || (len > 0 && text[len - 1] == ' '))
		return false;
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

static int put_value(const cJSON *header, struct buf *line, struct error *err)
{
	if (cJSON_IsNumber(header)) {
		json_print(header, line);
		return 0;
	}
	if (!cJSON_IsString(header))
		return error_set(err, NULL, "must be a text or a number");
	if (!is_value(header->valuestring))
		return error_set(err, NULL,
			"must be visible ASCII, at most %d bytes, with spaces only inside",
			VALUE_MAX_BYTES);
	buf_puts(line, header->valuestring);
	return 0;
}

static int read_header(struct output *output, const cJSON *header, bool is_session,
	const char **ret, struct error *err)
{
	struct buf line = BUF_INIT;
	int result = check_name(header->string, is_session, err);

	buf_puts(&line, header->string);
	buf_puts(&line, ": ");
	if (!result)
		result = put_value(header, &line, err);
	if (!result) {
		*ret = output_keep(output, &line);
		result = *ret ? 0 : out_of_memory(err);
	}
	buf_done(&line);
	return result ? prefix_name(err, header->string) : 0;
}

/* Names differ by more than their case. */
static int check_twice(const cJSON *headers, const cJSON *header, struct error *err)
{
	for (const cJSON *before = headers->child; before != header; before = before->next) {
		if (cJSON_IsNull(before) || strcasecmp(before->string, header->string) != 0)
			continue;
		(void)error_set(err, NULL, "is there twice");
		return prefix_name(err, header->string);
	}
	return 0;
}

int output_read_headers(struct output *output, const cJSON *headers, bool is_session,
	const char *ret[CONNECTOR_HEADERS_MAX + 1], struct error *err)
{
	const cJSON *header;
	size_t n = 0;

	ret[0] = NULL;
	if (!headers)
		return 0;
	if (!cJSON_IsObject(headers))
		return error_set(err, NULL, "must be an object");
	cJSON_ArrayForEach (header, headers) {
		if (cJSON_IsNull(header))
			continue;
		if (n == CONNECTOR_HEADERS_MAX)
			return error_set(
				err, NULL, "must be at most %d headers", CONNECTOR_HEADERS_MAX);
		if (check_twice(headers, header, err) ||
			read_header(output, header, is_session, &ret[n], err))
			return -1;
		ret[++n] = NULL;
	}
	return 0;
}

/* --- the rest --------------------------------------------------------------------------------------- */

static int read_method(const cJSON *send, const char **ret, struct error *err)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	if (read_line(send, "method", 16, ret, err))
		return -1;
	if (!output_get(send, "method")) {
		*ret = "POST";
		return 0;
	}
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(*ret, methods[i]) == 0)
			return 0;
	return error_set(err, "method", "must be GET, POST, PUT, PATCH or DELETE");
}

static int read_body(struct output *output, const cJSON *send, struct connector_send *ret,
	const char **ret_content_type, struct error *err)
{
	const cJSON *body = output_get(send, "body"), *text = output_get(send, "text");
	struct buf printed = BUF_INIT;

	ret->body = "";
	*ret_content_type = "";
	if (body && text)
		return error_set(err, "text", "has no business beside body");
	if (text && !cJSON_IsString(text))
		return error_set(err, "text", "must be a text");
	if (text) {
		ret->body = text->valuestring;
		*ret_content_type = "text/plain";
	} else if (body) {
		json_print(body, &printed);
		ret->body = output_keep(output, &printed);
		*ret_content_type = "application/json";
		buf_done(&printed);
	}
	if (!ret->body)
		return out_of_memory(err);
	ret->len = strlen(ret->body);
	if (ret->len > BODY_MAX_BYTES)
		return error_set(err, text ? "text" : "body", "must be at most 4 MiB");
	return 0;
}

static int read_content_type(
	const cJSON *send, const char *fallback, const char **ret, struct error *err)
{
	if (read_line(send, "content_type", 256, ret, err))
		return -1;
	if (!is_value(*ret))
		return error_set(err, "content_type", "must be visible ASCII");
	if (!**ret)
		*ret = fallback;
	return 0;
}

int output_read_send(
	struct output *output, const cJSON *send, struct connector_send *ret, struct error *err)
{
	static const char *const members[] = { "method", "path", "query", "headers", "body", "text",
		"content_type", NULL };
	const char *content_type;

	if (output_check_members(send, members, err) || read_method(send, &ret->method, err) ||
		read_path(output, send, &ret->path, err) ||
		read_body(output, send, ret, &content_type, err) ||
		read_content_type(send, content_type, &ret->content_type, err))
		return -1;
	if (output_read_headers(output, output_get(send, "headers"), false, ret->headers, err)) {
		error_prefix(err, "headers");
		return -1;
	}
	return 0;
}
