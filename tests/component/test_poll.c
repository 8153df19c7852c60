/*
 * fleet.url against a server on loopback: what is asked, what is handed on, and how often.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "clock.h"
#include "courier/http_client.h"
#include "dray/jws.h"
#include "dray/metrics.h"
#include "fleet/poll.h"
#include "help_store.h"
#include "secret.h"
#include "turn.h"

#define EVERY_MS 40
#define PATIENCE 2000

static struct {
	struct event_base *base;
	struct evhttp *server;
	struct evhttp_bound_socket *bound;
	struct shed shed;
	struct metrics *metrics;
	struct turn *turn;
	struct http_client *http;
	struct poll *poll;
	struct secret_dirs secrets;
	struct config config;
	char url[64], folder[64];
	/* the server's */
	int status;
	const char *etag, *modified;
	struct buf body;
	unsigned asked;
	char match[64], since[64], token[64];
	/* what was handed on */
	unsigned taken;
	size_t len;
	char text[64];
} f;

static void keep(char out[64], struct evhttp_request *request, const char *name)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);

	(void)snprintf(out, 64, "%s", value ? value : "");
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();
	int status = f.status;

	(void)arg;
	f.asked++;
	keep(f.match, request, "If-None-Match");
	keep(f.since, request, "If-Modified-Since");
	keep(f.token, request, "Authorization");
	if (f.etag)
		evhttp_add_header(headers, "ETag", f.etag);
	if (f.modified)
		evhttp_add_header(headers, "Last-Modified", f.modified);
	if (status == 200 && ((f.etag && strcmp(f.match, f.etag) == 0) ||
				     (f.modified && strcmp(f.since, f.modified) == 0)))
		status = 304;
	if (status == 200)
		evbuffer_add(body, f.body.data, f.body.len);
	evhttp_send_reply(request, status, "", body);
	evbuffer_free(body);
}

static void on_document(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	f.taken++;
	f.len = len;
	(void)snprintf(f.text, sizeof(f.text), "%.*s", (int)(len < 63 ? len : 63), text);
}

static int set_up(void **state)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	memset(&f, 0, sizeof(f));
	f.base = event_base_new();
	f.server = evhttp_new(f.base);
	f.bound = evhttp_bind_socket_with_handle(f.server, "127.0.0.1", 0);
	assert_non_null(f.bound);
	assert_int_equal(
		getsockname(evhttp_bound_socket_get_fd(f.bound), (struct sockaddr *)&address, &len),
		0);
	evhttp_set_gencb(f.server, on_request, NULL);
	(void)snprintf(
		f.url, sizeof(f.url), "http://127.0.0.1:%d/dc.json", ntohs(address.sin_port));
	(void)snprintf(f.folder, sizeof(f.folder), "/tmp/dray-poll-XXXXXX");
	assert_non_null(mkdtemp(f.folder));
	f.secrets.beside = f.folder;
	shed_init(&f.shed, NULL);
	f.metrics = metrics_new();
	f.turn = turn_new(f.base, f.shed.store, f.metrics, clock_system());
	f.http = http_client_new(f.base);
	f.poll = poll_new(&(struct poll_options){ .base = f.base,
		.turn = f.turn,
		.http = f.http,
		.clock = clock_system(),
		.secrets = &f.secrets,
		.on_document = on_document });
	assert_non_null(f.poll);
	f.config.has_fleet = true;
	f.config.fleet.url = f.url;
	f.config.fleet.every_ms = EVERY_MS;
	f.status = 200;
	buf_puts(&f.body, "{\"revision\":1}");
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	poll_free(f.poll);
	turn_free(f.turn);
	http_client_free(f.http);
	evhttp_free(f.server);
	event_base_free(f.base);
	metrics_free(f.metrics);
	shed_done(&f.shed);
	(void)snprintf(path, sizeof(path), "%s/token", f.folder);
	(void)unlink(path);
	assert_int_equal(rmdir(f.folder), 0);
	buf_done(&f.body);
	return 0;
}

