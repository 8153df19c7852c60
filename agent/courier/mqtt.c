/*
 * mqtt.c - the courier that publishes: one connection per destination, QoS 1, done on PUBACK.
 *
 *   start ─► waiting ─connected, room in the broker's receive maximum─► out ─PUBACK─► told
 *               │ no connection: NOT_SENT                                │ it ends: NO_ANSWER
 *               └──────────────────────────► told ◄──────────────────────┘
 *
 * The connection is made when something waits for it, and kept. When it can't be made, all that waits
 * is told at once: when to try again is the engine's to say, whose breaker spaces its probes.
 *
 * libmosquitto publishes on the next connection what it still holds of the last one. The engine sends
 * again what is in doubt, so the library would make a double of each: a connection that was up is
 * never made again by the same client. A client that the broker refused is replaced too, since the
 * next one reads the password anew.
 *
 * An acknowledgement that doesn't come in time breaks the connection: nothing else takes a publish
 * back that the library holds, or gives the broker's receive maximum back what it takes of it.
 *
 * Who is told may close the line, so he is told from the loop, never from within a callback of the
 * connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "clock.h"
#include "courier/courier.h"
#include "dray/mqtt_reason.h"
#include "log.h"
#include "mqtt/mqtt.h"
#include "secret.h"
#include "turn.h"

#define WORDS_MAX 160
#define PATH_BYTES 4096
#define KEEPALIVE_S 30
#define PORT 1883
#define PORT_TLS 8883
#define TURN_PUBACKS 1000

TAILQ_HEAD(errands, errand);

struct courier_mqtt {
	struct courier courier;
	struct courier_mqtt_options is;
	char *site; /* outlives the configuration that the options are of */
	LIST_HEAD(, line_mqtt) lines;
	struct errands ended;
	struct event *tell;
};

/* A publish that somebody waits for. */
struct errand {
	TAILQ_ENTRY(errand) link;
	struct line_mqtt *line;
	courier_done_fn done;
	void *done_ctx;
	const char *body; /* borrowed */
	size_t len;
	int64_t began_mono_ms;
	int mid; /* while it is out */
	enum outcome_transport transport;
	int status;
	char words[WORDS_MAX];
	char *content_type; /* NULL none; behind the topic */
	char *traceparent;  /* likewise */
	char topic[];
};

struct line_mqtt {
	LIST_ENTRY(line_mqtt) link;
	struct courier_mqtt *mqtt_courier;
	char *name, *host, *client_id, *username, *tls_ca, *tls_cert, *tls_key;
	struct config_secret password;
	int port;
	bool has_tls;
	int64_t timeout_ms;

	struct mqtt *mqtt;
	int protocol_level; /* that the broker was found to speak; 5 at first */
	bool is_up;
	bool is_spent; /* the client is not to connect again */
	struct errands waiting, out;
	unsigned n_out;
	struct event *timer;  /* of the oldest errand's time-out */
	char down[WORDS_MAX]; /* why it is; "" */
};

/* --- telling ------------------------------------------------------------------------------------- */

static void end_errand(struct errand *errand, struct errands *from,
	enum outcome_transport transport, int status, const char *words)
{
	struct courier_mqtt *courier = errand->line->mqtt_courier;

	TAILQ_REMOVE(from, errand, link);
	if (from == &errand->line->out)
		errand->line->n_out--;
	errand->transport = transport;
	errand->status = status;
	(void)snprintf(errand->words, sizeof(errand->words), "%s", words);
	TAILQ_INSERT_TAIL(&courier->ended, errand, link);
	event_active(courier->tell, EV_TIMEOUT, 1);
}

static void end_all(
	struct errands *errands, enum outcome_transport transport, int status, const char *words)
{
	struct errand *errand;

	while ((errand = TAILQ_FIRST(errands)))
		end_errand(errand, errands, transport, status, words);
}

