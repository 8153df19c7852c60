#include "capture/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/intake.h"
#include "capture/talk.h"
#include "clock.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "log.h"
#include "mqtt/mqtt.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define TOPIC_MAX 512
#define RETAIN_NEVER 2
#define SUBSCRIPTIONS "mqtt.subscriptions" /* cursor in the store */

struct capture {
	struct capture_options is;
	const struct config *config;
	struct mqtt *mqtt;
	struct talk *talk;
	struct buf rendered;
	char reason[160];     /* why it is down; "" when it is up */
	bool acks_deliveries; /* some source wants them */
	int64_t n_taken;      /* events of this turn */
};

/* --- topics ----------------------------------------------------------------------------------- */

/* What {root}/{site}/event/{type}/{device} says. */
struct topic_words {
	char site[EVENT_NAME_MAX], type[EVENT_TYPE_MAX], device[EVENT_NAME_MAX];
};

static bool take_word(const char **at, char end, char *ret, size_t size)
{
	size_t len = strcspn(*at, "/");

	if ((*at)[len] != end || !id_is_name(*at, len) || len >= size)
		return false;
	(void)memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + (end ? 1 : 0);
	return true;
}

static bool read_topic(const char *root, const char *topic, struct topic_words *ret)
{
	size_t root_len = strlen(root);
	const char *at = topic + root_len + 1;

	if (strncmp(topic, root, root_len) != 0 || topic[root_len] != '/')
		return false;
	if (!take_word(&at, '/', ret->site, sizeof(ret->site)) || strncmp(at, "event/", 6) != 0)
		return false;
	at += 6;
	return take_word(&at, '/', ret->type, sizeof(ret->type)) &&
	       take_word(&at, '\0', ret->device, sizeof(ret->device));
}

static const struct config_source *find_source(const struct config *config, const char *topic)
{
	for (size_t i = 0; i < config->n_sources; i++)
		if (mqtt_topic_matches(config->sources[i].topic, topic))
			return &config->sources[i];
	return NULL;
}

/* --- acks --------------------------------------------------------------------------------------- */

static bool ack_topic(const struct config *config, const char *device, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/%s/ack/%s", config->mqtt.root, config->site, device);

	return n > 0 && (size_t)n < size;
}

/*
 * A response topic is honoured when it is the device's own ack topic, or lies outside of what dray
 * speaks on: a device must not make dray publish under another one's name.
 */
static bool may_respond_on(const struct config *config, const char *own, const char *topic)
{
	char house[TOPIC_MAX];
	int n = snprintf(house, sizeof(house), "%s/%s/", config->mqtt.root, config->site);

	if (n < 0 || (size_t)n >= sizeof(house) || !mqtt_topic_is_valid(topic))
		return false;
	return strcmp(topic, own) == 0 || strncmp(topic, house, (size_t)n) != 0;
}

