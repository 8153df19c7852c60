/*
 * http_head.c - the headers of an answer: collected line by line as they come, made a list once, when
 * the answer is there.
 */
#include <string.h>

#include "courier/http_internal.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A line that goes on with the field before it (RFC 9112 section 5.2). */
static bool is_fold(const char *line)
{
	return *line == ' ' || *line == '\t';
}

void http_head_reset(struct http_head *head)
{
	buf_reset(&head->raw);
	head->field = 0;
	head->is_over = false;
	head->is_left_out = false;
	head->n = 0;
}

void http_head_done(struct http_head *head)
{
	buf_done(&head->raw);
	buf_done(&head->joined);
}

void http_head_add(struct http_head *head, const char *line, size_t len)
{
	/* A status line: what an interim response said is void. */
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		http_head_reset(head);
		return;
	}
	if (len == 0 || head->is_over)
		return;
	if (*line == '\r' || *line == '\n') {
		/* What comes behind the body is no header. */
		head->is_over = true;
		return;
	}
	if (!is_fold(line)) {
		head->field = head->raw.len;
		head->is_left_out = false;
	}
	if (head->is_left_out)
		return;
	if (len > HTTP_HEAD_BYTES_MAX - head->raw.len) {
		head->raw.len = head->field;
		head->is_left_out = true;
		return;
	}
	buf_put(&head->raw, line, len);
}

/* 1..n visible ASCII characters, made lower case. */
static bool lower_name(char *name, const char *end)
{
	if (name == end)
		return false;
	for (; name < end; name++) {
		if (*name <= ' ' || *name >= 0x7f)
			return false;
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name + 'a' - 'A');
	}
	return true;
}

/* One field, from the start of its line to the end of its last fold. */
static void take_field(struct http_head *head, char *line, char *end)
{
	char *colon = memchr(line, ':', (size_t)(end - line));
	char *value;

	if (!colon || head->n == HTTP_KEPT_HEADERS_MAX || !lower_name(line, colon))
		return;
	*colon = '\0';
	while (end > colon + 1 && is_space(end[-1]))
		end--;
	*end = '\0';
	for (value = colon + 1; is_space(*value);)
		value++;
	/* A fold, or a line break that is none (RFC 9110 section 5.5). */
	for (char *at = value; (at = strpbrk(at, "\r\n"));)
		*at = ' ';
	head->list[head->n++] = (struct connector_header){ .name = line, .value = value };
}

static char *end_of_line(char *line, const char *end)
{
	char *newline = memchr(line, '\n', (size_t)(end - line));

	return newline ? newline + 1 : line + (end - line);
}

static void split(struct http_head *head)
{
	char *line = head->raw.data, *next;
	const char *end = line + head->raw.len;

	for (; line < end; line = next) {
		next = end_of_line(line, end);
		while (next < end && is_fold(next))
			next = end_of_line(next, end);
		take_field(head, line, next);
	}
}

static void put_value(struct buf *joined, const char *value)
{
	if (joined->len > 0 && joined->data[joined->len - 1] != '\0')
		buf_puts(joined, ", ");
	buf_puts(joined, value);
}

/* Those behind `first` that have its name become part of it. The list may have gaps, name NULL. */
static void join_into(struct http_head *head, struct connector_header *first)
{
	const struct connector_header *end = head->list + head->n;
	size_t start = head->joined.len;

	for (struct connector_header *other = first + 1; other < end; other++) {
		if (!other->name || strcmp(other->name, first->name) != 0)
			continue;
		if (head->joined.len == start)
			put_value(&head->joined, first->value);
		put_value(&head->joined, other->value);
		other->name = NULL;
	}
	if (head->joined.len == start)
		return;
	buf_putc(&head->joined, '\0');
	first->value = head->joined.data + start;
}

static void join_repeated(struct http_head *head)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n; i++)
		if (head->list[i].name && strcmp(head->list[i].name, "set-cookie") != 0)
			join_into(head, &head->list[i]);
	for (size_t i = 0; i < head->n; i++)
		if (head->list[i].name)
			head->list[n++] = head->list[i];
	head->n = n;
}

void http_head_read(struct http_head *head)
{
	head->n = 0;
	buf_reset(&head->joined);
	/* Values stay where they are put: all of them, joined, are shorter than the lines they came in. */
	if (head->raw.len == 0 || buf_failed(&head->raw) ||
		!buf_reserve(&head->joined, head->raw.len))
		return;
	split(head);
	join_repeated(head);
}
