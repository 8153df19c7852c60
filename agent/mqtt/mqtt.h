/*
 * mqtt.h - one MQTT client on the loop: connect off it, read, write and misc on it.
 *
 * libmosquitto sends a QoS 1 PUBACK before it calls the message callback. With
 * mosquitto_threaded_set(true) and an external loop it only queues it, and nothing reaches the
 * socket until mosquitto_loop_write(). That is what capture stands on:
 *
 *   1. mosquitto_loop_write() has one caller, mqtt_flush(), which only a turn's release() calls.
 *      A writable socket wakes the turn and does nothing else.
 *   2. mqtt_break() shuts the socket down without writing or reading on: what was queued is gone,
 *      what the kernel still holds is not looked at (it would overtake what the broker is to send
 *      again), and the broker sends again, in order, all that was not acknowledged.
 *   3. mosquitto_loop_read() is repeated while data waits, up to max_turn_messages a turn; if some
 *      remains the read event is activated again.
 *   4. Names are resolved and connections made on a short-lived thread that hands the client back;
 *      while it runs nobody else touches the client. A reconnect waits with backoff and full
 *      jitter, 1 s to 60 s.
 *   5. MQTT 5; when the broker refuses that protocol level (CONNACK 0x84 or 0x01), MQTT 3.1.1. When
 *      it closes three connections in a row upon a CONNECT without an answer, the other of the two.
 *      Once a connection that was up has ended, MQTT 5 is tried first again.
 *   6. What was published and not acknowledged when a connection ends is published again by
 *      libmosquitto on the next one, clean session or not. Whoever sends again himself frees the
 *      client (mqtt_stop() in on_down, mqtt_free() later) and makes another.
 *
 *   IDLE ─start─► CONNECTING (thread) ─► HANDSHAKE (CONNECT queued, TLS) ─CONNACK─► UP
 *     ▲               │ fails                  │ closed                              │
 *     └─── WAITING ◄──┴────────────────────────┴─────────────── closed, broken ◄─────┘
 *   mqtt_stop() leads from anywhere to STOPPED, and mqtt_start() from there to CONNECTING.
 */
#ifndef DRAY_MQTT_H
#define DRAY_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/broker_offer.h"
#include "dray/error.h"

struct event_base;
struct clock;
struct mqtt;

struct mqtt_options {
	const char *host;
	int port;
	const char *client_id;
	const char *username, *password; /* NULL: none */
	bool has_tls;
	const char *tls_ca, *tls_cert, *tls_key; /* paths; NULL: none (ca: the system's) */
	int keepalive_s;
	uint32_t session_expiry_s; /* 0: the session ends with the connection */
	int protocol_level;        /* tried first: 4 is MQTT 3.1.1, else MQTT 5 */
	int receive_maximum;       /* 1..65535 */
	unsigned max_turn_messages;
	const char *will_topic; /* NULL: no will. Retained, QoS 1 */
	const char *will_payload;
};

/* Borrowed during the callback. */
struct mqtt_message {
	const char *topic;
	const void *payload;
	size_t len;
	bool is_retained;
	const char *response_topic; /* NULL: none */
	const void *correlation_data;
	size_t correlation_len;
	const char *traceparent;  /* user property; NULL none */
	const char *content_type; /* NULL: none */
	/* User properties in their order, at most MQTT_PROPERTIES_MAX. */
	const struct mqtt_property *properties;
	size_t n_properties;
	bool has_more_properties; /* than are seen */
};
#define MQTT_PROPERTIES_MAX 32
struct mqtt_property {
	const char *name, *value;
};

struct mqtt_handlers {
	void (*on_up)(void *ctx, bool session_present);
	void (*on_down)(void *ctx, const char *why);
	void (*on_message)(void *ctx, const struct mqtt_message *message);
	/*
	 * An answer to a publish. `reason` is MQTT 5's (section 3.4.2.1), 0 with MQTT 3.1.1; `words` are
	 * the broker's own, else the standard's name of it. May be NULL.
	 */
	void (*on_puback)(void *ctx, int mid, int reason, const char *words);
	/* The broker refused a subscription: its ACL, mostly. May be NULL. */
	void (*on_refused)(void *ctx, int reason);
	void *ctx;
};

/* Texts of `options` are copied. */
int mqtt_new(struct event_base *base, const struct clock *clock, const struct mqtt_options *options,
	const struct mqtt_handlers *handlers, struct mqtt **ret, struct error *err);
/* Ends a running connect thread (waits for it), closes without a DISCONNECT. NULL is a no-op. */
void mqtt_free(struct mqtt *mqtt);

/* Connect, and stay so; also again after mqtt_stop(). */
void mqtt_start(struct mqtt *mqtt);
/* When it waits to connect again: no longer. */
void mqtt_hurry(struct mqtt *mqtt);
bool mqtt_is_up(const struct mqtt *mqtt);
/* Up, and every subscription asked for has been answered: from now on nothing is missed. */
bool mqtt_is_listening(const struct mqtt *mqtt);
int mqtt_protocol_level(
	const struct mqtt *mqtt); /* 5 or 4: of this connection, or of the next try */
/* In on_down: the CONNACK code with which the connection was refused, of MQTT 5 (>= 0x80) or 3.1.1 (1 to
 * 5); 0: it was not refused. */
int mqtt_refusal(const struct mqtt *mqtt);

/* Queued until mqtt_flush(). retain_handling: 0 always, 1 new, 2 never (MQTT 5). 0 or -1. */
int mqtt_subscribe(struct mqtt *mqtt, const char *filter, int retain_handling);
int mqtt_unsubscribe(struct mqtt *mqtt, const char *filter);
/* Borrowed during mqtt_publish(). */
struct mqtt_publication {
	const char *topic;
	const void *payload;
	size_t len;
	bool retain;
	/* With MQTT 5 only; MQTT 3.1.1 has no place for them. */
	const void *correlation_data;
	size_t correlation_len;   /* 0: none */
	const char *content_type; /* NULL: none */
	const char *traceparent;  /* user property; NULL none */
};
/*
 * Queued until mqtt_flush(), QoS 1. ret_mid may be NULL.
 *
 * Returns 0; -1: not connected, or memory ran out; else MQTT 5's reason why this broker will never
 * take it (0x90 an invalid topic, 0x95 too large for it, 0x9B it has no QoS 1).
 */
int mqtt_publish(struct mqtt *mqtt, const struct mqtt_publication *publication, int *ret_mid);
/* While up: what the broker granted. */
const struct broker_offer *mqtt_offer(const struct mqtt *mqtt);

/* Back-pressure: while off nothing is read, and the broker keeps what it has. On at first. */
void mqtt_set_reading(struct mqtt *mqtt, bool is_on);

/* Write what is queued. From release() only. */
void mqtt_flush(struct mqtt *mqtt);
/* Break the connection unacknowledged and connect again, soon. */
void mqtt_break(struct mqtt *mqtt, const char *why);
/* Send DISCONNECT and stop; the session stays. From release(), or while not mqtt_is_up(). */
void mqtt_stop(struct mqtt *mqtt);
/* Stop without a word: what is queued is not written. The session stays, and mqtt_start() goes on. */
void mqtt_cut(struct mqtt *mqtt);

/* The standard's name of a reason code of MQTT 5. Static. */
const char *mqtt_reason_words(int reason);

bool mqtt_filter_is_valid(const char *filter);
bool mqtt_topic_is_valid(const char *topic); /* may be published to */
bool mqtt_topic_matches(const char *filter, const char *topic);

#endif
