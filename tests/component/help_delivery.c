#include "help_delivery.h"

#include "help_courier.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "deliver/deliver_internal.h"
#include "help_faulty_vfs.h"

#define START_MS INT64_C(1795000000000)

/* --- the clock ------------------------------------------------------------------------------------ */

static int64_t read_wall_ms(void *ctx)
{
	const struct house *house = ctx;

	return house->now_ms + house->wall_ahead_ms;
}

static int64_t read_mono_us(void *ctx)
{
	const struct house *house = ctx;

	return (house->now_ms - house->boot_at_ms) * 1000;
}

static void fill_entropy(void *ctx, void *bytes, size_t len)
{
	struct house *house = ctx;
	unsigned char *to = bytes;

	while (len-- > 0) {
		house->entropy ^= house->entropy << 13;
		house->entropy ^= house->entropy >> 7;
		house->entropy ^= house->entropy << 17;
		*to++ = (unsigned char)(house->entropy >> 24);
	}
}

static bool say_synchronised(void *ctx)
{
	return !((struct house *)ctx)->is_unsynchronised;
}

static void tell_boot(void *ctx, char out[TIMELINE_ID_MAX])
{
	(void)snprintf(
		out, TIMELINE_ID_MAX, "boot-%lld", (long long)((struct house *)ctx)->boot_at_ms);
}

/* --- connectors ------------------------------------------------------------------------------------ */

static char own_connectors[64];

static void write_text(const char *name, const char *file, const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", own_connectors, name);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", own_connectors, name, file);
	FILE *to = fopen(path, "we");
	assert_non_null(to);
	assert_true(fputs(text, to) >= 0);
	assert_int_equal(fclose(to), 0);
}

static void remove_connectors(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", own_connectors);
	if (system(command) != 0)
		abort();
}

void house_connector(const char *name, const char *declared, mapper_play_fn fn)
{
	char text[512];

	if (!own_connectors[0]) {
		(void)snprintf(own_connectors, sizeof(own_connectors), "%s/dray-connectors-XXXXXX",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		assert_non_null(mkdtemp(own_connectors));
		assert_int_equal(atexit(remove_connectors), 0);
	}
	(void)snprintf(text, sizeof(text), "{\"name\":\"%s\",\"version\":1%s%s}", name,
		*declared ? "," : "", declared);
	write_text(name, "connector.json", text);
	write_text(name, "connector.jq", name);
	mapper_know(name, fn);
}

/* --- the courier ---------------------------------------------------------------------------------- */

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	(void)destination;
	(void)err;
	return ctx;
}

static void forget_errand(void *opened, void *done_ctx)
{
	struct house *house = opened;

	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house->errands[i].is_out && house->errands[i].ctx == done_ctx)
			house->errands[i].is_out = false;
}

static void close_line(void *opened)
{
	(void)opened;
}

static void copy(char *out, size_t size, const char *text)
{
	assert_true(snprintf(out, size, "%s", text ? text : "") < (int)size);
}

/* The header, whole, that is neither the content type nor the key. */
static const char *find_credentials(const struct courier_request *request)
{
	for (const char *const *header = request->headers; *header; header++)
		if (strncmp(*header, "Content-Type", 12) != 0 &&
			strncmp(*header, "Idempotency-Key", 15) != 0)
			return *header;
	return NULL;
}

/* What is neither content type nor key nor credentials. */
static void copy_extra(struct errand *errand, const struct courier_request *request)
{
	size_t len = 0;

	for (const char *const *header = request->headers; *header; header++)
		if (strncmp(*header, "Content-Type:", 13) != 0 &&
			strncmp(*header, "Idempotency-Key:", 16) != 0 &&
			strncmp(*header, "Authorization:", 14) != 0)
			len += (size_t)snprintf(
				errand->extra + len, sizeof(errand->extra) - len, "%s\n", *header);
	assert_true(len < sizeof(errand->extra));
}

static int start_errand(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct house *house = opened;

	if (house->refuses_to_start)
		return -1;
	for (size_t i = 0; i < ERRANDS_MAX; i++) {
		struct errand *errand = &house->errands[i];

		if (errand->is_out)
			continue;
		memset(errand, 0, offsetof(struct errand, body));
		copy(errand->destination, sizeof(errand->destination), request->destination);
		copy(errand->method, sizeof(errand->method), request->method);
		copy(errand->url, sizeof(errand->url), request->url);
		copy(errand->path, sizeof(errand->path), request->path);
		copy_extra(errand, request);
		copy(errand->key, sizeof(errand->key), courier_find(request, "Idempotency-Key"));
		copy(errand->authorization, sizeof(errand->authorization),
			find_credentials(request));
		copy(errand->content_type, sizeof(errand->content_type),
			courier_find(request, "Content-Type"));
		assert_true(request->len < sizeof(errand->body));
		if (request->len > 0)
			memcpy(errand->body, request->body, request->len);
		errand->body[request->len] = '\0';
		errand->is_out = true;
		errand->has_key = courier_find(request, "Idempotency-Key") != NULL;
		errand->is_fresh = request->fresh_connection;
		errand->done = done;
		errand->ctx = done_ctx;
		house->n_started++;
		return 0;
	}
	fail_msg("more requests at once than any window here allows");
	return -1;
}

