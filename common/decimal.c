/* decimal.c - see decimal.h */
#include "dray/decimal.h"

#include <string.h>

#define DIGITS_MAX 18
#define EXPONENT_MAX 18

static const int64_t powers[DIGITS_MAX + 1] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
	100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
	100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
	1000000000000000000 };

/* Digits without the zeros at their end, which may turn out to be without meaning. */
struct reading {
	int64_t digits;
	long zeros; /* seen since the last digit that is not zero */
	long scale; /* digits seen behind the point */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* digits * 10^shift, when that has at most 18 digits. */
static bool shift_digits(int64_t *digits, long shift)
{
	if (*digits == 0)
		return true;
	if (shift > DIGITS_MAX || *digits >= powers[DIGITS_MAX - shift])
		return false;
	*digits *= powers[shift];
	return true;
}

static bool add_digit(struct reading *r, char c)
{
	if (c == '0') {
		r->zeros++;
		return true;
	}
	if (!shift_digits(&r->digits, r->zeros + 1))
		return false;
	r->digits += c - '0';
	r->zeros = 0;
	return true;
}

/* Digits, and a fraction where there is one. Returns where they end, NULL when they are none. */
static const char *read_digits(const char *p, const char *end, struct reading *r)
{
	const char *start = p;

	for (; p < end && is_digit(*p); p++)
		if (!add_digit(r, *p))
			return NULL;
	if (p == start)
		return NULL;
	if (p == end || *p != '.')
		return p;
	start = ++p;
	for (; p < end && is_digit(*p); p++) {
		if (!add_digit(r, *p))
			return NULL;
		r->scale++;
	}
	return p == start ? NULL : p;
}

static const char *read_exponent(const char *p, const char *end, long *ret)
{
	long exponent = 0;
	bool is_negative = false;
	const char *start;

	if (p < end && (*p == '-' || *p == '+'))
		is_negative = *p++ == '-';
	start = p;
	for (; p < end && is_digit(*p); p++) {
		exponent = exponent * 10 + (*p - '0');
		if (exponent > EXPONENT_MAX)
			return NULL;
	}
	*ret = is_negative ? -exponent : exponent;
	return p == start ? NULL : p;
}

bool decimal_parse(const char *text, size_t len, struct decimal *ret)
{
	const char *p = text;
	const char *end = text + len;
	struct reading r = { 0 };
	long exponent = 0;
	bool is_negative = len > 0 && *p == '-';

	p = read_digits(p + is_negative, end, &r);
	if (p && p < end && (*p == 'e' || *p == 'E'))
		p = read_exponent(p + 1, end, &exponent);
	if (p != end)
		return false;
	if (r.digits == 0) {
		*ret = (struct decimal){ 0 };
		return true;
	}
	r.scale -= r.zeros + exponent;
	if (r.scale < 0) {
		if (!shift_digits(&r.digits, -r.scale))
			return false;
		r.scale = 0;
	}
	if (r.scale > DIGITS_MAX)
		return false;
	ret->digits = is_negative ? -r.digits : r.digits;
	ret->scale = (int)r.scale;
	return true;
}

void decimal_format(const struct decimal *value, char out[DECIMAL_TEXT_MAX])
{
	char text[DECIMAL_TEXT_MAX];
	char *p = text + sizeof(text);
	int64_t rest = value->digits < 0 ? -value->digits : value->digits;
	int scale = rest == 0 ? 0 : value->scale;
	size_t len;

	for (; scale > 0 && rest % 10 == 0; scale--)
		rest /= 10;
	*--p = '\0';
	for (int i = 0; rest > 0 || i <= scale; i++) {
		if (i > 0 && i == scale)
			*--p = '.';
		*--p = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (value->digits < 0)
		*--p = '-';
	len = (size_t)(text + sizeof(text) - p);
	memcpy(out, p, len);
}

static int compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	int64_t power_a = powers[a->scale];
	int64_t power_b = powers[b->scale];
	int whole = compare(a->digits / power_a, b->digits / power_b);

	if (whole != 0)
		return whole;
	return compare(a->digits % power_a * powers[DIGITS_MAX - a->scale],
		b->digits % power_b * powers[DIGITS_MAX - b->scale]);
}

static int64_t divisor_of(int64_t a, int64_t b)
{
	while (b != 0) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Count the twos and fives that `under` is made of. False: of others too, 1/under never ends. */
static bool take_factors(int64_t under, int *twos, int *fives)
{
	for (; under % 2 == 0; under /= 2)
		(*twos)++;
	for (; under % 5 == 0; under /= 5)
		(*fives)++;
	return under == 1;
}

/*
 * The product of three over that of three, as digits behind a point; no factor above has one with a
 * factor below in common. What is below is made a power of ten, and no product is ever larger than
 * the digits of the answer: 64 bits do.
 */
static bool divide(const int64_t over[3], const int64_t under[3], struct decimal *ret)
{
	int twos = 0, fives = 0, places;
	int64_t digits;

	for (int i = 0; i < 3; i++)
		if (!take_factors(under[i], &twos, &fives))
			return false;
	places = twos > fives ? twos : fives;
	if (places > DIGITS_MAX)
		return false;
	digits = places > twos ? INT64_C(1) << (places - twos)
			       : powers[places - fives] >> (places - fives); /* 5^n = 10^n / 2^n */
	for (int i = 0; i < 3; i++)
		if (__builtin_mul_overflow(digits, over[i], &digits))
			return false;
	if (digits >= powers[DIGITS_MAX])
		return false;
	*ret = (struct decimal){ .digits = digits, .scale = places };
	return true;
}

bool decimal_multiply(const struct decimal *value, const int64_t over[2], const int64_t under[2],
	struct decimal *ret)
{
	int64_t a[3] = { value->digits < 0 ? -value->digits : value->digits, over[0], over[1] };
	int64_t b[3] = { powers[value->scale], under[0], under[1] };

	if (value->digits == 0) {
		*ret = (struct decimal){ 0 };
		return true;
	}
	for (int i = 0; i < 9; i++) {
		int64_t divisor = divisor_of(a[i / 3], b[i % 3]);

		a[i / 3] /= divisor;
		b[i % 3] /= divisor;
	}
	if (!divide(a, b, ret))
		return false;
	if (value->digits < 0)
		ret->digits = -ret->digits;
	return true;
}

bool decimal_times(const struct decimal *value, const struct decimal *factor, struct decimal *ret)
{
	int64_t digits = factor->digits < 0 ? -factor->digits : factor->digits;

	if (digits == 0) {
		*ret = (struct decimal){ 0 };
		return true;
	}
	if (!decimal_multiply(value, (const int64_t[]){ digits, 1 },
		    (const int64_t[]){ powers[factor->scale], 1 }, ret))
		return false;
	if (factor->digits < 0)
		ret->digits = -ret->digits;
	return true;
}

bool decimal_is_whole(const struct decimal *value)
{
	return value->digits % powers[value->scale] == 0;
}
