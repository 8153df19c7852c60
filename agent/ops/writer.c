#include "ops/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dray/times.h"
#include "dray/utf8.h"

#define NAME_MAX_BYTES 64

static void put_name(struct buf *out, const char *name)
{
	if (out->len > 0 && out->data[out->len - 1] != '{' && out->data[out->len - 1] != '[')
		buf_putc(out, ',');
	if (!name)
		return;
	buf_put_json(out, name, strlen(name));
	buf_putc(out, ':');
}

void write_open(struct buf *out, const char *name, char bracket)
{
	if (out->len > 0)
		put_name(out, name);
	buf_putc(out, bracket);
}

void write_close(struct buf *out, char bracket)
{
	buf_putc(out, bracket);
}

void write_int(struct buf *out, const char *name, int64_t value)
{
	put_name(out, name);
	buf_printf(out, "%" PRId64, value);
}

void write_bool(struct buf *out, const char *name, bool value)
{
	put_name(out, name);
	buf_puts(out, value ? "true" : "false");
}

void write_null(struct buf *out, const char *name)
{
	put_name(out, name);
	buf_puts(out, "null");
}

static bool is_text(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = utf8_length(text + at, len - at);

		if (n == 0 || text[at] == '\0')
			return false;
		at += n;
	}
	return true;
}

static void put_mended(struct buf *out, const char *text, size_t len)
{
	struct buf mended = BUF_INIT;

	for (size_t at = 0; at < len;) {
		size_t n = utf8_length(text + at, len - at);

		if (n > 0)
			buf_put(&mended, text + at, n);
		else
			buf_puts(&mended, "\xef\xbf\xbd");
		at += n > 0 ? n : 1;
	}
	if (buf_failed(&mended))
		out->failed = true;
	else
		buf_put_json(out, mended.data, mended.len);
	buf_done(&mended);
}

void write_text(struct buf *out, const char *name, const char *text)
{
	size_t len;

	if (!text) {
		write_null(out, name);
		return;
	}
	put_name(out, name);
	len = strlen(text);
	if (is_text(text, len))
		buf_put_json(out, text, len);
	else
		put_mended(out, text, len);
}

void write_set_text(struct buf *out, const char *name, const char *text)
{
	if (text && text[0])
		write_text(out, name, text);
}

void write_time(struct buf *out, const char *name, int64_t at_ms)
{
	char text[TIME_TEXT_MAX];

	if (at_ms <= 0) {
		write_null(out, name);
		return;
	}
	time_format(at_ms, text);
	write_text(out, name, text);
}

void write_raw(struct buf *out, const char *name, const char *json, size_t len)
{
	put_name(out, name);
	buf_put(out, json, len);
}

static void put_base64(struct buf *out, const unsigned char *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t word = (uint32_t)bytes[i] << 16;

		if (n > 1)
			word |= (uint32_t)bytes[i + 1] << 8;
		if (n > 2)
			word |= bytes[i + 2];
		buf_putc(out, digits[word >> 18]);
		buf_putc(out, digits[word >> 12 & 63]);
		buf_putc(out, (char)(n > 1 ? digits[word >> 6 & 63] : '='));
		buf_putc(out, (char)(n > 2 ? digits[word & 63] : '='));
	}
}

void write_bytes(struct buf *out, const char *name, const void *bytes, size_t len)
{
	char encoded[NAME_MAX_BYTES];

	if (is_text(bytes, len)) {
		put_name(out, name);
		buf_put_json(out, bytes, len);
		return;
	}
	(void)snprintf(encoded, sizeof(encoded), "%s_base64", name);
	put_name(out, encoded);
	buf_putc(out, '"');
	put_base64(out, bytes, len);
	buf_putc(out, '"');
}
