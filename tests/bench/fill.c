/*
 * fill.c - a store in which a backlog waits: what drayd leaves behind when a destination has been
 * down for as long as it takes N events to come.
 *
 * Each event is parsed, rendered and stored by drayd's own functions, in transactions of EVENTS_PER
 * COMMIT; a system test compares the rows with those that drayd makes of the same events. Every
 * third delivery is parked behind the one before; one in ten each is critical and bulk; every
 * fiftieth was tried once, answered 503, and waits. Events are spread evenly over the last
 * --span seconds.
 */
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "dray/buf.h"
#include "dray/connector.h"
#include "dray/event.h"
#include "receipt.h"
#include "store/store.h"

#define EVENTS_PER_COMMIT 2000
#define DOCUMENTS 10000000
#define WAIT_MS 3600000 /* of those that were answered 503 */

struct filler {
	const char *path, *site, *destination, *connector;
	size_t count;
	int64_t span_s, began_ms;
	unsigned handhelds;
	bool is_scattered;
	struct store *store;
	int destination_id, revision;
	struct buf body;
	int64_t payload_bytes;
};

static void read_options(struct filler *filler, int argc, char **argv)
{
	static const struct option table[] = { { "file", required_argument, NULL, 'f' },
		{ "count", required_argument, NULL, 'c' }, { "site", required_argument, NULL, 's' },
		{ "destination", required_argument, NULL, 'd' },
		{ "connector", required_argument, NULL, 'C' },
		{ "handhelds", required_argument, NULL, 'n' },
		{ "span", required_argument, NULL, 'S' }, { "scattered", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'f')
			filler->path = optarg;
		else if (c == 'c')
			filler->count = (size_t)bench_number("--count", optarg, DOCUMENTS);
		else if (c == 's')
			filler->site = optarg;
		else if (c == 'd')
			filler->destination = optarg;
		else if (c == 'C')
			filler->connector = optarg;
		else if (c == 'n')
			filler->handhelds = (unsigned)bench_number("--handhelds", optarg, 9999);
		else if (c == 'S')
			filler->span_s = bench_number("--span", optarg, 1000000000);
		else if (c == 'x')
			filler->is_scattered = true;
		else
			filler->path = NULL;
	}
	if (!filler->path || !filler->connector || filler->count == 0 || filler->handhelds == 0)
		bench_die(
			"usage: bench_fill --file PATH --connector FILE [--count N] [--site NAME] "
			"[--destination NAME] [--handhelds N] [--span SECONDS] [--scattered]");
}

/* --- the store ------------------------------------------------------------------------------------ */

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	bench_die("%s", what);
}

static void need(const struct filler *filler, bool is_good)
{
	if (!is_good)
		bench_die("%s: %s", filler->path, store_failure(filler->store));
}

static cJSON *read_declaration(const char *path)
{
	static char text[65536];
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text), file) : 0;
	cJSON *declaration = cJSON_ParseWithLength(text, len);

	if (!declaration)
		bench_die("cannot read %s", path);
	(void)fclose(file);
	return declaration;
}

/* The revision that drayd pins for {"connector": "rest", "vars": {"path": "/events"}}. */
static void put_revision(struct filler *filler)
{
	uint8_t digest[ID_DIGEST_BYTES];
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	cJSON *vars = cJSON_CreateObject(), *declaration = read_declaration(filler->connector);

	(void)cJSON_AddStringToObject(vars, "path", "/events");
	if (connector_revision_text(
		    &(struct connector_source){ .declaration = declaration, .vars = vars }, &text,
		    digest, &err) < 0)
		bench_die("%s: %s", filler->connector, err.message);
	filler->revision = store_connector_revision(
		filler->store, "rest", text.data, text.len, digest, filler->began_ms);
	need(filler, filler->revision > 0);
	cJSON_Delete(vars);
	cJSON_Delete(declaration);
	buf_done(&text);
}

static void open_store(struct filler *filler)
{
	struct store_options options = {
		.path = filler->path, .max_bytes = (int64_t)1 << 40, .on_fatal = on_fatal
	};
	struct error err;

	if (access(filler->path, F_OK) == 0)
		bench_die("%s is there already", filler->path);
	if (store_open(&options, &filler->store, &err) != 0)
		bench_die("cannot make %s: %s", filler->path, err.message);
	filler->destination_id = store_destination_id(filler->store, filler->destination);
	need(filler, filler->destination_id > 0);
	put_revision(filler);
}

/* --- one event ------------------------------------------------------------------------------------- */

