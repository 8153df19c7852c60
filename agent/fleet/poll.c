#include "fleet/poll.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "courier/http_client.h"
#include "dray/jws.h"
#include "dray/retry.h"
#include "log.h"
#include "secret.h"
#include "turn.h"

#define TIMEOUT_MS 30000
#define FIRST_MS 10000
#define BACKOFF_MS 2000
#define LINE_MAX_BYTES 600
#define HEADERS_MAX 4

enum poll_state { POLL_UNKNOWN, POLL_FINE, POLL_ABSENT, POLL_FAILING };

struct poll {
	struct poll_options is;
	const struct config *config; /* NULL: nothing is asked for */
	struct http_pool *pool;
	struct event *timer;
	bool is_due, is_asking;
	enum poll_state state;
	char reason[256];
	unsigned failures;
	char validator[LINE_MAX_BYTES]; /* "If-None-Match: …"; "" none */
};

/* --- waiting -------------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct poll *poll = ctx;

	(void)fd;
	(void)what;
	poll->is_due = true; /* release() asks */
}

static void wait_ms(struct poll *poll, int64_t ms)
{
	struct timeval wait = clock_wait(ms);

	if (event_add(poll->timer, &wait) != 0)
		LOG_ERROR("a timer could not be set, memory may be short: fleet.url is not asked");
}

static void wait_for_next(struct poll *poll)
{
	int64_t every_ms = poll->config->fleet.every_ms;
	int64_t base_ms = every_ms < BACKOFF_MS ? every_ms : BACKOFF_MS;
	int64_t ms = every_ms - every_ms / 10, spread_ms = every_ms / 5;

	if (poll->failures > 0) {
		spread_ms = retry_ceiling(base_ms, every_ms, poll->failures) / 2;
		ms = spread_ms;
	}
	wait_ms(poll, ms + retry_jitter(spread_ms, spread_ms, 1, clock_seed(poll->is.clock)));
}

/* --- what became of it ------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static void end(
	struct poll *poll, enum poll_state state, const char *format, ...)
{
	enum poll_state before = poll->state;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(poll->reason, sizeof(poll->reason), format, args);
	va_end(args);
	poll->state = state;
	poll->failures = state == POLL_FAILING ? poll->failures + (poll->failures < 1000) : 0;
	if (state == before)
		return;
	if (state == POLL_FAILING)
		LOG_WARNING(
			"fleet.url gives no document, trying again", LOG_S("why", poll->reason));
	else if (state == POLL_ABSENT)
		LOG_WARNING("fleet.url has no document for this site", LOG_S("why", poll->reason));
	else if (before != POLL_UNKNOWN)
		LOG_INFO("fleet.url gives its document again");
}

static const char *find_header(const struct http_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++)
		if (strcmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}

/* RFC 9110 section 13.1: the entity tag as it came, else the date. One that does not fit is not kept. */
static void keep_validator(struct poll *poll, const struct http_answer *answer)
{
	const char *tag = find_header(answer, "etag");
	const char *date = find_header(answer, "last-modified");
	bool fits = false;

	if (tag && *tag)
		fits = text_join(poll->validator, sizeof(poll->validator), "If-None-Match: ", tag);
	else if (date && *date)
		fits = text_join(
			poll->validator, sizeof(poll->validator), "If-Modified-Since: ", date);
	if (!fits)
		poll->validator[0] = '\0';
}

static void take_document(struct poll *poll, const struct http_answer *answer)
{
	keep_validator(poll, answer);
	end(poll, POLL_FINE, "%s", "");
	poll->is.on_document(poll->is.ctx, answer->body, answer->len);
}

static const char *advice(int status)
{
	if (status == 401 || status == 403)
		return ": look at fleet.token and fleet.tls";
	if (status / 100 == 3)
		return ": redirects are not followed, give the address that it names";
	return "";
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	struct poll *poll = ctx;
	int status = answer->status;

	poll->is_asking = false;
	if (answer->transport != TRANSPORT_ANSWERED) {
		end(poll, POLL_FAILING, "%s", answer->error);
	} else if (status == 200) {
		take_document(poll, answer);
	} else if (status == 304) {
		end(poll, POLL_FINE, "%s", "");
	} else if (status == 204 || status == 404 || status == 410) {
		poll->validator[0] = '\0';
		end(poll, POLL_ABSENT, "it answers %d", status);
	} else {
		end(poll, POLL_FAILING, "it answers %d%s", status, advice(status));
	}
	wait_for_next(poll);
}

/* --- asking ------------------------------------------------------------------------------------------ */

/* "Authorization: Bearer …"; secret_free(). NULL with *err filled. */
static char *read_token(
	const struct config_secret *secret, const struct secret_dirs *secrets, struct error *err)
{
	static const char head[] = "Authorization: Bearer ";
	char *token = secret_read(secrets, secret, err);
	size_t size = token ? sizeof(head) + strlen(token) : 0;
	char *line = token ? malloc(size) : NULL;

	for (const char *at = token; at && *at; at++)
		if (*at < 0x21 || *at > 0x7e) {
			error_fill(err, NULL, "the token in the file %s holds what no header can",
				secret->file);
			free(line);
			line = NULL;
			goto out;
		}
	if (line)
		(void)text_join(line, size, head, token);
	else if (token)
		error_fill(err, NULL, "out of memory");
out:
	secret_free(token);
	if (!line)
		error_prefix(err, "fleet.token");
	return line;
}

