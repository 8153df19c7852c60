/* gs1_check.c - see gs1_check.h: parts, characters, and what needs no table */
#include "gs1_check.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MIN 4 /* digits of the shortest company prefix */

/* General Specifications, section 7.11: sets 82, 39 and 64. */
enum set {
	SET_N = 1,
	SET_X = 2,
	SET_Y = 4,
	SET_Z = 8,
};

static const uint8_t sets[128] = {
	['0' ... '9'] = SET_N | SET_X | SET_Y | SET_Z,
	['A' ... 'Z'] = SET_X | SET_Y | SET_Z,
	['a' ... 'z'] = SET_X | SET_Z,
	['!'] = SET_X,
	['"'] = SET_X,
	['#'] = SET_Y,
	['%' ... ','] = SET_X,
	['-'] = SET_X | SET_Y | SET_Z,
	['.'] = SET_X,
	['/'] = SET_X | SET_Y,
	[':' ... '?'] = SET_X,
	['_'] = SET_X | SET_Z,
};

bool gs1_flaw(const struct gs1_piece *piece, size_t at, const char *format, ...)
{
	va_list args;

	piece->flaw->at = piece->at + at;
	piece->flaw->is_sum = false;
	va_start(args, format);
	vsnprintf(piece->flaw->message, sizeof(piece->flaw->message), format, args);
	va_end(args);
	return false;
}

bool gs1_are_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

int64_t gs1_number_of(const char *digits, size_t len)
{
	int64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number * 10 + (digits[i] - '0');
	return number;
}

static enum set set_of(char characters)
{
	switch (characters) {
	case 'N':
		return SET_N;
	case 'X':
		return SET_X;
	case 'Y':
		return SET_Y;
	default:
		return SET_Z;
	}
}

static bool is_visible(char c)
{
	return c > ' ' && c < 0x7f;
}

static bool refuse_character(const struct gs1_piece *p, size_t at, enum set set)
{
	const char *what = set == SET_N ? "digit" : "character that may stand here";

	if (is_visible(p->text[at]))
		return gs1_flaw(p, at, "%c is no %s", p->text[at], what);
	return gs1_flaw(
		p, at, "the byte 0x%02x is no %s", (unsigned)(unsigned char)p->text[at], what);
}

/* Base 64 may be filled up with one or two '=' to whole groups, which GS1 counts by three. */
static size_t padding_of(const struct gs1_piece *p)
{
	size_t n = 0;

	while (n < 2 && n < p->len && p->text[p->len - 1 - n] == '=')
		n++;
	return n > 0 && p->len % 3 == 0 ? n : 0;
}

static bool check_characters(const struct gs1_piece *p, char characters)
{
	enum set set = set_of(characters);
	size_t len = p->len - (set == SET_Z ? padding_of(p) : 0);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p->text[i];

		if (c >= sizeof(sets) || !(sets[c] & (unsigned)set))
			return refuse_character(p, i, set);
	}
	return true;
}

static bool check_gcp(const struct gs1_piece *p, size_t from)
{
	for (size_t i = from; i < from + PREFIX_MIN; i++)
		if (i >= p->len || !gs1_are_digits(p->text + i, 1))
			return gs1_flaw(p, i, "a company prefix begins with %d digits", PREFIX_MIN);
	return true;
}

static bool check_gcppos1(const struct gs1_piece *p)
{
	return check_gcp(p, 0);
}

static bool check_gcppos2(const struct gs1_piece *p)
{
	return check_gcp(p, 1);
}

static bool check_hasnondigit(const struct gs1_piece *p)
{
	if (gs1_are_digits(p->text, p->len))
		return gs1_flaw(p, 0, "digits alone are not enough");
	return true;
}

static bool check_hyphen(const struct gs1_piece *p)
{
	for (size_t i = 0; i < p->len; i++)
		if (p->text[i] != '-')
			return gs1_flaw(p, i, "only a hyphen may stand here");
	return true;
}

static bool check_importeridx(const struct gs1_piece *p)
{
	return p->len == 1 && check_characters(p, 'Z');
}

/* Ten digits: degrees from a pole or meridian, seven of them decimals. */
static bool check_degrees(const struct gs1_piece *p, int most)
{
	if (gs1_number_of(p->text, p->len) > most * INT64_C(10000000))
		return gs1_flaw(p, 0, "more than %d degrees", most);
	return true;
}

static bool check_latitude(const struct gs1_piece *p)
{
	return check_degrees(p, 180);
}

static bool check_longitude(const struct gs1_piece *p)
{
	return check_degrees(p, 360);
}

static bool are_zeros(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != '0')
			return false;
	return true;
}

static bool check_nonzero(const struct gs1_piece *p)
{
	return are_zeros(p->text, p->len) ? gs1_flaw(p, 0, "it may not be zero") : true;
}

static bool check_zero(const struct gs1_piece *p)
{
	return are_zeros(p->text, p->len) ? true : gs1_flaw(p, 0, "it must be zero");
}

