/*
 * normalise_item.c - the item of a line by the site's own number; see normalise.h
 *
 * A line may name its item in three ways. A number of the site's own must be known; of the others, what
 * nobody knows says nothing as long as another one is known. All that are known must mean one item.
 */
#include <string.h>

#include "dray/json.h"
#include "dray/reference.h"
#include "normalise.h"

/* What is known of an item so far. */
struct finding {
	bool is_known;
	const char *name; /* the member that named it first */
	struct reference_item item;
};

static int refuse_unknown(const struct normalising *n, const struct place *place,
	const char *member, const char *name, const char *code)
{
	return normalise_refuse(
		n, place, REASON_ITEM_UNKNOWN, member, "no item has the %s %s", name, code);
}

static int refuse_two(const struct normalising *n, const struct place *place, const char *member,
	const struct finding *finding, const char *name, const struct reference_item *other)
{
	bool is_scanned = normalise_is_noted(n, place, "gs1", "item/gtin");

	return normalise_refuse(n, place,
		is_scanned && strcmp(name, "gtin") == 0 ? REASON_BARCODE_CONFLICT
							: REASON_ITEM_UNKNOWN,
		member, "%s is of %s, %s of %s", finding->name, finding->item.sku, name,
		other->sku);
}

/* 1 found, 0 not, -1 refused. */
static int look_up(const struct normalising *n, const char *scheme, const char *code,
	struct reference_item *ret)
{
	const struct reference *reference = n->context->reference;
	int found = reference->find_item(reference->ctx, scheme, code, ret);

	return found < 0 ? normalise_refuse_store(n) : found;
}

/* As the document's supplier calls it, else as any supplier does. */
static int look_up_supplier_item(
	const struct normalising *n, const char *number, struct reference_item *ret)
{
	const char *supplier = json_get_string(json_get(n->data, "supplier"), "id");
	char code[REFERENCE_CODE_MAX];
	int found = 0;

	if (supplier && *supplier && text_join(code, sizeof(code), supplier, "/", number))
		found = look_up(n, "supplier_item", code, ret);
	return found == 0 ? look_up(n, "supplier_item", number, ret) : found;
}

/* One way to name the item. 0, or -1 refused. */
static int try_name(const struct normalising *n, const struct place *place, const char *name,
	const char *member, struct finding *finding)
{
	const char *code = json_get_string(json_get(place->value, "item"), name);
	struct reference_item item;
	int found;

	if (!code || !*code)
		return 0;
	found = strcmp(name, "supplier_item") == 0 ? look_up_supplier_item(n, code, &item)
						   : look_up(n, name, code, &item);
	if (found < 0)
		return -1;
	if (found == 0)
		return strcmp(name, "sku") == 0 ? refuse_unknown(n, place, member, name, code) : 0;
	if (finding->is_known && strcmp(finding->item.sku, item.sku) != 0)
		return refuse_two(n, place, member, finding, name, &item);
	if (!finding->is_known)
		*finding = (struct finding){ true, name, item };
	else if (!*finding->item.pack)
		memcpy(finding->item.pack, item.pack, sizeof(item.pack));
	return 0;
}

static int find_item(struct normalising *n, const struct place *place, struct finding *ret)
{
	const struct reference *reference = n->context->reference;
	cJSON *item = json_get(place->value, "item");
	const char *code = json_get_string(item, "gtin");

	if (!cJSON_IsObject(item) || !reference->has_items(reference->ctx))
		return 0;
	if (try_name(n, place, "sku", "item/sku", ret) < 0 ||
		try_name(n, place, "gtin", "item/gtin", ret) < 0 ||
		try_name(n, place, "supplier_item", "item/supplier_item", ret) < 0)
		return -1;
	if (ret->is_known)
		return 0;
	if (code && *code)
		return refuse_unknown(n, place, "item/gtin", "gtin", code);
	code = json_get_string(item, "supplier_item");
	return refuse_unknown(n, place, "item/supplier_item", "supplier_item", code ? code : "");
}

int normalise_line(struct normalising *n, const struct place *place)
{
	struct finding finding = { 0 };
	cJSON *item = json_get(place->value, "item");
	const char *sku = json_get_string(item, "sku");

	if (find_item(n, place, &finding) < 0)
		return -1;
	if (!finding.is_known)
		return normalise_quantities(n, place, NULL);
	if (!sku || strcmp(sku, finding.item.sku) != 0) {
		n->is_replaced |= sku && *sku;
		if (normalise_set(n, place, item, "sku", finding.item.sku, "item", "item/sku") < 0)
			return -1;
	}
	return normalise_quantities(n, place, &finding.item);
}
