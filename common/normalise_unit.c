/*
 * normalise_unit.c - quantities in the item's base unit, units by their codes; see normalise.h
 *
 * How many base units a pack holds is the item's own to say; only where it says nothing, two measures
 * of one kind convert by the table.
 */
#include <string.h>

#include "dray/json.h"
#include "dray/reference.h"
#include "dray/units.h"
#include "normalise.h"

#define RULE "unit"

static const char *const quantities[] = { "quantity", "requested", "allocated", "failed",
	"accepted" };

#define N_QUANTITIES (sizeof(quantities) / sizeof(*quantities))

/* How a line's quantities become the base unit's. */
struct conversion {
	const char *from;    /* NULL: the line says no unit */
	const char *to;      /* NULL: no base unit is known, nothing is converted */
	struct decimal pack; /* digits 0: none */
};

/* The code that a text stands for; local names win. NULL with the problem filled. */
static const char *find_code(const struct normalising *n, const struct place *place,
	const char *text, const char *member)
{
	const struct reference *reference = n->context->reference;
	char local[REFERENCE_UOM_MAX];
	int found = reference->find_unit(reference->ctx, text, local);
	const char *code;

	if (found < 0) {
		(void)normalise_refuse_store(n);
		return NULL;
	}
	code = unit_find(found > 0 ? local : text);
	if (!code)
		(void)normalise_refuse(
			n, place, REASON_UOM_UNKNOWN, member, "the unit %s is not known", text);
	return code;
}

static int set_uom(struct normalising *n, const struct place *place, cJSON *object,
	const char *said, const char *code, const char *member)
{
	if (said && strcmp(said, code) == 0)
		return 0;
	n->is_replaced |= said != NULL;
	return normalise_set(n, place, object, "uom", code, RULE, member);
}

int normalise_uom(
	struct normalising *n, const struct place *place, cJSON *object, const char *member)
{
	const char *said = json_get_string(object, "uom");
	const char *code;

	if (!said || !*said)
		return 0;
	code = find_code(n, place, said, member);
	return code ? set_uom(n, place, object, said, code, member) : -1;
}

static bool parse(const char *text, struct decimal *ret)
{
	return decimal_parse(text, strlen(text), ret);
}

/* How the item counts what the line says. */
static int find_conversion(const struct normalising *n, const struct place *place,
	const struct reference_item *item, struct conversion *c)
{
	const struct reference *reference = n->context->reference;
	char pack[DECIMAL_TEXT_MAX];
	int found;

	if (!item || !*item->uom)
		return 0;
	c->to = unit_find(item->uom);
	if (!c->to)
		c->to = item->uom;
	if (!c->from) {
		if (*item->pack)
			(void)parse(item->pack, &c->pack);
		return 0;
	}
	if (strcmp(c->from, c->to) == 0)
		return 0;
	found = reference->find_pack(reference->ctx, item->sku, c->from, pack);
	if (found < 0)
		return normalise_refuse_store(n);
	if (found > 0 && parse(pack, &c->pack) && c->pack.digits > 0)
		return 0;
	if (unit_is_convertible(c->from, c->to))
		return 0;
	return normalise_refuse(n, place, REASON_UOM_INEXACT, "uom",
		"how much %s of %s is in %s is not known", c->to, item->sku, c->from);
}

static bool convert(const struct conversion *c, struct decimal *value)
{
	struct decimal from = *value;

	if (c->pack.digits > 0)
		return decimal_times(&from, &c->pack, value);
	return !c->from || strcmp(c->from, c->to) == 0 ||
	       unit_convert(&from, c->from, c->to, value);
}

static int convert_quantity(struct normalising *n, const struct place *place,
	const struct conversion *c, const char *name)
{
	const char *said = json_get_string(place->value, name);
	struct decimal value;
	char text[DECIMAL_TEXT_MAX];

	if (!said || !parse(said, &value))
		return 0;
	if (!convert(c, &value))
		return normalise_refuse(n, place, REASON_UOM_INEXACT, name,
			"%s %s can't be said exactly in %s", said, c->from ? c->from : "packs",
			c->to);
	if (unit_is_whole(c->to) && !decimal_is_whole(&value))
		return normalise_refuse(n, place, REASON_UOM_INEXACT, name,
			"%s %s are no whole number of %s", said, c->from ? c->from : c->to, c->to);
	decimal_format(&value, text);
	if (strcmp(text, said) == 0)
		return 0;
	n->is_replaced = true;
	return normalise_set(n, place, place->value, name, text, RULE, name);
}

int normalise_quantities(
	struct normalising *n, const struct place *place, const struct reference_item *item)
{
	const char *said = json_get_string(place->value, "uom");
	struct conversion c = { 0 };
	bool has_quantity = false;

	if (said && *said) {
		c.from = find_code(n, place, said, "uom");
		if (!c.from)
			return -1;
	}
	if (find_conversion(n, place, item, &c) < 0)
		return -1;
	for (size_t i = 0; i < N_QUANTITIES; i++) {
		has_quantity |= json_get_string(place->value, quantities[i]) != NULL;
		if (c.to && convert_quantity(n, place, &c, quantities[i]) < 0)
			return -1;
	}
	if (c.to && has_quantity)
		return set_uom(n, place, place->value, c.from ? said : NULL, c.to, "uom");
	return c.from ? set_uom(n, place, place->value, said, c.from, "uom") : 0;
}
