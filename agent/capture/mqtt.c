#include "capture/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "capture/adapter.h"
#include "capture/alert.h"
#include "capture/connection.h"
#include "capture/grant.h"
#include "capture/held.h"
#include "capture/intake.h"
#include "capture/origin.h"
#include "capture/talk.h"
#include "capture/topic.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/cloudevent.h"
#include "dray/json.h"
#include "log.h"
#include "mqtt/mqtt.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define RETAIN_NEVER 2
#define DATA_MEMBERS_MAX 200000 /* JSON values in the data of a CloudEvent in binary mode */
#define SUBSCRIPTIONS "mqtt.subscriptions" /* cursor in the store */

/* A message that was heard: whom to tell of its events. */
struct hearing {
	LIST_ENTRY(hearing) entry; /* while an adapter has it */
	struct capture *capture;
	unsigned connection;
	const char *response_topic; /* NULL: none */
	const void *correlation_data;
	size_t correlation_len;
};

struct capture {
	struct capture_options is;
	const struct config *config;
	struct mqtt *mqtt;
	struct talk *talk;
	struct buf rendered, scratch, joined;
	char reason[160];     /* why it is down; "" when it is up */
	char closed[256];     /* why it is not to be up; "" when it is */
	bool acks_deliveries; /* some source wants them */
	int64_t n_taken;      /* events of this turn */
	struct held held;
	struct grant grant;
	LIST_HEAD(, hearing) hearings; /* that adapters have */
};

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	const struct hearing *hearing = ctx;
	struct capture *capture = hearing->capture;
	char own[TOPIC_MAX] = "";
	const char *topic = own;

	capture->n_taken++;
	if (*device && !topic_for_acks(capture->config, device, own, sizeof(own)))
		return;
	if (hearing->response_topic &&
		topic_may_respond(capture->config, own, hearing->response_topic))
		topic = hearing->response_topic;
	if (!*topic)
		return; /* nobody knows whom to tell; the exception queue does */
	buf_reset(&capture->rendered);
	ack_render(ack, &capture->rendered);
	if (!buf_failed(&capture->rendered))
		talk_say(capture->talk, topic, capture->rendered.data, capture->rendered.len,
			hearing->correlation_data, hearing->correlation_len);
}

/* --- through an adapter -------------------------------------------------------------------------- */

/* A copy, with what it points to behind it. */
static struct hearing *keep_hearing(const struct hearing *heard)
{
	size_t topic_len = heard->response_topic ? strlen(heard->response_topic) + 1 : 0;
	struct hearing *hearing = malloc(sizeof(*hearing) + topic_len + heard->correlation_len);
	char *at;

	if (!hearing)
		return NULL;
	*hearing = *heard;
	at = (char *)(hearing + 1);
	if (heard->response_topic)
		hearing->response_topic = memcpy(at, heard->response_topic, topic_len);
	if (heard->correlation_len > 0)
		hearing->correlation_data =
			memcpy(at + topic_len, heard->correlation_data, heard->correlation_len);
	LIST_INSERT_HEAD(&heard->capture->hearings, hearing, entry);
	return hearing;
}

static void forget_hearing(struct hearing *hearing)
{
	LIST_REMOVE(hearing, entry);
	free(hearing);
}

/* What was not taken comes again. A turn that is poisoned breaks the connection itself, at its end. */
static void on_adapted(void *ctx, int status)
{
	struct hearing *hearing = ctx;
	struct capture *capture = hearing->capture;

	held_end(&capture->held, hearing->connection);
	forget_hearing(hearing);
	if (status < 0 && !store_is_poisoned(capture->is.store))
		mqtt_break(capture->mqtt, "memory is short");
}

