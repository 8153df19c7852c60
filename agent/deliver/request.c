/*
 * request.c - one request to the courier and the answer back: the one that the connector declares, or
 * the one that its program has just asked for.
 */
#include <string.h>
#include <strings.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "dray/trace.h"
#include "turn.h"

/* Content type, key, trace, credentials, what the program asks for, the end. */
#define HEADERS_MAX (3 + CREDENTIAL_HEADERS_MAX + CONNECTOR_HEADERS_MAX + 1)

static const struct config_destination *settings_of(const struct claim *claim)
{
	return &claim->destination->settings->is;
}

static const struct connector_send *find_send(const struct claim *claim)
{
	return map_has_request(claim) ? &claim->said->send : NULL;
}

/* --- the answer ------------------------------------------------------------------------------------ */

/* What the other side asks for beside its answer. */
static void keep_pace(struct claim *claim, const struct courier_answer *answer)
{
	const struct config_destination *is = settings_of(claim);
	int64_t now_ms = clock_wall_ms(claim->deliver->options.clock);
	const char *asked = courier_find_header(answer, "retry-after");

	if (!asked)
		asked = courier_find_header(answer, is->answers_wait);
	claim->answer.asked_ms = outcome_retry_after_ms(asked, now_ms);
	claim->answer.rest_ms = outcome_rest_ms(courier_find_header(answer, is->answers_remaining),
		courier_find_header(answer, is->answers_reset), now_ms);
}

static void keep_answer(struct claim *claim, const struct courier_answer *answer)
{
	claim->answer.transport = answer->transport;
	claim->answer.status = answer->status;
	claim->answer.took_ms = answer->took_ms;
	claim->answer.is_csrf_refusal = credential_is_csrf_refusal(
		claim->destination->credential, answer->status, answer->headers, answer->n_headers);
	keep_pace(claim, answer);
	if (answer->is_repeat && !claim->is_safe)
		claim_doubt(claim);
	buf_reset(&claim->answer.body);
	buf_put(&claim->answer.body, answer->body ? answer->body : "", answer->len);
	/* Words can be done without; the status, which decides, is kept. */
	if (buf_failed(&claim->answer.body))
		buf_reset(&claim->answer.body);
	reason_put(claim->answer.error, "%s", answer->error ? answer->error : "");
}

/* Expired credentials are the engine's to mend: what the program would say of it changes nothing. */
static bool is_for_program(const struct claim *claim, const struct courier_answer *answer)
{
	bool is_refused =
		claim->answer.is_csrf_refusal ||
		(answer->status == 401 && settings_of(claim)->auth.type != CONFIG_AUTH_NONE);

	return claim->revision->program && answer->transport == TRANSPORT_ANSWERED &&
	       !(is_refused && !claim->is_refreshed);
}

static void on_answer(void *ctx, const struct courier_answer *answer)
{
	struct claim *claim = ctx;
	const struct connector_response response = {
		.status = answer->status,
		.headers = answer->headers,
		.n_headers = answer->n_headers,
		.body = answer->body,
		.len = answer->len,
	};

	if (claim->is_orphan) {
		claim_give(claim);
		return;
	}
	keep_answer(claim, answer);
	claim->map = MAP_QUIET;
	/* Each step of a claim shows that the credential is good, and it may end before the last. */
	if (answer->transport == TRANSPORT_ANSWERED && answer->status / 100 == 2)
		credential_accepted(claim->destination->credential, claim->credential_generation);
	if (is_for_program(claim, answer))
		map_ask(claim, &response);
	else
		claim_move(claim, CLAIM_ANSWERED);
}

/* --- the request ----------------------------------------------------------------------------------- */

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_put(out, value, strlen(value) + 1);
}

/* Two requests that differ never share a key: a further step has one of its own. */
static void put_key(struct claim *claim)
{
	const struct id_part parts[] = {
		{ claim->key, strlen(claim->key) },
		{ "step", 4 },
		{ claim->carry.data, claim->carry.len },
	};
	char derived[ID_UUID_MAX], shaped[ID_KEY_MAX];
	const char *key = claim->key;

	if (claim->carry.len > 0) {
		id_derive(parts, sizeof(parts) / sizeof(parts[0]), derived);
		key = derived;
	}
	id_shape_key(&claim->revision->connector->key, key, shaped);
	put_header(&claim->headers, settings_of(claim)->idempotency_header, shaped);
}

/* Of a batch: where all of it belong to one. */
static bool find_trace(const struct claim *claim, char out[TRACE_BYTES])
{
	char other[TRACE_BYTES];

	for (size_t i = 0; i < claim->n; i++) {
		const struct member *member = &claim->members[i];

		if (!trace_find(claim_text(claim, member->body), member->len, i ? other : out) ||
			(i && !trace_is_same(other, out)))
			return false;
	}
	return true;
}

static bool has_trace(const struct connector_send *send)
{
	for (size_t i = 0; send && send->headers[i]; i++)
		if (strncasecmp(send->headers[i], "traceparent:", 12) == 0)
			return true;
	return false;
}

/* Each request is a span of its own; the program's word for it goes before ours. */
static void put_trace(struct claim *claim, const struct connector_send *send)
{
	char traceparent[TRACE_BYTES];

	if (has_trace(send) || !find_trace(claim, traceparent))
		return;
	trace_step(traceparent, clock_seed(claim->deliver->options.clock));
	put_header(&claim->headers, "traceparent", traceparent);
}

