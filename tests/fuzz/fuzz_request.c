/*
 * fuzz_request.c - any request to the control API, over its socket: "METHOD PATH?QUERY", a line
 * break, a body. Each gets one answer, never a 500, and its body is JSON in the API's own form.
 *
 * A request that changed something ends the store, and the next begins with an empty one.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "capture/intake.h"
#include "capture/items.h"
#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "dray/room.h"
#include "help_fuzz.h"
#include "ops/ops.h"
#include "play_fleet.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define PASSES_MAX 200

static struct {
	char socket[128];
	struct config *config;
	struct event_base *base;
	struct metrics *metrics;
	struct store *store;
	struct turn *turn;
	struct items *items;
	struct intake *intake;
	struct deliver *deliver;
	struct fleet fleet;
	struct ops *ops;
	bool is_changed;
	char answer[4 << 20];
} house;

/* --- the house ------------------------------------------------------------------------------------ */

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	(void)destination;
	(void)err;
	return ctx;
}

static int start_request(
	void *opened, const struct courier_request *request, courier_done_fn done, void *ctx)
{
	(void)opened;
	(void)request;
	(void)done;
	(void)ctx;
	return 0;
}

static void close_line(void *opened)
{
	(void)opened;
}

static void say_broker(void *ctx, struct broker_view *ret)
{
	(void)ctx;
	*ret = (struct broker_view){ true, "", "", "", 5, BROKER_OFFER_ABSENT };
}

static const struct room_report *say_room(void *ctx)
{
	static const struct room_report room = { .why = "" };

	(void)ctx;
	return &room;
}

static void note_change(void *ctx)
{
	(void)ctx;
	house.is_changed = house.is_changed || store_is_dirty(house.store);
}

static void build_config(void)
{
	char text[1024];
	struct error err;
	cJSON *document;

	(void)snprintf(text, sizeof(text),
		"{\"site\":\"dc-1\",\"control\":{\"socket\":\"%s\"},"
		"\"destinations\":{\"erp\":{\"url\":\"http://erp\"}},"
		"\"routes\":{\"all\":{\"to\":[\"erp\"]}}}",
		house.socket);
	document = cJSON_Parse(text);
	check(config_build(document, &house.config, &err) == 0);
	cJSON_Delete(document);
}

/* Something to find: an event that was refused. */
static void furnish(void)
{
	const struct store_settlement refused = {
		.to = DELIVERY_EXCEPTION, .status = 422, .now_ms = 2
	};
	const struct store_exception exception = { .kind = "rejected",
		.severity = "normal",
		.code = "422",
		.reason = "no such item",
		.field = "",
		.seq = 1,
		.destination = 1,
		.origin = "",
		.device = "d1",
		.opened_at_ms = 2,
		.due_at_ms = 3 };
	enum delivery_state state;
	const uint8_t digest[ID_DIGEST_BYTES] = { 1 };
	const struct store_event event = { .source = "/dc-1/d1",
		.id = "e0",
		.type = "receipt",
		.device = "d1",
		.document = "purchase_order/PO-1",
		.correlation = "PO-1",
		.origin = "handhelds",
		.occurred_at_ms = 1,
		.received_at_ms = 1,
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = "{\"id\":\"e0\"}",
		.len = 11 };
	int64_t seq;

	check(store_destination_id(house.store, "erp") == 1);
	check(store_put_event(house.store, &event, &seq) == STORE_STORED && seq == 1);
	check(store_put_delivery(house.store, 1, 1, "PO-1", 1, &state) == 0);
	check(store_claim(house.store, 1, 1, 0, 0, 1) == 0);
	check(store_settle(house.store, 1, 1, &refused) == 0);
	check(store_open_exception(house.store, &exception, NULL) > 0);
	check(store_commit(house.store) == 0);
}

