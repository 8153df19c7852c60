/*
 * Two texts, line by line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/diff.h"

static void expect(const char *expected, const char *actual, const char *diff)
{
	struct buf out = BUF_INIT;

	buf_puts(&out, "");
	diff_lines(expected, actual, &out);
	assert_false(buf_failed(&out));
	assert_string_equal(out.data, diff);
	buf_done(&out);
}

static void test_the_same_gives_nothing(void **state)
{
	(void)state;
	expect("", "", "");
	expect("a", "a\n", "");
	expect("a\nb\nc\n", "a\nb\nc\n", "");
}

static void test_missing_and_new_lines_are_marked(void **state)
{
	(void)state;
	expect("a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c\n");
	expect("a\nc\n", "a\nb\nc\n", "  a\n+ b\n  c\n");
	expect("a\nb\nc\n", "a\nc\n", "  a\n- b\n  c\n");
	expect("", "a\n", "+ a\n");
	expect("a\n", "", "- a\n");
}

static void test_what_is_common_between_differences_is_kept(void **state)
{
	(void)state;
	expect("1\na\nb\n2\n", "3\na\nb\n4\n", "- 1\n+ 3\n  a\n  b\n- 2\n+ 4\n");
	expect("x\na\ny\nb\n", "a\nz\nb\n", "- x\n  a\n- y\n+ z\n  b\n");
}

static void test_far_lines_are_left_out(void **state)
{
	(void)state;
	expect("1\n2\n3\n4\n5\nx\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\ny\n6\n7\n8\n9\n",
		"  …\n  3\n  4\n  5\n- x\n+ y\n  6\n  7\n  8\n  …\n");
	expect("x\n1\n2\n3\n4\n5\n6\n7\n8\nx\n", "y\n1\n2\n3\n4\n5\n6\n7\n8\ny\n",
		"- x\n+ y\n  1\n  2\n  3\n  …\n  6\n  7\n  8\n- x\n+ y\n");
}

/* What is printed, applied to one text, gives the other. */
static void test_long_texts_are_told_whole(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT, out = BUF_INIT;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		buf_printf(&a, "a%d\n", i);
		buf_printf(&b, "b%d\n", i);
	}
	diff_lines(a.data, b.data, &out);
	assert_non_null(strstr(out.data, "- a0\n- a1\n"));
	assert_non_null(strstr(out.data, "- a2999\n+ b0\n"));
	assert_non_null(strstr(out.data, "+ b2999\n"));
	buf_done(&a);
	buf_done(&b);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_gives_nothing),
		cmocka_unit_test(test_missing_and_new_lines_are_marked),
		cmocka_unit_test(test_what_is_common_between_differences_is_kept),
		cmocka_unit_test(test_far_lines_are_left_out),
		cmocka_unit_test(test_long_texts_are_told_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
