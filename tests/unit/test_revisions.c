/* Which configuration is in force: every step, and the file that holds it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/json.h"
#include "dray/revisions.h"

static struct revision *make(
	enum revision_origin origin, int64_t number, const char *files, const char *patch)
{
	struct revision *revision = revision_make(origin, number, 1700000000000 + number,
		cJSON_Parse(files), patch ? cJSON_Parse(patch) : NULL);

	assert_non_null(revision);
	return revision;
}

static struct revisions found(const char *files)
{
	struct revisions revisions = { 0 };

	revisions_found(&revisions, make(REVISION_FILES, 0, files, NULL));
	return revisions;
}

static const struct revision_event *last(const struct revisions *revisions)
{
	assert_true(revisions->n_history > 0);
	return &revisions->history[revisions->n_history - 1];
}

/* What was printed is read back, and printed the same. */
static void assert_round(const struct revisions *revisions)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct revisions read;
	struct error err = { 0 };

	revisions_print(revisions, &first);
	assert_int_equal(revisions_parse(first.data, first.len, &read, &err), 0);
	revisions_print(&read, &second);
	assert_string_equal(first.data, second.data);
	revisions_done(&read);
	buf_done(&first);
	buf_done(&second);
}

static void test_the_first_is_good_without_a_trial(void **state)
{
	struct revisions revisions = found("{\"site\":\"a\"}");

	(void)state;
	assert_null(revisions.trial);
	assert_ptr_equal(revisions_current(&revisions), revisions.good);
	assert_int_equal(last(&revisions)->result, REVISION_CONFIRMED);
	assert_round(&revisions);
	revisions_done(&revisions);
}

static void test_a_trial_that_is_confirmed_is_the_good_one(void **state)
{
	struct revisions revisions = found("{}");

	(void)state;
	revisions_try(&revisions, make(REVISION_TOPIC, 7, "{}", "{\"routes\":{}}"), 5);
	assert_int_equal(revisions_current(&revisions)->number, 7);
	assert_int_equal(revisions.good->number, 0);
	assert_true(revisions_is_old(&revisions, 7));
	assert_false(revisions_is_old(&revisions, 8));
	assert_round(&revisions);
	revisions_confirm(&revisions, 6);
	assert_int_equal(revisions.good->number, 7);
	assert_int_equal(revisions.previous->number, 0);
	assert_null(revisions.trial);
	assert_int_equal(last(&revisions)->result, REVISION_CONFIRMED);
	assert_round(&revisions);
	revisions_done(&revisions);
}

static void test_a_trial_that_is_rolled_back_is_not_tried_again(void **state)
{
	struct revisions revisions = found("{}");

	(void)state;
	revisions_try(&revisions, make(REVISION_URL, 9, "{}", "{}"), 5);
	revisions_roll_back(&revisions, "destination erp holds", 6);
	assert_int_equal(revisions_current(&revisions)->number, 0);
	assert_true(revisions_is_old(&revisions, 9));
	assert_false(revisions_is_rolled_back(&revisions, revisions.good->files_digest));
	assert_int_equal(last(&revisions)->result, REVISION_ROLLED_BACK);
	assert_string_equal(last(&revisions)->reason, "destination erp holds");
	assert_round(&revisions);
	revisions_done(&revisions);
}

static void test_files_that_were_rolled_back_are_known_until_they_change(void **state)
{
	struct revisions revisions = found("{\"site\":\"a\"}");
	struct revision *bad = make(REVISION_FILES, 0, "{\"site\":\"a\",\"log\":{}}", NULL);
	uint8_t bad_files[ID_DIGEST_BYTES];
	struct revision *mended = make(REVISION_FILES, 0, "{\"site\":\"a\",\"store\":{}}", NULL);

	(void)state;
	memcpy(bad_files, bad->files_digest, sizeof(bad_files));
	revisions_try(&revisions, bad, 5);
	revisions_roll_back(&revisions, "", 6);
	assert_true(revisions_is_rolled_back(&revisions, bad_files));
	assert_false(revisions_is_rolled_back(&revisions, mended->files_digest));
	assert_round(&revisions);
	revisions_try(&revisions, mended, 7);
	revisions_confirm(&revisions, 8);
	assert_false(revisions_is_rolled_back(&revisions, bad_files));
	revisions_done(&revisions);
}