/* --- the house ------------------------------------------------------------------------------------ */

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void on_news(void *ctx, const struct deliver_news *news)
{
	struct house *house = ctx;

	if (news->is_exception)
		house->n_exceptions++;
	else
		house->n_done++;
	copy(house->last_ref, sizeof(house->last_ref), news->ref);
	copy(house->last_kind, sizeof(house->last_kind), news->kind);
	copy(house->last_severity, sizeof(house->last_severity), news->severity);
	if (news->is_exception)
		copy(house->last_reason, sizeof(house->last_reason), news->reason);
}

static void on_alert(void *ctx, const char *severity, const char *text)
{
	struct house *house = ctx;

	(void)severity;
	house->n_alerts++;
	copy(house->last_alert, sizeof(house->last_alert), text);
}

static int on_emit(void *ctx, const struct deliver_emit *emit)
{
	struct house *house = ctx;
	cJSON *event = cJSON_ParseWithLength(emit->text, emit->len);

	assert_non_null(event);
	assert_true(house->n_emitted < sizeof(house->emitted) / sizeof(house->emitted[0]));
	(void)snprintf(house->emitted[house->n_emitted++], sizeof(house->emitted[0]), "%u %s %s",
		emit->index, cJSON_GetStringValue(cJSON_GetObjectItem(event, "type")),
		emit->parent_id);
	cJSON_Delete(event);
	return 0;
}

/* Behind deliver's dispatch: time passes, or all that it wrote is lost. */
static void disturb_turn(void *ctx)
{
	struct house *house = ctx;
	const struct store_settlement settlement = { .to = DELIVERY_DONE };

	house->now_ms += house->commit_takes_ms;
	house->commit_takes_ms = 0;
	if (!house->poisons)
		return;
	house->poisons = false;
	assert_int_equal(store_settle(house->store, 1, 999999999, &settlement), -1);
	assert_true(store_is_poisoned(house->store));
}