static bool check_nozeroprefix(const struct gs1_piece *p)
{
	return p->text[0] == '0' ? gs1_flaw(p, 0, "it may not begin with 0") : true;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool check_pcenc(const struct gs1_piece *p)
{
	for (size_t i = 0; i < p->len; i++) {
		if (p->text[i] != '%')
			continue;
		if (p->len - i < 3 || !is_hex(p->text[i + 1]) || !is_hex(p->text[i + 2]))
			return gs1_flaw(p, i, "two hexadecimal digits must follow %%");
		i += 2;
	}
	return true;
}

static bool check_pieceoftotal(const struct gs1_piece *p)
{
	size_t half = p->len / 2;

	if (are_zeros(p->text, half))
		return gs1_flaw(p, 0, "there is no piece 0");
	if (are_zeros(p->text + half, half))
		return gs1_flaw(p, half, "there is no total of 0 pieces");
	if (memcmp(p->text, p->text + half, half) > 0)
		return gs1_flaw(p, 0, "the piece is more than the total");
	return true;
}

/* "2/3": neither may be zero nor begin with it, so that the shorter one is the smaller one. */
static bool check_posinseqslash(const struct gs1_piece *p)
{
	const char *slash = memchr(p->text, '/', p->len);
	size_t left = slash ? (size_t)(slash - p->text) : 0;
	size_t right = p->len - left - 1;

	if (left == 0 || right == 0 || !gs1_are_digits(p->text, left) ||
		!gs1_are_digits(slash + 1, right))
		return gs1_flaw(p, 0, "it must be a position, a slash and an end");
	if (p->text[0] == '0')
		return gs1_flaw(p, 0, "a position may not begin with 0");
	if (slash[1] == '0')
		return gs1_flaw(p, left + 1, "an end may not begin with 0");
	if (left > right || (left == right && memcmp(p->text, slash + 1, left) > 0))
		return gs1_flaw(p, 0, "the position is behind the end");
	return true;
}

static bool check_one_of(const struct gs1_piece *p, const char *characters)
{
	if (p->len != 1 || !strchr(characters, p->text[0]))
		return gs1_flaw(p, 0, "it must be one of %s", characters);
	return true;
}

static bool check_iso5218(const struct gs1_piece *p)
{
	return check_one_of(p, "0129");
}

static bool check_winding(const struct gs1_piece *p)
{
	return check_one_of(p, "019");
}

static bool check_yesno(const struct gs1_piece *p)
{
	return check_one_of(p, "01");
}

static bool (*const checks[GS1_CHECKS])(const struct gs1_piece *p) = {
	[GS1_COUPONCODE] = gs1_check_couponcode,
	[GS1_COUPONPOSOFFER] = gs1_check_couponposoffer,
	[GS1_CSUM] = gs1_check_csum,
	[GS1_CSUMALPHA] = gs1_check_csumalpha,
	[GS1_GCPPOS1] = check_gcppos1,
	[GS1_GCPPOS2] = check_gcppos2,
	[GS1_HASNONDIGIT] = check_hasnondigit,
	[GS1_HH] = gs1_check_hh,
	[GS1_HHMI] = gs1_check_hhmi,
	[GS1_HYPHEN] = check_hyphen,
	[GS1_IBAN] = gs1_check_iban,
	[GS1_IMPORTERIDX] = check_importeridx,
	[GS1_ISO3166] = gs1_check_iso3166,
	[GS1_ISO3166999] = gs1_check_iso3166999,
	[GS1_ISO3166ALPHA2] = gs1_check_iso3166alpha2,
	[GS1_ISO4217] = gs1_check_iso4217,
	[GS1_ISO5218] = check_iso5218,
	[GS1_LATITUDE] = check_latitude,
	[GS1_LONGITUDE] = check_longitude,
	[GS1_MEDIATYPE] = gs1_check_mediatype,
	[GS1_MI] = gs1_check_mi,
	[GS1_NONZERO] = check_nonzero,
	[GS1_NOZEROPREFIX] = check_nozeroprefix,
	[GS1_PACKAGETYPE] = gs1_check_packagetype,
	[GS1_PCENC] = check_pcenc,
	[GS1_PIECEOFTOTAL] = check_pieceoftotal,
	[GS1_POSINSEQSLASH] = check_posinseqslash,
	[GS1_SS] = gs1_check_mi,
	[GS1_WINDING] = check_winding,
	[GS1_YESNO] = check_yesno,
	[GS1_YYMMD0] = gs1_check_yymmd0,
	[GS1_YYMMDD] = gs1_check_yymmdd,
	[GS1_YYYYMMDD] = gs1_check_yyyymmdd,
	[GS1_ZERO] = check_zero,
};

static bool check_part(const struct gs1_piece *p, const struct gs1_part *part)
{
	if (p->len < part->min)
		return gs1_flaw(p, p->len, p->at + p->len == 0 ? "it is empty" : "it breaks off");
	if (!check_characters(p, part->characters))
		return false;
	for (size_t i = 0; i < GS1_CHECKS_MAX && part->checks[i] != GS1_NO_CHECK; i++)
		if (!checks[part->checks[i]](p))
			return false;
	return true;
}

bool gs1_check_value(const struct gs1_ai *row, const char *value, size_t len, int year,
	struct gs1_flaw *ret_flaw)
{
	struct gs1_piece p = { .text = value, .year = year, .flaw = ret_flaw };

	for (size_t i = 0; i < GS1_PARTS_MAX && row->parts[i].characters != 0; i++) {
		const struct gs1_part *part = &row->parts[i];

		p.at += p.len;
		p.text = value + p.at;
		p.len = len - p.at < part->max ? len - p.at : part->max;
		if (p.len == 0 && part->is_optional)
			return true;
		if (!check_part(&p, part))
			return false;
	}
	if (p.at + p.len < len)
		return gs1_flaw(&p, p.len, "it may have %zu characters, not more", p.at + p.len);
	return true;
}
