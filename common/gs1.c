/* gs1.c - see gs1.h: the forms are told apart, element strings and the bracketed form read */
#include "dray/gs1.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gs1_check.h"
#include "gs1_read.h"

#define GS '\x1d'
#define SYMBOLOGY_BYTES 3
#define SSCC_DIGITS 18

bool gs1_refuse(const struct gs1_reader *r, const struct gs1_found *found, size_t position,
	const char *format, ...)
{
	va_list args;

	r->error->ai[0] = '\0';
	r->error->is_misread = false;
	r->error->position = position;
	if (found)
		snprintf(r->error->ai, sizeof(r->error->ai), "%.*s", (int)found->ai_len, found->ai);
	va_start(args, format);
	vsnprintf(r->error->message, sizeof(r->error->message), format, args);
	va_end(args);
	return false;
}

/* --- one element ----------------------------------------------------------------------------- */

/* The value as the scan keeps it. */
static bool copy_value(struct gs1_reader *r, const struct gs1_found *found, char *out, size_t room,
	size_t *ret_len)
{
	const char *value = r->text + found->value;

	if (found->is_encoded)
		return gs1_uri_decode(value, found->len, out, room, ret_len);
	if (found->len >= room)
		return false;
	memcpy(out, value, found->len);
	out[found->len] = '\0';
	*ret_len = found->len;
	return true;
}

/* Fill a GTIN up to 14 digits. Returns the zeros that it took. */
static size_t fill_gtin(const struct gs1_found *found, char *value, size_t len)
{
	size_t zeros;

	if (!found->is_key || !found->row || strcmp(found->row->first, "01") != 0 ||
		(len != 8 && len != 12 && len != 13))
		return 0;
	zeros = GS1_GTIN_MAX - 1 - len;
	memmove(value + zeros, value, len + 1);
	memset(value, '0', zeros);
	return zeros;
}

/* Where in the text a byte of the value is; zeros that were filled in are not in it. */
static size_t place_of(
	const struct gs1_reader *r, const struct gs1_found *found, size_t zeros, size_t at)
{
	if (!found->is_encoded)
		return found->value + at;
	at = at > zeros ? at - zeros : 0;
	return found->value + gs1_uri_offset(r->text + found->value, found->len, at);
}

/* It contradicts nothing that was read before. */
static bool check_others(
	struct gs1_reader *r, const struct gs1_found *found, const struct gs1_element *new)
{
	for (size_t i = 0; i < r->scan->n; i++) {
		const struct gs1_element *old = &r->scan->elements[i];

		if (strcmp(old->ai, new->ai) == 0) {
			if (strcmp(old->value, new->value) != 0)
				return gs1_refuse(
					r, found, new->position, "it stands twice with two values");
			continue;
		}
		if (gs1_is_excluded(new->row->ex, new->ai, old->ai) ||
			gs1_is_excluded(old->row->ex, old->ai, new->ai))
			return gs1_refuse(
				r, found, new->position, "it may not stand beside (%s)", old->ai);
	}
	return true;
}

bool gs1_add(struct gs1_reader *r, const struct gs1_found *found)
{
	struct gs1_scan *scan = r->scan;
	struct gs1_element *element = &scan->elements[scan->n];
	char *value = scan->text + scan->used;
	/* What is kept free has room for the zeros of the one GTIN that may be filled up. */
	size_t room = sizeof(scan->text) - scan->used - GS1_GTIN_MAX;
	size_t zeros;
	size_t len;
	struct gs1_flaw flaw;

	if (scan->n == GS1_ELEMENTS_MAX)
		return gs1_refuse(
			r, found, found->position, "more than %d elements", GS1_ELEMENTS_MAX);
	if (!copy_value(r, found, value, room, &len))
		return gs1_refuse(r, found, found->value, "it is not percent-encoded");
	zeros = fill_gtin(found, value, len);
	len += zeros;
	if (!gs1_check_value(found->row, value, len, scan->year, &flaw)) {
		gs1_refuse(r, found, place_of(r, found, zeros, flaw.at), "%s", flaw.message);
		r->error->is_misread = flaw.is_sum;
		return false;
	}
	memcpy(element->ai, found->ai, found->ai_len);
	element->ai[found->ai_len] = '\0';
	element->row = found->row;
	element->value = value;
	element->len = len;
	element->position = found->position;
	if (!check_others(r, found, element))
		return false;
	scan->used += len + 1;
	scan->n++;
	return true;
}

