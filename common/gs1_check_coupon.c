/*
 * gs1_check_coupon.c - see gs1_check.h: what North American coupons carry.
 *
 * Source: North American Coupon Application Guideline Using GS1 DataBar Expanded Symbols (8110), GS1 AI
 * (8112) Coupon Data Specification.
 */
#include "gs1_check.h"

#include <string.h>

/* A walk over digits; `piece` as it was, `at` where the walk is. */
struct walk {
	const struct gs1_piece *piece;
	size_t at;
};

static size_t left_of(const struct walk *w)
{
	return w->piece->len - w->at;
}

/* Is the next digit that of an optional field? It is behind the walk then. */
static bool begins_field(struct walk *w, char field)
{
	if (left_of(w) == 0 || w->piece->text[w->at] != field)
		return false;
	w->at++;
	return true;
}

static bool skip(struct walk *w, size_t digits, const char *what)
{
	if (left_of(w) < digits)
		return gs1_flaw(w->piece, w->piece->len, "the coupon breaks off in its %s", what);
	w->at += digits;
	return true;
}

static bool take_one_of(struct walk *w, const char *digits, const char *what)
{
	if (!skip(w, 1, what))
		return false;
	if (!strchr(digits, w->piece->text[w->at - 1]))
		return gs1_flaw(w->piece, w->at - 1, "the coupon's %s can't begin with %c", what,
			w->piece->text[w->at - 1]);
	return true;
}

/* A digit that says how many follow, beyond `more`. */
static bool take_counted(struct walk *w, const char *lengths, size_t more, const char *what)
{
	if (!take_one_of(w, lengths, what))
		return false;
	return skip(w, (size_t)(w->piece->text[w->at - 1] - '0') + more, what);
}

/* A company prefix has six digits more than is said; 9 says that there is none. */
static bool take_other_company(struct walk *w)
{
	if (left_of(w) > 0 && w->piece->text[w->at] == '9')
		return skip(w, 1, "company");
	return take_counted(w, "0123456", 6, "company");
}

static bool take_purchase(struct walk *w)
{
	return take_counted(w, "12345", 0, "purchase requirement") &&
	       take_one_of(w, "012349", "requirement code") && skip(w, 3, "family code");
}

static bool take_other_purchases(struct walk *w)
{
	if (begins_field(w, '1') && !(take_one_of(w, "0123", "purchase rules") &&
					    take_purchase(w) && take_other_company(w)))
		return false;
	return !begins_field(w, '2') || (take_purchase(w) && take_other_company(w));
}

static bool take_date(struct walk *w, const char *what, const char **ret_date)
{
	struct gs1_piece date = *w->piece;

	date.at += w->at;
	date.text += w->at;
	date.len = 6;
	if (!skip(w, date.len, what))
		return false;
	*ret_date = date.text;
	return gs1_check_yymmdd(&date);
}

static bool take_dates(struct walk *w)
{
	const char *expiry = NULL;
	const char *start = NULL;

	if (begins_field(w, '3') && !take_date(w, "expiry", &expiry))
		return false;
	if (begins_field(w, '4') && !take_date(w, "start date", &start))
		return false;
	if (expiry && start && memcmp(expiry, start, 6) < 0)
		return gs1_flaw(w->piece, w->at - 6, "the coupon expires before it starts");
	return true;
}

static bool take_last_fields(struct walk *w)
{
	if (begins_field(w, '5') && !take_counted(w, "0123456789", 6, "serial number"))
		return false;
	if (begins_field(w, '6') && !take_counted(w, "1234567", 6, "retailer"))
		return false;
	return !begins_field(w, '9') ||
	       (take_one_of(w, "01256", "save value code") &&
		       take_one_of(w, "012", "item of the save value") &&
		       skip(w, 1, "store coupon flag") && take_one_of(w, "01", "multiply flag"));
}

static bool begin(const struct gs1_piece *p)
{
	for (size_t i = 0; i < p->len; i++)
		if (!gs1_are_digits(p->text + i, 1))
			return gs1_flaw(p, i, "a coupon has digits only");
	return true;
}

static bool end(const struct walk *w)
{
	if (left_of(w) > 0)
		return gs1_flaw(w->piece, w->at, "the coupon goes on behind its last field");
	return true;
}

bool gs1_check_couponcode(const struct gs1_piece *p)
{
	struct walk w = { p, 0 };

	return begin(p) && take_counted(&w, "0123456", 6, "company") && skip(&w, 6, "offer code") &&
	       take_counted(&w, "12345", 0, "save value") && take_purchase(&w) &&
	       take_other_purchases(&w) && take_dates(&w) && take_last_fields(&w) && end(&w);
}

bool gs1_check_couponposoffer(const struct gs1_piece *p)
{
	struct walk w = { p, 0 };

	return begin(p) && take_one_of(&w, "01", "format") &&
	       take_counted(&w, "0123456", 6, "funder") && skip(&w, 6, "offer code") &&
	       take_counted(&w, "0123456789", 6, "serial number") && end(&w);
}
