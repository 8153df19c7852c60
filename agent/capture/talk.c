#include "capture/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/buf.h"
#include "dray/jws.h"
#include "dray/metrics.h"
#include "log.h"
#include "mqtt/mqtt.h"
#include "store/store.h"

#define RING 4096
#define RETAIN_ALWAYS 0
#define BEHIND (RING / 2)
#define STATUS_EVERY_S 10
#define TOPIC_BYTES 256
#define VERSION_TOPIC "$SYS/broker/version" /* Mosquitto's; others have none */

struct saying {
	size_t topic_len, len, correlation_len;
	char bytes[]; /* topic, NUL, payload, correlation data */
};

struct talk {
	struct capture_options is;
	struct mqtt *mqtt;
	struct event *status_timer;
	struct saying *ring[RING];
	unsigned first, n, n_fresh; /* the last n_fresh of n */
	unsigned outstanding;       /* published, not acknowledged */
	char status_topic[TOPIC_BYTES], desired_topic[TOPIC_BYTES], reported_topic[TOPIC_BYTES];
	char last_status[256];
	bool status_is_due;
	bool hears_desired;
	int64_t revision;  /* 0: none */
	struct buf report; /* empty: there is none, or no longer */
	bool report_is_due;
	char version[64]; /* of the broker; "" not known */
};

static void on_status_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct talk *talk = ctx;

	(void)fd;
	(void)what;
	talk->status_is_due = true;
}

struct talk *talk_new(const struct capture_options *options)
{
	static const struct timeval every = { .tv_sec = STATUS_EVERY_S };
	struct talk *talk = calloc(1, sizeof(*talk));

	if (!talk)
		return NULL;
	talk->is = *options;
	talk->status_timer = event_new(options->base, -1, EV_PERSIST, on_status_timer, talk);
	if (!talk->status_timer || event_add(talk->status_timer, &every) < 0) {
		talk_free(talk);
		return NULL;
	}
	return talk;
}

static void drop_all(struct talk *talk)
{
	for (; talk->n > 0; talk->n--, talk->first = (talk->first + 1) % RING)
		free(talk->ring[talk->first]);
}

void talk_free(struct talk *talk)
{
	if (!talk)
		return;
	if (talk->status_timer)
		event_free(talk->status_timer);
	mqtt_free(talk->mqtt);
	drop_all(talk);
	buf_done(&talk->report);
	free(talk);
}

/* --- the ring --------------------------------------------------------------------------------- */

static void drop_oldest(struct talk *talk)
{
	free(talk->ring[talk->first]);
	talk->first = (talk->first + 1) % RING;
	talk->n--;
	metrics_add(talk->is.metrics, METRIC_ACKS_DROPPED, NULL, NULL, 1);
}

void talk_say(struct talk *talk, const char *topic, const void *payload, size_t len,
	const void *correlation_data, size_t correlation_len)
{
	size_t topic_len = strlen(topic);
	struct saying *saying = malloc(sizeof(*saying) + topic_len + 1 + len + correlation_len);

	if (!saying) {
		metrics_add(talk->is.metrics, METRIC_ACKS_DROPPED, NULL, NULL, 1);
		return;
	}
	saying->topic_len = topic_len;
	saying->len = len;
	saying->correlation_len = correlation_len;
	(void)memcpy(saying->bytes, topic, topic_len + 1);
	(void)memcpy(saying->bytes + topic_len + 1, payload, len);
	if (correlation_len > 0)
		(void)memcpy(
			saying->bytes + topic_len + 1 + len, correlation_data, correlation_len);
	if (talk->n == RING)
		drop_oldest(talk);
	talk->ring[(talk->first + talk->n++) % RING] = saying;
	if (talk->n_fresh < RING)
		talk->n_fresh++;
}

void talk_committed(struct talk *talk)
{
	talk->n_fresh = 0;
}

void talk_poisoned(struct talk *talk)
{
	for (; talk->n_fresh > 0 && talk->n > 0; talk->n_fresh--)
		free(talk->ring[(talk->first + --talk->n) % RING]);
	talk->n_fresh = 0;
}

bool talk_is_behind(const struct talk *talk)
{
	return talk->n > BEHIND && talk->mqtt && mqtt_is_up(talk->mqtt);
}

/* --- status ------------------------------------------------------------------------------------- */

static void add_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	(void)kind;
	(void)severity;
	*(int64_t *)ctx += n;
}

