#include "capture/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/counts.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "dray/route.h"
#include "dray/split.h"
#include "store/store.h"
#include "trees.h"

#define MEMBERS_MAX 200000 /* JSON values in one event */

struct intake {
	struct store *store;
	struct deliver *deliver;
	struct metrics *metrics;
	const struct clock *clock;
	const struct config *config;
	const struct reference *reference;
	struct route_target *targets; /* room for every destination */
	struct buf scanned, body;
	struct counts counts;
	intake_exception_fn on_exception;
	void *exception_ctx;
};

/* One message on its way through. */
struct passage {
	struct intake *intake;
	const struct intake_message *message;
	intake_ack_fn on_ack;
	void *ack_ctx;
	int64_t arrived_mono_us;
	int64_t at_ms;      /* steady, for what is stored */
	size_t index;       /* of the event in the message */
	bool is_raw_stored; /* the message's raw, with the first event that was stored */
};

/* The bytes of one event, or what they were made of: kept when it is refused. */
struct original {
	const char *raw;
	size_t len;
};

struct intake *intake_new(struct store *store, struct deliver *deliver, struct metrics *metrics,
	const struct clock *clock)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (!intake)
		return NULL;
	intake->store = store;
	intake->deliver = deliver;
	intake->metrics = metrics;
	intake->clock = clock;
	return intake;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	buf_done(&intake->scanned);
	buf_done(&intake->body);
	free(intake->targets);
	free(intake);
}

void intake_set_reference(struct intake *intake, const struct reference *reference)
{
	intake->reference = reference;
}

int intake_configure(struct intake *intake, const struct config *config)
{
	struct route_target *targets = calloc(config->n_destinations + 1, sizeof(*targets));

	if (!targets)
		return -1;
	free(intake->targets);
	intake->targets = targets;
	intake->config = config;
	return 0;
}

void intake_on_exception(struct intake *intake, intake_exception_fn fn, void *ctx)
{
	intake->on_exception = fn;
	intake->exception_ctx = ctx;
}

void intake_committed(struct intake *intake)
{
	counts_commit(&intake->counts, intake->metrics, clock_mono_us(intake->clock));
}

void intake_poisoned(struct intake *intake)
{
	counts_forget(&intake->counts);
}

/* --- refusing ------------------------------------------------------------------------------------ */

/* What is known of an event that is refused. */
struct refusal {
	const char *kind;               /* of the exception */
	const char *id, *type, *device; /* "" unknown */
	int64_t seq;                    /* of the event it collides with; 0 none */
	struct original of;
};

static int keep_refused(
	struct passage *passage, const struct refusal *refusal, const struct problem *problem)
{
	struct intake *intake = passage->intake;
	const struct intake_message *message = passage->message;
	bool is_new = false;
	struct store_exception exception = {
		.kind = refusal->kind,
		.severity = "normal",
		.code = reason_word(problem->reason),
		.reason = problem->message,
		.field = problem->field,
		.seq = refusal->seq,
		.origin = message->topic ? message->topic : message->origin,
		.device = refusal->device,
		.raw = refusal->of.raw,
		.raw_len = refusal->of.len < INTAKE_RAW_MAX ? refusal->of.len : INTAKE_RAW_MAX,
		.opened_at_ms = passage->at_ms,
		.due_at_ms = passage->at_ms + intake->config->sla_normal_ms,
	};

	if (store_open_exception(intake->store, &exception, &is_new) < 0)
		return -1;
	if (is_new && intake->on_exception)
		intake->on_exception(intake->exception_ctx,
			&(struct intake_exception){ refusal->kind, exception.severity,
				problem->message, exception.origin, refusal->device, refusal->id });
	return 0;
}

static int refuse(
	struct passage *passage, const struct refusal *refusal, const struct problem *problem)
{
	struct intake *intake = passage->intake;
	const struct intake_message *message = passage->message;
	const char *reason = reason_word(problem->reason);
	struct ack ack = { .status = ACK_REJECTED, .seq = refusal->seq, .problem = *problem };

	if (keep_refused(passage, refusal, problem) < 0 ||
		store_count(intake->store, passage->at_ms, message->origin, refusal->device,
			event_type_is_known(refusal->type) ? refusal->type : "", 0, "rejected",
			reason) < 0)
		return -1;
	counts_add(&intake->counts, METRIC_EVENTS_REJECTED, reason, "");
	(void)snprintf(ack.id, sizeof(ack.id), "%s", refusal->id);
	passage->on_ack(passage->ack_ctx, &ack, refusal->device);
	return 0;
}

