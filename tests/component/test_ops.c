/*
 * The control API with a real store and a real turn; intake and deliver are played here. The client
 * is a socket in the same thread, so that each test says when a turn ends.
 */
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

#include "capture/intake.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "ops/ops.h"
#include "store/store.h"
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
	int erp;
	bool broker_up;
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
			.url = "https://erp.example.com",
			.connector = "rest" });
}

static bool broker_is_up(void *ctx)
{
	return ((struct fixture *)ctx)->broker_up;
}

static const char *broker_reason(void *ctx)
{
	return ((struct fixture *)ctx)->broker_up ? "" : "connection refused";
}

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("fatal: %s", what);
}

/* --- set-up --------------------------------------------------------------------------------------- */

static int set_up(void **state)
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
		.turn = f->turn,
		.store = f->store,
		.metrics = f->metrics,
		.clock = clock_system(),
		.broker_is_up = broker_is_up,
		.broker_reason = broker_reason,
		.ctx = f });
	f->config.site = (char *)"dc-test";
	f->config.timezone = (char *)"UTC";
	f->config.control.socket = f->socket;
	f->broker_up = true;
	f->client = -1;
	assert_int_equal(ops_configure(f->ops, &f->config, &err), 0);
	f->erp = store_destination_id(f->store, "erp");
	assert_int_equal(f->erp, 1);
	assert_int_equal(store_commit(f->store), 0);
	memset(&play, 0, sizeof(play));
	play.store = f->store;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	if (f->client >= 0)
		close(f->client);
	ops_free(f->ops);
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

