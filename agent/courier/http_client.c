#include "courier/http_client.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "courier/http_internal.h"
#include "log.h"

#define ANSWER_KEPT_BYTES ((size_t)64 * 1024) /* of memory, for the next answer */

struct http_client {
	struct event_base *base;
	LIST_HEAD(, http_pool) pools;
};

struct http_client *http_client_new(struct event_base *base)
{
	struct http_client *client;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	client = calloc(1, sizeof(*client));
	if (!client) {
		curl_global_cleanup();
		return NULL;
	}
	client->base = base;
	LIST_INIT(&client->pools);
	return client;
}

void http_client_free(struct http_client *client)
{
	struct http_pool *pool;

	if (!client)
		return;
	while ((pool = LIST_FIRST(&client->pools)))
		http_pool_free(pool);
	free(client);
	curl_global_cleanup();
}

/*
 * Before 8.1.1 libcurl keeps a pointer into the headers of an answer that it has freed (curl issue
 * 11101): a handle that is used again reads and writes there when the next answer begins with a
 * folded header, which any server can send.
 */
static bool may_be_used_again(void)
{
	return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080101;
}

static void put_back(struct http_pool *pool, struct http_transfer *transfer)
{
	if (!may_be_used_again())
		http_transfer_close(transfer);
	buf_wipe(&transfer->answer); /* a token may have come */
	if (transfer->answer.cap > ANSWER_KEPT_BYTES)
		buf_done(&transfer->answer);
	TAILQ_INSERT_HEAD(&pool->idle, transfer, link);
}

/* Hand over what has ended. on_done may start another request in this pool. */
static void drain_done(struct http_pool *pool)
{
	struct http_transfer *transfer;
	CURLMsg *message;
	CURLcode result;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) !=
			CURLE_OK)
			continue;
		if (curl_multi_remove_handle(pool->multi, transfer->easy) != CURLM_OK)
			LOG_ERROR("libcurl does not let go of a request");
		TAILQ_REMOVE(&pool->running, transfer, link);
		http_transfer_finish(transfer, result);
		put_back(pool, transfer);
	}
}

static void act_on(struct http_pool *pool, curl_socket_t fd, int what)
{
	int running;
	CURLMcode code = curl_multi_socket_action(pool->multi, fd, what, &running);

	if (code != CURLM_OK)
		LOG_ERROR("libcurl failed on a socket", LOG_S("error", curl_multi_strerror(code)));
	drain_done(pool);
}

static void on_socket_ready(evutil_socket_t fd, short events, void *ctx)
{
	struct http_socket *sock = ctx;
	int what = (events & EV_READ ? CURL_CSELECT_IN : 0) |
		   (events & EV_WRITE ? CURL_CSELECT_OUT : 0);

	act_on(sock->pool, fd, what);
}

static void on_timer(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	act_on(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http_pool *pool = ctx;
	struct timeval wait = clock_wait(timeout_ms);

	(void)multi;
	if (timeout_ms < 0)
		return evtimer_del(pool->timer);
	if (timeout_ms > 0)
		return evtimer_add(pool->timer, &wait);
	/* curl forbids to act from here; the loop comes by at once. */
	event_active(pool->timer, EV_TIMEOUT, 0);
	return 0;
}

static struct http_socket *take_socket(struct http_pool *pool, curl_socket_t fd)
{
	struct http_socket *sock = LIST_FIRST(&pool->spare);

	if (sock) {
		LIST_REMOVE(sock, link);
	} else {
		sock = calloc(1, sizeof(*sock));
		if (!sock)
			return NULL;
		sock->pool = pool;
	}
	sock->what = CURL_POLL_NONE;
	LIST_INSERT_HEAD(&pool->used, sock, link);
	if (curl_multi_assign(pool->multi, fd, sock) != CURLM_OK)
		LOG_ERROR("libcurl does not know a socket of its own");
	return sock;
}

static void drop_socket(struct http_pool *pool, struct http_socket *sock)
{
	if (sock->what != CURL_POLL_NONE)
		(void)event_del(&sock->event);
	LIST_REMOVE(sock, link);
	LIST_INSERT_HEAD(&pool->spare, sock, link);
}

static int watch_socket(
	struct http_pool *pool, struct http_socket *sock, curl_socket_t fd, int what)
{
	short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
			       (what & CURL_POLL_OUT ? EV_WRITE : 0));

	if (sock->what == what)
		return 0;
	if (sock->what != CURL_POLL_NONE)
		(void)event_del(&sock->event);
	sock->what = CURL_POLL_NONE;
	if (event_assign(&sock->event, pool->base, fd, events, on_socket_ready, sock) != 0 ||
		event_add(&sock->event, NULL) != 0)
		return -1;
	sock->what = what;
	return 0;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_pool *pool = ctx;
	struct http_socket *sock = socket_ctx;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (sock)
			drop_socket(pool, sock);
		return 0;
	}
	if (!sock)
		sock = take_socket(pool, fd);
	return sock ? watch_socket(pool, sock, fd, what) : -1;
}

