#include "mqtt_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "clock.h"
#include "dray/retry.h"
#include "log.h"

#define RECONNECT_BASE_MS 1000
#define RECONNECT_MAX_MS 60000
#define CLOSED_BEFORE_ACK_MAX 3
#define SEND_MAXIMUM 1000 /* outstanding publishes; capture keeps to it as well */

static void wait_and_connect(struct mqtt *mqtt, int64_t wait_ms);

/* --- going up and down ----------------------------------------------------------------------- */

static void forget_socket(struct mqtt *mqtt)
{
	if (mqtt->on_readable)
		event_free(mqtt->on_readable);
	if (mqtt->on_writable)
		event_free(mqtt->on_writable);
	mqtt->on_readable = NULL;
	mqtt->on_writable = NULL;
	(void)event_del(mqtt->misc_timer);
}

/* A broker that knows no MQTT 5 may just hang up. So may one behind a proxy, for another reason. */
static void guess_protocol(struct mqtt *mqtt)
{
	if (++mqtt->closed_before_ack < CLOSED_BEFORE_ACK_MAX)
		return;
	mqtt->closed_before_ack = 0;
	mqtt->protocol = mqtt->protocol == MQTT_PROTOCOL_V5 ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5;
	LOG_WARNING("broker hangs up without an answer, trying another MQTT version",
		LOG_S("host", mqtt->host), LOG_I("mqtt", mqtt->protocol));
}

/* Every end of a connection, however it came, ends here, once. */
static void go_down(struct mqtt *mqtt, const char *why)
{
	bool was_up = mqtt->state == MQTT_UP;

	if (mqtt->state != MQTT_HANDSHAKE && mqtt->state != MQTT_UP)
		return;
	forget_socket(mqtt);
	if (was_up) {
		mqtt->protocol = MQTT_PROTOCOL_V5;
		mqtt->attempts = 0;
	} else if (mqtt->has_sent_connect) {
		guess_protocol(mqtt);
	}
	mqtt->attempts++;
	wait_and_connect(mqtt, retry_jitter(RECONNECT_BASE_MS, RECONNECT_MAX_MS, mqtt->attempts,
				       clock_seed(mqtt->clock)));
	mqtt->handlers.on_down(mqtt->handlers.ctx, why);
}

/* By what libmosquitto has just returned. */
static void go_down_of(struct mqtt *mqtt, int rc)
{
	char why[MQTT_WORDS_MAX];

	mqtt_words(rc, errno, why);
	go_down(mqtt, why);
}

static void start_connect(struct mqtt *mqtt)
{
	mqtt_words_listen(mqtt->client, true);
	if (mosquitto_int_option(mqtt->client, MOSQ_OPT_PROTOCOL_VERSION, mqtt->protocol) !=
			MOSQ_ERR_SUCCESS ||
		connect_start(mqtt) < 0) {
		LOG_ERROR("no thread to connect to the broker with", LOG_S("host", mqtt->host));
		wait_and_connect(mqtt, RECONNECT_MAX_MS);
		return;
	}
	mqtt->state = MQTT_CONNECTING;
}

static void on_connect_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	start_connect(ctx);
}

static void wait_and_connect(struct mqtt *mqtt, int64_t wait_ms)
{
	struct timeval wait = clock_wait(wait_ms);

	mqtt->state = MQTT_WAITING;
	if (event_add(mqtt->connect_timer, &wait) < 0)
		abort(); /* a timer that can't be set is a loop that can't go on */
}

/* --- reading --------------------------------------------------------------------------------- */

static bool has_more(const struct mqtt *mqtt)
{
	SSL *ssl = mosquitto_ssl_get(mqtt->client);
	struct pollfd poll_fd = { .fd = mosquitto_socket(mqtt->client), .events = POLLIN };

	return (ssl && SSL_pending(ssl) > 0) || poll(&poll_fd, 1, 0) > 0;
}

/*
 * libmosquitto reads one packet a call. Repeat while packets come, then while the socket says that
 * more waits; leave the rest to the next turn when this one has its fill.
 */
