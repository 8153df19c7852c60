/*
 * Chains: deliveries of one ordering key in one batch, where the other side applies it in its order or
 * whole.
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

#define BATCH "\"concurrency\":1,\"batch\":{\"max\":5}"

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	house_batch_kind = CONFIG_BATCH_PARTIAL;
	return 0;
}

static void open_house(enum config_batch_kind kind, const char *erp)
{
	house_batch_kind = kind;
	house_open(&house, erp);
}

/* a0, a1, … of one key. */
static void put_chain(const char *key, int n)
{
	char id[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(id, sizeof(id), "%s%d", key, i);
		house_put(&house, id, key);
	}
	house_turn(&house);
}

static const char *body(void)
{
	const struct errand *errand = house_find(&house, "id");

	return errand ? errand->body : "";
}

#define E(id) "{\"id\":\"" id "\"}"

static void test_a_key_goes_as_a_chain_where_batches_are_applied_in_order(void **state)
{
	(void)state;
	for (enum config_batch_kind kind = CONFIG_BATCH_ORDERED; kind <= CONFIG_BATCH_ATOMIC;
		kind++) {
		open_house(kind, BATCH);
		put_chain("a", 7);
		house_rest(&house);
		assert_string_equal(
			body(), "[" E("a0") "," E("a1") "," E("a2") "," E("a3") "," E("a4") "]");
		house_answer(&house, house_find(&house, "a0"), 200, "");
		assert_string_equal(body(), "[" E("a5") "," E("a6") "]");
		house_answer_all(&house, 200);
		assert_int_equal(house.n_done, 7);
		assert_int_equal(house.n_started, 2);
		if (kind != CONFIG_BATCH_ATOMIC)
			house_close(&house);
	}
}

static void test_a_key_goes_one_by_one_where_each_has_its_own_fate(void **state)
{
	(void)state;
	open_house(CONFIG_BATCH_PARTIAL, BATCH);
	put_chain("a", 3);
	house_rest(&house);
	assert_string_equal(body(), "[" E("a0") "]");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_started, 3);
}

/* Other keys come first; chains share the room that they leave; all stand by seq. */
static void test_chains_fill_the_room_that_other_keys_leave(void **state)
{
	(void)state;
	open_house(CONFIG_BATCH_ORDERED, BATCH);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	put_chain("a", 3);
	put_chain("b", 4);
	house_put(&house, "c", "");
	house_turn(&house);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_string_equal(body(), "[" E("a0") "," E("a1") "," E("b0") "," E("b1") "," E("c") "]");
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 8);
	assert_int_equal(house.n_started, 2);
}

static void test_a_chain_is_bounded_by_bytes_and_breaks_off_where_one_does_not_fit(void **state)
{
	(void)state;
	open_house(CONFIG_BATCH_ORDERED,
		"\"concurrency\":1,\"batch\":{\"max\":5,\"max_bytes\":\"1KiB\"}");
	for (int i = 0; i < 4; i++) {
		char id[512];
		size_t len = i == 2 ? 500 : 300;

		memset(id, 'a' + i, len);
		id[len] = '\0';
		house_put(&house, id, "k");
	}
	house_rest(&house);
	assert_non_null(strstr(body(), "bbb"));
	assert_null(strstr(body(), "ccc")); /* the fourth would fit, but may not pass it */
	assert_null(strstr(body(), "ddd"));
	assert_true(strlen(body()) <= 1024);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 4);
}

static void test_a_chain_fills_a_batch_and_ends_its_linger(void **state)
{
	(void)state;
	open_house(CONFIG_BATCH_ORDERED, "\"batch\":{\"max\":3,\"linger\":\"500ms\"}");
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	put_chain("a", 3);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_int_equal(house.n_started, 1);
}

/* --- when it doesn't go through ---------------------------------------------------------------------- */

static void lose_answer(void)
{
	house_fail(&house, house_find(&house, "a0"), TRANSPORT_NO_ANSWER);
}

static void crash(void)
{
	house_crash(&house, BATCH);
}

static void ask_for_patience(void)
{
	house_answer(&house, house_find(&house, "a0"), 503, "");
}

static void be_unreachable(void)
{
	house_fail(&house, house_find(&house, "a0"), TRANSPORT_NOT_SENT);
}

static void poison_the_settling_turn(void)
{
	house_answer_later(house_find(&house, "a0"), 503, NULL);
	house.poisons = true;
	house_turn(&house);
}

static void poison_the_claiming_turn(void)
{
	house_answer_later(house_find(&house, "a0"), 503, NULL);
	house_turn(&house);
	house.now_ms += 60000;
	house.poisons = true;
	house_turn(&house);
}

static void put_pinned(const char *config)
{
	open_house(CONFIG_BATCH_ORDERED, config);
	house_put(&house, "b0", "b");
	put_chain("a", 3);
	house_rest(&house);
	assert_string_equal(body(), "[" E("b0") "," E("a0") "," E("a1") "," E("a2") "]");
}

static void test_a_pinned_chain_is_sent_again_whole(void **state)
{
	static void (*const disturbances[])(void) = { lose_answer, crash, ask_for_patience,
		be_unreachable, poison_the_settling_turn, poison_the_claiming_turn };
	char key[64], was[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(disturbances) / sizeof(disturbances[0]); i++) {
		if (i > 0)
			house_close(&house);
		put_pinned(BATCH);
		(void)snprintf(key, sizeof(key), "%s", house_find(&house, "a0")->key);
		(void)snprintf(was, sizeof(was), "%s", body());
		house_put(&house, "a3", "a");
		house_turn(&house);
		disturbances[i]();
		for (int n = 0; n < 20 && !house_find(&house, "a0"); n++)
			house_wait(&house, 60000);
		assert_string_equal(house_find(&house, "a0")->key, key);
		assert_string_equal(house_find(&house, "a0")->body, was);
		house_answer(&house, house_find(&house, "a0"), 200, "");
		assert_string_equal(body(), "[" E("a3") "]");
		house_answer_all(&house, 200);
		assert_int_equal(house.n_done, 5);
	}
}

