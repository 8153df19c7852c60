#include "dray/encode.h"

#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

void encode_base64(const void *bytes, size_t len, struct buf *out)
{
	static const char digits[] = ALPHANUMERIC "+/=";
	const unsigned char *from = bytes;

	for (size_t i = 0; i < len; i += 3) {
		unsigned a = from[i];
		unsigned b = i + 1 < len ? from[i + 1] : 0;
		unsigned c = i + 2 < len ? from[i + 2] : 0;

		buf_putc(out, digits[a >> 2]);
		buf_putc(out, digits[(a & 3) << 4 | b >> 4]);
		buf_putc(out, digits[i + 1 < len ? (b & 15) << 2 | c >> 6 : 64]);
		buf_putc(out, digits[i + 2 < len ? c & 63 : 64]);
	}
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
