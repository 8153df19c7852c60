#include "dray/encode.h"

#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void put_base64(
	const char digits[64], const void *bytes, size_t len, bool is_padded, struct buf *out)
{
	const unsigned char *from = bytes;

	for (size_t i = 0; i < len; i += 3) {
		unsigned a = from[i];
		unsigned b = i + 1 < len ? from[i + 1] : 0;
		unsigned c = i + 2 < len ? from[i + 2] : 0;

		buf_putc(out, digits[a >> 2]);
		buf_putc(out, digits[(a & 3) << 4 | b >> 4]);
		if (i + 1 < len)
			buf_putc(out, digits[(b & 15) << 2 | c >> 6]);
		if (i + 2 < len)
			buf_putc(out, digits[c & 63]);
	}
	for (size_t n = len; is_padded && n % 3 != 0; n++)
		buf_putc(out, '=');
}

void encode_base64(const void *bytes, size_t len, struct buf *out)
{
	put_base64(ALPHANUMERIC "+/", bytes, len, true, out);
}

void encode_base64url(const void *bytes, size_t len, struct buf *out)
{
	put_base64(ALPHANUMERIC "-_", bytes, len, false, out);
}

void encode_hex(const void *bytes, size_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;

	for (size_t i = 0; i < len; i++) {
		buf_putc(out, digits[from[i] >> 4]);
		buf_putc(out, digits[from[i] & 15]);
	}
}

void encode_percent(const char *text, struct buf *out)
{
	static const char unreserved[] = ALPHANUMERIC "-._~";
	static const char digits[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (strchr(unreserved, c)) {
			buf_putc(out, *text);
			continue;
		}
		buf_putc(out, '%');
		buf_putc(out, digits[c >> 4]);
		buf_putc(out, digits[c & 15]);
	}
}

static int value_of_base64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool decode_base64(const char *text, size_t len, void *out, size_t size, size_t *ret_len)
{
	unsigned char *to = out;
	unsigned bits = 0;
	size_t n = 0;

	*ret_len = 0;
	if (len % 4 == 0 && len > 0 && text[len - 1] == '=')
		len -= text[len - 2] == '=' ? 2 : 1;
	if (len % 4 == 1 || len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0) > size)
		return false;
	for (size_t i = 0; i < len; i++) {
		int value = value_of_base64(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (unsigned)value;
		if (i % 4 > 0)
			to[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	*ret_len = n;
	return true;
}

static int value_of_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool decode_hex(const char *text, size_t len, void *out, size_t size, size_t *ret_len)
{
	unsigned char *to = out;

	*ret_len = 0;
	if (len % 2 != 0 || len / 2 > size)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = value_of_hex(text[i]), low = value_of_hex(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		to[i / 2] = (unsigned char)(high << 4 | low);
	}
	*ret_len = len / 2;
	return true;
}
