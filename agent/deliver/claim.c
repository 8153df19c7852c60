/*
 * claim.c - one request, from the rows it took to the courier and back. The moves stand in
 * deliver.h; claim_move() is the only function that makes them.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credential.h"
#include "deliver_internal.h"
#include "turn.h"

#define HEADERS_MAX (3 + CREDENTIAL_HEADERS_MAX) /* content type, key, credentials, the end */

static struct claims *list_of(struct deliver *deliver, enum claim_state state)
{
	switch (state) {
	case CLAIM_FRESH:
		return &deliver->fresh;
	case CLAIM_SENT:
		return &deliver->sent;
	case CLAIM_ANSWERED:
		return &deliver->answered;
	case CLAIM_SETTLED:
		return &deliver->settled;
	case CLAIM_DRAFT:
		break;
	}
	return NULL;
}

/* Does the claim stand for a request that is out, or about to be? */
static bool fills_window(enum claim_state state)
{
	return state == CLAIM_FRESH || state == CLAIM_SENT || state == CLAIM_ANSWERED;
}

void claim_move(struct claim *claim, enum claim_state to)
{
	struct claims *from_list = list_of(claim->deliver, claim->state);
	struct claims *to_list = list_of(claim->deliver, to);

	if (from_list)
		TAILQ_REMOVE(from_list, claim, link);
	if (to_list)
		TAILQ_INSERT_TAIL(to_list, claim, link);
	if (fills_window(to) && !fills_window(claim->state))
		claim->destination->in_flight++;
	if (!fills_window(to) && fills_window(claim->state)) {
		assert(claim->destination->in_flight > 0);
		claim->destination->in_flight--;
	}
	claim->state = to;
}

struct claim *claim_take(struct destination *destination)
{
	struct deliver *deliver = destination->deliver;
	struct claim *claim = TAILQ_FIRST(&deliver->spare);

	if (claim) {
		TAILQ_REMOVE(&deliver->spare, claim, link);
	} else {
		claim = calloc(1, sizeof(*claim));
		if (!claim)
			return NULL;
	}
	claim->deliver = deliver;
	claim->destination = destination;
	claim->state = CLAIM_DRAFT;
	return claim;
}

void claim_give(struct claim *claim)
{
	if (!claim)
		return;
	claim_move(claim, CLAIM_DRAFT);
	line_unref(claim->line);
	claim->line = NULL;
	revision_unref(claim->revision);
	claim->revision = NULL;
	claim->is_probe = false;
	claim->is_orphan = false;
	claim->is_refreshed = false;
	claim->batch = 0;
	claim->n = 0;
	claim->key[0] = '\0';
	claim->decision.is_made = false;
	buf_reset(&claim->texts);
	buf_reset(&claim->body);
	buf_wipe(&claim->headers);
	buf_reset(&claim->answer.body);
	TAILQ_INSERT_HEAD(&claim->deliver->spare, claim, link);
}

void claim_free(struct claim *claim)
{
	if (!claim)
		return;
	line_unref(claim->line);
	revision_unref(claim->revision);
	free(claim->members);
	buf_done(&claim->texts);
	buf_done(&claim->body);
	buf_wipe(&claim->headers);
	buf_done(&claim->headers);
	buf_done(&claim->answer.body);
	free(claim);
}

static int grow_members(struct claim *claim)
{
	size_t cap = claim->cap ? 2 * claim->cap : 1;
	struct member *members;

	if (claim->n < claim->cap)
		return 0;
	members = reallocarray(claim->members, cap, sizeof(*members));
	if (!members)
		return -1;
	claim->members = members;
	claim->cap = cap;
	return 0;
}

static size_t keep_bytes(struct buf *texts, const char *bytes, size_t len)
{
	size_t offset = texts->len;

	buf_put(texts, bytes, len);
	buf_putc(texts, '\0');
	return offset;
}

static size_t keep_text(struct buf *texts, const char *text)
{
	return keep_bytes(texts, text ? text : "", text ? strlen(text) : 0);
}

int claim_add_member(struct claim *claim, const struct store_delivery_row *row)
{
	struct buf *texts = &claim->texts;
	struct member *member;

	if (grow_members(claim) != 0)
		return -1;
	member = &claim->members[claim->n];
	*member = (struct member){
		.seq = row->seq,
		.revision = row->revision,
		.batch = row->batch,
		.received_at_ms = row->received_at_ms,
		.first_at_ms = row->claimed_at_ms,
		.doubt_at_ms = row->doubt_at_ms,
		.attempts = row->attempts,
		.connector_revision = row->connector_revision,
		.state = row->state,
		.len = row->body ? row->len : 0,
	};
	member->source = keep_text(texts, row->source);
	member->id = keep_text(texts, row->id);
	member->type = keep_text(texts, row->type);
	member->device = keep_text(texts, row->device);
	member->body = keep_bytes(texts, row->body ? row->body : "", member->len);
	if (buf_failed(texts))
		return -1;
	claim->n++;
	return 0;
}

