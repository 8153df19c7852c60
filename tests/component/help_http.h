/*
 * help_http.h - the HTTP client on its loop, and a server on loopback that answers as badly as servers
 * do. A request's path says how: see answer() in help_http.c.
 */
#ifndef DRAY_HELP_HTTP_H
#define DRAY_HELP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "courier/http_client.h"

#define MAX_ANSWER 4096

struct wire {
	struct event_base *base;
	struct evconnlistener *listener;
	uint16_t port;
	unsigned n_connections, n_open, most_open, n_requests;
	char last[8192];  /* head and body of the last request */
	const char *says; /* what is answered to /says, then the connection is closed */
	struct http_client *client;
	struct http_pool *pool;
};

/* What became of a request. */
struct seen {
	unsigned n;
	enum outcome_transport transport;
	int status;
	size_t len;
	bool is_cut, is_repeat;
	char body[256], error[256];
	size_t n_headers;
	char headers[4096]; /* "name=value|" */
};

/* A pool of two connections that is patient. */
void wire_open(struct wire *wire);
void wire_close(struct wire *wire);
/* Another pool: one that loses patience soon, for requests that are never answered, or keeps cookies. */
void wire_change_pool(struct wire *wire, int64_t timeout_ms, bool keeps_cookies);

/* An http_done_fn: `ctx` is a struct seen. */
void wire_on_done(void *ctx, const struct http_answer *answer);
/* What http_start() says. `url` may be a path. */
int wire_start(struct wire *wire, struct http_request request, struct seen *seen);
void wire_wait(struct wire *wire, const struct seen *seen, unsigned n);
/* An event, to the end. */
struct seen wire_post(struct wire *wire, const char *path);

#endif