/* --- element strings -------------------------------------------------------------------------- */

/* Bytes of FNC1 as a reader sends it, 0 when it is not here. */
static size_t separator(const struct gs1_reader *r, size_t at)
{
	if (r->text[at] == GS)
		return 1;
	return r->end - at >= 4 && memcmp(r->text + at, "{GS}", 4) == 0 ? 4 : 0;
}

static size_t find_separator(const struct gs1_reader *r, size_t at, size_t end)
{
	while (at < end && separator(r, at) == 0)
		at++;
	return at;
}

static size_t skip_separators(const struct gs1_reader *r, size_t at)
{
	while (at < r->end && separator(r, at) > 0)
		at += separator(r, at);
	return at;
}

/* Where the value of an AI may end at the latest, FNC1 or not. */
static size_t bound_of(const struct gs1_reader *r, const struct gs1_ai *row, size_t at)
{
	size_t len = 0;

	if (!(row->flags & GS1_FIXED))
		return r->end;
	for (size_t i = 0; i < GS1_PARTS_MAX; i++)
		len += row->parts[i].max;
	return len < r->end - at ? at + len : r->end;
}

static bool read_elements(struct gs1_reader *r, size_t at)
{
	at = skip_separators(r, at);
	if (at == r->end)
		return gs1_refuse(r, NULL, at, "there is nothing in it");
	while (at < r->end) {
		struct gs1_found found = { .ai = r->text + at, .position = at };

		found.row = gs1_ai_find(found.ai, r->end - at, &found.ai_len);
		if (!found.row)
			return gs1_refuse(r, NULL, at, "no AI begins here");
		found.value = at + found.ai_len;
		at = find_separator(r, found.value, bound_of(r, found.row, found.value));
		found.len = at - found.value;
		if (!gs1_add(r, &found))
			return false;
		at = skip_separators(r, at);
	}
	return true;
}

/* --- the bracketed form ----------------------------------------------------------------------- */

/* "(01)": the AI, and NULL when there is none. */
static const struct gs1_ai *bracketed(const struct gs1_reader *r, size_t at, size_t *ret_len)
{
	const char *p = r->text + at + 1;
	const struct gs1_ai *row;

	if (r->end - at < 4 || r->text[at] != '(')
		return NULL;
	row = gs1_ai_find(p, r->end - at - 1, ret_len);
	return row && at + 1 + *ret_len < r->end && p[*ret_len] == ')' ? row : NULL;
}

/* The value ends in front of the next AI in brackets; a bracket alone is a character like others. */
static size_t find_bracket(const struct gs1_reader *r, size_t at)
{
	size_t len;

	while (at < r->end && !bracketed(r, at, &len))
		at++;
	return at;
}

static bool read_bracketed(struct gs1_reader *r, size_t at)
{
	while (at < r->end) {
		struct gs1_found found = { .ai = r->text + at + 1, .position = at + 1 };
		size_t end;

		found.row = bracketed(r, at, &found.ai_len);
		found.value = at + found.ai_len + 2;
		at = end = find_bracket(r, found.value);
		/* Blanks beside the brackets are the printer's; no value has one. */
		while (found.value < end && r->text[found.value] == ' ')
			found.value++;
		while (found.value < end && r->text[end - 1] == ' ')
			end--;
		found.len = end - found.value;
		if (!gs1_add(r, &found))
			return false;
	}
	return true;
}

/* --- numbers without an AI ---------------------------------------------------------------------- */

/* Has the number the right check digit? */
static bool is_checked(const char *digits, size_t len)
{
	return gs1_are_digits(digits, len) && gs1_check_digit(digits, len - 1) == digits[len - 1];
}