struct hearing {
	struct capture *capture;
	const struct mqtt_message *message;
};

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct hearing *hearing = ctx;
	struct capture *capture = hearing->capture;
	const struct mqtt_message *message = hearing->message;
	char own[TOPIC_MAX] = "";
	const char *topic = own;

	capture->n_taken++;
	if (*device && !ack_topic(capture->config, device, own, sizeof(own)))
		return;
	if (message->response_topic &&
		may_respond_on(capture->config, own, message->response_topic))
		topic = message->response_topic;
	if (!*topic)
		return; /* nobody knows whom to tell; the exception queue does */
	buf_reset(&capture->rendered);
	ack_render(ack, &capture->rendered);
	if (!buf_failed(&capture->rendered))
		talk_say(capture->talk, topic, capture->rendered.data, capture->rendered.len,
			message->correlation_data, message->correlation_len);
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
	struct capture *capture = ctx;
	const struct config *config = capture->config;
	const struct config_source *source = find_source(config, message->topic);
	struct hearing hearing = { capture, message };
	struct topic_words words;
	bool is_ours = read_topic(config->mqtt.root, message->topic, &words);

	if (!source)
		LOG_WARNING(
			"an event on a topic of no source: the broker still has a subscription of old",
			LOG_S("topic", message->topic));
	if (store_is_poisoned(capture->is.store))
		return; /* this turn takes nothing more; the broker sends again */
	(void)intake_take(capture->is.intake,
		&(struct intake_message){
			.origin = source ? source->name : "unknown",
			.topic = message->topic,
			.topic_site = is_ours ? words.site : NULL,
			.topic_type = is_ours ? words.type : NULL,
			.topic_device = is_ours ? words.device : NULL,
			.traceparent = message->traceparent,
			.on_invalid = source ? source->on_invalid : CONFIG_INVALID_REJECT,
			.payload = message->payload ? message->payload : "",
			.len = message->len,
			.received_at_ms = clock_wall_ms(capture->is.clock),
		},
		on_ack, &hearing);
	if (capture->n_taken >= config->store.max_turn_events)
		mqtt_set_reading(capture->mqtt, false); /* until the release of this turn */
}

static void on_exception(void *ctx, const struct intake_exception *exception)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "%s from %s %s: %s", exception->kind,
		*exception->device ? exception->device : exception->origin, exception->id,
		exception->reason);
	capture_alert(ctx, exception->severity, text);
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
		!ack_topic(capture->config, news->device, topic, sizeof(topic)))
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

void capture_alert(struct capture *capture, const char *severity, const char *text)
{
	char topic[TOPIC_MAX], now[TIME_TEXT_MAX];

	(void)snprintf(topic, sizeof(topic), "%s/%s/alert/%s", capture->config->mqtt.root,
		capture->config->site, severity);
	time_format(clock_wall_ms(capture->is.clock), now);
	buf_reset(&capture->rendered);
	buf_printf(&capture->rendered, "{\"time\":\"%s\",\"severity\":\"%s\",\"message\":", now,
		severity);
	buf_put_json(&capture->rendered, text, strlen(text));
	buf_putc(&capture->rendered, '}');
	if (!buf_failed(&capture->rendered))
		talk_say(capture->talk, topic, capture->rendered.data, capture->rendered.len, NULL,
			0);
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
	char *known;

	if (!mqtt_is_up(capture->mqtt))
		return; /* on_up() comes */
	for (size_t i = 0; i < config->n_sources; i++) {
		if (mqtt_subscribe(capture->mqtt, config->sources[i].topic, RETAIN_NEVER) < 0)
			LOG_ERROR(
				"subscription not sent", LOG_S("topic", config->sources[i].topic));
		buf_printf(&wanted, "%s\n", config->sources[i].topic);
	}
	known = store_get_cursor(capture->is.store, SUBSCRIPTIONS);
	if (!buf_failed(&wanted) && (!known || strcmp(known, wanted.data) != 0))
		(void)store_put_cursor(capture->is.store, SUBSCRIPTIONS, wanted.data,
			clock_wall_ms(capture->is.clock));
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
	mqtt_flush(capture->mqtt);
	capture->n_taken = 0;
	mqtt_set_reading(capture->mqtt, !talk_is_behind(capture->talk));
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
					.ctx = capture });
	return capture;
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	mqtt_free(capture->mqtt);
	talk_free(capture->talk);
	buf_done(&capture->rendered);
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

/* Everything that mqtt_new() wants, with what had to be read for it. */
struct connection {
	struct mqtt_options options;
	char *password;
	char key_path[512];
};

static int read_connection(const struct config *config, const struct secret_dirs *secrets,
	struct connection *ret, struct error *err)
{
	const struct config_mqtt *mqtt = &config->mqtt;

