/*
 * Reference data over the control API: whole calls or nothing, and where the flaw stands.
 */
#include "ops_fixture.h"

#include "store/reference.h"

static int count(struct fixture *f)
{
	int n = 0;

	assert_int_equal(request(f, "GET", "/v1/reference?limit=1000", NULL), 200);
	for (const char *at = body_of(f); (at = strstr(at, "\"seen_at\"")); at++)
		n++;
	return n;
}

static void test_a_call_is_stored_whole_and_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, "POST", "/v1/reference",
				 "{\"kind\":\"item\",\"id\":\"S/1\",\"codes\":[\"OLD\"]}\n\n"
				 "{\"kind\":\"item\",\"id\":\"S 2\"}\n"),
		200);
	assert_int_equal(number_at(f, "stored"), 2);
	assert_int_equal(number_at(f, "moved"), 0);
	assert_int_equal(request(f, "POST", "/v1/reference?kind=item",
				 " [{\"id\":\"S3\",\"codes\":[\"OLD\"]} , {\"id\":\"S4\"}]\n"),
		200);
	assert_int_equal(number_at(f, "moved"), 1);
	assert_int_equal(request(f, "GET", "/v1/reference/item/S%2F1", NULL), 200);
	assert_true(says(f, "\"body\":{\"kind\":\"item\",\"id\":\"S/1\",\"codes\":[\"OLD\"]}"));
	assert_true(says(f, "\"source\":\"import\""));
	assert_int_equal(request(f, "GET", "/v1/reference/item/S%202", NULL), 200);
	assert_int_equal(request(f, "GET", "/v1/reference/unit/S3", NULL), 404);
	assert_int_equal(request(f, "GET", "/v1/reference/item/", NULL), 404);
	assert_int_equal(request(f, "GET", "/v1/reference/item/S3/x", NULL), 404);
	assert_int_equal(count(f), 4);
}

static void test_a_flaw_names_line_and_field_and_nothing_is_stored(void **state)
{
	static const struct {
		const char *path, *body;
		int64_t line;
		const char *words;
	} cases[] = {
		{ "/v1/reference", "{\"kind\":\"item\",\"id\":\"A\"}\n\n{\"kind\":\"item\"}", 3,
			"\"field\":\"/id\",\"detail\":\"line 3: /id is missing\"" },
		{ "/v1/reference?line=501",
			"{\"kind\":\"item\",\"id\":\"A\"}\n{\"kind\":\"item\",\"id\":\"B\","
			"\"gtins\":[\"1\"]}",
			502, "\"field\":\"/gtins/0\"" },
		{ "/v1/reference?kind=unit",
			"[{\"id\":\"H87\"},\n{\"kind\":\"item\",\"id\":\"A\"}]", 2,
			"\"field\":\"/kind\"" },
		{ "/v1/reference", "{\"kind\":\"item\",\"id\":\"A\"}\n{\"kind\":", 2, "not JSON" },
		{ "/v1/reference", "{\"kind\":\"item\",\n\"id\":\"A\",\n\"id\":\"B\"}", 3,
			"not JSON" },
		{ "/v1/reference", "[{\"kind\":\"item\",\"id\":\"A\"}\n{\"kind\":\"item\"}]", 2,
			"a comma or ] is missing" },
		{ "/v1/reference", "[{\"kind\":\"item\",\"id\":\"A\"},", 1,
			"the array has no end" },
		{ "/v1/reference", "[{\"kind\":\"item\",\"id\":\"A\"}]\n x", 2,
			"behind the array" },
		{ "/v1/reference", "[{\"kind\":\"item\",\"id\":\"A\"},]", 1, "not JSON" },
		{ "/v1/reference", "\"text\"", 1, "a record is a JSON object" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(request(f, "POST", cases[i].path, cases[i].body), 422);
		assert_int_equal(number_at(f, "line"), cases[i].line);
		if (!says(f, cases[i].words))
			fail_msg("%s: %s", cases[i].words, body_of(f));
		assert_int_equal(count(f), 0);
	}
}

static void test_a_call_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT;

	for (int i = 0; i < 1000; i++)
		buf_printf(&body, "{\"id\":\"S%d\"}\n", i);
	assert_int_equal(request(f, "POST", "/v1/reference?kind=item", body.data), 200);
	assert_int_equal(number_at(f, "stored"), 1000);
	buf_puts(&body, "{\"id\":\"one more\"}");
	assert_int_equal(request(f, "POST", "/v1/reference?kind=item", body.data), 413);
	assert_int_equal(count(f), 1000);
	buf_done(&body);
	assert_int_equal(request(f, "POST", "/v1/reference", " \n "), 400);
	assert_int_equal(request(f, "POST", "/v1/reference", "[]"), 400);
	assert_int_equal(request(f, "POST", "/v1/reference?dry_run=maybe", "{}"), 400);
}