static void test_files_that_a_hand_went_back_from_count_as_rolled_back(void **state)
{
	struct revisions revisions = found("{\"site\":\"a\"}");
	struct revision *left = make(REVISION_FILES, 0, "{\"site\":\"a\",\"log\":{}}", NULL);
	uint8_t left_files[ID_DIGEST_BYTES];

	(void)state;
	memcpy(left_files, left->files_digest, sizeof(left_files));
	revisions_try(&revisions, left, 5);
	revisions_confirm(&revisions, 6);
	revisions_try(&revisions, make(REVISION_ROLLBACK, 0, "{\"site\":\"a\"}", NULL), 7);
	assert_true(revisions_is_rolled_back(&revisions, left_files));
	assert_round(&revisions);
	revisions_confirm(&revisions, 8);
	assert_true(revisions_is_rolled_back(&revisions, left_files));
	revisions_done(&revisions);
}

static void test_a_trial_that_ends_the_agent_is_started_three_times(void **state)
{
	struct revisions revisions = found("{}");

	(void)state;
	revisions_try(&revisions, make(REVISION_APPLY, 1, "{}", "{}"), 5);
	for (int i = 0; i < REVISIONS_STARTS_MAX; i++)
		assert_true(revisions_count_start(&revisions));
	assert_round(&revisions);
	assert_false(revisions_count_start(&revisions));
	revisions_done(&revisions);
}

static void test_a_newer_one_takes_the_place_of_a_trial(void **state)
{
	struct revisions revisions = found("{}");

	(void)state;
	revisions_try(&revisions, make(REVISION_TOPIC, 1, "{}", "{}"), 5);
	assert_true(revisions_count_start(&revisions));
	revisions_try(&revisions, make(REVISION_TOPIC, 2, "{}", "{}"), 6);
	assert_int_equal(revisions.trial->number, 2);
	assert_int_equal(revisions.trial_starts, 0);
	assert_int_equal(revisions.good->number, 0);
	assert_int_equal(revisions.history[revisions.n_history - 2].result, REVISION_SUPERSEDED);
	revisions_done(&revisions);
}

static void test_the_same_refusal_is_told_once(void **state)
{
	struct revisions revisions = found("{}");
	size_t n = revisions.n_history;

	(void)state;
	revisions_refuse(&revisions, REVISION_URL, 3, "site: is for \"b\"", 10);
	revisions_refuse(&revisions, REVISION_URL, 3, "site: is for \"b\"", 20);
	assert_int_equal(revisions.n_history, n + 1);
	assert_int_equal(last(&revisions)->at_ms, 20);
	revisions_refuse(&revisions, REVISION_URL, 4, "site: is for \"b\"", 30);
	revisions_refuse(&revisions, REVISION_TOPIC, 4, "site: is for \"b\"", 30);
	revisions_refuse(&revisions, REVISION_TOPIC, 4, "config: must be an object", 30);
	assert_int_equal(revisions.n_history, n + 4);
	assert_false(revisions_is_old(&revisions, 4)); /* mended, it may come under its number */
	revisions_done(&revisions);
}

static void test_history_keeps_the_newest(void **state)
{
	struct revisions revisions = found("{}");

	(void)state;
	for (int i = 1; i <= 3 * REVISIONS_HISTORY_MAX; i++)
		revisions_refuse(&revisions, REVISION_URL, i, "x", i);
	assert_int_equal(revisions.n_history, REVISIONS_HISTORY_MAX);
	assert_int_equal(last(&revisions)->number, 3 * REVISIONS_HISTORY_MAX);
	assert_int_equal(revisions.history[0].number, 2 * REVISIONS_HISTORY_MAX + 1);
	assert_round(&revisions);
	revisions_done(&revisions);
}

