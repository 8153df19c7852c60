/*
 * reference_record.h - one record of reference data as it is imported: checked, made canonical, and what
 * it is found by.
 *
 *   {"kind":"item","id":"SKU-1","name":"Bolt","uom":"EA",
 *    "gtins":["09506000134352",{"gtin":"19506000134359","pack":"12"}],"packs":{"CS":"12","PX":"480"},
 *    "supplier_items":[{"supplier":"ACME","item":"A-77"},"B-9"],"codes":["OLD-1"]}
 *   {"kind":"unit","id":"H87","names":["Stk","Stück"]}
 *
 * Of an item all but kind and id is optional. Packs are in base units, so no pack can be made of
 * itself; a pack of a GTIN likewise. A unit's id is one of units.h, its names are what people at the
 * site write for it; they go before what everybody means by them. A unit that nobody knows is refused:
 * no event could say it. Records of any other kind need kind and id, and are kept as they are. Members
 * that are not known here are kept.
 *
 * The body is the record with the members above in this order, the others behind them, and canonical
 * values in place: GTINs of 14 digits, units as codes, packs as canonical decimals. Read again it gives
 * itself.
 *
 * What it is found by (schemes: reference.h):
 *
 *   gtin           each of `gtins`, with its pack         unit   each of a unit's `names`
 *   supplier_item  SUPPLIER/ITEM, or ITEM of any          pack   ID/UNIT, with its quantity
 *   sku            each of `codes`
 *
 * Pure.
 */
#ifndef DRAY_REFERENCE_RECORD_H
#define DRAY_REFERENCE_RECORD_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "dray/reference.h"

#define REFERENCE_KIND_MAX 33     /* a lower-case word of at most 32 characters, and a NUL */
#define REFERENCE_ALIASES_MAX 200 /* of one record */

struct reference_alias {
	const char *scheme; /* static */
	const char *code;   /* in `texts` of the record */
	const char *pack;   /* likewise; NULL none */
};

struct reference_record {
	char kind[REFERENCE_KIND_MAX];
	char id[REFERENCE_CODE_MAX];
	struct buf body;
	struct buf texts;
	struct reference_alias *aliases;
	size_t n_aliases;
};

enum reference_reading {
	REFERENCE_READ,
	REFERENCE_REFUSED, /* *err filled: `path` is a JSON Pointer from the record's root */
	REFERENCE_FAILED,  /* memory ran out, or `known` couldn't say */
};

/*
 * Read one record.
 *
 * object  any JSON value, passed by the scanner; the caller's, changed in place.
 * kind    what it must be, and is when it doesn't say; NULL: it says.
 * known   asked for names of units, local ones first; NULL: units go by their short names.
 * ret     to be freed with reference_record_done(), whatever is returned.
 */
enum reference_reading reference_record_read(cJSON *object, const char *kind,
	const struct reference *known, struct reference_record *ret, struct error *err);
void reference_record_done(struct reference_record *record);

#endif
