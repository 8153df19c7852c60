/*
 * Doubt in idempotency mode lookup: what may have been applied is looked up before it is sent again, and
 * once more when the repeat was accepted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

#define MODE "\"idempotency\":{\"mode\":\"lookup\"},\"settle\":\"60s\""
#define ORDERS "\"connector\":\"orders\"," MODE

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

/* --- a connector that can look up -------------------------------------------------------------------- */

static enum mapper_outcome judge_post(int status, struct buf *out)
{
	if (status != 201 && status != 409)
		return MAPPER_NOTHING;
	buf_puts(out, "{\"done\":{\"ref\":\"R-1\",\"emit\":[{\"type\":\"posted\"}]}}");
	return MAPPER_OUTPUT;
}

static enum mapper_outcome judge_look(int status, const cJSON *body, struct buf *out)
{
	const char *state = cJSON_GetStringValue(cJSON_GetObjectItem(body, "state"));

	if (status != 200 || !state)
		return MAPPER_NOTHING;
	if (strcmp(state, "there") == 0)
		buf_puts(out, "{\"done\":{\"ref\":\"R-1\",\"emit\":[{\"type\":\"found\"}]}}");
	else if (strcmp(state, "missing") == 0)
		buf_puts(out, "{\"absent\":{}}");
	else if (strcmp(state, "void") == 0)
		buf_puts(out, "{\"reject\":{\"code\":\"voided\",\"message\":\"it was voided\"}}");
	else if (strcmp(state, "busy") == 0)
		buf_puts(out, "{\"retry\":{\"after_s\":7,\"reason\":\"still posting\"}}");
	else
		return MAPPER_NOTHING;
	return MAPPER_OUTPUT;
}

static enum mapper_outcome orders(const cJSON *input, struct buf *out)
{
	const cJSON *response = cJSON_GetObjectItem(input, "response");
	const cJSON *event = cJSON_GetArrayItem(cJSON_GetObjectItem(input, "events"), 0);
	const cJSON *carry = cJSON_GetObjectItem(input, "carry");
	const char *id = cJSON_GetStringValue(cJSON_GetObjectItem(event, "id"));
	bool is_look =
		strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(input, "op")), "lookup") == 0;
	int status =
		cJSON_IsObject(response) ? cJSON_GetObjectItem(response, "status")->valueint : 0;

	if (status > 0)
		return is_look ? judge_look(status, cJSON_GetObjectItem(response, "body"), out)
			       : judge_post(status, out);
	if (is_look)
		buf_printf(out,
			"{\"send\":{\"method\":\"GET\",\"path\":\"/orders/%s\",\"query\":{\"c\":%d}}}",
			id, cJSON_IsObject(carry));
	else
		buf_printf(out,
			"{\"send\":{\"path\":\"/orders\",\"body\":{\"id\":\"%s\"}},\"carry\":{\"n\":1}}",
			id);
	return MAPPER_OUTPUT;
}

static void open_orders(const char *further)
{
	char erp[256];

	house_connector("orders", "", orders);
	(void)snprintf(erp, sizeof(erp), ORDERS "%s%s", *further ? "," : "", further);
	house_open(&house, erp);
}

static bool is_look(const struct errand *errand)
{
	return strcmp(errand->method, "GET") == 0;
}

/* e1 is sent and its answer never comes. */
static void lose(const char *further)
{
	open_orders(further);
	house_put(&house, "e1", "A");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
}

/* The look that is out says so. */
static void say(const char *state)
{
	char body[64];

	assert_true(is_look(house_only(&house)));
	(void)snprintf(body, sizeof(body), "{\"state\":\"%s\"}", state);
	house_answer(&house, house_only(&house), 200, body);
}

/* --- found, or not ----------------------------------------------------------------------------------- */

