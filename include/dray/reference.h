/*
 * reference.h - what the site knows of its items and units, asked by code.
 *
 * The event core asks while it normalises (event.h); whoever has the tables answers
 * (agent/capture/items.h from the store; tests from a table in memory).
 *
 * A code belongs to a scheme:
 *
 *   sku            the site's own number: the item's id, or an old one that now means another
 *   gtin           14 digits, zeros in front; of the unit itself or of a pack of it
 *   supplier_item  SUPPLIER/NUMBER as the document's supplier is called, or NUMBER of any supplier
 *
 * Pure: nothing but declarations.
 */
#ifndef DRAY_REFERENCE_H
#define DRAY_REFERENCE_H

#include <stdbool.h>

#include "dray/decimal.h"

#define REFERENCE_CODE_MAX 201 /* a code and its NUL */
#define REFERENCE_UOM_MAX 17

struct reference_item {
	char sku[65];
	char uom[REFERENCE_UOM_MAX]; /* base unit, a code of units.h; "" not said */
	char pack[DECIMAL_TEXT_MAX]; /* base units in what the code that was asked for names: a
					  * case's GTIN says 12; "" one */
};

struct unit_names;

struct reference {
	/* Is there any item? While there is none, items pass as they are. */
	bool (*has_items)(void *ctx);
	/* 1 found, *ret filled; 0 there is none; -1 it can't be said now: nothing may be stored. */
	int (*find_item)(
		void *ctx, const char *scheme, const char *code, struct reference_item *ret);
	/* How many base units of the item one `uom` holds ("CS": "12"). 1, 0 or -1 likewise. */
	int (*find_pack)(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX]);
	/* The code that a local name of a unit stands for ("Stk": "H87"). 1, 0 or -1 likewise. */
	int (*find_unit)(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX]);
	void *ctx;
	struct unit_names *unit_names; /* for units.h; NULL: units go by short names only */
};

#endif
