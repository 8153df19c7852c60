/* help_normalise.c - see help_normalise.h */
#include "help_normalise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"
#include "dray/reference.h"
#include "dray/units.h"

static const struct json_limits scan_limits = { 1 << 18, 32, 100000, false };
static const struct event_limits event_limits = { 1 << 18, 32, 500 };

/* --- a site's items and units ------------------------------------------------------------------------ */

static const struct {
	const char *scheme, *code, *sku, *uom, *pack;
} items[] = {
	{ "sku", "SKU-1", "SKU-1", "EA", "" },
	{ "sku", "OLD-1", "SKU-1", "EA", "" },
	{ "gtin", "09506000134352", "SKU-1", "EA", "" },
	{ "gtin", "19506000134359", "SKU-1", "EA", "12" },
	{ "supplier_item", "ACME/A-77", "SKU-1", "EA", "" },
	{ "supplier_item", "A-77", "SKU-2", "KGM", "" },
	{ "sku", "SKU-2", "SKU-2", "KGM", "" },
	{ "gtin", "04006381333931", "SKU-2", "KGM", "" },
	{ "sku", "SKU-3", "SKU-3", "", "" },
	{ "sku", "SKU-4", "SKU-4", "XKG", "" },
};

static const struct {
	const char *sku, *uom, *pack;
} packs[] = {
	{ "SKU-1", "CS", "12" },
	{ "SKU-1", "PX", "576" },
	{ "SKU-1", "LTR", "0.5" },
	{ "SKU-2", "BG", "2.5" },
};

static const struct {
	const char *name, *code;
} units[] = {
	{ "Stk", "H87" },
	{ "KG", "XKG" }, /* a brewery's keg: local names win */
	{ "Krt", "XCS" },
	{ "odd", "no unit" },
};

static bool has_items(void *ctx)
{
	return ((struct site *)ctx)->has_items;
}

static int find_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	if (((struct site *)ctx)->is_broken)
		return -1;
	for (size_t i = 0; i < N(items); i++)
		if (strcmp(items[i].scheme, scheme) == 0 && strcmp(items[i].code, code) == 0) {
			(void)snprintf(ret->sku, sizeof(ret->sku), "%s", items[i].sku);
			(void)snprintf(ret->uom, sizeof(ret->uom), "%s", items[i].uom);
			(void)snprintf(ret->pack, sizeof(ret->pack), "%s", items[i].pack);
			return 1;
		}
	return 0;
}

static int find_pack(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX])
{
	(void)ctx;
	for (size_t i = 0; i < N(packs); i++)
		if (strcmp(packs[i].sku, sku) == 0 && strcmp(packs[i].uom, uom) == 0)
			return snprintf(ret, DECIMAL_TEXT_MAX, "%s", packs[i].pack) > 0;
	return 0;
}

static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	if (((struct site *)ctx)->is_broken)
		return -1;
	for (size_t i = 0; i < N(units); i++)
		if (strcmp(units[i].name, name) == 0)
			return snprintf(ret, REFERENCE_UOM_MAX, "%s", units[i].code) > 0;
	return 0;
}

struct site site_stocked = { true, false };
struct site site_empty = { false, false };
struct site site_broken = { true, true };

/* --- an event of one type, read -------------------------------------------------------------------- */

int site_parse(const char *type, const char *data, struct site *site, bool accepts_invalid,
	struct event *ret, struct problem *ret_problem)
{
	struct unit_names *names = unit_names_new();
	const struct reference reference = { has_items, find_item, find_pack, find_unit, site,
		names };
	struct event_context context = { .site = "s",
		.topic_device = "d",
		.limits = &event_limits,
		.received_at_ms = INT64_C(1795269845000), /* 2026-11-21 */
		.reference = site ? &reference : NULL,
		.accepts_invalid = accepts_invalid };
	struct buf text = BUF_INIT;
	struct buf scratch = BUF_INIT;
	cJSON *object;
	int status;

	assert_non_null(names);
	buf_printf(&text, "{\"id\":\"1\",\"time\":0,\"type\":\"%s\",\"data\":%s}", type, data);
	object = json_parse(text.data, text.len, &scan_limits, &scratch, NULL);
	assert_non_null(object);
	buf_done(&text);
	buf_done(&scratch);
	status = event_parse(object, &context, ret, ret_problem);
	unit_names_free(names);
	return status;
}

void assert_data(const char *type, struct site *site, const char *data, const char *expected,
	const char *noted, bool is_changed)
{
	struct buf out = BUF_INIT;
	struct problem problem = { 0 };
	const char *changes;
	struct event event;

	if (site_parse(type, data, site, false, &event, &problem) < 0)
		fail_msg("%s %s: %s (%s)", reason_word(problem.reason), problem.field,
			problem.message, data);
	json_print(event.data, &out);
	assert_string_equal(out.data, expected);
	changes = event_field_string(&event, "draynormalised");
	if (strcmp(changes ? changes : "", noted) != 0)
		fail_msg("'%s' and not '%s' (%s)", changes ? changes : "", noted, data);
	if (event.is_changed != is_changed)
		fail_msg("is_changed %d (%s)", event.is_changed, data);
	event_done(&event);
	buf_done(&out);
}

void assert_changes(struct site *site, const struct change *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char data[1024];
		char expected[1024];

		(void)snprintf(data, sizeof(data),
			"{\"supplier\":{\"id\":\"ACME\"},\"lines\":[%s]}", rows[i].line);
		(void)snprintf(expected, sizeof(expected),
			"{\"supplier\":{\"id\":\"ACME\"},\"lines\":[%s]}", rows[i].expected);
		assert_data("receipt", site, data, expected, rows[i].noted, rows[i].is_changed);
	}
}

static void assert_refuses(struct site *site, const struct refusal *row)
{
	struct problem problem = { 0 };
	struct event event;
	char data[1024];

	(void)snprintf(data, sizeof(data), "{\"lines\":[%s]}", row->line);
	if (site_parse("receipt", data, site, false, &event, &problem) == 0)
		fail_msg("taken: %s", row->line);
	if (problem.reason != row->reason || strcmp(problem.field, row->field) != 0 ||
		!strstr(problem.message, row->message))
		fail_msg("%s %s: %s (%s)", reason_word(problem.reason), problem.field,
			problem.message, row->line);
}

void assert_refused(struct site *site, const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_refuses(site, &rows[i]);
}
