/*
 * engine.c - what a delivery costs the engine: a real store, turn, intake and engine in one process,
 * and a courier in whose place every request is answered at once. No socket, and where --folder is a
 * tmpfs no disk: what is left is drayd's own work.
 *
 *   events     come in by the one door, --at-once of them a turn, while deliveries rest
 *   deliver    then the engine carries --deliver deliveries to their destinations
 *
 * Each phase is measured by itself. To count instructions run it twice under callgrind, with another
 * --deliver or --events: what both runs do alike goes out of the difference.
 */
#include <getopt.h>
#include <string.h>

#include <event2/event.h>

#include "bench.h"
#include "capture/intake.h"
#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "mapper/mapper.h"
#include "receipt.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define HANDHELDS 20
#define PATIENCE_MS 600000 /* for one call of a program: it may run under an instrument */
#define TEXT_MAX 65536
#define PATH_MAX_BYTES 512

struct reply {
	courier_done_fn done;
	void *ctx;
};

struct engine {
	const char *folder, *connectors, *map;
	size_t n_events, n_deliveries, at_once;
	struct config *config;
	struct event_base *base;
	struct event *wake;
	struct store *store;
	struct metrics *metrics;
	struct turn *turn;
	struct mapper *mapper;
	struct deliver *deliver;
	struct intake *intake;
	struct reply *replies; /* to requests that wait for their answer */
	size_t n_replies, replies_cap;
	size_t n_stored, n_delivered, n_requests, n_turns;
	bool is_measured; /* the wanted deliveries are committed */
};

static void need(bool is_good, const char *what)
{
	if (!is_good)
		bench_die("engine: %s failed", what);
}

static void read_options(struct engine *engine, int argc, char **argv)
{
	static const struct option table[] = { { "folder", required_argument, NULL, 'f' },
		{ "connectors", required_argument, NULL, 'c' },
		{ "map", required_argument, NULL, 'm' }, { "events", required_argument, NULL, 'e' },
		{ "deliver", required_argument, NULL, 'd' },
		{ "at-once", required_argument, NULL, 'a' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'f')
			engine->folder = optarg;
		else if (c == 'c')
			engine->connectors = optarg;
		else if (c == 'm')
			engine->map = optarg;
		else if (c == 'e')
			engine->n_events = (size_t)bench_number("--events", optarg, 10000000);
		else if (c == 'd')
			engine->n_deliveries = (size_t)bench_number("--deliver", optarg, 10000000);
		else if (c == 'a')
			engine->at_once = (size_t)bench_number("--at-once", optarg, 1000);
		else
			engine->folder = NULL;
	}
	if (!engine->folder || !engine->connectors || engine->at_once == 0)
		bench_die("usage: bench_engine --folder DIR --connectors DIR --events N --deliver "
			  "N [--map PROGRAM] [--at-once N]\nDIR holds dray.json; the store is made "
			  "there");
}

/* --- the courier ------------------------------------------------------------------------------------ */

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	(void)destination;
	(void)err;
	return ctx;
}

static int start_request(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct engine *engine = opened;

	(void)request;
	if (engine->n_replies == engine->replies_cap) {
		engine->replies_cap = engine->replies_cap ? 2 * engine->replies_cap : 64;
		engine->replies = reallocarray(
			engine->replies, engine->replies_cap, sizeof(*engine->replies));
		need(engine->replies != NULL, "memory");
	}
	engine->replies[engine->n_replies++] = (struct reply){ done, done_ctx };
	engine->n_requests++;
	event_active(engine->wake, EV_TIMEOUT, 1);
	return 0;
}

static void forget_request(void *opened, void *done_ctx)
{
	struct engine *engine = opened;

	for (size_t i = 0; i < engine->n_replies; i++)
		if (engine->replies[i].ctx == done_ctx)
			engine->replies[i--] = engine->replies[--engine->n_replies];
}

static void close_line(void *opened)
{
	(void)opened;
}

/* As the sink of the other figures answers. */
static void on_answer_time(evutil_socket_t fd, short what, void *ctx)
{
	static const struct courier_answer answer = {
		.transport = TRANSPORT_ANSWERED, .status = 200, .body = "", .error = ""
	};
	struct engine *engine = ctx;
	size_t n = engine->n_replies;

	(void)fd;
	(void)what;
	/* None is started from within a callback: requests leave in release. */
	for (size_t i = 0; i < n; i++)
		engine->replies[i].done(engine->replies[i].ctx, &answer);
	engine->n_replies = 0;
}

/* --- the house -------------------------------------------------------------------------------------- */

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	bench_die("%s", what);
}

static void on_news(void *ctx, const struct deliver_news *news)
{
	struct engine *engine = ctx;

	if (news->is_exception)
		bench_die("an exception: %s", news->reason);
	engine->n_delivered++;
}

static void on_alert(void *ctx, const char *severity, const char *text)
{
	(void)ctx;
	bench_die("%s: %s", severity, text);
}

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	(void)device;
	if (ack->status != ACK_STORED)
		bench_die("a receipt was not stored: %s", ack->problem.message);
	((struct engine *)ctx)->n_stored++;
}

/* Behind the engine: news of this turn are told. Checkpoints are done by whoever owns no thread. */
static void on_committed(void *ctx)
{
	struct engine *engine = ctx;

	intake_committed(engine->intake);
	engine->n_turns++;
	engine->is_measured = engine->n_delivered >= engine->n_deliveries;
	if (engine->is_measured)
		turn_stop(engine->turn);
}

static void on_release(void *ctx)
{
	store_checkpoint_tail(((struct engine *)ctx)->store);
}