static void tell(const struct courier_mqtt *courier, const struct errand *errand)
{
	bool is_answer = errand->transport == TRANSPORT_ANSWERED;
	bool is_refused = is_answer && errand->status >= 300;
	const struct courier_answer answer = {
		.transport = errand->transport,
		.status = errand->status,
		.body = is_refused ? errand->words : "",
		.len = is_refused ? strlen(errand->words) : 0,
		.error = is_answer ? "" : errand->words,
		.took_ms = clock_mono_ms(courier->is.clock) - errand->began_mono_ms,
	};

	errand->done(errand->done_ctx, &answer);
}

static void on_tell(evutil_socket_t fd, short what, void *ctx)
{
	struct courier_mqtt *courier = ctx;
	struct errand *errand;

	(void)fd;
	(void)what;
	while ((errand = TAILQ_FIRST(&courier->ended))) {
		TAILQ_REMOVE(&courier->ended, errand, link);
		tell(courier, errand);
		free(errand);
	}
}

/* --- the connection ------------------------------------------------------------------------------ */

static void on_up(void *ctx, bool session_present)
{
	struct line_mqtt *line = ctx;

	(void)session_present;
	line->is_up = true;
	line->down[0] = '\0';
	line->protocol_level = mqtt_protocol_level(line->mqtt);
	LOG_INFO("destination's broker connected", LOG_S("destination", line->name),
		LOG_S("host", line->host), LOG_I("port", line->port),
		LOG_I("mqtt", line->protocol_level));
}

static void spend(struct line_mqtt *line)
{
	line->is_spent = true;
	mqtt_stop(line->mqtt);
}

static void on_down(void *ctx, const char *why)
{
	struct line_mqtt *line = ctx;
	int refusal = mqtt_refusal(line->mqtt), level = mqtt_protocol_level(line->mqtt);
	int status = mqtt_reason_connect_status(refusal);

	(void)snprintf(line->down, sizeof(line->down), "%s", why);
	if (!line->is_up && level != line->protocol_level) {
		line->protocol_level = level;
		mqtt_hurry(line->mqtt); /* nothing is known before the other version was tried */
		return;
	}
	if (line->is_up || refusal != 0)
		spend(line);
	line->is_up = false;
	end_all(&line->out, TRANSPORT_NO_ANSWER, 0, line->down);
	if (status != 0)
		end_all(&line->waiting, TRANSPORT_ANSWERED, status, line->down);
	else
		end_all(&line->waiting, TRANSPORT_NOT_SENT, 0, line->down);
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
	(void)ctx;
	(void)message; /* it subscribes to nothing */
}

static void on_puback(void *ctx, int mid, int reason, const char *words)
{
	struct line_mqtt *line = ctx;
	struct errand *errand;

	TAILQ_FOREACH (errand, &line->out, link)
		if (errand->mid == mid)
			break;
	if (errand)
		end_errand(errand, &line->out, TRANSPORT_ANSWERED,
			mqtt_reason_publish_status(reason), words);
}

static int make_client(struct line_mqtt *line, struct error *err)
{
	const struct courier_mqtt_options *is = &line->mqtt_courier->is;
	const struct mqtt_handlers handlers = {
		.on_up = on_up,
		.on_down = on_down,
		.on_message = on_message,
		.on_puback = on_puback,
		.ctx = line,
	};
	char *password = NULL;
	int status;

	if (line->password.file) {
		password = secret_read(is->dirs, &line->password, err);
		if (!password) {
			error_prefix(err, "auth.password");
			return -1;
		}
	}
	const struct mqtt_options options = {
		.host = line->host,
		.port = line->port,
		.client_id = line->client_id,
		.username = line->username,
		.password = password,
		.has_tls = line->has_tls,
		.tls_ca = line->tls_ca,
		.tls_cert = line->tls_cert,
		.tls_key = line->tls_key,
		.keepalive_s = KEEPALIVE_S,
		.protocol_level = line->protocol_level,
		.receive_maximum = 1, /* it is sent nothing */
		.max_turn_messages = TURN_PUBACKS,
	};
	status = mqtt_new(is->base, is->clock, &options, &handlers, &line->mqtt, err);
	secret_free(password);
	return status;
}