static void dial(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (f->client >= 0)
		close(f->client);
	memcpy(address.sun_path, f->socket, strlen(f->socket));
	f->client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(f->client, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void gather(struct fixture *f)
{
	assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static void run_turn(struct fixture *f)
{
	gather(f);
	turn_finish(f->turn);
}

static bool has_answer(struct fixture *f)
{
	ssize_t n = recv(f->client, f->answer + f->len, sizeof(f->answer) - f->len - 1, 0);

	if (n > 0)
		f->len += (size_t)n;
	f->answer[f->len] = '\0';
	return n == 0; /* "Connection: close": the answer is whole */
}

static void send_text(struct fixture *f, const char *text, size_t len)
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

static void send_request(struct fixture *f, const char *method, const char *path, const char *body)
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

static int read_status(struct fixture *f)
{
	for (int i = 0; i < PATIENCE && !has_answer(f); i++) {
		run_turn(f);
		usleep(500);
	}
	assert_true(strncmp(f->answer, "HTTP/1.1 ", 9) == 0);
	return (int)strtol(f->answer + 9, NULL, 10);
}

static int request(struct fixture *f, const char *method, const char *path, const char *body)
{
	send_request(f, method, path, body);
	return read_status(f);
}

static const char *body_of(struct fixture *f)
{
	const char *end = strstr(f->answer, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static cJSON *json_of(struct fixture *f)
{
	cJSON *root = cJSON_Parse(body_of(f));

	assert_non_null(root);
	return root;
}

static int64_t number_at(struct fixture *f, const char *path)
{
	cJSON *root = json_of(f);
	const cJSON *value = json_dotted(root, path);
	int64_t n = cJSON_IsNumber(value) ? (int64_t)value->valuedouble : -1;

	cJSON_Delete(root);
	return n;
}

static bool says(struct fixture *f, const char *text)
{
	return strstr(f->answer, text) != NULL;
}

/* --- things in the store ------------------------------------------------------------------------------ */

static int64_t put_event(struct fixture *f, const char *id)
{
	uint8_t digest[ID_DIGEST_BYTES] = { 0 };
	struct store_event event = { .source = "/dc-test/d1",
		.id = id,
		.type = "receipt",
		.device = "d1",
		.site = "dc-test",
		.document = "purchase_order/PO-1",
		.correlation = "PO-1",
		.origin = "handhelds",
		.occurred_at_ms = 1000,
		.received_at_ms = clock_wall_ms(clock_system()),
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = "{\"data\":{\"n\":1}}",
		.len = 16 };
	int64_t seq;

	assert_int_equal(store_put_event(f->store, &event, &seq), STORE_STORED);
	return seq;
}

static int64_t put_routed(struct fixture *f, const char *id)
{
	int64_t seq = put_event(f, id);
	enum delivery_state state;

	assert_int_equal(store_put_delivery(f->store, f->erp, seq, "", 1, &state), 0);
	return seq;
}

/* A delivery that was refused, and its exception. */
static int64_t put_exception(struct fixture *f, const char *id)
{
	int64_t seq = put_routed(f, id);
	struct store_settlement refused = { .to = DELIVERY_EXCEPTION, .status = 422, .now_ms = 2 };
	struct store_exception exception = { .kind = "rejected",
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

static int64_t put_unparsable(struct fixture *f, const char *raw, size_t len)
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

static void commit(struct fixture *f)
{
	assert_int_equal(store_commit(f->store), 0);
}

/* --- when replies leave ------------------------------------------------------------------------------- */

static void test_a_change_is_answered_only_after_its_commit(void **state)
{
	struct fixture *f = *state;

	send_request(f, "POST", "/v1/events", "{}");
	for (int i = 0; i < PATIENCE && play.taken == 0; i++)
		gather(f);
	assert_int_equal(play.taken, 1);
	gather(f);
	assert_false(has_answer(f));
	assert_int_equal(f->len, 0);
	assert_true(store_is_dirty(f->store));
	assert_int_equal(read_status(f), 202);
	assert_false(store_is_dirty(f->store));
	assert_true(says(f, "\"stored\""));
}

static void test_a_poisoned_turn_answers_503_to_all_and_promises_nothing(void **state)
{
	struct fixture *f = *state;

	play.poisons = true;
	assert_int_equal(request(f, "POST", "/v1/events?device=desk-1", "{}"), 503);
	assert_true(says(f, "Retry-After: 1"));
	assert_true(says(f, "application/problem+json"));
	assert_string_equal(play.device, "desk-1");
	play.poisons = false;
	assert_int_equal(request(f, "POST", "/v1/events", "{}"), 202);
	assert_string_equal(play.device, "drayctl");
}

static void test_the_status_of_sending_says_what_became_of_the_events(void **state)
{
	struct fixture *f = *state;

	play.status = ACK_DUPLICATE;
	assert_int_equal(request(f, "POST", "/v1/events", "{}"), 200);
	play.status = ACK_REJECTED;
	assert_int_equal(request(f, "POST", "/v1/events", "{}"), 422);
	assert_int_equal(request(f, "POST", "/v1/events?device=no/name", "{}"), 400);
}

static void test_a_client_that_leaves_midway_hurts_nobody(void **state)
{
	struct fixture *f = *state;
	struct linger reset = { .l_onoff = 1 };

	send_request(f, "POST", "/v1/events", "{}");
	for (int i = 0; i < PATIENCE && play.taken == 0; i++)
		gather(f);
	assert_int_equal(setsockopt(f->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(f->client);
	f->client = -1;
	gather(f);
	gather(f);
	run_turn(f);
	run_turn(f);
	assert_false(store_is_dirty(f->store));
	/* Half a request, then gone. */
	dial(f);
	send_text(f, "POST /v1/events HTTP/1.1\r\nContent-Le", 36);
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
}

static void test_a_request_in_the_outbox_at_the_end_is_freed(void **state)
{
	struct fixture *f = *state;

	send_request(f, "POST", "/v1/events", "{}");
	for (int i = 0; i < PATIENCE && play.taken == 0; i++)
		gather(f);
	/* tear_down() frees ops with the call still waiting; ASan watches */
	assert_int_equal(play.taken, 1);
	assert_int_equal(store_commit(f->store), 0);
}

/* --- what is refused ------------------------------------------------------------------------------------ */

static void test_unknown_paths_methods_and_bodies_are_problems(void **state)
{
	struct fixture *f = *state;
	size_t len = 1024 * 1024 + 1;
	char *body = malloc(len + 1);

	assert_int_equal(request(f, "GET", "/v1/nothing", NULL), 404);
	assert_true(says(f, "application/problem+json"));
	assert_int_equal(request(f, "GET", "/", NULL), 404);
	assert_int_equal(request(f, "DELETE", "/v1/events/1", NULL), 405);
	assert_true(says(f, "Allow: GET, HEAD"));
	assert_int_equal(request(f, "GET", "/v1/destinations/erp/pause", NULL), 405);
	assert_true(says(f, "Allow: POST"));
	assert_non_null(body);
	memset(body, ' ', len);
	body[len] = '\0';
	assert_int_equal(request(f, "POST", "/v1/events", body), 413);
	assert_true(says(f, "application/problem+json"));
	assert_int_equal(play.taken, 0);
	free(body);
}

static void test_hostile_paths_and_queries_are_refused(void **state)
{
	static const struct {
		const char *path;
		int status;
	} cases[] = {
		{ "/v1/events/%00", 404 },
		{ "/v1/events/..%2f..%2fetc%2fpasswd", 404 },
		{ "/v1/events/%ff%fe", 404 },
		{ "/v1/events/", 404 },
		{ "/v1/events/99999999999999999999999", 404 },
		{ "/v1/exceptions/-1", 404 },
		{ "/v1/exceptions/1%20OR%201=1", 404 },
		{ "/v1/events?limit=0", 400 },
		{ "/v1/events?limit=1001", 400 },
		{ "/v1/events?limit=9x", 400 },
		{ "/v1/events?cursor=-5", 400 },
		{ "/v1/events?since=yesterday", 400 },
		{ "/v1/events?nonsense=1", 400 },
		{ "/v1/status?x=1", 400 },
		{ "/v1/deliveries?state=sleeping", 400 },
		{ "/v1/deliveries?destination=nobody", 404 },
		{ "/v1/deliveries?cursor=9223372036854775807", 400 },
		{ "/v1/exceptions?all=maybe", 400 },
		{ "/v1/events?id=%27%3B%20DROP%20TABLE%20event", 200 },
		{ "/v1/events?since=2h&until=2026-11-21T15:04:05Z", 200 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = request(f, "GET", cases[i].path, NULL);

		if (status != cases[i].status)
			fail_msg("%s: %d", cases[i].path, status);
		cJSON_Delete(json_of(f));
	}
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/pause", "[1]"), 400);
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/pause", "{\"why\":"), 400);
	assert_int_equal(request(f, "POST", "/v1/destinations/nobody/pause", "{}"), 404);
}

/* --- what is shown ---------------------------------------------------------------------------------------- */

static void test_pages_go_on_at_the_cursor_and_end(void **state)
{
	struct fixture *f = *state;
	char path[64];

	for (int i = 0; i < 5; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "e-%d", i);
		(void)put_routed(f, id);
	}
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events?limit=3", NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 5);
	assert_int_equal(number_at(f, "items.2.seq"), 3);
	(void)snprintf(
		path, sizeof(path), "/v1/events?limit=3&cursor=%d", (int)number_at(f, "cursor"));
	assert_int_equal(request(f, "GET", path, NULL), 200);
	assert_int_equal(number_at(f, "items.1.seq"), 1);
	assert_int_equal(number_at(f, "items.2.seq"), -1);
	assert_int_equal(number_at(f, "cursor"), -1);

	assert_int_equal(request(f, "GET", "/v1/deliveries?state=ready&limit=4", NULL), 200);
	assert_int_equal(number_at(f, "items.3.seq"), 4);
	(void)snprintf(path, sizeof(path), "/v1/deliveries?state=ready&limit=4&cursor=%lld",
		(long long)number_at(f, "cursor"));
	assert_int_equal(request(f, "GET", path, NULL), 200);
	assert_int_equal(number_at(f, "items.0.seq"), 5);
	assert_int_equal(number_at(f, "cursor"), -1);
}

static void test_an_event_is_shown_with_its_whole_life(void **state)
{
	struct fixture *f = *state;
	int64_t id = put_exception(f, "012345");

	assert_int_equal(
		store_put_attempt(f->store, f->erp, 1, 1, 5, 7, "reject", 422, "unknown item"), 0);
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/events/1", NULL), 200);
	assert_int_equal(number_at(f, "body.data.n"), 1);
	assert_int_equal(number_at(f, "exceptions.0.id"), id);
	assert_int_equal(number_at(f, "attempts.0.status"), 422);
	assert_true(says(f, "\"state\":\"exception\""));
	/* an id of digits is an id as well */
	assert_int_equal(request(f, "GET", "/v1/events/012345", NULL), 200);
	assert_int_equal(number_at(f, "seq"), 1);
}

static void test_raw_bytes_that_are_no_text_come_as_base64(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_unparsable(f, "\xff\x00\x01", 3), 1);
	assert_int_equal(put_unparsable(f, "\"gr\xc3\xbc\xc3\x9f\n", 8), 2);
	commit(f);
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"raw_base64\":\"/wAB\""));
	assert_int_equal(request(f, "GET", "/v1/exceptions/2", NULL), 200);
	assert_true(says(f, "\"raw\":\"\\\"gr\xc3\xbc\xc3\x9f\\n\""));
}

static void test_status_queue_ledger_and_metrics_agree(void **state)
{
	struct fixture *f = *state;

	(void)put_routed(f, "a");
	(void)put_exception(f, "b");
	commit(f);
	play.breaker = BREAKER_OPEN;
	assert_int_equal(request(f, "GET", "/v1/status", NULL), 200);
	assert_int_equal(number_at(f, "destinations.0.ready"), 1);
	assert_int_equal(number_at(f, "destinations.0.exception"), 1);
	assert_int_equal(number_at(f, "events.stored"), 2);
	assert_int_equal(number_at(f, "exceptions.by_kind.rejected"), 1);
	assert_true(says(f, "\"unreachable\""));
	assert_int_equal(request(f, "GET", "/v1/queue", NULL), 200);
	assert_int_equal(number_at(f, "items.0.ages.1m"), 2);
	assert_int_equal(request(f, "GET", "/v1/ledger", NULL), 200);
	assert_int_equal(number_at(f, "by_destination.0.routed"), 2);
	assert_int_equal(number_at(f, "by_destination.0.pending"), 1);
	assert_int_equal(number_at(f, "by_destination.0.exceptions"), 1);
	assert_int_equal(number_at(f, "by_device.0.stored"), 2);
	assert_true(says(f, "\"closed\":true"));
	assert_int_equal(request(f, "GET", "/metrics", NULL), 200);
	assert_true(says(f, "dray_backlog{destination=\"erp\",state=\"ready\"} 1"));
	assert_true(says(f, "dray_destination_up{destination=\"erp\"} 0"));
}

static void test_not_ready_says_why_and_health_does_not_care(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, "GET", "/readyz", NULL), 200);
	f->broker_up = false;
	assert_int_equal(request(f, "GET", "/readyz", NULL), 503);
	assert_string_equal(body_of(f), "broker: connection refused\n");
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
}

/* --- what is done ------------------------------------------------------------------------------------------ */

static void test_a_pause_is_kept_in_the_store_and_a_resume_pokes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		request(f, "POST", "/v1/destinations/erp/pause", "{\"why\":\"upgrade\"}"), 200);
	assert_true(store_destination_is_paused(f->store, f->erp));
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/pause", NULL), 200);
	assert_true(says(f, "\"changed\":false"));
	assert_int_equal(play.poked, 0);
	assert_int_equal(request(f, "POST", "/v1/destinations/erp/resume", NULL), 200);
	assert_false(store_destination_is_paused(f->store, f->erp));
	assert_int_equal(play.poked, 1);
}

static void test_a_retried_exception_is_sent_again_and_only_once(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 200);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_READY), 1);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_EXCEPTION), 0);
	assert_int_equal(play.poked, 1);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", "{}"), 409);
	assert_int_equal(request(f, "GET", "/v1/exceptions/1", NULL), 200);
	assert_true(says(f, "\"resolved\""));
	assert_true(says(f, "retried by uid:"));
}

