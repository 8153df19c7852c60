/*
 * units.c - see units.h
 *
 * The lists are written once, in .inc files, and read twice: as codes to be searched, and as one text
 * with all names and symbols in the codes' order. That text is compressed when dray is built (units.cmake).
 */
#include "dray/units.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ZLIB_CONST
#include <zlib.h>

#include "units_texts.h"

#define CODE_MAX 3
#define TEXT_MAX 100 /* bytes; the longest of the Recommendations has 89 */

typedef char code_text[CODE_MAX + 1];

#define UNIT(code_, name_, symbol_) code_,
static const code_text rec20_codes[] = {
#include "units_rec20.inc"
};
#undef UNIT

#define PACKAGE(code_, name_) code_,
static const code_text rec21_codes[] = {
#include "units_rec21.inc"
};
#undef PACKAGE

struct list {
	const code_text *codes; /* sorted by their bytes */
	size_t n;
};

#define N(array_) (sizeof(array_) / sizeof(*(array_)))

static const struct list rec20 = { rec20_codes, N(rec20_codes) };
static const struct list rec21 = { rec21_codes, N(rec21_codes) };

struct unit_names {
	z_stream packed;
	const char *rec21; /* where its texts begin; NULL: not unpacked yet */
	/* Name, NUL, symbol, NUL of each code of rec20, then of rec21. */
	char texts[UNITS_TEXTS_LEN];
};

static const struct {
	char text[12];
	code_text code;
} short_names[] = {
#define NAME(text_, code_) { text_, code_ },
#include "units_names.inc"
};

#define E3 INT64_C(1000)
#define E4 (10 * E3)
#define E5 (10 * E4)
#define E6 (10 * E5)
#define E7 (10 * E6)
#define E8 (10 * E7)
#define E9 (10 * E8)
#define E10 (10 * E9)
#define E11 (10 * E10)
#define E12 (10 * E11)
#define E14 (100 * E12)
#define E15 (10 * E14)
#define E18 (E3 * E15)
#define GRAIN INT64_C(6479891)       /* of 10^11 kg */
#define POUND INT64_C(45359237)      /* of 10^8 kg */
#define INCH INT64_C(254)            /* of 10^4 m */
#define CUBIC_INCH INT64_C(16387064) /* of 10^12 m3 */
#define UK_GALLON INT64_C(454609)    /* of 10^8 m3 */

struct measure {
	code_text code;
	enum unit_kind kind;
	int64_t numerator, denominator;
};