/* Not from within a callback of the connection. */
static void connect_line(struct line_mqtt *line)
{
	struct error err = { 0 };
	char text[WORDS_MAX];

	if (line->is_spent) {
		mqtt_free(line->mqtt);
		line->mqtt = NULL;
		line->is_spent = false;
	}
	if (!line->mqtt && make_client(line, &err) < 0) {
		end_all(&line->waiting, TRANSPORT_NOT_SENT, 0,
			error_text(&err, text, sizeof(text)));
		return;
	}
	mqtt_start(line->mqtt);
	mqtt_hurry(line->mqtt);
}

/* --- publishing ---------------------------------------------------------------------------------- */

static void publish_waiting(struct line_mqtt *line)
{
	struct errand *errand;

	while (line->n_out < mqtt_offer(line->mqtt)->receive_maximum &&
		(errand = TAILQ_FIRST(&line->waiting))) {
		const struct mqtt_publication publication = {
			.topic = errand->topic,
			.payload = errand->body,
			.len = errand->len,
			.content_type = errand->content_type,
			.traceparent = errand->traceparent,
		};
		int reason = mqtt_publish(line->mqtt, &publication, &errand->mid);

		if (reason < 0)
			return; /* not now: until its time is up */
		if (reason > 0) {
			end_errand(errand, &line->waiting, TRANSPORT_ANSWERED,
				mqtt_reason_publish_status(reason), mqtt_reason_words(reason));
			continue;
		}
		TAILQ_REMOVE(&line->waiting, errand, link);
		TAILQ_INSERT_TAIL(&line->out, errand, link);
		line->n_out++;
	}
}

/* All have the same time, so the first that began is the first whose time is up. */
static const struct errand *find_oldest(const struct line_mqtt *line)
{
	const struct errand *errand = TAILQ_FIRST(&line->out);

	return errand ? errand : TAILQ_FIRST(&line->waiting);
}

static void arm_timer(struct line_mqtt *line)
{
	const struct errand *errand = find_oldest(line);
	struct timeval wait;
	int64_t left_ms;

	if (!errand) {
		(void)evtimer_del(line->timer);
		return;
	}
	left_ms = errand->began_mono_ms + line->timeout_ms -
		  clock_mono_ms(line->mqtt_courier->is.clock);
	if (left_ms < 0)
		left_ms = 0;
	wait = clock_wait(left_ms);
	if (evtimer_add(line->timer, &wait) != 0)
		LOG_ERROR("a timer could not be set, memory may be short");
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct line_mqtt *line = ctx;
	int64_t now_mono_ms = clock_mono_ms(line->mqtt_courier->is.clock);
	const struct errand *oldest = find_oldest(line);
	struct errand *errand;
	char words[2 * WORDS_MAX];

	(void)fd;
	(void)what;
	if (oldest && oldest->began_mono_ms + line->timeout_ms <= now_mono_ms && line->mqtt)
		mqtt_break(line->mqtt, "the broker did not answer within the time-out");
	/* Where there was nothing to break. */
	(void)snprintf(words, sizeof(words), "not connected to %s within the time-out%s%s",
		line->host, *line->down ? ": " : "", line->down);
	while ((errand = TAILQ_FIRST(&line->waiting)) &&
		errand->began_mono_ms + line->timeout_ms <= now_mono_ms)
		end_errand(errand, &line->waiting, TRANSPORT_NOT_SENT, 0, words);
	arm_timer(line);
}