static void test_a_dry_run_checks_and_stores_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		request(f, "POST", "/v1/reference?kind=item&dry_run=true", "{\"id\":\"A\"}"), 200);
	assert_int_equal(number_at(f, "records"), 1);
	assert_int_equal(number_at(f, "stored"), 0);
	assert_int_equal(
		request(f, "POST", "/v1/reference?kind=item&dry_run=true", "{\"id\":\"\"}"), 422);
	assert_int_equal(count(f), 0);
}

static void test_pages_go_on_at_the_cursor(void **state)
{
	struct fixture *f = *state;
	cJSON *page;

	assert_int_equal(
		request(f, "POST", "/v1/reference",
			"[{\"kind\":\"item\",\"id\":\"a/b\"},{\"kind\":\"item\",\"id\":\"c\"},"
			"{\"kind\":\"unit\",\"id\":\"H87\"}]"),
		200);
	assert_int_equal(request(f, "GET", "/v1/reference?limit=1", NULL), 200);
	page = json_of(f);
	assert_string_equal(json_get_string(page, "cursor"), "item/a/b");
	cJSON_Delete(page);
	assert_int_equal(request(f, "GET", "/v1/reference?limit=5&cursor=item%2Fa%2Fb", NULL), 200);
	assert_true(says(f, "\"id\":\"c\"") && says(f, "H87") && says(f, "\"cursor\":null"));
	assert_int_equal(
		request(f, "GET", "/v1/reference?kind=item&cursor=item%2Fa%2Fb", NULL), 200);
	assert_true(says(f, "\"id\":\"c\"") && !says(f, "H87"));
	assert_int_equal(request(f, "GET", "/v1/reference?cursor=item", NULL), 400);
}

/* Large records: a page ends long before a thousand of them, and says where to go on. */
static void test_a_page_is_bounded_in_bytes(void **state)
{
	struct fixture *f = *state;
	struct buf body = BUF_INIT;

	for (int call = 0; call < 9; call++) {
		buf_reset(&body);
		buf_printf(
			&body, "{\"kind\":\"asn\",\"id\":\"%d\",\"note\":\"%0200000d\"}", call, 0);
		assert_int_equal(request(f, "POST", "/v1/reference", body.data), 200);
	}
	buf_done(&body);
	send_request(f, "GET", "/v1/reference", NULL);
	assert_int_equal(store_has_reference(f->store, "asn"), 1);
	/* The fixture's room is smaller than a page: its head is enough. */
	for (int i = 0; i < PATIENCE && f->len < 64; i++) {
		run_turn(f);
		(void)has_answer(f);
	}
	{
		const char *length = strstr(f->answer, "Content-Length: ");

		assert_non_null(length);
		assert_in_range(strtol(length + 16, NULL, 10), 1024 * 1024, 1300 * 1024);
	}
}

static void test_what_is_removed_is_gone_with_its_codes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, "POST", "/v1/reference?kind=item",
				 "[{\"id\":\"A\",\"codes\":[\"OLD\"]},{\"id\":\"B\"}]"),
		200);
	assert_int_equal(request(f, "POST", "/v1/reference/delete",
				 "{\"kind\":\"item\",\"ids\":[\"A\",\"nobody\"]}"),
		200);
	assert_int_equal(number_at(f, "deleted"), 1);
	assert_int_equal(count(f), 1);
	assert_int_equal(
		request(f, "POST", "/v1/reference?kind=item", "{\"id\":\"C\",\"codes\":[\"OLD\"]}"),
		200);
	assert_int_equal(number_at(f, "moved"), 0);
	assert_int_equal(request(f, "POST", "/v1/reference/delete", "{\"kind\":\"item\"}"), 400);
	assert_int_equal(request(f, "POST", "/v1/reference/delete", "{\"ids\":[\"A\"]}"), 400);
	assert_int_equal(
		request(f, "POST", "/v1/reference/delete", "{\"kind\":\"item\",\"ids\":[1]}"), 400);
	assert_int_equal(request(f, "GET", "/v1/reference/delete", NULL), 405);
}

static void test_a_full_store_takes_no_import(void **state)
{
	struct fixture *f = *state;

	play.room = (struct room_report){ .level = ROOM_NONE, .why = "the disk is full" };
	assert_int_equal(request(f, "POST", "/v1/reference?kind=item", "{\"id\":\"A\"}"), 503);
	assert_true(says(f, "store_full"));
	/* Removing makes room. */
	assert_int_equal(
		request(f, "POST", "/v1/reference/delete", "{\"kind\":\"item\",\"ids\":[\"A\"]}"),
		200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_call_is_stored_whole_and_shown),
		TEST(test_a_flaw_names_line_and_field_and_nothing_is_stored),
		TEST(test_a_call_is_bounded),
		TEST(test_a_dry_run_checks_and_stores_nothing),
		TEST(test_pages_go_on_at_the_cursor),
		TEST(test_a_page_is_bounded_in_bytes),
		TEST(test_what_is_removed_is_gone_with_its_codes),
		TEST(test_a_full_store_takes_no_import),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