static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct mqtt *mqtt = ctx;
	unsigned first = mqtt->messages;
	int rc;

	(void)fd;
	(void)what;
	for (;;) {
		unsigned before = mqtt->packets;

		rc = mosquitto_loop_read(mqtt->client, 1);
		if (!mqtt->on_readable || !mqtt->is_reading)
			return; /* went down, or was told to stop, while reading */
		if (rc != MOSQ_ERR_SUCCESS) {
			go_down_of(mqtt, rc);
			return;
		}
		if (mqtt->messages - first >= mqtt->max_turn_messages) {
			event_active(mqtt->on_readable, EV_READ, 1);
			return;
		}
		if (mqtt->packets == before && !has_more(mqtt))
			return;
	}
}

/* The turn that this wakes flushes in its release(); flushing here would acknowledge too early. */
static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

static void on_misc_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct mqtt *mqtt = ctx;
	int rc = mosquitto_loop_misc(mqtt->client);

	(void)fd;
	(void)what;
	if (rc != MOSQ_ERR_SUCCESS)
		go_down_of(mqtt, rc);
}

static void hang_up(struct mqtt *mqtt)
{
	int fd = mosquitto_socket(mqtt->client);

	if (fd >= 0)
		(void)shutdown(fd, SHUT_RDWR);
}

void connect_finished(struct mqtt *mqtt, int rc, const char *why)
{
	static const struct timeval every_second = { .tv_sec = 1 };
	int fd = mosquitto_socket(mqtt->client);

	if (mqtt->state == MQTT_STOPPED) { /* meanwhile: nobody wants the connection */
		hang_up(mqtt);
		return;
	}
	mqtt->state = MQTT_HANDSHAKE;
	mqtt->has_sent_connect = false;
	mqtt->refusal = 0;
	mqtt->subacks_due = 0;
	if (rc != MOSQ_ERR_SUCCESS || fd < 0) {
		go_down(mqtt, why);
		return;
	}
	mqtt->on_readable = event_new(mqtt->base, fd, EV_READ | EV_PERSIST, on_readable, mqtt);
	mqtt->on_writable = event_new(mqtt->base, fd, EV_WRITE, on_writable, mqtt);
	if (!mqtt->on_readable || !mqtt->on_writable ||
		(mqtt->is_reading && event_add(mqtt->on_readable, NULL) < 0) ||
		event_add(mqtt->misc_timer, &every_second) < 0)
		go_down(mqtt, "out of memory");
}

void mqtt_set_reading(struct mqtt *mqtt, bool is_on)
{
	if (mqtt->is_reading == is_on)
		return;
	mqtt->is_reading = is_on;
	if (!mqtt->on_readable)
		return;
	if (!is_on) {
		(void)event_del(mqtt->on_readable);
		return;
	}
	if (event_add(mqtt->on_readable, NULL) < 0)
		go_down(mqtt, "out of memory");
	else
		event_active(
			mqtt->on_readable, EV_READ, 1); /* OpenSSL may hold what epoll can't see */
}

/* --- libmosquitto's callbacks ----------------------------------------------------------------- */

/* Each may be absent (section 3.2.2.3), and in MQTT 3.1.1 all are. */
static void read_offer(const mosquitto_property *properties, struct broker_offer *ret)
{
	uint32_t number;
	uint16_t maximum;
	uint8_t byte;

	*ret = (struct broker_offer)BROKER_OFFER_ABSENT;
	if (mosquitto_property_read_int32(
		    properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, &number, false))
		ret->session_expiry_s = number;
	if (mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &maximum, false) &&
		maximum > 0)
		ret->receive_maximum = maximum;
	if (mosquitto_property_read_int32(
		    properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &number, false))
		ret->maximum_packet_bytes = number;
	if (mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &byte, false))
		ret->maximum_qos = byte;
	if (mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &byte, false))
		ret->retains = byte != 0;
}

