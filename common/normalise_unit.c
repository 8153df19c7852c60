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
	code = unit_find(reference->unit_names, found > 0 ? local : text);
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
	c->to = unit_find(reference->unit_names, item->uom);
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

/* A quantity in the base unit as text; "" when there is nothing to change. 0, or -1 refused. */
static int convert_quantity(const struct normalising *n, const struct place *place,
	const struct conversion *c, const char *name, char ret[DECIMAL_TEXT_MAX])
{
	const char *said = json_get_string(place->value, name);
	struct decimal value;

	*ret = '\0';
	if (!said || !parse(said, &value))
		return 0;
	if (!convert(c, &value))
		return normalise_refuse(n, place, REASON_UOM_INEXACT, name,
			"%s %s can't be said exactly in %s", said, c->from ? c->from : "packs",
			c->to);
	if (unit_is_whole(c->to) && !decimal_is_whole(&value))
		return normalise_refuse(n, place, REASON_UOM_INEXACT, name,
			"%s %s are no whole number of %s", said, c->from ? c->from : c->to, c->to);
	decimal_format(&value, ret);
	if (strcmp(ret, said) == 0)
		*ret = '\0';
	return 0;
}

/* All of a line or none: its quantities share the unit. */
static int convert_line(
	struct normalising *n, const struct place *place, const struct conversion *c)
{
	char texts[N_QUANTITIES][DECIMAL_TEXT_MAX];
	const char *said = json_get_string(place->value, "uom");

	for (size_t i = 0; i < N_QUANTITIES; i++) {
		if (convert_quantity(n, place, c, quantities[i], texts[i]) < 0)
			return -1;
	}
	for (size_t i = 0; i < N_QUANTITIES; i++) {
		n->is_replaced |= *texts[i] != '\0';
		if (*texts[i] && normalise_set(n, place, place->value, quantities[i], texts[i],
					 RULE, quantities[i]) < 0)
			return -1;
	}
	return set_uom(n, place, place->value, c->from ? said : NULL, c->to, "uom");
}

static bool has_quantity(const cJSON *line)
{
	for (size_t i = 0; i < N_QUANTITIES; i++)
		if (json_get_string(line, quantities[i]))
			return true;
	return false;
}

int normalise_quantities(
	struct normalising *n, const struct place *place, const struct reference_item *item)
{
	const char *said = json_get_string(place->value, "uom");
	struct conversion c = { 0 };

	if (said && *said) {
		c.from = find_code(n, place, said, "uom");
		if (!c.from)
			return -1;
	}
	if (has_quantity(place->value) && find_conversion(n, place, item, &c) < 0)
		return -1;
	if (c.to)
		return convert_line(n, place, &c);
	return c.from ? set_uom(n, place, place->value, said, c.from, "uom") : 0;
}
