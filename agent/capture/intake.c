#include "capture/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "deliver/deliver.h"
#include "dray/event.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "dray/route.h"
#include "store/store.h"
#include "trees.h"

#define EVENTS_MAX 1000           /* of one message */
#define RAW_MAX ((size_t)1 << 20) /* kept of what is refused */
#define MEMBERS_MAX 200000        /* JSON values in one event */
#define CELLS 256                 /* reasons, and types times sources: few */
#define ARRIVALS 4096

/* A count that becomes a metric at the commit. */
struct cell {
	enum metric metric;
	char a[EVENT_TYPE_MAX], b[EVENT_NAME_MAX];
	unsigned n;
};

struct arrival {
	int64_t at_mono_us;
	int64_t skew_ms; /* received minus sent; INT64_MIN: not said */
};

struct intake {
	struct store *store;
	struct deliver *deliver;
	struct metrics *metrics;
	const struct clock *clock;
	const struct config *config;
	struct route_target *targets; /* room for every destination */
	struct buf scanned, body;
	struct cell cells[CELLS];
	unsigned n_cells;
	struct arrival arrivals[ARRIVALS]; /* of what this turn stored */
	unsigned n_arrivals;
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
	bool is_broken_off; /* no end was found of the last value: the rest was refused with it */
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

/* --- counts that wait for the commit ----------------------------------------------------------- */

static void count(struct intake *intake, enum metric metric, const char *a, const char *b)
{
	struct cell *cell;

	for (cell = intake->cells; cell < intake->cells + intake->n_cells; cell++)
		if (cell->metric == metric && strcmp(cell->a, a) == 0 && strcmp(cell->b, b) == 0) {
			cell->n++;
			return;
		}
	if (intake->n_cells == CELLS)
		return; /* the tally has it: the next start counts from there */
	intake->n_cells++;
	cell->metric = metric;
	cell->n = 1;
	(void)snprintf(cell->a, sizeof(cell->a), "%s", a);
	(void)snprintf(cell->b, sizeof(cell->b), "%s", b);
}

void intake_committed(struct intake *intake)
{
	int64_t now_mono_us = clock_mono_us(intake->clock);

	for (unsigned i = 0; i < intake->n_cells; i++) {
		const struct cell *cell = &intake->cells[i];

		metrics_add(
			intake->metrics, cell->metric, cell->a, *cell->b ? cell->b : NULL, cell->n);
	}
	for (unsigned i = 0; i < intake->n_arrivals; i++) {
		const struct arrival *arrival = &intake->arrivals[i];

		metrics_observe(intake->metrics, METRIC_EVENT_ACK_SECONDS, NULL,
			(double)(now_mono_us - arrival->at_mono_us) / 1e6);
		if (arrival->skew_ms != INT64_MIN)
			metrics_observe(intake->metrics, METRIC_CLOCK_SKEW_SECONDS, NULL,
				(double)arrival->skew_ms / 1e3);
	}
	intake->n_cells = 0;
	intake->n_arrivals = 0;
}

void intake_poisoned(struct intake *intake)
{
	intake->n_cells = 0;
	intake->n_arrivals = 0;
}

/* --- refusing ------------------------------------------------------------------------------------ */

/* What is known of an event that is refused. */
struct refusal {
	const char *kind;               /* of the exception */
	const char *id, *type, *device; /* "" unknown */
	int64_t seq;                    /* of the event it collides with; 0 none */
	const char *raw;
	size_t raw_len;
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
		.raw = refusal->raw,
		.raw_len = refusal->raw_len < RAW_MAX ? refusal->raw_len : RAW_MAX,
		.opened_at_ms = passage->at_ms,
		.due_at_ms = passage->at_ms + intake->config->sla_normal_ms,
	};

	if (store_open_exception(intake->store, &exception, &is_new) < 0)
		return -1;
	if (is_new && intake->on_exception)
		intake->on_exception(intake->exception_ctx,
			&(struct intake_exception){ refusal->kind, exception.severity,
				problem->message, message->origin, refusal->device, refusal->id });
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
	count(intake, METRIC_EVENTS_REJECTED, reason, "");
	(void)snprintf(ack.id, sizeof(ack.id), "%s", refusal->id);
	passage->on_ack(passage->ack_ctx, &ack, refusal->device);
	return 0;
}

/* Refuse bytes that no event could be read from. */
static int refuse_bytes(struct passage *passage, const char *bytes, size_t len, enum reason reason,
	const char *why, size_t at)
{
	const char *device = passage->message->topic_device;
	struct refusal refusal = { "unparsable", "", "", device ? device : "", 0, bytes, len };
	struct problem problem;

	problem_fill(&problem, reason, "", "%s at byte %zu", why, at);
	return refuse(passage, &refusal, &problem);
}

static enum reason flaw_reason(enum json_flaw flaw)
{
	switch (flaw) {
	case JSON_BAD_UTF8:
		return REASON_BAD_UTF8;
	case JSON_TOO_LARGE:
		return REASON_TOO_LARGE;
	case JSON_TOO_DEEP:
		return REASON_TOO_DEEP;
	default:
		return REASON_BAD_JSON;
	}
}

