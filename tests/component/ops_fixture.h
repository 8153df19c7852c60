/*
 * ops_fixture.h - the control API with a real store and a real turn; intake and deliver are played
 * here. The client is a socket in the same thread, so that each test says when a turn ends.
 *
 * Included by one test program each, since it defines what other rooms would.
 */
#ifndef DRAY_TEST_OPS_FIXTURE_H
#define DRAY_TEST_OPS_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "capture/adapter.h"
#include "capture/intake.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "ops/ops.h"
#include "play_fleet.h"
#include "store/store.h"
#include "secret.h"
#include "turn.h"

#define PATIENCE 2000 /* passes of the loop, a few ms each, before a test gives up */

struct fixture {
	char folder[64];
	char socket[96];
	char database[96];
	struct event_base *base;
	struct store *store;
	struct metrics *metrics;
	struct turn *turn;
	struct ops *ops;
	struct config config;
	struct config_destination destination;
	int erp;
	bool broker_up;
	struct fleet fleet;
	int client;
	char answer[256 * 1024];
	size_t len;
};

/* --- the rooms that are played -------------------------------------------------------------------- */

static struct {
	struct store *store;
	unsigned taken;
	unsigned poked;
	bool poisons;
	enum ack_status status;
	char device[65];
	enum breaker_state breaker;
	int64_t not_before_at_ms;
	struct room_report room;
	struct adapter_ask asked; /* the last message that an adapter was given */
	char headers[512];        /* that came with it */
	int adapter_says;         /* what adapter_take() returns */
	bool is_adapter_full;
} play;

int intake_take(struct intake *intake, const struct intake_message *message, intake_ack_fn on_ack,
	void *ctx)
{
	struct ack ack = { .status = play.status, .id = "e-1", .seq = 1 };

	(void)intake;
	play.taken++;
	(void)snprintf(play.device, sizeof(play.device), "%s", message->default_device);
	if (play.poisons)
		return store_claim(play.store, 1, 999999, 0, 0, 1);
	if (play.status == ACK_STORED &&
		store_audit(play.store, 1, "test", "taken", "event", "") != 0)
		return -1;
	on_ack(ctx, &ack, "");
	return 0;
}

int adapter_take(struct adapters *adapters, const struct adapter_ask *ask)
{
	struct buf text = BUF_INIT;

	(void)adapters;
	play.asked = *ask;
	for (size_t i = 0; i < ask->n_headers; i++)
		buf_printf(&text, "%s=%s\n", ask->headers[i].name, ask->headers[i].value);
	(void)snprintf(play.headers, sizeof(play.headers), "%s", text.data ? text.data : "");
	buf_done(&text);
	return play.adapter_says;
}

bool adapter_is_full(const struct adapters *adapters)
{
	(void)adapters;
	return play.is_adapter_full;
}

int intake_refuse(struct intake *intake, const struct intake_message *message, const char *id,
	const struct problem *problem, intake_ack_fn on_ack, void *ctx)
{
	struct ack ack = { .status = ACK_REJECTED, .problem = *problem };

	(void)intake;
	(void)message;
	(void)snprintf(ack.id, sizeof(ack.id), "%s", id);
	on_ack(ctx, &ack, "");
	return 0;
}

void deliver_poke(struct deliver *deliver, int destination)
{
	(void)deliver;
	assert_true(destination > 0);
	play.poked++;
}

void deliver_list(struct deliver *deliver, deliver_view_fn fn, void *ctx)
{
	(void)deliver;
	fn(ctx, &(struct deliver_view){ .name = "erp",
			.id = 1,
			.is_configured = true,
			.is_paused = store_destination_is_paused(play.store, 1),
			.breaker = play.breaker,
			.cause = BREAKER_UNREACHABLE,
			.reason = "connection \"refused\"",
			.not_before_at_ms = play.not_before_at_ms,
			.url = "https://erp.example.com",
			.connector = "rest" });
}

static const struct secret_dirs no_secrets = { .beside = "." };