static void test_a_reason_is_cut_between_characters(void **state)
{
	struct revisions revisions = found("{}");
	char reason[2 * REVISIONS_REASON_MAX];
	size_t n = 0;

	(void)state;
	reason[n++] = 'x';
	while (n + 2 < sizeof(reason)) {
		memcpy(reason + n, "\xc3\xa4", 2);
		n += 2;
	}
	reason[n] = '\0';
	revisions_refuse(&revisions, REVISION_APPLY, 1, reason, 1);
	assert_round(&revisions);
	revisions_refuse(&revisions, REVISION_APPLY, 1, "a\xff\xc3", 1);
	assert_string_equal(last(&revisions)->reason, "a??");
	assert_round(&revisions);
	revisions_done(&revisions);
}

static void test_the_pair_is_one_document(void **state)
{
	struct revision *revision =
		make(REVISION_TOPIC, 1, "{\"routes\":{\"a\":{\"to\":[\"erp\"]},\"b\":{}}}",
			"{\"routes\":{\"b\":null,\"c\":{}}}");
	struct revision *other = make(REVISION_TOPIC, 2, "{\"routes\":{}}", NULL);
	cJSON *document = revision_merge(revision);
	char *text = cJSON_PrintUnformatted(document);

	(void)state;
	assert_string_equal(text, "{\"routes\":{\"a\":{\"to\":[\"erp\"]},\"c\":{}}}");
	assert_true(revision_is_same(revision, revision));
	assert_false(revision_is_same(revision, other));
	cJSON_free(text);
	cJSON_Delete(document);
	revision_drop(revision);
	revision_drop(other);
}

static void test_files_are_the_same_in_whatever_order(void **state)
{
	struct revision *a = make(REVISION_FILES, 0, "{\"site\":\"a\",\"log\":{}}", NULL);
	struct revision *b = make(REVISION_FILES, 0, "{\"log\":{},\"site\":\"a\"}", NULL);

	(void)state;
	assert_true(revision_is_same(a, b));
	revision_drop(a);
	revision_drop(b);
}

static void test_a_damaged_file_is_as_none(void **state)
{
	struct revisions revisions = found("{\"site\":\"a\"}");
	struct buf text = BUF_INIT;

	(void)state;
	revisions_try(&revisions, make(REVISION_TOPIC, 3, "{}", "{\"routes\":{}}"), 4);
	revisions_print(&revisions, &text);
	/* Cut anywhere, it is not a shorter good one; the last byte is a line feed. */
	for (size_t len = 0; len + 1 < text.len; len++) {
		struct revisions read;
		struct error err;

		assert_int_equal(revisions_parse(text.data, len, &read, &err), -1);
		assert_null(read.good);
	}
	buf_done(&text);
	revisions_done(&revisions);
}

static void test_a_file_that_says_nonsense_is_refused(void **state)
{
#define REST ",\"previous\":null,\"trial\":null,\"began\":null,\"mends\":null"
#define PAIR \
	"{\"revision\":0,\"origin\":\"files\",\"at\":\"2026-11-22T00:00:00Z\",\"files\":{},\"patch\":null}"
	static const char *const rows[] = {
		"[]",
		"{}",
		"{\"good\":null" REST
		",\"starts\":0,\"highest\":0,\"rolled_files\":null,\"history\":[]}",
		"{\"good\":" PAIR REST
		",\"starts\":-1,\"highest\":0,\"rolled_files\":null,\"history\":[]}",
		"{\"good\":" PAIR REST
		",\"starts\":0,\"highest\":0.5,\"rolled_files\":null,\"history\":[]}",
		"{\"good\":" PAIR REST
		",\"starts\":0,\"highest\":0,\"rolled_files\":\"ab\",\"history\":[]}",
		"{\"good\":" PAIR REST
		",\"starts\":0,\"highest\":0,\"rolled_files\":null,\"history\":{}}",
		"{\"good\":" PAIR REST
		",\"starts\":0,\"highest\":0,\"rolled_files\":null,\"history\":[{}]}",
		"{\"good\":{\"revision\":0,\"origin\":\"moon\",\"at\":\"2026-11-22T00:00:00Z\",\"files\":{},"
		"\"patch\":null}" REST
		",\"starts\":0,\"highest\":0,\"rolled_files\":null,\"history\":[]}",
	};
	static const char no_mark[] =
		"{\"good\":" PAIR ",\"previous\":null,\"trial\":null,\"began\":{\"seq\":-1},"
		"\"mends\":null,\"starts\":0,\"highest\":0,"
		"\"rolled_files\":null,\"history\":[]}";
	static const char fine[] = "{\"good\":" PAIR REST ",\"starts\":0,\"highest\":0,"
				   "\"rolled_files\":null,\"history\":[]}";
	struct revisions read;
	struct error err;

	(void)state;
	assert_int_equal(revisions_parse(fine, strlen(fine), &read, &err), 0);
	revisions_done(&read);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(revisions_parse(rows[i], strlen(rows[i]), &read, &err), -1);
	assert_int_equal(revisions_parse(no_mark, strlen(no_mark), &read, &err), -1);
}

