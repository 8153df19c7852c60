/* buf.c - see buf.h */
#include "dray/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/utf8.h"
#include "plain.h"

#define FIRST_BYTES 256

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_INIT;
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_reset(buf);
}

bool buf_failed(const struct buf *buf)
{
	return buf->failed;
}

char *buf_grow(struct buf *buf, size_t extra)
{
	size_t need;
	size_t cap = buf->cap ? buf->cap : FIRST_BYTES;
	char *data;

	if (buf->failed || extra >= SIZE_MAX / 2 - buf->len)
		goto fail;
	need = buf->len + extra + 1;
	while (cap < need)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data)
		goto fail;
	buf->data = data;
	buf->cap = cap;
	return data + buf->len;
fail:
	buf->failed = true;
	return NULL;
}

void buf_put(struct buf *buf, const void *bytes, size_t len)
{
	char *to = buf_reserve(buf, len);

	if (!to)
		return;
	if (len > 0)
		memcpy(to, bytes, len);
	to[len] = '\0';
	buf->len += len;
}

void buf_puts(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void buf_put_integer(struct buf *buf, int64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		buf_putc(buf, '-');
	buf_put(buf, digits + at, sizeof(digits) - at);
}

bool text_put_all(char *out, size_t size, const char *const texts[])
{
	size_t at = 0;
	bool fits = true;

	for (; *texts; texts++) {
		size_t len = strlen(*texts);

		if (len > size - 1 - at) {
			len = size - 1 - at;
			fits = false;
		}
		memcpy(out + at, *texts, len);
		at += len;
		if (!fits)
			break;
	}
	if (!fits)
		at = utf8_whole(out, at);
	out[at] = '\0';
	return fits;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	char *to = buf_reserve(buf, 0);
	int len;

	if (!to)
		return;
	va_start(args, format);
	len = vsnprintf(to, buf->cap - buf->len, format, args);
	va_end(args);
	if (len < 0)
		goto fail;
	if ((size_t)len >= buf->cap - buf->len) {
		to = buf_reserve(buf, (size_t)len);
		if (!to)
			return;
		va_start(args, format);
		len = vsnprintf(to, (size_t)len + 1, format, args);
		va_end(args);
		if (len < 0)
			goto fail;
	}
	buf->len += (size_t)len;
	return;
fail:
	buf->data[buf->len] = '\0';
	buf->failed = true;
}

static void put_escape(struct buf *buf, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "btnvfr"; /* 0x08 to 0x0d; \v is not JSON's */

	if (c == '"' || c == '\\') {
		buf_put(buf, (char[]){ '\\', (char)c }, 2);
	} else if (c >= '\b' && c <= '\r' && c != '\v') {
		buf_put(buf, (char[]){ '\\', letters[c - '\b'] }, 2);
	} else {
		char text[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

		buf_put(buf, text, sizeof(text));
	}
}

/* From the first byte at `p` that may need an escape. */
static void put_escaped(struct buf *buf, const char *p, const char *end)
{
	while (p < end) {
		const char *plain = p;

		while (p < end && (plain_is_byte(*p) || (*p & 0x80)))
			p++;
		buf_put(buf, plain, (size_t)(p - plain));
		if (p < end)
			put_escape(buf, (unsigned char)*p++);
	}
}

void buf_put_json(struct buf *buf, const char *text, size_t len)
{
	const char *end = text + len;
	const char *rest = plain_skip(text, end);
	size_t plain_len = (size_t)(rest - text);
	char *to = buf_reserve(buf, plain_len + 2);

	if (!to)
		return;
	*to++ = '"';
	memcpy(to, text, plain_len);
	buf->len += plain_len + 1;
	if (rest < end)
		put_escaped(buf, rest, end);
	buf_putc(buf, '"');
}

char *buf_take(struct buf *buf, size_t *ret_len)
{
	char *data = NULL;

	if (!buf->failed && buf_reserve(buf, 0)) {
		data = buf->data;
		data[buf->len] = '\0';
		if (ret_len)
			*ret_len = buf->len;
		buf->data = NULL;
	}
	buf_done(buf);
	return data;
}