static void test_discarding_needs_a_reason_and_settles_the_delivery(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/discard", "{}"), 400);
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/1/discard", "{\"why\":\"by hand\"}"), 200);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_EXCEPTION), 0);
	assert_int_equal(request(f, "GET", "/v1/ledger", NULL), 200);
	assert_int_equal(number_at(f, "by_destination.0.discarded"), 1);
	assert_true(says(f, "\"closed\":true"));
}

static void test_what_was_never_taken_cannot_be_retried_but_discarded(void **state)
{
	struct fixture *f = *state;

	(void)put_unparsable(f, "{", 1);
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/retry", NULL), 409);
	assert_true(says(f, "send it again, then discard"));
	assert_int_equal(request(f, "POST", "/v1/exceptions/1/discard", "{\"why\":\"x\"}"), 200);
	assert_int_equal(request(f, "GET", "/v1/exceptions", NULL), 200);
	assert_int_equal(number_at(f, "items.0.id"), -1);
	assert_int_equal(request(f, "GET", "/v1/exceptions?all=true", NULL), 200);
	assert_int_equal(number_at(f, "items.0.id"), 1);
}

static void test_a_filter_acts_on_what_fits_and_leaves_the_rest(void **state)
{
	struct fixture *f = *state;

	(void)put_exception(f, "a");
	(void)put_exception(f, "b");
	(void)put_unparsable(f, "{", 1);
	commit(f);
	assert_int_equal(request(f, "POST", "/v1/exceptions/retry", "{}"), 400);
	assert_int_equal(
		request(f, "POST", "/v1/exceptions/retry", "{\"severity\":\"normal\"}"), 200);
	assert_int_equal(number_at(f, "done"), 2);
	assert_int_equal(number_at(f, "skipped"), 1);
	assert_int_equal(number_at(f, "cursor"), -1);
	assert_int_equal(store_depth(f->store, f->erp, DELIVERY_READY), 2);
}