const char *claim_text(const struct claim *claim, size_t offset)
{
	return claim->texts.data + offset;
}

int64_t claim_place(const struct claim *claim)
{
	return claim->batch > 0 ? claim->batch : claim->members[0].seq;
}

bool claim_is_doubted(const struct claim *claim)
{
	for (size_t i = 0; i < claim->n; i++)
		if (claim->members[i].doubt_at_ms > 0)
			return true;
	return false;
}

static const char *find_header(const struct courier_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++)
		if (strcmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}

static void keep_answer(struct claim *claim, const struct courier_answer *answer)
{
	struct deliver *deliver = claim->deliver;

	claim->answer.transport = answer->transport;
	claim->answer.status = answer->status;
	claim->answer.took_ms = answer->took_ms;
	claim->answer.is_csrf_refusal = credential_is_csrf_refusal(
		claim->destination->credential, answer->status, answer->headers, answer->n_headers);
	claim->answer.asked_ms = outcome_retry_after_ms(
		find_header(answer, "retry-after"), clock_wall_ms(deliver->options.clock));
	buf_reset(&claim->answer.body);
	buf_put(&claim->answer.body, answer->body ? answer->body : "", answer->len);
	/* Words can be done without; the status, which decides, is kept. */
	if (buf_failed(&claim->answer.body))
		buf_reset(&claim->answer.body);
	(void)snprintf(claim->answer.error, sizeof(claim->answer.error), "%s",
		answer->error ? answer->error : "");
}

static void on_answer(void *ctx, const struct courier_answer *answer)
{
	struct claim *claim = ctx;

	if (claim->is_orphan) {
		claim_give(claim);
		return;
	}
	keep_answer(claim, answer);
	claim_move(claim, CLAIM_ANSWERED);
}

static void put_header(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_put(out, value, strlen(value) + 1);
}

/* What stands in front of the body: "Name: value" each. 0, or -1 when memory ran out. */
static int list_headers(struct claim *claim, const char *list[HEADERS_MAX])
{
	const struct config_destination *is = &claim->destination->settings->is;
	const struct connector *connector = claim->revision->connector;
	const struct credential_request signed_request = {
		.method = connector->method,
		.url = claim->revision->url,
		.body = claim->body.data,
		.len = claim->body.len,
	};
	struct buf *headers = &claim->headers;
	size_t n = 0;

	buf_reset(headers);
	put_header(headers, "Content-Type",
		connector->is_batched ? connector->batch_content_type : connector->content_type);
	if (is->idempotency == CONFIG_IDEMPOTENCY_HEADER)
		put_header(headers, is->idempotency_header, claim->key);
	if (credential_sign(claim->destination->credential, &signed_request, headers) < 0 ||
		buf_failed(headers))
		return -1;
	for (size_t at = 0; at < headers->len; at += strlen(headers->data + at) + 1)
		list[n++] = headers->data + at;
	list[n] = NULL;
	return 0;
}

static void fill_request(
	const struct claim *claim, const char *const *headers, struct courier_request *request)
{
	const struct config_destination *is = &claim->destination->settings->is;
	const struct connector *connector = claim->revision->connector;
	bool has_key = is->idempotency == CONFIG_IDEMPOTENCY_HEADER;

	*request = (struct courier_request){
		.destination = claim->destination->name,
		.method = connector->method,
		.url = claim->revision->url,
		.path = connector->path,
		.headers = headers,
		.body = claim->body.data,
		.len = claim->body.len,
		.fresh_connection = !has_key,
	};
}

void claim_send(struct claim *claim)
{
	struct destination *destination = claim->destination;
	struct courier_request request;
	static const struct courier_answer unsent = {
		.transport = TRANSPORT_NOT_SENT,
		.error = "the request could not be started, memory may be short",
	};

	const char *headers[HEADERS_MAX];
	bool is_ready = list_headers(claim, headers) == 0;

	fill_request(claim, headers, &request);
	claim->credential_generation = credential_generation(destination->credential);
	claim->is_refreshed = credential_is_fresh(destination->credential);
	claim_move(claim, CLAIM_SENT);
	if (is_ready &&
		claim->line->courier->start(claim->line->opened, &request, on_answer, claim) == 0)
		return;
	on_answer(claim, &unsent);
	turn_wake(claim->deliver->options.turn);
}
