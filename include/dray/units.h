/*
 * units.h - units of measure and of packing: one table, and exact conversion within it.
 *
 *   "KGM", "KG", "kg", "Kilogram" ─► unit_find() ─► "KGM"        ─► unit_convert(2.5, KGM, GRM) = 2500
 *   "XPX", "PX", "PL", "pallets"  ─► unit_find() ─► "PX"
 *
 * A text is looked up in this order, the first that knows it wins:
 *   1. UN/ECE Recommendation 20, as written: "KGM", "EA", "MTR". Deleted codes (status X) are not known,
 *      deprecated ones (status D: "PT", "HAR") are: they are said no more, but they mean what they meant;
 *   2. the codes of X12's element 355 that a warehouse meets (units_names.inc), as written. Where one of
 *      them means something else in Recommendation 21 ("KG" kilogram or keg, "PL" pallet or pail, "CA"
 *      case or can, "PC" piece or parcel), X12 wins: a package has its other way to be written, with
 *      Recommendation 20's X in front, and X12 has none;
 *   3. UN/ECE Recommendation 21, with the X ("XCS") or without ("CS"), as written;
 *   4. everyday names in any case ("pcs", "Cartons", "kg"), only where they mean one thing wherever
 *      they are said: no "ton", no "gallon";
 *   5. the Recommendations' own names in any case, and the symbols of what converts as written, where
 *      no other unit has the same. Only this one needs `struct unit_names`.
 *
 * Invariants
 *   1. What unit_find() gives, it gives for itself. A package is therefore written without the X ("CS"),
 *      but with it where the two characters alone mean something else ("XKG" is a keg).
 *   2. A conversion is exact or refused. Counts (piece, pair, dozen) convert among themselves; packages
 *      don't: how many pieces a case holds is the item's to say (reference.h).
 *
 * Source: UN/ECE Recommendation 20, revision 17; Recommendation 21, revision 12; ASC X12 element 355;
 * factors: the SI, the international yard and pound (1959), Units of Measurement Regulations 1995 (UK),
 * NIST SP 811 (US). Pure.
 */
#ifndef DRAY_UNITS_H
#define DRAY_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/decimal.h"

enum unit_kind {
	UNIT_OTHER, /* of no kind that converts here */
	UNIT_PACKAGE,
	UNIT_COUNT,  /* base: one */
	UNIT_MASS,   /* kilogram */
	UNIT_LENGTH, /* metre */
	UNIT_AREA,   /* square metre */
	UNIT_VOLUME, /* cubic metre */
	UNIT_TIME,   /* second */
};

/*
 * The Recommendations' names and symbols, which are packed in the program: room for them, and from the
 * first question for one on themselves, some 60 KB. For one thread at a time.
 */
struct unit_names;
/* NULL: memory ran out. Nothing that is asked later needs any. */
struct unit_names *unit_names_new(void);
void unit_names_free(struct unit_names *names);

/*
 * The code that a text stands for. Static; NULL: it is no unit, or it may be two.
 *
 * names  NULL: the order above ends before 5.
 */
const char *unit_find(struct unit_names *names, const char *text);

/* The rest takes codes as unit_find() gives them. */

/* "kilogram", as long as `names`; NULL: no code, or no `names`. */
const char *unit_name(struct unit_names *names, const char *code);
/* "kg", likewise; "" where it has none. */
const char *unit_symbol(struct unit_names *names, const char *code);
enum unit_kind unit_kind(const char *code);
/* Is there nothing between one and two of it? Counts and packages. */
bool unit_is_whole(const char *code);
/* How much of its kind's base one unit is, as a fraction. False: of no kind that converts. */
bool unit_factor(const char *code, int64_t *ret_numerator, int64_t *ret_denominator);

/* Do the two measure the same thing, by the table? */
bool unit_is_convertible(const char *from, const char *to);
/*
 * Convert exactly.
 *
 * ret      untouched when false is returned.
 * Returns  false when the two are not convertible, or when the result has more than 18 digits (a
 *          third has endlessly many).
 */
bool unit_convert(
	const struct decimal *value, const char *from, const char *to, struct decimal *ret);

#endif