static void render_status(struct talk *talk, struct buf *out)
{
	struct store *store = talk->is.store;
	int64_t backlog = 0, oldest_at_ms = 0, exceptions = 0;

	for (int id = 1; id <= store_destination_count(store); id++) {
		int64_t at_ms = store_oldest(store, id);

		backlog += store_pending(store, id);
		if (at_ms > 0 && (oldest_at_ms == 0 || at_ms < oldest_at_ms))
			oldest_at_ms = at_ms;
	}
	store_count_open(store, add_open, &exceptions);
	buf_printf(out,
		"{\"state\":\"online\",\"version\":\"" DRAY_VERSION "\",\"backlog\":%lld,"
		"\"oldest_s\":%lld,\"exceptions\":%lld,\"config_revision\":",
		(long long)backlog,
		oldest_at_ms ? (long long)clock_age(talk->is.clock, oldest_at_ms) / 1000 : 0LL,
		(long long)exceptions);
	if (talk->revision > 0)
		buf_put_integer(out, talk->revision);
	else
		buf_puts(out, "null");
	buf_putc(out, '}');
}

static int publish_retained(struct talk *talk, const char *topic, const char *text, size_t len)
{
	return mqtt_publish(talk->mqtt,
		&(struct mqtt_publication){
			.topic = topic, .payload = text, .len = len, .retain = true },
		NULL);
}

/* Retained, and only when it says something new. */
static void publish_status(struct talk *talk)
{
	struct buf status = BUF_INIT;

	talk->status_is_due = false;
	render_status(talk, &status);
	if (!buf_failed(&status) && strcmp(status.data, talk->last_status) != 0 &&
		publish_retained(talk, talk->status_topic, status.data, status.len) == 0) {
		(void)snprintf(talk->last_status, sizeof(talk->last_status), "%s", status.data);
		talk->outstanding++;
	}
	buf_done(&status);
}

/* --- configuration from afar ---------------------------------------------------------------------- */

void talk_report(struct talk *talk, int64_t revision, const char *text, size_t len)
{
	talk->revision = revision;
	talk->status_is_due = true;
	buf_reset(&talk->report);
	buf_put(&talk->report, text, len);
	talk->report_is_due = true;
}

/* An empty one takes what was retained away. */
static void publish_report(struct talk *talk)
{
	int rc = buf_failed(&talk->report) ? 1
					   : publish_retained(talk, talk->reported_topic,
						     talk->report.data, talk->report.len);

	talk->report_is_due = rc < 0;
	if (rc == 0)
		talk->outstanding++;
	else if (rc > 0)
		LOG_WARNING("the broker can't take the report on the configuration",
			LOG_S("topic", talk->reported_topic), LOG_I("bytes", talk->report.len));
}

/* What is retained comes each time: so one that could not be taken is looked at anew. */
static void subscribe_desired(struct talk *talk)
{
	if (mqtt_subscribe(talk->mqtt, talk->desired_topic, RETAIN_ALWAYS) < 0)
		LOG_ERROR("subscription not sent", LOG_S("topic", talk->desired_topic));
}

void talk_configure(struct talk *talk, const struct config *config)
{
	bool heard = talk->hears_desired;

	talk->hears_desired = config->has_fleet;
	if (!talk->mqtt || !mqtt_is_up(talk->mqtt))
		return; /* on_up() comes */
	if (talk->hears_desired)
		subscribe_desired(talk);
	else if (heard)
		(void)mqtt_unsubscribe(talk->mqtt, talk->desired_topic);
}

/* --- publishing ----------------------------------------------------------------------------------- */

static bool publish(struct talk *talk, const struct saying *saying)
{
	const char *payload = saying->bytes + saying->topic_len + 1;

	return mqtt_publish(talk->mqtt,
		       &(struct mqtt_publication){ .topic = saying->bytes,
			       .payload = payload,
			       .len = saying->len,
			       .correlation_data = payload + saying->len,
			       .correlation_len = saying->correlation_len },
		       NULL) == 0;
}

/* What this broker will never take must not keep the others from being heard. */
static void publish_waiting(struct talk *talk)
{
	while (talk->n > 0 && talk->outstanding < TALK_OUTSTANDING_MAX) {
		struct saying *saying = talk->ring[talk->first];

		if (publish(talk, saying)) {
			talk->outstanding++;
		} else if (mqtt_is_up(talk->mqtt)) {
			LOG_WARNING("the broker can't take an ack, it is dropped",
				LOG_S("topic", saying->bytes), LOG_I("bytes", saying->len));
			metrics_add(talk->is.metrics, METRIC_ACKS_DROPPED, NULL, NULL, 1);
		} else {
			return;
		}
		talk->first = (talk->first + 1) % RING;
		talk->n--;
		free(saying);
	}
}

