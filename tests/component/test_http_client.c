/*
 * The HTTP client and its courier against a server on loopback that answers as badly as servers do.
 * The path says how: what the client makes of it is the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>

#include "deliver/deliver.h"
#include "deliver/http_client.h"
#include "secret.h"

#define MAX_ANSWER 4096

/* --- the server ----------------------------------------------------------------------------------- */

struct server {
	struct evconnlistener *listener;
	uint16_t port;
	unsigned n_connections, n_open, most_open, n_requests;
	char last[8192]; /* head and body of the last request */
};

static struct event_base *base;
static struct server server;
static struct http_client *client;
static struct http_pool *pool;

static void close_connection(struct bufferevent *connection)
{
	server.n_open--;
	bufferevent_free(connection);
}

static void say(struct bufferevent *connection, const char *text)
{
	assert_int_equal(bufferevent_write(connection, text, strlen(text)), 0);
}

static void on_flushed(struct bufferevent *connection, void *ctx)
{
	(void)ctx;
	close_connection(connection);
}

static void say_and_close(struct bufferevent *connection, const char *text)
{
	bufferevent_setcb(connection, NULL, on_flushed, NULL, NULL);
	say(connection, text);
}

static void say_huge(struct bufferevent *connection)
{
	char line[64];
	char *body = calloc(1, MAX_ANSWER + 1);

	assert_non_null(body);
	memset(body, 'x', MAX_ANSWER + 1);
	(void)snprintf(line, sizeof(line), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
		MAX_ANSWER + 1);
	say(connection, line);
	assert_int_equal(bufferevent_write(connection, body, MAX_ANSWER + 1), 0);
	free(body);
}

static void answer(struct bufferevent *connection, const char *path)
{
	if (strncmp(path, "/ok", 3) == 0)
		say(connection,
			"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n{\"ref\":\"R1\"}");
	else if (strncmp(path, "/later", 6) == 0)
		say(connection,
			"HTTP/1.1 429 No\r\nretry-AFTER:  120 \r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/folded", 7) == 0)
		say(connection, "HTTP/1.1 200 OK\r\n X-Beginning: in the midst\r\n"
				"Content-Length: 0\r\n\r\n");
	else if (strncmp(path, "/moved", 6) == 0)
		say(connection, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/garbage", 8) == 0)
		say_and_close(connection, "it is a nice day\r\n\r\n");
	else if (strncmp(path, "/half", 5) == 0)
		say_and_close(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	else if (strncmp(path, "/huge", 5) == 0)
		say_huge(connection);
	else if (strncmp(path, "/close", 6) == 0)
		close_connection(connection);
	else if (strncmp(path, "/vanish", 7) == 0) {
		evconnlistener_free(server.listener);
		server.listener = NULL;
		close_connection(connection);
	}
	/* "/hang" says nothing. */
}

/* One whole request: head, and a body as long as it says. False: it is not all there yet. */
static bool take_request(struct bufferevent *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection);
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	size_t len;
	const char *length;

	if (end.pos < 0)
		return false;
	len = (size_t)end.pos + 4;
	assert_true(len < sizeof(server.last));
	assert_true(evbuffer_copyout(input, server.last, len) == (ev_ssize_t)len);
	server.last[len] = '\0';
	length = strstr(server.last, "Content-Length: ");
	if (length)
		len += strtoul(length + strlen("Content-Length: "), NULL, 10);
	assert_true(len < sizeof(server.last));
	if (evbuffer_get_length(input) < len)
		return false;
	assert_int_equal(evbuffer_remove(input, server.last, len), (int)len);
	server.last[len] = '\0';
	return true;
}

static void on_readable(struct bufferevent *connection, void *ctx)
{
	(void)ctx;
	if (!take_request(connection))
		return;
	server.n_requests++;
	answer(connection, strchr(server.last, ' ') + 1);
}

static void on_connection_event(struct bufferevent *connection, short what, void *ctx)
{
	(void)ctx;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		close_connection(connection);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
	struct sockaddr *address, int len, void *ctx)
{
	struct bufferevent *connection = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)address;
	(void)len;
	(void)ctx;
	assert_non_null(connection);
	bufferevent_setcb(connection, on_readable, NULL, on_connection_event, NULL);
	assert_int_equal(bufferevent_enable(connection, EV_READ | EV_WRITE), 0);
	server.n_connections++;
	if (++server.n_open > server.most_open)
		server.most_open = server.n_open;
}

static void open_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	memset(&server, 0, sizeof(server));
	server.listener = evconnlistener_new_bind(base, on_connection, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 64, (struct sockaddr *)&address,
		sizeof(address));
	assert_non_null(server.listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(server.listener),
				 (struct sockaddr *)&address, &len),
		0);
	server.port = ntohs(address.sin_port);
}

