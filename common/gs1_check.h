/*
 * gs1_check.h - is a value what its AI asks for?
 *
 * Private to the reader. A check looks at one part of a value and says what is wrong with it, and where.
 */
#ifndef DRAY_GS1_CHECK_H
#define DRAY_GS1_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/gs1_ai.h"

struct gs1_flaw {
	size_t at;   /* in the value, from 0; its length: behind its end */
	bool is_sum; /* check digit or pair: it has the form, and was misread or mistyped */
	char message[96];
};

/* One part of a value. */
struct gs1_piece {
	const char *text; /* not NUL-terminated */
	size_t len;       /* >= 1 */
	size_t at;        /* in the value */
	int year;         /* now */
	struct gs1_flaw *flaw;
};

/* Does the value of an AI hold? *ret_flaw is filled when it does not. */
bool gs1_check_value(const struct gs1_ai *row, const char *value, size_t len, int year,
	struct gs1_flaw *ret_flaw);

/* Say what is wrong at a byte of the piece. False, always. */
bool gs1_flaw(const struct gs1_piece *piece, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool gs1_are_digits(const char *text, size_t len);
/* The number that digits say; at most 18 of them. */
int64_t gs1_number_of(const char *digits, size_t len);

/* gs1_check_sum.c */
bool gs1_check_csum(const struct gs1_piece *piece);
bool gs1_check_csumalpha(const struct gs1_piece *piece);
bool gs1_check_iban(const struct gs1_piece *piece);
/* The digit that belongs behind these (weights 3 and 1 from the right). */
char gs1_check_digit(const char *digits, size_t len);

/* gs1_check_time.c */
bool gs1_check_hh(const struct gs1_piece *piece);
bool gs1_check_hhmi(const struct gs1_piece *piece);
bool gs1_check_mi(const struct gs1_piece *piece); /* and seconds */
bool gs1_check_yymmd0(const struct gs1_piece *piece);
bool gs1_check_yymmdd(const struct gs1_piece *piece);
bool gs1_check_yyyymmdd(const struct gs1_piece *piece);
/* The year that two digits mean: 49 before now to 50 after it. */
int gs1_year(int two_digits, int year_now);
int gs1_days_in(int year, int month);

/* gs1_check_list.c */
bool gs1_check_iso3166(const struct gs1_piece *piece);
bool gs1_check_iso3166999(const struct gs1_piece *piece);
bool gs1_check_iso3166alpha2(const struct gs1_piece *piece);
bool gs1_check_iso4217(const struct gs1_piece *piece);
bool gs1_check_mediatype(const struct gs1_piece *piece);
bool gs1_check_packagetype(const struct gs1_piece *piece);
bool gs1_is_country(const char code[2]);

/* gs1_check_coupon.c */
bool gs1_check_couponcode(const struct gs1_piece *piece);
bool gs1_check_couponposoffer(const struct gs1_piece *piece);

#endif