static void read_config(struct engine *engine)
{
	static char text[TEXT_MAX];
	char path[PATH_MAX_BYTES];
	struct error err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/dray.json", engine->folder);
	FILE *file = fopen(path, "re");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	cJSON *document = cJSON_ParseWithLength(text, len);
	if (!document || config_build(document, &engine->config, &err) != 0)
		bench_die("%s: %s %s", path, err.path, err.message);
	cJSON_Delete(document);
	(void)fclose(file);
}

static void open_store(struct engine *engine)
{
	char path[PATH_MAX_BYTES];
	struct error err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/dray.db", engine->folder);
	const struct store_options options = {
		.path = path, .max_bytes = (int64_t)1 << 40, .on_fatal = on_fatal
	};
	if (store_open(&options, &engine->store, &err) != 0)
		bench_die("%s", err.message);
}

static void open_engine(struct engine *engine)
{
	static struct courier courier;
	static struct secret_dirs secrets;
	static const char *dirs[2];
	struct error err = { 0 };

	courier = (struct courier){ open_line, start_request, forget_request, close_line, engine };
	secrets.beside = engine->folder;
	dirs[0] = engine->connectors;
	engine->mapper = mapper_new(
		engine->base, &(struct mapper_options){ .path = engine->map ? engine->map : "",
				      .zone = "UTC",
				      .bound_ms = PATIENCE_MS,
				      .hold_ms = MAPPER_HOLD_MS });
	engine->deliver = deliver_new(&(struct deliver_options){ .base = engine->base,
		.turn = engine->turn,
		.store = engine->store,
		.metrics = engine->metrics,
		.clock = clock_system(),
		.couriers = { &courier, &courier, &courier },
		.mapper = engine->mapper,
		.secrets = &secrets,
		.connector_dirs = dirs,
		.on_news = on_news,
		.on_alert = on_alert,
		.ctx = engine });
	need(engine->deliver != NULL, "the engine");
	if (deliver_configure(engine->deliver, engine->config, &err) != 0)
		bench_die("%s: %s", err.path, err.message);
}

static void open_house(struct engine *engine)
{
	read_config(engine);
	engine->base = event_base_new();
	engine->metrics = metrics_new();
	engine->wake = event_new(engine->base, -1, 0, on_answer_time, engine);
	open_store(engine);
	engine->turn = turn_new(engine->base, engine->store, engine->metrics, clock_system());
	need(engine->turn && engine->wake, "the loop");
	open_engine(engine);
	engine->intake =
		intake_new(engine->store, engine->deliver, engine->metrics, clock_system());
	need(engine->intake && intake_configure(engine->intake, engine->config) == 0, "intake");
	turn_add(engine->turn, &(struct turn_member){ .name = "bench",
				       .committed = on_committed,
				       .release = on_release,
				       .ctx = engine });
}

static void close_house(struct engine *engine)
{
	deliver_free(engine->deliver);
	mapper_free(engine->mapper);
	intake_free(engine->intake);
	turn_free(engine->turn);
	store_close(engine->store);
	metrics_free(engine->metrics);
	config_free(engine->config);
	event_free(engine->wake);
	event_base_free(engine->base);
	free(engine->replies);
}

/* --- the phases -------------------------------------------------------------------------------------- */

static void take(struct engine *engine, size_t place)
{
	unsigned handheld = (unsigned)(place % HANDHELDS);
	char payload[RECEIPT_MAX], device[32];
	struct receipt receipt;

	receipt_make(&receipt, "7f11-8f11", place, handheld, place);
	(void)snprintf(device, sizeof(device), "tc52-%04u", handheld);
	const struct intake_message message = { .origin = "handhelds",
		.topic_site = engine->config->site,
		.topic_type = "receipt",
		.topic_device = device,
		.payload = payload,
		.len = receipt_print_short(&receipt, payload),
		.received_at_ms = receipt.at_ms };
	need(intake_take(engine->intake, &message, on_ack, engine) == 0, "intake");
}

static void take_events(struct engine *engine)
{
	deliver_rest(engine->deliver, true);
	for (size_t place = 0; place < engine->n_events; place++) {
		take(engine, place);
		if ((place + 1) % engine->at_once == 0 || place + 1 == engine->n_events)
			turn_finish(engine->turn);
	}
	need(engine->n_stored == engine->n_events && engine->n_delivered == 0, "storing");
}

static void deliver_events(struct engine *engine)
{
	deliver_rest(engine->deliver, false);
	need(turn_run(engine->turn) == 0 && engine->is_measured, "the loop");
}

struct span {
	int64_t cpu_us, at_us;
};

static struct span now(void)
{
	return (struct span){ bench_cpu_us(), bench_now_us() };
}

static void print_phase(const char *name, size_t n, const struct span *from, const struct span *to)
{
	printf("\"%s\":{\"n\":%zu,\"cpu_us\":%lld,\"wall_us\":%lld},", name, n,
		(long long)(to->cpu_us - from->cpu_us), (long long)(to->at_us - from->at_us));
}

/* Of the mapper's child, when it has ended. */
static int64_t child_cpu_us(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) != 0)
		return 0;
	return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
	struct engine engine = { .n_events = 1000, .n_deliveries = 1000, .at_once = 50 };

	read_options(&engine, argc, argv);
	open_house(&engine);
	const struct span began = now();
	take_events(&engine);
	const struct span stored = now();
	size_t n_turns = engine.n_turns;
	if (engine.n_deliveries > 0)
		deliver_events(&engine);
	const struct span ended = now();
	n_turns = engine.n_turns - n_turns;
	close_house(&engine);
	printf("{");
	print_phase("events", engine.n_stored, &began, &stored);
	print_phase("deliver", engine.n_delivered, &stored, &ended);
	printf("\"requests\":%zu,\"turns\":%zu,\"child_cpu_us\":%lld}\n", engine.n_requests,
		n_turns, (long long)child_cpu_us());
	return 0;
}
