/* times.c - see times.h. The calendar is counted by hand: libc's knows a locale and a time zone. */
#include "dray/times.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define END_MS INT64_C(253402300800000) /* 10000-01-01T00:00:00Z */

/* A walk over a text. A failed step is remembered and ends it. */
struct cursor {
	const char *p;
	const char *end;
	bool failed;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits. */
static int take_digits(struct cursor *c, int n)
{
	int value = 0;

	for (int i = 0; i < n && !c->failed; i++) {
		if (c->p == c->end || !is_digit(*c->p))
			c->failed = true;
		else
			value = value * 10 + (*c->p++ - '0');
	}
	return value;
}

/* The next character when it is one of `set`, else '\0' and nothing taken. */
static char take_any(struct cursor *c, const char *set)
{
	if (c->failed || c->p == c->end || *c->p == '\0' || !strchr(set, *c->p))
		return '\0';
	return *c->p++;
}

static void expect(struct cursor *c, const char *set)
{
	if (take_any(c, set) == '\0')
		c->failed = true;
}

struct clock_face {
	int year, month, day, hour, minute, second;
};

/* Days from 1970-01-01 to a day of the Gregorian calendar, year >= 1. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year; /* years run from March, so February is last */
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && is_leap ? 29 : days[month - 1];
}

/* A leap second (:60) is the second that follows it. */
static bool instant_of(const struct clock_face *face, int64_t *ret_at_ms)
{
	if (face->month < 1 || face->month > 12 || face->day < 1 ||
		face->day > days_in_month(face->year, face->month))
		return false;
	if (face->hour > 23 || face->minute > 59 || face->second > 60)
		return false;
	*ret_at_ms = days_of(face->year, face->month, face->day) * DAY_MS +
		     ((face->hour * 60 + face->minute) * 60 + face->second) * INT64_C(1000);
	return true;
}

/* Digits behind a point, cut at the millisecond. */
static int take_fraction_ms(struct cursor *c)
{
	int ms = 0;
	int weight = 100;
	const char *start = c->p;

	for (; c->p < c->end && is_digit(*c->p); c->p++) {
		ms += (*c->p - '0') * weight;
		weight /= 10;
	}
	if (c->p == start)
		c->failed = true;
	return ms;
}

static void take_clock(struct cursor *c, struct clock_face *face)
{
	face->hour = take_digits(c, 2);
	expect(c, ":");
	face->minute = take_digits(c, 2);
	expect(c, ":");
	face->second = take_digits(c, 2);
}