static void test_doubt_waits_out_the_settle_time_and_is_looked_up(void **state)
{
	(void)state;
	lose("");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_wait(&house, 59000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	assert_string_equal(house_only(&house)->method, "GET");
	assert_string_equal(house_only(&house)->url, "http://erp/orders/e1?c=1");
	assert_false(house_only(&house)->has_key);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
}

static void test_what_is_found_is_done_and_not_sent_again(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_string_equal(house.last_ref, "R-1");
	assert_int_equal(house.n_started, 2);
	assert_int_equal(house.n_emitted, 1);
	assert_string_equal(house.emitted[0], "0 found e1");
}

static void test_what_is_absent_is_sent_again_and_looked_up_once_more(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("missing");
	assert_false(is_look(house_only(&house)));
	assert_true(house_only(&house)->is_fresh);
	house_answer(&house, house_only(&house), 201, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(house.n_done, 0);
	assert_int_equal(house.n_emitted, 0);
	house_wait(&house, 59000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house.n_emitted, 1);
	assert_string_equal(house.emitted[0], "0 found e1");
}

/* The first request lands after the look: the repeat is refused as already there, and found. */
static void test_a_ghost_doubles_nothing(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("missing");
	house_answer(&house, house_only(&house), 409, "");
	house_wait(&house, 60000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house.n_started, 4);
}

static void test_what_was_accepted_and_is_not_found_is_for_a_person(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("missing");
	house_answer(&house, house_only(&house), 201, "");
	house_wait(&house, 60000);
	say("missing");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
	assert_string_equal(house.last_severity, "critical");
	assert_non_null(strstr(house.last_reason, "it was accepted and is not found"));
}

static void test_a_first_delivery_needs_no_second_look(void **state)
{
	(void)state;
	open_orders("");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 201, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_string_equal(house.emitted[0], "0 posted e1");
}

static void test_a_repeat_that_is_lost_is_looked_up_again(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("missing");
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_wait(&house, 60000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_what_a_look_finds_refused_is_rejected(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("void");
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house.last_reason, "it was voided");
	assert_string_equal(house_code(&house), "voided");
}

/* --- looks that tell nothing ------------------------------------------------------------------------ */

static void test_looks_that_tell_nothing_end_with_a_person(void **state)
{
	unsigned n = 0;

	(void)state;
	lose("\"looks\":3");
	while (house_state(&house, "e1") == DELIVERY_SUSPECT && n < 10) {
		house_wait(&house, 3600000);
		assert_true(is_look(house_only(&house)));
		house_answer(&house, house_only(&house), 503, "");
		n++;
	}
	assert_int_equal(n, 3);
	assert_string_equal(house.last_kind, "unknown");
	assert_non_null(strstr(house.last_reason, "it was looked up 3 times"));
}

static void test_a_look_may_ask_to_be_made_again(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	say("busy");
	house_wait(&house, 6000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_an_outage_costs_no_look(void **state)
{
	(void)state;
	lose("");
	for (int i = 0; i < 20; i++) {
		house_wait(&house, 3600000);
		assert_true(is_look(house_only(&house)));
		house_fail(&house, house_only(&house), TRANSPORT_NOT_SENT);
	}
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(house_looks(&house, "e1"), 0);
	house_wait(&house, 3600000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_a_silent_look_is_made_again(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(house_looks(&house, "e1"), 1);
	house_wait(&house, 3600000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

/* --- crashes and poison ------------------------------------------------------------------------------ */

static void test_what_a_crash_left_out_is_looked_up(void **state)
{
	(void)state;
	open_orders("");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_turn(&house);
	house_crash(&house, ORDERS);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	house_wait(&house, 60000);
	say("missing");
	assert_string_equal(house_only(&house)->url, "http://erp/orders");
}

static void test_a_look_that_a_crash_took_is_made_again(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	assert_int_equal(house_out(&house), 1);
	house_crash(&house, ORDERS);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_wait(&house, 180000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_a_poisoned_turn_forgets_no_look(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	struct errand *errand = house_only(&house);
	const struct courier_answer told = { .transport = TRANSPORT_ANSWERED,
		.status = 200,
		.body = "{\"state\":\"there\"}",
		.len = 17 };
	errand->is_out = false;
	errand->done(errand->ctx, &told);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_turn(&house);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house.n_started, 2);
}

static void test_a_look_of_a_poisoned_turn_does_not_leave(void **state)
{
	(void)state;
	lose("");
	house.now_ms += 60000;
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 0);
	house_wait(&house, 1000);
	assert_true(is_look(house_only(&house)));
	assert_int_equal(house_looks(&house, "e1"), 1);
}

/* A look takes longer than the time after which it would be lost: it is not made twice at once. */
static void test_a_slow_look_is_the_only_one(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	house_wait(&house, 3600000);
	house_wait(&house, 3600000);
	assert_int_equal(house_out(&house), 1);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

/* --- doubt from elsewhere ---------------------------------------------------------------------------- */

static void test_doubt_from_another_mode_is_looked_up_before_it_is_sent(void **state)
{
	(void)state;
	house_connector("orders", "", orders);
	house_open(&house, "\"connector\":\"orders\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	assert_int_equal(house_configure(&house, ORDERS), 0);
	house_wait(&house, 900000);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	house_wait(&house, 60000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

static void test_what_can_not_be_looked_up_any_more_goes_by_its_key(void **state)
{
	(void)state;
	lose("");
	assert_int_equal(house_configure(&house, "\"connector\":\"orders\""), 0);
	house_rest(&house);
	assert_false(is_look(house_only(&house)));
	assert_true(house_only(&house)->has_key);
}

/* Two requests would settle its row twice. What the look has not told goes by its key then. */
static void test_a_look_that_is_out_at_a_reload_keeps_its_delivery(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	assert_int_equal(house_configure(&house, "\"connector\":\"orders\""), 0);
	house_rest(&house);
	say("busy");
	house_rest(&house);
	assert_true(house_only(&house)->has_key);
}

/* --- among others ------------------------------------------------------------------------------------ */

static void test_the_next_of_its_key_waits_for_the_look(void **state)
{
	(void)state;
	lose("");
	house_put(&house, "e2", "A");
	house_put(&house, "e3", "B");
	house_rest(&house);
	assert_non_null(house_find(&house, "e3"));
	assert_null(house_find(&house, "e2"));
	house_answer(&house, house_find(&house, "e3"), 201, "");
	house_wait(&house, 60000);
	say("there");
	assert_non_null(house_find(&house, "e2"));
}

/* n deliveries whose answers never came, each under a key of its own. */
static void lose_many(const char *further, int n)
{
	open_orders(further);
	house_put_many(&house, "lost", n);
	for (int i = 0; i < n; i++) {
		house_rest(&house);
		for (size_t at = 0; at < ERRANDS_MAX; at++)
			if (house.errands[at].is_out)
				house_fail(&house, &house.errands[at], TRANSPORT_NO_ANSWER);
	}
	assert_int_equal(house_depth(&house, DELIVERY_SUSPECT), n);
	house_wait(&house, 30000);
	house.now_ms += 30000;
}

static void test_looks_and_deliveries_share_one_slot_in_turn(void **state)
{
	unsigned n_looks = 0, n_posts = 0;

	(void)state;
	lose_many("\"concurrency\":1,\"breaker\":{\"failures\":100}", 10);
	house_put_many(&house, "new", 10);
	house_rest(&house);
	for (int i = 0; i < 10; i++) {
		struct errand *errand = house_only(&house);

		n_looks += is_look(errand);
		n_posts += !is_look(errand);
		house_answer(&house, errand, is_look(errand) ? 200 : 201,
			is_look(errand) ? "{\"state\":\"there\"}" : "");
	}
	assert_int_equal(n_looks, 5);
	assert_int_equal(n_posts, 5);
}

static void test_looks_take_what_deliveries_leave(void **state)
{
	(void)state;
	lose_many("\"concurrency\":4,\"breaker\":{\"failures\":100}", 10);
	house_rest(&house);
	assert_int_equal(house_out(&house), 4);
}

static void test_a_paused_destination_is_not_asked(void **state)
{
	(void)state;
	lose("");
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_wait(&house, 600000);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	deliver_poke(house.deliver, 1);
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
}

static void test_the_timer_is_set_for_the_next_look(void **state)
{
	(void)state;
	lose("");
	assert_int_equal(house_pass(&house, 59000), 0);
	assert_int_equal(house_pass(&house, 2000), 1);
	assert_int_equal(house_out(&house), 1);
}

/* --- held ------------------------------------------------------------------------------------------- */

static void test_a_look_that_is_forbidden_holds_and_is_its_own_probe(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	house_answer(&house, house_only(&house), 403, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 600000);
	say("there");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
}

static void test_when_only_looks_are_forbidden_deliveries_go_on(void **state)
{
	(void)state;
	lose("");
	house_wait(&house, 60000);
	house_answer(&house, house_only(&house), 403, "");
	house_put(&house, "e2", "B");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e2"), 201, "");
	assert_int_equal(house_state(&house, "e2"), DELIVERY_DONE);
	for (int i = 0; i < 20 && house_state(&house, "e1") == DELIVERY_SUSPECT; i++) {
		char id[16];

		house_wait(&house, 3600000);
		house_answer(&house, house_only(&house), 403, "");
		(void)snprintf(id, sizeof(id), "f%d", i);
		house_put(&house, id, "");
		house_rest(&house);
		house_answer(&house, house_find(&house, id), 201, "");
	}
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static enum mapper_outcome breaks_on_looks(const cJSON *input, struct buf *out)
{
	const char *op = cJSON_GetStringValue(cJSON_GetObjectItem(input, "op"));

	if (strcmp(op, "lookup") != 0)
		return orders(input, out);
	buf_puts(out, "jq: error: oh");
	return MAPPER_FAILED;
}

static void test_a_program_that_fails_on_a_look_asks_for_a_person(void **state)
{
	(void)state;
	house_connector("breaks-on-looks", "", breaks_on_looks);
	house_open(&house, "\"connector\":\"breaks-on-looks\"," MODE);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 60000);
	assert_string_equal(house.last_kind, "unknown");
	assert_string_equal(house_code(&house), "connector_failed");
	assert_non_null(strstr(house.last_reason, "jq: error: oh"));
}

#define TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_doubt_waits_out_the_settle_time_and_is_looked_up),
		TEST(test_what_is_found_is_done_and_not_sent_again),
		TEST(test_what_is_absent_is_sent_again_and_looked_up_once_more),
		TEST(test_a_ghost_doubles_nothing),
		TEST(test_what_was_accepted_and_is_not_found_is_for_a_person),
		TEST(test_a_first_delivery_needs_no_second_look),
		TEST(test_a_repeat_that_is_lost_is_looked_up_again),
		TEST(test_what_a_look_finds_refused_is_rejected),
		TEST(test_looks_that_tell_nothing_end_with_a_person),
		TEST(test_a_look_may_ask_to_be_made_again),
		TEST(test_an_outage_costs_no_look),
		TEST(test_a_silent_look_is_made_again),
		TEST(test_what_a_crash_left_out_is_looked_up),
		TEST(test_a_look_that_a_crash_took_is_made_again),
		TEST(test_a_poisoned_turn_forgets_no_look),
		TEST(test_a_look_of_a_poisoned_turn_does_not_leave),
		TEST(test_a_slow_look_is_the_only_one),
		TEST(test_doubt_from_another_mode_is_looked_up_before_it_is_sent),
		TEST(test_what_can_not_be_looked_up_any_more_goes_by_its_key),
		TEST(test_a_look_that_is_out_at_a_reload_keeps_its_delivery),
		TEST(test_the_next_of_its_key_waits_for_the_look),
		TEST(test_looks_and_deliveries_share_one_slot_in_turn),
		TEST(test_looks_take_what_deliveries_leave),
		TEST(test_a_paused_destination_is_not_asked),
		TEST(test_the_timer_is_set_for_the_next_look),
		TEST(test_a_look_that_is_forbidden_holds_and_is_its_own_probe),
		TEST(test_when_only_looks_are_forbidden_deliveries_go_on),
		TEST(test_a_program_that_fails_on_a_look_asks_for_a_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
