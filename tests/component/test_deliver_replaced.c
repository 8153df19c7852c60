/*
 * The store breaks while deliveries are under way: their rows come back in doubt, and each goes to the
 * other side again under its own key, once, or to a person.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"
#include "play_salvage.h"
#include "store/store_internal.h"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

static void open_house(const char *erp)
{
	plan = (struct salvage_plan){ .slice_events = 100, .has_tally = true };
	house_open(&house, erp);
}

/* As the agent does: it breaks, is replaced between two turns, and what it held is merged. */
static void break_and_salvage(void)
{
	const struct store_salvaging with = { .now_ms = house.now_ms };

	(void)store_break(house.store, "a test broke it");
	deliver_rest(house.deliver, true);
	house_turn(&house);
	assert_null(store_broken(house.store));
	while (store_is_salvaging(house.store)) {
		assert_true(store_salvage(house.store, &with) >= 0);
		house_turn(&house);
	}
	deliver_rest(house.deliver, false);
	house_wait(&house, 100); /* the pause after a poisoned turn */
}

static void test_what_was_out_goes_again_under_its_key_and_its_first_answer_is_dropped(void **state)
{
	struct errand *first, *again;
	char key[64];

	(void)state;
	open_house("\"concurrency\":2");
	house_put(&house, "a", "PO-1");
	house_put(&house, "b", "PO-1");
	house_rest(&house);
	first = house_find(&house, "a");
	(void)snprintf(key, sizeof(key), "%s", first->key);
	break_and_salvage();
	house_answer(&house, first, 200, "");
	again = house_find(&house, "a");
	assert_non_null(again);
	assert_string_equal(again->key, key);
	assert_int_equal(house_state(&house, "b"), DELIVERY_PARKED);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 2);
	assert_int_equal(house_state(&house, "a"), DELIVERY_DONE);
	assert_int_equal(house.n_started, 3);
}

static void test_nothing_is_claimed_while_older_ones_may_be_on_their_way_back(void **state)
{
	(void)state;
	open_house("\"concurrency\":2");
	house_put(&house, "a", "PO-1");
	house_rest(&house);
	deliver_rest(house.deliver, true);
	(void)store_break(house.store, "a test broke it");
	house_turn(&house);
	house_put(&house, "b", "PO-2");
	house_wait(&house, 10000);
	assert_null(house_find(&house, "b"));
	assert_int_equal(house_state(&house, "b"), DELIVERY_READY);
}

static void test_without_a_key_it_is_for_a_person(void **state)
{
	(void)state;
	open_house("\"idempotency\":{\"mode\":\"none\"}");
	house_put(&house, "a", "");
	house_rest(&house);
	break_and_salvage();
	house_rest(&house);
	assert_int_equal(house_state(&house, "a"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
	assert_int_equal(house.n_started, 1);
}

static void test_a_whole_batch_is_repeated_as_it_was(void **state)
{
	struct errand *first;
	char key[64];

	(void)state;
	open_house("\"concurrency\":1,\"batch\":{\"max\":3}");
	house_put_many(&house, "e", 3);
	house_rest(&house);
	first = house_find(&house, "e0");
	(void)snprintf(key, sizeof(key), "%s", first->key);
	break_and_salvage();
	house_fail(&house, first, TRANSPORT_NO_ANSWER);
	assert_string_equal(house_find(&house, "e0")->key, key);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 3);
}

static void test_a_batch_that_may_not_be_whole_is_for_a_person(void **state)
{
	struct errand *first;

	(void)state;
	open_house("\"concurrency\":1,\"batch\":{\"max\":3}");
	plan.damage = "DELETE FROM delivery WHERE seq = 2; DELETE FROM event WHERE seq = 2";
	plan.events_lost = 1;
	house_put_many(&house, "e", 3);
	house_rest(&house);
	first = house_find(&house, "e0");
	break_and_salvage();
	house_answer(&house, first, 200, "");
	house_rest(&house);
	assert_int_equal(house_exceptions(&house, "unknown"), 2);
	assert_int_equal(house.n_started, 1);
}

/* The refusal that was to hold it goes with the database: the next one holds it instead. */
static void test_a_refusal_that_is_dropped_names_nobody(void **state)
{
	const struct courier_answer refused = {
		.transport = TRANSPORT_ANSWERED, .status = 403, .body = ""
	};
	struct errand *errand;

	(void)state;
	open_house("\"concurrency\":1");
	house_put(&house, "a", "PO-1");
	house_rest(&house);
	errand = house_find(&house, "a");
	errand->is_out = false;
	errand->done(errand->ctx, &refused);
	house.poisons = true;
	house_turn(&house);
	break_and_salvage();
	house_answer(&house, house_find(&house, "a"), 403, "");
	assert_int_equal(house_out(&house), 0);
}

static void test_a_probe_whose_row_is_gone_keeps_no_destination_closed(void **state)
{
	(void)state;
	open_house("\"concurrency\":1,\"breaker\":{\"failures\":1,\"probe\":\"1s\"}");
	house_put(&house, "a", "");
	house_rest(&house);
	house_fail(&house, house_find(&house, "a"), TRANSPORT_NOT_SENT);
	house_wait(&house, 60000);
	assert_int_equal(house_out(&house), 1); /* the probe */
	break_and_salvage();
	house_answer(&house, house_find(&house, "a"), 200, "");
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "a"), DELIVERY_DONE);
}