static void test_members_of_a_chain_that_waits_stand_parked_behind_its_first(void **state)
{
	(void)state;
	put_pinned(BATCH);
	ask_for_patience();
	assert_int_equal(house_state(&house, "a0"), DELIVERY_WAITING);
	assert_int_equal(house_state(&house, "a1"), DELIVERY_PARKED);
	assert_int_equal(house_state(&house, "a2"), DELIVERY_PARKED);
	assert_int_equal(house_state(&house, "b0"), DELIVERY_WAITING);
	house_turn(&house);
	assert_int_equal(house_depth(&house, DELIVERY_PARKED), 2);
	house_wait(&house, 60000);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 4);
	assert_int_equal(house_depth(&house, DELIVERY_PARKED), 0);
}

static void test_a_refused_chain_goes_one_by_one_in_its_order(void **state)
{
	(void)state;
	put_pinned(BATCH);
	house_answer(&house, house_find(&house, "a0"), 400, "");
	assert_string_equal(body(), "[" E("b0") "]");
	house_answer(&house, house_find(&house, "b0"), 200, "");
	assert_string_equal(body(), "[" E("a0") "]");
	assert_int_equal(house_out(&house), 1);
	house_answer(&house, house_find(&house, "a0"), 200, "");
	assert_string_equal(body(), "[" E("a1") "]");
	house_answer(&house, house_find(&house, "a1"), 400, "{\"message\":\"a1 is odd\"}");
	assert_int_equal(house_out(&house), 0); /* the exception holds its key */
	assert_int_equal(house_state(&house, "a2"), DELIVERY_PARKED);
	house_retry(&house, "a1", "rejected");
	house_rest(&house);
	house_answer(&house, house_find(&house, "a1"), 200, "");
	house_answer(&house, house_find(&house, "a2"), 200, "");
	assert_int_equal(house.n_done, 4);
}

/* --- a person acts -------------------------------------------------------------------------------------- */

/* Doubt whose key the other side has forgotten. */
static void forget_pinned(char key[64])
{
	put_pinned(BATCH);
	(void)snprintf(key, 64, "%s", house_find(&house, "a0")->key);
	lose_answer();
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_wait(&house, INT64_C(86400000));
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_exceptions(&house, "unknown"), 4);
}

static void test_a_forgotten_chain_retried_as_a_whole_goes_as_it_was(void **state)
{
	static const char *const orders[][4] = { { "b0", "a0", "a1", "a2" },
		{ "a2", "a1", "a0", "b0" }, { "a1", "b0", "a2", "a0" } };
	char key[64];

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (i > 0)
			house_close(&house);
		forget_pinned(key);
		for (size_t n = 0; n < 4; n++)
			house_retry(&house, orders[i][n], "unknown");
		house_rest(&house);
		assert_string_equal(body(), "[" E("b0") "," E("a0") "," E("a1") "," E("a2") "]");
		assert_string_equal(house_find(&house, "a0")->key, key);
		house_answer_all(&house, 200);
		assert_int_equal(house.n_done, 4);
	}
}

/* The last of a chain must wait for those before it, whoever lets it go. */
static void test_the_last_of_a_forgotten_chain_waits_for_the_first(void **state)
{
	char key[64];

	(void)state;
	forget_pinned(key);
	house_retry(&house, "a2", "unknown");
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_state(&house, "a2"), DELIVERY_PARKED);
	house_retry(&house, "a0", "unknown");
	house_rest(&house);
	assert_string_equal(body(), "[" E("a0") "]");
	house_answer(&house, house_find(&house, "a0"), 200, "");
	assert_int_equal(house_out(&house), 0);
	house_retry(&house, "a1", "unknown");
	house_rest(&house);
	house_answer(&house, house_find(&house, "a1"), 200, "");
	house_answer(&house, house_find(&house, "a2"), 200, "");
	assert_int_equal(house.n_done, 3);
}

/* A crash finds the whole chain CLAIMED; without a key it is a person's, each of it. */
static void test_a_chain_of_a_mode_without_keys_is_for_a_person_after_a_crash(void **state)
{
	(void)state;
	put_pinned(BATCH);
	house_crash(&house, "\"idempotency\":{\"mode\":\"none\"}");
	house_rest(&house);
	assert_int_equal(house_exceptions(&house, "unknown"), 4);
	assert_int_equal(house_out(&house), 0);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_key_goes_as_a_chain_where_batches_are_applied_in_order),
		T(test_a_key_goes_one_by_one_where_each_has_its_own_fate),
		T(test_chains_fill_the_room_that_other_keys_leave),
		T(test_a_chain_is_bounded_by_bytes_and_breaks_off_where_one_does_not_fit),
		T(test_a_chain_fills_a_batch_and_ends_its_linger),
		T(test_a_pinned_chain_is_sent_again_whole),
		T(test_members_of_a_chain_that_waits_stand_parked_behind_its_first),
		T(test_a_refused_chain_goes_one_by_one_in_its_order),
		T(test_a_forgotten_chain_retried_as_a_whole_goes_as_it_was),
		T(test_the_last_of_a_forgotten_chain_waits_for_the_first),
		T(test_a_chain_of_a_mode_without_keys_is_for_a_person_after_a_crash),
	};

	return cmocka_run_group_tests_name("deliver_chain", tests, NULL, NULL);
}