/* Refuse what no event could be read from. */
static int refuse_unread(
	struct passage *passage, struct original of, const char *id, const struct problem *problem)
{
	const char *device = passage->message->topic_device;
	struct refusal refusal = { "unparsable", id, "", device ? device : "", 0, of };

	return refuse(passage, &refusal, problem);
}

static int refuse_bytes(
	struct passage *passage, struct original of, enum reason reason, const char *why, size_t at)
{
	struct problem problem;

	problem_fill(&problem, reason, "", "%s at byte %zu", why, at);
	return refuse_unread(passage, of, "", &problem);
}

/* --- storing and routing --------------------------------------------------------------------------- */

static int route(struct passage *passage, const struct event *event, int64_t seq)
{
	struct intake *intake = passage->intake;
	const struct config *config = intake->config;
	size_t n = route_event(config, event, intake->targets);

	if (n == 0) {
		counts_add(&intake->counts, METRIC_EVENTS_UNROUTED, event->type, "");
		return store_count(intake->store, passage->at_ms, passage->message->origin,
			event->device, event->type, 0, "unrouted", "");
	}
	for (size_t i = 0; i < n; i++) {
		const struct config_destination *destination =
			&config->destinations[intake->targets[i].destination];
		int id = store_destination_id(intake->store, destination->name);
		char key[EVENT_KEY_MAX];
		enum delivery_state state;

		route_order_key(destination, event, key);
		if (id < 0 || store_put_delivery(intake->store, id, seq, key,
				      (int)intake->targets[i].lane, &state) < 0)
			return -1;
		if (state == DELIVERY_READY)
			deliver_poke(intake->deliver, id);
	}
	return 0;
}

static int name_targets(
	struct intake *intake, const struct event *event, store_target_fn fn, void *ctx)
{
	const struct config *config = intake->config;
	size_t n = route_event(config, event, intake->targets);
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++) {
		const struct config_destination *destination =
			&config->destinations[intake->targets[i].destination];
		char key[EVENT_KEY_MAX];

		route_order_key(destination, event, key);
		status = fn(ctx, &(struct store_target){ .destination = destination->name,
					 .key = key,
					 .lane = (int)intake->targets[i].lane });
	}
	return status;
}

int intake_route_again(
	struct intake *intake, const struct store_event_row *row, store_target_fn fn, void *ctx)
{
	const struct event_context context = {
		.site = intake->config->site,
		.received_at_ms = row->received_at_ms,
		.limits = &intake->config->limits,
		.accepts_invalid = true,
	};
	cJSON *object = row->body ? cJSON_ParseWithLength(row->body, row->len) : NULL;
	struct problem problem;
	struct event event;
	int status;

	if (!object || event_parse(object, &context, &event, &problem) < 0)
		return 0; /* its content is given up, so it was delivered; or it is not ours */
	status = name_targets(intake, &event, fn, ctx);
	event_done(&event);
	return status;
}

static int refuse_conflict(
	struct passage *passage, const struct event *event, int64_t seq, struct original of)
{
	struct refusal refusal = { "id_conflict", event->id, event->type, event->device, seq, of };
	struct problem problem;

	problem_fill(&problem, REASON_ID_CONFLICT, "/id",
		"id is taken by another event (seq %lld); send it under a new id", (long long)seq);
	return refuse(passage, &refusal, &problem);
}

/* Stored as it is, because the source accepts what is wrong: a person is told of it. */
static int keep_accepted(struct passage *passage, const struct event *event, int64_t seq,
	const struct problem *problem)
{
	struct refusal accepted = { "invalid", event->id, event->type, event->device, seq,
		{ NULL, 0 } };

	return problem->reason == REASON_NONE ? 0 : keep_refused(passage, &accepted, problem);
}

/*
 * What the canonical form can't give back is kept beside it: an event that was changed, and, once, the
 * message that an adapter made events of.
 */
static bool keeps_raw(const struct passage *passage, const struct event *event)
{
	return passage->message->raw ? !passage->is_raw_stored : event->is_changed;
}

