/*
 * door.c - what the door costs: one event from its bytes to its canonical form, beside a bare cJSON
 * parse and print of the same bytes. No store, no socket: counted under callgrind, which is the same
 * on a busy machine; the driver (door.py) takes the difference of two runs.
 *
 *   bench_door --what plain|gs1 --how door|bare --count N [--show]
 *
 * `door` is what intake does with one event: scanner, tree, event_parse() with a reference in memory,
 * event_render(), and the tree freed. `bare` is cJSON by itself, with malloc as it comes.
 */
#include <getopt.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "bench.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/reference.h"
#include "trees.h"

#define RECEIVED_AT_MS INT64_C(1795273505301) /* 2026-11-21T15:05:05.301Z */

static const char plain[] =
	"{\"id\":\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11\",\"type\":\"receipt\","
	"\"time\":\"2026-11-21T15:04:05.123+01:00\",\"operator\":\"u117\","
	"\"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1001\"},"
	"\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,"
	"\"lines\":[{\"line\":1,\"item\":{\"sku\":\"SKU-1\",\"gtin\":\"09506000134352\"},"
	"\"quantity\":12,\"uom\":\"EA\",\"lot\":\"L77\",\"expiry\":\"2027-03-31\"},"
	"{\"line\":2,\"item\":{\"sku\":\"SKU-2\"},\"quantity\":\"2.50\",\"uom\":\"KGM\","
	"\"condition\":\"damaged\",\"reason\":\"wet\"}]}}";

/* Two barcodes, and a case that becomes pieces. */
static const char gs1[] = "{\"id\":\"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b12\",\"type\":\"receipt\","
			  "\"time\":\"2026-11-21T15:04:05.123+01:00\",\"operator\":\"u117\","
			  "\"data\":{\"document\":{\"type\":\"purchase_order\",\"id\":\"PO-1001\"},"
			  "\"supplier\":{\"id\":\"ACME\"},\"dock\":\"D4\",\"final\":false,"
			  "\"lines\":[{\"line\":1,\"quantity\":3,\"uom\":\"CS\","
			  "\"barcode\":\"]d201095060001343521727033110L77\"},"
			  "{\"line\":2,\"quantity\":\"2.50\",\"uom\":\"KGM\","
			  "\"barcode\":\"]C1010950600013437610B-9\\u001d21S991\","
			  "\"condition\":\"damaged\",\"reason\":\"wet\"}]}}";

/* --- a reference of two items, in memory ----------------------------------------------------------- */

static bool has_items(void *ctx)
{
	(void)ctx;
	return true;
}

static int find_item(void *ctx, const char *scheme, const char *code, struct reference_item *ret)
{
	static const struct {
		const char *scheme, *code, *sku, *uom;
	} rows[] = { { "gtin", "09506000134352", "SKU-1", "EA" }, { "sku", "SKU-1", "SKU-1", "EA" },
		{ "gtin", "09506000134376", "SKU-2", "KGM" }, { "sku", "SKU-2", "SKU-2", "KGM" } };

	(void)ctx;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(rows[i].scheme, scheme) != 0 || strcmp(rows[i].code, code) != 0)
			continue;
		memset(ret, 0, sizeof(*ret));
		(void)snprintf(ret->sku, sizeof(ret->sku), "%s", rows[i].sku);
		(void)snprintf(ret->uom, sizeof(ret->uom), "%s", rows[i].uom);
		return 1;
	}
	return 0;
}

static int find_pack(void *ctx, const char *sku, const char *uom, char ret[DECIMAL_TEXT_MAX])
{
	(void)ctx;
	if (strcmp(sku, "SKU-1") != 0 || strcmp(uom, "CS") != 0)
		return 0;
	memcpy(ret, "12", 3);
	return 1;
}

static int find_unit(void *ctx, const char *name, char ret[REFERENCE_UOM_MAX])
{
	(void)ctx;
	(void)name;
	(void)ret;
	return 0;
}

/* --- the two ways --------------------------------------------------------------------------------- */

static const struct reference reference = { has_items, find_item, find_pack, find_unit, NULL };
static const struct event_limits event_limits = { 256 * 1024, 32, 500 };
static const struct json_limits json_limits = { 256 * 1024, 32, 200000, false };

static void pass_door(
	const char *text, size_t len, bool has_reference, struct buf *scanned, struct buf *body)
{
	const struct event_context context = {
		.site = "dc-muc-1",
		.topic_site = "dc-muc-1",
		.topic_type = "receipt",
		.topic_device = "tc52-0042",
		.received_at_ms = RECEIVED_AT_MS,
		.limits = &event_limits,
		.reference = has_reference ? &reference : NULL,
	};
	struct problem problem = { .reason = REASON_NONE };
	struct json_error flaw;
	struct event event;
	size_t consumed;

	trees_open();
	if (json_scan(text, len, &json_limits, scanned, &consumed, &flaw) != JSON_FINE)
		bench_die("door: %s", flaw.message);
	if (event_parse(cJSON_ParseWithLength(scanned->data, scanned->len), &context, &event,
		    &problem) < 0)
		bench_die("door: %s %s", problem.field, problem.message);
	buf_reset(body);
	event_render(&event, body);
	if (buf_failed(body))
		bench_die("door: no memory");
	event_done(&event);
	trees_close();
}

static void pass_bare(const char *text, size_t len)
{
	cJSON *tree = cJSON_ParseWithLength(text, len);
	char *printed = tree ? cJSON_PrintUnformatted(tree) : NULL;

	if (!printed)
		bench_die("door: cJSON failed");
	cJSON_free(printed);
	cJSON_Delete(tree);
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "what", required_argument, NULL, 'w' },
		{ "how", required_argument, NULL, 'h' }, { "count", required_argument, NULL, 'c' },
		{ "show", no_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct buf scanned = BUF_INIT, body = BUF_INIT;
	bool is_gs1 = false, is_bare = false, shows = false;
	const char *text;
	size_t len;
	long count = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'w')
			is_gs1 = strcmp(optarg, "gs1") == 0;
		else if (c == 'h')
			is_bare = strcmp(optarg, "bare") == 0;
		else if (c == 'c')
			count = bench_number("--count", optarg, 100000000);
		else if (c == 's')
			shows = true;
		else
			return 2;
	}
	text = is_gs1 ? gs1 : plain;
	len = strlen(text);
	if (!is_bare)
		trees_init();
	for (long i = 0; i < count; i++) {
		if (is_bare)
			pass_bare(text, len);
		else
			pass_door(text, len, is_gs1, &scanned, &body);
	}
	if (shows && body.len > 0)
		(void)printf("%.*s\n", (int)body.len, body.data);
	buf_done(&scanned);
	buf_done(&body);
	return 0;
}