/* Z, +01:00, +0100, +01. Minutes east of Greenwich. */
static int take_zone(struct cursor *c)
{
	char sign = take_any(c, "Zz+-");
	int hours;
	int minutes = 0;

	if (sign == '\0')
		c->failed = true;
	if (c->failed || sign == 'Z' || sign == 'z')
		return 0;
	hours = take_digits(c, 2);
	if (take_any(c, ":") || c->p < c->end)
		minutes = take_digits(c, 2);
	if (hours > 23 || minutes > 59)
		c->failed = true;
	return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

static bool parse_iso(struct cursor *c, int64_t *ret_at_ms)
{
	struct clock_face face;
	int64_t at_ms;
	int ms = 0;
	int zone;

	face.year = take_digits(c, 4);
	expect(c, "-");
	face.month = take_digits(c, 2);
	expect(c, "-");
	face.day = take_digits(c, 2);
	expect(c, "Tt ");
	take_clock(c, &face);
	if (take_any(c, ".,"))
		ms = take_fraction_ms(c);
	zone = take_zone(c);
	if (c->failed || c->p != c->end || face.year < 1 || !instant_of(&face, &at_ms))
		return false;
	at_ms += ms - zone * INT64_C(60000);
	if (at_ms < 0 || at_ms >= END_MS)
		return false;
	*ret_at_ms = at_ms;
	return true;
}

/* Seconds, milliseconds or microseconds, told apart by size. */
static bool instant_of_epoch(int64_t value, int fraction_ms, int64_t *ret_at_ms)
{
	if (value < INT64_C(100000000000))
		*ret_at_ms = value * 1000 + fraction_ms;
	else if (value < INT64_C(100000000000000))
		*ret_at_ms = value;
	else if (value < INT64_C(100000000000000000))
		*ret_at_ms = value / 1000;
	else
		return false;
	return true;
}

static bool parse_epoch(struct cursor *c, int64_t *ret_at_ms)
{
	int64_t value = 0;
	int ms = 0;

	if (c->p == c->end)
		return false;
	for (; c->p < c->end && is_digit(*c->p); c->p++) {
		value = value * 10 + (*c->p - '0');
		if (value >= INT64_C(100000000000000000))
			return false;
	}
	if (take_any(c, "."))
		ms = take_fraction_ms(c);
	return !c->failed && c->p == c->end && instant_of_epoch(value, ms, ret_at_ms);
}

bool time_parse(const char *text, size_t len, int64_t *ret_at_ms)
{
	struct cursor c = { text, text + len, false };

	if (len > 4 && text[4] == '-')
		return parse_iso(&c, ret_at_ms);
	return len > 0 && is_digit(*text) && parse_epoch(&c, ret_at_ms);
}

bool time_from_number(double value, int64_t *ret_at_ms)
{
	if (!(value >= 0) || value >= 1e17)
		return false;
	if (value < 1e11) {
		*ret_at_ms = (int64_t)(value * 1000 + 0.5);
		return true;
	}
	return instant_of_epoch((int64_t)value, 0, ret_at_ms);
}

static char *put_digits(char *out, int64_t value, int n)
{
	for (int i = n; i > 0; i--) {
		out[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + n;
}

/* The day as year, month, day: days_of() backwards. */
static void date_of(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t of_era = z % 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = era * 400 + year + (*ret_month <= 2);
}

void time_format(int64_t at_ms, char out[TIME_TEXT_MAX])
{
	int64_t year, month, day;
	int64_t of_day;
	char *p = out;

	if (at_ms < 0)
		at_ms = 0;
	if (at_ms >= END_MS)
		at_ms = END_MS - 1;
	date_of(at_ms / DAY_MS, &year, &month, &day);
	of_day = at_ms % DAY_MS;
	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, of_day / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 1000 % 60, 2);
	*p++ = '.';
	p = put_digits(p, of_day % 1000, 3);
	*p++ = 'Z';
	*p = '\0';
}

int32_t time_day(int64_t at_ms)
{
	int64_t day = at_ms / DAY_MS;

	return (int32_t)(at_ms % DAY_MS < 0 ? day - 1 : day);
}

/* HTTP dates: IMF-fixdate, the form of RFC 850, and asctime's. */

static int take_month(struct cursor *c)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (int i = 0; i < 12 && !c->failed && c->end - c->p >= 3; i++) {
		if (memcmp(c->p, names + (size_t)i * 3, 3) == 0) {
			c->p += 3;
			return i + 1;
		}
	}
	c->failed = true;
	return 0;
}

static void expect_text(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if (c->failed || (size_t)(c->end - c->p) < len || memcmp(c->p, text, len) != 0)
		c->failed = true;
	else
		c->p += len;
}

/* "06 Nov 1994 08:49:37 GMT", or with hyphens and two digits of the year. */
static void take_http_date(struct cursor *c, struct clock_face *face)
{
	char gap;

	face->day = take_digits(c, 2);
	gap = take_any(c, " -");
	face->month = take_month(c);
	expect(c, gap == '-' ? "-" : " ");
	if (gap == '-') {
		face->year = take_digits(c, 2);
		face->year += face->year < 70 ? 2000 : 1900;
	} else {
		face->year = take_digits(c, 4);
	}
	expect(c, " ");
	take_clock(c, face);
	expect_text(c, " GMT");
	if (gap == '\0')
		c->failed = true;
}

/* "Nov  6 08:49:37 1994" */
static void take_asctime(struct cursor *c, struct clock_face *face)
{
	face->month = take_month(c);
	expect(c, " ");
	face->day = take_any(c, " ") ? take_digits(c, 1) : take_digits(c, 2);
	expect(c, " ");
	take_clock(c, face);
	expect(c, " ");
	face->year = take_digits(c, 4);
}

bool time_parse_http_date(const char *text, size_t len, int64_t *ret_at_ms)
{
	struct cursor c = { text, text + len, false };
	struct clock_face face = { 0 };
	int64_t at_ms;

	while (c.p < c.end && ((*c.p >= 'A' && *c.p <= 'Z') || (*c.p >= 'a' && *c.p <= 'z')))
		c.p++; /* the name of the day says nothing new */
	if (c.p == text)
		return false;
	if (take_any(&c, ",")) {
		expect(&c, " ");
		take_http_date(&c, &face);
	} else {
		expect(&c, " ");
		take_asctime(&c, &face);
	}
	if (c.failed || c.p != c.end || face.year < 1970 || !instant_of(&face, &at_ms))
		return false;
	*ret_at_ms = at_ms;
	return true;
}