static void on_connack(struct mosquitto *client, void *ctx, int reason, int flags,
	const mosquitto_property *properties)
{
	struct mqtt *mqtt = ctx;

	(void)client;
	mqtt->packets++;
	if (reason == 0) {
		mqtt_words_listen(client, false);
		mqtt->state = MQTT_UP;
		mqtt->closed_before_ack = 0;
		read_offer(properties, &mqtt->offer);
		mqtt->handlers.on_up(mqtt->handlers.ctx, (flags & 1) != 0);
		return;
	}
	mqtt->refusal = reason;
	mqtt->has_sent_connect = false; /* it answered: nothing to guess */
	mqtt->closed_before_ack = 0;
	if (mqtt->protocol == MQTT_PROTOCOL_V5 &&
		(reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION || reason == 1)) {
		LOG_WARNING("broker has no MQTT 5, using MQTT 3.1.1", LOG_S("host", mqtt->host));
		mqtt->protocol = MQTT_PROTOCOL_V311;
	}
	go_down(mqtt, mqtt->protocol == MQTT_PROTOCOL_V5 ? mosquitto_reason_string(reason)
							 : mosquitto_connack_string(reason));
}

static void on_disconnect(
	struct mosquitto *client, void *ctx, int reason, const mosquitto_property *properties)
{
	const char *why = reason >= MQTT_RC_UNSPECIFIED ? mosquitto_reason_string(reason)
							: mosquitto_strerror(reason);

	(void)client;
	(void)properties;
	go_down(ctx, reason == 0 ? "closed" : why);
}

static void on_message(struct mosquitto *client, void *ctx, const struct mosquitto_message *message,
	const mosquitto_property *properties)
{
	struct mqtt *mqtt = ctx;
	struct properties beside;

	(void)client;
	mqtt->packets++;
	mqtt->messages++;
	properties_read(properties, &beside);
	mqtt->handlers.on_message(
		mqtt->handlers.ctx, &(struct mqtt_message){
					    .topic = message->topic,
					    .payload = message->payload,
					    .len = (size_t)message->payloadlen,
					    .is_retained = message->retain,
					    .response_topic = beside.response_topic,
					    .correlation_data = beside.correlation_data,
					    .correlation_len = beside.correlation_len,
					    .traceparent = properties_get(&beside, "traceparent"),
					    .content_type = beside.content_type,
					    .properties = beside.pairs,
					    .n_properties = beside.n_pairs,
					    .has_more_properties = beside.is_cut,
				    });
	properties_done(&beside);
}

static void on_suback(struct mosquitto *client, void *ctx, int mid, int n, const int *granted,
	const mosquitto_property *properties)
{
	struct mqtt *mqtt = ctx;

	(void)client;
	(void)mid;
	(void)properties;
	mqtt->packets++;
	if (mqtt->subacks_due > 0)
		mqtt->subacks_due--;
	for (int i = 0; i < n; i++)
		if (granted[i] >= MQTT_RC_UNSPECIFIED && mqtt->handlers.on_refused)
			mqtt->handlers.on_refused(mqtt->handlers.ctx, granted[i]);
}

static void on_puback(struct mosquitto *client, void *ctx, int mid, int reason,
	const mosquitto_property *properties)
{
	struct mqtt *mqtt = ctx;
	char *words = NULL;

	(void)client;
	mqtt->packets++;
	if (!mqtt->handlers.on_puback)
		return;
	if (properties)
		(void)mosquitto_property_read_string(
			properties, MQTT_PROP_REASON_STRING, &words, false);
	mqtt->handlers.on_puback(mqtt->handlers.ctx, mid, reason,
		words && *words ? words : mqtt_reason_words(reason));
	free(words);
}

/* --- life ------------------------------------------------------------------------------------ */

