/*
 * Batches with one result for each event: who is done is done, who is refused is an exception, who shall
 * come again does so alone, and who isn't named is in doubt. And what answers bring, once.
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

/* The ids of a batch as body; then what the answer's body says. */
static enum mapper_outcome parrot(const cJSON *input, struct buf *out)
{
	const cJSON *response = cJSON_GetObjectItem(input, "response"), *event;
	const cJSON *body = cJSON_GetObjectItem(response, "body");
	char *text;

	if (cJSON_IsObject(response) && !cJSON_IsObject(body))
		return MAPPER_NOTHING;
	if (cJSON_IsObject(response)) {
		text = cJSON_PrintUnformatted(body);
		buf_puts(out, text);
		cJSON_free(text);
		return MAPPER_OUTPUT;
	}
	buf_printf(out, "{\"send\":{\"path\":\"/%s\",\"body\":[",
		cJSON_IsObject(cJSON_GetObjectItem(input, "carry")) ? "second" : "batch");
	cJSON_ArrayForEach (event, cJSON_GetObjectItem(input, "events"))
		buf_printf(out, "%s\"%s\"", out->data[out->len - 1] == '[' ? "" : ",",
			cJSON_GetStringValue(cJSON_GetObjectItem(event, "id")));
	buf_puts(out, "]}}");
	return MAPPER_OUTPUT;
}

/* "n" events e0 to e(n-1) go out in one batch. */
static void open_batch(const char *further, int n)
{
	char erp[256];

	house_connector("batches", "", parrot);
	(void)snprintf(erp, sizeof(erp), "\"connector\":\"batches\",\"batch\":{\"max\":9}%s%s",
		*further ? "," : "", further);
	house_open(&house, erp);
	house_put_many(&house, "e", n);
	house_rest(&house);
}

static void answer(const char *body)
{
	house_answer(&house, house_only(&house), 200, body);
}

static void test_every_third_refused_is_every_third_exception(void **state)
{
	struct buf body = BUF_INIT;

	(void)state;
	open_batch("", 9);
	buf_puts(&body, "{\"results\":[");
	for (int i = 0; i < 9; i++)
		buf_printf(&body, "%s{\"id\":\"e%d\",%s}", i ? "," : "", i,
			i % 3 == 2 ? "\"reject\":{\"code\":\"bad\",\"message\":\"no stock\"}"
				   : "\"done\":{\"ref\":\"R\"}");
	buf_puts(&body, "]}");
	answer(body.data);
	buf_done(&body);
	assert_int_equal(house_depth(&house, DELIVERY_DONE), 6);
	assert_int_equal(house_depth(&house, DELIVERY_EXCEPTION), 3);
	assert_int_equal(house_state(&house, "e2"), DELIVERY_EXCEPTION);
	assert_int_equal(house_state(&house, "e8"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house.last_reason, "no stock");
	assert_string_equal(house.last_ref, "");
	assert_string_equal(house_code(&house), "bad");
}

static void test_results_are_matched_by_id_in_any_order(void **state)
{
	(void)state;
	open_batch("", 3);
	answer("{\"results\":[{\"id\":\"e2\",\"done\":{}},{\"id\":\"e0\",\"reject\":{}},"
	       "{\"id\":\"e1\",\"done\":{}}]}");
	assert_int_equal(house_state(&house, "e0"), DELIVERY_EXCEPTION);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_state(&house, "e2"), DELIVERY_DONE);
}