void talk_release(struct talk *talk)
{
	if (!talk->mqtt)
		return;
	if (mqtt_is_up(talk->mqtt)) {
		if (talk->status_is_due)
			publish_status(talk);
		if (talk->report_is_due)
			publish_report(talk);
		publish_waiting(talk);
	}
	mqtt_flush(talk->mqtt);
}

static void on_up(void *ctx, bool session_present)
{
	struct talk *talk = ctx;

	(void)session_present;
	*talk->last_status = '\0'; /* the will may have spoken meanwhile */
	talk->status_is_due = true;
	if (talk->report.len > 0)
		talk->report_is_due = true;
	if (talk->hears_desired)
		subscribe_desired(talk);
	*talk->version = '\0';
	(void)mqtt_subscribe(talk->mqtt, VERSION_TOPIC, RETAIN_ALWAYS);
}

static void on_down(void *ctx, const char *why)
{
	(void)ctx;
	LOG_WARNING("talk connection to the broker is down", LOG_S("why", why));
}

/* An empty one says that there is nothing retained any more. Of one that is too large, enough to see it. */
static void note_version(struct talk *talk, const struct mqtt_message *message)
{
	const char *text = message->payload;
	size_t n = 0;

	while (n < message->len && n + 1 < sizeof(talk->version) && text[n] >= ' ' &&
		text[n] <= '~')
		n++;
	(void)snprintf(talk->version, sizeof(talk->version), "%.*s", (int)n, text);
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
	struct talk *talk = ctx;

	if (strcmp(message->topic, VERSION_TOPIC) == 0)
		note_version(talk, message);
	else if (talk->hears_desired && talk->is.on_desired && message->len > 0 &&
		 strcmp(message->topic, talk->desired_topic) == 0)
		talk->is.on_desired(talk->is.ctx, message->payload,
			message->len > JWS_MAX ? JWS_MAX + 1 : message->len);
}

static void on_refused(void *ctx, int reason)
{
	struct talk *talk = ctx;

	if (talk->hears_desired)
		LOG_ERROR("the broker refuses a subscription, allow this topic and " VERSION_TOPIC
			  " in its ACL",
			LOG_S("desired", talk->desired_topic), LOG_I("reason", reason));
}

const char *talk_broker_version(const struct talk *talk)
{
	return talk->version;
}

static void on_puback(void *ctx, int mid, int reason, const char *words)
{
	struct talk *talk = ctx;

	(void)mid;
	(void)reason;
	(void)words;
	if (talk->outstanding > 0)
		talk->outstanding--;
}

static void put_topic(char out[TOPIC_BYTES], const struct config *config, const char *name)
{
	(void)snprintf(out, TOPIC_BYTES, "%s/%s/%s", config->mqtt.root, config->site, name);
}

int talk_connect(struct talk *talk, const struct mqtt_options *options, const struct config *config,
	struct error *err)
{
	char client_id[160];
	struct mqtt_options with_will = *options;
	struct mqtt_handlers handlers = { on_up, on_down, on_message, on_puback, on_refused, talk };
	struct mqtt *mqtt;

	(void)snprintf(client_id, sizeof(client_id), "%s-talk", options->client_id);
	put_topic(talk->status_topic, config, "status");
	put_topic(talk->desired_topic, config, "config/desired");
	put_topic(talk->reported_topic, config, "config/reported");
	with_will.client_id = client_id;
	with_will.session_expiry_s = 0;
	with_will.will_topic = talk->status_topic;
	with_will.will_payload = "{\"state\":\"offline\"}";
	if (mqtt_new(talk->is.base, talk->is.clock, &with_will, &handlers, &mqtt, err) < 0)
		return -1;
	mqtt_free(talk->mqtt);
	talk->mqtt = mqtt;
	talk->outstanding = 0;
	mqtt_start(mqtt);
	return 0;
}

void talk_stop(struct talk *talk)
{
	static const char offline[] = "{\"state\":\"offline\"}";

	if (!talk->mqtt)
		return;
	(void)publish_retained(talk, talk->status_topic, offline, sizeof(offline) - 1);
	mqtt_stop(talk->mqtt);
}
