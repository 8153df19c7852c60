/*
 * mqtt_wire.h - the little of MQTT 5 that a publisher under load needs, by hand.
 *
 * libmosquitto makes a system call for every packet it sends and three for every one it receives.
 * That would cost as much CPU as the agent under test, on the same cores. Here many packets share
 * one read or write. Not for anything but load: no reconnect, no TLS, no properties.
 *
 * OASIS MQTT 5.0, sections 2.1 (fixed header), 3.1 to 3.4, 3.8, 3.9.
 */
#ifndef DRAY_MQTT_WIRE_H
#define DRAY_MQTT_WIRE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define WIRE_BYTES 65536

enum wire_type {
	WIRE_CONNECT = 0x10,
	WIRE_CONNACK = 0x20,
	WIRE_PUBLISH = 0x30,
	WIRE_PUBACK = 0x40,
	WIRE_SUBSCRIBE = 0x82,
	WIRE_SUBACK = 0x90,
};

struct wire {
	int fd;
	uint16_t mid;
	size_t in_len, out_len;
	uint8_t in[WIRE_BYTES], out[WIRE_BYTES];
};

/* A packet inside wire->in, valid until the next wire_read(). */
struct wire_packet {
	uint8_t head; /* type and flags */
	const uint8_t *body;
	size_t len;
};

struct wire_publish {
	const char *topic;
	size_t topic_len;
	const char *payload;
	size_t len;
	uint16_t mid; /* 0: QoS 0 */
};

static inline void wire_put(struct wire *wire, const void *bytes, size_t len)
{
	if (wire->out_len + len > sizeof(wire->out))
		bench_die("more than %zu bytes wait to be sent", sizeof(wire->out));
	memcpy(wire->out + wire->out_len, bytes, len);
	wire->out_len += len;
}

