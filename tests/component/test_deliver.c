/*
 * The delivery engine against a courier that does what the test says: the plain way, every kind of
 * trouble in DELIVERY.md's table, and the laws of deliver.h.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"
#include "help_faulty_vfs.h"
#include "store/store_internal.h"

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

static void test_a_token_that_comes_during_a_slow_commit_is_used(void **state)
{
	(void)state;
	house_open(&house, "\"rate\":\"60/m\",\"concurrency\":8");
	house_put_many(&house, "e", 2);
	house.commit_takes_ms = 1500;
	house_turn(&house);
	assert_int_equal(house.n_started, 1);
	(void)house_pass(&house, 10);
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

static void test_a_long_wait_that_all_are_told_of_is_one_alarm(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":8");
	house_put_many(&house, "e", 8);
	house_rest(&house);
	for (int i = 0; i < 8; i++) {
		house_answer_later(&house.errands[i], 429, "999999");
		house_rest(&house);
	}
	assert_int_equal(house.n_alerts, 1);
	/* A day later it still asks for it. */
	house_wait(&house, INT64_C(86400000) + 900000);
	house_answer_later(&house.errands[0], 429, "999999");
	house_rest(&house);
	assert_int_equal(house.n_alerts, 2);
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

static size_t used_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* What is kept for the next claim is what most need: not the largest that each ever had. */
static void test_the_memory_of_large_answers_is_given_back(void **state)
{
	enum { N = 32, ANSWER_BYTES = 1 << 20 };
	char *answer = calloc(1, ANSWER_BYTES + 1);
	size_t before;

	(void)state;
	assert_non_null(answer);
	memset(answer, 'x', ANSWER_BYTES);
	house_open(&house, "\"concurrency\":32");
	house_put_many(&house, "e", N);
	house_rest(&house);
	assert_int_equal(house_out(&house), N);
	before = used_bytes();
	for (int i = 0; i < N; i++)
		house_answer(&house, &house.errands[i], 200, answer);
	free(answer);
	assert_int_equal(house.n_done, N);
	assert_true(used_bytes() < before + 4 * ANSWER_BYTES);
}

/* --- traces ---------------------------------------------------------------------------------------- */

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-"
#define PARENT TRACE "00f067aa0ba902b7-01"

static void test_each_attempt_is_a_span_of_its_events_trace(void **state)
{
	char first[256];

	(void)state;
	house_open(&house, "");
	house.traceparent = PARENT;
	house_put(&house, "e1", "");
	house_rest(&house);
	(void)snprintf(first, sizeof(first), "%s", house_only(&house)->extra);
	assert_memory_equal(first, "traceparent: " TRACE, 13 + strlen(TRACE));
	assert_string_equal(first + 13 + strlen(PARENT) - 3, "-01\n");
	assert_null(strstr(first, PARENT));
	house_answer(&house, house_only(&house), 503, "");
	house_wait(&house, 900000);
	assert_memory_equal(house_only(&house)->extra, first, 13 + strlen(TRACE));
	assert_string_not_equal(house_only(&house)->extra, first);
}

static void test_a_request_for_events_of_several_traces_names_none(void **state)
{
	static const char *const others[] = { PARENT,
		"00-"
		"4bf92f3577b34da6a3ce929d0e0e4737"
		"-00f067aa0ba902b7-01",
		NULL };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		house_open(&house, "\"batch\":{\"max\":2}");
		house.traceparent = PARENT;
		house_put(&house, "e1", "");
		house.traceparent = others[i];
		house_put(&house, "e2", "");
		house_rest(&house);
		assert_int_equal(
			strncmp(house_only(&house)->extra, "traceparent:", 12) == 0, i == 0);
		if (i < 2)
			house_close(&house);
	}
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