	*ret = (struct connection){ .options = {
					    .host = mqtt->host,
					    .port = (int)mqtt->port,
					    .client_id = mqtt->client_id,
					    .username = mqtt->username,
					    .has_tls = mqtt->has_tls,
					    .tls_ca = mqtt->tls.ca,
					    .tls_cert = mqtt->tls.cert,
					    .keepalive_s = (int)(mqtt->keepalive_ms / 1000),
					    .session_expiry_s =
						    (uint32_t)(mqtt->session_expiry_ms / 1000),
					    .receive_maximum = (int)mqtt->receive_maximum,
					    .max_turn_messages =
						    (unsigned)config->store.max_turn_events,
				    } };
	if (mqtt->password.file) {
		ret->password = secret_read(secrets, &mqtt->password, err);
		if (!ret->password)
			goto fail;
		ret->options.password = ret->password;
	}
	if (mqtt->has_tls && mqtt->tls.key.file) {
		if (secret_path(
			    secrets, &mqtt->tls.key, ret->key_path, sizeof(ret->key_path), err) < 0)
			goto fail;
		ret->options.tls_key = ret->key_path;
	}
	return 0;
fail:
	secret_free(ret->password);
	error_prefix(err, "mqtt");
	return -1;
}

int capture_check(const struct config *config, const struct secret_dirs *secrets, struct error *err)
{
	struct connection connection;

	if (check_topics(config, err) < 0 || read_connection(config, secrets, &connection, err) < 0)
		return -1;
	secret_free(connection.password);
	return 0;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same_connection(const struct config *a, const struct config *b)
{
	const struct config_mqtt *x = &a->mqtt, *y = &b->mqtt;

	return is_same_text(x->host, y->host) && x->port == y->port &&
	       is_same_text(x->client_id, y->client_id) && is_same_text(x->root, y->root) &&
	       is_same_text(x->username, y->username) &&
	       is_same_text(x->password.file, y->password.file) && x->has_tls == y->has_tls &&
	       is_same_text(x->tls.ca, y->tls.ca) && is_same_text(x->tls.cert, y->tls.cert) &&
	       is_same_text(x->tls.key.file, y->tls.key.file) &&
	       x->keepalive_ms == y->keepalive_ms && x->session_expiry_ms == y->session_expiry_ms &&
	       x->receive_maximum == y->receive_maximum &&
	       a->store.max_turn_events == b->store.max_turn_events;
}

static int connect_both(struct capture *capture, const struct config *config, struct error *err)
{
	struct mqtt_handlers handlers = { on_up, on_down, on_message, NULL, on_refused, capture };
	struct connection connection;
	struct mqtt *mqtt = NULL;
	int rc = -1;

	if (read_connection(config, capture->is.secrets, &connection, err) < 0)
		return -1;
	if (mqtt_new(capture->is.base, capture->is.clock, &connection.options, &handlers, &mqtt,
		    err) < 0)
		goto out;
	if (talk_connect(capture->talk, &connection.options, config, err) < 0) {
		mqtt_free(mqtt);
		goto out;
	}
	mqtt_free(capture->mqtt); /* nothing is written: this turn is not committed yet */
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
	if (!before || !is_same_connection(before, config)) {
		if (connect_both(capture, config, err) < 0)
			return -1;
		capture->config = config;
		mqtt_start(capture->mqtt);
	} else {
		capture->config = config;
		settle_subscriptions(capture);
	}
	capture->acks_deliveries = false;
	for (size_t i = 0; i < config->n_sources; i++)
		capture->acks_deliveries |= config->sources[i].ack_delivered;
	return 0;
}

/* Connected, and heard: a reason is there while it isn't, or while a subscription is refused. */
bool capture_is_up(const struct capture *capture)
{
	return capture->mqtt && mqtt_is_up(capture->mqtt) && !*capture->reason;
}

const char *capture_reason(const struct capture *capture)
{
	if (capture_is_up(capture))
		return "";
	return *capture->reason ? capture->reason : "connecting";
}

void capture_stop(struct capture *capture)
{
	talk_stop(capture->talk);
	if (capture->mqtt)
		mqtt_stop(capture->mqtt);
}