static int store_event(struct passage *passage, const struct event *event,
	const struct problem *problem, struct original of)
{
	struct intake *intake = passage->intake;
	bool has_raw = keeps_raw(passage, event);
	struct ack ack = { .status = ACK_STORED };
	struct store_event row = {
		.source = event->source,
		.id = event->id,
		.type = event->type,
		.device = event->device,
		.document = event->document_key,
		.correlation = event->correlation_id,
		.origin = passage->message->origin,
		.occurred_at_ms = event->occurred_at_ms,
		.received_at_ms = passage->at_ms,
		.sent_at_ms = event->sent_at_ms,
		.sequence = event->sequence,
		.digest = event->digest,
		.body = intake->body.data,
		.len = intake->body.len,
		.raw = has_raw ? of.raw : NULL,
		.raw_len = has_raw ? of.len : 0,
	};

	(void)memcpy(ack.id, event->id, sizeof(ack.id));
	switch (store_put_event(intake->store, &row, &ack.seq)) {
	case STORE_FAILED:
		return -1;
	case STORE_CONFLICT:
		return refuse_conflict(passage, event, ack.seq, of);
	case STORE_DUPLICATE:
		ack.status = ACK_DUPLICATE;
		counts_add(&intake->counts, METRIC_EVENTS_DUPLICATE, passage->message->origin, "");
		break;
	case STORE_STORED:
		if (route(passage, event, ack.seq) < 0 ||
			keep_accepted(passage, event, ack.seq, problem) < 0)
			return -1;
		counts_add(&intake->counts, METRIC_EVENTS_RECEIVED, event->type,
			passage->message->origin);
		counts_arrived(&intake->counts, passage->arrived_mono_us,
			event->sent_at_ms < 0 ? INT64_MIN
					      : event->received_at_ms - event->sent_at_ms);
		passage->is_raw_stored = true;
		break;
	}
	passage->on_ack(passage->ack_ctx, &ack, event->device);
	return 0;
}

/*
 * What was stored once is never refused: items, units and limits may have changed since, and a device
 * that didn't hear its ack sends again. 1 it is known, and acknowledged; 0 it isn't; -1.
 */
static int is_known(struct passage *passage, const struct event *event)
{
	struct intake *intake = passage->intake;
	struct ack ack = { .status = ACK_DUPLICATE };
	const struct store_event row = { .source = event->source,
		.id = event->id,
		.type = event->type,
		.device = event->device,
		.origin = passage->message->origin,
		.received_at_ms = passage->at_ms,
		.digest = event->digest };
	int known = event->is_identified ? store_knows_event(intake->store, &row, &ack.seq) : 0;

	if (known <= 0)
		return known;
	counts_add(&intake->counts, METRIC_EVENTS_DUPLICATE, passage->message->origin, "");
	(void)memcpy(ack.id, event->id, sizeof(ack.id));
	passage->on_ack(passage->ack_ctx, &ack, event->device);
	return 1;
}

/* --- one event, one message -------------------------------------------------------------------------- */

/* What the message says of the event, where the event doesn't say it itself. */
static void add_attribute(cJSON *object, const char *name, const char *value)
{
	if (value && !json_get(object, name))
		(void)cJSON_AddStringToObject(object, name, value);
}

/* What answers bring has led to answers again and again: somebody's routes go round in a circle. */
static int refuse_loop(struct passage *passage, const cJSON *object, struct original of)
{
	const char *id = json_get_string(object, "id"), *type = json_get_string(object, "type");
	struct refusal refusal = { "loop", id ? id : "", type ? type : "",
		passage->message->topic_device, 0, of };
	struct problem problem;

	problem_fill(&problem, REASON_NOT_ALLOWED, "/type",
		"more than %d answers have led to it, one behind the other: look at the routes of "
		"what destination %s brings",
		EMIT_CHAIN_MAX, passage->message->origin);
	return refuse(passage, &refusal, &problem);
}

static int refuse_event(struct passage *passage, const struct event *event,
	const struct problem *problem, struct original of)
{
	struct refusal refusal = { "invalid", event->id, event->type, event->device, 0, of };
	int known = is_known(passage, event);

	return known != 0 ? (known < 0 ? -1 : 0) : refuse(passage, &refusal, problem);
}

static int take_object(struct passage *passage, cJSON *object, struct original of)
{
	struct intake *intake = passage->intake;
	const struct intake_message *message = passage->message;
	struct event_context context = {
		.site = intake->config->site,
		.topic_site = message->topic_site,
		.topic_type = message->topic_type,
		.topic_device = message->topic_device,
		.types = message->types,
		.received_at_ms = message->received_at_ms,
		.index = passage->index,
		.chain = message->chain,
		.limits = &intake->config->limits,
		.reference = intake->reference,
		.max_skew_ms = intake->config->max_skew_ms,
		.accepts_invalid = message->on_invalid == CONFIG_INVALID_ACCEPT,
	};
	struct event event;
	struct problem problem = { .reason = REASON_NONE };
	int rc;

	if (message->chain > EMIT_CHAIN_MAX) {
		rc = refuse_loop(passage, object, of);
		cJSON_Delete(object);
		return rc;
	}
	if (!message->topic_device)
		add_attribute(object, "device", message->default_device);
	add_attribute(object, "traceparent", message->traceparent);
	if (event_parse(object, &context, &event, &problem) < 0)
		return refuse_event(passage, &event, &problem, of);
	buf_reset(&intake->body);
	event_render(&event, &intake->body);
	if (buf_failed(&intake->body))
		rc = refuse_bytes(passage, of, REASON_TOO_LARGE, "out of memory", 0);
	else
		rc = store_event(passage, &event, &problem, of);
	event_done(&event);
	return rc;
}

