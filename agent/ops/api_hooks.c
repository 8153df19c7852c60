/*
 * api_hooks.c - POST /v1/hooks/NAME: a partner tells something.
 *
 * What a partner hears decides whether it calls again, and, with some, whether it ever does:
 *   202  stored; or refused and kept for a person to look at: to send it again would not mend it
 *   200  nothing new: all of it was here already, or there was nothing in it to store
 *   401  not the partner's by anything that it shows, or too old
 *   404  there is no such hook
 *   413  too large
 *   415  compressed
 *   429  more often than the hook's rate allows: Retry-After says when
 *   503  the fault is ours, or our clock's: nothing was taken, try again
 */
#include "ops/room.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "capture/adapter.h"
#include "capture/intake.h"
#include "clock.h"
#include "log.h"
#include "ops/writer.h"

#define HEADERS_MAX 64
#define NAME_MAX_BYTES 64 /* of a header that an adapter sees */

/* --- who calls; false: the call is answered ------------------------------------------------------- */

/* What came, as the core looks at it. */
struct asked {
	struct hook_call call;
	struct hook_header headers[HEADERS_MAX];
};

static bool read_asked(struct call *call, const struct config_hook *hook, struct asked *ret)
{
	const struct evkeyval *pair;

	ret->call = (struct hook_call){
		.headers = ret->headers,
		.path = evhttp_request_get_uri(call->request),
		.parameter = hook->parameter ? call_query(call, hook->parameter) : NULL,
		.now_ms = call_wall_ms(call),
	};
	TAILQ_FOREACH (pair, evhttp_request_get_input_headers(call->request), next)
		if (ret->call.n_headers < HEADERS_MAX)
			ret->headers[ret->call.n_headers++] =
				(struct hook_header){ pair->key, pair->value };
	ret->call.body = call_body(call, &ret->call.len);
	if (!ret->call.body)
		call_problem(call, 503, "no memory for the body; try again");
	return ret->call.body != NULL;
}

/* What was signed are these bytes: somebody who compresses them has another idea of it. */
static bool is_plain(struct call *call)
{
	const char *coding = call_header(call, "Content-Encoding");

	if (!coding || strcasecmp(coding, "identity") == 0)
		return true;
	call_problem(call, 415, "Content-Encoding: must be identity: send it as it is");
	return false;
}

static void refuse_foreign(struct call *call, const struct config_hook *hook, const char *why)
{
	LOG_WARNING("a webhook's call was refused", LOG_S("hook", hook->name), LOG_S("why", why));
	call_put_header(call, "WWW-Authenticate",
		hook->scheme == CONFIG_HOOK_TOKEN ? "Bearer realm=\"dray\""
						  : "Signature realm=\"dray\"");
	call_problem(call, 401, "%s", why);
}

static bool is_genuine(struct call *call, const struct hook *hook, const struct asked *asked)
{
	char why[HOOK_WHY_MAX];

	switch (hook_check(hook->config, &hook->secrets, &asked->call, why)) {
	case HOOK_GENUINE:
		return true;
	case HOOK_STALE:
		if (call_clock_doubted_at_ms(call) > 0) {
			call_problem(call, 503,
				"the clock here is not believed, and by it %s; try again", why);
			break;
		}
		refuse_foreign(call, hook->config, why);
		break;
	case HOOK_FOREIGN:
		refuse_foreign(call, hook->config, why);
		break;
	case HOOK_UNDECIDED:
		call_problem(call, 503, "no memory to look at the signature; try again");
		break;
	}
	return false;
}

/* A subscription's handshake is answered here, and nothing of it is kept. */
static bool is_handshake(struct call *call, const struct hook *hook, const struct asked *asked)
{
	const char *token = evhttp_find_header(&call->query, "validationToken");

	switch (hook_handshake(hook->config, &hook->secrets, &asked->call, token)) {
	case HOOK_NO_HANDSHAKE:
		return false;
	case HOOK_ECHO:
		buf_puts(&call->body, token);
		call->content_type = "text/plain; charset=utf-8";
		call_put_header(call, "X-Content-Type-Options", "nosniff");
		call_answer(call, 200);
		break;
	case HOOK_ECHO_FOREIGN:
		refuse_foreign(call, hook->config, "a handshake without the token");
		break;
	case HOOK_ECHO_UNFIT:
		call_problem(call, 400,
			"validationToken: must be 1 to %d visible characters without < > & and quotes",
			HOOK_ECHO_MAX);
		break;
	}
	return true;
}

