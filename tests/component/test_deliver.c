/*
 * The delivery engine against a courier that does what the test says: every row of DELIVERY.md's
 * table, the laws of deliver.h, crashes and poisoned turns.
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

/* --- the plain way -------------------------------------------------------------------------------- */

static void test_an_accepted_delivery_is_done_with_its_reference(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_turn(&house);
	struct errand *sent = house_find(&house, "e1");
	assert_non_null(sent);
	assert_string_equal(sent->url, "http://erp/events");
	assert_string_equal(sent->body, "{\"id\":\"e1\"}");
	assert_string_equal(sent->content_type, "application/json");
	assert_int_equal(strlen(sent->key), 36);
	assert_false(sent->is_fresh);
	house_answer(&house, sent, 201, "{\"ref\":\"PR-1\"}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_string_equal(house.last_ref, "PR-1");
	assert_int_equal(house.n_done, 1);
}

static void test_nothing_leaves_before_the_commit(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house.n_started, 0);
}

static void test_concurrency_bounds_what_is_out(void **state)
{
	char id[16];

	(void)state;
	house_open(&house, "\"concurrency\":3");
	for (int i = 0; i < 10; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		house_put(&house, id, "");
	}
	house_rest(&house);
	assert_int_equal(house_out(&house), 3);
	house_answer(&house, house_find(&house, "e1"), 200, "");
	assert_int_equal(house_out(&house), 3);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 10);
}

static void test_a_key_is_out_once_and_in_order(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":8");
	house_put(&house, "a1", "A");
	house_put(&house, "a2", "A");
	house_put(&house, "b1", "B");
	house_rest(&house);
	assert_int_equal(house_out(&house), 2);
	assert_null(house_find(&house, "a2"));
	house_answer(&house, house_find(&house, "a1"), 200, "");
	assert_non_null(house_find(&house, "a2"));
}

static void test_a_dead_destination_delays_no_other(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1");
	house_put(&house, "e1", "");
	house_put_to(&house, "tms", "t1", "", CONFIG_LANE_BULK);
	house_rest(&house);
	assert_string_equal(house_find(&house, "t1")->destination, "tms");
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NOT_SENT);
	house_answer(&house, house_find(&house, "t1"), 200, "");
	assert_int_equal(house.n_done, 1);
}

static void test_a_critical_delivery_passes_a_flood(void **state)
{
	char id[16];

	(void)state;
	house_open(&house, "\"concurrency\":1");
	for (int i = 0; i < 20; i++) {
		(void)snprintf(id, sizeof(id), "bulk%d", i);
		house_put_to(&house, "erp", id, "", CONFIG_LANE_BULK);
	}
	house_put_to(&house, "erp", "urgent", "", CONFIG_LANE_CRITICAL);
	house_rest(&house);
	for (int i = 0; i < 2 && !house_find(&house, "urgent"); i++)
		house_answer(&house, house_find(&house, "bulk0"), 200, "");
	assert_non_null(house_find(&house, "urgent"));
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 21);
}

static void test_rate_spaces_requests(void **state)
{
	(void)state;
	house_open(&house, "\"rate\":\"60/m\",\"concurrency\":8");
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_put(&house, "e3", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
	house_wait(&house, 999);
	assert_int_equal(house.n_started, 1);
	house_wait(&house, 1);
	assert_int_equal(house.n_started, 2);
}

static void test_a_paused_destination_sends_nothing_until_resumed(void **state)
{
	(void)state;
	house_open(&house, "");
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
}

/* --- trouble -------------------------------------------------------------------------------------- */

static void test_retry_obeys_retry_after_for_the_whole_destination(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1");
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 429, "120");
	house_rest(&house);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 119999);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	assert_int_equal(house_out(&house), 1);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
}

static void test_retry_after_beyond_a_day_is_cut_and_told(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 429, "999999");
	house_rest(&house);
	assert_int_equal(house.n_alerts, 1);
	house_wait(&house, INT64_C(86400000) + 900000);
	assert_int_equal(house_out(&house), 1);
}