static int set_up_client(struct mqtt *mqtt, const struct mqtt_options *options, struct error *err)
{
	struct mosquitto *client;
	int rc = MOSQ_ERR_SUCCESS;

	client = mosquitto_new(options->client_id, options->session_expiry_s == 0, mqtt);
	if (!client)
		return error_set(err, "mqtt", "out of memory");
	mqtt->client = client;
	mosquitto_connect_v5_callback_set(client, on_connack);
	mosquitto_disconnect_v5_callback_set(client, on_disconnect);
	mosquitto_message_v5_callback_set(client, on_message);
	mosquitto_publish_v5_callback_set(client, on_puback);
	mosquitto_subscribe_v5_callback_set(client, on_suback);
	rc = mosquitto_threaded_set(client, true); /* writes wait for mosquitto_loop_write() */
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_int_option(
			client, MOSQ_OPT_RECEIVE_MAXIMUM, options->receive_maximum);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, SEND_MAXIMUM);
	if (rc == MOSQ_ERR_SUCCESS && options->username)
		rc = mosquitto_username_pw_set(client, options->username, options->password);
	if (rc == MOSQ_ERR_SUCCESS && options->has_tls)
		rc = mosquitto_tls_set(client, options->tls_ca,
			options->tls_ca ? NULL : "/etc/ssl/certs", options->tls_cert,
			options->tls_key, NULL);
	/* The least that is spoken: what the library takes by itself is another matter in each version. */
	if (rc == MOSQ_ERR_SUCCESS && options->has_tls)
		rc = mosquitto_tls_opts_set(client, 1, "tlsv1.2", NULL);
	if (rc == MOSQ_ERR_SUCCESS && options->will_topic)
		rc = mosquitto_will_set(client, options->will_topic,
			(int)strlen(options->will_payload), options->will_payload, 1, true);
	if (rc != MOSQ_ERR_SUCCESS)
		return error_set(err, "mqtt", "%s",
			rc == MOSQ_ERR_INVAL ? "a TLS file can't be read, or a value is invalid"
					     : mosquitto_strerror(rc));
	return 0;
}

int mqtt_new(struct event_base *base, const struct clock *clock, const struct mqtt_options *options,
	const struct mqtt_handlers *handlers, struct mqtt **ret, struct error *err)
{
	struct mqtt *mqtt = calloc(1, sizeof(*mqtt));

	if (!mqtt)
		return error_set(err, "mqtt", "out of memory");
	(void)mosquitto_lib_init();
	mqtt->base = base;
	mqtt->clock = clock;
	mqtt->handlers = *handlers;
	mqtt->port = options->port;
	mqtt->keepalive_s = options->keepalive_s;
	mqtt->session_expiry_s = options->session_expiry_s;
	mqtt->max_turn_messages = options->max_turn_messages;
	mqtt->protocol = options->protocol_level == MQTT_PROTOCOL_V311 ? MQTT_PROTOCOL_V311
								       : MQTT_PROTOCOL_V5;
	mqtt->is_reading = true;
	mqtt->host = strdup(options->host);
	mqtt->misc_timer = event_new(base, -1, EV_PERSIST, on_misc_timer, mqtt);
	mqtt->connect_timer = event_new(base, -1, 0, on_connect_timer, mqtt);
	if (!mqtt->host || !mqtt->misc_timer || !mqtt->connect_timer) {
		mqtt_free(mqtt);
		return error_set(err, "mqtt", "out of memory");
	}
	if (set_up_client(mqtt, options, err) < 0) {
		mqtt_free(mqtt);
		return -1;
	}
	*ret = mqtt;
	return 0;
}

void mqtt_free(struct mqtt *mqtt)
{
	if (!mqtt)
		return;
	mqtt->state = MQTT_STOPPED;
	if (mqtt->job)
		connect_abandon(mqtt->job);
	else if (mqtt->client)
		mosquitto_destroy(mqtt->client);
	if (mqtt->misc_timer) {
		forget_socket(mqtt);
		event_free(mqtt->misc_timer);
	}
	if (mqtt->connect_timer)
		event_free(mqtt->connect_timer);
	free(mqtt->host);
	free(mqtt);
	(void)mosquitto_lib_cleanup();
}