/* Only what was the partner's counts: a stranger's calls don't shut the partner out. */
static bool is_within_rate(struct call *call, struct hook *hook)
{
	int64_t now_mono_ms = clock_mono_ms(call->ops->with.clock);
	int64_t wait_ms = bucket_wait_ms(&hook->bucket, now_mono_ms);
	char seconds[24];

	if (wait_ms == 0) {
		bucket_take(&hook->bucket);
		return true;
	}
	(void)snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
	call_put_header(call, "Retry-After", seconds);
	call_problem(call, 429, "more calls than the rate of hook %s allows; try again in %s s",
		hook->config->name, seconds);
	return false;
}

/* --- what it tells ------------------------------------------------------------------------------------ */

/* All is taken. In few words: a partner's program looks at the status alone. */
static void answer_taken(struct call *call)
{
	write_open(&call->body, NULL, '{');
	write_int(&call->body, "stored", call->n_stored);
	write_int(&call->body, "duplicate", call->n_duplicate);
	write_int(&call->body, "rejected", call->n_rejected);
	write_close(&call->body, '}');
	call->ops->n_taken += call->n_stored + call->n_duplicate + call->n_rejected;
	call_answer(call, call->n_stored + call->n_rejected > 0 ? 202 : 200);
}

static void answer_lost(struct call *call)
{
	call_problem(call, 503,
		"not all of it was taken: the store failed, or memory ran out; "
		"try again");
}

static void on_adapted(void *ctx, int status)
{
	struct call *call = ctx;

	call_resume(call);
	if (status < 0 || call->is_poisoned)
		answer_lost(call);
	else
		answer_taken(call);
}

/* What an adapter may see, its names in lower case. */
struct shown {
	struct connector_header headers[HEADERS_MAX];
	char names[HEADERS_MAX][NAME_MAX_BYTES];
	size_t n;
};

static void show_headers(
	const struct config_hook *hook, const struct hook_call *asked, struct shown *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < asked->n_headers; i++) {
		const struct hook_header *header = &asked->headers[i];
		size_t len = strlen(header->name);
		char *name = ret->names[ret->n];

		if (len >= NAME_MAX_BYTES || !hook_passes_header(hook, header->name))
			continue;
		for (size_t at = 0; at <= len; at++)
			name[at] = (char)tolower((unsigned char)header->name[at]);
		ret->headers[ret->n++] = (struct connector_header){ name, header->value };
	}
}

/* The answer comes when its events are taken: 0, and it waits; 1: there was none to wait for; -1: lost. */
static int adapt(struct call *call, const struct config_hook *hook, const struct hook_call *asked,
	const struct intake_message *message)
{
	struct shown shown;

	show_headers(hook, asked, &shown);
	return adapter_take(call->ops->with.adapters, &(struct adapter_ask){ .message = *message,
							      .vars = hook->vars,
							      .headers = shown.headers,
							      .n_headers = shown.n,
							      .on_ack = call_count_ack,
							      .done = on_adapted,
							      .ctx = call });
}

static void take(struct call *call, const struct config_hook *hook, const struct hook_call *asked)
{
	const struct intake_message message = {
		.origin = hook->name,
		.default_device = hook->name,
		.traceparent = call_header(call, "traceparent"),
		.types = hook->types,
		.on_invalid = hook->on_invalid,
		.max_len = OPS_BODY_MAX,
		.payload = asked->body,
		.len = asked->len,
		.received_at_ms = asked->now_ms,
	};
	int status;

	if (hook->adapter)
		status = adapt(call, hook, asked, &message);
	else
		status = intake_take(call->ops->with.intake, &message, call_count_ack, call) < 0
				 ? -1
				 : 1;
	if (status == 0)
		call_wait(call);
	else if (status < 0)
		answer_lost(call);
	else
		answer_taken(call);
}

/* More than is under way is left with the partner. */
static bool is_adapter_free(struct call *call, const struct config_hook *hook)
{
	if (!hook->adapter || !adapter_is_full(call->ops->with.adapters))
		return true;
	call_problem(call, 503, "too much is under way; try again");
	return false;
}

void api_take_hook(struct call *call)
{
	struct hook *hook = hooks_find(call->ops->hooks, call->parameter);
	struct asked asked;

	if (!hook) {
		call_problem(call, 404, "there is no hook %.64s", call->parameter);
		return;
	}
	if (!is_plain(call) || !read_asked(call, hook->config, &asked) ||
		is_handshake(call, hook, &asked) || !is_genuine(call, hook, &asked) ||
		!is_within_rate(call, hook) || !call_has_room(call) ||
		!is_adapter_free(call, hook->config))
		return;
	take(call, hook->config, &asked.call);
}