static void test_a_retry_sends_the_same_bytes_with_the_same_key(void **state)
{
	char key[64];

	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	(void)snprintf(key, sizeof(key), "%s", house_find(&house, "e1")->key);
	house_answer(&house, house_find(&house, "e1"), 503, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	/* Now batches are configured: what is pinned goes as it went. */
	assert_int_equal(house_configure(&house, "\"batch\":{\"max\":10}"), 0);
	house_wait(&house, 900000);
	assert_string_equal(house_find(&house, "e1")->key, key);
	assert_string_equal(house_find(&house, "e1")->body, "{\"id\":\"e1\"}");
	house_answer_all(&house, 200);
	assert_int_equal(house_attempts(&house, "e1"), 2);
}

static void test_give_up_makes_an_exception(void **state)
{
	(void)state;
	house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1m\",\"give_up\":\"1h\"}");
	house_put(&house, "e1", "");
	for (int i = 0; i < 1000 && house_exceptions(&house, "gave_up") == 0; i++) {
		house_wait(&house, 60000);
		if (house_out(&house) > 0)
			house_answer(&house, house_find(&house, "e1"), 503, "down for repairs");
	}
	assert_int_equal(house_exceptions(&house, "gave_up"), 1);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_non_null(strstr(house.last_reason, "down for repairs"));
}

static void test_failures_open_the_breaker_and_a_probe_closes_it(void **state)
{
	char id[16];

	(void)state;
	house_open(&house, "\"concurrency\":4,\"breaker\":{\"failures\":3,\"probe\":\"30s\"}");
	for (int i = 0; i < 8; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		house_put(&house, id, "");
	}
	house_rest(&house);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i);
		house_answer_later(house_find(&house, id), 503, NULL);
	}
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	assert_int_equal(house.n_alerts, 1);
	house_fail(&house, house_find(&house, "e3"), TRANSPORT_NO_ANSWER);
	house_wait(&house, 29999);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	assert_int_equal(house_out(&house), 1);
	house_answer_all(&house, 200);
	house_wait(&house, 900000);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 8);
	assert_int_equal(house.n_alerts, 2);
}

static void test_an_unreachable_destination_burns_no_attempts(void **state)
{
	(void)state;
	house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1m\",\"give_up\":\"1h\"}");
	house_put(&house, "e1", "");
	for (int i = 0; i < 300; i++) {
		house_wait(&house, 60000);
		if (house_out(&house) > 0)
			house_fail(&house, house_find(&house, "e1"), TRANSPORT_NOT_SENT);
	}
	assert_int_equal(house_attempts(&house, "e1"), 0);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_READY);
	assert_int_equal(house.n_alerts, 1);
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_attempts(&house, "e1"), 1);
	assert_int_equal(house.n_alerts, 2);
}

static void test_a_request_that_cannot_start_is_tried_again(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house.refuses_to_start = true;
	house_rest(&house);
	house.refuses_to_start = false;
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_a_refusal_is_an_exception_in_its_own_words(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "A");
	house_put(&house, "e2", "A");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 422, "{\"message\":\"item is unknown\"}");
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_string_equal(house.last_reason, "item is unknown");
	assert_int_equal(house_state(&house, "e2"), DELIVERY_PARKED);
}

static void test_an_exception_that_passes_frees_its_key(void **state)
{
	(void)state;
	house_open(&house, "\"on_exception\":\"pass\"");
	house_put(&house, "e1", "A");
	house_put(&house, "e2", "A");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 422, "");
	assert_non_null(house_find(&house, "e2"));
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

static void put_many(const char *prefix, int n)
{
	char id[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(id, sizeof(id), "%s%d", prefix, i);
		house_put(&house, id, "");
	}
}

