#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/media.h"

static void test_a_type_and_its_charset_are_read_whatever_their_case(void **state)
{
	static const struct {
		const char *header, *type, *charset;
	} rows[] = {
		{ "application/json", "application/json", "" },
		{ "Application/JSON", "application/json", "" },
		{ " application/json ", "application/json", "" },
		{ "application/json;charset=utf-8", "application/json", "utf-8" },
		{ "application/json ; charset=\"UTF-8\" ", "application/json", "utf-8" },
		{ "application/json; charset=\"ut\\f-8\"", "application/json", "utf-8" },
		{ "application/cloudevents+json; a=b; CHARSET=Utf-8",
			"application/cloudevents+json", "utf-8" },
		{ "text/plain; charset=latin-1", "text/plain", "latin-1" },
		{ "text/plain;;", "text/plain", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct media media;

		assert_true(media_parse(rows[i].header, &media));
		assert_string_equal(media.type, rows[i].type);
		assert_string_equal(media.charset, rows[i].charset);
	}
}

static void test_what_is_no_type_is_not_read(void **state)
{
	static const char *const rows[] = { "", " ", "json", "/json", "application/",
		"application/json x", "application/json; charset",
		"application/json; charset=", "application/json; =utf-8",
		"application/json; charset=\"utf-8", "application/json; charset=\"utf-8\\",
		"application/js on", "application/json, text/plain",
		"application/json; charset=utf-8; charset=\"" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct media media = { .type = "kept" };

		assert_false(media_parse(rows[i], &media));
		assert_string_equal(media.type, "kept");
	}
}

static void test_what_is_longer_than_any_we_know_is_not_read(void **state)
{
	char header[400] = "application/";
	struct media media;

	(void)state;
	memset(header + 12, 'x', MEDIA_TYPE_MAX - 13);
	assert_true(media_parse(header, &media));
	header[MEDIA_TYPE_MAX - 1] = 'x';
	assert_false(media_parse(header, &media));
	memcpy(header, "a/b; charset=", 13);
	memset(header + 13, 'x', MEDIA_CHARSET_MAX);
	header[13 + MEDIA_CHARSET_MAX] = '\0';
	assert_false(media_parse(header, &media));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_type_and_its_charset_are_read_whatever_their_case),
		cmocka_unit_test(test_what_is_no_type_is_not_read),
		cmocka_unit_test(test_what_is_longer_than_any_we_know_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
