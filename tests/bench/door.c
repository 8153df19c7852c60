/*
 * door.c - what the door costs: one event from its bytes to its canonical form, beside a bare cJSON
 * parse and print of the same bytes. No store, no socket: counted under callgrind, which is the same
 * on a busy machine; the driver (door.py) takes the difference of two runs.
 *
 *   bench_door --what plain|gs1 --how door|bare --count N [--show]
 *   bench_door --adapter PROGRAM --payload FILE --vars JSON --map DRAY-MAP --count N [--show]
 *
 * `door` is what intake does with one event: scanner, tree, event_parse() with a reference in memory,
 * event_render(), and the tree freed. `bare` is cJSON by itself, with malloc as it comes. With an adapter
 * its input is made, dray-map asked, one call at a time, and what it gives passes the door.
 */
#include <getopt.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <event2/event.h>

#include "bench.h"
#include "dray/adapter_contract.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/reference.h"
#include "mapper/mapper.h"
#include "trees.h"

#define PATIENCE_MS 600000 /* it may run under an instrument */

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

static const struct reference reference = { .has_items = has_items,
	.find_item = find_item,
	.find_pack = find_pack,
	.find_unit = find_unit };
static const struct event_limits event_limits = { 256 * 1024, 32, 500 };
static const struct json_limits json_limits = { 256 * 1024, 32, 200000, false };

static void pass_event(const char *text, size_t len, const struct reference *known,
	const char *device, struct buf *scanned, struct buf *body)
{
	const struct event_context context = {
		.site = "dc-muc-1",
		.topic_site = device ? "dc-muc-1" : NULL,
		.topic_type = device ? "receipt" : NULL,
		.topic_device = device,
		.received_at_ms = RECEIVED_AT_MS,
		.limits = &event_limits,
		.reference = known,
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

/* --- through an adapter ---------------------------------------------------------------------------- */

struct adapter_run {
	struct event_base *base;
	struct mapper *mapper;
	struct mapper_program *program;
	const char *payload, *vars;
	size_t len;
	struct buf scanned, body;
	bool is_done;
};

static char *read_whole(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *text = bench_alloc(65536, 1);

	if (!file)
		bench_die("door: cannot read %s", path);
	*ret_len = fread(text, 1, 65535, file);
	text[*ret_len] = '\0';
	(void)fclose(file);
	return text;
}

/* What cases show: an event, or an array of one. */
static void on_events(void *ctx, enum mapper_outcome outcome, const char *text, size_t len)
{
	struct adapter_run *run = ctx;

	if (outcome != MAPPER_OUTPUT)
		bench_die("door: the program gave no event: %s", text);
	run->is_done = true;
	if (*text == '[') {
		text++;
		len -= 2;
	}
	pass_event(text, len, NULL, NULL, &run->scanned, &run->body);
}

static void pass_adapter(struct adapter_run *run)
{
	struct json_error flaw;
	struct buf input = BUF_INIT;

	if (json_scan(run->payload, run->len, &json_limits, &run->scanned, NULL, &flaw) !=
		JSON_FINE)
		bench_die("door: %s", flaw.message);
	adapter_put_input(&(struct adapter_input){ .payload = ADAPTER_JSON,
				  .value = run->scanned.data,
				  .len = run->scanned.len,
				  .topic = "acme/scan/tc52-0042",
				  .site = "dc-muc-1",
				  .source = "scanners",
				  .vars = run->vars,
				  .received_at_ms = RECEIVED_AT_MS },
		&input);
	if (buf_failed(&input) || !mapper_call(run->program, input.data, input.len, on_events, run))
		bench_die("door: no memory");
	buf_done(&input);
	run->is_done = false;
	while (!run->is_done)
		(void)event_base_loop(run->base, EVLOOP_ONCE);
}

static void run_adapter(const char *const *given, long count, bool shows)
{
	struct adapter_run run = { .base = event_base_new(), .vars = given[2] };
	size_t program_len;
	char *program = read_whole(given[0], &program_len);
	char *payload = read_whole(given[1], &run.len);

	run.payload = payload;
	run.mapper = mapper_new(run.base,
		&(struct mapper_options){
			.path = given[3], .zone = "Europe/Berlin", .bound_ms = PATIENCE_MS });
	run.program = mapper_program_new(run.mapper, program, program_len);
	for (long i = 0; i < count; i++)
		pass_adapter(&run);
	if (shows)
		(void)printf("%.*s\n", (int)run.body.len, run.body.data);
	mapper_program_unref(run.program);
	mapper_free(run.mapper);
	event_base_free(run.base);
	buf_done(&run.scanned);
	buf_done(&run.body);
	free(program);
	free(payload);
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "what", required_argument, NULL, 'w' },
		{ "how", required_argument, NULL, 'h' }, { "count", required_argument, NULL, 'c' },
		{ "show", no_argument, NULL, 's' }, { "adapter", required_argument, NULL, '0' },
		{ "payload", required_argument, NULL, '1' },
		{ "vars", required_argument, NULL, '2' }, { "map", required_argument, NULL, '3' },
		{ NULL, 0, NULL, 0 } };
	const char *given[4] = { NULL };
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
		else if (c >= '0' && c <= '3')
			given[c - '0'] = optarg;
		else
			return 2;
	}
	if (given[0]) {
		trees_init();
		run_adapter(given, count, shows);
		return 0;
	}
	text = is_gs1 ? gs1 : plain;
	len = strlen(text);
	if (!is_bare)
		trees_init();
	for (long i = 0; i < count; i++) {
		if (is_bare)
			pass_bare(text, len);
		else
			pass_event(text, len, is_gs1 ? &reference : NULL, "tc52-0042", &scanned,
				&body);
	}
	if (shows && body.len > 0)
		(void)printf("%.*s\n", (int)body.len, body.data);
	buf_done(&scanned);
	buf_done(&body);
	return 0;
}
