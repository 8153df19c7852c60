#include "help_http.h"

#include <setjmp.h>
#include <stdarg.h>
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

/* --- the server ----------------------------------------------------------------------------------- */

static struct wire *wire; /* the one that is open */

static void close_connection(struct bufferevent *connection)
{
	wire->n_open--;
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

/* More headers than are kept. */
static void say_many(struct bufferevent *connection)
{
	char line[32];

	say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	for (int i = 0; i < 200; i++) {
		(void)snprintf(line, sizeof(line), "X-%d: %d\r\n", i, i);
		say(connection, line);
	}
	say(connection, "\r\n");
}

/* Two headers that find no room, one of them in pieces, and one behind them that does. */
static void say_long(struct bufferevent *connection)
{
	char text[40 * 1024];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: ");
	say(connection, text);
	say(connection, "\r\nX-Folded: ");
	say(connection, text + sizeof(text) / 2);
	say(connection, "\r\n ");
	say(connection, text + sizeof(text) / 2);
	say(connection, "\r\nX-Short: here\r\n\r\n");
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
	else if (strncmp(path, "/headers", 8) == 0)
		say(connection,
			"HTTP/1.1 103 Early Hints\r\nX-Void: yes\r\nLink: early\r\n\r\n"
			"HTTP/1.1 200 OK\r\nContent-TYPE: application/json; charset=utf-8 \r\n"
			"Link: <a>\r\nSet-Cookie: a=1\r\nX-Empty:\r\nlink:<b>\r\nETag: one\r\n two\r\n"
			"Set-Cookie: b=2\r\nLINK: <c>\r\nBad Name: x\r\nX-Empty: 1\r\n"
			"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: late\r\n\r\n");
	else if (strncmp(path, "/many", 5) == 0)
		say_many(connection);
	else if (strncmp(path, "/long", 5) == 0)
		say_long(connection);
	else if (strncmp(path, "/set", 4) == 0)
		say(connection, "HTTP/1.1 200 OK\r\nSet-Cookie: sid=s1; Path=/\r\n"
				"Set-Cookie: gone=1; Max-Age=0\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/moved", 6) == 0)
		say(connection, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/garbage", 8) == 0)
		say_and_close(connection, "it is a nice day\r\n\r\n");
	else if (strncmp(path, "/says", 5) == 0)
		say_and_close(connection, wire->says);
	else if (strncmp(path, "/half", 5) == 0)
		say_and_close(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	else if (strncmp(path, "/huge", 5) == 0)
		say_huge(connection);
	else if (strncmp(path, "/close", 6) == 0)
		close_connection(connection);
	else if (strncmp(path, "/dies", 5) == 0 && wire->n_connections == 1)
		close_connection(connection);
	else if (strncmp(path, "/dies", 5) == 0)
		say(connection, "HTTP/1.1 307 Elsewhere\r\nContent-Length: 0\r\n\r\n");
	else if (strncmp(path, "/vanish", 7) == 0) {
		evconnlistener_free(wire->listener);
		wire->listener = NULL;
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
	assert_true(len < sizeof(wire->last));
	assert_true(evbuffer_copyout(input, wire->last, len) == (ev_ssize_t)len);
	wire->last[len] = '\0';
	length = strstr(wire->last, "Content-Length: ");
	if (length)
		len += strtoul(length + strlen("Content-Length: "), NULL, 10);
	assert_true(len < sizeof(wire->last));
	if (evbuffer_get_length(input) < len)
		return false;
	assert_int_equal(evbuffer_remove(input, wire->last, len), (int)len);
	wire->last[len] = '\0';
	return true;
}

static void on_readable(struct bufferevent *connection, void *ctx)
{
	(void)ctx;
	if (!take_request(connection))
		return;
	wire->n_requests++;
	answer(connection, strchr(wire->last, ' ') + 1);
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
	struct bufferevent *connection =
		bufferevent_socket_new(wire->base, fd, BEV_OPT_CLOSE_ON_FREE);

	(void)listener;
	(void)address;
	(void)len;
	(void)ctx;
	assert_non_null(connection);
	bufferevent_setcb(connection, on_readable, NULL, on_connection_event, NULL);
	assert_int_equal(bufferevent_enable(connection, EV_READ | EV_WRITE), 0);
	wire->n_connections++;
	if (++wire->n_open > wire->most_open)
		wire->most_open = wire->n_open;
}

static void open_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	wire->listener = evconnlistener_new_bind(wire->base, on_connection, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 64, (struct sockaddr *)&address,
		sizeof(address));
	assert_non_null(wire->listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(wire->listener),
				 (struct sockaddr *)&address, &len),
		0);
	wire->port = ntohs(address.sin_port);
}

/* --- the client ----------------------------------------------------------------------------------- */

void wire_on_done(void *ctx, const struct http_answer *got)
{
	struct seen *seen = ctx;

	*seen = (struct seen){
		.n = seen->n + 1,
		.transport = got->transport,
		.status = got->status,
		.len = got->len,
		.is_cut = got->is_cut,
		.is_repeat = got->is_repeat,
		.n_headers = got->n_headers,
	};
	(void)snprintf(seen->body, sizeof(seen->body), "%.*s", (int)got->len, got->body);
	(void)snprintf(seen->error, sizeof(seen->error), "%s", got->error);
	for (size_t i = 0, at = 0; i < got->n_headers && at < sizeof(seen->headers); i++)
		at += (size_t)snprintf(seen->headers + at, sizeof(seen->headers) - at, "%s=%s|",
			got->headers[i].name, got->headers[i].value);
}

int wire_start(struct wire *open, struct http_request request, struct seen *seen)
{
	char url[128];

	if (request.url[0] == '/') {
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", open->port, request.url);
		request.url = url;
	}
	return http_start(open->pool, &request, wire_on_done, seen);
}

void wire_wait(struct wire *open, const struct seen *seen, unsigned n)
{
	while (seen->n < n)
		assert_true(event_base_loop(open->base, EVLOOP_ONCE) >= 0);
}

struct seen wire_post(struct wire *open, const char *path)
{
	static const char *const headers[] = { "Content-Type: application/json",
		"Idempotency-Key: k1", NULL };
	struct seen seen = { 0 };

	assert_int_equal(wire_start(open,
				 (struct http_request){ .method = "POST",
					 .url = path,
					 .headers = headers,
					 .body = "{\"id\":\"e1\"}",
					 .len = 11 },
				 &seen),
		0);
	assert_int_equal(seen.n, 0);
	wire_wait(open, &seen, 1);
	return seen;
}

void wire_change_pool(struct wire *open, int64_t timeout_ms, bool keeps_cookies)
{
	http_pool_free(open->pool);
	open->pool = http_pool_new(open->client, &(struct http_pool_options){ .connections = 2,
							 .timeout_ms = timeout_ms,
							 .max_answer = MAX_ANSWER,
							 .keeps_cookies = keeps_cookies });
	assert_non_null(open->pool);
}

void wire_open(struct wire *open)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		(void)unsetenv(proxies[i]);
	memset(open, 0, sizeof(*open));
	wire = open;
	wire->base = event_base_new();
	assert_non_null(wire->base);
	open_server();
	wire->client = http_client_new(wire->base);
	assert_non_null(wire->client);
	wire_change_pool(wire, 60000, false);
}

void wire_close(struct wire *open)
{
	http_client_free(open->client);
	/* The server's side of each connection sees the end of it. */
	while (open->n_open > 0)
		assert_true(event_base_loop(open->base, EVLOOP_ONCE) >= 0);
	if (open->listener)
		evconnlistener_free(open->listener);
	event_base_free(open->base);
}