static int take_tree(struct passage *passage, const char *text, size_t len, struct original of)
{
	cJSON *value = cJSON_ParseWithLength(text, len);

	if (!value)
		return refuse_bytes(passage, of, REASON_BAD_JSON, "unreadable JSON", 0);
	if (!cJSON_IsObject(value)) {
		cJSON_Delete(value);
		return refuse_bytes(passage, of, REASON_BAD_JSON, "an event is an object", 0);
	}
	return take_object(passage, value, of);
}

/* What these bytes of the message were made of, which may be they themselves. */
static struct original original_of(
	const struct intake_message *message, const void *raw, size_t len)
{
	return message->raw ? (struct original){ message->raw, message->raw_len }
			    : (struct original){ raw, len };
}

static struct original whole(const struct intake_message *message)
{
	return original_of(message, message->payload, message->len);
}

static int on_value(void *ctx, const struct split_part *part, const char *text, size_t len)
{
	struct passage *passage = ctx;
	int rc;

	passage->index = passage->message->first_index + part->index;
	trees_open();
	rc = take_tree(passage, text, len, original_of(passage->message, part->raw, part->len));
	trees_close();
	return rc;
}

static int on_flaw(void *ctx, const struct split_part *part, const struct split_flaw *flaw)
{
	struct passage *passage = ctx;

	return refuse_bytes(passage, original_of(passage->message, part->raw, part->len),
		flaw->reason, flaw->why, flaw->at);
}

static struct passage begin(struct intake *intake, const struct intake_message *message,
	intake_ack_fn on_ack, void *ctx)
{
	return (struct passage){
		.intake = intake,
		.message = message,
		.on_ack = on_ack,
		.ack_ctx = ctx,
		.arrived_mono_us = message->arrived_mono_us ? message->arrived_mono_us
							    : clock_mono_us(intake->clock),
		.at_ms = clock_stamp_of(intake->clock, message->received_at_ms),
	};
}

/* On any other topic than its own a device could speak for another one. */
static int refuse_stray(struct passage *passage)
{
	struct problem problem;

	problem_fill(&problem, REASON_TOPIC_MISMATCH, "",
		"the topic is not %s/SITE/event/TYPE/DEVICE, each of A-Z a-z 0-9 . _ -",
		passage->intake->config->mqtt.root);
	return refuse_unread(passage, whole(passage->message), "", &problem);
}

int intake_take(struct intake *intake, const struct intake_message *message, intake_ack_fn on_ack,
	void *ctx)
{
	const struct event_limits *limits = &intake->config->limits;
	size_t max_len = message->max_len > 0 ? message->max_len : limits->max_bytes;
	struct passage passage = begin(intake, message, on_ack, ctx);
	const struct split_options options = {
		.limits = { limits->max_bytes, limits->max_depth, MEMBERS_MAX, false },
		.opens_arrays = true,
	};
	const struct split_handlers handlers = { on_value, on_flaw, &passage };

	if (message->is_stray)
		return refuse_stray(&passage);
	if (!message->raw && message->len > max_len)
		return refuse_bytes(&passage, whole(message), REASON_TOO_LARGE,
			"the message is larger than limits.max_message allows", message->len);
	return split_message(message->payload, message->len, &options, &intake->scanned, &handlers);
}

int intake_refuse(struct intake *intake, const struct intake_message *message, const char *id,
	const struct problem *problem, intake_ack_fn on_ack, void *ctx)
{
	struct passage passage = begin(intake, message, on_ack, ctx);

	return refuse_unread(
		&passage, whole(message), id_is_valid(id, strlen(id)) ? id : "", problem);
}

int intake_pass(struct intake *intake, const struct intake_message *message)
{
	int64_t at_ms = clock_stamp_of(intake->clock, message->received_at_ms);

	return store_count(intake->store, at_ms, message->origin,
		message->topic_device ? message->topic_device : "", "", 0, "empty", "");
}
