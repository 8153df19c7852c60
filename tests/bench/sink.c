/*
 * sink.c - the smallest API that dray can post to: HTTP/1.1 with keep-alive on one thread.
 *
 * POST with a Content-Length: 201 and a tiny body; what it held is counted, an event for every
 * "specversion" in it. GET /count: the counts so far, and when the last event came (monotonic
 * microseconds, the same clock as the publisher's). The counts are printed at SIGTERM too.
 * No chunked requests, no pipelining beyond what a client may send at once.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define CLIENTS_MAX 256
#define REQUEST_MAX (8u << 20)
#define ANSWER_MAX 512

struct client {
	int fd;
	char *in; /* REQUEST_MAX bytes, touched only as far as requests reach */
	size_t len;
};

struct sink {
	int epoll, listener, signals;
	struct client *clients[CLIENTS_MAX];
	unsigned long long requests, events, connections;
	int64_t last_us;
};

static void watch(struct sink *sink, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		bench_die("cannot watch a socket: %s", strerror(errno));
}

static int print_counts(const struct sink *sink, char *out, size_t size)
{
	return snprintf(out, size,
		"{\"requests\":%llu,\"events\":%llu,\"connections\":%llu,\"last_mono_us\":%lld}",
		sink->requests, sink->events, sink->connections, (long long)sink->last_us);
}

static void answer(struct client *client, const char *status, const char *body)
{
	char text[ANSWER_MAX];
	int len = snprintf(text, sizeof(text),
		"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		status, strlen(body), body);

	/* Far below the socket's buffer: it goes as a whole, or the client has left. */
	if (len < 0 || send(client->fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		(void)shutdown(client->fd, SHUT_RDWR);
}

static unsigned count_events(const char *body, size_t len)
{
	static const char mark[] = "\"specversion\"";
	const char *end = body + len;
	unsigned n = 0;

	while ((body = memmem(body, (size_t)(end - body), mark, sizeof(mark) - 1)) != NULL) {
		body += sizeof(mark) - 1;
		n++;
	}
	return n;
}

/* -1: no Content-Length. */
static long body_length(const char *head, size_t len)
{
	static const char name[] = "\r\nContent-Length:";
	const char *at, *end = head + len - (sizeof(name) - 1);

	for (at = head; at <= end; at++) {
		at = memchr(at, '\r', (size_t)(end - at) + 1);
		if (at == NULL)
			return -1;
		if (strncasecmp(at, name, sizeof(name) - 1) == 0)
			return strtol(at + sizeof(name) - 1, NULL, 10);
	}
	return -1;
}

/* Serve the first request in the buffer; false: it isn't whole yet. */
static bool serve_next(struct sink *sink, struct client *client)
{
	const char *end = memmem(client->in, client->len, "\r\n\r\n", 4);
	char counts[ANSWER_MAX / 2];
	size_t head;
	long body;

	if (end == NULL)
		return false;
	head = (size_t)(end - client->in) + 4;
	body = body_length(client->in, head);
	if (body < 0)
		body = 0;
	if (client->len < head + (size_t)body)
		return false;
	if (strncmp(client->in, "GET ", 4) == 0) {
		(void)print_counts(sink, counts, sizeof(counts));
		answer(client, "200 OK", counts);
	} else {
		sink->requests++;
		sink->events += count_events(client->in + head, (size_t)body);
		sink->last_us = bench_now_us();
		answer(client, "201 Created", "{\"ref\":\"R-1\"}");
	}
	client->len -= head + (size_t)body;
	memmove(client->in, client->in + head + body, client->len);
	return true;
}

static void close_client(struct sink *sink, struct client *client)
{
	sink->clients[client->fd] = NULL;
	(void)close(client->fd);
	free(client->in);
	free(client);
}

static void on_readable(struct sink *sink, struct client *client)
{
	ssize_t n = recv(client->fd, client->in + client->len, REQUEST_MAX - client->len, 0);

	if (n <= 0) {
		close_client(sink, client);
		return;
	}
	client->len += (size_t)n;
	while (serve_next(sink, client))
		continue;
}

static void on_connection(struct sink *sink)
{
	struct client *client;
	int on = 1, fd = accept4(sink->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (fd >= CLIENTS_MAX || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
		(void)close(fd);
		return;
	}
	client = bench_alloc(1, sizeof(*client));
	client->fd = fd;
	client->in = bench_alloc(1, REQUEST_MAX);
	sink->clients[fd] = client;
	sink->connections++;
	watch(sink, fd, client);
}

static void open_sink(struct sink *sink, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	sigset_t signals;
	int on = 1;

	sink->epoll = epoll_create1(EPOLL_CLOEXEC);
	sink->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(sink->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(sink->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(sink->listener, 128) != 0)
		bench_die("cannot listen on port %d: %s", port, strerror(errno));
	if (sigemptyset(&signals) != 0 || sigaddset(&signals, SIGTERM) != 0 ||
		sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		bench_die("cannot block SIGTERM: %s", strerror(errno));
	sink->signals = signalfd(-1, &signals, SFD_CLOEXEC);
	watch(sink, sink->listener, &sink->listener);
	watch(sink, sink->signals, &sink->signals);
}

static void run(struct sink *sink)
{
	struct epoll_event events[64];
	int i, n;

	for (;;) {
		n = epoll_wait(sink->epoll, events, 64, -1);
		for (i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == &sink->signals)
				return;
			if (what == &sink->listener)
				on_connection(sink);
			else
				on_readable(sink, what);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "port", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 } };
	static struct sink sink;
	char counts[ANSWER_MAX];
	int i, port = 0;

	if (getopt_long(argc, argv, "", table, NULL) == 'p')
		port = (int)bench_number("--port", optarg, 65535);
	if (port == 0)
		bench_die("usage: bench_sink --port N");
	open_sink(&sink, port);
	run(&sink);
	(void)print_counts(&sink, counts, sizeof(counts));
	(void)puts(counts);
	for (i = 0; i < CLIENTS_MAX; i++)
		if (sink.clients[i] != NULL)
			close_client(&sink, sink.clients[i]);
	return 0;
}
