/*
 * echo.c - the limit of the broker: an agent that stores nothing and acknowledges everything.
 *
 * Two clients as drayd has them: one takes the events with QoS 1, the other publishes an ack for
 * each. What the publisher reaches against this is what Mosquitto can move; drayd can't be faster.
 */
#include <getopt.h>
#include <poll.h>

#include "bench.h"
#include "mqtt_wire.h"

#define ID_LEN 36
#define ACK_MAX 128

struct echo {
	const char *site;
	struct wire *capture, *talk;
};

/* The device is the last level of the topic. */
static void acknowledge(struct echo *echo, const struct wire_publish *event)
{
	static const char key[] = "\"id\":\"";
	const char *id = memmem(event->payload, event->len, key, sizeof(key) - 1);
	const char *device = memrchr(event->topic, '/', event->topic_len);
	char topic[ACK_MAX], ack[ACK_MAX];
	int topic_len, len;

	if (id == NULL || device == NULL ||
		event->len - (size_t)(id - event->payload) < sizeof(key) + ID_LEN)
		return;
	topic_len = snprintf(topic, sizeof(topic), "dray/v1/%s/ack%.*s", echo->site,
		(int)(event->topic + event->topic_len - device), device);
	len = snprintf(ack, sizeof(ack), "{%.*s,\"status\":\"stored\",\"seq\":100000}",
		(int)sizeof(key) + ID_LEN, id);
	if (topic_len < 0 || topic_len >= ACK_MAX || len < 0 || len >= ACK_MAX)
		bench_die("an ack does not fit %d bytes", ACK_MAX);
	while (!wire_has_room(echo->talk, (size_t)topic_len, (size_t)len))
		(void)wire_flush(echo->talk);
	wire_publish(echo->talk, topic, (size_t)topic_len, ack, (size_t)len, 1);
}

static void on_readable(struct echo *echo, struct wire *wire)
{
	struct wire_packet packet;
	struct wire_publish event;
	size_t pos = 0;

	wire_read(wire);
	while (wire_next(wire, &pos, &packet)) {
		if (!wire_parse_publish(&packet, &event))
			continue;
		acknowledge(echo, &event);
		wire_puback(wire, event.mid);
	}
	wire_consume(wire, pos);
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "port", required_argument, NULL, 'p' },
		{ "site", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct echo echo = { .site = "bench" };
	int c, port = 0;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'p')
			port = (int)bench_number("--port", optarg, 65535);
		else if (c == 's')
			echo.site = optarg;
		else
			port = 0;
	}
	if (port == 0)
		bench_die("usage: bench_echo --port N [--site NAME]");
	echo.capture = wire_connect(port, "bench-echo-capture");
	echo.talk = wire_connect(port, "bench-echo-talk");
	wire_subscribe(echo.capture, "dray/v1/+/event/#", 1);
	wire_start(echo.capture);
	wire_start(echo.talk);
	for (;;) {
		bool is_sent = wire_flush(echo.capture), is_told = wire_flush(echo.talk);
		struct pollfd fds[2] = { { .fd = echo.capture->fd, .events = POLLIN },
			{ .fd = echo.talk->fd, .events = POLLIN } };

		if (poll(fds, 2, is_sent && is_told ? 1000 : 1) < 0 && errno != EINTR)
			bench_die("cannot wait for the broker: %s", strerror(errno));
		if (fds[0].revents != 0)
			on_readable(&echo, echo.capture);
		if (fds[1].revents != 0)
			on_readable(&echo, echo.talk);
	}
}
