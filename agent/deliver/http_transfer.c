#include "http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MAX_MS 10000

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *transfer = ctx;
	size_t len = size * n;
	size_t room = transfer->pool->max_answer - transfer->answer.len;

	/* The status is what counts. Had a body without room ended the request, a 2xx would be in
	 * doubt, and sent again and again. */
	buf_put(&transfer->answer, bytes, len < room ? len : room);
	return len;
}

static void copy_value(const char *value, size_t len, char *out, size_t size)
{
	while (len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		len--;
	}
	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		len--;
	if (len >= size)
		return;
	memcpy(out, value, len);
	out[len] = '\0';
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	static const char name[] = "retry-after:";
	struct http_transfer *transfer = ctx;
	size_t len = size * n, name_len = sizeof(name) - 1;

	/* A status line: what an interim response said is void. */
	if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		transfer->retry_after[0] = '\0';
	else if (len > name_len && strncasecmp(bytes, name, name_len) == 0)
		copy_value(bytes + name_len, len - name_len, transfer->retry_after,
			sizeof(transfer->retry_after));
	return len;
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
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
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
		code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	if (!code)
		code = curl_easy_setopt(easy, CURLOPT_USERAGENT, "drayd/" DRAY_VERSION);
	return code;
}

struct http_transfer *http_transfer_new(struct http_pool *pool)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer)
		return NULL;
	transfer->pool = pool;
	transfer->easy = curl_easy_init();
	if (!transfer->easy || set_callbacks(transfer) || set_bounds(transfer->easy, pool) ||
		set_tls(transfer->easy, pool)) {
		http_transfer_free(transfer);
		return NULL;
	}
	return transfer;
}

void http_transfer_free(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->easy);
	buf_done(&transfer->url);
	buf_done(&transfer->headers);
	buf_done(&transfer->answer);
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

static CURLcode set_method(struct http_transfer *transfer, const char *method)
{
	CURLcode code;

	if (strcmp(transfer->method, method) == 0)
		return CURLE_OK;
	if (strlen(method) >= sizeof(transfer->method))
		return CURLE_BAD_FUNCTION_ARGUMENT;
	if (strcmp(method, "GET") == 0)
		code = curl_easy_setopt(transfer->easy, CURLOPT_HTTPGET, 1L);
	else
		code = curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
	if (!code)
		code = curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, method);
	if (!code)
		memcpy(transfer->method, method, strlen(method) + 1);
	return code;
}

/*
 * The list is built in the transfer's own memory: curl only reads it, and a request would else cost
 * two allocations a header.
 */
static CURLcode set_headers(struct http_transfer *transfer, const char *const *headers)
{
	size_t starts[HTTP_HEADERS_MAX];
	size_t n = 0;

	buf_reset(&transfer->headers);
	starts[n++] = 0;
	buf_put(&transfer->headers, "Expect:", sizeof("Expect:"));
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

	if (strcmp(request->method, "GET") == 0)
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

int http_transfer_prepare(struct http_transfer *transfer, const struct http_request *request)
{
	buf_reset(&transfer->answer);
	transfer->retry_after[0] = '\0';
	transfer->error[0] = '\0';
	if (set_url(transfer, request->url) || set_method(transfer, request->method) ||
		set_headers(transfer, request->headers) || set_body(transfer, request) ||
		set_freshness(transfer, request->fresh_connection))
		return -1;
	return 0;
}

/* No byte of the request left: then, and only then, nothing can have been applied. */
static bool is_unsent(CURL *easy)
{
	long sent = 0;

	return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

void http_transfer_finish(struct http_transfer *transfer, CURLcode result)
{
	struct http_answer answer = { .transport = TRANSPORT_ANSWERED, .error = "" };
	curl_off_t took_us = 0;
	long status = 0;

	if (curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took_us) == CURLE_OK)
		answer.took_ms = took_us / 1000;
	if (result == CURLE_OK &&
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		result = CURLE_GOT_NOTHING;
	if (result == CURLE_OK) {
		answer.status = (int)status;
		answer.retry_after = transfer->retry_after[0] ? transfer->retry_after : NULL;
	} else {
		answer.transport =
			is_unsent(transfer->easy) ? TRANSPORT_NOT_SENT : TRANSPORT_NO_ANSWER;
		answer.error = transfer->error[0] ? transfer->error : curl_easy_strerror(result);
	}
	if (result == CURLE_OK && !buf_failed(&transfer->answer))
		answer.len = transfer->answer.len;
	answer.body = answer.len > 0 ? transfer->answer.data : "";
	transfer->on_done(transfer->ctx, &answer);
}