static const char *find_content_type(const struct claim *claim, const struct connector_send *send)
{
	const struct connector *connector = claim->revision->connector;

	if (send)
		return send->len > 0 ? send->content_type : "";
	return connector->is_batched ? connector->batch_content_type : connector->content_type;
}

/* "Name: value" each. 0, or -1 when memory ran out. */
static int list_headers(struct claim *claim, const struct courier_request *request,
	const struct connector_send *send, const char *list[HEADERS_MAX])
{
	const struct credential_request signed_request = {
		.method = request->method,
		.url = request->url,
		.body = request->body,
		.len = request->len,
	};
	const char *content_type = find_content_type(claim, send);
	struct buf *headers = &claim->headers;
	bool has_key = settings_of(claim)->idempotency == CONFIG_IDEMPOTENCY_HEADER &&
		       claim->op == CONNECTOR_DELIVER && !claim->is_safe;
	size_t n = 0;

	buf_reset(headers);
	if (content_type[0])
		put_header(headers, "Content-Type", content_type);
	if (has_key)
		put_key(claim);
	put_trace(claim, send);
	if (credential_sign(claim->destination->credential, &signed_request, headers) < 0 ||
		buf_failed(headers))
		return -1;
	for (size_t at = 0; at < headers->len; at += strlen(headers->data + at) + 1)
		list[n++] = headers->data + at;
	for (size_t i = 0; send && send->headers[i]; i++)
		list[n++] = send->headers[i];
	list[n] = NULL;
	return 0;
}

/* Where it goes. 0, or -1 when memory ran out. */
static int fill_target(
	struct claim *claim, const struct connector_send *send, struct courier_request *request)
{
	const struct connector *connector = claim->revision->connector;
	struct buf *target = &claim->target;

	buf_reset(target);
	request->url = claim->revision->url;
	switch (settings_of(claim)->kind) {
	case CONFIG_KIND_MQTT:
		request->path = send ? send->path : connector->topic;
		return 0;
	case CONFIG_KIND_SFTP:
		buf_puts(target, claim->key);
		buf_puts(target, ".json");
		request->path = send ? send->path : target->data;
		break;
	case CONFIG_KIND_HTTP:
	case CONFIG_KIND_N:
		request->path = send ? send->path : connector->path;
		if (!send || !send->path[0])
			return 0;
		buf_puts(target, claim->revision->url);
		buf_puts(target, send->path);
		request->url = target->data;
		break;
	}
	return buf_failed(target) ? -1 : 0;
}

/* libcurl repeats a request by itself when a kept connection dies under it: see FIELD.md. */
static bool is_repeat_harmful(const struct claim *claim)
{
	enum config_idempotency mode = settings_of(claim)->idempotency;

	return !claim->is_safe &&
	       (mode == CONFIG_IDEMPOTENCY_NONE || mode == CONFIG_IDEMPOTENCY_LOOKUP);
}

static int start(struct claim *claim)
{
	const struct connector_send *send = find_send(claim);
	const char *headers[HEADERS_MAX];
	struct courier_request request = {
		.destination = claim->destination->name,
		.method = send ? send->method : claim->revision->connector->method,
		.headers = headers,
		.body = send ? send->body : claim->body.data,
		.len = send ? send->len : claim->body.len,
	};

	claim->is_safe = strcmp(request.method, "GET") == 0;
	request.fresh_connection = is_repeat_harmful(claim);
	if (fill_target(claim, send, &request) != 0 ||
		list_headers(claim, &request, send, headers) != 0)
		return -1;
	return claim->line->courier->start(claim->line->opened, &request, on_answer, claim);
}

/* The carry is committed, or a lookup's, which lives here only. 0, or -1 when memory ran out. */
static int take_carry(struct claim *claim)
{
	const char *carry = map_has_request(claim) ? claim->said->carry : NULL;

	claim->has_begun = claim->has_begun || (claim->n_requests > 0 && !claim->is_safe);
	if (!map_has_carry(claim))
		return 0;
	claim->has_begun = false;
	buf_reset(&claim->carry);
	buf_puts(&claim->carry, carry);
	return buf_failed(&claim->carry) ? -1 : 0;
}

/* A reload has given the destination another address: its credentials are not for the old one. */
static bool has_moved(const struct claim *claim)
{
	const struct revision *revision = claim->revision;
	const char *url = settings_of(claim)->url;
	size_t len = strlen(url);

	return strncmp(revision->url, url, len) != 0 ||
	       strcmp(revision->url + len, revision->connector->path) != 0;
}

void claim_send(struct claim *claim)
{
	struct destination *destination = claim->destination;
	static const struct courier_answer unsent = {
		.transport = TRANSPORT_NOT_SENT,
		.error = "the request could not be started, memory may be short",
	};
	static const struct courier_answer moved = {
		.transport = TRANSPORT_NOT_SENT,
		.error = "its url was changed while a request was being made for the old one",
	};
	bool is_moved = has_moved(claim);

	claim->credential_generation = credential_generation(destination->credential);
	claim->is_refreshed = credential_is_fresh(destination->credential);
	claim_move(claim, CLAIM_SENT);
	bool has_carry = take_carry(claim) == 0;
	claim->n_requests++;
	if (has_carry && !is_moved && start(claim) == 0)
		return;
	on_answer(claim, is_moved ? &moved : &unsent);
	turn_wake(claim->deliver->options.turn);
}