static void test_a_404_for_one_rejects_that_one_and_delivers_the_rest(void **state)
{
	static const char *const refused[] = { "bad0", NULL };

	(void)state;
	house_open(&house, "\"concurrency\":4");
	put_many("good", 3);
	house_put(&house, "bad0", "");
	put_many("more", 10);
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
	put_many("e", 4);
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
	put_many("bad", 3);
	put_many("good", 5);
	house_rest(&house);
	for (int i = 0; i < 50; i++) {
		answer_with_404_for(refused);
		house_wait(&house, 30000);
	}
	assert_int_equal(house.n_done, 5);
	put_many("after", 5);
	for (int i = 0; i < 50; i++) {
		house_wait(&house, 30000);
		answer_with_404_for(refused);
	}
	assert_int_equal(house.n_done, 10);
	assert_true(house_exceptions(&house, "rejected") >= 2);
}

static void test_a_404_for_all_holds_and_loses_nothing(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":4");
	put_many("e", 12);
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
	put_many("e", 2);
	house_rest(&house);
	house_answer_all(&house, 404);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	house_crash(&house, "\"concurrency\":1");
	house_rest(&house);
	house_answer_all(&house, 200);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house.n_done, 2);
}

/* --- batches -------------------------------------------------------------------------------------- */

#define BATCH "\"concurrency\":1,\"batch\":{\"max\":5}"

static void test_ready_deliveries_go_together(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	put_many("e", 7);
	house_rest(&house);
	assert_string_equal(house_find(&house, "e0")->body,
		"[{\"id\":\"e0\"},{\"id\":\"e1\"},{\"id\":\"e2\"},{\"id\":\"e3\"},{\"id\":\"e4\"}]");
	house_answer(&house, house_find(&house, "e0"), 200, "");
	assert_string_equal(house_find(&house, "e6")->body, "[{\"id\":\"e5\"},{\"id\":\"e6\"}]");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 7);
	assert_int_equal(house.n_started, 2);
}

static void test_a_batch_is_bounded_by_bytes(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1,\"batch\":{\"max\":5,\"max_bytes\":\"1KiB\"}");
	for (int i = 0; i < 4; i++) {
		char id[128];

		memset(id, 'a' + i, sizeof(id) - 1);
		id[sizeof(id) - 1] = '\0';
		house_put(&house, id, "");
	}
	house_rest(&house);
	assert_true(strlen(house.errands[0].body) <= 1024);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 4);
}

static void test_linger_waits_for_company_but_not_for_ever(void **state)
{
	(void)state;
	house_open(&house, "\"batch\":{\"max\":3,\"linger\":\"500ms\"}");
	put_many("a", 2);
	house_rest(&house);
	house_wait(&house, 499);
	assert_int_equal(house.n_started, 0);
	house_wait(&house, 1);
	assert_int_equal(house.n_started, 1);
	put_many("b", 2);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
	house_put(&house, "b2", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 2);
}

static void test_a_refused_batch_goes_one_by_one(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	put_many("e", 5);
	house_rest(&house);
	house_answer(&house, house_find(&house, "e0"), 400, "{\"message\":\"no\"}");
	while (house_out(&house) > 0) {
		struct errand *bad = house_find(&house, "e3");

		if (bad) {
			assert_string_equal(bad->body, "[{\"id\":\"e3\"}]");
			house_answer(&house, bad, 400, "{\"message\":\"e3 is odd\"}");
		} else {
			for (size_t i = 0; i < ERRANDS_MAX; i++)
				if (house.errands[i].is_out)
					house_answer(&house, &house.errands[i], 200, "");
		}
	}
	assert_int_equal(house.n_done, 4);
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_string_equal(house.last_reason, "e3 is odd");
}