static void view_broker(void *ctx, struct broker_view *ret)
{
	bool is_up = ((struct fixture *)ctx)->broker_up;

	*ret = (struct broker_view){ is_up, is_up ? "" : "connection refused", "", "", 5,
		BROKER_OFFER_ABSENT };
}

static const struct room_report *store_room(void *ctx)
{
	(void)ctx;
	return &play.room;
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("fatal: %s", what);
}

/* --- set-up --------------------------------------------------------------------------------------- */

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err = { 0 };
	struct store_options options = { .max_bytes = 1 << 30, .on_fatal = on_fatal };

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/dray-ops-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->socket, sizeof(f->socket), "%s/control.sock", f->folder);
	(void)snprintf(f->database, sizeof(f->database), "%s/dray.db", f->folder);
	options.path = f->database;
	f->base = event_base_new();
	assert_int_equal(store_open(&options, &f->store, &err), 0);
	f->metrics = metrics_new();
	f->turn = turn_new(f->base, f->store, f->metrics, clock_system());
	f->ops = ops_new(&(struct ops_options){ .base = f->base,
		.secrets = &no_secrets,
		.turn = f->turn,
		.store = f->store,
		.metrics = f->metrics,
		.clock = clock_system(),
		.fleet = &f->fleet,
		.view_broker = view_broker,
		.store_room = store_room,
		.ctx = f });
	f->config.site = (char *)"dc-test";
	f->config.timezone = (char *)"UTC";
	f->config.control.socket = f->socket;
	f->config.mqtt.root = (char *)"dray/v1";
	f->destination.name = (char *)"erp";
	f->config.destinations = &f->destination;
	f->config.n_destinations = 1;
	f->broker_up = true;
	f->client = -1;
	assert_int_equal(ops_configure(f->ops, &f->config, &err), 0);
	f->erp = store_destination_id(f->store, "erp");
	assert_int_equal(f->erp, 1);
	assert_int_equal(store_commit(f->store), 0);
	memset(&play, 0, sizeof(play));
	play.store = f->store;
	play.room = (struct room_report){ .why = "" };
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	if (f->client >= 0)
		close(f->client);
	ops_free(f->ops);
	revisions_done(&f->fleet.revisions);
	turn_free(f->turn);
	store_close(f->store);
	metrics_free(f->metrics);
	event_base_free(f->base);
	assert_int_not_equal(access(f->socket, F_OK), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

/* --- the client ------------------------------------------------------------------------------------- */

static inline void dial(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (f->client >= 0)
		close(f->client);
	memcpy(address.sun_path, f->socket, strlen(f->socket));
	f->client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(f->client, (struct sockaddr *)&address, sizeof(address)), 0);
}

static inline void gather(struct fixture *f)
{
	assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static inline void run_turn(struct fixture *f)
{
	gather(f);
	turn_finish(f->turn);
}

static inline bool has_answer(struct fixture *f)
{
	ssize_t n = recv(f->client, f->answer + f->len, sizeof(f->answer) - f->len - 1, 0);

	if (n > 0)
		f->len += (size_t)n;
	f->answer[f->len] = '\0';
	return n == 0; /* "Connection: close": the answer is whole */
}

static inline void send_text(struct fixture *f, const char *text, size_t len)
{
	for (int i = 0; len > 0 && i < PATIENCE; i++) {
		ssize_t n = send(f->client, text, len, MSG_NOSIGNAL);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EPIPE) {
			return;
		}
		/* Only a body that is too large for the socket's buffer needs the other side. */
		if (len > 0)
			run_turn(f);
	}
	assert_int_equal(len, 0);
}

static inline void send_request(
	struct fixture *f, const char *method, const char *path, const char *body)
{
	char head[4096];
	int n = snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
		method, path, body ? strlen(body) : 0);

	f->len = 0;
	dial(f);
	assert_true(send(f->client, head, (size_t)n, MSG_NOSIGNAL) == n);
	if (body)
		send_text(f, body, strlen(body));
}

