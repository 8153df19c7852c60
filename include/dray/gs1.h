/*
 * gs1.h - what a scanned barcode says, when it speaks GS1.
 *
 *   text as scanned ─► gs1_read() ─► elements (AI and value) ─► gs1_value(), gs1_date(), …
 *
 * Read are
 *   - what a scanner sends with a symbology identifier: GS1-128 ]C1, DataBar and composites ]e0 ]e1
 *     ]e2, GS1 DataMatrix ]d2, GS1 QR ]Q3, GS1 DotCode ]J1 (element strings); EAN and UPC ]E0, with an
 *     add-on ]E3, EAN-8 ]E4, ITF-14 ]I1 (a GTIN),
 *   - the bracketed form that is printed below a symbol and that some readers send, with an identifier
 *     of the first kind or without: "(01)09506000134352(10)L77",
 *   - GS1 Digital Link URIs (http and https, any host), behind any symbology identifier or none,
 *   - without any identifier: a GTIN of 8, 12, 13 or 14 digits and an SSCC of 18, when their check digit
 *     is right; an element string that begins with FNC1 or has one inside; one that begins with 00, 01
 *     or 02, when it is sound as a whole.
 * FNC1 is what readers send for it, the control character GS (0x1D), and "{GS}", with which keyboard
 * wedges show it: braces are in no character set of GS1. "<GS>" may be data. Sites whose readers send
 * anything else set it back before, in an adapter. A line end behind the text is no part of it.
 * Everything else, and what has another symbology's identifier, is a plain barcode.
 *
 * Invariants
 *   1. GS1_READ: every element is of the table (gs1_ai.h), its value has the form and passes the checks
 *      that the table names, none contradicts another of the same symbol (`ex`, or an AI twice with two
 *      values). What must come along (`req`) is asked of everything that marks one thing, not of one
 *      symbol: gs1_check_pairs().
 *   2. A number without an identifier and without a right check digit is plain; what names itself GS1
 *      is never plain (but for ]I1, which others use too: read when it has 14 digits).
 *   3. Nothing is allocated; a scan is of fixed size.
 *
 * Source: GS1 General Specifications, GS1 Digital Link URI Syntax, GS1 Barcode Syntax Dictionary.
 * Pure: the year is handed in.
 */
#ifndef DRAY_GS1_H
#define DRAY_GS1_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/decimal.h"

#define GS1_TEXT_MAX 512    /* bytes of a text that is looked at; a longer one is plain */
#define GS1_ELEMENTS_MAX 48 /* of one symbol */
#define GS1_GTIN_MAX 15     /* 14 digits and a NUL */
#define GS1_DATE_MAX 11     /* "2027-03-31" */

struct gs1_ai;

enum gs1_reading {
	GS1_PLAIN,
	GS1_READ,
	GS1_INVALID,
};

struct gs1_element {
	char ai[5];               /* "01", "3103" */
	const struct gs1_ai *row; /* gs1_ai.h */
	const char *value;        /* NUL-terminated, percent-decoded; in the scan's own `text` */
	size_t len;
	size_t position; /* of the AI in the text as scanned, bytes from 0; of the number where there
			  * is no AI */
};

/* Not to be copied: elements point into it. */
struct gs1_scan {
	char symbology[3]; /* "C1", "E0"; "" when the reader sent none */
	size_t start;      /* bytes of the symbology identifier in front of the content, 0 or 3 */
	size_t end;        /* where the content ends: in front of a line end */
	int year;          /* as handed in: `year_now` */
	size_t n;          /* elements; 0 of a plain barcode */
	struct gs1_element elements[GS1_ELEMENTS_MAX];
	size_t used;                                               /* of text */
	char text[GS1_TEXT_MAX + GS1_ELEMENTS_MAX + GS1_GTIN_MAX]; /* the values */
};

struct gs1_error {
	char ai[5];        /* "" when it is not in an element */
	bool is_misread;   /* the form is right and a check digit or pair is not: scan it again */
	size_t position;   /* byte of the text as scanned, from 0 */
	char message[176]; /* lower case, no full stop: "the check digit is 1, it should be 2" */
};

/*
 * Read one barcode.
 *
 * text      as scanned, any bytes; need not be NUL-terminated.
 * year_now  for dates: GS1's two digits of a year mean one from 49 before it to 50 after it.
 * ret       always filled; its elements are meaningful with GS1_READ.
 * ret_error meaningful with GS1_INVALID.
 */
enum gs1_reading gs1_read(const char *text, size_t len, int year_now, struct gs1_scan *ret,
	struct gs1_error *ret_error);

/*
 * Hold what must and what must not stand together over all that marks one thing (a line, a parcel):
 * (17) wants a GTIN beside it, (02) forbids (01). A label's symbols are often scanned one at a time: of a
 * symbol alone, what it lacks may stand on the next one, and is no fault yet.
 *
 * scans     n of them, read.
 * known     AIs that are known by another way, such as "01" when the line says its item; NULL behind
 *           the last, or NULL.
 * Returns   false with *ret_error filled: the element, and its position in its own scan.
 */
bool gs1_check_pairs(const struct gs1_scan *const *scans, size_t n, const char *const *known,
	struct gs1_error *ret_error);

/* "(17) at 18: there is no month 13"; the result lives in `out`. */
const char *gs1_error_text(const struct gs1_error *error, char *out, size_t size);

/* The first element of an AI; NULL: there is none. */
const struct gs1_element *gs1_find(const struct gs1_scan *scan, const char *ai);
/*
 * The value of an AI, NULL when there is none: (00) SSCC, (01) GTIN and (02) GTIN of what is contained
 * (always 14 digits), (10) lot, (21) serial, (400) the customer's order number.
 */
const char *gs1_value(const struct gs1_scan *scan, const char *ai);
/*
 * A date of an AI whose value begins with one: (11) production, (13) packed, (15) best before, (16)
 * sell by, (17) expiry. Day 00 is the last of the month. False: no such element or no date.
 */
bool gs1_date(const struct gs1_scan *scan, const char *ai, char ret[GS1_DATE_MAX]);
/*
 * The number that an element says: a count ((30), (37)), a measure (310n to 369n), an amount or a price
 * (390n to 393n, 395n, the currency of 391n and 393n left out), a percentage (394n); the last digit of
 * these AIs is the number of decimals. False: it says none, or one of more than 18 digits.
 */
bool gs1_number(const struct gs1_element *element, struct decimal *ret);
/*
 * The unit of a measure, 310n to 369n, by UN/ECE Recommendation 20: "KGM" of (3103). NULL: it is no
 * measure, or its unit is not certain (357n is an ounce of weight or of volume).
 */
const char *gs1_uom(const struct gs1_element *element);
/* Is it of the logistic unit (330n to 336n, …), gross, and not of the trade item, net? */
bool gs1_is_logistic(const struct gs1_element *element);

/*
 * A GTIN of 8, 12, 13 or 14 digits, to 14 with zeros in front. False: other characters, another length
 * or a wrong check digit; `ret` is untouched then.
 */
bool gs1_gtin_normalise(const char *text, char ret[GS1_GTIN_MAX]);
/* 8, 12, 13 or 14: the form that a GTIN of 14 digits has on its label. */
int gs1_gtin_form(const char gtin[GS1_GTIN_MAX]);
/* 18 digits with a right check digit. */
bool gs1_sscc_is_valid(const char *text);

#endif