static void open_house(void)
{
	static const char *const connectors[] = { DRAY_CONNECTORS, NULL };
	static const struct courier courier = {
		.open = open_line, .start = start_request, .close = close_line, .ctx = &house
	};
	static const struct secret_dirs secrets = { NULL, "/" };
	struct error err;

	house.store = fuzz_store("control.sock", house.socket, sizeof(house.socket));
	if (!house.config)
		build_config();
	furnish();
	house.base = event_base_new();
	house.metrics = metrics_new();
	house.turn = turn_new(house.base, house.store, house.metrics, fuzz_clock());
	house.deliver = deliver_new(&(struct deliver_options){ .base = house.base,
		.turn = house.turn,
		.store = house.store,
		.metrics = house.metrics,
		.clock = fuzz_clock(),
		.couriers = { &courier },
		.secrets = &secrets,
		.connector_dirs = connectors });
	house.items = items_new(house.store);
	check(house.items != NULL);
	house.intake = intake_new(house.store, house.deliver, house.metrics, fuzz_clock());
	house.fleet.has_section = true;
	house.fleet.asked = NULL;
	if (!house.fleet.revisions.good)
		revisions_found(&house.fleet.revisions,
			revision_make(REVISION_FILES, 0, 1, cJSON_CreateObject(), NULL));
	house.ops = ops_new(&(struct ops_options){ .base = house.base,
		.turn = house.turn,
		.store = house.store,
		.metrics = house.metrics,
		.clock = fuzz_clock(),
		.intake = house.intake,
		.deliver = house.deliver,
		.reference = items_reference(house.items),
		.fleet = &house.fleet,
		.view_broker = say_broker,
		.store_room = say_room });
	turn_add(house.turn, &(struct turn_member){ .name = "change", .dispatch = note_change });
	check(deliver_configure(house.deliver, house.config, &err) == 0);
	check(intake_configure(house.intake, house.config) == 0);
	check(ops_configure(house.ops, house.config, &err) == 0);
	turn_finish(house.turn);
	turn_finish(house.turn);
	house.is_changed = false;
}

static void close_house(void)
{
	char path[136];

	ops_free(house.ops);
	intake_free(house.intake);
	items_free(house.items);
	deliver_free(house.deliver);
	turn_free(house.turn);
	store_close(house.store);
	metrics_free(house.metrics);
	event_base_free(house.base);
	(void)snprintf(path, sizeof(path), "%.*sdray.db",
		(int)(strrchr(house.socket, '/') + 1 - house.socket), house.socket);
	(void)unlink(path);
	house.store = NULL;
}

/* --- one request ---------------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, house.socket, strlen(house.socket));
	check(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* The length of the answer. */
static size_t talk(int fd, const char *request, size_t len)
{
	size_t sent = 0, got = 0;

	for (int i = 0; i < PASSES_MAX; i++) {
		ssize_t n = sent < len ? send(fd, request + sent, len - sent, MSG_NOSIGNAL) : 0;

		if (n > 0)
			sent += (size_t)n;
		(void)event_base_loop(house.base, EVLOOP_NONBLOCK);
		turn_finish(house.turn);
		play_fleet_tell(&house.fleet, false, 0,
			&(struct error){ "config.mqtt", "may not be changed from afar" });
		n = recv(fd, house.answer + got, sizeof(house.answer) - 1 - got, 0);
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
	}
	house.answer[got] = '\0';
	return got;
}

static void check_answer(size_t len)
{
	const char *body = strstr(house.answer, "\r\n\r\n");
	long status;

	check(body != NULL && strncmp(house.answer, "HTTP/1.1 ", 9) == 0);
	body += 4;
	status = strtol(house.answer + 9, NULL, 10);
	check(status != 500);
	/* What never reached the API was refused by libevent. */
	if (strstr(house.answer, "Content-Type: text/html"))
		return;
	if (strstr(house.answer, "application/problem+json"))
		check(status >= 400 && strstr(body, "\"detail\":\"") &&
			!strstr(body, "\"detail\":\"\""));
	else
		check(status < 400 || status == 422 || status == 503);
	if (strstr(house.answer, "json\r\n"))
		check_json(body, len - (size_t)(body - house.answer));
}

static void frame(struct buf *out, const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t line = end ? (size_t)(end - data) : size;
	size_t body = end ? size - line - 1 : 0;

	buf_put(out, data, line);
	buf_printf(out,
		" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		body);
	buf_put(out, data + line + 1, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf request = BUF_INIT;

	/* HEAD has no body; CONNECT and what libevent does not know are its own business. */
	if (size < 5 || (memcmp(data, "GET /", 5) != 0 && memcmp(data, "POST ", 5) != 0))
		return 0;
	if (!house.store)
		open_house();
	frame(&request, data, size);
	int fd = dial();
	check_answer(talk(fd, request.data, request.len));
	(void)close(fd);
	(void)event_base_loop(house.base, EVLOOP_NONBLOCK);
	buf_done(&request);
	if (house.is_changed)
		close_house();
	return 0;
}
