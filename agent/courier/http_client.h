/*
 * http_client.h - libcurl's multi interface on the loop.
 *
 * start_x()/on_x(): http_start() begins a request, on_done is called once from the loop, never from
 * within http_start(). It may start another request; it must not free the pool it was called for.
 * Pollers and fleet use it too.
 *
 * No redirects are followed, a 3xx is handed on. TLS is verified, at least 1.2. An answer is bounded:
 * what is beyond `max_answer` is read and thrown away, as long as the time-out allows, and is_cut says
 * so; of the headers the first 64 are kept, of at most 32 KiB. libcurl repeats a POST by itself on a
 * kept-alive connection that died without an answer: is_repeat says so; `fresh_connection` where a repeat
 * matters.
 */
#ifndef DRAY_HTTP_CLIENT_H
#define DRAY_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/connector.h"
#include "dray/outcome.h"

struct event_base;
struct http_client;
struct http_pool;

struct http_client *http_client_new(struct event_base *base); /* NULL on failure */
void http_client_free(struct http_client *client); /* running requests end without a callback */

/*
 * What the requests to one destination share: TLS files, credentials, kept-alive connections. At
 * most `connections` at once.
 */
struct http_pool_options {
	const char *tls_ca, *tls_cert, *tls_key; /* paths; NULL none */
	unsigned connections;
	int64_t timeout_ms; /* of a whole request */
	size_t max_answer;  /* bytes of a body that are kept */
	/* What answers set with Set-Cookie is sent back, to those whom RFC 6265 says. In memory only. */
	bool keeps_cookies;
};
struct http_pool *http_pool_new(
	struct http_client *client, const struct http_pool_options *options);
/* Running requests end without a callback. */
void http_pool_free(struct http_pool *pool);

struct http_request {
	const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL ends, at most 46; copied */
	const char *body;           /* borrowed until on_done; none is sent with a GET */
	size_t len;
	bool fresh_connection;
	bool forgets_cookies; /* those of earlier answers, before it leaves */
};

struct http_answer {
	enum outcome_transport transport;
	int status;       /* 0 unless answered */
	const char *body; /* borrowed during on_done; never NULL */
	size_t len;
	bool is_cut; /* the body was longer than what is kept */
	/* It left more than once: this answers the last time, what was done before nobody knows. */
	bool is_repeat;
	/*
	 * Of the final response, borrowed during on_done; none unless answered. Names in lower case,
	 * each once, what came several times joined by ", " (RFC 9110 section 5.3); but for
	 * set-cookie, which is there as often as it came.
	 */
	const struct connector_header *headers;
	size_t n_headers;
	const char *error; /* libcurl's words; "" when answered */
	int64_t took_ms;
};

typedef void (*http_done_fn)(void *ctx, const struct http_answer *answer);

/* 0, or -1: not started, on_done is not called. */
int http_start(struct http_pool *pool, const struct http_request *request, http_done_fn on_done,
	void *ctx);
/* The one with this `ctx` ends without a callback, if it is running. */
void http_forget(struct http_pool *pool, const void *ctx);

#endif
