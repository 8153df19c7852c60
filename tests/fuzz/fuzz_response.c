/*
 * fuzz_response.c - any bytes as what a destination's server sends back, over a socket, through
 * libcurl and the HTTP client: the answer is whole, bounded, and what it leads to is decided.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "courier/http_client.h"
#include "dray/connector.h"
#include "dray/outcome.h"
#include "help_fuzz.h"

#define ANSWER_MAX 4096

static struct {
	struct event_base *base;
	struct http_client *client;
	struct http_pool *pool;
	struct event *listener;
	char url[64];
	const uint8_t *bytes;
	size_t len;
	bool is_done;
} line;

/* The request is there, whole: it is small. */
static void on_request(evutil_socket_t fd, short what, void *ctx)
{
	char request[4096];

	(void)what;
	(void)ctx;
	(void)!recv(fd, request, sizeof(request), 0);
	(void)!send(fd, line.bytes, line.len, MSG_NOSIGNAL);
	(void)close(fd);
}

static void on_caller(evutil_socket_t fd, short what, void *ctx)
{
	int caller = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)what;
	(void)ctx;
	check(caller >= 0 &&
		event_base_once(line.base, caller, EV_READ, on_request, NULL, NULL) == 0);
}

static void open_line(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	check(fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && listen(fd, 16) == 0 &&
		getsockname(fd, (struct sockaddr *)&at, &size) == 0);
	line.base = event_base_new();
	line.listener = event_new(line.base, fd, EV_READ | EV_PERSIST, on_caller, NULL);
	check(event_add(line.listener, NULL) == 0);
	line.client = http_client_new(line.base);
	line.pool = http_pool_new(line.client,
		&(struct http_pool_options){
			.connections = 1, .timeout_ms = 2000, .max_answer = ANSWER_MAX });
	check(line.pool != NULL);
	(void)snprintf(line.url, sizeof(line.url), "http://127.0.0.1:%u/x", ntohs(at.sin_port));
}

static void check_verdict(const struct http_answer *answer, enum outcome_mode mode, unsigned count)
{
	const struct outcome_input input = { .transport = answer->transport,
		.status = answer->status,
		.mode = mode,
		.batch_count = count,
		.doubt_age_ms = 0,
		.settle_ms = 1000 };
	struct outcome_verdict verdict = outcome_classify(&input);
	bool is_good = answer->transport == TRANSPORT_ANSWERED && answer->status / 100 == 2;

	check((verdict.outcome == OUTCOME_DONE) == is_good);
	/* Nothing is surely unapplied but what never left, or was refused. */
	if (verdict.is_proven)
		check(answer->transport == TRANSPORT_NOT_SENT ||
			(answer->status >= 300 && answer->status < 500));
}

static const char *find_header(const struct http_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->n_headers; i++)
		if (strcmp(answer->headers[i].name, name) == 0)
			return answer->headers[i].value;
	return NULL;
}

/* Lower case names, each once but for cookies; values of one line. */
static void check_headers(const struct http_answer *answer)
{
	check(answer->n_headers <= 64);
	check(answer->transport == TRANSPORT_ANSWERED || answer->n_headers == 0);
	for (size_t i = 0; i < answer->n_headers; i++) {
		const struct connector_header *header = &answer->headers[i];

		check(header->name[0] && !strpbrk(header->name, ": \t\r\nABCXYZ"));
		check(!strpbrk(header->value, "\r\n"));
		check(find_header(answer, header->name) == header->value ||
			strcmp(header->name, "set-cookie") == 0);
	}
}

static void on_answer(void *ctx, const struct http_answer *answer)
{
	char ref[129], words[200];

	(void)ctx;
	line.is_done = true;
	check(answer->body && answer->error && answer->len <= ANSWER_MAX);
	check(answer->body[answer->len] == '\0');
	check_headers(answer);
	check(answer->transport == TRANSPORT_ANSWERED ? answer->error[0] == '\0'
						      : answer->status == 0 && answer->error[0]);
	/* It was sent, whatever came back. */
	check(answer->transport != TRANSPORT_NOT_SENT);
	check(outcome_retry_after_ms(find_header(answer, "retry-after"), INT64_C(1795269845000)) >=
		-1);
	for (unsigned count = 1; count < 3; count++) {
		check_verdict(answer, OUTCOME_MODE_HEADER, count);
		check_verdict(answer, OUTCOME_MODE_NONE, count);
	}
	connector_read_ref(answer->body, answer->len, ref, sizeof(ref));
	check_words(ref, strlen(ref));
	connector_read_refusal(answer->body, answer->len, words, sizeof(words));
	check_words(words, strlen(words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_request request = {
		.method = "POST", .url = line.url, .body = "{}", .len = 2, .fresh_connection = true
	};

	if (!line.base)
		open_line();
	line.bytes = data;
	line.len = size;
	line.is_done = false;
	check(http_start(line.pool, &request, on_answer, NULL) == 0);
	while (!line.is_done)
		check(event_base_loop(line.base, EVLOOP_ONCE) >= 0);
	return 0;
}