static void adapt(const struct hearing *heard, const struct origin *origin)
{
	struct capture *capture = heard->capture;
	struct hearing *hearing = keep_hearing(heard);
	int status = -1;

	if (hearing) {
		hearing->connection = held_begin(&capture->held, clock_mono_ms(capture->is.clock));
		status = adapter_take(
			capture->is.adapters, &(struct adapter_ask){ .message = origin->message,
						      .vars = origin->vars,
						      .on_ack = on_ack,
						      .done = on_adapted,
						      .ctx = hearing });
	}
	if (!hearing)
		mqtt_break(capture->mqtt, "memory is short");
	else if (status != 0)
		on_adapted(hearing, status);
}

/* --- a message -------------------------------------------------------------------------------------- */

/* A CloudEvent in binary mode is joined first. */
static void take(struct hearing *heard, const struct mqtt_message *from,
	const struct intake_message *message)
{
	struct capture *capture = heard->capture;
	struct intake_message whole = *message;
	const struct event_limits *limits = &capture->config->limits;
	struct cloudevent_attribute attributes[MQTT_PROPERTIES_MAX];
	struct cloudevent cloudevent = { .attributes = attributes,
		.n = from->n_properties,
		.is_cut = from->has_more_properties,
		.content_type = from->content_type,
		.data = message->payload,
		.len = message->len };
	struct problem problem;
	int status;

	for (size_t i = 0; i < from->n_properties; i++)
		attributes[i] = (struct cloudevent_attribute){ from->properties[i].name,
			from->properties[i].value };
	if (!cloudevent_is_binary(&cloudevent)) {
		(void)intake_take(capture->is.intake, message, on_ack, heard);
		return;
	}
	buf_reset(&capture->joined);
	status = cloudevent_join(&cloudevent,
		&(struct json_limits){ .max_bytes = limits->max_bytes,
			.max_depth = limits->max_depth,
			.max_members = DATA_MEMBERS_MAX },
		&capture->scratch, &capture->joined, &problem);
	if (status < 0) {
		whole.raw = buf_failed(&capture->joined) ? NULL : capture->joined.data;
		whole.raw_len = capture->joined.len;
		(void)intake_refuse(capture->is.intake, &whole, cloudevent_get(&cloudevent, "id"),
			&problem, on_ack, heard);
		return;
	}
	whole.payload = capture->joined.data;
	whole.len = capture->joined.len;
	(void)intake_take(capture->is.intake, &whole, on_ack, heard);
}

static void pace(struct capture *capture)
{
	if (capture->n_taken >= capture->config->store.max_turn_events ||
		held_pauses(&capture->held, clock_mono_ms(capture->is.clock),
			adapter_is_full(capture->is.adapters)))
		mqtt_set_reading(capture->mqtt, false); /* until a release */
}

static void on_message(void *ctx, const struct mqtt_message *from)
{
	struct capture *capture = ctx;
	struct hearing heard = { .capture = capture,
		.response_topic = from->response_topic,
		.correlation_data = from->correlation_data,
		.correlation_len = from->correlation_len };
	struct origin origin;
	struct intake_message *message = &origin.message;

	origin_of_topic(capture->config, from->topic, &origin);
	message->traceparent = from->traceparent;
	message->payload = from->payload ? from->payload : "";
	message->len = from->len;
	message->received_at_ms = clock_wall_ms(capture->is.clock);
	message->arrived_mono_us = clock_mono_us(capture->is.clock);
	if (!origin.is_known)
		LOG_WARNING(
			"an event on a topic of no source: the broker still has a subscription of old",
			LOG_S("topic", from->topic));
	if (store_is_poisoned(capture->is.store))
		return; /* this turn takes nothing more; the broker sends again */
	/* MQTT 3.1.1 knows no RETAIN_NEVER: what the broker keeps comes with each connection. */
	if (from->is_retained)
		return;
	if (origin.adapter)
		adapt(&heard, &origin);
	else
		take(&heard, from, message);
	pace(capture);
}

static void on_exception(void *ctx, const struct intake_exception *exception)
{
	capture_alert(ctx, &(struct capture_alert){ .severity = exception->severity,
				   .kind = exception->kind,
				   .device = exception->device,
				   .origin = exception->origin,
				   .id = exception->id,
				   .message = exception->reason });
}