/* --- the doors ----------------------------------------------------------------------------------------------- */

static void test_the_socket_is_closed_to_others_and_a_stale_one_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct config config = f->config;
	struct sockaddr_un stale = { .sun_family = AF_UNIX };
	char other[96];
	struct error err = { 0 };
	struct stat found;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(stat(f->socket, &found), 0);
	assert_int_equal(found.st_mode & 0777, 0660);
	(void)snprintf(other, sizeof(other), "%s/other.sock", f->folder);
	memcpy(stale.sun_path, other, strlen(other));
	assert_int_equal(bind(fd, (struct sockaddr *)&stale, sizeof(stale)), 0);
	close(fd); /* the file stays, nobody answers */
	config.control.socket = other;
	config.listen.address = (char *)"192.0.2.1:8750";
	assert_int_equal(ops_configure(f->ops, &config, &err), -1);
	assert_string_equal(err.path, "listen.address");
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
	config.listen.address = NULL;
	assert_int_equal(ops_configure(f->ops, &config, &err), 0);
	assert_int_not_equal(access(f->socket, F_OK), 0);
	memcpy(f->socket, other, sizeof(other));
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_change_is_answered_only_after_its_commit),
		TEST(test_a_poisoned_turn_answers_503_to_all_and_promises_nothing),
		TEST(test_the_status_of_sending_says_what_became_of_the_events),
		TEST(test_a_client_that_leaves_midway_hurts_nobody),
		TEST(test_a_request_in_the_outbox_at_the_end_is_freed),
		TEST(test_unknown_paths_methods_and_bodies_are_problems),
		TEST(test_hostile_paths_and_queries_are_refused),
		TEST(test_pages_go_on_at_the_cursor_and_end),
		TEST(test_an_event_is_shown_with_its_whole_life),
		TEST(test_raw_bytes_that_are_no_text_come_as_base64),
		TEST(test_status_queue_ledger_and_metrics_agree),
		TEST(test_not_ready_says_why_and_health_does_not_care),
		TEST(test_a_pause_is_kept_in_the_store_and_a_resume_pokes),
		TEST(test_a_retried_exception_is_sent_again_and_only_once),
		TEST(test_discarding_needs_a_reason_and_settles_the_delivery),
		TEST(test_what_was_never_taken_cannot_be_retried_but_discarded),
		TEST(test_a_filter_acts_on_what_fits_and_leaves_the_rest),
		TEST(test_the_socket_is_closed_to_others_and_a_stale_one_is_replaced),
	};

	/* As main.c does: a client that has left is not a reason to end. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