static void test_what_gave_up_and_is_retried_by_a_person_has_all_its_time_again(void **state)
{
	(void)state;
	house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1m\",\"give_up\":\"1h\"}");
	house_put(&house, "e1", "");
	for (int i = 0; i < 1000 && house_exceptions(&house, "gave_up") == 0; i++) {
		house_wait(&house, 60000);
		house_answer_all(&house, 503);
	}
	house_wait(&house, 3600000);
	house_retry(&house, "e1", "gave_up");
	house_rest(&house);
	house_answer_all(&house, 503);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
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

static void test_time_without_a_connection_burns_no_give_up(void **state)
{
	(void)state;
	house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1m\",\"give_up\":\"1h\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 503, "");
	for (int i = 0; i < 70; i++) {
		house_wait(&house, 60000);
		if (house_out(&house) > 0)
			house_fail(&house, house_find(&house, "e1"), TRANSPORT_NOT_SENT);
	}
	house_wait(&house, 60000);
	house_answer(&house, house_find(&house, "e1"), 503, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	assert_int_equal(house_attempts(&house, "e1"), 2);
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

/* Reads go to the disk, which fails. */
static void break_reading(void)
{
	assert_int_equal(sqlite3_db_release_memory(house.store->db), SQLITE_OK);
	faulty_vfs_arm(FAULTY_READ, 1, 0, true);
}

static void test_a_failed_look_for_ready_rows_is_made_again_soon(void **state)
{
	(void)state;
	house_open(&house, "\"rate\":\"60/m\"");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
	break_reading();
	assert_in_range(house_pass(&house, 5000), 2, 10);
	assert_true(faulty_vfs_failures() > 0);
	assert_false(store_is_poisoned(house.store));
	assert_int_equal(house.n_started, 1);
	faulty_vfs_disarm();
	(void)house_pass(&house, 1000);
	assert_int_equal(house.n_started, 2);
}

static void test_a_failed_look_for_due_rows_is_made_again_soon(void **state)
{
	(void)state;
	house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1s\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 503, "");
	break_reading();
	assert_in_range(house_pass(&house, 5000), 2, 10);
	assert_true(faulty_vfs_failures() > 0);
	faulty_vfs_disarm();
	(void)house_pass(&house, 1000);
	assert_int_equal(house.n_started, 2);
}

static void test_a_poisoned_hold_names_the_same_culprit(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":2");
	house_put_many(&house, "e", 3);
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
		T(test_a_token_that_comes_during_a_slow_commit_is_used),
		T(test_a_paused_destination_sends_nothing_until_resumed),
		T(test_retry_obeys_retry_after_for_the_whole_destination),
		T(test_retry_after_beyond_a_day_is_cut_and_told),
		T(test_a_long_wait_that_all_are_told_of_is_one_alarm),
		T(test_a_retry_sends_the_same_bytes_with_the_same_key),
		T(test_the_memory_of_large_answers_is_given_back),
		T(test_each_attempt_is_a_span_of_its_events_trace),
		T(test_a_request_for_events_of_several_traces_names_none),
		T(test_give_up_makes_an_exception),
		T(test_what_gave_up_and_is_retried_by_a_person_has_all_its_time_again),
		T(test_failures_open_the_breaker_and_a_probe_closes_it),
		T(test_an_unreachable_destination_burns_no_attempts),
		T(test_time_without_a_connection_burns_no_give_up),
		T(test_a_request_that_cannot_start_is_tried_again),
		T(test_a_refusal_is_an_exception_in_its_own_words),
		T(test_an_exception_that_passes_frees_its_key),
		T(test_an_answer_survives_a_poisoned_turn_and_is_not_sent_again),
		T(test_a_failed_look_for_ready_rows_is_made_again_soon),
		T(test_a_failed_look_for_due_rows_is_made_again_soon),
		T(test_a_poisoned_hold_names_the_same_culprit),
		T(test_a_reload_with_a_fault_changes_nothing),
		T(test_list_shows_each_destination_once),
	};

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