int poll_check(const struct config *config, const struct secret_dirs *secrets, struct error *err)
{
	char *line;

	if (!config->fleet.token.file)
		return 0;
	line = read_token(&config->fleet.token, secrets, err);
	secret_free(line);
	return line ? 0 : -1;
}

static void ask(struct poll *poll)
{
	const struct config *config = poll->config;
	struct error err = { 0 };
	char *token = NULL, text[512];
	const char *headers[HEADERS_MAX + 1] = { "Accept: application/json" };
	size_t n = 1;

	if (config->fleet.token.file) {
		token = read_token(&config->fleet.token, poll->is.secrets, &err);
		headers[n] = token;
		n += token != NULL;
	}
	if (poll->validator[0])
		headers[n++] = poll->validator;
	if (err.message[0])
		end(poll, POLL_FAILING, "%s", error_text(&err, text, sizeof(text)));
	else if (http_start(poll->pool,
			 &(struct http_request){
				 .method = "GET", .url = config->fleet.url, .headers = headers },
			 on_answer, poll) == 0)
		poll->is_asking = true;
	else
		end(poll, POLL_FAILING, "out of memory");
	secret_free(token);
	if (!poll->is_asking)
		wait_for_next(poll);
}

static void release(void *ctx)
{
	struct poll *poll = ctx;

	if (!poll->is_due || poll->is_asking || !poll->config)
		return;
	poll->is_due = false;
	ask(poll);
}

/* --- life --------------------------------------------------------------------------------------------- */

struct poll *poll_new(const struct poll_options *options)
{
	struct poll *poll = calloc(1, sizeof(*poll));

	if (!poll)
		return NULL;
	poll->is = *options;
	poll->timer = evtimer_new(options->base, on_timer, poll);
	if (!poll->timer) {
		poll_free(poll);
		return NULL;
	}
	turn_add(options->turn,
		&(struct turn_member){ .name = "poll", .release = release, .ctx = poll });
	return poll;
}

void poll_free(struct poll *poll)
{
	if (!poll)
		return;
	http_pool_free(poll->pool);
	if (poll->timer)
		event_free(poll->timer);
	free(poll);
}

const char *poll_fault(const struct poll *poll)
{
	return poll->config ? poll->reason : "";
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool asks_the_same(const struct config *a, const struct config *b)
{
	return a && b && is_same_text(a->fleet.url, b->fleet.url) &&
	       a->fleet.every_ms == b->fleet.every_ms &&
	       is_same_text(a->fleet.tls.ca, b->fleet.tls.ca) &&
	       is_same_text(a->fleet.tls.cert, b->fleet.tls.cert) &&
	       is_same_text(a->fleet.tls.key.file, b->fleet.tls.key.file);
}

static int open_pool(
	struct poll *poll, const struct config *config, struct http_pool **ret, struct error *err)
{
	const struct config_tls *tls = &config->fleet.tls;
	char key_path[PATH_MAX];
	struct http_pool_options options = { .tls_ca = tls->ca,
		.tls_cert = tls->cert,
		.connections = 1,
		.timeout_ms = TIMEOUT_MS,
		.max_answer = JWS_MAX + 1 };

	if (tls->key.file) {
		if (secret_path(poll->is.secrets, &tls->key, key_path, sizeof(key_path), err) < 0) {
			error_prefix(err, "fleet.tls.key");
			return -1;
		}
		options.tls_key = key_path;
	}
	*ret = http_pool_new(poll->is.http, &options);
	return *ret ? 0 : error_set(err, "fleet.url", "out of memory");
}

/* What is out ends without an answer. */
static void take(struct poll *poll, const struct config *config, struct http_pool *pool)
{
	int64_t first_ms =
		config && config->fleet.every_ms < FIRST_MS ? config->fleet.every_ms : FIRST_MS;

	http_pool_free(poll->pool);
	poll->pool = pool;
	poll->config = config;
	poll->is_due = poll->is_asking = false;
	poll->state = POLL_UNKNOWN;
	poll->reason[0] = '\0';
	poll->failures = 0;
	(void)event_del(poll->timer);
	if (config)
		wait_ms(poll, retry_jitter(first_ms, first_ms, 1, clock_seed(poll->is.clock)));
}

int poll_configure(struct poll *poll, const struct config *config, struct error *err)
{
	struct http_pool *pool = NULL;

	if (!config->has_fleet || !config->fleet.url)
		config = NULL;
	poll->validator[0] = '\0';
	if (asks_the_same(poll->config, config)) {
		poll->config = config;
		return 0;
	}
	if (config && open_pool(poll, config, &pool, err) < 0)
		return -1;
	take(poll, config, pool);
	return 0;
}
