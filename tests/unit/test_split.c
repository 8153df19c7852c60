/* One message, many values. */
#include "dray/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What was told, as one line: values as their text, flaws as !reason(part). */
struct told {
	struct buf line;
	const char *text;
	size_t next; /* index expected */
	int stop_at; /* index at which the handler says 7 */
};

static int on_value(void *ctx, const struct split_part *part, const char *text, size_t len)
{
	struct told *told = ctx;

	assert_int_equal(part->index, told->next++);
	assert_true(part->raw >= told->text);
	if (told->line.len > 0)
		buf_putc(&told->line, '|');
	buf_put(&told->line, text, len);
	return (int)part->index == told->stop_at ? 7 : 0;
}

static int on_flaw(void *ctx, const struct split_part *part, const struct split_flaw *flaw)
{
	struct told *told = ctx;

	told->next = part->index + 1;
	if (told->line.len > 0)
		buf_putc(&told->line, '|');
	buf_printf(&told->line, "!%s(", reason_word(flaw->reason));
	buf_put(&told->line, part->raw, part->len);
	buf_putc(&told->line, ')');
	return 0;
}

static int split(struct told *told, const char *text, bool opens_arrays)
{
	const struct split_options options = { { 64, 4, 100, false }, opens_arrays };
	const struct split_handlers handlers = { on_value, on_flaw, told };
	struct buf scratch = BUF_INIT;
	int status;

	told->text = text;
	buf_puts(&told->line, "");
	status = split_message(text, strlen(text), &options, &scratch, &handlers);
	buf_done(&scratch);
	return status;
}

struct row {
	const char *text, *opened, *whole;
};

static void check(const struct row *row, bool opens_arrays)
{
	struct told told = { .stop_at = -1 };

	assert_int_equal(split(&told, row->text, opens_arrays), 0);
	assert_string_equal(told.line.data, opens_arrays ? row->opened : row->whole);
	buf_done(&told.line);
}

static void test_each_value_is_told_by_itself(void **state)
{
	static const struct row rows[] = {
		{ "{\"a\":1}", "{\"a\":1}", "{\"a\":1}" },
		{ "\xef\xbb\xbf{}", "{}", "{}" },
		{ "{}{}", "{}|{}", "{}|{}" },
		{ "{}\n{}\n", "{}\n|{}\n", "{}\n|{}\n" },
		{ "{},{}", "{}|{}", "{}|{}" },
		{ "[1,2]", "1|2", "[1,2]" },
		{ "[[1],[2]]", "[1]|[2]", "[[1],[2]]" },
		{ "[1][2]", "1|[2]", "[1]|[2]" },
		{ "[{}]{}", "{}|{}", "[{}]|{}" },
		{ "7", "7", "7" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(&rows[i], true);
		check(&rows[i], false);
	}
}

static void test_a_flaw_refuses_no_more_than_it_must(void **state)
{
	static const struct row rows[] = {
		{ "", "!bad_json()", "!bad_json()" },
		{ " \n", "!bad_json( \n)", "!bad_json( \n)" },
		{ "[]", "!bad_json([])", "[]" },
		{ "{\"a\":1,\"a\":2}{}", "!bad_json({\"a\":1,\"a\":2})|{}",
			"!bad_json({\"a\":1,\"a\":2})|{}" },
		{ "[{\"a\":},{}]", "!bad_json({\"a\":})|{}", "!bad_json([{\"a\":},{}])" },
		{ "{} {\"a\":", "{} |!bad_json({\"a\":)", "{} |!bad_json({\"a\":)" },
		{ "{\"a\":\"\xff\"}{}", "!bad_utf8({\"a\":\"\xff\"})|{}",
			"!bad_utf8({\"a\":\"\xff\"})|{}" },
		{ "{\"a\":[[[[1]]]]}", "!too_deep({\"a\":[[[[1]]]]})",
			"!too_deep({\"a\":[[[[1]]]]})" },
		{ "{} x", "{} |!bad_json(x)", "{} |!bad_json(x)" },
		{ "[{}", "{}|!bad_json()", "!bad_json([{})" },
		{ "[{} {}]", "{} |!bad_json({}])", "!bad_json([{} {}])" },
		{ "[{},nonsense,{}]", "{}|!bad_json(nonsense)|{}", "!bad_json([{},nonsense,{}])" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(&rows[i], true);
		check(&rows[i], false);
	}
}

static void test_a_text_is_refused_once_and_whole(void **state)
{
	static const struct row rows[] = {
		{ "hello, this is no JSON", "!bad_json(hello, this is no JSON)",
			"!bad_json(hello, this is no JSON)" },
		{ " a,{\"id\":1},b", "!bad_json( a,{\"id\":1},b)", "!bad_json( a,{\"id\":1},b)" },
		{ "\xef\xbb\xbf"
		  "A;1\nB;2\n",
			"!bad_json(\xef\xbb\xbf"
			"A;1\nB;2\n)",
			"!bad_json(\xef\xbb\xbf"
			"A;1\nB;2\n)" },
		{ "4006381333931,1", "!bad_json(4006381333931,1)", "!bad_json(4006381333931,1)" },
		{ "caf\xe9, no", "!bad_utf8(caf\xe9, no)", "!bad_utf8(caf\xe9, no)" },
		{ "\"text\" ", "\"text\" ", "\"text\" " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check(&rows[i], true);
		check(&rows[i], false);
	}
}

static void test_beyond_a_thousand_the_rest_is_refused_as_one(void **state)
{
	struct told told = { .stop_at = -1 };
	struct buf text = BUF_INIT;

	(void)state;
	for (int i = 0; i < SPLIT_VALUES_MAX + 2; i++)
		buf_puts(&text, "{}");
	assert_int_equal(split(&told, text.data, true), 0);
	assert_string_equal(told.line.data + told.line.len - 17, "|!too_large({}{})");
	assert_int_equal(told.next, SPLIT_VALUES_MAX + 1);
	buf_done(&told.line);
	buf_done(&text);
}

static void test_a_handler_ends_the_split(void **state)
{
	struct told told = { .stop_at = 1 };

	(void)state;
	assert_int_equal(split(&told, "{}{}{}", true), 7);
	assert_string_equal(told.line.data, "{}|{}");
	buf_done(&told.line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_value_is_told_by_itself),
		cmocka_unit_test(test_a_flaw_refuses_no_more_than_it_must),
		cmocka_unit_test(test_a_text_is_refused_once_and_whole),
		cmocka_unit_test(test_beyond_a_thousand_the_rest_is_refused_as_one),
		cmocka_unit_test(test_a_handler_ends_the_split),
	};

	return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
