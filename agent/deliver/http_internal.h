/*
 * http_internal.h - a pool and its transfers, for http_client.c and http_transfer.c only.
 *
 * A pool is one curl multi handle on the loop: one timer, one persistent struct event per socket.
 * A transfer is an easy handle whose options were set once; from request to request only what
 * differs is set again.
 *
 *   IDLE ─http_start─► RUNNING ─curl says done─► (on_done) ─► IDLE
 */
#ifndef DRAY_HTTP_INTERNAL_H
#define DRAY_HTTP_INTERNAL_H

#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "deliver/http_client.h"
#include "dray/buf.h"

#define HTTP_HEADERS_MAX 16
#define HTTP_METHOD_MAX 8
#define HTTP_RETRY_AFTER_MAX 64

struct http_transfer {
	TAILQ_ENTRY(http_transfer) link;
	struct http_pool *pool;
	CURL *easy;
	struct buf url, headers; /* of the last request; curl reads the headers in place */
	struct curl_slist nodes[HTTP_HEADERS_MAX];
	size_t n_nodes;
	char method[HTTP_METHOD_MAX];
	bool is_fresh;
	struct buf answer;
	char retry_after[HTTP_RETRY_AFTER_MAX];
	char error[CURL_ERROR_SIZE];
	http_done_fn on_done;
	void *ctx;
};
TAILQ_HEAD(http_transfers, http_transfer);

struct http_socket {
	LIST_ENTRY(http_socket) link;
	struct http_pool *pool;
	struct event event;
	int what; /* CURL_POLL_… that the event stands for */
};
LIST_HEAD(http_sockets, http_socket);

struct http_pool {
	LIST_ENTRY(http_pool) link;
	struct http_client *client;
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct http_transfers idle, running;
	struct http_sockets used, spare;
	char *tls_ca, *tls_cert, *tls_key;
	unsigned connections;
	int64_t timeout_ms;
	size_t max_answer;
};

/* http_transfer.c */

/* NULL when memory ran out or libcurl lacks something. */
struct http_transfer *http_transfer_new(struct http_pool *pool);
void http_transfer_free(struct http_transfer *transfer);
/* Make the easy handle stand for this request. 0, or -1. */
int http_transfer_prepare(struct http_transfer *transfer, const struct http_request *request);
/* Tell the one who asked. The transfer has left the multi handle. */
void http_transfer_finish(struct http_transfer *transfer, CURLcode result);

#endif
