#include "courier/http_internal.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MAX_MS 10000

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *transfer = ctx;
	size_t len = size * n;
	size_t room = transfer->pool->max_answer - transfer->answer.len;

	/* The status is what counts. Had a body without room ended the request, a 2xx would be in
	 * doubt, and sent again and again. */
	buf_put(&transfer->answer, bytes, len < room ? len : room);
	if (len > room)
		transfer->is_cut = true;
	return len;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *transfer = ctx;

	http_head_add(&transfer->head, bytes, size * n);
	return size * n;
}

/* On a connection that stands the request is about to leave: once, or again where that has died. */
static int on_leaving(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *transfer = ctx;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	transfer->n_sent++;
	return CURL_PREREQFUNC_OK;
}

static CURLcode set_tls(CURL *easy, const struct http_pool *pool)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);

	if (!code && pool->tls_ca)
		code = curl_easy_setopt(easy, CURLOPT_CAINFO, pool->tls_ca);
	if (!code && pool->tls_cert)
		code = curl_easy_setopt(easy, CURLOPT_SSLCERT, pool->tls_cert);
	if (!code && pool->tls_key)
		code = curl_easy_setopt(easy, CURLOPT_SSLKEY, pool->tls_key);
	return code;
}

static CURLcode set_bounds(CURL *easy, const struct http_pool *pool)
{
	int64_t connect_ms = pool->timeout_ms < CONNECT_TIMEOUT_MAX_MS ? pool->timeout_ms
								       : CONNECT_TIMEOUT_MAX_MS;
	CURLcode code = curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)pool->timeout_ms);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Else a request whose time is up while its name is being resolved has the loop wait for the
	 * resolver's thread, ten seconds and more on a line that is down. So that thread ends by itself. */
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	return code;
}

static CURLcode set_cookies(CURL *easy, const struct http_pool *pool)
{
	CURLcode code;

	if (!pool->cookies)
		return CURLE_OK;
	code = curl_easy_setopt(easy, CURLOPT_SHARE, pool->cookies);
	/* No file, but without it curl takes no part in them. */
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
	return code;
}

static CURLcode set_callbacks(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;
	CURLcode code = curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)transfer);

	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_leaving);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_PREREQDATA, (void *)transfer);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_USERAGENT, "drayd/" DRAY_VERSION);
	return code;
}

static int open_easy(struct http_transfer *transfer)
{
	if (transfer->easy)
		return 0;
	transfer->easy = curl_easy_init();
	if (transfer->easy && !set_callbacks(transfer) &&
		!set_bounds(transfer->easy, transfer->pool) &&
		!set_tls(transfer->easy, transfer->pool) &&
		!set_cookies(transfer->easy, transfer->pool))
		return 0;
	http_transfer_close(transfer);
	return -1;
}

struct http_transfer *http_transfer_new(struct http_pool *pool)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));

	if (transfer)
		transfer->pool = pool;
	return transfer;
}

void http_transfer_close(struct http_transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	transfer->easy = NULL;
	buf_reset(&transfer->url);
	transfer->method[0] = '\0';
	transfer->is_fresh = false;
}

void http_transfer_free(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	http_transfer_close(transfer);
	buf_wipe(&transfer->headers);
	buf_done(&transfer->headers);
	buf_done(&transfer->url);
	buf_done(&transfer->answer);
	http_head_done(&transfer->head);
	free(transfer);
}

static CURLcode set_url(struct http_transfer *transfer, const char *url)
{
	if (transfer->url.len > 0 && strcmp(transfer->url.data, url) == 0)
		return CURLE_OK;
	buf_reset(&transfer->url);
	buf_puts(&transfer->url, url);
	if (buf_failed(&transfer->url))
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_setopt(transfer->easy, CURLOPT_URL, transfer->url.data);
}

/* Without a body a DELETE is like a GET: curl would say that it sends a form. */
static bool is_bodiless(const struct http_request *request)
{
	return strcmp(request->method, "GET") == 0 ||
	       (strcmp(request->method, "DELETE") == 0 && request->len == 0);
}

static CURLcode set_method(struct http_transfer *transfer, const char *method, bool has_body)
{
	CURLcode code;

	if (strcmp(transfer->method, method) == 0 && transfer->has_body == has_body)
		return CURLE_OK;
	if (strlen(method) >= sizeof(transfer->method))
		return CURLE_BAD_FUNCTION_ARGUMENT;
	code = curl_easy_setopt(transfer->easy, has_body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	if (!code)
		code = curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, method);
	if (!code) {
		memcpy(transfer->method, method, strlen(method) + 1);
		transfer->has_body = has_body;
	}
	return code;
}

/*
 * The list is built in the transfer's own memory: curl only reads it, and a request would else cost
 * two allocations a header.
 */
