/*
 * The HTTP client and its courier against a server on loopback that answers as badly as servers do:
 * what was sent, and what the client makes of what comes back.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "courier/courier.h"
#include "help_http.h"
#include "secret.h"

static struct wire wire;

/* A resolver of which nothing is heard, for one name. libcurl calls it on a thread of its own. */
#define UNHEARD_S 4
static atomic_bool is_line_back;

int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (name && strcmp(name, "unheard.example") == 0) {
		for (int i = 0; i < UNHEARD_S * 100 && !atomic_load(&is_line_back); i++)
			(void)usleep(10000);
		return EAI_AGAIN;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, ret);
}

static int64_t mono_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int set_up(void **state)
{
	(void)state;
	wire_open(&wire);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	wire_close(&wire);
	return 0;
}

static struct http_request event_to(const char *url)
{
	return (struct http_request){ .method = "POST", .url = url, .body = "{}", .len = 2 };
}

static void test_an_answer_comes_with_status_and_body(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/ok");

	assert_int_equal(seen.transport, TRANSPORT_ANSWERED);
	assert_int_equal(seen.status, 201);
	assert_string_equal(seen.body, "{\"ref\":\"R1\"}");
	assert_string_equal(seen.error, "");
	assert_memory_equal(wire.last, "POST /ok HTTP/1.1\r\n", 19);
	assert_non_null(strstr(wire.last, "\r\nIdempotency-Key: k1\r\n"));
	assert_non_null(strstr(wire.last, "\r\n\r\n{\"id\":\"e1\"}"));
	assert_null(strstr(wire.last, "Expect"));
}

static void test_an_answer_longer_than_wanted_is_cut_and_means_what_it_says(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/huge");

	assert_int_equal(seen.transport, TRANSPORT_ANSWERED);
	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.len, MAX_ANSWER);
	assert_true(seen.is_cut);
	assert_string_equal(seen.error, "");
	assert_false(wire_post(&wire, "/ok").is_cut);
	assert_int_equal(wire.n_connections, 1);
}