static void test_who_shall_come_again_comes_alone(void **state)
{
	char key[64];

	(void)state;
	open_batch("", 3);
	memcpy(key, house_only(&house)->key, sizeof(key));
	answer("{\"results\":[{\"id\":\"e0\",\"done\":{}},"
	       "{\"id\":\"e1\",\"retry\":{\"after_s\":60,\"reason\":\"locked\"}},"
	       "{\"id\":\"e2\",\"done\":{}}]}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 59000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	assert_string_equal(house_only(&house)->body, "[\"e1\"]");
	assert_string_not_equal(house_only(&house)->key, key);
	answer("{\"results\":[{\"id\":\"e1\",\"done\":{}}]}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

/* The others have ended: what the batch's key stood for can't be sent again. */
static void test_who_is_not_named_is_in_doubt(void **state)
{
	static const struct {
		const char *mode;
		enum delivery_state state;
	} cases[] = {
		{ "\"idempotency\":{\"mode\":\"natural\"}", DELIVERY_WAITING },
		{ "\"idempotency\":{\"mode\":\"header\"}", DELIVERY_EXCEPTION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_batch(cases[i].mode, 3);
		answer("{\"results\":[{\"id\":\"e0\",\"done\":{}},{\"id\":\"e2\",\"done\":{}}]}");
		assert_int_equal(house_depth(&house, DELIVERY_DONE), 2);
		assert_int_equal(house_state(&house, "e1"), cases[i].state);
		if (i + 1 < sizeof(cases) / sizeof(cases[0]))
			house_close(&house);
	}
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_a_batch_of_which_nothing_is_known_is_repeated_as_it_was(void **state)
{
	char key[64];

	(void)state;
	open_batch("", 3);
	memcpy(key, house_only(&house)->key, sizeof(key));
	answer("{\"results\":[]}");
	assert_int_equal(house_depth(&house, DELIVERY_WAITING), 3);
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->body, "[\"e0\",\"e1\",\"e2\"]");
	assert_string_equal(house_only(&house)->key, key);
}

/* --- told to come again, while an earlier attempt may yet land -------------------------------------- */

/* The first attempt got no answer, and the batch is out again. */
static void open_doubted_batch(const char *mode, int n)
{
	open_batch(mode, n);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 900000);
}

#define AGAIN(id) "{\"id\":\"" id "\",\"retry\":{\"after_s\":1,\"reason\":\"locked\"}}"

static void test_a_record_told_to_come_again_is_as_doubtful_as_before(void **state)
{
	(void)state;
	open_doubted_batch("\"idempotency\":{\"mode\":\"natural\"},\"concurrency\":1", 2);
	answer("{\"results\":[{\"id\":\"e0\",\"done\":{}}," AGAIN("e1") "]}");
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->body, "[\"e1\"]");
	house_answer(&house, house_only(&house), 307, "");
	house_put(&house, "other", "");
	house_rest(&house);
	assert_string_equal(house_only(&house)->body, "[\"other\"]");
	answer("{\"done\":{}}");
	house_answer(&house, house_only(&house), 307, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
}

/* The key may not be taken: whatever lands late would be applied beside what goes alone. */
static void test_a_batch_that_is_all_told_to_come_again_keeps_its_key(void **state)
{
	char key[64];

	(void)state;
	open_doubted_batch("\"idempotency\":{\"mode\":\"header\"}", 2);
	memcpy(key, house_only(&house)->key, sizeof(key));
	answer("{\"results\":[" AGAIN("e0") "," AGAIN("e1") "]}");
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->body, "[\"e0\",\"e1\"]");
	assert_string_equal(house_only(&house)->key, key);
}

static void test_a_batch_that_can_not_be_repeated_is_left_to_a_person(void **state)
{
	(void)state;
	open_doubted_batch("\"idempotency\":{\"mode\":\"header\"}", 2);
	answer("{\"results\":[{\"id\":\"e0\",\"reject\":{\"message\":\"no\"}}," AGAIN("e1") "]}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
}

static void test_a_batchs_key_that_is_taken_frees_who_shall_come_again(void **state)
{
	(void)state;
	open_doubted_batch("\"idempotency\":{\"mode\":\"header\"}", 2);
	answer("{\"results\":[{\"id\":\"e0\",\"done\":{}}," AGAIN("e1") "]}");
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->body, "[\"e1\"]");
	answer("{\"results\":[{\"id\":\"e1\",\"done\":{}}]}");
	assert_int_equal(house_depth(&house, DELIVERY_DONE), 2);
}

/* --- a batch that is refused ------------------------------------------------------------------------ */

static void test_a_batch_refused_as_a_whole_goes_one_by_one(void **state)
{
	(void)state;
	open_batch("\"concurrency\":1", 2);
	answer("{\"reject\":{\"code\":\"bad\",\"message\":\"one of them\"}}");
	assert_string_equal(house_only(&house)->body, "[\"e0\"]");
	answer("{\"done\":{}}");
	assert_string_equal(house_only(&house)->body, "[\"e1\"]");
	answer("{\"reject\":{\"code\":\"bad\",\"message\":\"this one\"}}");
	assert_string_equal(house.last_reason, "this one");
	assert_int_equal(house.n_exceptions, 1);
}

/* What the batch kept between its steps is of all of them, not of one. */
static void test_a_batch_that_a_hold_has_taken_apart_begins_with_its_first_step(void **state)
{
	(void)state;
	open_batch("\"concurrency\":1", 2);
	answer("{\"send\":{\"path\":\"/second\"},\"carry\":{\"of\":2}}");
	assert_string_equal(house_only(&house)->url, "http://erp/second");
	house_answer(&house, house_only(&house), 403, "");
	house_put(&house, "other", "");
	house_wait(&house, 60000);
	assert_string_equal(house_only(&house)->body, "[\"other\"]");
	answer("{\"done\":{}}");
	house_wait(&house, 60000);
	assert_string_equal(house_only(&house)->body, "[\"e0\"]");
	assert_string_equal(house_only(&house)->url, "http://erp/batch");
}

static void test_results_that_a_poisoned_turn_forgot_are_settled_again(void **state)
{
	(void)state;
	open_batch("", 2);
	house_answer_later(house_only(&house), 200, NULL);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_depth(&house, DELIVERY_CLAIMED), 2);
	house_turn(&house);
	assert_int_equal(house_depth(&house, DELIVERY_DONE), 2);
}

/* --- what answers bring ---------------------------------------------------------------------------- */

static const char booked[] =
	"{\"results\":[{\"id\":\"e0\",\"done\":{\"emit\":["
	"{\"type\":\"shipment.booked\",\"data\":{\"tracking\":\"T1\"}},"
	"{\"type\":\"shipment.label\",\"data\":{}}]}},"
	"{\"id\":\"e1\",\"done\":{\"emit\":[{\"type\":\"shipment.booked\"}]}}]}";

static void test_events_are_emitted_in_order_with_their_parents(void **state)
{
	(void)state;
	open_batch("", 2);
	answer(booked);
	assert_int_equal(house.n_emitted, 3);
	assert_string_equal(house.emitted[0], "0 shipment.booked e0");
	assert_string_equal(house.emitted[1], "1 shipment.label e0");
	assert_string_equal(house.emitted[2], "0 shipment.booked e1");
}

static void test_a_poisoned_turn_emits_the_same_again(void **state)
{
	(void)state;
	open_batch("", 2);
	house_answer_with(&house, house_only(&house), 200, NULL, 0, booked);
	assert_int_equal(house.n_emitted, 3);
	house_put_many(&house, "f", 2);
	house_rest(&house);
	struct errand *errand = house_only(&house);
	struct courier_answer told = { .transport = TRANSPORT_ANSWERED,
		.status = 200,
		.body = "{\"results\":[{\"id\":\"f0\",\"done\":{\"emit\":[{\"type\":\"x\"}]}},"
			"{\"id\":\"f1\",\"done\":{}}]}" };
	told.len = strlen(told.body);
	errand->is_out = false;
	errand->done(errand->ctx, &told);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house.n_emitted, 4);
	house_turn(&house);
	assert_int_equal(house.n_emitted, 5);
	assert_string_equal(house.emitted[3], house.emitted[4]);
	assert_int_equal(house_depth(&house, DELIVERY_DONE), 4);
}

