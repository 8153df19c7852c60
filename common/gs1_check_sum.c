/* gs1_check_sum.c - see gs1_check.h: check digit, check character pair, IBAN */
#include "gs1_check.h"

#include <string.h>

#define PAIR 2
#define IBAN_MIN 11 /* country, check digits, and something */

/* Character sets 82 and 32 of the General Specifications, in the order of their values. */
static const char set82[] = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
			    "abcdefghijklmnopqrstuvwxyz";
static const char set32[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/* As many as the longest value with a pair has characters in front of it. */
static const unsigned primes[] = { 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
	61, 67, 71, 73, 79, 83 };

static bool refuse_sum(const struct gs1_piece *p, size_t at, size_t n, const char right[2])
{
	gs1_flaw(p, at, "the check %s %.*s, it should be %.*s", n == 1 ? "digit is" : "pair is",
		(int)n, p->text + at, (int)n, right);
	p->flaw->is_sum = true;
	return false;
}

char gs1_check_digit(const char *digits, size_t len)
{
	int sum = 0;
	int weight = 3;

	for (size_t i = len; i > 0; i--) {
		sum += weight * (digits[i - 1] - '0');
		weight = 4 - weight;
	}
	return (char)('0' + (10 - sum % 10) % 10);
}

bool gs1_check_csum(const struct gs1_piece *p)
{
	size_t last = p->len - 1;
	char right[2] = { gs1_check_digit(p->text, last) };

	return p->text[last] == right[0] ? true : refuse_sum(p, last, 1, right);
}

/* General Specifications, check character calculation for alphanumeric keys. */
bool gs1_check_csumalpha(const struct gs1_piece *p)
{
	unsigned sum = 0;
	size_t n;
	char right[PAIR];

	if (p->len <= PAIR)
		return gs1_flaw(p, 0, "it is too short for a check pair");
	n = p->len - PAIR;
	if (n > sizeof(primes) / sizeof(*primes))
		return gs1_flaw(p, 0, "it is too long for a check pair");
	for (size_t i = 0; i < n; i++) {
		const char *place = memchr(set82, p->text[i], sizeof(set82) - 1);

		if (!place)
			return gs1_flaw(p, i, "a character that may not stand here");
		sum += (unsigned)(place - set82) * primes[n - 1 - i];
	}
	sum %= 1021;
	right[0] = set32[sum >> 5];
	right[1] = set32[sum & 31];
	return memcmp(p->text + n, right, PAIR) == 0 ? true : refuse_sum(p, n, PAIR, right);
}

/* ISO 7064, mod 97-10: a letter counts as two digits, A as 10. -1: no such character. */
static int add_to_97(int rest, char c)
{
	if (c >= '0' && c <= '9')
		return (rest * 10 + (c - '0')) % 97;
	if (c >= 'A' && c <= 'Z')
		return (rest * 100 + (c - 'A') + 10) % 97;
	return -1;
}

/* ISO 13616: country, two check digits, account; the first four are counted last. */
bool gs1_check_iban(const struct gs1_piece *p)
{
	int rest = 0;

	if (p->len < IBAN_MIN)
		return gs1_flaw(p, p->len, "it is too short for an IBAN");
	if (!gs1_is_country(p->text))
		return gs1_flaw(p, 0, "there is no country %.2s", p->text);
	for (size_t i = 0; i < p->len; i++) {
		size_t at = (i + 4) % p->len;

		rest = add_to_97(rest, p->text[at]);
		if (rest < 0)
			return gs1_flaw(p, at, "an IBAN has digits and capital letters");
	}
	if (rest == 1)
		return true;
	gs1_flaw(p, 2, "the check digits are wrong");
	p->flaw->is_sum = true;
	return false;
}
