/*
 * post_loop.c - the limit of posting: a bare curl-multi loop, sixteen kept-alive connections.
 *
 * The same kind of request as drayd makes for one event, or for a batch of them: a canonical body, a
 * content type and an idempotency key, but nothing is read, stored, or decided. Driven by curl_multi_socket_action()
 * on epoll, as drayd drives it on libevent.
 */
#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"
#include "receipt.h"

#define CONNECTIONS_MAX 64

struct loop {
	CURLM *multi;
	int epoll;
	int64_t due_us; /* when libcurl wants to be called without an event; -1: not */
	struct curl_slist *headers;
	char url[128];
	char *body;
	size_t len;
	size_t events; /* in a request; more than one: an array of them */
	size_t count, started, done, failed;
	int64_t answered_bytes;
};

static void check(bool is_fine, const char *what)
{
	if (!is_fine)
		bench_die("%s failed", what);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct loop *loop = ctx;

	(void)bytes;
	loop->answered_bytes += (int64_t)(size * n);
	return size * n;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct loop *loop = ctx;
	struct epoll_event event = { .data.fd = fd };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
		       (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	check(epoll_ctl(loop->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) ==
			0,
		"epoll_ctl");
	if (known == NULL)
		check(curl_multi_assign(loop->multi, fd, loop) == CURLM_OK, "curl_multi_assign");
	return 0;
}

/* libcurl's timer costs no system call here, nor in libevent. */
static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct loop *loop = ctx;

	(void)multi;
	loop->due_us = timeout_ms < 0 ? -1 : bench_now_us() + timeout_ms * 1000;
	return 0;
}

static void start_post(struct loop *loop, CURL *easy)
{
	check(curl_multi_add_handle(loop->multi, easy) == CURLM_OK, "curl_multi_add_handle");
	loop->started++;
}

static CURL *new_post(struct loop *loop)
{
	CURL *easy = curl_easy_init();

	check(easy != NULL, "curl_easy_init");
	check(curl_easy_setopt(easy, CURLOPT_URL, loop->url) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, loop->body) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)loop->len) ==
				CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_HTTPHEADER, loop->headers) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_WRITEDATA, loop) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK,
		"curl_easy_setopt");
	return easy;
}

static void collect_answers(struct loop *loop)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (message->data.result != CURLE_OK || status != 201)
			loop->failed++;
		loop->done++;
		check(curl_multi_remove_handle(loop->multi, easy) == CURLM_OK,
			"curl_multi_remove_handle");
		if (loop->started < loop->count)
			start_post(loop, easy);
		else
			curl_easy_cleanup(easy);
	}
}

static void make_body(struct loop *loop)
{
	char text[RECEIPT_MAX];
	struct receipt receipt;

	receipt_make(&receipt, "7abc-8def", 1, 42, 1001);
	size_t len = receipt_print_canonical(&receipt, text);
	loop->body = bench_alloc(loop->events + 1, RECEIPT_MAX + 1);
	for (size_t i = 0; i < loop->events; i++) {
		if (loop->events > 1)
			loop->body[loop->len++] = i == 0 ? '[' : ',';
		memcpy(loop->body + loop->len, text, len);
		loop->len += len;
	}
	if (loop->events > 1)
		loop->body[loop->len++] = ']';
}

static void open_loop(struct loop *loop, int port)
{
	make_body(loop);
	check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "curl_global_init");
	loop->multi = curl_multi_init();
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->due_us = -1;
	check(loop->multi != NULL && loop->epoll >= 0, "opening the loop");
	check(curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
			curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop) == CURLM_OK &&
			curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer) ==
				CURLM_OK &&
			curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop) == CURLM_OK,
		"curl_multi_setopt");
	loop->headers = curl_slist_append(NULL, "Content-Type: application/json");
	loop->headers = curl_slist_append(
		loop->headers, "Idempotency-Key: 01937f3e-6c1a-8b55-9f0e-2f6f3f0c9b11");
	check(loop->headers != NULL, "curl_slist_append");
	(void)snprintf(loop->url, sizeof(loop->url), "http://127.0.0.1:%d/events", port);
}

static void act(struct loop *loop, curl_socket_t fd, int mask)
{
	int running;

	check(curl_multi_socket_action(loop->multi, fd, mask, &running) == CURLM_OK,
		"curl_multi_socket_action");
}

static void run(struct loop *loop, unsigned connections)
{
	struct epoll_event events[CONNECTIONS_MAX];
	int i, n;

	while (connections-- > 0 && loop->started < loop->count)
		start_post(loop, new_post(loop));
	while (loop->done < loop->count) {
		bool is_due = loop->due_us >= 0 && loop->due_us <= bench_now_us();

		n = epoll_wait(loop->epoll, events, CONNECTIONS_MAX, is_due ? 0 : 10);
		for (i = 0; i < n; i++) {
			uint32_t ready = events[i].events;

			act(loop, events[i].data.fd,
				(ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
					(ready & ~(uint32_t)EPOLLOUT ? CURL_CSELECT_IN : 0));
		}
		if (is_due) {
			loop->due_us = -1;
			act(loop, CURL_SOCKET_TIMEOUT, 0);
		}
		collect_answers(loop);
	}
}

int main(int argc, char **argv)
{
	static const struct option table[] = { { "port", required_argument, NULL, 'p' },
		{ "count", required_argument, NULL, 'c' },
		{ "connections", required_argument, NULL, 'n' },
		{ "events", required_argument, NULL, 'e' }, { NULL, 0, NULL, 0 } };
	static struct loop loop = { .count = 100000, .events = 1 };
	unsigned connections = 16;
	int64_t started_us, cpu_us;
	double seconds;
	int c, port = 0;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'p')
			port = (int)bench_number("--port", optarg, 65535);
		else if (c == 'c')
			loop.count = (size_t)bench_number("--count", optarg, 100000000);
		else if (c == 'n')
			connections =
				(unsigned)bench_number("--connections", optarg, CONNECTIONS_MAX);
		else if (c == 'e')
			loop.events = (size_t)bench_number("--events", optarg, 10000);
		else
			loop.events = 0;
	}
	if (port == 0 || loop.events == 0)
		bench_die("usage: bench_post_loop --port N [--count REQUESTS] [--connections N] "
			  "[--events IN_A_REQUEST]");
	open_loop(&loop, port);
	started_us = bench_now_us();
	cpu_us = bench_cpu_us();
	run(&loop, connections);
	seconds = (double)(bench_now_us() - started_us) / 1e6;
	cpu_us = bench_cpu_us() - cpu_us;
	printf("{\"posts\":%zu,\"failed\":%zu,\"seconds\":%.4f,\"posts_per_s\":%.0f,"
	       "\"cpu_us_per_post\":%.3f}\n",
		loop.done, loop.failed, seconds, (double)loop.done / seconds,
		(double)cpu_us / (double)loop.done);
	check(curl_multi_cleanup(loop.multi) == CURLM_OK, "curl_multi_cleanup");
	curl_slist_free_all(loop.headers);
	free(loop.body);
	curl_global_cleanup();
	return loop.failed == 0 ? 0 : 1;
}
