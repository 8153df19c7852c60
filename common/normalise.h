/*
 * normalise.h - data made canonical beyond its types: barcodes, items, units. Inside event_parse() only.
 *
 *   normalise_barcodes()   before the check of types and required fields: what a scan says and the line
 *                          does not is filled in, what it contradicts is refused
 *   event_data_check()
 *   normalise_items()      GTIN and SSCC in their full form, items by the site's own number, quantities
 *                          in the item's base unit
 *
 * Places are the lines of an event (/data/lines/0, /data/package/lines/0, /data/packages/1/lines/0) and
 * its packages (/data/package, /data/packages/1).
 *
 * What is changed is noted as "rule:pointer", which becomes `draynormalised`:
 *   scan  the text of scan_bytes, as `barcode`
 *   gs1   filled in from the barcode
 *   key   a GTIN or an SSCC brought to its full form
 *   item  the site's own number of an item, filled in or in the place of another
 *   unit  a quantity, or the code of its unit
 */
#ifndef DRAY_NORMALISE_H
#define DRAY_NORMALISE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/event.h"
#include "dray/problem.h"

#define PACKAGE_NONE (-1)
#define PACKAGE_ONLY (-2)

struct normalising {
	cJSON *data;
	const struct event_context *context;
	const char *type;
	struct problem *problem;
	struct buf changes; /* the caller's: buf_done() */
	bool is_replaced;   /* an item or a unit that was sent has made way for another */
};

struct place {
	cJSON *value; /* an object */
	bool is_line; /* a package otherwise */
	int package;  /* index in /data/packages, PACKAGE_ONLY: /data/package, PACKAGE_NONE */
	size_t line;  /* index in `lines`, of a line */
};

/* 0, or -1 with the problem filled; data may be changed in part then. */
int normalise_barcodes(struct normalising *n);
/* Likewise; `data` has passed event_data_check(). */
int normalise_items(struct normalising *n);

/* The parts share: */

typedef int (*place_fn)(struct normalising *n, const struct place *place);
/* Call `fn` for every place up to the event's bound of lines; stops at the first that gives -1. */
int normalise_walk(struct normalising *n, place_fn fn);

/* Note a change; `member` is below the place: "item/gtin". */
void normalise_note(
	struct normalising *n, const struct place *place, const char *rule, const char *member);
bool normalise_is_noted(const struct normalising *n, const struct place *place, const char *rule,
	const char *member);

/* Put a text into a member of an object, which gets it when it has none, and note it. 0 or -1. */
int normalise_set(struct normalising *n, const struct place *place, cJSON *object, const char *name,
	const char *text, const char *rule, const char *member);

/* -1, always. */
int normalise_refuse(const struct normalising *n, const struct place *place, enum reason reason,
	const char *member, const char *format, ...) __attribute__((format(printf, 5, 6)));
int normalise_refuse_memory(const struct normalising *n);
/* The reference data can't be read now: the event is refused as if the store were full. */
int normalise_refuse_store(const struct normalising *n);

/* normalise_item.c: the item of a line, and its quantities in the item's unit. */
int normalise_line(struct normalising *n, const struct place *place);
/* normalise_unit.c: the quantities of a line. `item` NULL: it is not known. */
struct reference_item;
int normalise_quantities(
	struct normalising *n, const struct place *place, const struct reference_item *item);
/* The unit in the member `uom` of an object by its code. `member` names it below the place. */
int normalise_uom(
	struct normalising *n, const struct place *place, cJSON *object, const char *member);

#endif