static bool is_gtin_length(size_t len)
{
	return len == 8 || (len >= 12 && len <= 14);
}

static bool normalise(const char *text, size_t len, char ret[GS1_GTIN_MAX])
{
	if (!is_gtin_length(len) || !is_checked(text, len))
		return false;
	memset(ret, '0', GS1_GTIN_MAX - 1);
	memcpy(ret + (GS1_GTIN_MAX - 1 - len), text, len);
	ret[GS1_GTIN_MAX - 1] = '\0';
	return true;
}

/* A number that is sound by itself, as the element that it would be. */
static bool add_number(struct gs1_reader *r, const char *ai, const char *digits)
{
	struct gs1_reader number = { .text = digits, .scan = r->scan, .error = r->error };
	struct gs1_found found = { .row = gs1_ai_exact(ai, 2),
		.ai = ai,
		.ai_len = 2,
		.position = r->scan->start,
		.len = strlen(digits) };

	return gs1_add(&number, &found);
}

/* What an EAN, UPC or ITF-14 symbol holds: a GTIN of so many digits, or shorter by the zero that a
 * reader leaves out. */
static bool read_gtin(struct gs1_reader *r, size_t digits)
{
	const char *content = r->text + r->scan->start;
	size_t len = r->end - r->scan->start;
	char gtin[GS1_GTIN_MAX];
	size_t bad = 0;

	if (len != digits && !(digits == 13 && len == 12))
		return gs1_refuse(r, NULL, r->scan->start, "it must have %zu digits", digits);
	while (bad < len && gs1_are_digits(content + bad, 1))
		bad++;
	if (bad < len)
		return gs1_refuse(r, NULL, r->scan->start + bad, "it must be digits");
	if (!normalise(content, len, gtin)) {
		gs1_refuse(r, NULL, r->end - 1, "the check digit is %c, it should be %c",
			content[len - 1], gs1_check_digit(content, len - 1));
		r->error->is_misread = true;
		return false;
	}
	return add_number(r, "01", gtin);
}

/* --- which form is it? -------------------------------------------------------------------------- */

enum form {
	FORM_OTHER,
	FORM_ELEMENTS,
	FORM_EAN,
	FORM_EAN_ADD_ON,
	FORM_EAN_8,
	FORM_ITF,
};

/* General Specifications, symbology identifiers used in the GS1 system. */
static enum form form_of(const char symbology[3])
{
	static const struct {
		char symbology[3];
		enum form form;
	} forms[] = {
		{ "C1", FORM_ELEMENTS }, /* GS1-128 */
		{ "d2", FORM_ELEMENTS }, /* GS1 DataMatrix */
		{ "Q3", FORM_ELEMENTS }, /* GS1 QR Code */
		{ "J1", FORM_ELEMENTS }, /* GS1 DotCode */
		{ "e0", FORM_ELEMENTS }, /* GS1 DataBar */
		{ "e1", FORM_ELEMENTS }, /* composite components */
		{ "e2", FORM_ELEMENTS },
		{ "E0", FORM_EAN },
		{ "E3", FORM_EAN_ADD_ON },
		{ "E4", FORM_EAN_8 },
		{ "I1", FORM_ITF },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (memcmp(symbology, forms[i].symbology, 2) == 0)
			return forms[i].form;
	return FORM_OTHER;
}

static enum gs1_reading read_or_invalid(bool is_read)
{
	return is_read ? GS1_READ : GS1_INVALID;
}

static enum gs1_reading read_named(struct gs1_reader *r)
{
	size_t len = r->end - r->scan->start;
	size_t digits;

