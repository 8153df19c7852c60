/*
 * http.c - the courier that speaks HTTP: one pool of connections per destination.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "courier/courier.h"
#include "courier/http_client.h"
#include "dray/buf.h"
#include "secret.h"

#define MAX_ANSWER_BYTES ((size_t)1024 * 1024)
#define PATH_BYTES 4096

struct courier_http {
	struct courier courier;
	struct http_client *client;
	const struct secret_dirs *dirs;
};

/* A request that is out: whom to tell. Used again, since there is one for every delivery. */
struct courier_errand {
	LIST_ENTRY(courier_errand) link;
	struct courier_line *line;
	courier_done_fn done;
	void *done_ctx;
};
LIST_HEAD(courier_errands, courier_errand);

struct courier_line {
	struct http_pool *pool;
	struct courier_errands out, spare;
};

static void free_errands(struct courier_errands *errands)
{
	struct courier_errand *errand;

	while ((errand = LIST_FIRST(errands))) {
		LIST_REMOVE(errand, link);
		free(errand);
	}
}

static void close_line(void *opened)
{
	struct courier_line *line = opened;

	if (!line)
		return;
	http_pool_free(line->pool);
	free_errands(&line->out);
	free_errands(&line->spare);
	free(line);
}

static struct http_pool *open_pool(const struct courier_http *http,
	const struct config_destination *destination, struct error *err)
{
	const struct config_tls *tls = &destination->tls;
	char key_path[PATH_BYTES] = "";
	struct http_pool *pool;
	struct http_pool_options options = {
		.connections = (unsigned)destination->concurrency,
		.timeout_ms = destination->timeout_ms,
		.max_answer = MAX_ANSWER_BYTES,
		.keeps_cookies = destination->auth.keeps_cookies,
	};

	if (destination->has_tls) {
		options.tls_ca = tls->ca;
		options.tls_cert = tls->cert;
		if (tls->key.file &&
			secret_path(http->dirs, &tls->key, key_path, sizeof(key_path), err) != 0)
			return NULL;
		options.tls_key = key_path[0] ? key_path : NULL;
	}
	pool = http_pool_new(http->client, &options);
	if (!pool)
		error_fill(err, NULL, "cannot set up HTTP connections: out of memory");
	return pool;
}

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	struct courier_line *line = calloc(1, sizeof(*line));

	if (!line) {
		error_fill(err, NULL, "cannot set up HTTP connections: out of memory");
		return NULL;
	}
	LIST_INIT(&line->out);
	LIST_INIT(&line->spare);
	line->pool = open_pool(ctx, destination, err);
	if (!line->pool) {
		close_line(line);
		return NULL;
	}
	return line;
}

static struct courier_errand *take_errand(struct courier_line *line)
{
	struct courier_errand *errand = LIST_FIRST(&line->spare);

	if (errand)
		LIST_REMOVE(errand, link);
	else
		errand = calloc(1, sizeof(*errand));
	if (!errand)
		return NULL;
	errand->line = line;
	LIST_INSERT_HEAD(&line->out, errand, link);
	return errand;
}

static void drop_errand(struct courier_errand *errand)
{
	LIST_REMOVE(errand, link);
	LIST_INSERT_HEAD(&errand->line->spare, errand, link);
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct courier_errand *errand = ctx;
	const struct courier_answer told = {
		.transport = answer->transport,
		.status = answer->status,
		.body = answer->body,
		.len = answer->len,
		.is_cut = answer->is_cut,
		.is_repeat = answer->is_repeat,
		.headers = answer->headers,
		.n_headers = answer->n_headers,
		.error = answer->error,
		.took_ms = answer->took_ms,
	};

	drop_errand(errand);
	errand->done(errand->done_ctx, &told);
}

static int start_request(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct courier_line *line = opened;
	struct http_request sent = {
		.method = request->method,
		.url = request->url,
		.headers = request->headers,
		.body = request->body,
		.len = request->len,
		.fresh_connection = request->fresh_connection,
		.forgets_cookies = request->forgets_cookies,
	};
	struct courier_errand *errand;

	errand = take_errand(line);
	if (!errand)
		return -1;
	errand->done = done;
	errand->done_ctx = done_ctx;
	if (http_start(line->pool, &sent, on_answer, errand) != 0) {
		drop_errand(errand);
		return -1;
	}
	return 0;
}

static void forget_request(void *opened, void *done_ctx)
{
	struct courier_line *line = opened;
	struct courier_errand *errand;

	LIST_FOREACH (errand, &line->out, link)
		if (errand->done_ctx == done_ctx)
			break;
	if (!errand)
		return;
	http_forget(line->pool, errand);
	drop_errand(errand);
}

const struct courier *courier_http_new(struct http_client *client, const struct secret_dirs *dirs)
{
	struct courier_http *http = calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->client = client;
	http->dirs = dirs;
	http->courier = (struct courier){ .open = open_line,
		.start = start_request,
		.forget = forget_request,
		.close = close_line,
		.ctx = http };
	return &http->courier;
}

void courier_http_free(const struct courier *courier)
{
	if (courier)
		free(courier->ctx);
}
