#include "dray/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 1000
#define CONTEXT 3

struct line {
	const char *text;
	size_t len;
};

struct side {
	struct line *lines;
	size_t n;
};

static int split(const char *text, struct side *ret)
{
	size_t n = 1;

	for (const char *at = text; *at; at++)
		n += *at == '\n';
	ret->n = 0;
	ret->lines = calloc(n, sizeof(*ret->lines));
	if (!ret->lines)
		return -1;
	while (*text) {
		size_t len = strcspn(text, "\n");
		ret->lines[ret->n++] = (struct line){ text, len };
		text += len + (text[len] == '\n');
	}
	return 0;
}

static bool is_same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void put_line(struct buf *out, const char *mark, const struct line *line)
{
	buf_puts(out, mark);
	buf_put(out, line->text, line->len);
	buf_putc(out, '\n');
}

/* Lines that are the same, of which only those near a difference are shown. */
static void put_same(struct buf *out, const struct line *lines, size_t n, bool follows, bool leads)
{
	size_t head = follows ? CONTEXT : 0, tail = leads ? CONTEXT : 0;

	for (size_t i = 0; i < n; i++) {
		if (i < head || i + tail >= n)
			put_line(out, "  ", &lines[i]);
		else if (i == head)
			buf_puts(out, "  …\n");
	}
}

/*
 * The longest common subsequence, from the end: length[i][j] is that of a[i..] and b[j..]. NULL when
 * the texts are too long for it, or memory is out.
 */
static uint16_t *measure(const struct side *a, const struct side *b)
{
	size_t width = b->n + 1;
	uint16_t *length;

	if (a->n > LINES_MAX || b->n > LINES_MAX)
		return NULL;
	length = calloc((a->n + 1) * width, sizeof(*length));
	for (size_t i = a->n; length && i-- > 0;) {
		for (size_t j = b->n; j-- > 0;) {
			uint16_t down = length[(i + 1) * width + j],
				 right = length[i * width + j + 1];
			uint16_t both = (uint16_t)(length[(i + 1) * width + j + 1] + 1);

			length[i * width + j] = is_same(&a->lines[i], &b->lines[j]) ? both
						: down > right                      ? down
										    : right;
		}
	}
	return length;
}

static void put_middle(const struct side *a, const struct side *b, struct buf *out)
{
	uint16_t *length = measure(a, b);
	size_t width = b->n + 1, i = 0, j = 0;

	while (i < a->n || j < b->n) {
		size_t same = 0;

		while (length && i + same < a->n && j + same < b->n &&
			is_same(&a->lines[i + same], &b->lines[j + same]))
			same++;
		if (same > 0) {
			put_same(out, &a->lines[i], same, true, true);
			i += same;
			j += same;
		} else if (i < a->n &&
			   (j == b->n || !length ||
				   length[(i + 1) * width + j] >= length[i * width + j + 1])) {
			put_line(out, "- ", &a->lines[i++]);
		} else {
			put_line(out, "+ ", &b->lines[j++]);
		}
	}
	free(length);
}

static void put_diff(struct side *a, struct side *b, struct buf *out)
{
	const struct line *first = a->lines;
	size_t head = 0, tail = 0;

	while (head < a->n && head < b->n && is_same(&a->lines[head], &b->lines[head]))
		head++;
	if (head == a->n && head == b->n)
		return;
	while (tail < a->n - head && tail < b->n - head &&
		is_same(&a->lines[a->n - 1 - tail], &b->lines[b->n - 1 - tail]))
		tail++;
	put_same(out, first, head, false, true);
	put_middle(&(struct side){ a->lines + head, a->n - head - tail },
		&(struct side){ b->lines + head, b->n - head - tail }, out);
	put_same(out, first + a->n - tail, tail, true, false);
}

void diff_lines(const char *expected, const char *actual, struct buf *out)
{
	struct side a = { 0 }, b = { 0 };

	if (split(expected, &a) == 0 && split(actual, &b) == 0)
		put_diff(&a, &b, out);
	else
		out->failed = true;
	free(a.lines);
	free(b.lines);
}
