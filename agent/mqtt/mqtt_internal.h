/*
 * mqtt_internal.h - the client's inside, shared by mqtt.c (the loop's side) and mqtt_connect.c (the
 * thread that connects).
 */
#ifndef DRAY_MQTT_INTERNAL_H
#define DRAY_MQTT_INTERNAL_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "mqtt/mqtt.h"

struct event;
struct connect_job;

enum mqtt_state {
	MQTT_IDLE,
	MQTT_CONNECTING, /* the thread has the client */
	MQTT_HANDSHAKE,
	MQTT_UP,
	MQTT_WAITING, /* for the reconnect timer */
	MQTT_STOPPED,
};

struct mqtt {
	struct event_base *base;
	const struct clock *clock;
	struct mqtt_handlers handlers;
	struct mosquitto *client;
	struct connect_job *job; /* while CONNECTING */
	enum mqtt_state state;

	char *host;
	int port;
	int keepalive_s;
	uint32_t session_expiry_s;
	unsigned max_turn_messages;

	int protocol;               /* MQTT_PROTOCOL_V5 or MQTT_PROTOCOL_V311 */
	int refusal;                /* CONNACK code of this connection; 0 none */
	struct broker_offer offer;  /* of this connection */
	bool has_sent_connect;      /* in HANDSHAKE: CONNECT is on its way */
	unsigned closed_before_ack; /* connections in a row that ended upon a CONNECT */
	unsigned attempts;          /* connections in a row that did not come up */
	unsigned packets;           /* messages and PUBACKs read, to see whether a read got any */
	unsigned messages;
	unsigned subacks_due; /* subscriptions asked for and not answered yet */
	bool is_reading;

	struct event *on_readable; /* while there is a socket */
	struct event *on_writable;
	struct event *misc_timer;
	struct event *connect_timer;
};

/*
 * Connect on a thread; the loop's side gets connect_finished() when it is over. -1: no thread could
 * be started.
 */
int connect_start(struct mqtt *mqtt);
/* Nobody waits for it any more: the thread destroys the client when it ends. */
void connect_abandon(struct connect_job *job);
/* In mqtt.c: the client is back on the loop. `rc` is libmosquitto's, `why` says it in words. */
void connect_finished(struct mqtt *mqtt, int rc, const char *why);

/* mqtt_words.c: what has failed, in words. */
#define MQTT_WORDS_MAX 160
/* Hear what OpenSSL says of this client's connection, or no longer. */
void mqtt_words_listen(struct mosquitto *client, bool is_listening);
/* Of libmosquitto's `rc` that this thread was given just now; error_number: errno then. */
void mqtt_words(int rc, int error_number, char out[MQTT_WORDS_MAX]);

/* mqtt_properties.c: copies of a message's properties. */
struct properties {
	char *response_topic, *content_type; /* NULL: none */
	void *correlation_data;
	uint16_t correlation_len;
	struct mqtt_property pairs[MQTT_PROPERTIES_MAX]; /* user properties, in their order */
	size_t n_pairs;
	bool is_cut; /* there are more of them */
};
/* `from` NULL: none. */
void properties_read(const mosquitto_property *from, struct properties *ret);
/* The first user property of that name; NULL none. */
const char *properties_get(const struct properties *properties, const char *name);
void properties_done(struct properties *properties);

#endif