static void test_what_was_refused_emits_nothing(void **state)
{
	(void)state;
	open_batch("", 1);
	answer("{\"reject\":{\"message\":\"no\"}}");
	assert_int_equal(house.n_emitted, 0);
}

/* --- pace ------------------------------------------------------------------------------------------ */

static void test_no_request_left_is_a_wait_until_there_are_more(void **state)
{
	static const struct connector_header headers[] = { { "x-left", "0" }, { "x-reset", "30" } };

	(void)state;
	house_open(&house, "\"answers\":{\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_with(&house, house_only(&house), 201, headers, 2, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	house_put(&house, "e2", "");
	house_wait(&house, 29000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 2000);
	assert_int_equal(house_out(&house), 1);
}

static void test_a_quota_that_is_spent_for_days_says_for_how_long(void **state)
{
	static const struct connector_header headers[] = { { "x-left", "0" },
		{ "x-reset", "360000" } };

	(void)state;
	house_open(&house, "\"answers\":{\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_with(&house, house_only(&house), 201, headers, 2, "");
	assert_string_equal(house.last_alert,
		"destination erp asks to wait for 100 hours: it is asked again in 24");
}

static void test_a_wait_may_have_a_header_of_its_own(void **state)
{
	static const struct connector_header headers[] = { { "x-retry-after", "120" } };

	(void)state;
	house_open(&house, "\"answers\":{\"wait\":\"X-Retry-After\"},\"retry\":{\"max\":\"1s\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_with(&house, house_only(&house), 429, headers, 1, "");
	house_wait(&house, 119000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 2000);
	assert_int_equal(house_out(&house), 1);
}

static void test_a_status_that_means_already_there_is_done(void **state)
{
	(void)state;
	house_open(&house, "\"answers\":{\"done\":[409]}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 409, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_third_refused_is_every_third_exception),
		TEST(test_results_are_matched_by_id_in_any_order),
		TEST(test_who_shall_come_again_comes_alone),
		TEST(test_who_is_not_named_is_in_doubt),
		TEST(test_a_batch_of_which_nothing_is_known_is_repeated_as_it_was),
		TEST(test_a_record_told_to_come_again_is_as_doubtful_as_before),
		TEST(test_a_batch_that_is_all_told_to_come_again_keeps_its_key),
		TEST(test_a_batch_that_can_not_be_repeated_is_left_to_a_person),
		TEST(test_a_batchs_key_that_is_taken_frees_who_shall_come_again),
		TEST(test_a_batch_refused_as_a_whole_goes_one_by_one),
		TEST(test_a_batch_that_a_hold_has_taken_apart_begins_with_its_first_step),
		TEST(test_results_that_a_poisoned_turn_forgot_are_settled_again),
		TEST(test_events_are_emitted_in_order_with_their_parents),
		TEST(test_a_poisoned_turn_emits_the_same_again),
		TEST(test_what_was_refused_emits_nothing),
		TEST(test_no_request_left_is_a_wait_until_there_are_more),
		TEST(test_a_quota_that_is_spent_for_days_says_for_how_long),
		TEST(test_a_wait_may_have_a_header_of_its_own),
		TEST(test_a_status_that_means_already_there_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
