/*
 * api_exceptions_again.c - a message that was refused, and kept, is taken again: an adapter was mended, an
 * item imported, a bound raised.
 *
 * It enters as it did when it came, and with the time at which it came, so that an adapter makes the same
 * of it, but for what was mended. What is still wrong raises the number of its exception, which stays
 * open. Else that is resolved in the turn that takes the last of the message, and not before: a message
 * that is still with its adapter when the agent ends has its exception as before.
 */
#include "ops/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/adapter.h"
#include "capture/origin.h"
#include "clock.h"
#include "ops/writer.h"

#define FROM_MAX 1024
#define RESOLUTION_MAX 640 /* a reason of 500 bytes, and who */

struct again {
	int64_t id, repeats;
	int64_t opened_at_ms;
	char from[FROM_MAX];
	struct buf raw;
	const char *why;
};

/* --- how it ends --------------------------------------------------------------------------------- */

struct outcome {
	bool is_resolved;
	int64_t repeats;
	char reason[256];
};

static int on_outcome(void *ctx, const struct store_exception_row *row)
{
	struct outcome *outcome = ctx;

	outcome->is_resolved = row->state == EXCEPTION_RESOLVED;
	outcome->repeats = row->repeats;
	(void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", row->reason);
	return 0;
}

static int resolve(struct call *call, int64_t id, const char *why)
{
	struct store *store = call->ops->with.store;
	char resolution[RESOLUTION_MAX], object[40];

	(void)snprintf(object, sizeof(object), "exception/%" PRId64, id);
	(void)snprintf(resolution, sizeof(resolution), "taken again by %s%s%s", call->who,
		*why ? ": " : "", why);
	if (store_resolve_exception(store, id, resolution, call_now_ms(call)) != 0)
		return -1;
	return store_audit(store, call_wall_ms(call), call->who, "exception.retry", object, why);
}

static void answer_taken(struct call *call, int64_t id)
{
	write_open(&call->body, NULL, '{');
	write_int(&call->body, "id", id);
	write_text(&call->body, "state", "resolved");
	write_bool(&call->body, "has_delivery", false);
	write_int(&call->body, "stored", call->n_stored);
	write_int(&call->body, "duplicate", call->n_duplicate);
	write_int(&call->body, "rejected", call->n_rejected);
	write_close(&call->body, '}');
	call_answer(call, 200);
}

/* 0, or -1: the store failed. */
static int answer_outcome(struct call *call, const struct again *again)
{
	struct outcome outcome = { .repeats = 0 };

	if (store_get_exception(call->ops->with.store, again->id, on_outcome, &outcome) < 0)
		return -1;
	if (call->n_rejected > 0 && outcome.repeats > again->repeats) {
		call_problem(call, 409, "exception %" PRId64 " is as it was: %s", again->id,
			outcome.reason);
		return 0;
	}
	if (!outcome.is_resolved && resolve(call, again->id, again->why) != 0)
		return -1;
	answer_taken(call, again->id);
	return 0;
}

static void end(struct call *call, const struct again *again, int status)
{
	call->ops->n_taken += call->n_stored + call->n_duplicate + call->n_rejected;
	if (status < 0 || call->is_poisoned)
		call_problem(call, 503,
			"not all of it was taken: the store failed, or memory ran out; try again");
	else if (answer_outcome(call, again) != 0)
		call_store_failed(call);
}

/* --- taking ------------------------------------------------------------------------------------------ */

static void on_adapted(void *ctx, int status)
{
	struct call *call = ctx;

	call_resume(call);
	end(call, call->again, status);
}

/* What must outlive the request's body, where the answer waits: with the call. NULL: no memory. */
static struct again *keep_waiting(struct call *call, const struct again *again)
{
	size_t why_size = strlen(again->why) + 1;

	call->again = malloc(sizeof(*again) + why_size);
	if (!call->again)
		return NULL;
	*call->again = *again;
	call->again->raw = (struct buf)BUF_INIT;
	call->again->why = memcpy(call->again + 1, again->why, why_size);
	return call->again;
}

static void adapt(struct call *call, const struct again *again, const struct origin *origin)
{
	struct again *kept = keep_waiting(call, again);
	int status = -1;

	if (kept)
		status = adapter_take(
			call->ops->with.adapters, &(struct adapter_ask){ .message = origin->message,
							  .vars = origin->vars,
							  .on_ack = call_count_ack,
							  .done = on_adapted,
							  .ctx = call });
	if (status == 0)
		call_wait(call);
	else
		end(call, again, status < 0 ? -1 : 0);
}

static void take(struct call *call, const struct again *again)
{
	struct origin origin;
	struct intake_message *message = &origin.message;

	origin_of_kept(call->ops->config, again->from, &origin);
	message->payload = again->raw.data;
	message->len = again->raw.len;
	message->max_len = message->topic ? 0 : OPS_EVENTS_MAX;
	message->received_at_ms = clock_wall_of(call->ops->with.clock, again->opened_at_ms);
	if (!origin.is_known)
		call_problem(call, 409,
			"exception %" PRId64
			" came from %.200s, and no source or hook is there for "
			"that now",
			again->id, again->from);
	else if (!origin.adapter)
		end(call, again,
			intake_take(call->ops->with.intake, message, call_count_ack, call));
	else if (adapter_is_full(call->ops->with.adapters))
		call_problem(call, 503, "too much is under way; try again");
	else
		adapt(call, again, &origin);
}

static int on_kept(void *ctx, const struct store_exception_row *row)
{
	struct again *again = ctx;

	again->id = row->id;
	again->repeats = row->repeats;
	again->opened_at_ms = row->opened_at_ms;
	(void)snprintf(again->from, sizeof(again->from), "%s", row->origin);
	buf_put(&again->raw, row->raw, row->raw_len);
	return 0;
}

bool exception_is_kept(const struct store_exception_row *row)
{
	return row->seq == 0 &&
	       (strcmp(row->kind, "unparsable") == 0 || strcmp(row->kind, "invalid") == 0);
}

void exception_take_again(struct call *call, int64_t id, const char *why)
{
	struct again again = { .raw = BUF_INIT, .why = why };

	if (store_get_exception(call->ops->with.store, id, on_kept, &again) < 0)
		call_store_failed(call);
	else if (buf_failed(&again.raw))
		call_problem(call, 500, "no memory for the message");
	else if (again.raw.len == 0)
		call_problem(call, 409,
			"exception %" PRId64 " is of a message without a byte in it: discard it",
			id);
	else if (again.raw.len >= INTAKE_RAW_MAX)
		call_problem(call, 409,
			"exception %" PRId64
			" has only the first %zu bytes of its message: send it "
			"again where it was made, then discard this one",
			id, INTAKE_RAW_MAX);
	else if (call_has_room(call))
		take(call, &again);
	buf_done(&again.raw);
}
