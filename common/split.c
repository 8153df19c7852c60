/* split.c - see split.h */
#include "dray/split.h"

#include <string.h>

#include "dray/utf8.h"

struct splitting {
	const char *text;
	size_t len;
	size_t pos;
	size_t index; /* of the value at `pos` */
	const struct split_options *options;
	struct buf *scratch;
	const struct split_handlers *handlers;
	bool is_array;      /* inside its brackets */
	bool is_broken_off; /* no end was found of the last value: the rest was refused with it */
};

enum reason split_reason(enum json_flaw flaw)
{
	switch (flaw) {
	case JSON_BAD_UTF8:
		return REASON_BAD_UTF8;
	case JSON_TOO_LARGE:
		return REASON_TOO_LARGE;
	case JSON_TOO_DEEP:
		return REASON_TOO_DEEP;
	default:
		return REASON_BAD_JSON;
	}
}

static int refuse(const struct splitting *s, size_t start, size_t end, enum reason reason,
	const char *why, size_t at)
{
	const struct split_part part = { s->index, s->text + start, end - start };
	const struct split_flaw flaw = { reason, why, at };

	return s->handlers->on_flaw(s->handlers->ctx, &part, &flaw);
}

static void skip_space(struct splitting *s)
{
	while (s->pos < s->len && s->text[s->pos] && strchr(" \t\n\r", s->text[s->pos]))
		s->pos++;
}

/*
 * The next value: taken, or refused by itself when its end can be found. When it can't, the rest of the
 * message is one broken value, and `pos` is its end.
 */
static int take_next(struct splitting *s)
{
	struct split_part part = { s->index, s->text + s->pos, 0 };
	struct json_error error;
	size_t start = s->pos, end;

	if (json_scan(part.raw, s->len - start, &s->options->limits, s->scratch, &part.len,
		    &error) == JSON_FINE) {
		s->pos = start + part.len;
		return s->handlers->on_value(
			s->handlers->ctx, &part, s->scratch->data, s->scratch->len);
	}
	if (!json_extent(s->text, s->len, start, &start, &end)) {
		start = s->pos;
		end = s->len;
		s->is_broken_off = true;
	}
	s->pos = end;
	return refuse(s, start, end, split_reason(error.flaw), error.message, error.offset);
}

/* May a value begin here, with nothing but white space before it? */
static bool may_begin(const struct splitting *s)
{
	char c = s->text[s->pos];

	return !s->is_array && (c == '{' || (c == '[' && !s->options->opens_arrays));
}

/* Behind a value: what separates it from the next. False: the rest can't be made sense of. */
static bool pass_separator(struct splitting *s)
{
	skip_space(s);
	if (s->pos == s->len)
		return true;
	if (s->text[s->pos] ==
		',') { /* between single values it is one too many, and harms nobody */
		s->pos++;
	} else if (s->is_array && s->text[s->pos] == ']') {
		s->pos++;
		s->is_array = false; /* what may stand behind it are single values */
	} else if (!may_begin(s)) {
		return false;
	}
	skip_space(s);
	return true;
}

static const char *missing_words(const struct splitting *s)
{
	if (s->is_array)
		return "a comma or ] is missing";
	return s->options->opens_arrays ? "an event is an object"
					: "no object or array begins here";
}

static int take_all(struct splitting *s)
{
	int status;

	while (s->pos < s->len) {
		if (s->index == SPLIT_VALUES_MAX)
			return refuse(s, s->pos, s->len, REASON_TOO_LARGE,
				"more than 1000 events in a message", s->pos);
		status = take_next(s);
		if (status)
			return status;
		s->index++;
		if (!pass_separator(s))
			return refuse(s, s->pos, s->len, REASON_BAD_JSON, missing_words(s), s->pos);
	}
	if (s->is_array && !s->is_broken_off)
		return refuse(s, s->len, s->len, REASON_BAD_JSON, "the message ends before its ]",
			s->len);
	return 0;
}

static bool is_object_or_array(const struct splitting *s)
{
	return s->text[s->pos] == '{' || s->text[s->pos] == '[';
}

/*
 * A message that begins with neither is one value, or no JSON at all: a text is not cut at its commas.
 */
static int take_alone(struct splitting *s)
{
	struct split_part part = { 0, s->text + s->pos, 0 };
	struct splitting behind = *s;
	struct json_error error;
	size_t length;

	if (json_scan(part.raw, s->len - s->pos, &s->options->limits, s->scratch, &part.len,
		    &error) == JSON_FINE) {
		behind.pos += part.len;
		skip_space(&behind);
		if (behind.pos == behind.len)
			return s->handlers->on_value(
				s->handlers->ctx, &part, s->scratch->data, s->scratch->len);
	}
	for (size_t at = 0; at < s->len; at += length) {
		length = utf8_length(s->text + at, s->len - at);
		if (length == 0)
			return refuse(s, 0, s->len, REASON_BAD_UTF8, "not JSON, and not UTF-8", at);
	}
	return refuse(s, 0, s->len, REASON_BAD_JSON,
		"not JSON: neither an object nor an array begins", s->pos);
}

static bool is_empty_array(const struct splitting *s)
{
	struct splitting behind = *s;

	if (!s->is_array || s->pos == s->len || s->text[s->pos] != ']')
		return false;
	behind.pos++;
	skip_space(&behind);
	return behind.pos == behind.len;
}

int split_message(const char *text, size_t len, const struct split_options *options,
	struct buf *scratch, const struct split_handlers *handlers)
{
	bool has_mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* some write one */
	struct splitting s = { .text = text,
		.len = len,
		.pos = has_mark ? 3 : 0,
		.options = options,
		.scratch = scratch,
		.handlers = handlers };

	skip_space(&s);
	s.is_array = options->opens_arrays && s.pos < len && text[s.pos] == '[';
	if (s.is_array) {
		s.pos++;
		skip_space(&s);
	}
	if (s.pos == len || is_empty_array(&s))
		return refuse(&s, 0, len, REASON_BAD_JSON, "no event in the message", 0);
	if (!s.is_array && !is_object_or_array(&s))
		return take_alone(&s);
	return take_all(&s);
}
