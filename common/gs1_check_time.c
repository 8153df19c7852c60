/* gs1_check_time.c - see gs1_check.h: dates and times of day */
#include "gs1_check.h"

int gs1_year(int two_digits, int year_now)
{
	int century = year_now - year_now % 100;
	int ahead = two_digits - year_now % 100;

	/* General Specifications, determination of century in dates. */
	if (ahead >= 51)
		return century - 100 + two_digits;
	if (ahead <= -50)
		return century + 100 + two_digits;
	return century + two_digits;
}

int gs1_days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && is_leap ? 29 : days[month - 1];
}

/* MMDD behind a year that ends at `at`. */
static bool check_day(const struct gs1_piece *p, size_t at, int year, int first)
{
	int month = (int)gs1_number_of(p->text + at, 2);
	int day = (int)gs1_number_of(p->text + at + 2, 2);

	if (month < 1 || month > 12)
		return gs1_flaw(p, at, "there is no month %02d", month);
	if (day < first || day > gs1_days_in(year, month))
		return gs1_flaw(p, at + 2, "there is no day %02d in month %02d", day, month);
	return true;
}

static bool check_short_date(const struct gs1_piece *p, int first)
{
	return check_day(p, 2, gs1_year((int)gs1_number_of(p->text, 2), p->year), first);
}

bool gs1_check_yymmd0(const struct gs1_piece *p)
{
	return check_short_date(p, 0);
}

bool gs1_check_yymmdd(const struct gs1_piece *p)
{
	return check_short_date(p, 1);
}

bool gs1_check_yyyymmdd(const struct gs1_piece *p)
{
	return check_day(p, 4, (int)gs1_number_of(p->text, 4), 1);
}

static bool check_below(const struct gs1_piece *p, size_t at, int bound, const char *what)
{
	if (gs1_number_of(p->text + at, 2) >= bound)
		return gs1_flaw(p, at, "there is no %s %.2s", what, p->text + at);
	return true;
}

bool gs1_check_hh(const struct gs1_piece *p)
{
	return check_below(p, 0, 24, "hour");
}

bool gs1_check_mi(const struct gs1_piece *p)
{
	return check_below(p, 0, 60, "minute or second");
}

bool gs1_check_hhmi(const struct gs1_piece *p)
{
	return gs1_check_hh(p) && check_below(p, 2, 60, "minute");
}