/* Does the source that the event came from want to hear of its deliveries? */
struct origin_check {
	const struct config *config;
	bool wants;
};

static int on_origin(void *ctx, const struct store_event_row *row)
{
	struct origin_check *check = ctx;

	for (size_t i = 0; i < check->config->n_sources; i++)
		if (strcmp(check->config->sources[i].name, row->origin) == 0)
			check->wants = check->config->sources[i].ack_delivered;
	return 0;
}

static bool wants_news(struct capture *capture, int64_t seq)
{
	struct origin_check check = { capture->config, false };

	if (capture->acks_deliveries)
		(void)store_get_event(capture->is.store, seq, NULL, on_origin, &check);
	return check.wants;
}

void capture_on_news(struct capture *capture, const struct deliver_news *news)
{
	struct ack ack = { .status = news->is_exception ? ACK_EXCEPTION : ACK_DELIVERED,
		.seq = news->seq };
	char topic[TOPIC_MAX];

	if (!*news->device || !wants_news(capture, news->seq) ||
		!topic_for_acks(capture->config, news->device, topic, sizeof(topic)))
		return;
	(void)snprintf(ack.id, sizeof(ack.id), "%s", news->id);
	(void)snprintf(ack.destination, sizeof(ack.destination), "%s", news->destination);
	(void)snprintf(ack.ref, sizeof(ack.ref), "%s", news->ref);
	(void)snprintf(ack.problem.message, sizeof(ack.problem.message), "%s", news->reason);
	buf_reset(&capture->rendered);
	ack_render(&ack, &capture->rendered);
	if (!buf_failed(&capture->rendered))
		talk_say(capture->talk, topic, capture->rendered.data, capture->rendered.len, NULL,
			0);
}

void capture_alert(struct capture *capture, const struct capture_alert *alert)
{
	struct buf *out = &capture->rendered;
	char topic[TOPIC_MAX];

	(void)snprintf(topic, sizeof(topic), "%s/%s/alert/%s", capture->config->mqtt.root,
		capture->config->site, alert->severity);
	buf_reset(out);
	alert_render(alert, clock_wall_ms(capture->is.clock), out);
	if (!buf_failed(out))
		talk_say(capture->talk, topic, out->data, out->len, NULL, 0);
}

/* --- the capture client ------------------------------------------------------------------------ */

static bool has_topic(const struct config *config, const char *topic)
{
	for (size_t i = 0; i < config->n_sources; i++)
		if (strcmp(config->sources[i].topic, topic) == 0)
			return true;
	return false;
}

/* `known` is what an earlier drayd subscribed to, a filter a line; it is cut up. */
static void unsubscribe_gone(struct capture *capture, char *known)
{
	char *rest = known, *filter;

	while ((filter = strsep(&rest, "\n")) != NULL)
		if (*filter && !has_topic(capture->config, filter))
			(void)mqtt_unsubscribe(capture->mqtt, filter);
}

/*
 * Subscribe to the sources and to nothing else. The session outlives drayd and its configuration,
 * so what it was subscribed to is remembered in the store.
 */
static void settle_subscriptions(struct capture *capture)
{
	const struct config *config = capture->config;
	struct buf wanted = BUF_INIT;
	char *known = store_get_cursor(capture->is.store, SUBSCRIPTIONS);

	for (size_t i = 0; i < config->n_sources; i++) {
		if (mqtt_subscribe(capture->mqtt, config->sources[i].topic, RETAIN_NEVER) < 0)
			LOG_ERROR(
				"subscription not sent", LOG_S("topic", config->sources[i].topic));
		buf_printf(&wanted, "%s\n", config->sources[i].topic);
	}
	if (wanted.data && !buf_failed(&wanted) && (!known || strcmp(known, wanted.data) != 0))
		(void)store_put_cursor(capture->is.store, SUBSCRIPTIONS, wanted.data,
			clock_steady_ms(capture->is.clock));
	if (known)
		unsubscribe_gone(capture, known);
	free(known);
	buf_done(&wanted);
}

