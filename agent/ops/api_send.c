/*
 * api_send.c - POST /v1/events: what is sent is taken like a handheld's message, and answered with the
 * acks that a handheld would get.
 */
#include "ops/room.h"

#include <string.h>
#include <strings.h>

#include "capture/intake.h"
#include "dray/ack.h"
#include "dray/ids.h"
#include "dray/media.h"
#include "ops/binary.h"
#include "ops/writer.h"

struct taking {
	struct buf *out;
	unsigned stored, rejected, all;
};

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct taking *taking = ctx;
	struct buf text = BUF_INIT;

	(void)device;
	taking->all++;
	taking->stored += ack->status == ACK_STORED;
	taking->rejected += ack->status == ACK_REJECTED;
	ack_render(ack, &text);
	if (buf_failed(&text))
		taking->out->failed = true;
	else
		write_raw(taking->out, NULL, text.data, text.len);
	buf_done(&text);
}

/* --- what is refused before it is looked at; false: the call is answered ----------------------- */

void call_count_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct call *call = ctx;

	(void)device;
	call->n_stored += ack->status == ACK_STORED;
	call->n_duplicate += ack->status == ACK_DUPLICATE;
	call->n_rejected += ack->status == ACK_REJECTED;
}

bool call_has_room(struct call *call)
{
	const struct ops *ops = call->ops;
	const struct room_report *room = ops->with.store_room(ops->with.ctx);

	if (room->level == ROOM_NONE) {
		call_refuse(call, 503, "store_full", "no event is taken now: %s; try again later",
			room->why);
		return false;
	}
	if ((call->token || !call->who[0]) && ops->n_taken >= ops->config->store.max_turn_events) {
		/* A partner that has kept to its rate hears of no fault of its own. */
		call_problem(call, call->token ? 429 : 503, "too many events at once; try again");
		return false;
	}
	return true;
}

/* Control takes whatever it is said to be, as ever. */
static bool is_readable(struct call *call)
{
	const char *coding = call_header(call, "Content-Encoding");
	const char *header = call_header(call, "Content-Type");
	struct media media = { .charset = "" };

	if (coding && strcasecmp(coding, "identity") != 0)
		call_problem(call, 415, "Content-Encoding: must be identity: send it as it is");
	else if (header ? !media_parse(header, &media) : !binary_is(call))
		call_problem(call, 415, "Content-Type: must be application/json");
	else if (media.charset[0] && strcmp(media.charset, "utf-8") != 0)
		call_problem(call, 415, "Content-Type: the charset must be utf-8");
	else if (!binary_is(call) && strcmp(media.type, "application/json") != 0 &&
		 strcmp(media.type, "application/cloudevents+json") != 0 &&
		 strcmp(media.type, "application/cloudevents-batch+json") != 0)
		call_problem(call, 415,
			"Content-Type: must be application/json, application/cloudevents+json or "
			"application/cloudevents-batch+json, not %.64s",
			media.type);
	return !call->is_answered;
}

/* Whom it may speak for, and whom it speaks for where an event doesn't say. */
static bool name_device(struct call *call, struct intake_message *message)
{
	const char *device = call_query(call, "device");

	if (device && !id_is_name(device, strlen(device))) {
		call_problem(call, 400, "device: must be 1 to 64 of A-Z a-z 0-9 . _ -");
		return false;
	}
	if (device && call->device[0] && strcmp(device, call->device) != 0) {
		call_problem(call, 403, "device: %s speaks for %s only", call->who, call->device);
		return false;
	}
	if (call->device[0])
		message->topic_device = call->device;
	if (device)
		message->default_device = device;
	return true;
}

/* --- taking ------------------------------------------------------------------------------------ */

/* `rc`: what intake returned. */
static void tell(struct call *call, const struct taking *taking, int rc)
{
	if (rc != 0) {
		call_store_failed(call);
		return;
	}
	write_close(&call->body, ']');
	call->ops->n_taken += taking->all;
	call_answer(call, taking->stored > 0 ? 202 : taking->rejected < taking->all ? 200 : 422);
}

static void take(struct call *call, const struct intake_message *message)
{
	struct taking taking = { .out = &call->body };

	write_open(&call->body, NULL, '[');
	tell(call, &taking, intake_take(call->ops->with.intake, message, on_ack, &taking));
}

/* No event can be made of it: it is kept, and answered, as any other that is refused. */
static void refuse(struct call *call, const struct intake_message *message, const char *id,
	const struct problem *problem)
{
	struct taking taking = { .out = &call->body };

	write_open(&call->body, NULL, '[');
	tell(call, &taking,
		intake_refuse(call->ops->with.intake, message, id, problem, on_ack, &taking));
}

static void take_binary(struct call *call, struct intake_message *message)
{
	struct buf joined = BUF_INIT;
	struct problem problem;
	char id[ID_MAX + 1];

	switch (binary_join(call, &joined, id, &problem)) {
	case BINARY_JOINED:
		message->payload = joined.data;
		message->len = joined.len;
		take(call, message);
		break;
	case BINARY_REFUSED:
		message->raw = buf_failed(&joined) ? NULL : joined.data;
		message->raw_len = joined.len;
		refuse(call, message, id, &problem);
		break;
	case BINARY_ANSWERED:
		break;
	}
	buf_done(&joined);
}

void api_send_events(struct call *call)
{
	struct intake_message message = {
		.origin = call->token ? call->who : "control",
		.default_device = call->token ? call->token : "drayctl",
		.traceparent = call_header(call, "traceparent"),
		.on_invalid = CONFIG_INVALID_REJECT,
		.max_len = OPS_EVENTS_MAX,
		.received_at_ms = call_wall_ms(call),
	};

	if (!call_has_room(call) || !name_device(call, &message) ||
		(call->token && !is_readable(call)))
		return;
	message.payload = call_body(call, &message.len);
	if (!message.payload)
		call_problem(call, 500, "no memory for the body");
	else if (binary_is(call))
		take_binary(call, &message);
	else
		take(call, &message);
}
