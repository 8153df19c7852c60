/*
 * Replies leave after the commit; what is refused; the doors.
 */
#include "ops_fixture.h"

#include "ops/room.h"

#include <fcntl.h>
#include <netinet/in.h>

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

static void test_a_poisoned_turn_answers_503_to_changes_and_promises_nothing(void **state)
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

static void test_who_only_asks_is_answered_in_a_poisoned_turn_too(void **state)
{
	struct fixture *f = *state;

	f->broker_up = true;
	send_request(f, "GET", "/healthz", NULL);
	for (int i = 0; i < 20; i++)
		gather(f);
	assert_int_equal(store_claim(f->store, 1, 999999, 0, 0, 1), -1);
	assert_int_equal(read_status(f), 200);
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

/* --- an answer in a later turn --------------------------------------------------------------------------- */

/* A change in the middle of its turn, which then waits for somebody. */
static struct call *make_it_wait(struct fixture *f, const char *body)
{
	struct call *call;

	send_request(f, "POST", "/v1/events", body);
	for (int i = 0; i < PATIENCE && play.taken == 0; i++)
		gather(f);
	call = TAILQ_FIRST(&f->ops->outbox);
	assert_non_null(call);
	call_wait(call);
	for (int i = 0; i < 5; i++)
		run_turn(f);
	assert_false(has_answer(f));
	assert_int_equal(f->len, 0);
	return call;
}

static void test_a_call_that_waits_is_answered_after_the_turn_that_resumes_it(void **state)
{
	struct fixture *f = *state;
	struct call *call = make_it_wait(f, "{}");

	assert_int_equal(store_audit(f->store, 1, "test", "taken", "event", ""), 0);
	call_resume(call);
	assert_false(has_answer(f));
	assert_true(store_is_dirty(f->store));
	assert_int_equal(read_status(f), 202);
	assert_false(store_is_dirty(f->store));
}

static void test_a_call_resumed_in_a_poisoned_turn_is_promised_nothing(void **state)
{
	struct fixture *f = *state;
	struct call *call = make_it_wait(f, "{}");

	assert_int_equal(store_claim(f->store, 1, 999999, 0, 0, 1), -1);
	call_resume(call);
	assert_int_equal(read_status(f), 503);
}

static void test_a_client_that_leaves_a_waiting_call_and_a_door_that_moves_hurt_nobody(void **state)
{
	struct fixture *f = *state;
	struct config config = f->config;
	struct linger reset = { .l_onoff = 1 };
	struct call *call = make_it_wait(f, "{}");
	struct error err = { 0 };
	char other[112];

	(void)snprintf(other, sizeof(other), "%s.2", f->socket);
	config.control.socket = other;
	assert_int_equal(ops_configure(f->ops, &config, &err), 0);
	assert_int_equal(setsockopt(f->client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(f->client);
	f->client = -1;
	run_turn(f);
	call_resume(call);
	run_turn(f);
	run_turn(f);
	assert_null(TAILQ_FIRST(&f->ops->outbox));
	assert_null(TAILQ_FIRST(&f->ops->waiting));
	assert_int_equal(ops_configure(f->ops, &f->config, &err), 0);
	assert_int_equal(request(f, "GET", "/healthz", NULL), 200);
}

static void test_a_call_that_waits_at_the_end_is_freed(void **state)
{
	(void)make_it_wait(*state, "{}"); /* ASan watches */
}

/* evhttp ends the process when it reads where it expects nothing: that it reads nothing is pinned here. */
static void test_what_comes_behind_a_call_that_waits_waits_too(void **state)
{
	struct fixture *f = *state;
	struct call *call = make_it_wait(f, NULL);

	send_text(f, "GET /healthz HTTP/1.1\r\n", 23);
	for (int i = 0; i < 5; i++)
		run_turn(f);
	call_resume(call);
	assert_int_equal(read_status(f), 202);
}

/* --- what is refused ------------------------------------------------------------------------------------ */

static void test_unknown_paths_methods_and_bodies_are_problems(void **state)
{
	struct fixture *f = *state;
	size_t len = OPS_EVENTS_MAX + 1;
	char *body = malloc(len + 1);

	assert_int_equal(request(f, "GET", "/v1/nothing", NULL), 404);
	assert_true(says(f, "application/problem+json"));
	assert_int_equal(request(f, "GET", "/", NULL), 404);
	assert_int_equal(request(f, "DELETE", "/v1/events/1", NULL), 405);
	assert_true(says(f, "Allow: GET, HEAD"));
	assert_int_equal(request(f, "GET", "/v1/destinations/erp/pause", NULL), 405);
	assert_true(says(f, "Allow: POST"));
	assert_int_equal(request(f, "PUT", "/v1/events", NULL), 405);
	assert_true(says(f, "Allow: GET, HEAD, POST"));
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

enum { ADDRESS_MAX = 32 };

/*
 * Have it listen on TCP and return the port: one below those that the kernel gives outgoing connections
 * (ip_local_port_range), and where somebody listens already, the next.
 */
static int listen_on_some_port(struct fixture *f, char address[ADDRESS_MAX])
{
	int first = 10000 + (int)getpid() % 9000;

	for (int port = first; port < first + 100; port++) {
		struct error err = { 0 };

		(void)snprintf(address, ADDRESS_MAX, "localhost:%d", port);
		f->config.listen.address = address;
		if (ops_configure(f->ops, &f->config, &err) == 0)
			return port;
		assert_non_null(strstr(err.message, "Address already in use"));
	}
	fail_msg("a hundred ports are taken");
	return -1;
}

static int request_tcp(struct fixture *f, int port, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char head[256];
	int n = snprintf(head, sizeof(head),
		"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

	if (f->client >= 0)
		close(f->client);
	f->len = 0;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	f->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->client, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(f->client, F_SETFL, O_NONBLOCK), 0);
	assert_true(send(f->client, head, (size_t)n, MSG_NOSIGNAL) == n);
	return read_status(f);
}

static void test_the_network_sees_health_and_metrics_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	char address[ADDRESS_MAX];
	int port = listen_on_some_port(f, address);

	assert_int_equal(request_tcp(f, port, "/healthz"), 200);
	assert_int_equal(request_tcp(f, port, "/readyz"), 200);
	assert_int_equal(request_tcp(f, port, "/metrics"), 200);
	assert_int_equal(request_tcp(f, port, "/v1/status"), 401);
	f->config.listen.address = NULL;
	assert_int_equal(ops_configure(f->ops, &f->config, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_change_is_answered_only_after_its_commit),
		TEST(test_a_poisoned_turn_answers_503_to_changes_and_promises_nothing),
		TEST(test_who_only_asks_is_answered_in_a_poisoned_turn_too),
		TEST(test_the_status_of_sending_says_what_became_of_the_events),
		TEST(test_a_client_that_leaves_midway_hurts_nobody),
		TEST(test_a_request_in_the_outbox_at_the_end_is_freed),
		TEST(test_a_call_that_waits_is_answered_after_the_turn_that_resumes_it),
		TEST(test_a_call_resumed_in_a_poisoned_turn_is_promised_nothing),
		TEST(test_a_client_that_leaves_a_waiting_call_and_a_door_that_moves_hurt_nobody),
		TEST(test_a_call_that_waits_at_the_end_is_freed),
		TEST(test_what_comes_behind_a_call_that_waits_waits_too),
		TEST(test_unknown_paths_methods_and_bodies_are_problems),
		TEST(test_hostile_paths_and_queries_are_refused),
		TEST(test_the_socket_is_closed_to_others_and_a_stale_one_is_replaced),
		TEST(test_the_network_sees_health_and_metrics_and_nothing_else),
	};

	/* As main.c does: a client that has left is not a reason to end. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