	switch (form_of(r->scan->symbology)) {
	case FORM_ELEMENTS:
		/* Some readers are set to put the brackets in. */
		if (bracketed(r, r->scan->start, &digits))
			return read_or_invalid(read_bracketed(r, r->scan->start));
		return read_or_invalid(read_elements(r, r->scan->start));
	case FORM_EAN_ADD_ON:
		/* The add-on of a magazine or book is no part of the number. */
		if (len == 15 || len == 18)
			r->end = r->scan->start + 13;
		return read_or_invalid(read_gtin(r, 13));
	case FORM_EAN:
		return read_or_invalid(read_gtin(r, 13));
	case FORM_EAN_8:
		return read_or_invalid(read_gtin(r, 8));
	case FORM_ITF:
		/* Interleaved 2 of 5 of another length is somebody's own number. */
		return len == 14 ? read_or_invalid(read_gtin(r, 14)) : GS1_PLAIN;
	default:
		return GS1_PLAIN;
	}
}

/* Without an identifier a text is GS1 only when it can hardly be anything else. */
static enum gs1_reading read_guess(struct gs1_reader *r)
{
	size_t len = r->end;
	size_t digits;
	char gtin[GS1_GTIN_MAX];
	char sscc[SSCC_DIGITS + 1];

	if (len == 0)
		return GS1_PLAIN;
	if (bracketed(r, 0, &digits))
		return read_or_invalid(read_bracketed(r, 0));
	if (normalise(r->text, len, gtin))
		return read_or_invalid(add_number(r, "01", gtin));
	if (len == SSCC_DIGITS && is_checked(r->text, len)) {
		memcpy(sscc, r->text, len);
		sscc[len] = '\0';
		return read_or_invalid(add_number(r, "00", sscc));
	}
	if (separator(r, 0) > 0)
		return read_or_invalid(read_elements(r, 0));
	if (!gs1_ai_find(r->text, len, &digits))
		return GS1_PLAIN;
	if (find_separator(r, 0, len) < len)
		return read_or_invalid(read_elements(r, 0));
	if (r->text[0] != '0' || r->text[1] > '2')
		return GS1_PLAIN;
	return read_elements(r, 0) ? GS1_READ : GS1_PLAIN;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void take_symbology(const char *text, size_t len, struct gs1_scan *scan)
{
	scan->start = 0;
	scan->symbology[0] = '\0';
	if (len < SYMBOLOGY_BYTES || text[0] != ']' || !is_letter(text[1]) ||
		!(is_letter(text[2]) || gs1_are_digits(text + 2, 1)))
		return;
	scan->start = SYMBOLOGY_BYTES;
	memcpy(scan->symbology, text + 1, 2);
	scan->symbology[2] = '\0';
}

enum gs1_reading gs1_read(const char *text, size_t len, int year_now, struct gs1_scan *ret,
	struct gs1_error *ret_error)
{
	struct gs1_reader r = { .text = text, .scan = ret, .error = ret_error };
	enum gs1_reading reading;

	while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == '\n'))
		len--;
	take_symbology(text, len, ret);
	ret->end = r.end = len;
	ret->year = year_now;
	ret->n = 0;
	ret->used = 0;
	if (len > GS1_TEXT_MAX)
		return GS1_PLAIN;
	if (gs1_is_uri(text + ret->start, len - ret->start))
		reading = gs1_read_uri(&r);
	else
		reading = ret->start > 0 ? read_named(&r) : read_guess(&r);
	if (reading != GS1_READ)
		ret->n = 0;
	return reading;
}

/* --- helpers that others have a use for ---------------------------------------------------------- */

bool gs1_gtin_normalise(const char *text, char ret[GS1_GTIN_MAX])
{
	return normalise(text, strlen(text), ret);
}

int gs1_gtin_form(const char gtin[GS1_GTIN_MAX])
{
	if (memcmp(gtin, "000000", 6) == 0)
		return 8;
	if (memcmp(gtin, "00", 2) == 0)
		return 12;
	return gtin[0] == '0' ? 13 : 14;
}

bool gs1_sscc_is_valid(const char *text)
{
	return strlen(text) == SSCC_DIGITS && is_checked(text, SSCC_DIGITS);
}

const char *gs1_error_text(const struct gs1_error *error, char *out, size_t size)
{
	if (error->ai[0] != '\0')
		snprintf(out, size, "(%s) at %zu: %s", error->ai, error->position, error->message);
	else
		snprintf(out, size, "at %zu: %s", error->position, error->message);
	return out;
}