static int set_up_multi(struct http_pool *pool)
{
	CURLM *multi = pool->multi;
	CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);

	if (!code)
		code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, (void *)pool);
	if (!code)
		code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	if (!code)
		code = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, (void *)pool);
	if (!code)
		code = curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	if (!code)
		code = curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)pool->connections);
	if (!code)
		code = curl_multi_setopt(
			multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)pool->connections);
	return code == CURLM_OK ? 0 : -1;
}

static int set_up_cookies(struct http_pool *pool)
{
	pool->cookies = curl_share_init();
	if (!pool->cookies)
		return -1;
	return curl_share_setopt(pool->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) ==
			       CURLSHE_OK
		       ? 0
		       : -1;
}

static int copy_path(const char *path, char **ret)
{
	*ret = path ? strdup(path) : NULL;
	return path && !*ret ? -1 : 0;
}

struct http_pool *http_pool_new(struct http_client *client, const struct http_pool_options *options)
{
	struct http_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->client = client;
	pool->base = client->base;
	pool->connections = options->connections > 0 ? options->connections : 1;
	pool->timeout_ms = options->timeout_ms;
	pool->max_answer = options->max_answer;
	TAILQ_INIT(&pool->idle);
	TAILQ_INIT(&pool->running);
	LIST_INSERT_HEAD(&client->pools, pool, link);
	pool->timer = evtimer_new(pool->base, on_timer, pool);
	pool->multi = curl_multi_init();
	if (!pool->timer || !pool->multi || copy_path(options->tls_ca, &pool->tls_ca) != 0 ||
		copy_path(options->tls_cert, &pool->tls_cert) != 0 ||
		copy_path(options->tls_key, &pool->tls_key) != 0 || set_up_multi(pool) != 0 ||
		(options->keeps_cookies && set_up_cookies(pool) != 0)) {
		http_pool_free(pool);
		return NULL;
	}
	return pool;
}

static void free_transfers(struct http_pool *pool, struct http_transfers *transfers)
{
	struct http_transfer *transfer;

	while ((transfer = TAILQ_FIRST(transfers))) {
		TAILQ_REMOVE(transfers, transfer, link);
		if (transfers == &pool->running)
			(void)curl_multi_remove_handle(pool->multi, transfer->easy);
		http_transfer_free(transfer);
	}
}

static void free_sockets(struct http_sockets *sockets)
{
	struct http_socket *sock;

	while ((sock = LIST_FIRST(sockets))) {
		LIST_REMOVE(sock, link);
		free(sock);
	}
}

void http_pool_free(struct http_pool *pool)
{
	struct http_socket *sock;

	if (!pool)
		return;
	free_transfers(pool, &pool->running);
	free_transfers(pool, &pool->idle);
	if (pool->multi)
		(void)curl_multi_cleanup(pool->multi);
	if (pool->cookies)
		(void)curl_share_cleanup(pool->cookies);
	while ((sock = LIST_FIRST(&pool->used)))
		drop_socket(pool, sock);
	free_sockets(&pool->spare);
	if (pool->timer)
		event_free(pool->timer);
	LIST_REMOVE(pool, link);
	free(pool->tls_ca);
	free(pool->tls_cert);
	free(pool->tls_key);
	free(pool);
}

static struct http_transfer *take_transfer(struct http_pool *pool)
{
	struct http_transfer *transfer = TAILQ_FIRST(&pool->idle);

	if (!transfer)
		return http_transfer_new(pool);
	TAILQ_REMOVE(&pool->idle, transfer, link);
	return transfer;
}

int http_start(
	struct http_pool *pool, const struct http_request *request, http_done_fn on_done, void *ctx)
{
	struct http_transfer *transfer = take_transfer(pool);

	if (!transfer)
		return -1;
	transfer->on_done = on_done;
	transfer->ctx = ctx;
	if (http_transfer_prepare(transfer, request) != 0 ||
		curl_multi_add_handle(pool->multi, transfer->easy) != CURLM_OK) {
		TAILQ_INSERT_HEAD(&pool->idle, transfer, link);
		return -1;
	}
	TAILQ_INSERT_TAIL(&pool->running, transfer, link);
	return 0;
}

void http_forget(struct http_pool *pool, const void *ctx)
{
	struct http_transfer *transfer;

	TAILQ_FOREACH (transfer, &pool->running, link)
		if (transfer->ctx == ctx)
			break;
	if (!transfer)
		return;
	TAILQ_REMOVE(&pool->running, transfer, link);
	if (curl_multi_remove_handle(pool->multi, transfer->easy) != CURLM_OK)
		LOG_ERROR("libcurl does not let go of a request");
	put_back(pool, transfer);
}
