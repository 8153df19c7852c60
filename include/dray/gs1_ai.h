/*
 * gs1_ai.h - the application identifiers, as data.
 *
 * A value is a sequence of parts, each of so many characters of one set; behind the parts that must be
 * there may stand optional ones, and only the last of all may vary in length.
 *
 * Source: GS1 Barcode Syntax Dictionary (GS1 AISBL, Apache-2.0), whose facts these are, and GS1 General
 * Specifications, sections 3.6 (units of measures) and 7.8.5 (predefined lengths).
 */
#ifndef DRAY_GS1_AI_H
#define DRAY_GS1_AI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GS1_PARTS_MAX 6
#define GS1_CHECKS_MAX 3

/* What is asked of a part beyond its characters and its length, in the dictionary's own words. */
enum gs1_check {
	GS1_NO_CHECK,
	GS1_COUPONCODE,
	GS1_COUPONPOSOFFER,
	GS1_CSUM,      /* check digit */
	GS1_CSUMALPHA, /* check character pair */
	GS1_GCPPOS1,   /* a company prefix begins it: four digits or more */
	GS1_GCPPOS2,   /* … begins behind its first character */
	GS1_HASNONDIGIT,
	GS1_HH,
	GS1_HHMI,
	GS1_HYPHEN,
	GS1_IBAN,
	GS1_IMPORTERIDX,
	GS1_ISO3166,
	GS1_ISO3166999,
	GS1_ISO3166ALPHA2,
	GS1_ISO4217,
	GS1_ISO5218,
	GS1_LATITUDE,
	GS1_LONGITUDE,
	GS1_MEDIATYPE,
	GS1_MI,
	GS1_NONZERO,
	GS1_NOZEROPREFIX,
	GS1_PACKAGETYPE,
	GS1_PCENC,
	GS1_PIECEOFTOTAL,
	GS1_POSINSEQSLASH,
	GS1_SS,
	GS1_WINDING,
	GS1_YESNO,
	GS1_YYMMD0, /* day 00 is the last of the month */
	GS1_YYMMDD,
	GS1_YYYYMMDD,
	GS1_ZERO,
	GS1_CHECKS,
};

struct gs1_part {
	char characters; /* 'N' digits, 'X' set 82, 'Y' set 39, 'Z' base 64 for files; 0 no part */
	uint8_t min;
	uint8_t max;
	bool is_optional;
	uint8_t checks[GS1_CHECKS_MAX]; /* enum gs1_check; GS1_NO_CHECK behind the last */
};

enum gs1_flag {
	GS1_FIXED = 1,     /* of a predefined length: the next element follows without FNC1 */
	GS1_ATTRIBUTE = 2, /* may stand in a Digital Link's query */
};

struct gs1_ai {
	char first[5]; /* of a range; digits. In the row, as what is short: a pointer takes more */
	char last[5];  /* as long as `first`; the same where there is no range */
	uint8_t flags; /* enum gs1_flag */
	char uom[4];   /* unit of a measure, UN/ECE Recommendation 20; "": none */
	struct gs1_part parts[GS1_PARTS_MAX];
	/* "01+21,37,35nn": 01 with 21, or 37, or any of 3500 to 3599; NULL nothing */
	const char *req; /* one of these must be there */
	const char *ex;  /* none of these may be there; never the AI itself */
	/* "22,10,21|235": the qualifiers of a Digital Link's primary key in their order, or others; ""
	 * takes none; NULL is no primary key */
	const char *key;
};

/* Row by row, in the order of the AIs; NULL behind the last. */
const struct gs1_ai *gs1_ai_at(size_t index);
/*
 * The AI that a text begins with: no AI is the beginning of another.
 *
 * ret_len  its digits, 2 to 4; untouched when there is none.
 */
const struct gs1_ai *gs1_ai_find(const char *text, size_t len, size_t *ret_len);
/* Is that the whole text? */
const struct gs1_ai *gs1_ai_exact(const char *text, size_t len);
/* "csum"; NULL of GS1_NO_CHECK. */
const char *gs1_check_name(enum gs1_check check);

#endif
