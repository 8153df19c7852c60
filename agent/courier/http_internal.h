/*
 * http_internal.h - a pool and its transfers, for http_client.c and http_transfer.c only.
 *
 * A pool is one curl multi handle on the loop: one timer, one persistent struct event per socket.
 * A transfer is an easy handle whose options were set once; from request to request only what
 * differs is set again. Its buffers outlive the handle where that can't be used again.
 *
 *   IDLE ─http_start─► RUNNING ─curl says done─► (on_done) ─► IDLE
 */
#ifndef DRAY_HTTP_INTERNAL_H
#define DRAY_HTTP_INTERNAL_H

#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "courier/http_client.h"
#include "dray/buf.h"

#define HTTP_HEADERS_MAX 48 /* of a request */
#define HTTP_METHOD_MAX 8

/* The headers of an answer. What is beyond a bound is left out, field by field. */
#define HTTP_HEAD_BYTES_MAX ((size_t)32 * 1024)
#define HTTP_KEPT_HEADERS_MAX 64
struct http_head {
	struct buf raw; /* the lines of the last response; http_head_read() makes texts of them */
	struct buf joined;
	size_t field; /* where the last one begins in raw */
	bool is_over, is_left_out;
	struct connector_header list[HTTP_KEPT_HEADERS_MAX];
	size_t n;
};

struct http_transfer {
	TAILQ_ENTRY(http_transfer) link;
	struct http_pool *pool;
	CURL *easy;              /* NULL: closed */
	struct buf url, headers; /* of the last request; curl reads the headers in place */
	struct curl_slist nodes[HTTP_HEADERS_MAX];
	size_t n_nodes;
	char method[HTTP_METHOD_MAX];
	bool has_body, is_fresh;
	unsigned n_sent; /* how often it left */
	struct buf answer;
	bool is_cut;
	struct http_head head;
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
	CURLSH *cookies; /* NULL: none are kept */
	struct event *timer;
	struct http_transfers idle, running;
	struct http_sockets used, spare;
	char *tls_ca, *tls_cert, *tls_key;
	unsigned connections;
	int64_t timeout_ms;
	size_t max_answer;
};

/* http_head.c */

void http_head_reset(struct http_head *head);
void http_head_done(struct http_head *head);
/* A line, as libcurl hands it on. */
void http_head_add(struct http_head *head, const char *line, size_t len);
/* Fill the list. The lines are used up. */
void http_head_read(struct http_head *head);

/* http_transfer.c */

/* NULL when memory ran out. */
struct http_transfer *http_transfer_new(struct http_pool *pool);
/* Without its easy handle, which http_transfer_prepare() makes anew. */
void http_transfer_close(struct http_transfer *transfer);
void http_transfer_free(struct http_transfer *transfer);
/* Make the easy handle stand for this request. 0, or -1. */
int http_transfer_prepare(struct http_transfer *transfer, const struct http_request *request);
/* Tell the one who asked. The transfer has left the multi handle. */
void http_transfer_finish(struct http_transfer *transfer, CURLcode result);

#endif
