/* Comma-separated values: RFC 4180, and what programs make of it. */
#include "dray/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "LINE:a|b|c" per record, a line each; a flaw as "LINE! words". */
static void read_all(const char *text, size_t len, char *out, size_t size)
{
	struct csv csv = { 0 };
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i <= len; i++) {
		enum csv_step step = csv_put(&csv, i < len ? (unsigned char)text[i] : CSV_END);

		if (step == CSV_MORE)
			continue;
		if (step == CSV_FLAW) {
			(void)snprintf(out + at, size - at, "%zu! %s\n", csv.line, csv.flaw);
			assert_int_equal(csv_put(&csv, 'x'), CSV_FLAW);
			break;
		}
		at += (size_t)snprintf(out + at, size - at, "%zu:", csv.record_line);
		for (size_t field = 0; field < csv.n; field++)
			at += (size_t)snprintf(out + at, size - at, "%s%s", field ? "|" : "",
				csv_field(&csv, field));
		at += (size_t)snprintf(out + at, size - at, "\n");
		assert_string_equal(csv_field(&csv, csv.n), "");
	}
	csv_done(&csv);
}

static void test_records_are_read_with_the_line_they_begin_in(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "a,b", "1:a|b\n" },
		{ "a,b\n", "1:a|b\n" },
		{ "a,b\r\nc,d\r\n", "1:a|b\n2:c|d\n" },
		{ "a\n\n\r\nb\n", "1:a\n4:b\n" },
		{ "a,\n,\n", "1:a|\n2:|\n" },
		{ "\"\"\n", "1:\n" },
		{ "\"a,b\",\"c\"\"d\"\n", "1:a,b|c\"d\n" },
		{ "\"a\nb\",c\nd,e\n", "1:a\nb|c\n3:d|e\n" },
		{ "\"a\r\nb\"\r\nc\n", "1:a\r\nb\n3:c\n" },
		{ " a , b \n", "1: a | b \n" },
		{ "\xef\xbb\xbfid,n\n1,\xc3\xbc\n", "1:id|n\n2:1|\xc3\xbc\n" },
		{ "\xef\xbb\xbf\"id\"\n", "1:id\n" },
		{ "\xef\xbb\x80,b\n", "1:\xef\xbb\x80|b\n" },
		/* the first of the three separates, in quotes it is none */
		{ "a;b\nc,d;e\n", "1:a|b\n2:c,d|e\n" },
		{ "a\tb\nc,d\te;f\n", "1:a|b\n2:c,d|e;f\n" },
		{ "\"a;b\",c\nd;e,f\n", "1:a;b|c\n2:d;e|f\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char out[512];

		read_all(pairs[i][0], strlen(pairs[i][0]), out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
}

static void test_what_is_no_csv_is_refused_with_its_line(void **state)
{
	static const char *const pairs[][2] = {
		{ "a,b\nc\"d,e\n",
			"1:a|b\n2! a quote inside a field that does not begin with one\n" },
		{ "a\n\"b\"c\n", "1:a\n2! text behind a closing quote\n" },
		{ "a\nb\n\"c\nd\ne\n", "1:a\n2:b\n3! a quote that is never closed\n" },
		{ "a\nb\rc\n", "1:a\n2! a carriage return without a line feed\n" },
		{ "a\r", "1! a carriage return without a line feed\n" },
		{ "a\n\xff\n", "1:a\n2! not UTF-8: save the file as CSV UTF-8\n" },
		{ "M\xfcller\n", "1! not UTF-8: save the file as CSV UTF-8\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char out[512];

		read_all(pairs[i][0], strlen(pairs[i][0]), out, sizeof(out));
		assert_string_equal(out, pairs[i][1]);
	}
}

static void test_a_nul_is_no_text(void **state)
{
	char out[128];

	(void)state;
	read_all("a\nb\0c\n", 6, out, sizeof(out));
	assert_string_equal(out, "1:a\n2! a NUL byte: is it text at all?\n");
}

static void test_a_record_is_bounded(void **state)
{
	struct csv csv = { 0 };
	size_t n = 0;

	(void)state;
	while (csv_put(&csv, ',') == CSV_MORE)
		n++;
	assert_int_equal(n, CSV_FIELDS_MAX);
	csv_done(&csv);
	for (n = 0; csv_put(&csv, n == 0 ? '"' : 'x') == CSV_MORE; n++)
		;
	assert_int_equal(n, CSV_RECORD_MAX + 1);
	assert_non_null(strstr(csv.flaw, "never closed"));
	csv_done(&csv);
}

static void test_what_is_written_reads_back(void **state)
{
	static const char *const texts[] = { "\xef\xbb\xbfmarked", "", "plain", "a,b", "a;b",
		"say \"x\"", "two\nlines", "\ttab", "\r", " blank " };
	struct buf line = BUF_INIT;
	struct csv csv = { 0 };
	enum csv_step step = CSV_MORE;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (i > 0)
			buf_putc(&line, ',');
		csv_write(&line, texts[i]);
	}
	for (size_t i = 0; i <= line.len && step == CSV_MORE; i++)
		step = csv_put(&csv, i < line.len ? (unsigned char)line.data[i] : CSV_END);
	assert_int_equal(step, CSV_RECORD);
	assert_int_equal(csv.n, sizeof(texts) / sizeof(texts[0]));
	for (size_t i = 0; i < csv.n; i++)
		assert_string_equal(csv_field(&csv, i), texts[i]);
	csv_done(&csv);
	buf_done(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_are_read_with_the_line_they_begin_in),
		cmocka_unit_test(test_what_is_no_csv_is_refused_with_its_line),
		cmocka_unit_test(test_a_nul_is_no_text),
		cmocka_unit_test(test_a_record_is_bounded),
		cmocka_unit_test(test_what_is_written_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