/* --- storing and routing --------------------------------------------------------------------------- */

static int route(struct passage *passage, const struct event *event, int64_t seq)
{
	struct intake *intake = passage->intake;
	const struct config *config = intake->config;
	size_t n = route_event(config, event, intake->targets);

	if (n == 0) {
		count(intake, METRIC_EVENTS_UNROUTED, event->type, "");
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

static int refuse_conflict(struct passage *passage, const struct event *event, int64_t seq,
	const char *raw, size_t raw_len)
{
	struct refusal refusal = { "id_conflict", event->id, event->type, event->device, seq, raw,
		raw_len };
	struct problem problem;

	problem_fill(&problem, REASON_ID_CONFLICT, "/id",
		"id is taken by another event (seq %lld); send it under a new id", (long long)seq);
	return refuse(passage, &refusal, &problem);
}

/* Stored as it is, because the source accepts what is wrong: a person is told of it. */
static int keep_accepted(struct passage *passage, const struct event *event, int64_t seq,
	const struct problem *problem)
{
	struct refusal accepted = { "invalid", event->id, event->type, event->device, seq, NULL,
		0 };

	return problem->reason == REASON_NONE ? 0 : keep_refused(passage, &accepted, problem);
}

static int store_event(struct passage *passage, const struct event *event,
	const struct problem *problem, const char *raw, size_t raw_len)
{
	struct intake *intake = passage->intake;
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
	};

	(void)memcpy(ack.id, event->id, sizeof(ack.id));
	switch (store_put_event(intake->store, &row, &ack.seq)) {
	case STORE_FAILED:
		return -1;
	case STORE_CONFLICT:
		return refuse_conflict(passage, event, ack.seq, raw, raw_len);
	case STORE_DUPLICATE:
		ack.status = ACK_DUPLICATE;
		count(intake, METRIC_EVENTS_DUPLICATE, passage->message->origin, "");
		break;
	case STORE_STORED:
		if (route(passage, event, ack.seq) < 0 ||
			keep_accepted(passage, event, ack.seq, problem) < 0)
			return -1;
		count(intake, METRIC_EVENTS_RECEIVED, event->type, passage->message->origin);
		if (intake->n_arrivals < ARRIVALS)
			intake->arrivals[intake->n_arrivals++] =
				(struct arrival){ passage->arrived_mono_us,
					event->sent_at_ms < 0
						? INT64_MIN
						: event->received_at_ms - event->sent_at_ms };
		break;
	}
	passage->on_ack(passage->ack_ctx, &ack, event->device);
	return 0;
}

/* --- one event, one message -------------------------------------------------------------------------- */

/* What the message says of the event, where the event doesn't say it itself. */
static void add_attribute(cJSON *object, const char *name, const char *value)
{
	if (value && !json_get(object, name))
		(void)cJSON_AddStringToObject(object, name, value);
}

/* What answers bring has led to answers again and again: somebody's routes go round in a circle. */
static int refuse_loop(
	struct passage *passage, const cJSON *object, const char *raw, size_t raw_len)
{
	const char *id = json_get_string(object, "id"), *type = json_get_string(object, "type");
	struct refusal refusal = { "loop", id ? id : "", type ? type : "",
		passage->message->topic_device, 0, raw, raw_len };
	struct problem problem;

	problem_fill(&problem, REASON_NOT_ALLOWED, "/type",
		"more than %d answers have led to it, one behind the other: look at the routes of "
		"what destination %s brings",
		EMIT_CHAIN_MAX, passage->message->origin);
	return refuse(passage, &refusal, &problem);
}

/* The stage where adapters, barcodes, items and units will stand is between parse and render. */
static int take_object(struct passage *passage, cJSON *object, const char *raw, size_t raw_len)
{
	struct intake *intake = passage->intake;
	const struct intake_message *message = passage->message;
	struct event_context context = {
		.site = intake->config->site,
		.topic_site = message->topic_site,
		.topic_type = message->topic_type,
		.topic_device = message->topic_device,
		.received_at_ms = message->received_at_ms,
		.index = passage->index,
		.chain = message->chain,
		.limits = &intake->config->limits,
		.accepts_invalid = message->on_invalid == CONFIG_INVALID_ACCEPT,
	};
	struct event event;
	struct problem problem = { .reason = REASON_NONE };
	int rc;

	if (message->chain > EMIT_CHAIN_MAX) {
		rc = refuse_loop(passage, object, raw, raw_len);
		cJSON_Delete(object);
		return rc;
	}
	if (!message->topic_device)
		add_attribute(object, "device", message->default_device);
	add_attribute(object, "traceparent", message->traceparent);
	if (event_parse(object, &context, &event, &problem) < 0) {
		struct refusal refusal = { "invalid", event.id, event.type, event.device, 0, raw,
			raw_len };

		return refuse(passage, &refusal, &problem);
	}
	buf_reset(&intake->body);
	event_render(&event, &intake->body);
	if (buf_failed(&intake->body))
		rc = refuse_bytes(passage, raw, raw_len, REASON_TOO_LARGE, "out of memory", 0);
	else
		rc = store_event(passage, &event, &problem, raw, raw_len);
	event_done(&event);
	return rc;
}

static int take_tree(struct passage *passage, const char *raw, size_t raw_len)
{
	cJSON *value =
		cJSON_ParseWithLength(passage->intake->scanned.data, passage->intake->scanned.len);

	if (!value)
		return refuse_bytes(passage, raw, raw_len, REASON_BAD_JSON, "unreadable JSON", 0);
	if (!cJSON_IsObject(value)) {
		cJSON_Delete(value);
		return refuse_bytes(
			passage, raw, raw_len, REASON_BAD_JSON, "an event is an object", 0);
	}
	return take_object(passage, value, raw, raw_len);
}

static int take_value(struct passage *passage, const char *raw, size_t raw_len)
{
	int rc;

	trees_open();
	rc = take_tree(passage, raw, raw_len);
	trees_close();
	return rc;
}

static size_t skip_space(const char *text, size_t len, size_t pos)
{
	while (pos < len &&
		(text[pos] == ' ' || text[pos] == '\t' || text[pos] == '\n' || text[pos] == '\r'))
		pos++;
	return pos;
}

/*
 * The next value at *pos: taken, or refused by itself when its end can be found. When it can't, the
 * rest of the message is one broken value, and *pos is its end.
 */
static int take_next(struct passage *passage, const char *text, size_t len, size_t *pos)
{
	const struct config *config = passage->intake->config;
	struct json_limits limits = { config->limits.max_bytes, config->limits.max_depth,
		MEMBERS_MAX, false };
	struct json_error error;
	size_t start = *pos, consumed = 0, end;

	if (json_scan(text + start, len - start, &limits, &passage->intake->scanned, &consumed,
		    &error) == JSON_FINE) {
		*pos = start + consumed;
		return take_value(passage, text + start, consumed);
	}
	if (!json_extent(text, len, start, &start, &end)) {
		start = *pos;
		end = len;
		passage->is_broken_off = true;
	}
	*pos = end;
	return refuse_bytes(passage, text + start, end - start, flaw_reason(error.flaw),
		error.message, error.offset);
}

/* Behind a value, at *pos: what separates it from the next. False: the rest can't be made sense of. */
static bool pass_separator(const char *text, size_t len, size_t *pos, bool *is_array)
{
	*pos = skip_space(text, len, *pos);
	if (*pos == len)
		return true;
	if (text[*pos] == ',') { /* between single values it is one too many, and harms nobody */
		++*pos;
	} else if (*is_array && text[*pos] == ']') {
		++*pos;
		*is_array = false; /* what may stand behind it are single values */
	} else if (*is_array || text[*pos] != '{') {
		return false;
	}
	*pos = skip_space(text, len, *pos);
	return true;
}

/* Every value from `pos` on: an array's elements, or values one behind the other. */
static int take_values(
	struct passage *passage, const char *text, size_t len, size_t pos, bool is_array)
{
	while (pos < len) {
		if (passage->index == EVENTS_MAX)
			return refuse_bytes(passage, text + pos, len - pos, REASON_TOO_LARGE,
				"more than 1000 events in a message", pos);
		if (take_next(passage, text, len, &pos) < 0)
			return -1;
		passage->index++;
		if (!pass_separator(text, len, &pos, &is_array))
			return refuse_bytes(passage, text + pos, len - pos, REASON_BAD_JSON,
				is_array ? "a comma or ] is missing" : "an event is an object",
				pos);
	}
	if (is_array && !passage->is_broken_off)
		return refuse_bytes(passage, text + len, 0, REASON_BAD_JSON,
			"the message ends before its ]", len);
	return 0;
}

static int take_all(struct passage *passage, const char *text, size_t len)
{
	bool has_mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; /* some write one */
	size_t pos = skip_space(text, len, has_mark ? 3 : 0);
	bool is_array = pos < len && text[pos] == '[';

	if (is_array)
		pos = skip_space(text, len, pos + 1);
	if (pos == len || (is_array && text[pos] == ']' && skip_space(text, len, pos + 1) == len))
		return refuse_bytes(
			passage, text, len, REASON_BAD_JSON, "no event in the message", 0);
	return take_values(passage, text, len, pos, is_array);
}

int intake_take(struct intake *intake, const struct intake_message *message, intake_ack_fn on_ack,
	void *ctx)
{
	struct passage passage = {
		.intake = intake,
		.message = message,
		.on_ack = on_ack,
		.ack_ctx = ctx,
		.arrived_mono_us = clock_mono_us(intake->clock),
		.at_ms = clock_stamp_of(intake->clock, message->received_at_ms),
	};

	if (message->len >
		(message->max_len > 0 ? message->max_len : intake->config->limits.max_bytes))
		return refuse_bytes(&passage, message->payload, message->len, REASON_TOO_LARGE,
			"the message is larger than limits.max_message allows", message->len);
	return take_all(&passage, message->payload, message->len);
}
