/* CloudEvents in binary mode, joined to the structured form. */
#include "dray/cloudevent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define VERSION                      \
	{                            \
		"specversion", "1.0" \
	}

static const struct json_limits limits = { 1024, 8, 100, false };

struct row {
	struct cloudevent_attribute attributes[4];
	const char *content_type, *data;
	const char *joined; /* NULL: refused */
	enum reason reason;
	const char *field;
};

static size_t count(const struct row *row)
{
	size_t n = 0;

	while (n < 4 && row->attributes[n].name)
		n++;
	return n;
}

static struct cloudevent make(const struct row *row)
{
	return (struct cloudevent){ row->attributes, count(row), row->content_type, row->data,
		row->data ? strlen(row->data) : 0, false };
}

static void check(const struct row *row)
{
	struct cloudevent cloudevent = make(row);
	struct buf scratch = BUF_INIT, out = BUF_INIT;
	struct problem problem = { 0 };
	int status = cloudevent_join(&cloudevent, &limits, &scratch, &out, &problem);

	if (row->joined) {
		assert_int_equal(status, 0);
		assert_string_equal(out.data, row->joined);
	} else {
		assert_int_equal(status, -1);
		assert_string_equal(reason_word(problem.reason), reason_word(row->reason));
		assert_string_equal(problem.field, row->field);
	}
	buf_done(&scratch);
	buf_done(&out);
}

