/* Which trace an event belongs to, and what a request for it says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "dray/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00-" TRACE "-00f067aa0ba902b7-01"
#define BEFORE "{\"specversion\":\"1.0\",\"id\":\"1\","
#define BEHIND "\"receivedtime\":\"2026-11-21T14:04:05.301Z\",\"data\":{}}"
#define OWN "\"traceparent\":\"" PARENT "\","

static void test_what_is_a_traceparent(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} rows[] = {
		{ PARENT, true },
		{ "", false },
		{ "00-" TRACE "-00f067aa0ba902b7-0", false },
		{ "00-" TRACE "-00f067aa0ba902b7-011", false },
		{ "01-" TRACE "-00f067aa0ba902b7-01", false },
		{ "00-" TRACE "-00F067AA0BA902B7-01", false },
		{ "00-" TRACE "-0000000000000000-01", false },
		{ "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
		{ "00-" TRACE "_00f067aa0ba902b7-01", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(trace_is_valid(rows[i].text), rows[i].is_valid);
}

static void test_an_event_says_its_own(void **state)
{
	static const struct {
		const char *body;
		bool has_one;
	} rows[] = {
		{ BEFORE OWN BEHIND, true },
		{ BEFORE BEHIND, false },
		{ "", false },
		{ "{\"traceparent\":\"", false },
		{ BEFORE "\"traceparent\":\"00-" TRACE "\"," BEHIND, false },
		{ BEFORE "\"traceparent\":\"" PARENT "1\"," BEHIND, false },
		{ BEFORE "\"traceparent\":7," BEHIND, false },
		/* a stranger's */
		{ BEFORE "\"receivedtime\":\"2026\",\"data\":{" OWN "\"a\":1}}", false },
		{ BEFORE "\"subject\":\"\\\"traceparent\\\":\\\"" PARENT "\"," BEHIND, false },
		{ BEFORE OWN "\"data\":{}}", false },
	};
	char found[TRACE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			trace_find(rows[i].body, strlen(rows[i].body), found), rows[i].has_one);
		if (rows[i].has_one)
			assert_string_equal(found, PARENT);
	}
}

static void test_no_byte_behind_the_event_is_read(void **state)
{
	static const char body[] = BEFORE OWN BEHIND;
	char found[TRACE_BYTES];

	(void)state;
	for (size_t len = 0; len < sizeof(body) - 1; len++) {
		char *exact = len ? memcpy(test_malloc(len), body, len) : NULL;

		(void)trace_find(exact ? exact : "", len, found);
		test_free(exact);
	}
}

static void test_a_step_keeps_trace_and_flags(void **state)
{
	char parent[TRACE_BYTES] = PARENT, other[TRACE_BYTES] = PARENT;

	(void)state;
	trace_step(parent, UINT64_C(0xb7ad6b7169203331));
	assert_string_equal(parent, "00-" TRACE "-b7ad6b7169203331-01");
	assert_true(trace_is_same(parent, other));
	trace_step(parent, 0);
	assert_true(trace_is_valid(parent));
	other[3] = '5';
	assert_false(trace_is_same(parent, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_a_traceparent),
		cmocka_unit_test(test_an_event_says_its_own),
		cmocka_unit_test(test_no_byte_behind_the_event_is_read),
		cmocka_unit_test(test_a_step_keeps_trace_and_flags),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