/* --- the client ----------------------------------------------------------------------------------- */

struct seen {
	unsigned n;
	enum outcome_transport transport;
	int status;
	size_t len;
	char body[256], retry_after[64], error[256];
};

static void on_done(void *ctx, const struct http_answer *got)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->transport = got->transport;
	seen->status = got->status;
	seen->len = got->len;
	(void)snprintf(seen->body, sizeof(seen->body), "%.*s", (int)got->len, got->body);
	(void)snprintf(seen->retry_after, sizeof(seen->retry_after), "%s",
		got->retry_after ? got->retry_after : "");
	(void)snprintf(seen->error, sizeof(seen->error), "%s", got->error);
}

static int start(const char *scheme, const char *path, bool is_fresh, struct seen *seen)
{
	static const char *const headers[] = { "Content-Type: application/json",
		"Idempotency-Key: k1", NULL };
	char url[128];

	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", scheme, server.port, path);
	return http_start(pool,
		&(struct http_request){ .method = "POST",
			.url = url,
			.headers = headers,
			.body = "{\"id\":\"e1\"}",
			.len = 11,
			.fresh_connection = is_fresh },
		on_done, seen);
}

static void wait_for(const struct seen *seen, unsigned n)
{
	while (seen->n < n)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
}

static struct seen post(const char *path)
{
	struct seen seen = { 0 };

	assert_int_equal(start("http", path, false, &seen), 0);
	assert_int_equal(seen.n, 0);
	wait_for(&seen, 1);
	return seen;
}

static int set_up(void **state)
{
	(void)state;
	base = event_base_new();
	assert_non_null(base);
	open_server();
	client = http_client_new(base);
	assert_non_null(client);
	pool = http_pool_new(
		client, &(struct http_pool_options){
				.connections = 2, .timeout_ms = 60000, .max_answer = MAX_ANSWER });
	assert_non_null(pool);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_client_free(client);
	/* The server's side of each connection sees the end of it. */
	while (server.n_open > 0)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	if (server.listener)
		evconnlistener_free(server.listener);
	event_base_free(base);
	return 0;
}

/* A pool that loses patience soon: only for requests that are never answered. */
static void be_impatient(void)
{
	http_pool_free(pool);
	pool = http_pool_new(
		client, &(struct http_pool_options){
				.connections = 2, .timeout_ms = 300, .max_answer = MAX_ANSWER });
	assert_non_null(pool);
}

static void test_an_answer_comes_with_status_and_body(void **state)
{
	(void)state;
	struct seen seen = post("/ok");

	assert_int_equal(seen.transport, TRANSPORT_ANSWERED);
	assert_int_equal(seen.status, 201);
	assert_string_equal(seen.body, "{\"ref\":\"R1\"}");
	assert_string_equal(seen.error, "");
	assert_memory_equal(server.last, "POST /ok HTTP/1.1\r\n", 19);
	assert_non_null(strstr(server.last, "\r\nIdempotency-Key: k1\r\n"));
	assert_non_null(strstr(server.last, "\r\n\r\n{\"id\":\"e1\"}"));
	assert_null(strstr(server.last, "Expect"));
}

static void test_an_answer_longer_than_wanted_is_cut_and_means_what_it_says(void **state)
{
	(void)state;
	struct seen seen = post("/huge");

	assert_int_equal(seen.transport, TRANSPORT_ANSWERED);
	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.len, MAX_ANSWER);
	assert_string_equal(seen.error, "");
	assert_int_equal(post("/ok").status, 201);
	assert_int_equal(server.n_connections, 1);
}

static void test_connections_are_kept_and_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(post(i % 2 ? "/ok" : "/ok/other").status, 201);
	assert_int_equal(server.n_requests, 20);
	assert_int_equal(server.n_connections, 1);
}

static void test_no_more_connections_than_allowed(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(start("http", "/ok", false, &seen), 0);
	wait_for(&seen, 10);
	assert_int_equal(server.n_requests, 10);
	assert_in_range(server.most_open, 1, 2);
}

static void test_retry_after_is_handed_on_trimmed(void **state)
{
	(void)state;
	struct seen seen = post("/later");

	assert_int_equal(seen.status, 429);
	assert_string_equal(seen.retry_after, "120");
	assert_string_equal(post("/ok").retry_after, "");
}

/* In older libcurl it is appended to the last header of the answer before, which is freed. */
static void test_an_answer_that_begins_with_a_folded_header_touches_no_other(void **state)
{
	(void)state;
	assert_int_equal(post("/later").status, 429);
	assert_int_not_equal(post("/folded").transport, TRANSPORT_NOT_SENT);
	assert_int_equal(post("/ok").status, 201);
}

