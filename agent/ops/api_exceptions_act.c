/*
 * api_exceptions_act.c - what a person does about an exception: send it again, or let it go.
 *
 *   retry    the delivery goes EXCEPTION → READY, the exception is resolved. Of an unknown one it
 *            says that the other side doesn't have it: its doubt ends. Where that can't be told
 *            from a repeat it must be forced; where it can be looked up, it is, unless forced
 *   discard  the delivery goes EXCEPTION → DISCARDED, the exception is resolved
 *
 * An exception without a delivery (it could not be read, was refused, its id was taken) has nothing
 * to send. Where its message is kept that is taken again, one by one (api_exceptions_again.c). It can be
 * discarded, and stays readable. A `hold` ends by itself when a probe passes.
 * Each act is one row in the audit trail.
 */
#include "ops/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "ops/rows.h"
#include "ops/writer.h"

#define BULK_MAX 1000
#define REFUSAL_MAX 256
#define WHY_MAX 500

/* What an act must know of an exception and of its delivery. */
struct subject {
	int64_t id, seq;
	int destination;
	bool is_resolved, is_hold, is_unknown, is_kept;
	/* the delivery's, when there is one */
	bool has_delivery;
	enum delivery_state state;
	int64_t batch, doubt_at_ms;
};

struct act {
	struct call *call;
	bool is_retry; /* else discard */
	bool is_forced;
	const char *why;
	char refusal[REFUSAL_MAX];
};

enum acted { ACTED, ACT_REFUSED, ACT_FAILED };

static int on_exception(void *ctx, const struct store_exception_row *row)
{
	struct subject *subject = ctx;

	*subject = (struct subject){
		.id = row->id,
		.seq = row->seq,
		.destination = row->destination,
		.is_resolved = row->state == EXCEPTION_RESOLVED,
		.is_hold = strcmp(row->kind, "hold") == 0,
		.is_unknown = strcmp(row->kind, "unknown") == 0,
		.is_kept = exception_is_kept(row),
	};
	return 0;
}

static int on_delivery(void *ctx, const struct store_delivery_row *row)
{
	struct subject *subject = ctx;

	if (row->destination != subject->destination)
		return 0;
	subject->has_delivery = true;
	subject->state = row->state;
	subject->batch = row->batch;
	subject->doubt_at_ms = row->doubt_at_ms;
	return 1;
}

/* NULL: it is not configured any more. */
static const struct config_destination *find_destination(
	const struct act *act, const struct subject *subject)
{
	const struct config *config = act->call->ops->config;
	const char *name = store_destination_name(act->call->ops->with.store, subject->destination);

	return name ? config_find_destination(config, name) : NULL;
}

static bool can_look(const struct config_destination *is)
{
	return is && is->idempotency == CONFIG_IDEMPOTENCY_LOOKUP;
}

/* Sent again, what may have been applied doubles where the other side can't tell it is a repeat. */
static bool may_double(const struct act *act, const struct subject *subject)
{
	const struct config_destination *is = find_destination(act, subject);

	if (!subject->is_unknown || can_look(is))
		return false;
	return !is || is->idempotency == CONFIG_IDEMPOTENCY_NONE ||
	       (is->idempotency_lifetime_ms > 0 &&
		       clock_age_most(act->call->ops->with.clock, subject->doubt_at_ms) >=
			       is->idempotency_lifetime_ms);
}

/*
 * Who sends again what may have been applied states that it wasn't. Where it can be looked up, that is
 * asked first, unless they insist.
 */
static bool denies_doubt(const struct act *act, const struct subject *subject)
{
	return act->is_retry && subject->is_unknown &&
	       (act->is_forced || !can_look(find_destination(act, subject)));
}