/* Sends the event, and finds it when it is looked up. */
static enum mapper_outcome simple(const cJSON *input, struct buf *out)
{
	const cJSON *response = cJSON_GetObjectItem(input, "response");
	const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(input, "op"));

	if (cJSON_IsObject(response))
		buf_puts(out, "{\"done\":{\"ref\":\"R\"}}");
	else if (strcmp(op, "lookup") == 0)
		buf_puts(out, "{\"send\":{\"method\":\"GET\",\"path\":\"/look\"}}");
	else
		buf_puts(out, "{\"send\":{\"path\":\"/in\",\"body\":{}},\"carry\":{\"n\":1}}");
	return MAPPER_OUTPUT;
}

static void test_what_a_program_was_asked_is_asked_again(void **state)
{
	(void)state;
	house_connector("simple", "", simple);
	open_house("\"connector\":\"simple\"");
	house_put(&house, "a", "");
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 1);
	break_and_salvage();
	assert_int_equal(house.n_started, 1);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "a"), DELIVERY_DONE);
	assert_int_equal(house.n_started, 1);
}

static void test_what_was_out_is_looked_up_and_its_first_answer_is_dropped(void **state)
{
	struct errand *first;

	(void)state;
	house_connector("simple", "", simple);
	open_house("\"connector\":\"simple\",\"idempotency\":{\"mode\":\"lookup\"}");
	house_put(&house, "a", "");
	house_rest(&house);
	first = house_only(&house);
	break_and_salvage();
	house_answer(&house, first, 200, "");
	assert_int_equal(house_state(&house, "a"), DELIVERY_SUSPECT);
	house_wait(&house, 60000);
	assert_string_equal(house_only(&house)->url, "http://erp/look");
	house_answer(&house, house_only(&house), 200, "");
	assert_int_equal(house_state(&house, "a"), DELIVERY_DONE);
}

#define TEST(function) cmocka_unit_test_teardown(function, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_out_goes_again_under_its_key_and_its_first_answer_is_dropped),
		TEST(test_nothing_is_claimed_while_older_ones_may_be_on_their_way_back),
		TEST(test_without_a_key_it_is_for_a_person),
		TEST(test_a_whole_batch_is_repeated_as_it_was),
		TEST(test_a_batch_that_may_not_be_whole_is_for_a_person),
		TEST(test_a_refusal_that_is_dropped_names_nobody),
		TEST(test_a_probe_whose_row_is_gone_keeps_no_destination_closed),
		TEST(test_what_a_program_was_asked_is_asked_again),
		TEST(test_what_was_out_is_looked_up_and_its_first_answer_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