/* RFC 9112: what is whole is an answer, whatever its framing; what is not is none. */
static void test_an_answer_is_whole_or_none(void **state)
{
	static const struct {
		const char *says;
		int status; /* 0: no answer */
		const char *body;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n\r\nto the end", 200, "to the end" },
		{ "HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "" },
		{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
		  "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
			201, "ok" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200,
			"ok" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", 0, "" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", 0, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", 0, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Le", 0, "" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", 0, "" },
		{ "HTTP/1.1 ", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		wire.says = rows[i].says;
		struct seen seen = wire_post(&wire, "/says");
		assert_int_equal(
			seen.transport, rows[i].status ? TRANSPORT_ANSWERED : TRANSPORT_NO_ANSWER);
		assert_int_equal(seen.status, rows[i].status);
		assert_string_equal(seen.body, rows[i].body);
		assert_false(seen.is_cut);
	}
}

static void test_an_answer_as_long_as_is_kept_is_not_cut(void **state)
{
	char says[MAX_ANSWER + 128];
	int head = snprintf(
		says, sizeof(says), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", MAX_ANSWER);

	(void)state;
	memset(says + head, 'x', MAX_ANSWER);
	says[head + MAX_ANSWER] = '\0';
	wire.says = says;
	struct seen seen = wire_post(&wire, "/says");
	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.len, MAX_ANSWER);
	assert_false(seen.is_cut);
}

static void test_connections_are_kept_and_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(wire_post(&wire, i % 2 ? "/ok" : "/ok/other").status, 201);
	assert_int_equal(wire.n_requests, 20);
	assert_int_equal(wire.n_connections, 1);
}

static void test_no_more_connections_than_allowed(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(wire_start(&wire, event_to("/ok"), &seen), 0);
	wire_wait(&wire, &seen, 10);
	assert_int_equal(wire.n_requests, 10);
	assert_in_range(wire.most_open, 1, 2);
}

static void test_a_redirect_is_not_followed(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/moved");

	assert_int_equal(seen.status, 302);
	assert_string_equal(seen.headers, "location=/ok|content-length=0|");
	assert_int_equal(wire.n_requests, 1);
}

static void test_a_refused_connection_sent_nothing(void **state)
{
	(void)state;
	/* Where nobody listens: a port of our own that we closed could become another's. */
	struct seen seen = wire_post(&wire, "http://127.0.0.1:1/ok");
	assert_int_equal(seen.transport, TRANSPORT_NOT_SENT);
	assert_string_not_equal(seen.error, "");
}

/* The loop stands still for nobody's name: a line that is down takes the resolver with it. */
static void test_a_name_that_is_never_resolved_holds_up_nobody(void **state)
{
	struct seen seen = { 0 };
	int64_t began_ms = mono_ms();

	(void)state;
	wire_change_pool(&wire, 300, false);
	assert_int_equal(wire_start(&wire, event_to("http://unheard.example/ok"), &seen), 0);
	wire_wait(&wire, &seen, 1);
	assert_int_equal(seen.transport, TRANSPORT_NOT_SENT);
	assert_true(mono_ms() < began_ms + 1000 * UNHEARD_S / 2);
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	/* Nor does an end wait for it. */
	assert_int_equal(wire_start(&wire, event_to("http://unheard.example/ok"), &seen), 0);
	wire_change_pool(&wire, 300, false);
	assert_true(mono_ms() < began_ms + 1000 * UNHEARD_S / 2);
	atomic_store(&is_line_back, true);
}

static void test_a_failed_tls_handshake_sent_nothing(void **state)
{
	struct seen seen = { 0 };
	char url[64];

	(void)state;
	wire_change_pool(&wire, 300, false);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/ok", wire.port);
	assert_int_equal(wire_start(&wire, event_to(url), &seen), 0);
	wire_wait(&wire, &seen, 1);
	assert_int_equal(seen.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(wire.n_requests, 0);
}

static void test_what_was_sent_and_not_answered_is_in_doubt(void **state)
{
	static const char *const paths[] = { "/hang", "/close", "/garbage", "/half" };

	(void)state;
	wire_change_pool(&wire, 300, false);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct seen seen = wire_post(&wire, paths[i]);

		assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
		assert_int_equal(seen.status, 0);
		assert_string_equal(seen.body, "");
		assert_string_not_equal(seen.error, "");
	}
	/* And the pool is as good as before. */
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
}

static void test_a_fresh_connection_is_never_repeated_by_the_library(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	struct http_request request = event_to("/close");
	request.fresh_connection = true;
	assert_int_equal(wire_start(&wire, request, &seen), 0);
	wire_wait(&wire, &seen, 1);
	assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
	assert_int_equal(wire.n_requests, 2);
}

/* The answer is the second request's: the first may have been applied. */
static void test_an_answer_says_that_the_library_has_repeated_the_request(void **state)
{
	(void)state;
	assert_false(wire_post(&wire, "/ok").is_repeat);
	struct seen seen = wire_post(&wire, "/dies");
	assert_int_equal(seen.status, 307);
	assert_int_equal(wire.n_requests, 3);
	assert_true(seen.is_repeat);
	assert_false(wire_post(&wire, "/ok").is_repeat);
}

static void test_a_kept_connection_that_dies_with_its_server_leaves_doubt(void **state)
{
	(void)state;
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	/* libcurl repeats by itself and is refused: the first request may have been applied. */
	struct seen seen = wire_post(&wire, "/vanish");
	assert_int_equal(wire.n_requests, 2);
	assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
}

static void test_too_many_headers_are_not_started(void **state)
{
	const char *headers[60] = { NULL };
	struct seen seen = { 0 };

	(void)state;
	for (size_t i = 0; i < 59; i++)
		headers[i] = "X-A: b";
	assert_int_equal(
		wire_start(&wire,
			(struct http_request){ .method = "GET", .url = "/ok", .headers = headers },
			&seen),
		-1);
	assert_int_equal(seen.n, 0);
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
}

static void test_a_freed_pool_ends_requests_without_a_word(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(wire_start(&wire, event_to("/hang"), &seen), 0);
	while (wire.n_requests == 0)
		assert_true(event_base_loop(wire.base, EVLOOP_ONCE) >= 0);
	http_pool_free(wire.pool);
	assert_int_equal(seen.n, 0);
	while (wire.n_open > 0)
		assert_true(event_base_loop(wire.base, EVLOOP_ONCE) >= 0);
	assert_int_equal(seen.n, 0);
}

static void on_courier_done(void *ctx, const struct courier_answer *got)
{
	*(int *)ctx = got->status;
}

static void test_the_courier_sends_key_type_and_credentials(void **state)
{
	static const struct secret_dirs dirs = { 0 };
	const struct courier *courier = courier_http_new(wire.client, &dirs);
	struct config_destination destination = { .concurrency = 1, .timeout_ms = 60000 };
	struct error err = { 0 };
	const char *const headers[] = { "Content-Type: application/x", "X-Key: k7",
		"Authorization: Bearer t", NULL };
	char url[64];
	int status = 0;

	(void)state;
	assert_non_null(courier);
	void *line = courier->open(courier->ctx, &destination, &err);
	assert_non_null(line);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", wire.port);
	for (int i = 0; i < 3; i++) {
		status = 0;
		assert_int_equal(courier->start(line,
					 &(struct courier_request){ .method = "PUT",
						 .url = url,
						 .headers = headers,
						 .body = "{}",
						 .len = 2 },
					 on_courier_done, &status),
			0);
		while (status == 0)
			assert_true(event_base_loop(wire.base, EVLOOP_ONCE) >= 0);
		assert_int_equal(status, 201);
	}
	assert_memory_equal(wire.last, "PUT /ok", 7);
	assert_non_null(strstr(wire.last, "\r\nX-Key: k7\r\n"));
	assert_non_null(strstr(wire.last, "\r\nContent-Type: application/x\r\n"));
	assert_non_null(strstr(wire.last, "\r\nAuthorization: Bearer t\r\n"));
	courier->close(line);
	courier_http_free(courier);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_an_answer_comes_with_status_and_body),
		T(test_an_answer_longer_than_wanted_is_cut_and_means_what_it_says),
		T(test_an_answer_is_whole_or_none),
		T(test_an_answer_as_long_as_is_kept_is_not_cut),
		T(test_connections_are_kept_and_used_again),
		T(test_no_more_connections_than_allowed),
		T(test_a_redirect_is_not_followed),
		T(test_a_refused_connection_sent_nothing),
		T(test_a_name_that_is_never_resolved_holds_up_nobody),
		T(test_a_failed_tls_handshake_sent_nothing),
		T(test_what_was_sent_and_not_answered_is_in_doubt),
		T(test_a_fresh_connection_is_never_repeated_by_the_library),
		T(test_an_answer_says_that_the_library_has_repeated_the_request),
		T(test_a_kept_connection_that_dies_with_its_server_leaves_doubt),
		T(test_too_many_headers_are_not_started),
		T(test_a_freed_pool_ends_requests_without_a_word),
		T(test_the_courier_sends_key_type_and_credentials),
	};

	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
