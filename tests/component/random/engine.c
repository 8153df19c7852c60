/*
 * engine.c - the engine of a day: its clock, its configuration, its turn with the places where a kill
 * may strike, how it is built and how it ends.
 */
#include <stdio.h>
#include <string.h>

#include "../help_faulty_vfs.h"
#include "day.h"
#include "loop.h"
#include "keep/timekeeper.h"

/* --- the clock ------------------------------------------------------------------------------------ */

static int64_t read_wall_ms(void *ctx)
{
	(void)ctx;
	return DAY_BEGINS_AT_MS + loop_now_ms() + day.wall_ahead_ms;
}

int64_t stamp_ms(void)
{
	return clock_steady_ms(timekeeper_clock(day.timekeeper));
}

int64_t wall_ms(void)
{
	return clock_wall_ms(timekeeper_clock(day.timekeeper));
}

static int64_t read_mono_us(void *ctx)
{
	(void)ctx;
	return (loop_now_ms() - day.boot_at_ms + 1000) * 1000;
}

static void fill_entropy(void *ctx, void *bytes, size_t len)
{
	unsigned char *to = bytes;

	(void)ctx;
	while (len-- > 0)
		*to++ = (unsigned char)(dice_roll(&day.entropy) >> 24);
}

static bool say_synchronised(void *ctx)
{
	(void)ctx;
	return day.wall_ahead_ms == 0;
}

static void tell_boot(void *ctx, char out[TIMELINE_ID_MAX])
{
	(void)ctx;
	(void)snprintf(out, TIMELINE_ID_MAX, "boot-%u", day.n_boots);
}

/* --- configuration -------------------------------------------------------------------------------- */

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	(void)ctx;
	(void)err;
	for (unsigned i = 0; i < CLOUDS; i++)
		if (strcmp(day.clouds[i].name, destination->name) == 0)
			return &day.clouds[i];
	return NULL;
}

static void close_line(void *opened)
{
	(void)opened;
}

static void describe(const struct cloud *cloud, struct buf *out)
{
	static const char *const modes[] = { "header", "none", "none", "natural", "lookup" };
	const struct terms *terms = &cloud->terms;
	char text[1024], by[128];

	if (has_program(cloud))
		(void)snprintf(by, sizeof(by),
			"\"documents\",\"vars\":{\"cloud\":\"%d\"},\"looks\":%u", cloud->id,
			cloud->looks);
	else
		(void)snprintf(
			by, sizeof(by), "\"rest\",\"vars\":{\"path\":\"/v%u\"}", terms->path);

	(void)snprintf(text, sizeof(text),
		"\"%s\":{\"connector\":%s,\"url\":\"http://%s\","
		"\"concurrency\":%u,\"order_by\":\"%s\",\"on_exception\":\"%s\",%s"
		"\"idempotency\":{\"mode\":\"%s\",\"lifetime\":\"%lldms\"},"
		"\"retry\":{\"base\":\"500ms\",\"max\":\"%lldms\",\"give_up\":\"%lldms\"},"
		"\"breaker\":{\"failures\":%u,\"probe\":\"%lldms\"},"
		"\"timeout\":\"%lldms\",\"settle\":\"%lldms\","
		"\"auth\":{\"type\":\"bearer\",\"token\":{\"file\":\"token\"}},"
		"\"batch\":{\"max\":%u,\"linger\":\"%lldms\",\"max_bytes\":%lld}",
		cloud->name, by, cloud->name, terms->concurrency,
		cloud->order == 'd'   ? "document"
		: cloud->order == 'v' ? "device"
				      : "none",
		cloud->passes ? "pass" : "block",
		cloud->mode == MODE_RESEND ? "\"on_doubt\":\"resend\"," : "", modes[cloud->mode],
		(long long)cloud->lifetime_ms, (long long)cloud->retry_max_ms,
		(long long)cloud->give_up_ms, cloud->failures, (long long)cloud->probe_ms,
		(long long)cloud->timeout_ms, (long long)cloud->settle_ms, terms->batch_max,
		(long long)terms->linger_ms, (long long)terms->max_bytes);
	buf_puts(out, text);
	if (terms->rate_per_hour > 0) {
		(void)snprintf(text, sizeof(text), ",\"rate\":\"%lld/h\"",
			(long long)terms->rate_per_hour);
		buf_puts(out, text);
	}
	buf_putc(out, '}');
}

static struct config *build_config(void)
{
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	struct config *config = NULL;
	bool has_any = false;

	buf_puts(&text, "{\"site\":\"dc-1\",\"destinations\":{");
	for (unsigned i = 0; i < CLOUDS; i++) {
		if (!day.clouds[i].terms.is_there)
			continue;
		buf_puts(&text, has_any ? "," : "");
		describe(&day.clouds[i], &text);
		has_any = true;
	}
	buf_puts(&text, "}}");
	cJSON *document = cJSON_ParseWithLength(text.data, text.len);
	buf_done(&text);
	if (config_build(document, &config, &err) != 0)
		day_fail("%s: %s", err.path, err.message);
	cJSON_Delete(document);
	for (size_t i = 0; i < config->n_destinations; i++)
		for (unsigned n = 0; n < CLOUDS; n++)
			if (day.clouds[n].takes_chains &&
				strcmp(config->destinations[i].name, day.clouds[n].name) == 0)
				config->destinations[i].batch_kind = CONFIG_BATCH_ORDERED;
	return config;
}