static const struct measure measures[] = {
#define MEASURE(code_, kind_, numerator_, denominator_) \
	{ code_, UNIT_##kind_, (numerator_), (denominator_) },
#include "units_measures.inc"
};

static const char *skip(const char *p, size_t n)
{
	for (; n > 0; n--)
		p += strlen(p) + 1;
	return p;
}

struct unit_names *unit_names_new(void)
{
	struct unit_names *names = malloc(sizeof(*names));

	if (!names)
		return NULL;
	names->rec21 = NULL;
	names->packed = (z_stream){ .next_in = packed_texts, .avail_in = sizeof(packed_texts) };
	if (inflateInit2(&names->packed, 16 + MAX_WBITS) != Z_OK) { /* 16: as gzip(1) writes */
		free(names);
		return NULL;
	}
	return names;
}

void unit_names_free(struct unit_names *names)
{
	if (names && !names->rec21)
		(void)inflateEnd(&names->packed);
	free(names);
}

/* All in one call needs no window, so no memory: it can't fail. */
static void unpack(struct unit_names *names)
{
	int status;

	if (names->rec21)
		return;
	names->packed.next_out = (Bytef *)names->texts;
	names->packed.avail_out = sizeof(names->texts);
	status = inflate(&names->packed, Z_FINISH);
	assert(status == Z_STREAM_END);
	(void)status;
	(void)inflateEnd(&names->packed);
	names->rec21 = skip(names->texts, 2 * N(rec20_codes));
}

static const char *find_code(const struct list *list, const char *code)
{
	size_t low = 0;
	size_t high = list->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(code, list->codes[middle]);

		if (order == 0)
			return list->codes[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const struct measure *find_measure(const char *code)
{
	for (size_t i = 0; i < N(measures); i++)
		if (*measures[i].code == *code && strcmp(measures[i].code, code) == 0)
			return &measures[i];
	return NULL;
}

/*
 * As find_code(), for a name or a symbol; NULL also when two have it. Symbols only of what converts:
 * the others are rarely meant (a German's "St" is a piece, and no stokes). `p` is at the list's texts.
 */
static const char *find_text(const struct list *list, const char *p, const char *text)
{
	const char *found = NULL;
	int first = tolower((unsigned char)*text);

	for (size_t i = 0; i < list->n; i++) {
		const char *symbol = p + strlen(p) + 1;
		bool is_same = (tolower((unsigned char)*p) == first && strcasecmp(p, text) == 0) ||
			       (*symbol == *text && strcmp(symbol, text) == 0 &&
				       find_measure(list->codes[i]));

		if (is_same && found)
			return NULL;
		if (is_same)
			found = list->codes[i];
		p = symbol + strlen(symbol) + 1;
	}
	return found;
}

static const char *find_name(const char *text)
{
	for (size_t i = 0; i < N(short_names); i++)
		if (*short_names[i].text == *text && strcmp(short_names[i].text, text) == 0)
			return short_names[i].code;
	return NULL;
}

/* Without its X where the two characters mean nothing else. */
static const char *shorten(const char *package)
{
	return find_code(&rec20, package + 1) || find_name(package + 1) ? package : package + 1;
}

static const char *find_package(const char *text)
{
	char code[CODE_MAX + 1] = "X";
	const char *package = NULL;

	if (strlen(text) == CODE_MAX) {
		package = find_code(&rec21, text);
	} else if (strlen(text) == CODE_MAX - 1) {
		memcpy(code + 1, text, CODE_MAX);
		package = find_code(&rec21, code);
	}
	return package ? shorten(package) : NULL;
}

static const char *find_everyday(const char *text)
{
	char lower[sizeof(short_names[0].text)];
	size_t len = strlen(text);

	if (len >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	return find_name(lower);
}

/* Steps 1 to 4 of units.h. "": it may be two. */
static const char *find_short(const char *text)
{
	const char *found = find_code(&rec20, text);

	if (!found)
		found = find_name(text);
	if (!found)
		found = find_package(text);
	return found ? found : find_everyday(text);
}

/* Step 5. */
static const char *find_listed(struct unit_names *names, const char *text)
{
	const char *found;

	unpack(names);
	found = find_text(&rec20, names->texts, text);
	if (found)
		return found;
	found = find_text(&rec21, names->rec21, text);
	return found ? shorten(found) : NULL;
}

const char *unit_find(struct unit_names *names, const char *text)
{
	const char *found;

	if (*text == '\0' || strnlen(text, TEXT_MAX) == TEXT_MAX)
		return NULL;
	found = find_short(text);
	if (found)
		return *found ? found : NULL;
	return names ? find_listed(names, text) : NULL;
}

/* The list that has a code, and the code as it stands there. */
static const struct list *find_list(const char *code, const char **ret_listed)
{
	char package[CODE_MAX + 1] = "X";
	size_t len = strlen(code);

	*ret_listed = find_code(&rec20, code);
	if (*ret_listed)
		return &rec20;
	if (len == CODE_MAX - 1)
		memcpy(package + 1, code, len + 1);
	*ret_listed = find_code(&rec21, len == CODE_MAX ? code : package);
	return *ret_listed ? &rec21 : NULL;
}

const char *unit_name(struct unit_names *names, const char *code)
{
	const char *listed;
	const struct list *list = find_list(code, &listed);

	if (!list || !names)
		return NULL;
	unpack(names);
	return skip(list == &rec20 ? names->texts : names->rec21,
		2 * (size_t)((const code_text *)listed - list->codes));
}

const char *unit_symbol(struct unit_names *names, const char *code)
{
	const char *name = unit_name(names, code);

	return name ? name + strlen(name) + 1 : NULL;
}

enum unit_kind unit_kind(const char *code)
{
	const struct measure *measure = find_measure(code);
	const char *listed;

	if (measure)
		return measure->kind;
	return find_list(code, &listed) == &rec21 ? UNIT_PACKAGE : UNIT_OTHER;
}

bool unit_is_whole(const char *code)
{
	enum unit_kind kind = unit_kind(code);

	return kind == UNIT_COUNT || kind == UNIT_PACKAGE;
}

bool unit_factor(const char *code, int64_t *ret_numerator, int64_t *ret_denominator)
{
	const struct measure *measure = find_measure(code);

	if (!measure)
		return false;
	*ret_numerator = measure->numerator;
	*ret_denominator = measure->denominator;
	return true;
}

bool unit_is_convertible(const char *from, const char *to)
{
	const struct measure *a = find_measure(from);
	const struct measure *b = find_measure(to);

	return a && b && a->kind == b->kind;
}

bool unit_convert(
	const struct decimal *value, const char *from, const char *to, struct decimal *ret)
{
	const struct measure *a = find_measure(from);
	const struct measure *b = find_measure(to);

	if (!unit_is_convertible(from, to))
		return false;
	return decimal_multiply(value, (const int64_t[]){ a->numerator, b->denominator },
		(const int64_t[]){ a->denominator, b->numerator }, ret);
}