/* False: act->refusal says why not, and what to do instead. */
static bool is_possible(struct act *act, const struct subject *subject)
{
	const char *name = store_destination_name(act->call->ops->with.store, subject->destination);
	int n = 0;

	if (subject->is_resolved)
		n = snprintf(act->refusal, REFUSAL_MAX, "exception %" PRId64 " is resolved already",
			subject->id);
	else if (act->is_retry && subject->is_hold)
		n = snprintf(act->refusal, REFUSAL_MAX,
			"destination %s is held and probed by itself: mend its address or "
			"credentials, it goes on when a probe passes",
			name ? name : "?");
	else if (act->is_retry && subject->is_kept)
		n = snprintf(act->refusal, REFUSAL_MAX,
			"exception %" PRId64
			" is a message to be taken again: name it by its number",
			subject->id);
	else if (act->is_retry && !subject->has_delivery)
		n = snprintf(act->refusal, REFUSAL_MAX,
			"exception %" PRId64 " has nothing to send: mend the event where it was "
			"made, send it again, then discard this one",
			subject->id);
	else if (act->is_retry && subject->state != DELIVERY_EXCEPTION)
		n = snprintf(act->refusal, REFUSAL_MAX,
			"the delivery of exception %" PRId64 " is %s: discard the exception",
			subject->id, delivery_state_word(subject->state));
	else if (act->is_retry && !act->is_forced && may_double(act, subject))
		n = snprintf(act->refusal, REFUSAL_MAX,
			"%s may have event %" PRId64 " of exception %" PRId64 " and would not "
			"know it again, it could double: look there first, and when it is missing "
			"retry with --force (\"force\": true)",
			name ? name : "?", subject->seq, subject->id);
	return n == 0;
}

static int settle_delivery(struct act *act, const struct subject *subject)
{
	const struct store_settlement settlement = {
		.to = act->is_retry ? DELIVERY_READY : DELIVERY_DISCARDED,
		/* A batch whose fate is unknown is repeated exactly as it was. */
		.leaves_batch = subject->batch != 0 && subject->doubt_at_ms == 0,
		.is_proven = denies_doubt(act, subject),
		.now_ms = call_now_ms(act->call),
	};

	return store_settle(
		act->call->ops->with.store, subject->destination, subject->seq, &settlement);
}

static enum acted apply_act(struct act *act, struct subject *subject)
{
	struct store *store = act->call->ops->with.store;
	int64_t now_ms = call_now_ms(act->call);
	char resolution[WHY_MAX + 64];
	char object[40];

	if (subject->seq > 0 && subject->destination > 0 && !subject->is_hold &&
		store_list_event_deliveries(store, subject->seq, on_delivery, subject) < 0)
		return ACT_FAILED;
	if (!is_possible(act, subject))
		return ACT_REFUSED;
	(void)snprintf(object, sizeof(object), "exception/%" PRId64, subject->id);
	(void)snprintf(resolution, sizeof(resolution), "%s by %s%s%s",
		act->is_retry ? "retried" : "discarded", act->call->who, act->why[0] ? ": " : "",
		act->why);
	if ((subject->has_delivery && subject->state == DELIVERY_EXCEPTION &&
		    settle_delivery(act, subject) != 0) ||
		store_resolve_exception(store, subject->id, resolution, now_ms) != 0 ||
		store_audit(store, call_wall_ms(act->call), act->call->who,
			act->is_retry ? "exception.retry" : "exception.discard", object,
			act->why) != 0)
		return ACT_FAILED;
	if (subject->has_delivery)
		deliver_poke(act->call->ops->with.deliver, subject->destination);
	return ACTED;
}

/* The body, with `why` and `force` as they must be. NULL: answered. */
static cJSON *read_body(struct act *act)
{
	cJSON *body = call_object(act->call);

	if (!body)
		return NULL;
	act->is_forced = cJSON_IsTrue(json_get(body, "force"));
	act->why = json_get_string(body, "why");
	if (!act->why)
		act->why = "";
	if (strlen(act->why) > WHY_MAX)
		call_problem(act->call, 400, "why: longer than %d bytes", WHY_MAX);
	else if (json_get(body, "force") && !cJSON_IsBool(json_get(body, "force")))
		call_problem(act->call, 400, "force: must be true or false");
	else if (!act->is_retry && !act->why[0])
		call_problem(
			act->call, 400, "why: discarding needs a reason, for those who ask later");
	else
		return body;
	cJSON_Delete(body);
	return NULL;
}

/* --- one ---------------------------------------------------------------------------------------- */