static void test_a_redirect_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(post("/moved").status, 302);
	assert_int_equal(server.n_requests, 1);
}

static void test_a_refused_connection_sent_nothing(void **state)
{
	(void)state;
	evconnlistener_free(server.listener);
	server.listener = NULL;
	struct seen seen = post("/ok");
	assert_int_equal(seen.transport, TRANSPORT_NOT_SENT);
	assert_string_not_equal(seen.error, "");
}

static void test_a_failed_tls_handshake_sent_nothing(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	be_impatient();
	assert_int_equal(start("https", "/ok", false, &seen), 0);
	wait_for(&seen, 1);
	assert_int_equal(seen.transport, TRANSPORT_NOT_SENT);
	assert_int_equal(server.n_requests, 0);
}

static void test_what_was_sent_and_not_answered_is_in_doubt(void **state)
{
	static const char *const paths[] = { "/hang", "/close", "/garbage", "/half" };

	(void)state;
	be_impatient();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct seen seen = post(paths[i]);

		assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
		assert_int_equal(seen.status, 0);
		assert_string_equal(seen.body, "");
		assert_string_not_equal(seen.error, "");
	}
	/* And the pool is as good as before. */
	assert_int_equal(post("/ok").status, 201);
}

static void test_a_fresh_connection_is_never_repeated_by_the_library(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(post("/ok").status, 201);
	assert_int_equal(start("http", "/close", true, &seen), 0);
	wait_for(&seen, 1);
	assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
	assert_int_equal(server.n_requests, 2);
}

static void test_a_kept_connection_that_dies_with_its_server_leaves_doubt(void **state)
{
	(void)state;
	assert_int_equal(post("/ok").status, 201);
	/* libcurl repeats by itself and is refused: the first request may have been applied. */
	struct seen seen = post("/vanish");
	assert_int_equal(server.n_requests, 2);
	assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
}

static void test_too_many_headers_are_not_started(void **state)
{
	const char *headers[40] = { NULL };
	struct seen seen = { 0 };

	(void)state;
	for (size_t i = 0; i < 39; i++)
		headers[i] = "X-A: b";
	assert_int_equal(
		http_start(pool,
			&(struct http_request){
				.method = "GET", .url = "http://127.0.0.1", .headers = headers },
			on_done, &seen),
		-1);
	assert_int_equal(seen.n, 0);
	assert_int_equal(post("/ok").status, 201);
}

static void test_a_freed_pool_ends_requests_without_a_word(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(start("http", "/hang", false, &seen), 0);
	while (server.n_requests == 0)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	http_pool_free(pool);
	assert_int_equal(seen.n, 0);
	while (server.n_open > 0)
		assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
	assert_int_equal(seen.n, 0);
}

static void on_courier_done(void *ctx, const struct courier_answer *got)
{
	*(int *)ctx = got->status;
}

static void test_the_courier_sends_key_type_and_credentials(void **state)
{
	static const struct secret_dirs dirs = { 0 };
	const struct courier *courier = courier_http_new(client, &dirs);
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
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok", server.port);
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
			assert_true(event_base_loop(base, EVLOOP_ONCE) >= 0);
		assert_int_equal(status, 201);
	}
	assert_memory_equal(server.last, "PUT /ok", 7);
	assert_non_null(strstr(server.last, "\r\nX-Key: k7\r\n"));
	assert_non_null(strstr(server.last, "\r\nContent-Type: application/x\r\n"));
	assert_non_null(strstr(server.last, "\r\nAuthorization: Bearer t\r\n"));
	courier->close(line);
	courier_http_free(courier);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_an_answer_comes_with_status_and_body),
		T(test_an_answer_longer_than_wanted_is_cut_and_means_what_it_says),
		T(test_connections_are_kept_and_used_again),
		T(test_no_more_connections_than_allowed),
		T(test_retry_after_is_handed_on_trimmed),
		T(test_an_answer_that_begins_with_a_folded_header_touches_no_other),
		T(test_a_redirect_is_not_followed),
		T(test_a_refused_connection_sent_nothing),
		T(test_a_failed_tls_handshake_sent_nothing),
		T(test_what_was_sent_and_not_answered_is_in_doubt),
		T(test_a_fresh_connection_is_never_repeated_by_the_library),
		T(test_a_kept_connection_that_dies_with_its_server_leaves_doubt),
		T(test_too_many_headers_are_not_started),
		T(test_a_freed_pool_ends_requests_without_a_word),
		T(test_the_courier_sends_key_type_and_credentials),
	};

	(void)unsetenv("http_proxy");
	(void)unsetenv("HTTP_PROXY");
	(void)unsetenv("ALL_PROXY");
	(void)unsetenv("https_proxy");
	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