static void configure(void)
{
	struct error err;

	assert_int_equal(poll_configure(f.poll, &f.config, &err), 0);
}

static void run_turn(void)
{
	assert_true(event_base_loop(f.base, EVLOOP_NONBLOCK) >= 0);
	turn_finish(f.turn);
	usleep(500);
}

static void wait_asked(unsigned n)
{
	for (int i = 0; i < PATIENCE && f.asked < n; i++)
		run_turn();
	assert_true(f.asked >= n);
}

/* The server has answered the n-th question, and the answer has been looked at: the next one was asked. */
static void wait_answered(unsigned n)
{
	wait_asked(n + 1);
}

static void wait_taken(unsigned n)
{
	for (int i = 0; i < PATIENCE && f.taken < n; i++)
		run_turn();
	assert_int_equal(f.taken, n);
}

static void say(const char *text)
{
	buf_reset(&f.body);
	buf_puts(&f.body, text);
}

static void write_token(const char *text)
{
	char path[128];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/token", f.folder);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* --- tests ------------------------------------------------------------------------------------------ */

static void test_a_document_is_handed_on_once_and_then_asked_for_by_its_tag(void **state)
{
	(void)state;
	f.etag = "W/\"a, b\"";
	configure();
	wait_taken(1);
	assert_string_equal(f.text, "{\"revision\":1}");
	assert_string_equal(f.match, "");
	wait_answered(3);
	assert_string_equal(f.match, f.etag);
	assert_int_equal(f.taken, 1);
	assert_string_equal(poll_fault(f.poll), "");
	f.etag = "\"c\"";
	say("{\"revision\":2}");
	wait_taken(2);
	assert_string_equal(f.text, "{\"revision\":2}");
}

static void test_without_a_tag_the_date_does(void **state)
{
	(void)state;
	f.modified = "Sun, 22 Nov 2026 07:00:00 GMT";
	configure();
	wait_taken(1);
	wait_answered(2);
	assert_string_equal(f.since, f.modified);
	assert_string_equal(f.match, "");
	assert_int_equal(f.taken, 1);
}

static void test_without_either_all_of_it_comes_each_time(void **state)
{
	(void)state;
	configure();
	wait_taken(3);
	assert_string_equal(f.match, "");
}

static void test_nothing_leaves_before_release(void **state)
{
	(void)state;
	configure();
	for (int i = 0; i < 100; i++) {
		assert_true(event_base_loop(f.base, EVLOOP_NONBLOCK) >= 0);
		usleep(1000);
	}
	assert_int_equal(f.asked, 0);
	turn_finish(f.turn);
	wait_taken(1);
}

static void test_none_for_this_site_is_no_fault_and_may_come_later(void **state)
{
	(void)state;
	f.status = 404;
	configure();
	wait_answered(2);
	assert_int_equal(f.taken, 0);
	assert_string_equal(poll_fault(f.poll), "it answers 404");
	f.status = 200;
	wait_taken(1);
	assert_string_equal(poll_fault(f.poll), "");
}

static void test_what_is_taken_away_and_comes_back_is_handed_on_again(void **state)
{
	(void)state;
	f.etag = "\"a\"";
	configure();
	wait_taken(1);
	f.status = 410;
	wait_answered(f.asked + 1);
	f.status = 200;
	wait_taken(2);
}

static void test_a_fault_is_told_and_passes(void **state)
{
	static const struct {
		int status;
		const char *words;
	} rows[] = {
		{ 500, "it answers 500" },
		{ 401, "look at fleet.token" },
		{ 302, "redirects are not followed" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f.status = rows[i].status;
		configure();
		wait_answered(f.asked + 1);
		assert_non_null(strstr(poll_fault(f.poll), rows[i].words));
		assert_int_equal(f.taken, i);
		f.status = 200;
		wait_taken((unsigned)i + 1);
		assert_string_equal(poll_fault(f.poll), "");
	}
}

static void test_a_server_that_is_down_is_asked_again(void **state)
{
	(void)state;
	evhttp_del_accept_socket(f.server, f.bound);
	configure();
	for (int i = 0; i < PATIENCE && !*poll_fault(f.poll); i++)
		run_turn();
	assert_string_not_equal(poll_fault(f.poll), "");
	f.bound = evhttp_bind_socket_with_handle(
		f.server, "127.0.0.1", (uint16_t)strtol(strrchr(f.url, ':') + 1, NULL, 10));
	assert_non_null(f.bound);
	wait_taken(1);
}

static void test_the_token_is_read_for_each_question(void **state)
{
	struct error err;
	(void)state;

	f.config.fleet.token.file = (char *)"token";
	assert_int_equal(poll_check(&f.config, &f.secrets, &err), -1);
	assert_string_equal(err.path, "fleet.token");
	write_token("of-monday\n");
	assert_int_equal(poll_check(&f.config, &f.secrets, &err), 0);
	configure();
	wait_taken(1);
	assert_string_equal(f.token, "Bearer of-monday");
	write_token("of-tuesday\n");
	wait_answered(f.asked + 1);
	assert_string_equal(f.token, "Bearer of-tuesday");
	write_token("in two words\n");
	assert_int_equal(poll_check(&f.config, &f.secrets, &err), -1);
	for (int i = 0; i < PATIENCE && !*poll_fault(f.poll); i++)
		run_turn();
	assert_non_null(
		strstr(poll_fault(f.poll), "fleet.token: the token in the file token holds"));
}

static void test_one_that_is_too_large_is_cut_where_that_can_be_seen(void **state)
{
	char *room;
	(void)state;

	room = buf_reserve(&f.body, JWS_MAX + 1000);
	assert_non_null(room);
	memset(room, 'x', JWS_MAX + 1000);
	f.body.len += JWS_MAX + 1000;
	configure();
	wait_taken(1);
	assert_int_equal(f.len, JWS_MAX + 1);
}

static void test_with_a_configuration_it_is_asked_for_whole_again(void **state)
{
	struct config next = { 0 };
	struct error err;
	(void)state;

	f.etag = "\"a\"";
	configure();
	wait_taken(1);
	next = f.config;
	assert_int_equal(poll_configure(f.poll, &next, &err), 0);
	wait_taken(2);
	assert_string_equal(f.match, "");
	wait_answered(f.asked + 1);
	assert_int_equal(f.taken, 2);
}

static void test_without_a_section_or_a_url_nothing_is_asked(void **state)
{
	unsigned asked;
	(void)state;

	configure();
	wait_taken(1);
	f.config.has_fleet = false;
	configure();
	asked = f.asked;
	for (int i = 0; i < 300; i++)
		run_turn();
	assert_int_equal(f.asked, asked);
	f.config.has_fleet = true;
	f.config.fleet.url = NULL;
	configure();
	for (int i = 0; i < 300; i++)
		run_turn();
	assert_int_equal(f.asked, asked);
	f.config.fleet.url = f.url;
	configure();
	wait_asked(asked + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_document_is_handed_on_once_and_then_asked_for_by_its_tag),
		TEST(test_without_a_tag_the_date_does),
		TEST(test_without_either_all_of_it_comes_each_time),
		TEST(test_nothing_leaves_before_release),
		TEST(test_none_for_this_site_is_no_fault_and_may_come_later),
		TEST(test_what_is_taken_away_and_comes_back_is_handed_on_again),
		TEST(test_a_fault_is_told_and_passes),
		TEST(test_a_server_that_is_down_is_asked_again),
		TEST(test_the_token_is_read_for_each_question),
		TEST(test_one_that_is_too_large_is_cut_where_that_can_be_seen),
		TEST(test_with_a_configuration_it_is_asked_for_whole_again),
		TEST(test_without_a_section_or_a_url_nothing_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