static inline int read_status(struct fixture *f)
{
	for (int i = 0; i < PATIENCE && !has_answer(f); i++) {
		run_turn(f);
		usleep(500);
	}
	assert_true(strncmp(f->answer, "HTTP/1.1 ", 9) == 0);
	return (int)strtol(f->answer + 9, NULL, 10);
}

static inline int request(struct fixture *f, const char *method, const char *path, const char *body)
{
	send_request(f, method, path, body);
	return read_status(f);
}

static inline const char *body_of(struct fixture *f)
{
	const char *end = strstr(f->answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static inline cJSON *json_of(struct fixture *f)
{
	cJSON *root = cJSON_Parse(body_of(f));

	assert_non_null(root);
	return root;
}

static inline int64_t number_at(struct fixture *f, const char *path)
{
	cJSON *root = json_of(f);
	const cJSON *value = json_dotted(root, path);
	int64_t n = cJSON_IsNumber(value) ? (int64_t)value->valuedouble : -1;

	cJSON_Delete(root);
	return n;
}

static inline bool says(struct fixture *f, const char *text)
{
	return strstr(f->answer, text) != NULL;
}

/* --- things in the store ------------------------------------------------------------------------------ */

static inline int64_t put_event_of(
	struct fixture *f, const char *id, const char *device, const char *document)
{
	char source[80];
	uint8_t digest[ID_DIGEST_BYTES] = { 0 };
	struct store_event event = { .source = source,
		.id = id,
		.type = "receipt",
		.device = device,
		.document = document,
		.correlation = strchr(document, '/') ? strchr(document, '/') + 1 : "",
		.origin = "handhelds",
		.occurred_at_ms = 1000,
		.received_at_ms = clock_wall_ms(clock_system()),
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = "{\"data\":{\"n\":1}}",
		.len = 16 };
	int64_t seq;

	(void)snprintf(source, sizeof(source), "/dc-test/%s", device);
	assert_int_equal(store_put_event(f->store, &event, &seq), STORE_STORED);
	return seq;
}

static inline int64_t put_event(struct fixture *f, const char *id)
{
	return put_event_of(f, id, "d1", "purchase_order/PO-1");
}

static inline int64_t put_routed(struct fixture *f, const char *id)
{
	int64_t seq = put_event(f, id);
	enum delivery_state state;

	assert_int_equal(store_put_delivery(f->store, f->erp, seq, "", 1, &state), 0);
	return seq;
}

/* A delivery that was refused, and its exception. */
static inline int64_t put_exception_of(struct fixture *f, const char *id, const char *kind)
{
	int64_t seq = put_routed(f, id);
	struct store_settlement refused = { .to = DELIVERY_EXCEPTION, .status = 422, .now_ms = 2 };
	struct store_exception exception = { .kind = kind,
		.severity = "normal",
		.code = "422",
		.reason = "unknown item",
		.field = "",
		.seq = seq,
		.destination = f->erp,
		.origin = "",
		.device = "d1",
		.opened_at_ms = 2,
		.due_at_ms = 3 };

	assert_int_equal(store_claim(f->store, f->erp, seq, 0, 0, 1), 0);
	assert_int_equal(store_settle(f->store, f->erp, seq, &refused), 0);
	return store_open_exception(f->store, &exception, NULL);
}

static inline int64_t put_exception(struct fixture *f, const char *id)
{
	return put_exception_of(f, id, "rejected");
}

static inline int64_t put_unparsable(struct fixture *f, const char *raw, size_t len)
{
	struct store_exception exception = { .kind = "unparsable",
		.severity = "normal",
		.code = "bad_json",
		.reason = "not JSON",
		.field = "",
		.origin = "dray/v1/dc-test/event/receipt/d1",
		.device = "d1",
		.raw = raw,
		.raw_len = len,
		.opened_at_ms = 2,
		.due_at_ms = 3 };

	return store_open_exception(f->store, &exception, NULL);
}

static inline void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->store), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