static inline void wire_put_u16(struct wire *wire, size_t n)
{
	uint8_t bytes[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	wire_put(wire, bytes, sizeof(bytes));
}

static inline void wire_put_text(struct wire *wire, const char *text, size_t len)
{
	wire_put_u16(wire, len);
	wire_put(wire, text, len);
}

/* Type and remaining length, a variable byte integer. */
static inline void wire_put_head(struct wire *wire, uint8_t head, size_t len)
{
	uint8_t bytes[5] = { head };
	size_t n = 1;

	do {
		bytes[n] = (uint8_t)(len & 0x7f);
		len >>= 7;
		if (len > 0)
			bytes[n] |= 0x80;
		n++;
	} while (len > 0);
	wire_put(wire, bytes, n);
}

static inline uint16_t wire_next_mid(struct wire *wire)
{
	wire->mid = wire->mid == UINT16_MAX ? 1 : (uint16_t)(wire->mid + 1);
	return wire->mid;
}

/* Room for a publish of this size. */
static inline bool wire_has_room(const struct wire *wire, size_t topic_len, size_t len)
{
	return wire->out_len + topic_len + len + 16 <= sizeof(wire->out);
}

/* qos  0 or 1 */
static inline void wire_publish(struct wire *wire, const char *topic, size_t topic_len,
	const char *payload, size_t len, int qos)
{
	wire_put_head(wire, (uint8_t)(WIRE_PUBLISH | qos << 1),
		2 + topic_len + (qos > 0 ? 2 : 0) + 1 + len);
	wire_put_text(wire, topic, topic_len);
	if (qos > 0)
		wire_put_u16(wire, wire_next_mid(wire));
	wire_put(wire, "", 1); /* no properties */
	wire_put(wire, payload, len);
}

static inline void wire_puback(struct wire *wire, uint16_t mid)
{
	wire_put_head(wire, WIRE_PUBACK, 2);
	wire_put_u16(wire, mid);
}

/* Send what the socket takes; false: some remains. */
static inline bool wire_flush(struct wire *wire)
{
	ssize_t n;

	if (wire->out_len == 0)
		return true;
	n = send(wire->fd, wire->out, wire->out_len, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return false;
		bench_die("cannot send to the broker: %s", strerror(errno));
	}
	wire->out_len -= (size_t)n;
	memmove(wire->out, wire->out + n, wire->out_len);
	return wire->out_len == 0;
}

/* Take what the socket has, up to the buffer's room. */
static inline void wire_read(struct wire *wire)
{
	ssize_t n = recv(wire->fd, wire->in + wire->in_len, sizeof(wire->in) - wire->in_len, 0);

	if (n > 0)
		wire->in_len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		bench_die("the broker closed the connection: %s", n == 0 ? "end" : strerror(errno));
}

/* The next whole packet at *pos, which moves behind it. */
static inline bool wire_next(const struct wire *wire, size_t *pos, struct wire_packet *ret)
{
	size_t at = *pos + 1, len = 0;
	unsigned shift = 0;

	for (;; at++, shift += 7) {
		if (at >= wire->in_len || shift > 21)
			return false;
		len |= (size_t)(wire->in[at] & 0x7f) << shift;
		if ((wire->in[at] & 0x80) == 0)
			break;
	}
	at++;
	if (at + len > wire->in_len)
		return false;
	*ret = (struct wire_packet){ wire->in[*pos], wire->in + at, len };
	*pos = at + len;
	return true;
}

/* Forget the bytes before `pos`. */
static inline void wire_consume(struct wire *wire, size_t pos)
{
	wire->in_len -= pos;
	memmove(wire->in, wire->in + pos, wire->in_len);
}

static inline bool wire_parse_publish(const struct wire_packet *packet, struct wire_publish *ret)
{
	size_t at = 2, properties = 0;
	unsigned shift = 0;

	if ((packet->head & 0xf0) != WIRE_PUBLISH || packet->len < 2)
		return false;
	ret->topic = (const char *)packet->body + at;
	ret->topic_len = (size_t)packet->body[0] << 8 | packet->body[1];
	ret->mid = 0;
	at += ret->topic_len;
	if ((packet->head & 0x06) != 0 && at + 2 <= packet->len) {
		ret->mid = (uint16_t)(packet->body[at] << 8 | packet->body[at + 1]);
		at += 2;
	}
	for (; at < packet->len && shift <= 21; shift += 7) {
		properties |= (size_t)(packet->body[at] & 0x7f) << shift;
		if ((packet->body[at++] & 0x80) == 0)
			break;
	}
	at += properties;
	if (at > packet->len)
		return false;
	ret->payload = (const char *)packet->body + at;
	ret->len = packet->len - at;
	return true;
}

/* Send what is queued on the still blocking socket and wait for the answer. */
static inline void wire_exchange(struct wire *wire, uint8_t expected, const char *what)
{
	struct wire_packet packet;
	size_t pos = 0;

	while (!wire_flush(wire))
		continue;
	while (!wire_next(wire, &pos, &packet))
		wire_read(wire);
	if (packet.head != expected || packet.len < 3)
		bench_die("the broker did not answer the %s", what);
	/* CONNACK: flags, reason; SUBACK: mid, properties, then one reason per filter. */
	if ((expected == WIRE_CONNACK ? packet.body[1] : packet.body[packet.len - 1]) >= 0x80)
		bench_die("the broker refused the %s", what);
	wire_consume(wire, pos);
}

/* Connect over loopback with a clean session. The socket is non-blocking from wire_start() on. */
static inline struct wire *wire_connect(int port, const char *client_id)
{
	struct wire *wire = bench_alloc(1, sizeof(*wire));
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const uint8_t variable[] = { 0, 4, 'M', 'Q', 'T', 'T', 5, 0x02, 600 >> 8, 600 & 0xff,
		0 };
	int on = 1;

	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		bench_die("cannot connect to port %d: %s", port, strerror(errno));
	if (setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		bench_die("cannot set TCP_NODELAY: %s", strerror(errno));
	wire_put_head(wire, WIRE_CONNECT, sizeof(variable) + 2 + strlen(client_id));
	wire_put(wire, variable, sizeof(variable));
	wire_put_text(wire, client_id, strlen(client_id));
	wire_exchange(wire, WIRE_CONNACK, "CONNECT");
	return wire;
}

/* Retained messages are not wanted (retain handling 2). */
static inline void wire_subscribe(struct wire *wire, const char *filter, int qos)
{
	uint8_t options = (uint8_t)(0x20 | qos);

	wire_put_head(wire, WIRE_SUBSCRIBE, 2 + 1 + 2 + strlen(filter) + 1);
	wire_put_u16(wire, wire_next_mid(wire));
	wire_put(wire, "", 1);
	wire_put_text(wire, filter, strlen(filter));
	wire_put(wire, &options, 1);
	wire_exchange(wire, WIRE_SUBACK, "SUBSCRIBE");
}

static inline void wire_start(struct wire *wire)
{
	if (fcntl(wire->fd, F_SETFL, O_NONBLOCK) != 0)
		bench_die("cannot make the socket non-blocking: %s", strerror(errno));
}

#endif
