/* gs1_value.c - see gs1.h: what elements mean */
#include <stdio.h>
#include <string.h>

#include "dray/gs1.h"
#include "dray/gs1_ai.h"
#include "gs1_check.h"

const struct gs1_element *gs1_find(const struct gs1_scan *scan, const char *ai)
{
	for (size_t i = 0; i < scan->n; i++)
		if (strcmp(scan->elements[i].ai, ai) == 0)
			return &scan->elements[i];
	return NULL;
}

const char *gs1_value(const struct gs1_scan *scan, const char *ai)
{
	const struct gs1_element *element = gs1_find(scan, ai);

	return element ? element->value : NULL;
}

bool gs1_date(const struct gs1_scan *scan, const char *ai, char ret[GS1_DATE_MAX])
{
	const struct gs1_element *element = gs1_find(scan, ai);
	enum gs1_check check = element ? element->row->parts[0].checks[0] : GS1_NO_CHECK;
	const char *digits;
	int year;
	int month;
	int day;

	if (check != GS1_YYMMD0 && check != GS1_YYMMDD && check != GS1_YYYYMMDD)
		return false;
	digits = element->value + (check == GS1_YYYYMMDD ? 4 : 2);
	year = (int)gs1_number_of(element->value, (size_t)(digits - element->value));
	if (check != GS1_YYYYMMDD)
		year = gs1_year(year, scan->year);
	month = (int)gs1_number_of(digits, 2);
	day = (int)gs1_number_of(digits + 2, 2);
	if (day == 0)
		day = gs1_days_in(year, month);
	return snprintf(ret, GS1_DATE_MAX, "%04d-%02d-%02d", year, month, day) == GS1_DATE_MAX - 1;
}

/* Does the AI begin so? */
static bool begins(const char *ai, const char *start)
{
	return strncmp(ai, start, strlen(start)) == 0;
}

bool gs1_number(const struct gs1_element *element, struct decimal *ret)
{
	const char *ai = element->ai;
	/* 391n and 393n begin with a currency of three digits. */
	size_t skip = begins(ai, "391") || begins(ai, "393") ? 3 : 0;
	int decimals = ai[2] == '\0' ? 0 : ai[3] - '0';

	if (ai[0] != '3' || !decimal_parse(element->value + skip, element->len - skip, ret))
		return false;
	while (decimals > 0 && ret->digits % 10 == 0 && ret->digits > 0) {
		ret->digits /= 10;
		decimals--;
	}
	ret->scale = ret->digits == 0 ? 0 : decimals;
	return true;
}

const char *gs1_uom(const struct gs1_element *element)
{
	return *element->row->uom ? element->row->uom : NULL;
}

bool gs1_is_logistic(const struct gs1_element *element)
{
	/* Those that an SSCC may stand beside. */
	return *element->row->uom && begins(element->row->req, "00");
}
