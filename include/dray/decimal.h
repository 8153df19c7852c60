/*
 * decimal.h - exact quantities.
 *
 * A quantity is digits and a scale, never a double. At most 18 digits (integer and fraction part
 * together, without leading and trailing zeros of the value), exponents on the way in within ±18.
 * The canonical form has no exponent, no leading zeros, no trailing zeros behind the point, no
 * "-0": 12 and "12.00" are "12", 2.50 is "2.5", 1e3 is "1000".
 */
#ifndef DRAY_DECIMAL_H
#define DRAY_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_TEXT_MAX 24 /* sign, 18 digits, "0.", NUL */

struct decimal {
	int64_t digits; /* |digits| < 10^18 */
	int scale;      /* value = digits / 10^scale, 0..18 */
};

/* Parse the whole text. False: not a number (no "+", no white space, no NaN), or out of bounds. */
bool decimal_parse(const char *text, size_t len, struct decimal *ret);
/* The canonical text. */
void decimal_format(const struct decimal *value, char out[DECIMAL_TEXT_MAX]);
/*
 * value * over[0] * over[1] / under[0] / under[1], exactly. All four are greater than 0.
 * False: the result has too many digits (a third has endlessly many); *ret is untouched then.
 */
bool decimal_multiply(const struct decimal *value, const int64_t over[2], const int64_t under[2],
	struct decimal *ret);
/* value * factor, exactly; false as above. */
bool decimal_times(const struct decimal *value, const struct decimal *factor, struct decimal *ret);
bool decimal_is_whole(const struct decimal *value);
/* -1, 0, 1 */
int decimal_compare(const struct decimal *a, const struct decimal *b);

#endif