static CURLcode set_headers(struct http_transfer *transfer, const char *const *headers)
{
	/* Not what curl would say by itself. */
	static const char none[] = "Expect:\0Content-Type:";
	size_t starts[HTTP_HEADERS_MAX] = { 0, sizeof("Expect:") };
	size_t n = 2;

	buf_reset(&transfer->headers);
	buf_put(&transfer->headers, none, sizeof(none));
	for (; headers && *headers; headers++) {
		if (n == HTTP_HEADERS_MAX)
			return CURLE_BAD_FUNCTION_ARGUMENT;
		starts[n++] = transfer->headers.len;
		buf_put(&transfer->headers, *headers, strlen(*headers) + 1);
	}
	if (buf_failed(&transfer->headers))
		return CURLE_OUT_OF_MEMORY;
	for (size_t i = 0; i < n; i++) {
		transfer->nodes[i].data = transfer->headers.data + starts[i];
		transfer->nodes[i].next = i + 1 < n ? &transfer->nodes[i + 1] : NULL;
	}
	return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->nodes);
}

static CURLcode set_body(struct http_transfer *transfer, const struct http_request *request)
{
	CURLcode code;

	if (is_bodiless(request))
		return CURLE_OK;
	code = curl_easy_setopt(
		transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
	if (!code)
		code = curl_easy_setopt(
			transfer->easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	return code;
}

static CURLcode set_freshness(struct http_transfer *transfer, bool is_fresh)
{
	CURLcode code;

	if (transfer->is_fresh == is_fresh)
		return CURLE_OK;
	code = curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, is_fresh ? 1L : 0L);
	/* What was used once for such a request serves no other. */
	if (!code)
		code = curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, is_fresh ? 1L : 0L);
	if (!code)
		transfer->is_fresh = is_fresh;
	return code;
}

static CURLcode forget_cookies(struct http_transfer *transfer, bool forgets)
{
	if (!forgets || !transfer->pool->cookies)
		return CURLE_OK;
	return curl_easy_setopt(transfer->easy, CURLOPT_COOKIELIST, "ALL");
}

int http_transfer_prepare(struct http_transfer *transfer, const struct http_request *request)
{
	buf_reset(&transfer->answer);
	transfer->is_cut = false;
	transfer->n_sent = 0;
	http_head_reset(&transfer->head);
	transfer->error[0] = '\0';
	if (open_easy(transfer) != 0 || set_url(transfer, request->url) ||
		set_method(transfer, request->method, !is_bodiless(request)) ||
		set_headers(transfer, request->headers) || set_body(transfer, request) ||
		set_freshness(transfer, request->fresh_connection) ||
		forget_cookies(transfer, request->forgets_cookies))
		return -1;
	return 0;
}

/* No byte of the request left: then, and only then, nothing can have been applied. */
static bool is_unsent(CURL *easy)
{
	long sent = 0;

	return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

/* To libcurl a connection that ends among the headers ends the answer: it is not complete (RFC 9112
 * section 8), and whatever its status line says is no proof. */
static CURLcode check_head(struct http_transfer *transfer)
{
	static const char words[] =
		"the connection was closed in the middle of the answer's headers";

	if (transfer->head.is_over)
		return CURLE_OK;
	memcpy(transfer->error, words, sizeof(words));
	return CURLE_PARTIAL_FILE;
}

void http_transfer_finish(struct http_transfer *transfer, CURLcode result)
{
	struct http_answer answer = {
		.transport = TRANSPORT_ANSWERED, .is_repeat = transfer->n_sent > 1, .error = ""
	};
	curl_off_t took_us = 0;
	long status = 0;

	if (curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took_us) == CURLE_OK)
		answer.took_ms = took_us / 1000;
	if (result == CURLE_OK &&
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		result = CURLE_GOT_NOTHING;
	if (result == CURLE_OK)
		result = check_head(transfer);
	if (result == CURLE_OK) {
		answer.status = (int)status;
		http_head_read(&transfer->head);
		answer.headers = transfer->head.list;
		answer.n_headers = transfer->head.n;
	} else {
		answer.transport =
			is_unsent(transfer->easy) ? TRANSPORT_NOT_SENT : TRANSPORT_NO_ANSWER;
		answer.error = transfer->error[0] ? transfer->error : curl_easy_strerror(result);
	}
	if (result == CURLE_OK && !buf_failed(&transfer->answer))
		answer.len = transfer->answer.len;
	answer.is_cut = result == CURLE_OK && (transfer->is_cut || buf_failed(&transfer->answer));
	answer.body = answer.len > 0 ? transfer->answer.data : "";
	/* Credentials stand there. */
	buf_wipe(&transfer->headers);
	transfer->on_done(transfer->ctx, &answer);
}
