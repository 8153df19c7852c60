/*
 * Batches, what stays the same when one is repeated, and doubt: crashes and lost answers.
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

/* --- batches -------------------------------------------------------------------------------------- */

#define BATCH "\"concurrency\":1,\"batch\":{\"max\":5}"

static void test_ready_deliveries_go_together(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	house_put_many(&house, "e", 7);
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
	house_put_many(&house, "a", 2);
	house_rest(&house);
	house_wait(&house, 499);
	assert_int_equal(house.n_started, 0);
	house_wait(&house, 1);
	assert_int_equal(house.n_started, 1);
	house_put_many(&house, "b", 2);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
	house_put(&house, "b2", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 2);
}

static void test_a_lapsed_linger_costs_a_paused_destination_no_looks(void **state)
{
	(void)state;
	house_open(&house, "\"batch\":{\"max\":3,\"linger\":\"500ms\"}");
	house_put_many(&house, "a", 2);
	house_rest(&house);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_rest(&house);
	assert_in_range(house_pass(&house, 60000), 1, 3);
	assert_int_equal(house.n_started, 0);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
}

static void test_a_refused_batch_goes_one_by_one(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	house_put_many(&house, "e", 5);
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

	house_put_many(&house, "e", 3);
	house_rest(&house);
	(void)snprintf(key, sizeof(key), "%s", house_find(&house, "e0")->key);
	(void)snprintf(body, sizeof(body), "%s", house_find(&house, "e0")->body);
	house_put_many(&house, "late", 2);
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

static void test_a_poisoned_decision_is_the_same_again(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	check_batch_repeats(poison_the_settling_turn);
}

static void test_a_batch_waits_for_all_its_members_to_be_due(void **state)
{
	char body[TEXT_MAX];

	(void)state;
	house_open(&house, BATCH);
	house_put_many(&house, "e", 5);
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

static void test_a_doubted_batch_that_is_refused_is_for_a_person(void **state)
{
	(void)state;
	house_open(&house, BATCH);
	house_put_many(&house, "e", 3);
	house_rest(&house);
	lose_answer();
	house_wait(&house, 60000);
	house_answer(&house, house_find(&house, "e0"), 400, "");
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 3);
}

static void give_up_after(bool is_doubtful)
{
	house_open(&house, BATCH ",\"retry\":{\"max\":\"1s\",\"give_up\":\"1m\"}");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	if (is_doubtful)
		lose_answer();
	else
		house_answer(&house, house_find(&house, "e0"), 429, "");
	house_wait(&house, 60000);
	house_answer(&house, house_find(&house, "e0"), 429, "");
	assert_int_equal(house_out(&house), 0);
}

/* Were one of them let go, the other would be sent again alone, under another key. */
static void test_a_doubted_batch_that_is_given_up_must_be_looked_up(void **state)
{
	(void)state;
	give_up_after(true);
	assert_int_equal(house_exceptions(&house, "unknown"), 2);
	assert_int_equal(house_exceptions(&house, "gave_up"), 0);
}

static void test_a_batch_that_was_never_taken_is_given_up_as_such(void **state)
{
	(void)state;
	give_up_after(false);
	assert_int_equal(house_exceptions(&house, "gave_up"), 2);
	assert_int_equal(house_exceptions(&house, "unknown"), 0);
}

/* Three in a batch whose key the other side has forgotten. */
static void put_forgotten_batch(char key[64], char body[TEXT_MAX])
{
	house_open(&house, BATCH);
	house_put_many(&house, "e", 3);
	house_rest(&house);
	(void)snprintf(key, 64, "%s", house_find(&house, "e0")->key);
	(void)snprintf(body, TEXT_MAX, "%s", house_find(&house, "e0")->body);
	lose_answer();
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_wait(&house, INT64_C(86400000));
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 3);
}

static void test_a_forgotten_batch_retried_as_a_whole_goes_as_it_was(void **state)
{
	char key[64], body[TEXT_MAX];

	(void)state;
	put_forgotten_batch(key, body);
	house_retry(&house, "e0", "unknown");
	house_retry(&house, "e1", "unknown");
	house_retry(&house, "e2", "unknown");
	house_rest(&house);
	assert_string_equal(house_find(&house, "e0")->key, key);
	assert_string_equal(house_find(&house, "e0")->body, body);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
}

static void test_each_of_a_forgotten_batch_can_be_retried_alone(void **state)
{
	static const char *const ids[] = { "e1", "e0", "e2" };
	char key[64], body[TEXT_MAX];

	(void)state;
	put_forgotten_batch(key, body);
	for (unsigned i = 0; i < 3; i++) {
		house_retry(&house, ids[i], "unknown");
		house_rest(&house);
		assert_int_equal(house_out(&house), 1);
		assert_non_null(house_find(&house, ids[i]));
		/* Whether it is accepted or not, it is out of the batch. */
		house_answer(&house, house_find(&house, ids[i]), i == 1 ? 503 : 200, "");
	}
	house_wait(&house, 60000);
	assert_string_equal(house_find(&house, "e0")->body, "[{\"id\":\"e0\"}]");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ready_deliveries_go_together),
		T(test_a_batch_is_bounded_by_bytes),
		T(test_linger_waits_for_company_but_not_for_ever),
		T(test_a_lapsed_linger_costs_a_paused_destination_no_looks),
		T(test_a_refused_batch_goes_one_by_one),
		T(test_a_pinned_batch_is_repeated_after_a_lost_answer),
		T(test_a_pinned_batch_is_repeated_after_a_crash),
		T(test_a_poisoned_decision_is_the_same_again),
		T(test_a_batch_waits_for_all_its_members_to_be_due),
		T(test_doubt_without_a_key_is_for_a_person),
		T(test_doubt_without_a_key_is_resent_where_doubles_were_chosen),
		T(test_a_crash_without_a_key_is_for_a_person),
		T(test_a_crash_sends_the_same_key_again),
		T(test_a_crash_longer_than_the_key_lives_is_for_a_person),
		T(test_doubt_older_than_the_key_is_never_sent_again),
		T(test_a_doubted_batch_that_is_refused_is_for_a_person),
		T(test_a_doubted_batch_that_is_given_up_must_be_looked_up),
		T(test_a_batch_that_was_never_taken_is_given_up_as_such),
		T(test_a_forgotten_batch_retried_as_a_whole_goes_as_it_was),
		T(test_each_of_a_forgotten_batch_can_be_retried_alone),
	};

	return cmocka_run_group_tests_name("deliver_batch", tests, NULL, NULL);
}