static void check_batch_repeats(void (*disturb)(void))
{
	char key[64], body[TEXT_MAX];

	put_many("e", 3);
	house_rest(&house);
	(void)snprintf(key, sizeof(key), "%s", house_find(&house, "e0")->key);
	(void)snprintf(body, sizeof(body), "%s", house_find(&house, "e0")->body);
	put_many("late", 2);
	house_rest(&house);
	disturb();
	for (int i = 0; i < 20 && !house_find(&house, "e0"); i++) {
		if (house_find(&house, "late0"))
			house_answer(&house, house_find(&house, "late0"), 200, "");
		house_wait(&house, 60000);
	}
	assert_string_equal(house_find(&house, "e0")->key, key);
	assert_string_equal(house_find(&house, "e0")->body, body);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 5);
}

static void lose_answer(void)
{
	house_fail(&house, house_find(&house, "e0"), TRANSPORT_NO_ANSWER);
}

static void crash(void)
{
	house_crash(&house, BATCH);
}

static void poison_the_settling_turn(void)
{
	house_answer_later(house_find(&house, "e0"), 503, NULL);
	house.poisons = true;
	house_turn(&house);
}

static void test_a_pinned_batch_is_repeated_after_a_lost_answer(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	check_batch_repeats(lose_answer);
}

static void test_a_pinned_batch_is_repeated_after_a_crash(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	check_batch_repeats(crash);
}

static void test_a_batch_waits_for_all_its_members_to_be_due(void **state)
{
	char body[TEXT_MAX];

	(void)state;
	house_open(&house, BATCH);
	put_many("e", 5);
	house_rest(&house);
	(void)snprintf(body, sizeof(body), "%s", house_find(&house, "e0")->body);
	house_answer_later(house_find(&house, "e0"), 503, NULL);
	house_turn(&house);
	/* A turn now makes four due rows READY: the batch is not whole in the first. */
	assert_int_equal(house_configure(&house, "\"concurrency\":1"), 0);
	house_wait(&house, 900000);
	assert_string_equal(house_find(&house, "e0")->body, body);
}

/* --- doubt ---------------------------------------------------------------------------------------- */

#define NO_KEY "\"idempotency\":{\"mode\":\"none\"}"

static void test_doubt_without_a_key_is_for_a_person(void **state)
{
	(void)state;
	house_open(&house, NO_KEY);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_false(house_find(&house, "e1")->has_key);
	assert_true(house_find(&house, "e1")->is_fresh);
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_doubt_without_a_key_is_resent_where_doubles_were_chosen(void **state)
{
	(void)state;
	house_open(&house, NO_KEY ",\"on_doubt\":\"resend\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
}

static void test_a_crash_without_a_key_is_for_a_person(void **state)
{
	(void)state;
	house_open(&house, NO_KEY);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_crash(&house, NO_KEY);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
	assert_int_equal(house.n_exceptions, 1);
}

static void test_a_crash_sends_the_same_key_again(void **state)
{
	char key[64];

	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	(void)snprintf(key, sizeof(key), "%s", house_find(&house, "e1")->key);
	house_crash(&house, "");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e1")->key, key);
	house_answer_all(&house, 200);
	assert_int_equal(house_attempts(&house, "e1"), 2);
}

static void test_a_crash_longer_than_the_key_lives_is_for_a_person(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house.now_ms += INT64_C(86400000);
	house_crash(&house, "");
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_doubt_older_than_the_key_is_never_sent_again(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NO_ANSWER);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_wait(&house, INT64_C(86400000));
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

/* --- laws ----------------------------------------------------------------------------------------- */

static void test_an_answer_survives_a_poisoned_turn_and_is_not_sent_again(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e2"), 200, NULL);
	house_answer_later(house_find(&house, "e1"), 200, NULL);
	for (int i = 0; i < 5; i++) {
		house.poisons = true;
		house_turn(&house);
		assert_int_equal(house.n_done, 0);
		assert_int_equal(house_state(&house, "e1"), DELIVERY_CLAIMED);
	}
	house_wait(&house, 10000);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house.n_started, 2);
}

static void test_a_poisoned_decision_is_the_same_again(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	check_batch_repeats(poison_the_settling_turn);
}

static void test_a_poisoned_hold_names_the_same_culprit(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":2");
	put_many("e", 3);
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 404, NULL);
	house_answer_later(house_find(&house, "e0"), 404, NULL);
	house.poisons = true;
	house_turn(&house);
	house_wait(&house, 10000);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_int_equal(house.n_done, 2);
}