static void release_line(struct line_mqtt *line)
{
	if (!line->is_up && !TAILQ_EMPTY(&line->waiting))
		connect_line(line);
	if (line->is_up)
		publish_waiting(line);
	if (line->mqtt && !line->is_spent)
		mqtt_flush(line->mqtt);
	arm_timer(line);
}

static void on_release(void *ctx)
{
	struct courier_mqtt *courier = ctx;
	struct line_mqtt *line;

	LIST_FOREACH (line, &courier->lines, link)
		release_line(line);
}

/* The value of "name: value", where there is one. */
static const char *find_header(const char *const *headers, const char *name)
{
	size_t len = strlen(name);

	for (; headers && *headers; headers++)
		if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
			return *headers + len + 1 + strspn(*headers + len + 1, " ");
	return NULL;
}

static size_t size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* A copy, at `to`. NULL of NULL. */
static char *keep_text(char *to, const char *text)
{
	return text ? memcpy(to, text, size_of(text)) : NULL;
}

static int start_errand(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct line_mqtt *line = opened;
	const char *topic = request->path ? request->path : "";
	const char *content_type = find_header(request->headers, "Content-Type");
	const char *traceparent = find_header(request->headers, "traceparent");
	size_t topic_size = size_of(topic), type_size = size_of(content_type);
	struct errand *errand =
		malloc(sizeof(*errand) + topic_size + type_size + size_of(traceparent));

	if (!errand)
		return -1;
	*errand = (struct errand){
		.line = line,
		.done = done,
		.done_ctx = done_ctx,
		.body = request->body,
		.len = request->len,
		.began_mono_ms = clock_mono_ms(line->mqtt_courier->is.clock),
	};
	memcpy(errand->topic, topic, topic_size);
	errand->content_type = keep_text(errand->topic + topic_size, content_type);
	errand->traceparent = keep_text(errand->topic + topic_size + type_size, traceparent);
	TAILQ_INSERT_TAIL(&line->waiting, errand, link);
	return 0;
}

/* --- a line's life ------------------------------------------------------------------------------- */

static void drop_errands(struct errands *errands, const struct line_mqtt *line)
{
	struct errand *errand, *next;

	for (errand = TAILQ_FIRST(errands); errand; errand = next) {
		next = TAILQ_NEXT(errand, link);
		if (errand->line != line)
			continue;
		TAILQ_REMOVE(errands, errand, link);
		free(errand);
	}
}

static void close_line(void *opened)
{
	struct line_mqtt *line = opened;

	if (!line)
		return;
	drop_errands(&line->waiting, line);
	drop_errands(&line->out, line);
	drop_errands(&line->mqtt_courier->ended, line);
	LIST_REMOVE(line, link);
	mqtt_free(line->mqtt);
	if (line->timer)
		event_free(line->timer);
	free(line->name);
	free(line->host);
	free(line->client_id);
	free(line->username);
	free(line->password.file);
	free(line->tls_ca);
	free(line->tls_cert);
	free(line->tls_key);
	free(line);
}

static int read_part(CURLU *url, CURLUPart part, char **ret)
{
	char *text = NULL;

	if (curl_url_get(url, part, &text, 0) != CURLUE_OK || !text)
		return -1;
	*ret = strdup(text);
	curl_free(text);
	return *ret ? 0 : -1;
}

/* mqtt://HOST[:PORT] or mqtts://HOST[:PORT] */
static int read_url(struct line_mqtt *line, const char *text, struct error *err)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *port = NULL;
	int status = -1;

	if (url && curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		read_part(url, CURLUPART_SCHEME, &scheme) == 0 &&
		read_part(url, CURLUPART_HOST, &line->host) == 0) {
		size_t len = strlen(line->host);

		line->has_tls = strcmp(scheme, "mqtts") == 0;
		line->port = line->has_tls ? PORT_TLS : PORT;
		if (read_part(url, CURLUPART_PORT, &port) == 0)
			line->port = (int)strtol(port, NULL, 10);
		if (line->host[0] == '[') { /* an IPv6 address: libmosquitto wants it bare */
			memmove(line->host, line->host + 1, len - 2);
			line->host[len - 2] = '\0';
		}
		status = 0;
	}
	free(scheme);
	free(port);
	curl_url_cleanup(url);
	return status == 0
		       ? 0
		       : error_set(err, "url", "\"%s\" is no mqtt:// or mqtts:// address", text);
}

