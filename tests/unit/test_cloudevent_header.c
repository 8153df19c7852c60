#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/cloudevent_header.h"

static void test_a_header_stands_for_its_text(void **state)
{
	static const struct {
		const char *header, *text;
	} rows[] = {
		{ "", "" },
		{ "1.0", "1.0" },
		/* The example of the specification. */
		{ "Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "%e2%82%ac", "\xe2\x82\xac" },
		{ "%41", "A" },
		{ "%2541", "%41" },
		{ "%25%2525", "%%25" },
		{ "\"a b\"", "a b" },
		{ "\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c" },
		{ "\"%20\"", " " },
		{ "\"%2\\30\"", "#0" },
		{ "a\"b", "a\"b" },
		{ "a\\b", "a\\b" },
		{ "100%", "100%" },
		{ "%", "%" },
		{ "%4", "%4" },
		{ "%zz", "%zz" },
		{ "%%41", "%A" },
		{ "%4%41", "%4A" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&out);
		buf_puts(&out, "");
		assert_true(cloudevent_header_decode(rows[i].header, &out));
		assert_int_equal(out.len, strlen(rows[i].text));
		assert_memory_equal(out.data ? out.data : "", rows[i].text, out.len);
	}
	buf_done(&out);
}

static void test_what_has_no_end_or_a_nul_in_it_is_none(void **state)
{
	static const char *const rows[] = { "\"", "\"a", "\"a\\", "\"a\\\"", "\"a\"b", "\"a\" ",
		"%00", "a%00b", "\"%00\"" };
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(cloudevent_header_decode(rows[i], &out));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_stands_for_its_text),
		cmocka_unit_test(test_what_has_no_end_or_a_nul_in_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