static void test_attributes_and_data_become_one_object(void **state)
{
	static const struct row rows[] = {
		{ { VERSION, { "id", "a" } }, "application/json", "{\"lines\":[1]}",
			"{\"specversion\":\"1.0\",\"id\":\"a\",\"datacontenttype\":"
			"\"application/json\",\"data\":{\"lines\":[1]}}",
			REASON_NONE, NULL },
		{ { VERSION }, NULL, " 7 ", "{\"specversion\":\"1.0\",\"data\": 7 }", REASON_NONE,
			NULL },
		{ { VERSION }, "text/json; charset=utf-8", "1",
			"{\"specversion\":\"1.0\",\"datacontenttype\":\"text/json; charset=utf-8\","
			"\"data\":1}",
			REASON_NONE, NULL },
		{ { VERSION }, "application/vnd.acme+JSON", "1",
			"{\"specversion\":\"1.0\",\"datacontenttype\":\"application/vnd.acme+JSON\","
			"\"data\":1}",
			REASON_NONE, NULL },
		{ { VERSION }, "text/plain", "hi",
			"{\"specversion\":\"1.0\",\"datacontenttype\":\"text/plain\","
			"\"data_base64\":\"aGk=\"}",
			REASON_NONE, NULL },
		{ { VERSION }, NULL, NULL, "{\"specversion\":\"1.0\"}", REASON_NONE, NULL },
		{ { { NULL, NULL } }, NULL, "1", "{\"data\":1}", REASON_NONE, NULL },
		{ { { NULL, NULL } }, "text/plain", NULL, "{\"datacontenttype\":\"text/plain\"}",
			REASON_NONE, NULL },
		{ { VERSION, { "subject", "a\"b\xc3\xa4" } }, NULL, NULL,
			"{\"specversion\":\"1.0\",\"subject\":\"a\\\"b\xc3\xa4\"}", REASON_NONE,
			NULL },
		{ { VERSION }, NULL, "12345678901234567890",
			"{\"specversion\":\"1.0\",\"data\":\"12345678901234567890\"}", REASON_NONE,
			NULL },
		{ { VERSION, { "a234567890123456789z", "x" } }, NULL, NULL,
			"{\"specversion\":\"1.0\",\"a234567890123456789z\":\"x\"}", REASON_NONE,
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void test_what_cannot_be_joined_is_refused(void **state)
{
	static const struct row rows[] = {
		{ { VERSION, { "Id", "a" } }, NULL, NULL, NULL, REASON_FIELD_RANGE, "" },
		{ { VERSION, { "a-b", "a" } }, NULL, NULL, NULL, REASON_FIELD_RANGE, "" },
		{ { VERSION, { "", "a" } }, NULL, NULL, NULL, REASON_FIELD_RANGE, "" },
		{ { VERSION, { "a23456789012345678901", "a" } }, NULL, NULL, NULL,
			REASON_FIELD_RANGE, "" },
		{ { VERSION, { "id", "a" }, { "id", "a" } }, NULL, NULL, NULL, REASON_FIELD_RANGE,
			"/id" },
		{ { VERSION, { "data", "1" } }, NULL, NULL, NULL, REASON_FIELD_RANGE, "/data" },
		{ { VERSION, { "datacontenttype", "x" } }, NULL, NULL, NULL, REASON_FIELD_RANGE,
			"/datacontenttype" },
		{ { VERSION, { "id", "\xff" } }, NULL, NULL, NULL, REASON_BAD_UTF8, "/id" },
		{ { VERSION }, "\xff", NULL, NULL, REASON_BAD_UTF8, "/datacontenttype" },
		{ { VERSION }, NULL, "{\"a\":", NULL, REASON_BAD_JSON, "/data" },
		{ { VERSION }, NULL, "{} {}", NULL, REASON_BAD_JSON, "/data" },
		{ { VERSION }, NULL, "\"\xff\"", NULL, REASON_BAD_UTF8, "/data" },
		{ { VERSION }, NULL, "[[[[[[[[[[1]]]]]]]]]]", NULL, REASON_TOO_DEEP, "/data" },
		{ { VERSION }, "application/json", " ", NULL, REASON_BAD_JSON, "/data" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

static void test_of_what_is_refused_all_is_there_to_be_kept(void **state)
{
	static const struct row row = { { VERSION, { "Id\"", "\xff" }, { "Id\"", "b" } },
		"application/json", "{", NULL, REASON_NONE, NULL };
	static const struct row bare = { { VERSION, { "id", "a" }, { "id", "b" } }, NULL, NULL,
		NULL, REASON_NONE, NULL };
	const struct row *rows[] = { &row, &bare };
	static const char *const kept[] = {
		"{\"specversion\":\"1.0\",\"Id\\\"\":\"\xef\xbf\xbd\",\"Id\\\"\":\"b\","
		"\"datacontenttype\":\"application/json\",\"data_base64\":\"ew==\"}",
		"{\"specversion\":\"1.0\",\"id\":\"a\",\"id\":\"b\",\"data_base64\":\"\"}"
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct cloudevent cloudevent = make(rows[i]);
		struct buf scratch = BUF_INIT, out = BUF_INIT;
		struct problem problem = { 0 };

		assert_int_equal(
			cloudevent_join(&cloudevent, &limits, &scratch, &out, &problem), -1);
		assert_string_equal(out.data, kept[i]);
		buf_done(&scratch);
		buf_done(&out);
	}
}

static void test_binary_mode_is_known_by_specversion_and_content_type(void **state)
{
	static const struct {
		struct row row;
		bool is_binary;
	} rows[] = {
		{ { { VERSION }, NULL, NULL, NULL, 0, NULL }, true },
		{ { { VERSION }, "application/json", NULL, NULL, 0, NULL }, true },
		{ { { VERSION }, "Application/CloudEvents+json", NULL, NULL, 0, NULL }, false },
		{ { { VERSION }, "application/cloudevents-batch+json", NULL, NULL, 0, NULL },
			false },
		{ { { { "id", "a" } }, "application/json", NULL, NULL, 0, NULL }, false },
		{ { { { NULL, NULL } }, NULL, NULL, NULL, 0, NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cloudevent cloudevent = make(&rows[i].row);

		assert_true(cloudevent_is_binary(&cloudevent) == rows[i].is_binary);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes_and_data_become_one_object),
		cmocka_unit_test(test_what_cannot_be_joined_is_refused),
		cmocka_unit_test(test_of_what_is_refused_all_is_there_to_be_kept),
		cmocka_unit_test(test_binary_mode_is_known_by_specversion_and_content_type),
	};

	return cmocka_run_group_tests_name("cloudevent", tests, NULL, NULL);
}