static size_t choose_document(const struct filler *filler, size_t place)
{
	size_t document = place % 3 == 2 ? place - 1 : place;

	/* An odd multiplier without a factor of ten million: each number comes once. */
	return filler->is_scattered ? document * 7654321 % DOCUMENTS : document;
}

static void parse(const struct filler *filler, size_t place, struct event *ret)
{
	static const struct event_limits limits = { 262144, 32, 500 };
	unsigned handheld = (unsigned)(place % filler->handhelds);
	int64_t age_ms =
		filler->span_s * 1000 * (int64_t)(filler->count - place) / (int64_t)filler->count;
	char payload[RECEIPT_MAX], device[32];
	struct receipt receipt;
	struct problem problem;

	receipt_make_at(&receipt, "7f11-8f11", place, handheld, choose_document(filler, place),
		filler->began_ms - age_ms);
	size_t len = receipt_print_short(&receipt, payload);
	(void)snprintf(device, sizeof(device), "tc52-%04u", handheld);
	const struct event_context context = {
		.site = filler->site,
		.topic_site = filler->site,
		.topic_type = "receipt",
		.topic_device = device,
		.received_at_ms = receipt.at_ms,
		.limits = &limits,
	};
	cJSON *object = cJSON_ParseWithLength(payload, len);
	if (!object || event_parse(object, &context, ret, &problem) < 0)
		bench_die("the receipt is refused: %s", payload);
}

static int64_t put_event(struct filler *filler, const struct event *event)
{
	int64_t seq = 0;

	buf_reset(&filler->body);
	event_render(event, &filler->body);
	const struct store_event row = {
		.source = event->source,
		.id = event->id,
		.type = event->type,
		.device = event->device,
		.document = event->document_key,
		.correlation = event->correlation_id,
		.origin = "handhelds",
		.occurred_at_ms = event->occurred_at_ms,
		.received_at_ms = event->received_at_ms,
		.sent_at_ms = event->sent_at_ms,
		.sequence = event->sequence,
		.digest = event->digest,
		.body = filler->body.data,
		.len = filler->body.len,
	};
	need(filler, store_put_event(filler->store, &row, &seq) == STORE_STORED);
	filler->payload_bytes += (int64_t)filler->body.len;
	return seq;
}

/* Tried once, and answered 503. */
static void put_wait(struct filler *filler, int64_t seq, int64_t at_ms)
{
	const struct store_settlement settlement = {
		.to = DELIVERY_WAITING,
		.due_at_ms = filler->began_ms + WAIT_MS,
		.status = 503,
		.now_ms = at_ms,
	};
	struct store *store = filler->store;

	need(filler,
		store_claim(store, filler->destination_id, seq, 0, filler->revision, at_ms) == 0);
	need(filler, store_settle(store, filler->destination_id, seq, &settlement) == 0);
	need(filler, store_put_attempt(store, filler->destination_id, seq, 1, at_ms, 20, "retry",
			     503, "HTTP status 503") == 0);
}

static void put(struct filler *filler, size_t place)
{
	int lane = place % 10 == 3 ? 0 : place % 10 == 6 ? 2 : 1;
	enum delivery_state state;
	struct event event;

	parse(filler, place, &event);
	int64_t seq = put_event(filler, &event);
	need(filler, store_put_delivery(filler->store, filler->destination_id, seq,
			     event.document_key, lane, &state) == 0);
	if (place % 50 == 0 && state == DELIVERY_READY)
		put_wait(filler, seq, event.received_at_ms);
	event_done(&event);
}

int main(int argc, char **argv)
{
	struct filler filler = { .site = "bench",
		.destination = "sink",
		.count = 1000000,
		.span_s = 3600,
		.handhelds = 20 };
	int64_t started_us = bench_now_us();

	read_options(&filler, argc, argv);
	filler.began_ms = receipt_now_ms();
	open_store(&filler);
	for (size_t place = 0; place < filler.count; place++) {
		put(&filler, place);
		if ((place + 1) % EVENTS_PER_COMMIT == 0 || place + 1 == filler.count) {
			need(&filler, store_commit(filler.store) == 0);
			store_checkpoint_tail(filler.store);
		}
	}
	store_close(filler.store);
	printf("{\"events\":%zu,\"seconds\":%.2f,\"payload_bytes\":%lld}\n", filler.count,
		(double)(bench_now_us() - started_us) / 1e6, (long long)filler.payload_bytes);
	buf_done(&filler.body);
	return 0;
}
