#include "dray/cloudevent_header.h"

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * Percent-decoding, one character at a time, for backslashes are taken away before it.
 */
struct decoder {
	struct buf *out;
	char held[2]; /* a percent sign and its first digit, as far as they have come */
	unsigned n_held;
};

static void flush(struct decoder *decoder)
{
	buf_put(decoder->out, decoder->held, decoder->n_held);
	decoder->n_held = 0;
}

/* False: a NUL. */
static bool decode(struct decoder *decoder, char c)
{
	int code;

	if (decoder->n_held == 2 && digit_of(c) >= 0) {
		code = digit_of(decoder->held[1]) * 16 + digit_of(c);
		decoder->n_held = 0;
		buf_putc(decoder->out, (char)code);
		return code != 0;
	}
	if (decoder->n_held == 1 && digit_of(c) >= 0) {
		decoder->held[decoder->n_held++] = c;
		return true;
	}
	flush(decoder);
	if (c == '%')
		decoder->held[decoder->n_held++] = c;
	else
		buf_putc(decoder->out, c);
	return true;
}

bool cloudevent_header_decode(const char *value, struct buf *out)
{
	struct decoder decoder = { .out = out };
	bool is_quoted = *value == '"';

	if (is_quoted)
		value++;
	for (; *value && !(is_quoted && *value == '"'); value++) {
		if (is_quoted && *value == '\\' && !*++value)
			return false;
		if (!decode(&decoder, *value))
			return false;
	}
	flush(&decoder);
	return !is_quoted || (value[0] == '"' && value[1] == '\0');
}
