/* json_lex.c - see json_lex.h; rules 1, 3 (\u0000), 4 and 5 of json.h */
#include "json_lex.h"

#include <string.h>

#include "dray/utf8.h"
#include "plain.h"

#define NUMBER_TEXT_MAX 60 /* cJSON cuts a longer number */
#define LONGEST_ESCAPE 12  /* a surrogate pair */

bool lex_fail(struct lexer *lex, enum json_flaw flaw, const char *at, const char *message)
{
	/* A word that the bound has cut in two is no flaw of its own. */
	bool is_cut_word = lex->is_cut && lex->end - at <= LONGEST_ESCAPE;

	lex->flaw = is_cut_word ? JSON_TOO_LARGE : flaw;
	lex->message = is_cut_word ? "larger than allowed" : message;
	lex->flaw_at = at;
	return false;
}

bool lex_fail_at_end(struct lexer *lex)
{
	return lex_fail(lex, JSON_SYNTAX, lex->end, "ends in the middle of a value");
}

void lex_flush(struct lexer *lex, const char *upto)
{
	buf_put(lex->out, lex->span, (size_t)(upto - lex->span));
	lex->span = upto;
}

/* White space and comments */

static bool skip_comment(struct lexer *lex)
{
	const char *start = lex->p;
	const char *stop = NULL;
	size_t left = (size_t)(lex->end - start);

	if (left >= 2 && start[1] == '/') {
		stop = memchr(start, '\n', left);
		stop = stop ? stop : lex->end;
	} else if (left >= 4 && start[1] == '*') {
		stop = memmem(start + 2, left - 2, "*/", 2);
		stop = stop ? stop + 2 : NULL;
	}
	if (!stop)
		return lex_fail(lex, JSON_SYNTAX, start, "a '/' that starts no complete comment");
	lex_flush(lex, start);
	buf_putc(lex->out, ' ');
	lex->p = stop;
	lex->span = stop;
	return true;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool lex_more_blanks(struct lexer *lex)
{
	for (;;) {
		while (lex->p < lex->end && is_blank(*lex->p))
			lex->p++;
		if (lex->p == lex->end || *lex->p != '/' || !lex->has_comments)
			return true;
		if (!skip_comment(lex))
			return false;
	}
}

/* Strings */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

long lex_hex_unit(const char *p, const char *end)
{
	long unit = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static bool scan_unicode_escape(struct lexer *lex)
{
	const char *start = lex->p;
	long unit = lex_hex_unit(start + 2, lex->end);

	if (unit < 0)
		return lex_fail(lex, JSON_SYNTAX, start, "\\u without four hex digits");
	if (unit == 0)
		return lex_fail(lex, JSON_SYNTAX, start, "the escape \\u0000 is not allowed");
	lex->p += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit <= 0xdbff && lex->end - lex->p >= 6 && lex->p[0] == '\\' && lex->p[1] == 'u') {
		unit = lex_hex_unit(lex->p + 2, lex->end);
		if (unit >= 0xdc00 && unit <= 0xdfff) {
			lex->p += 6;
			return true;
		}
	}
	return lex_fail(lex, JSON_BAD_UTF8, start, "half of a surrogate pair");
}

static bool scan_escape(struct lexer *lex)
{
	if (lex->end - lex->p < 2)
		return lex_fail_at_end(lex);
	if (lex->p[1] == 'u')
		return scan_unicode_escape(lex);
	if (lex->p[1] == '\0' || !strchr("\"\\/bfnrt", lex->p[1]))
		return lex_fail(lex, JSON_SYNTAX, lex->p, "unknown escape");
	lex->p += 2;
	return true;
}

bool lex_string(struct lexer *lex, bool *ret_has_escape)
{
	*ret_has_escape = false;
	for (lex->p++;;) {
		lex->p = plain_skip(lex->p, lex->end);
		if (lex->p == lex->end)
			return lex_fail_at_end(lex);
		if (*lex->p == '"') {
			lex->p++;
			return true;
		}
		if (*lex->p == '\\') {
			*ret_has_escape = true;
			if (!scan_escape(lex))
				return false;
		} else if ((unsigned char)*lex->p < 0x20) {
			return lex_fail(lex, JSON_SYNTAX, lex->p, "control character in a string");
		} else {
			size_t len = utf8_length(lex->p, (size_t)(lex->end - lex->p));

			if (len == 0)
				return lex_fail(lex, JSON_BAD_UTF8, lex->p, "not UTF-8");
			lex->p += len;
		}
	}
}

/* Numbers and words */

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* What tells whether a double holds a number. */
struct number {
	const char *start;
	const char *whole; /* integer digits: [whole, whole_end) */
	const char *whole_end;
	const char *frac; /* fraction digits: [frac, frac_end), empty when there are none */
	const char *frac_end;
	int exponent; /* held within ±9999 */
	bool has_exponent;
};

static bool scan_exponent(struct lexer *lex, struct number *n)
{
	const char *p = lex->p + 1;
	bool is_negative = false;

	n->has_exponent = true;
	if (p < lex->end && (*p == '+' || *p == '-'))
		is_negative = *p++ == '-';
	if (p == lex->end)
		return lex_fail_at_end(lex);
	if (!is_digit(*p))
		return lex_fail(lex, JSON_SYNTAX, p, "digits are expected in an exponent");
	for (; p < lex->end && is_digit(*p); p++)
		if (n->exponent < 1000)
			n->exponent = n->exponent * 10 + (*p - '0');
	if (is_negative)
		n->exponent = -n->exponent;
	lex->p = p;
	return true;
}

static bool read_number(struct lexer *lex, struct number *n)
{
	n->start = lex->p;
	if (*lex->p == '-')
		lex->p++;
	n->whole = lex->p;
	lex->p = skip_digits(lex->p, lex->end);
	n->whole_end = lex->p;
	n->frac = lex->p;
	n->frac_end = lex->p;
	if (n->whole == n->whole_end)
		return lex->p == lex->end
			       ? lex_fail_at_end(lex)
			       : lex_fail(lex, JSON_SYNTAX, lex->p, "a value is expected here");
	if (*n->whole == '0' && n->whole_end - n->whole > 1)
		return lex_fail(lex, JSON_SYNTAX, n->start, "a number may not start with 0");
	if (lex->p < lex->end && *lex->p == '.') {
		n->frac = lex->p + 1;
		lex->p = skip_digits(n->frac, lex->end);
		n->frac_end = lex->p;
		if (n->frac == n->frac_end)
			return lex->p == lex->end ? lex_fail_at_end(lex)
						  : lex_fail(lex, JSON_SYNTAX, lex->p,
							    "digits are expected behind the point");
	}
	if (lex->p < lex->end && (*lex->p == 'e' || *lex->p == 'E'))
		return scan_exponent(lex, n);
	return true;
}

/* Rule 4 of json.h, for what is not a short integer. */
static bool is_exact(const struct number *n, const char *end)
{
	const char *lead = n->whole;
	long significant;
	long magnitude; /* of the leading digit, as a power of ten */

	if (end - n->start > NUMBER_TEXT_MAX)
		return false;
	if (n->frac == n->frac_end && !n->has_exponent) {
		int64_t value = 0;

		if (n->whole_end - n->whole > 16)
			return false;
		for (const char *p = n->whole; p < n->whole_end; p++)
			value = value * 10 + (*p - '0');
		return value <= INT64_C(1) << 53;
	}
	while (lead < n->frac_end && (*lead == '0' || *lead == '.'))
		lead++;
	if (lead == n->frac_end)
		return true; /* zero */
	if (lead < n->whole_end) {
		significant = (n->whole_end - lead) + (n->frac_end - n->frac);
		magnitude = n->whole_end - lead - 1;
	} else {
		significant = n->frac_end - lead;
		magnitude = n->frac - lead - 1;
	}
	magnitude += n->exponent;
	return significant <= 15 && magnitude >= -307 && magnitude <= 307;
}

bool lex_number(struct lexer *lex)
{
	struct number n = { 0 };

	if (!read_number(lex, &n))
		return false;
	if (lex->p - n.start <= 15 && !n.has_exponent)
		return true;
	if (is_exact(&n, lex->p))
		return true;
	lex_flush(lex, n.start);
	buf_putc(lex->out, '"');
	lex_flush(lex, lex->p);
	buf_putc(lex->out, '"');
	return true;
}

bool lex_word(struct lexer *lex, const char *word)
{
	size_t len = strlen(word);
	size_t left = (size_t)(lex->end - lex->p);

	if (left < len && memcmp(lex->p, word, left) == 0)
		return lex_fail_at_end(lex);
	if (left < len || memcmp(lex->p, word, len) != 0)
		return lex_fail(lex, JSON_SYNTAX, lex->p, "a value is expected here");
	lex->p += len;
	return true;
}
