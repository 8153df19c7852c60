/*
 * Credentials that are refused, and who is to blame when a destination refuses: it, or the event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

/* --- credentials ---------------------------------------------------------------------------------- */

static void write_token(const char *token)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/token", house.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s\n", token) > 0);
	assert_int_equal(fclose(file), 0);
}

#define BEARER "\"auth\":{\"type\":\"bearer\",\"token\":{\"file\":\"token\"}}"

static void open_with_token(const char *token, const char *more)
{
	house_open(&house, "");
	write_token(token);
	assert_int_equal(house_configure(&house, more), 0);
}

static void test_a_401_reads_the_credentials_anew_once(void **state)
{
	(void)state;
	open_with_token("old", BEARER);
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e1")->authorization, "Authorization: Bearer old");
	write_token("new");
	house_answer_later(house_find(&house, "e1"), 401, NULL);
	house_answer_later(house_find(&house, "e2"), 401, NULL);
	house_rest(&house);
	assert_string_equal(house_find(&house, "e1")->authorization, "Authorization: Bearer new");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house_attempts(&house, "e1"), 1);
	assert_int_equal(house.n_alerts, 0);
}

static void test_a_second_401_holds_until_the_credentials_are_mended(void **state)
{
	(void)state;
	open_with_token("old", BEARER ",\"concurrency\":1");
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	for (int i = 0; i < 10 && house_out(&house) > 0; i++) {
		for (size_t j = 0; j < ERRANDS_MAX; j++)
			if (house.errands[j].is_out)
				house_answer_later(&house.errands[j], 401, NULL);
		house_rest(&house);
	}
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
	write_token("new");
	house_wait(&house, 30000);
	assert_int_equal(house_out(&house), 1);
	struct errand *probe =
		house_find(&house, "e1") ? house_find(&house, "e1") : house_find(&house, "e2");
	assert_string_equal(probe->authorization, "Authorization: Bearer new");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
}

/* The credentials were refused, not the event: another has passed with new ones. */
static void test_nobody_is_rejected_for_refused_credentials(void **state)
{
	(void)state;
	open_with_token("old", BEARER ",\"concurrency\":1");
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 401, "");
	house_answer(&house, house_find(&house, "e1"), 401, "");
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house.n_exceptions, 0);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
}

/* What stands before the door has refused it; what an earlier attempt did behind it nobody knows. */
static void test_a_culprit_in_doubt_is_sent_again_and_then_a_persons(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NO_ANSWER);
	house_wait(&house, 900000);
	house_answer(&house, house_find(&house, "e1"), 307, "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e2"), 200, "");
	assert_int_equal(house.n_exceptions, 0);
	house_answer(&house, house_find(&house, "e1"), 307, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
}

/* The connection died under it, and libcurl sent it again: the answer is to the second. */
static void test_what_left_twice_and_was_turned_away_is_a_persons(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_repeat(&house, house_find(&house, "e1"), 307);
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e2"), 200, "");
	assert_int_equal(house.n_exceptions, 0);
	house_answer(&house, house_find(&house, "e1"), 307, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
}

/* One by one they would go under other keys than what may have been applied. */
static void test_a_batch_that_left_twice_and_was_refused_is_not_taken_apart(void **state)
{
	(void)state;
	house_open(&house, "\"batch\":{\"max\":2}");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer_repeat(&house, house_only(&house), 422);
	assert_int_equal(house_exceptions(&house, "unknown"), 2);
}

static void test_basic_and_key_credentials_stand_in_their_headers(void **state)
{
	(void)state;
	/* The example of RFC 7617, section 2. */
	open_with_token("open sesame", "\"auth\":{\"type\":\"basic\",\"username\":\"Aladdin\","
				       "\"password\":{\"file\":\"token\"}}");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e1")->authorization,
		"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_int_equal(house_configure(&house, "\"auth\":{\"type\":\"api_key\",\"header\":"
						 "\"X-Key\",\"key\":{\"file\":\"token\"}}"),
		0);
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e2")->authorization, "X-Key: open sesame");
}

/* --- hold ----------------------------------------------------------------------------------------- */

/* A destination that refuses some with 404 and takes the others. */
static void answer_with_404_for(const char *const *refused)
{
	while (house_out(&house) > 0) {
		for (size_t i = 0; i < ERRANDS_MAX; i++) {
			struct errand *errand = &house.errands[i];
			int status = 200;

			for (size_t j = 0; refused[j]; j++)
				if (errand->is_out && strstr(errand->body, refused[j]))
					status = 404;
			if (errand->is_out)
				house_answer_later(errand, status, NULL);
		}
		house_rest(&house);
	}
}

