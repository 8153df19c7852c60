/*
 * claim.c - deliveries that are on their way together, and the moves of it. They stand in deliver.h;
 * claim_move() is the only function that makes them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"

#define KEPT_BYTES ((size_t)64 * 1024) /* of each of its buffers, for the next claim */

static struct claims *list_of(struct deliver *deliver, enum claim_state state)
{
	switch (state) {
	case CLAIM_FRESH:
		return &deliver->fresh;
	case CLAIM_MAPPING:
		return &deliver->mapping;
	case CLAIM_SENT:
		return &deliver->sent;
	case CLAIM_ANSWERED:
		return &deliver->answered;
	case CLAIM_STEPPED:
		return &deliver->stepped;
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
	return state != CLAIM_DRAFT && state != CLAIM_SETTLED;
}

static void enter_window(struct claim *claim)
{
	claim->limit = limit_ref(claim->destination->limit);
	claim->limit->in_flight++;
	claim->destination->in_flight++;
}

static void leave_window(struct claim *claim)
{
	assert(claim->destination->in_flight > 0 && claim->limit->in_flight > 0);
	claim->destination->in_flight--;
	claim->limit->in_flight--;
	limit_unref(claim->limit);
	claim->limit = NULL;
}

static void count(struct claim *claim, enum claim_state to)
{
	bool fills = fills_window(to), has_filled = fills_window(claim->state);

	if (fills && !has_filled)
		enter_window(claim);
	if (to == CLAIM_FRESH)
		claim->limit->fresh++;
	if (claim->state == CLAIM_FRESH)
		claim->limit->fresh--;
	if (!fills && has_filled)
		leave_window(claim);
}

void claim_move(struct claim *claim, enum claim_state to)
{
	struct claims *from_list = list_of(claim->deliver, claim->state);
	struct claims *to_list = list_of(claim->deliver, to);

	if (from_list)
		TAILQ_REMOVE(from_list, claim, link);
	if (to_list)
		TAILQ_INSERT_TAIL(to_list, claim, link);
	count(claim, to);
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

/* The pool is for all destinations: what few claims need is not kept by each that ever had it. */
static void empty(struct buf *buf)
{
	if (buf->cap > KEPT_BYTES)
		buf_done(buf);
	else
		buf_reset(buf);
}

void claim_give(struct claim *claim)
{
	if (!claim)
		return;
	map_cancel(claim);
	claim_move(claim, CLAIM_DRAFT);
	line_unref(claim->line);
	claim->line = NULL;
	revision_unref(claim->revision);
	claim->revision = NULL;
	connector_output_free(claim->said);
	claim->said = NULL;
	claim->map = MAP_QUIET;
	claim->op = CONNECTOR_DELIVER;
	claim->is_probe = false;
	claim->is_orphan = false;
	claim->is_refreshed = false;
	claim->is_safe = false;
	claim->has_begun = false;
	claim->is_read = false;
	claim->n_requests = 0;
	claim->batch = 0;
	claim->n = 0;
	claim->key[0] = '\0';
	claim->decision.is_made = false;
	empty(&claim->texts);
	empty(&claim->body);
	buf_wipe(&claim->headers);
	empty(&claim->carry);
	empty(&claim->answer.body);
	TAILQ_INSERT_HEAD(&claim->deliver->spare, claim, link);
}

void claim_free(struct claim *claim)
{
	if (!claim)
		return;
	map_cancel(claim);
	limit_unref(claim->limit);
	line_unref(claim->line);
	revision_unref(claim->revision);
	connector_output_free(claim->said);
	free(claim->members);
	buf_done(&claim->texts);
	buf_done(&claim->body);
	buf_wipe(&claim->headers);
	buf_done(&claim->headers);
	buf_done(&claim->target);
	buf_done(&claim->carry);
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
		.accepted_at_ms = row->accepted_at_ms,
		.serial = row->serial,
		.looks = row->looks,
		.attempts = row->attempts,
		.connector_revision = row->connector_revision,
		.state = row->state,
		.len = row->body ? row->len : 0,
	};
	member->source = keep_text(texts, row->source);
	member->id = keep_text(texts, row->id);
	member->type = keep_text(texts, row->type);
	member->device = keep_text(texts, row->device);
	member->key = keep_text(texts, row->held_key);
	member->body = keep_bytes(texts, row->body ? row->body : "", member->len);
	member->carry = keep_text(texts, row->carry);
	if (buf_failed(texts))
		return -1;
	claim->n++;
	return 0;
}

bool claim_is_open_to(const struct claim *claim, const struct store_delivery_row *row)
{
	/* It is near: members are read by seq. */
	for (size_t i = claim->n; row->state == DELIVERY_PARKED && i > 0; i--)
		if (strcmp(claim_text(claim, claim->members[i - 1].key), row->held_key) == 0)
			return true;
	return row->state == DELIVERY_READY;
}

int claim_member(const struct claim *claim, const struct member *member, int64_t batch,
	int connector_revision, int64_t now_ms)
{
	struct store *store = claim->deliver->options.store;
	int id = claim->destination->id;

	if (member->state == DELIVERY_PARKED)
		return store_claim_chained(
			store, id, member->seq, batch, connector_revision, now_ms);
	return store_claim(store, id, member->seq, batch, connector_revision, now_ms);
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

void claim_doubt(struct claim *claim)
{
	for (size_t i = 0; i < claim->n; i++)
		if (claim->members[i].doubt_at_ms == 0)
			claim->members[i].doubt_at_ms = claim->claimed_at_ms;
}

bool claim_may_part(const struct claim *claim)
{
	return !claim_is_doubted(claim) ||
	       claim->destination->settings->is.idempotency == CONFIG_IDEMPOTENCY_NATURAL;
}

bool claim_is_question(const struct claim *claim)
{
	return claim->is_safe && (claim->has_begun || claim->carry.len > 0);
}

int claim_status(const struct claim *claim)
{
	return claim->n_requests > 0 ? claim->answer.status : 0;
}

bool claim_is_unauthorized(const struct claim *claim)
{
	return claim_status(claim) == 401 ||
	       (claim->n_requests > 0 && claim->answer.is_csrf_refusal);
}

const struct connector_event *claim_list_events(const struct claim *claim)
{
	struct deliver *deliver = claim->deliver;

	if (claim->n > deliver->events_cap) {
		struct connector_event *events =
			reallocarray(deliver->events, claim->n, sizeof(*events));

		if (!events)
			return NULL;
		deliver->events = events;
		deliver->events_cap = claim->n;
	}
	for (size_t i = 0; i < claim->n; i++)
		deliver->events[i] = (struct connector_event){
			.body = claim_text(claim, claim->members[i].body),
			.len = claim->members[i].len,
		};
	return deliver->events;
}

void claim_begin(struct claim *claim)
{
	if (claim->revision->program)
		map_ask(claim, NULL);
	else
		claim_send(claim);
}