static void test_what_came_since_a_trial_that_is_rolled_back_is_to_be_mended(void **state)
{
	const struct revision_mark first = { .at_ms = 1700000000100, .seq = 5, .exception = 2 };
	const struct revision_mark second = { .at_ms = 1700000000200, .seq = 9, .exception = 1 };
	struct revisions revisions = found("{\"site\":\"a\"}");

	(void)state;
	revisions_try(&revisions, make(REVISION_TOPIC, 1, "{\"site\":\"a\"}", "{}"), 1700000000000);
	revisions.trial_mark = first;
	/* One that takes its place goes on with its mark. */
	revisions_try(&revisions, make(REVISION_TOPIC, 2, "{\"site\":\"a\"}", "{}"), 1700000000000);
	assert_int_equal(revisions.trial_mark.seq, 5);
	assert_round(&revisions);
	revisions_roll_back(&revisions, "why", 1700000000000);
	assert_int_equal(revisions.trial_mark.at_ms, 0);
	assert_int_equal(revisions.mend_mark.seq, first.seq);
	assert_int_equal(revisions.mend_mark.rounds, 1);
	assert_round(&revisions);
	/* Rolled back again before that is mended: from further back, and anew. */
	revisions_try(&revisions, make(REVISION_TOPIC, 3, "{\"site\":\"a\"}", "{}"), 1700000000000);
	revisions.trial_mark = second;
	revisions_roll_back(&revisions, "why", 1700000000000);
	assert_int_equal(revisions.mend_mark.rounds, 2);
	assert_int_equal(revisions.mend_mark.at_ms, first.at_ms);
	assert_int_equal(revisions.mend_mark.seq, 5);
	assert_int_equal(revisions.mend_mark.exception, 1);
	/* One that is confirmed leaves nothing to mend of its own. */
	revisions.mend_mark = (struct revision_mark){ 0 };
	revisions_try(&revisions, make(REVISION_TOPIC, 4, "{\"site\":\"a\"}", "{}"), 1700000000000);
	revisions.trial_mark = second;
	revisions_confirm(&revisions, 1700000000000);
	assert_int_equal(revisions.trial_mark.at_ms, 0);
	assert_int_equal(revisions.mend_mark.at_ms, 0);
	revisions_done(&revisions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_came_since_a_trial_that_is_rolled_back_is_to_be_mended),
		cmocka_unit_test(test_the_first_is_good_without_a_trial),
		cmocka_unit_test(test_a_trial_that_is_confirmed_is_the_good_one),
		cmocka_unit_test(test_a_trial_that_is_rolled_back_is_not_tried_again),
		cmocka_unit_test(test_files_that_were_rolled_back_are_known_until_they_change),
		cmocka_unit_test(test_files_that_a_hand_went_back_from_count_as_rolled_back),
		cmocka_unit_test(test_a_trial_that_ends_the_agent_is_started_three_times),
		cmocka_unit_test(test_a_newer_one_takes_the_place_of_a_trial),
		cmocka_unit_test(test_the_same_refusal_is_told_once),
		cmocka_unit_test(test_history_keeps_the_newest),
		cmocka_unit_test(test_a_reason_is_cut_between_characters),
		cmocka_unit_test(test_the_pair_is_one_document),
		cmocka_unit_test(test_files_are_the_same_in_whatever_order),
		cmocka_unit_test(test_a_damaged_file_is_as_none),
		cmocka_unit_test(test_a_file_that_says_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