static int copy_destination(
	struct line_mqtt *line, const struct config_destination *destination, struct error *err)
{
	const struct courier_mqtt_options *is = &line->mqtt_courier->is;
	const struct config_tls *tls = &destination->tls;
	char key_path[PATH_BYTES] = "";

	if (read_url(line, destination->url, err) != 0)
		return -1;
	if (tls->key.file && secret_path(is->dirs, &tls->key, key_path, sizeof(key_path), err) != 0)
		return -1;
	line->timeout_ms = destination->timeout_ms;
	if (asprintf(&line->client_id, "drayd-%s-to-%s", line->mqtt_courier->site,
		    destination->name) < 0)
		line->client_id = NULL;
	if (!line->client_id || courier_copy_text(destination->name, &line->name) != 0 ||
		courier_copy_text(tls->ca, &line->tls_ca) != 0 ||
		courier_copy_text(tls->cert, &line->tls_cert) != 0 ||
		courier_copy_text(key_path[0] ? key_path : NULL, &line->tls_key) != 0)
		return error_set(err, NULL, "out of memory");
	if (destination->auth.type != CONFIG_AUTH_BASIC)
		return 0;
	if (courier_copy_text(destination->auth.username, &line->username) != 0 ||
		courier_copy_text(destination->auth.password.file, &line->password.file) != 0)
		return error_set(err, NULL, "out of memory");
	return 0;
}

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	struct courier_mqtt *courier = ctx;
	struct line_mqtt *line = calloc(1, sizeof(*line));

	if (!line) {
		error_fill(err, NULL, "out of memory");
		return NULL;
	}
	line->mqtt_courier = courier;
	line->protocol_level = 5;
	TAILQ_INIT(&line->waiting);
	TAILQ_INIT(&line->out);
	LIST_INSERT_HEAD(&courier->lines, line, link);
	line->timer = evtimer_new(courier->is.base, on_timer, line);
	if (!line->timer) {
		error_fill(err, NULL, "out of memory");
	} else if (copy_destination(line, destination, err) == 0 && make_client(line, err) == 0) {
		return line;
	}
	close_line(line);
	return NULL;
}

/* --- the courier's ------------------------------------------------------------------------------- */

const struct courier *courier_mqtt_new(const struct courier_mqtt_options *options)
{
	struct courier_mqtt *courier = calloc(1, sizeof(*courier));

	if (!courier)
		return NULL;
	courier->is = *options;
	courier->courier = (struct courier){
		.open = open_line, .start = start_errand, .close = close_line, .ctx = courier
	};
	TAILQ_INIT(&courier->ended);
	LIST_INIT(&courier->lines);
	courier->tell = event_new(options->base, -1, 0, on_tell, courier);
	courier->site = strdup(options->site);
	if (courier->tell && courier->site)
		return &courier->courier;
	courier_mqtt_free(&courier->courier);
	return NULL;
}

void courier_mqtt_attach(const struct courier *courier, struct turn *turn)
{
	turn_add(
		turn, &(struct turn_member){
			      .name = "courier_mqtt", .release = on_release, .ctx = courier->ctx });
}

void courier_mqtt_free(const struct courier *courier)
{
	struct courier_mqtt *mqtt_courier = courier ? courier->ctx : NULL;

	if (!mqtt_courier)
		return;
	if (mqtt_courier->tell)
		event_free(mqtt_courier->tell);
	free(mqtt_courier->site);
	free(mqtt_courier);
}