static void on_up(void *ctx, bool session_present)
{
	struct capture *capture = ctx;
	const struct config *config = capture->config;

	*capture->reason = '\0';
	LOG_INFO("broker connected", LOG_S("host", config->mqtt.host),
		LOG_I("port", config->mqtt.port), LOG_I("mqtt", mqtt_protocol_level(capture->mqtt)),
		LOG_S("session", session_present ? "resumed" : "new"));
	settle_subscriptions(capture);
	grant_look(&capture->grant, capture, capture->mqtt, config);
}

static void on_refused(void *ctx, int reason)
{
	struct capture *capture = ctx;

	(void)snprintf(capture->reason, sizeof(capture->reason),
		"the broker refuses a subscription (reason %d): allow %s in its ACL to read the sources' topics",
		reason, capture->config->mqtt.client_id);
	LOG_ERROR("nothing can be captured", LOG_S("why", capture->reason));
}

static void on_down(void *ctx, const char *why)
{
	struct capture *capture = ctx;

	held_forget(&capture->held);
	(void)snprintf(capture->reason, sizeof(capture->reason), "%s", why);
	LOG_WARNING("broker is not reached, trying again",
		LOG_S("host", capture->config->mqtt.host),
		LOG_I("port", capture->config->mqtt.port), LOG_S("why", why));
}

static void on_committed(void *ctx)
{
	struct capture *capture = ctx;

	intake_committed(capture->is.intake);
	talk_committed(capture->talk);
}

static void on_release(void *ctx)
{
	struct capture *capture = ctx;

	talk_committed(capture->talk); /* what other rooms said in committed() */
	talk_release(capture->talk);
	if (!capture->mqtt)
		return;
	if (held_may_flush(&capture->held))
		mqtt_flush(capture->mqtt);
	capture->n_taken = 0;
	mqtt_set_reading(capture->mqtt,
		!talk_is_behind(capture->talk) &&
			!held_pauses(&capture->held, clock_mono_ms(capture->is.clock),
				adapter_is_full(capture->is.adapters)));
}

/* What the broker is subscribed to is remembered again. */
static void on_replaced(void *ctx)
{
	struct capture *capture = ctx;

	if (capture->mqtt && mqtt_is_up(capture->mqtt))
		settle_subscriptions(capture);
}

static void on_poisoned(void *ctx)
{
	struct capture *capture = ctx;

	intake_poisoned(capture->is.intake);
	talk_poisoned(capture->talk);
	capture->n_taken = 0;
	if (capture->mqtt)
		mqtt_break(capture->mqtt, "the turn could not be stored");
}

struct capture *capture_new(const struct capture_options *options)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return NULL;
	capture->is = *options;
	capture->grant.offer = (struct broker_offer)BROKER_OFFER_ABSENT;
	capture->talk = talk_new(options);
	if (!capture->talk) {
		free(capture);
		return NULL;
	}
	intake_on_exception(options->intake, on_exception, capture);
	turn_add(options->turn, &(struct turn_member){ .name = "capture",
					.committed = on_committed,
					.release = on_release,
					.poisoned = on_poisoned,
					.replaced = on_replaced,
					.ctx = capture });
	return capture;
}

void capture_free(struct capture *capture)
{
	struct hearing *hearing, *next;

	if (!capture)
		return;
	for (hearing = LIST_FIRST(&capture->hearings); hearing; hearing = next) {
		next = LIST_NEXT(hearing, entry);
		forget_hearing(hearing);
	}
	mqtt_free(capture->mqtt);
	talk_free(capture->talk);
	buf_done(&capture->rendered);
	buf_done(&capture->scratch);
	buf_done(&capture->joined);
	free(capture);
}

/* --- configuration ------------------------------------------------------------------------------ */

static int check_topics(const struct config *config, struct error *err)
{
	char path[128];

	for (size_t i = 0; i < config->n_sources; i++) {
		if (mqtt_filter_is_valid(config->sources[i].topic))
			continue;
		(void)snprintf(path, sizeof(path), "sources.%s.topic", config->sources[i].name);
		return error_set(
			err, path, "\"%s\" is not an MQTT topic filter", config->sources[i].topic);
	}
	return 0;
}