static void test_a_404_for_one_rejects_that_one_and_delivers_the_rest(void **state)
{
	static const char *const refused[] = { "bad0", NULL };

	(void)state;
	house_open(&house, "\"concurrency\":4");
	house_put_many(&house, "good", 3);
	house_put(&house, "bad0", "");
	house_put_many(&house, "more", 10);
	house_rest(&house);
	answer_with_404_for(refused);
	assert_int_equal(house.n_done, 13);
	assert_int_equal(house_state(&house, "bad0"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
}

static void test_404s_at_once_reject_nobody_who_is_innocent(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":4");
	house_put_many(&house, "e", 4);
	house_rest(&house);
	for (size_t i = 0; i < 4; i++)
		house_answer_later(&house.errands[i], 404, NULL);
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	assert_null(house_find(&house, "e0"));
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_int_equal(house_state(&house, "e0"), DELIVERY_EXCEPTION);
}

static void test_two_bad_events_cannot_close_a_destination(void **state)
{
	static const char *const refused[] = { "bad0", "bad1", "bad2", NULL };

	(void)state;
	house_open(&house, "\"concurrency\":2");
	house_put_many(&house, "bad", 3);
	house_put_many(&house, "good", 5);
	house_rest(&house);
	for (int i = 0; i < 50; i++) {
		answer_with_404_for(refused);
		house_wait(&house, 30000);
	}
	assert_int_equal(house.n_done, 5);
	house_put_many(&house, "after", 5);
	for (int i = 0; i < 50; i++) {
		house_wait(&house, 30000);
		answer_with_404_for(refused);
	}
	assert_int_equal(house.n_done, 10);
	assert_true(house_exceptions(&house, "rejected") >= 2);
}

/* More than a look at the head of the lane shows. */
static void check_that_25_bad_close_nothing(const char *erp)
{
	static const char *const refused[] = { "\"bad", NULL };

	house_open(&house, erp);
	house_put_many(&house, "bad", 25);
	house_put_many(&house, "good", 5);
	house_rest(&house);
	for (int i = 0; i < 300 && house.n_done < 5; i++) {
		answer_with_404_for(refused);
		house_wait(&house, 30000);
	}
	assert_int_equal(house.n_done, 5);
	house_put_many(&house, "after", 5);
	for (int i = 0; i < 300 && house.n_done < 10; i++) {
		house_wait(&house, 30000);
		answer_with_404_for(refused);
	}
	assert_int_equal(house.n_done, 10);
}

static void test_many_bad_events_cannot_close_a_destination(void **state)
{
	(void)state;
	check_that_25_bad_close_nothing("\"concurrency\":2");
}

static void test_many_bad_events_cannot_close_a_destination_that_takes_batches(void **state)
{
	(void)state;
	check_that_25_bad_close_nothing("\"concurrency\":2,\"batch\":{\"max\":5}");
}

/* Each time another of them is refused first. */
static void refuse_the_bad(unsigned first)
{
	while (house_out(&house) > 0) {
		for (unsigned i = 0; i < ERRANDS_MAX; i++) {
			struct errand *errand = &house.errands[(first + i) % 7];

			if (i >= 7 || !errand->is_out)
				continue;
			house_answer_later(errand, strstr(errand->body, "\"bad") ? 404 : 200, NULL);
			house_turn(&house);
		}
	}
}

static void test_bad_events_are_found_out_though_few_good_ones_come(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":7");
	house_put_many(&house, "bad", 5);
	house_rest(&house);
	for (unsigned i = 0; i < 6; i++) {
		char id[16];

		refuse_the_bad(i);
		(void)snprintf(id, sizeof(id), "good%u", i);
		house_put(&house, id, "");
		for (int j = 0; j < 12; j++) {
			house_wait(&house, 30000);
			refuse_the_bad(i);
		}
	}
	assert_int_equal(house.n_done, 6);
	assert_int_equal(house_exceptions(&house, "rejected"), 5);
}

static void test_a_404_for_all_holds_and_loses_nothing(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":4");
	house_put_many(&house, "e", 12);
	house_rest(&house);
	for (int i = 0; i < 20; i++) {
		house_answer_all(&house, 404);
		house_wait(&house, 30000);
	}
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
	assert_int_equal(house_attempts(&house, "e5"), 0);
	assert_int_equal(house.n_alerts, 1);
	house_answer_all(&house, 200);
	house_wait(&house, 30000);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 12);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
	assert_int_equal(house.n_alerts, 2);
}

static void test_a_lone_refused_delivery_is_its_own_probe_after_a_while(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 404, "");
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 29999);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	house_answer(&house, house_find(&house, "e1"), 404, "no such path");
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	house_wait(&house, 30000);
	house_answer(&house, house_find(&house, "e1"), 200, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house_exceptions(&house, "rejected"), 0);
}

static void test_a_hold_left_by_a_crash_is_resolved_by_the_first_success(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer_all(&house, 404);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	house_crash(&house, "\"concurrency\":1");
	house_rest(&house);
	house_answer_all(&house, 200);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house.n_done, 2);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_401_reads_the_credentials_anew_once),
		T(test_a_second_401_holds_until_the_credentials_are_mended),
		T(test_nobody_is_rejected_for_refused_credentials),
		T(test_a_culprit_in_doubt_is_sent_again_and_then_a_persons),
		T(test_what_left_twice_and_was_turned_away_is_a_persons),
		T(test_a_batch_that_left_twice_and_was_refused_is_not_taken_apart),
		T(test_basic_and_key_credentials_stand_in_their_headers),
		T(test_a_404_for_one_rejects_that_one_and_delivers_the_rest),
		T(test_404s_at_once_reject_nobody_who_is_innocent),
		T(test_two_bad_events_cannot_close_a_destination),
		T(test_many_bad_events_cannot_close_a_destination),
		T(test_many_bad_events_cannot_close_a_destination_that_takes_batches),
		T(test_bad_events_are_found_out_though_few_good_ones_come),
		T(test_a_404_for_all_holds_and_loses_nothing),
		T(test_a_lone_refused_delivery_is_its_own_probe_after_a_while),
		T(test_a_hold_left_by_a_crash_is_resolved_by_the_first_success),
	};

	return cmocka_run_group_tests_name("deliver_hold", tests, NULL, NULL);
}
