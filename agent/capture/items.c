/* items.c - see items.h */
#include "capture/items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/reference.h"
#include "dray/units.h"
#include "store/reference.h"
#include "store/store.h"

#define ANSWERS 1024 /* kept at a time, a power of two */
#define KEPT_CODE 65 /* longer ones are asked for each time */
#define KEPT_SCHEME 16

/* What one question was answered with. */
struct answer {
	char scheme[KEPT_SCHEME]; /* "" the place is free */
	char code[KEPT_CODE];
	bool is_there;
	struct reference_item item;
};

struct items {
	struct store *store;
	struct unit_names *unit_names;
	struct reference reference;
	uint64_t changes; /* that the answers know of */
	int has_items;    /* -1 not asked yet */
	struct answer answers[ANSWERS];
};

/* --- what is kept --------------------------------------------------------------------------------- */

static void forget_old(struct items *items)
{
	uint64_t changes = store_reference_changes(items->store);

	if (items->changes == changes)
		return;
	items->changes = changes;
	items->has_items = -1;
	memset(items->answers, 0, sizeof(items->answers));
}

/* FNV-1a, 32 bits. */
static uint32_t mix(uint32_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619U;
	return hash;
}

static struct answer *place_of(struct items *items, const char *scheme, const char *code)
{
	uint32_t hash = mix(mix(2166136261U, scheme) * 16777619U, code);

	return &items->answers[(hash ^ hash >> 16) % ANSWERS];
}

static bool is_kept(const struct answer *answer, const char *scheme, const char *code)
{
	return strcmp(answer->scheme, scheme) == 0 && strcmp(answer->code, code) == 0;
}

static void keep(struct answer *answer, const char *scheme, const char *code, bool is_there,
	const struct reference_item *item)
{
	if (strlen(code) >= sizeof(answer->code) || strlen(scheme) >= sizeof(answer->scheme))
		return;
	(void)snprintf(answer->scheme, sizeof(answer->scheme), "%s", scheme);
	(void)snprintf(answer->code, sizeof(answer->code), "%s", code);
	answer->is_there = is_there;
	if (is_there)
		answer->item = *item;
}

/* --- what the store says -------------------------------------------------------------------------- */

static int on_alias(void *ctx, const struct store_alias_row *row)
{
	struct reference_item *item = ctx;

	(void)snprintf(item->sku, sizeof(item->sku), "%s", row->id);
	(void)snprintf(item->pack, sizeof(item->pack), "%s", row->pack);
	return 0;
}

/* The base unit stands in the body, which was checked when it was imported. */
static int on_item(void *ctx, const struct store_reference_row *row)
{
	struct reference_item *item = ctx;
	cJSON *body = cJSON_ParseWithLength(row->body, row->len);
	const char *uom = json_get_string(body, "uom");

	(void)snprintf(item->sku, sizeof(item->sku), "%s", row->id);
	(void)snprintf(item->uom, sizeof(item->uom), "%s", uom ? uom : "");
	cJSON_Delete(body);
	return 0;
}

/* An item's own number comes before another one's old code. */
static int ask_item(
	struct items *items, const char *scheme, const char *code, struct reference_item *ret)
{
	int found = strcmp(scheme, "sku") == 0
			    ? store_get_reference(items->store, "item", code, on_item, ret)
			    : 0;

	if (found != 0)
		return found;
	found = store_find_alias(items->store, "item", scheme, code, on_alias, ret);
	if (found <= 0)
		return found;
	return store_get_reference(items->store, "item", ret->sku, on_item, ret);
}

/* Packs and units lie in `pack` and `sku` of the same struct: one kind of answer is kept. */
static int ask(struct items *items, const char *kind, const char *scheme, const char *code,
	struct reference_item *ret)
{
	struct answer *answer;
	int found;

	forget_old(items);
	*ret = (struct reference_item){ 0 };
	answer = place_of(items, scheme, code);
	if (is_kept(answer, scheme, code)) {
		*ret = answer->item;
		return answer->is_there;
	}
	found = kind ? store_find_alias(items->store, kind, scheme, code, on_alias, ret)
		     : ask_item(items, scheme, code, ret);
	if (found >= 0)
		keep(answer, scheme, code, found, ret);
	return found;
}

/* --- struct reference ----------------------------------------------------------------------------- */

/* While a broken database is being read items may be on their way back: none is unknown yet. */
static bool has_items(void *ctx)
{
	struct items *items = ctx;

	if (store_is_salvaging(items->store))
		return false;
	forget_old(items);
	if (items->has_items < 0)
		items->has_items = store_has_reference(items->store, "item");
	return items->has_items != 0; /* where it can't be said the next question says so */
}

static int find_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	return ask(ctx, NULL, scheme, code, ret);
}

static int find_pack(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX])
{
	char code[REFERENCE_CODE_MAX];
	struct reference_item item;
	int n = snprintf(code, sizeof(code), "%s/%s", sku, uom);
	int found;

	if (n < 0 || (size_t)n >= sizeof(code))
		return 0;
	found = ask(ctx, "item", "pack", code, &item);
	if (found > 0)
		(void)snprintf(ret, DECIMAL_TEXT_MAX, "%s", item.pack);
	return found;
}

static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	struct items *items = ctx;
	struct reference_item item;
	int found = ask(items, "unit", "unit", name, &item);

	if (found > 0)
		(void)snprintf(ret, REFERENCE_UOM_MAX, "%.*s", REFERENCE_UOM_MAX - 1, item.sku);
	/* A local name may be on its way back, as items may: it can't be said to be none. */
	if (found == 0 && store_is_salvaging(items->store) && !unit_find(items->unit_names, name))
		return -1;
	return found;
}

struct items *items_new(struct store *store)
{
	struct items *items = calloc(1, sizeof(*items));

	if (!items)
		return NULL;
	items->unit_names = unit_names_new();
	if (!items->unit_names) {
		items_free(items);
		return NULL;
	}
	items->store = store;
	items->changes = store_reference_changes(store);
	items->has_items = -1;
	items->reference = (struct reference){ .has_items = has_items,
		.find_item = find_item,
		.find_pack = find_pack,
		.find_unit = find_unit,
		.ctx = items,
		.unit_names = items->unit_names };
	return items;
}

void items_free(struct items *items)
{
	if (!items)
		return;
	unit_names_free(items->unit_names);
	free(items);
}

const struct reference *items_reference(const struct items *items)
{
	return &items->reference;
}