static void test_a_reload_with_a_fault_changes_nothing(void **state)
{
	(void)state;
	house_open(&house, "");
	assert_int_equal(house_configure(&house, "\"connector\":\"missing\""), -1);
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e1")->url, "http://erp/events");
}

static void count_views(void *ctx, const struct deliver_view *view)
{
	if (strcmp(view->name, "erp") == 0) {
		assert_true(view->is_configured);
		assert_int_equal(view->in_flight, 1);
	}
	(*(unsigned *)ctx)++;
}

static void test_list_shows_each_destination_once(void **state)
{
	unsigned n = 0;

	(void)state;
	house_open(&house, "");
	assert_int_equal(store_destination_id(house.store, "gone"), 3);
	house_put(&house, "e1", "");
	house_rest(&house);
	deliver_list(house.deliver, count_views, &n);
	assert_int_equal(n, 3);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_an_accepted_delivery_is_done_with_its_reference),
		T(test_nothing_leaves_before_the_commit),
		T(test_concurrency_bounds_what_is_out),
		T(test_a_key_is_out_once_and_in_order),
		T(test_a_dead_destination_delays_no_other),
		T(test_a_critical_delivery_passes_a_flood),
		T(test_rate_spaces_requests),
		T(test_a_paused_destination_sends_nothing_until_resumed),
		T(test_retry_obeys_retry_after_for_the_whole_destination),
		T(test_retry_after_beyond_a_day_is_cut_and_told),
		T(test_a_retry_sends_the_same_bytes_with_the_same_key),
		T(test_give_up_makes_an_exception),
		T(test_failures_open_the_breaker_and_a_probe_closes_it),
		T(test_an_unreachable_destination_burns_no_attempts),
		T(test_a_request_that_cannot_start_is_tried_again),
		T(test_a_refusal_is_an_exception_in_its_own_words),
		T(test_an_exception_that_passes_frees_its_key),
		T(test_a_401_reads_the_credentials_anew_once),
		T(test_a_second_401_holds_until_the_credentials_are_mended),
		T(test_basic_and_key_credentials_stand_in_their_headers),
		T(test_a_404_for_one_rejects_that_one_and_delivers_the_rest),
		T(test_404s_at_once_reject_nobody_who_is_innocent),
		T(test_two_bad_events_cannot_close_a_destination),
		T(test_a_404_for_all_holds_and_loses_nothing),
		T(test_a_lone_refused_delivery_is_its_own_probe_after_a_while),
		T(test_a_hold_left_by_a_crash_is_resolved_by_the_first_success),
		T(test_ready_deliveries_go_together),
		T(test_a_batch_is_bounded_by_bytes),
		T(test_linger_waits_for_company_but_not_for_ever),
		T(test_a_refused_batch_goes_one_by_one),
		T(test_a_pinned_batch_is_repeated_after_a_lost_answer),
		T(test_a_pinned_batch_is_repeated_after_a_crash),
		T(test_a_batch_waits_for_all_its_members_to_be_due),
		T(test_doubt_without_a_key_is_for_a_person),
		T(test_doubt_without_a_key_is_resent_where_doubles_were_chosen),
		T(test_a_crash_without_a_key_is_for_a_person),
		T(test_a_crash_sends_the_same_key_again),
		T(test_a_crash_longer_than_the_key_lives_is_for_a_person),
		T(test_doubt_older_than_the_key_is_never_sent_again),
		T(test_an_answer_survives_a_poisoned_turn_and_is_not_sent_again),
		T(test_a_poisoned_decision_is_the_same_again),
		T(test_a_poisoned_hold_names_the_same_culprit),
		T(test_a_reload_with_a_fault_changes_nothing),
		T(test_list_shows_each_destination_once),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