static void act_on_one(struct act *act)
{
	struct call *call = act->call;
	struct subject subject = { 0 };
	int64_t id;
	int found = 0;

	if (call_parse_id(call->parameter, &id))
		found = store_get_exception(call->ops->with.store, id, on_exception, &subject);
	if (found == 0) {
		call_problem(call, 404, "there is no exception %.32s", call->parameter);
		return;
	}
	if (found > 0 && act->is_retry && subject.is_kept && !subject.is_resolved) {
		exception_take_again(call, id, act->why);
		return;
	}
	switch (found < 0 ? ACT_FAILED : apply_act(act, &subject)) {
	case ACT_FAILED:
		call_store_failed(call);
		return;
	case ACT_REFUSED:
		call_problem(call, 409, "%s", act->refusal);
		return;
	case ACTED:
		break;
	}
	write_open(&call->body, NULL, '{');
	write_int(&call->body, "id", subject.id);
	write_text(&call->body, "state", "resolved");
	write_bool(&call->body, "has_delivery", subject.has_delivery);
	write_close(&call->body, '}');
	call_answer(call, 200);
}

static void act_one(struct call *call, bool is_retry)
{
	struct act act = { .call = call, .is_retry = is_retry };
	cJSON *body = read_body(&act);

	if (!body)
		return;
	act_on_one(&act);
	cJSON_Delete(body);
}

void api_retry_exception(struct call *call)
{
	act_one(call, true);
}

void api_discard_exception(struct call *call)
{
	act_one(call, false);
}

/* --- by filter ---------------------------------------------------------------------------------- */

struct picked {
	struct subject *subjects; /* BULK_MAX */
	size_t n;
	int64_t cursor;
};

static int on_picked(void *ctx, const struct store_exception_row *row)
{
	struct picked *picked = ctx;

	(void)on_exception(&picked->subjects[picked->n++], row);
	return 0;
}

static void act_on_picked(struct act *act, struct picked *picked)
{
	struct buf *out = &act->call->body;
	int64_t n_done = 0;
	int64_t n_skipped = 0;

	for (size_t i = 0; i < picked->n; i++) {
		enum acted acted = apply_act(act, &picked->subjects[i]);

		if (acted == ACT_FAILED) {
			call_store_failed(act->call);
			return;
		}
		n_done += acted == ACTED;
		n_skipped += acted == ACT_REFUSED;
	}
	write_open(out, NULL, '{');
	write_int(out, "done", n_done);
	write_int(out, "skipped", n_skipped);
	write_set_text(out, "refusal", act->refusal);
	/* More may remain: go on below this one. */
	if (picked->cursor > 0)
		write_int(out, "cursor", picked->cursor);
	else
		write_null(out, "cursor");
	write_close(out, '}');
	call_answer(act->call, 200);
}

/* False: answered. */
static bool read_filter(struct act *act, const cJSON *body, struct store_exception_filter *ret)
{
	const char *destination = json_get_string(body, "destination");

	*ret = (struct store_exception_filter){ .limit = BULK_MAX };
	ret->kind = json_get_string(body, "kind");
	ret->severity = json_get_string(body, "severity");
	if (json_get(body, "cursor") && !cJSON_IsNull(json_get(body, "cursor")) &&
		!json_get_integer(body, "cursor", 1, INT64_C(1) << 53, &ret->before_id)) {
		call_problem(act->call, 400, "cursor: must be a whole number");
		return false;
	}
	if (!ret->kind && !ret->severity && !destination) {
		call_problem(act->call, 400, "name a kind, a severity or a destination");
		return false;
	}
	return call_exception_words(act->call, ret->kind, ret->severity) &&
	       call_destination(act->call, destination, &ret->destination);
}

static void act_many(struct call *call, bool is_retry)
{
	struct act act = { .call = call, .is_retry = is_retry };
	struct store_exception_filter filter;
	struct picked picked = { 0 };
	cJSON *body = read_body(&act);

	if (!body)
		return;
	if (!read_filter(&act, body, &filter))
		goto out;
	picked.subjects = calloc(BULK_MAX, sizeof(*picked.subjects));
	if (!picked.subjects)
		call_problem(call, 500, "no memory");
	else if (store_list_exceptions(
			 call->ops->with.store, &filter, on_picked, &picked, &picked.cursor) < 0)
		call_store_failed(call);
	else
		act_on_picked(&act, &picked);
out:
	free(picked.subjects);
	cJSON_Delete(body);
}

void api_retry_exceptions(struct call *call)
{
	act_many(call, true);
}

void api_discard_exceptions(struct call *call)
{
	act_many(call, false);
}
