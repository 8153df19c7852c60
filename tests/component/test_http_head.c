/* What stands around a body: methods and headers on the way out, headers and cookies on the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "help_http.h"

static struct wire wire;

static int set_up(void **state)
{
	(void)state;
	wire_open(&wire);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	wire_close(&wire);
	return 0;
}

static void test_headers_are_handed_on_trimmed(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/later");

	assert_int_equal(seen.status, 429);
	assert_string_equal(seen.headers, "retry-after=120|content-length=0|");
	assert_string_equal(wire_post(&wire, "/ok").headers, "content-length=12|");
}

static void test_headers_have_lower_names_and_come_once_but_for_cookies(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/headers");

	assert_int_equal(seen.status, 200);
	assert_string_equal(seen.body, "{}");
	/* What the interim response said, a trailer, and what is no header are not there. */
	assert_string_equal(seen.headers,
		"content-type=application/json; charset=utf-8|link=<a>, <b>, <c>|set-cookie=a=1|"
		"x-empty=1|etag=one   two|set-cookie=b=2|transfer-encoding=chunked|");
	assert_string_equal(wire_post(&wire, "/ok").headers, "content-length=12|");
}

static void test_headers_are_bounded_in_number_and_size(void **state)
{
	(void)state;
	struct seen seen = wire_post(&wire, "/many");

	assert_int_equal(seen.status, 200);
	assert_int_equal(seen.n_headers, 64);
	assert_non_null(strstr(seen.headers, "|x-62=62|"));
	assert_string_equal(wire_post(&wire, "/long").headers, "content-length=0|x-short=here|");
}

static void test_no_answer_has_no_headers(void **state)
{
	(void)state;
	wire_change_pool(&wire, 300, false);
	struct seen seen = wire_post(&wire, "/half");

	assert_int_equal(seen.transport, TRANSPORT_NO_ANSWER);
	assert_int_equal(seen.n_headers, 0);
}

/* In older libcurl it is appended to the last header of the answer before, which is freed. */
static void test_an_answer_that_begins_with_a_folded_header_touches_no_other(void **state)
{
	(void)state;
	assert_int_equal(wire_post(&wire, "/later").status, 429);
	assert_int_not_equal(wire_post(&wire, "/folded").transport, TRANSPORT_NOT_SENT);
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
}

static void test_every_method_sends_what_it_should(void **state)
{
	static const struct {
		const char *method, *body, *head, *length;
	} rows[] = {
		{ "GET", NULL, "GET /ok HTTP/1.1\r\n", NULL },
		{ "POST", "{}", "POST /ok HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ "DELETE", NULL, "DELETE /ok HTTP/1.1\r\n", NULL },
		{ "PUT", "{}", "PUT /ok HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ "PATCH", "{}", "PATCH /ok HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ "DELETE", "{}", "DELETE /ok HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n" },
		{ "POST", NULL, "POST /ok HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n" },
		{ "GET", "{}", "GET /ok HTTP/1.1\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = { 0 };
		const char *end;

		assert_int_equal(wire_start(&wire,
					 (struct http_request){ .method = rows[i].method,
						 .url = "/ok",
						 .body = rows[i].body,
						 .len = rows[i].body ? 2 : 0 },
					 &seen),
			0);
		wire_wait(&wire, &seen, 1);
		assert_int_equal(seen.status, 201);
		assert_memory_equal(wire.last, rows[i].head, strlen(rows[i].head));
		end = strstr(wire.last, "\r\n\r\n");
		assert_string_equal(end + 4, rows[i].length && rows[i].body ? rows[i].body : "");
		if (rows[i].length)
			assert_non_null(strstr(wire.last, rows[i].length));
		else
			assert_null(strstr(wire.last, "Content-Length"));
		assert_null(strstr(wire.last, "Content-Type"));
	}
}

static void test_cookies_are_kept_only_where_asked_and_until_forgotten(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(wire_post(&wire, "/set").status, 200);
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	assert_null(strstr(wire.last, "Cookie"));
	wire_change_pool(&wire, 60000, true);
	assert_int_equal(wire_post(&wire, "/set").status, 200);
	assert_null(strstr(wire.last, "Cookie"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wire_post(&wire, "/ok").status, 201);
		assert_non_null(strstr(wire.last, "\r\nCookie: sid=s1\r\n"));
	}
	assert_int_equal(wire_start(&wire,
				 (struct http_request){
					 .method = "POST", .url = "/ok", .forgets_cookies = true },
				 &seen),
		0);
	wire_wait(&wire, &seen, 1);
	assert_null(strstr(wire.last, "Cookie"));
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	assert_null(strstr(wire.last, "Cookie"));
}

/* The token comes from one host, the events go to another. */
static void test_cookies_go_back_to_their_host_alone(void **state)
{
	char url[128];
	struct seen seen = { 0 };

	(void)state;
	wire_change_pool(&wire, 60000, true);
	(void)snprintf(url, sizeof(url), "http://localhost:%u/set", wire.port);
	assert_int_equal(
		wire_start(&wire, (struct http_request){ .method = "POST", .url = url }, &seen), 0);
	wire_wait(&wire, &seen, 1);
	assert_int_equal(seen.status, 200);
	assert_int_equal(wire_post(&wire, "/ok").status, 201);
	assert_null(strstr(wire.last, "Cookie"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_headers_are_handed_on_trimmed),
		T(test_headers_have_lower_names_and_come_once_but_for_cookies),
		T(test_headers_are_bounded_in_number_and_size),
		T(test_no_answer_has_no_headers),
		T(test_an_answer_that_begins_with_a_folded_header_touches_no_other),
		T(test_every_method_sends_what_it_should),
		T(test_cookies_are_kept_only_where_asked_and_until_forgotten),
		T(test_cookies_go_back_to_their_host_alone),
	};

	return cmocka_run_group_tests_name("http_head", tests, NULL, NULL);
}