int capture_check(const struct config *config, const struct secret_dirs *secrets, struct error *err)
{
	struct connection connection;

	if (check_topics(config, err) < 0 || connection_read(config, secrets, &connection, err) < 0)
		return -1;
	secret_free(connection.password);
	return 0;
}

static int connect_both(struct capture *capture, const struct config *config, struct error *err)
{
	struct mqtt_handlers handlers = { on_up, on_down, on_message, NULL, on_refused, capture };
	struct connection connection;
	struct mqtt *mqtt = NULL;
	int rc = -1;

	if (connection_read(config, capture->is.secrets, &connection, err) < 0)
		return -1;
	if (mqtt_new(capture->is.base, capture->is.clock, &connection.options, &handlers, &mqtt,
		    err) < 0)
		goto out;
	if (talk_connect(capture->talk, &connection.options, config, err) < 0) {
		mqtt_free(mqtt);
		goto out;
	}
	mqtt_free(capture->mqtt); /* nothing is written: this turn is not committed yet */
	held_forget(&capture->held);
	capture->mqtt = mqtt;
	rc = 0;
out:
	secret_free(connection.password);
	return rc;
}

int capture_configure(struct capture *capture, const struct config *config, struct error *err)
{
	const struct config *before = capture->config;

	if (check_topics(config, err) < 0)
		return -1;
	if (!before || !connection_is_same(before, config)) {
		if (connect_both(capture, config, err) < 0)
			return -1;
		capture->config = config;
		if (!*capture->closed)
			mqtt_start(capture->mqtt);
	} else {
		capture->config = config;
		if (mqtt_is_up(capture->mqtt)) /* else on_up() comes */
			settle_subscriptions(capture);
	}
	talk_configure(capture->talk, config);
	capture->acks_deliveries = false;
	for (size_t i = 0; i < config->n_sources; i++)
		capture->acks_deliveries |= config->sources[i].ack_delivered;
	return 0;
}

/* A DISCONNECT would carry the PUBACKs of what adapters still have. */
static void disconnect(struct capture *capture)
{
	if (held_may_flush(&capture->held))
		mqtt_stop(capture->mqtt);
	else
		mqtt_cut(capture->mqtt);
	held_forget(&capture->held);
}

void capture_open(struct capture *capture, bool is_open, const char *why)
{
	bool was_open = !*capture->closed;

	(void)snprintf(capture->closed, sizeof(capture->closed), "%s", is_open ? "" : why);
	if (is_open == was_open || !capture->mqtt)
		return;
	if (is_open) {
		*capture->reason = '\0';
		mqtt_start(capture->mqtt);
	} else {
		disconnect(capture);
	}
}

/* Connected, and heard: a reason is there while it isn't, or while a subscription is refused. */
bool capture_is_up(const struct capture *capture)
{
	return capture->mqtt && mqtt_is_listening(capture->mqtt) && !*capture->reason;
}

const char *capture_reason(const struct capture *capture)
{
	if (capture_is_up(capture))
		return "";
	if (*capture->closed)
		return capture->closed;
	return *capture->reason ? capture->reason : "connecting";
}

void capture_report(struct capture *capture, int64_t revision, const char *text, size_t len)
{
	talk_report(capture->talk, revision, text, len);
	turn_wake(capture->is.turn);
}

void capture_view(const struct capture *capture, struct broker_view *ret)
{
	*ret = (struct broker_view){ capture_is_up(capture), capture_reason(capture),
		talk_broker_version(capture->talk), capture->grant.flaw,
		capture->mqtt ? mqtt_protocol_level(capture->mqtt) : 0, capture->grant.offer };
}

void capture_stop(struct capture *capture)
{
	talk_stop(capture->talk);
	if (capture->mqtt)
		disconnect(capture);
}