void engine_configure(void)
{
	struct config *config = build_config();
	struct error err = { 0 };

	if (deliver_configure(day.deliver, config, &err) != 0)
		day_fail("%s: %s", err.path, err.message);
	config_free(day.config);
	day.config = config;
}

/* --- the turn ------------------------------------------------------------------------------------- */

static void kill_at(enum kill point)
{
	if (day.kill == point)
		longjmp(day.killed, 1);
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	trace("%s", what);
	longjmp(day.killed, 2);
}

/* The keeper's part: a disk that refuses is tried again each second. */
void engine_on_probe(int fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	if (day.turn)
		turn_wake(day.turn);
}

static void before_dispatch(void *ctx)
{
	(void)ctx;
	if (loop_now_ms() != day.turn_at_ms)
		day.n_turns_now = 0;
	day.turn_at_ms = loop_now_ms();
	CHECK(++day.n_turns_now < 1000, "turn after turn, and nothing happens");
	if (store_is_refusing(day.store) && store_probe(day.store) != 0)
		loop_set(day.probe, loop_now_ms() + 1000);
	kill_at(KILL_GATHERED);
}

/* A commit takes its time, and may not come. */
static void after_dispatch(void *ctx)
{
	(void)ctx;
	kill_at(KILL_DISPATCHED);
	if (!day.is_evening || draw_percent(10))
		loop_pass(draw(20));
}

static void on_committed(void *ctx)
{
	(void)ctx;
	watch_commit();
	kill_at(KILL_COMMITTED);
}

static void on_released(void *ctx)
{
	(void)ctx;
	if (day.is_failing && loop_now_ms() >= day.failing_until_ms) {
		faulty_vfs_disarm();
		day.is_failing = false;
	}
	if (draw(16) == 0)
		store_checkpoint_tail(day.store);
}

static void on_poisoned(void *ctx)
{
	(void)ctx;
	trace("poisoned: %s", store_failure(day.store));
	watch_poison();
	if (loop_now_ms() >= day.failing_until_ms) {
		faulty_vfs_disarm();
		day.is_failing = false;
	}
}

/* --- building and killing -------------------------------------------------------------------------- */

void engine_build(void)
{
	static const char *const connectors[] = { DRAY_CONNECTORS, day.dir, NULL };
	struct error err = { 0 };

	if (store_open(&(struct store_options){ .path = day.path,
			       .vfs = FAULTY_VFS,
			       .max_bytes = (int64_t)1 << 30,
			       .on_fatal = on_fatal },
		    &day.store, &err) != 0)
		day_fail("%s: %s", err.path, err.message);
	if (day.n_kills > 0)
		watch_kill(day.n_kills > 0 && day.kill == KILL_NONE);
	day.kill = KILL_NONE;
	day.is_draining = false;
	day.is_resting = false;
	day.timekeeper = timekeeper_new(&day.clock);
	timekeeper_open(day.timekeeper, day.store, "");
	const struct clock *clock = timekeeper_clock(day.timekeeper);
	day.turn = turn_new(NULL, day.store, day.metrics, clock);
	turn_add(day.turn, &(struct turn_member){ .name = "before",
				   .dispatch = before_dispatch,
				   .committed = on_committed,
				   .poisoned = on_poisoned });
	day.deliver = deliver_new(&(struct deliver_options){
		.turn = day.turn,
		.store = day.store,
		.metrics = day.metrics,
		.clock = clock,
		.couriers = { &day.courier },
		.mapper = programs_open(),
		.secrets = &day.secrets,
		.connector_dirs = connectors,
		.on_news = watch_news,
	});
	turn_add(day.turn,
		&(struct turn_member){
			.name = "after", .dispatch = after_dispatch, .release = on_released });
	timekeeper_attach(day.timekeeper, day.turn);
	engine_configure();
	for (unsigned i = 0; i < CLOUDS; i++)
		CHECK(store_destination_id(day.store, day.clouds[i].name) == day.clouds[i].id,
			"another number");
}

/* What dies doesn't tidy up: nothing reaches the disk any more. */
void engine_end(bool is_killed)
{
	if (is_killed)
		faulty_vfs_arm(FAULTY_WRITE | FAULTY_TRUNCATE, 1, SQLITE_IOERR_WRITE, true);
	deliver_free(day.deliver);
	turn_free(day.turn);
	store_close(day.store);
	timekeeper_free(day.timekeeper);
	faulty_vfs_disarm();
	day.is_failing = false;
	day.deliver = NULL;
	day.turn = NULL;
	day.store = NULL;
}

void engine_begin_day(void)
{
	day.clock = (struct clock){ .wall_ms = read_wall_ms,
		.mono_us = read_mono_us,
		.entropy = fill_entropy,
		.is_synchronised = say_synchronised,
		.boot_id = tell_boot };
	day.secrets = (struct secret_dirs){ .beside = day.dir };
	day.courier =
		(struct courier){ .open = open_line, .start = cloud_start, .close = close_line };
	day.metrics = metrics_new();
}

void engine_end_day(void)
{
	engine_end(false);
	config_free(day.config);
	metrics_free(day.metrics);
}