void mqtt_start(struct mqtt *mqtt)
{
	if (mqtt->state == MQTT_STOPPED && mqtt->job)
		mqtt->state = MQTT_CONNECTING; /* the thread is still at it */
	else if (mqtt->state == MQTT_IDLE || mqtt->state == MQTT_STOPPED)
		start_connect(mqtt);
}

void mqtt_hurry(struct mqtt *mqtt)
{
	if (mqtt->state == MQTT_WAITING)
		wait_and_connect(mqtt, 0);
}

bool mqtt_is_up(const struct mqtt *mqtt)
{
	return mqtt->state == MQTT_UP;
}

bool mqtt_is_listening(const struct mqtt *mqtt)
{
	return mqtt_is_up(mqtt) && mqtt->subacks_due == 0;
}

int mqtt_protocol_level(const struct mqtt *mqtt)
{
	return mqtt->protocol;
}

int mqtt_refusal(const struct mqtt *mqtt)
{
	return mqtt->refusal;
}

const struct broker_offer *mqtt_offer(const struct mqtt *mqtt)
{
	return &mqtt->offer;
}

/* --- what is queued, and the one place that writes ---------------------------------------------- */

int mqtt_subscribe(struct mqtt *mqtt, const char *filter, int retain_handling)
{
	if (!mqtt_is_up(mqtt) || mosquitto_subscribe_v5(mqtt->client, NULL, filter, 1,
					 retain_handling << 4, NULL) != MOSQ_ERR_SUCCESS)
		return -1;
	mqtt->subacks_due++;
	return 0;
}

int mqtt_unsubscribe(struct mqtt *mqtt, const char *filter)
{
	if (!mqtt_is_up(mqtt))
		return -1;
	return mosquitto_unsubscribe(mqtt->client, NULL, filter) == MOSQ_ERR_SUCCESS ? 0 : -1;
}

/* Many small packets, one segment: libmosquitto writes each packet by itself. */
static void cork(int fd, int is_on)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &is_on, sizeof(is_on));
}

/* In a TLS handshake CONNECT waits, and the socket is writable all the time: the peer's next bytes
 * wake the loop, unless OpenSSL itself has something to write. */
static bool waits_for_peer(const struct mqtt *mqtt)
{
	const SSL *ssl = mosquitto_ssl_get(mqtt->client);

	return ssl && !SSL_is_init_finished(ssl) && !SSL_want_write(ssl);
}

void mqtt_flush(struct mqtt *mqtt)
{
	int fd, rc;

	if (!mqtt->on_readable || !mosquitto_want_write(mqtt->client))
		return;
	fd = mosquitto_socket(mqtt->client);
	cork(fd, 1);
	rc = mosquitto_loop_write(mqtt->client, 1);
	if (!mqtt->on_readable || mosquitto_socket(mqtt->client) != fd)
		return; /* went down while writing */
	cork(fd, 0);
	mqtt->has_sent_connect |=
		mqtt->state == MQTT_HANDSHAKE && !mosquitto_want_write(mqtt->client);
	if (rc != MOSQ_ERR_SUCCESS)
		go_down_of(mqtt, rc);
	else if (mosquitto_want_write(mqtt->client) && !waits_for_peer(mqtt) &&
		 event_add(mqtt->on_writable, NULL) < 0)
		go_down(mqtt, "out of memory");
}

void mqtt_break(struct mqtt *mqtt, const char *why)
{
	if (mqtt->on_readable)
		hang_up(mqtt);
	go_down(mqtt, why);
}

void mqtt_stop(struct mqtt *mqtt)
{
	bool was_up = mqtt->state == MQTT_UP;

	mqtt->state = MQTT_STOPPED; /* the end of the connection is no news to anybody */
	if (was_up && mosquitto_disconnect(mqtt->client) == MOSQ_ERR_SUCCESS)
		mqtt_flush(mqtt);
	mqtt_cut(mqtt);
}

void mqtt_cut(struct mqtt *mqtt)
{
	mqtt->state = MQTT_STOPPED;
	(void)event_del(mqtt->connect_timer);
	forget_socket(mqtt);
	if (!mqtt->job)
		hang_up(mqtt);
}