static void put_members(struct buf *out, const char *members)
{
	if (*members && out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	buf_puts(out, members);
}

enum config_batch_kind house_batch_kind = CONFIG_BATCH_PARTIAL;
const char *house_others = HOUSE_TMS;

static struct config *build_config(const char *erp)
{
	struct buf text = BUF_INIT;
	struct error err = { 0 };
	struct config *config = NULL;
	cJSON *document;

	buf_puts(&text, "{\"site\":\"dc-1\",\"destinations\":{\"erp\":{");
	put_members(&text, strstr(erp, "\"url\"") ? "" : "\"url\":\"http://erp\"");
	put_members(&text, strstr(erp, "\"connector\"")
				   ? ""
				   : "\"connector\":\"rest\",\"vars\":{\"path\":\"/events\"}");
	put_members(&text, erp);
	buf_printf(&text, "},%s}}", house_others);
	document = cJSON_Parse(text.data);
	assert_non_null(document);
	buf_done(&text);
	if (config_build(document, &config, &err) != 0)
		fail_msg("%s: %s", err.path, err.message);
	cJSON_Delete(document);
	for (size_t i = 0; i < config->n_destinations; i++)
		if (strcmp(config->destinations[i].name, "erp") == 0)
			config->destinations[i].batch_kind = house_batch_kind;
	return config;
}

int house_configure(struct house *house, const char *erp)
{
	struct config *config = build_config(erp);
	struct error err = { 0 };
	int status = deliver_configure(house->deliver, config, &err);

	if (status != 0) {
		config_free(config);
		return status;
	}
	config_free(house->config);
	house->config = config;
	return 0;
}

static void start(struct house *house, const char *erp)
{
	static const char *const connectors[] = { own_connectors, DRAY_CONNECTORS, NULL };
	struct error err = { 0 };

	assert_int_equal(store_open(&(struct store_options){ .path = house->path,
					    .vfs = FAULTY_VFS,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &house->store, &err),
		0);
	house->timekeeper = timekeeper_new(&house->clock);
	assert_non_null(house->timekeeper);
	timekeeper_open(house->timekeeper, house->store, "");
	const struct clock *clock = timekeeper_clock(house->timekeeper);
	house->turn = turn_new(house->base, house->store, house->metrics, clock);
	assert_non_null(house->turn);
	house->mapper = mapper_new(house->base, &(struct mapper_options){ .path = "" });
	house->deliver = deliver_new(&(struct deliver_options){
		.base = house->base,
		.turn = house->turn,
		.store = house->store,
		.metrics = house->metrics,
		.clock = clock,
		.couriers = { &house->courier, &house->courier, &house->courier },
		.mapper = house->mapper,
		.on_emit = on_emit,
		.secrets = &house->secrets,
		.connector_dirs = connectors,
		.on_news = on_news,
		.on_alert = on_alert,
		.ctx = house,
	});
	assert_non_null(house->deliver);
	turn_add(house->turn,
		&(struct turn_member){ .name = "disturb", .dispatch = disturb_turn, .ctx = house });
	timekeeper_attach(house->timekeeper, house->turn);
	assert_int_equal(house_configure(house, erp), 0);
	assert_int_equal(store_destination_id(house->store, "erp"), 1);
	assert_int_equal(store_destination_id(house->store, "tms"), 2);
	house_turn(house);
}

static void stop(struct house *house)
{
	deliver_free(house->deliver);
	mapper_free(house->mapper);
	turn_free(house->turn);
	store_close(house->store);
	timekeeper_free(house->timekeeper);
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		house->errands[i].is_out = false;
}

/* {"file":"p"}, for those who need one. */
static void write_secret(const struct house *house)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/p", house->dir);
	FILE *to = fopen(path, "we");
	assert_non_null(to);
	assert_true(fputs("secret", to) >= 0);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void open_on(struct house *house, const char *erp, bool is_unsynchronised)
{
	memset(house, 0, sizeof(*house));
	house->is_unsynchronised = is_unsynchronised;
	/* In memory where there is such a place: nothing here is about the disk. */
	(void)snprintf(house->dir, sizeof(house->dir), "%s/dray-deliver-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(house->path, sizeof(house->path), "%s/dray.db", house->dir);
	write_secret(house);
	house->now_ms = START_MS;
	house->boot_at_ms = START_MS;
	house->entropy = 88172645463325252u;
	house->clock = (struct clock){
		.wall_ms = read_wall_ms,
		.mono_us = read_mono_us,
		.entropy = fill_entropy,
		.is_synchronised = say_synchronised,
		.boot_id = tell_boot,
		.ctx = house,
	};
	house->secrets = (struct secret_dirs){ .beside = house->dir };
	house->courier = (struct courier){ .open = open_line,
		.start = start_errand,
		.forget = forget_errand,
		.close = close_line,
		.ctx = house };
	assert_int_equal(faulty_vfs_register(), 0);
	house->base = event_base_new();
	house->metrics = metrics_new();
	assert_non_null(house->base);
	start(house, erp);
}

void house_open(struct house *house, const char *erp)
{
	open_on(house, erp, false);
}

void house_open_unsynchronised(struct house *house, const char *erp)
{
	open_on(house, erp, true);
}

void house_close(struct house *house)
{
	char command[128];

	faulty_vfs_disarm();
	stop(house);
	config_free(house->config);
	metrics_free(house->metrics);
	event_base_free(house->base);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house->dir);
	assert_int_equal(system(command), 0);
}

void house_crash(struct house *house, const char *erp)
{
	stop(house);
	start(house, erp);
}

void house_crash_and(struct house *house, void (*act)(struct house *house), const char *erp)
{
	stop(house);
	act(house);
	start(house, erp);
}

void house_reboot(struct house *house, int64_t off_ms, const char *erp)
{
	stop(house);
	house->now_ms += off_ms;
	house->boot_at_ms = house->now_ms;
	start(house, erp);
}

int64_t house_steady(const struct house *house)
{
	return clock_steady_ms(timekeeper_clock(house->timekeeper));
}

void house_put_to(struct house *house, const char *destination, const char *id, const char *key,
	enum config_lane lane)
{
	uint8_t digest[ID_DIGEST_BYTES];
	enum delivery_state state;
	char body[1024];
	int64_t seq;
	int number = store_destination_id(house->store, destination);

	if (house->traceparent)
		(void)snprintf(body, sizeof(body),
			"{\"id\":\"%s\",\"traceparent\":\"%s\",\"receivedtime\":\"\"}", id,
			house->traceparent);
	else
		(void)snprintf(body, sizeof(body), "{\"id\":\"%s\"}", id);
	id_digest(body, strlen(body), digest);
	const struct store_event event = {
		.source = "/dc-1/hh",
		.id = id,
		.type = "pick",
		.device = "hh",
		.document = "",
		.correlation = "",
		.origin = "test",
		.occurred_at_ms = house->now_ms,
		.received_at_ms = house_steady(house),
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = body,
		.len = strlen(body),
	};
	assert_int_equal(store_put_event(house->store, &event, &seq), STORE_STORED);
	assert_int_equal(store_put_delivery(house->store, number, seq, key, (int)lane, &state), 0);
	deliver_poke(house->deliver, number);
}

void house_put(struct house *house, const char *id, const char *key)
{
	house_put_to(house, "erp", id, key, CONFIG_LANE_NORMAL);
}

void house_put_many(struct house *house, const char *prefix, int n)
{
	char id[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(id, sizeof(id), "%s%d", prefix, i);
		house_put(house, id, "");
	}
}

void house_turn(struct house *house)
{
	turn_finish(house->turn);
}

void house_rest(struct house *house)
{
	int quiet = 0;

	while (quiet < 2) {
		unsigned before = house->n_started;
		unsigned n_mapped = mapper_play(house->mapper);

		house_turn(house);
		if (house->n_started > before || n_mapped > 0 || mapper_waiting(house->mapper) > 0)
			quiet = 0;
		else
			quiet++;
	}
}

void house_wait(struct house *house, int64_t ms)
{
	house->now_ms += ms;
	house_rest(house);
}
