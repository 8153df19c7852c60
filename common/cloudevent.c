/* cloudevent.c - see cloudevent.h */
#include "dray/cloudevent.h"

#include <string.h>
#include <strings.h>

#include "connector_parts.h"
#include "dray/encode.h"
#include "dray/split.h"
#include "dray/utf8.h"

static const char structured[] = "application/cloudevents";

bool cloudevent_is_binary(const struct cloudevent *cloudevent)
{
	const char *type = cloudevent->content_type;

	return *cloudevent_get(cloudevent, "specversion") &&
	       !(type && strncasecmp(type, structured, sizeof(structured) - 1) == 0);
}

const char *cloudevent_get(const struct cloudevent *cloudevent, const char *name)
{
	for (size_t i = 0; i < cloudevent->n; i++)
		if (strcmp(cloudevent->attributes[i].name, name) == 0)
			return cloudevent->attributes[i].value;
	return "";
}

/* "application/json; charset=utf-8", "text/json", "application/vnd.acme+json" */
static bool is_json(const char *type)
{
	size_t len = type ? strcspn(type, "; ") : 0;

	if (!type)
		return true;
	return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
	       (len == 9 && strncasecmp(type, "text/json", len) == 0) ||
	       (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static bool is_utf8(const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;) {
		size_t width = utf8_length(text + at, len - at);
		if (width == 0)
			return false;
		at += width;
	}
	return true;
}

static bool is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");

	return len > 0 && len <= CLOUDEVENT_NAME_MAX && !name[len];
}

static int check_attribute(
	const struct cloudevent *cloudevent, size_t index, struct problem *problem)
{
	const char *name = cloudevent->attributes[index].name;
	char field[CLOUDEVENT_NAME_MAX + 2];

	if (!is_name(name))
		return problem_set(problem, REASON_FIELD_RANGE, "",
			"the name of an attribute has 1 to %d of a-z and 0-9", CLOUDEVENT_NAME_MAX);
	(void)text_join(field, sizeof(field), "/", name);
	if (strcmp(name, "data") == 0 || strcmp(name, "datacontenttype") == 0)
		return problem_set(problem, REASON_FIELD_RANGE, field,
			"%s is the message's own, and no attribute of it", name);
	if (!is_utf8(cloudevent->attributes[index].value))
		return problem_set(problem, REASON_BAD_UTF8, field, "%s is not UTF-8", name);
	for (size_t i = 0; i < index; i++)
		if (strcmp(cloudevent->attributes[i].name, name) == 0)
			return problem_set(
				problem, REASON_FIELD_RANGE, field, "%s stands twice", name);
	return 0;
}

/* The first member has no comma before it. */
static void put_name(struct buf *out, const char *name, bool is_first)
{
	buf_puts(out, is_first ? "\"" : ",\"");
	buf_puts(out, name);
	buf_puts(out, "\":");
}

static int put_data(const struct cloudevent *cloudevent, const struct json_limits *limits,
	struct buf *scratch, struct buf *out, struct problem *problem)
{
	bool is_first = cloudevent->n == 0 && !cloudevent->content_type;
	struct json_error error;

	if (cloudevent->len == 0)
		return 0;
	if (!is_json(cloudevent->content_type)) {
		put_name(out, "data_base64", is_first);
		buf_putc(out, '"');
		encode_base64(cloudevent->data, cloudevent->len, out);
		buf_putc(out, '"');
		return 0;
	}
	if (json_scan(cloudevent->data, cloudevent->len, limits, scratch, NULL, &error) !=
		JSON_FINE)
		return problem_set(problem, split_reason(error.flaw), "/data", "%s at byte %zu",
			error.message, error.offset);
	put_name(out, "data", is_first);
	buf_put(out, scratch->data, scratch->len);
	return 0;
}

static int join(const struct cloudevent *cloudevent, const struct json_limits *limits,
	struct buf *scratch, struct buf *out, struct problem *ret_problem)
{
	const char *type = cloudevent->content_type;

	if (cloudevent->is_cut)
		return problem_set(ret_problem, REASON_TOO_LARGE, "", "more than %zu attributes",
			cloudevent->n);
	if (type && !is_utf8(type))
		return problem_set(ret_problem, REASON_BAD_UTF8, "/datacontenttype",
			"datacontenttype is not UTF-8");
	buf_putc(out, '{');
	for (size_t i = 0; i < cloudevent->n; i++) {
		const struct cloudevent_attribute *attribute = &cloudevent->attributes[i];

		if (check_attribute(cloudevent, i, ret_problem) < 0)
			return -1;
		put_name(out, attribute->name, i == 0);
		buf_put_json(out, attribute->value, strlen(attribute->value));
	}
	if (type) {
		put_name(out, "datacontenttype", cloudevent->n == 0);
		buf_put_json(out, type, strlen(type));
	}
	if (put_data(cloudevent, limits, scratch, out, ret_problem) < 0)
		return -1;
	buf_putc(out, '}');
	if (buf_failed(out))
		return problem_set(
			ret_problem, REASON_STORE_FULL, "", "out of memory, send it again");
	return 0;
}

static void put_pair(struct buf *out, const char *name, const char *value)
{
	connector_put_text(name, strlen(name), out);
	buf_putc(out, ':');
	connector_put_text(value, strlen(value), out);
	buf_putc(out, ',');
}

/* Whatever it is, for a person to look at. */
static void put_as_it_came(const struct cloudevent *cloudevent, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < cloudevent->n; i++)
		put_pair(out, cloudevent->attributes[i].name, cloudevent->attributes[i].value);
	if (cloudevent->content_type)
		put_pair(out, "datacontenttype", cloudevent->content_type);
	buf_puts(out, "\"data_base64\":\"");
	encode_base64(cloudevent->data, cloudevent->len, out);
	buf_puts(out, "\"}");
}

int cloudevent_join(const struct cloudevent *cloudevent, const struct json_limits *limits,
	struct buf *scratch, struct buf *out, struct problem *ret_problem)
{
	size_t start = out->len;

	if (join(cloudevent, limits, scratch, out, ret_problem) == 0)
		return 0;
	out->len = start;
	put_as_it_came(cloudevent, out);
	return -1;
}
