/*
 * help_normalise.h - an event of one type, read at a site with items and units in memory, and what is
 * expected of it.
 *
 *   SKU-1 in EA, also OLD-1, GTIN 09506000134352, its case's 19506000134359 (12), ACME's A-77; packs CS
 *         12, PX 576, LTR 0.5
 *   SKU-2 in KGM, also GTIN 04006381333931, anybody's A-77; pack BG 2.5
 *   SKU-3 without a unit, SKU-4 in kegs
 *   units Stk, Krt, KG (a keg: local names win), odd (of no code)
 */
#ifndef DRAY_HELP_NORMALISE_H
#define DRAY_HELP_NORMALISE_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/event.h"

#define N(array_) (sizeof(array_) / sizeof(*(array_)))
#define GS "\\u001d"
#define ITEM "\"item\":{\"sku\":\"SKU-1\"}"
#define OF(sku_) "\"item\":{\"sku\":\"" sku_ "\"}"
#define LINE "/data/lines/0"

struct site {
	bool has_items;
	bool is_broken; /* the store can't be read */
};

extern struct site site_stocked, site_empty, site_broken;

/* One line of a receipt from the supplier ACME. */
struct change {
	const char *line;     /* as sent */
	const char *expected; /* as stored */
	const char *noted;    /* draynormalised; "" none */
	bool is_changed;
};

struct refusal {
	const char *line;
	enum reason reason;
	const char *field;
	const char *message; /* a part of it */
};

/* `site` NULL: without reference data. */
int site_parse(const char *type, const char *data, struct site *site, bool accepts_invalid,
	struct event *ret, struct problem *ret_problem);
void assert_data(const char *type, struct site *site, const char *data, const char *expected,
	const char *noted, bool is_changed);
void assert_changes(struct site *site, const struct change *rows, size_t n);
void assert_refused(struct site *site, const struct refusal *rows, size_t n);

#endif
