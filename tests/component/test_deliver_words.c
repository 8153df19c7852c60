/*
 * What a connector's program says of an answer, and what it leads to; and a program that fails, or is
 * held. Programs are functions here (play_mapper.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"
#include "help_faulty_vfs.h"
#include "help_program.h"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

/* --- a program's words ------------------------------------------------------------------------------- */

/* Sends the event; then says what the body of the answer tells it to say. */
static enum mapper_outcome parrot(const cJSON *input, struct buf *out)
{
	if (status_of(input) == 0)
		buf_printf(out, "{\"send\":{\"path\":\"/in\",\"body\":{\"id\":\"%s\"}}}",
			id_of(input));
	else if (!body_of(input))
		return MAPPER_NOTHING;
	else if (cJSON_IsString(body_of(input))) {
		buf_puts(out, cJSON_GetStringValue(body_of(input)));
		return strncmp(out->data, "jq:", 3) == 0 ? MAPPER_FAILED : MAPPER_OVERRAN;
	} else {
		char *text = cJSON_PrintUnformatted(body_of(input));

		buf_puts(out, text);
		cJSON_free(text);
	}
	return MAPPER_OUTPUT;
}

static void open_parrot(const char *further)
{
	char erp[256];

	house_connector("parrot", "", parrot);
	(void)snprintf(
		erp, sizeof(erp), "\"connector\":\"parrot\"%s%s", *further ? "," : "", further);
	house_open(&house, erp);
	house_put(&house, "e1", "");
	house_rest(&house);
}

static void test_a_program_that_says_nothing_leaves_it_to_the_default(void **state)
{
	static const struct {
		int status;
		enum delivery_state state;
	} cases[] = { { 201, DELIVERY_DONE }, { 503, DELIVERY_WAITING },
		{ 422, DELIVERY_EXCEPTION } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_parrot("");
		house_answer(&house, house_only(&house), cases[i].status, "");
		assert_int_equal(house_state(&house, "e1"), cases[i].state);
		if (i + 1 < sizeof(cases) / sizeof(cases[0]))
			house_close(&house);
	}
}

static void test_a_200_that_means_no_is_rejected_with_its_words(void **state)
{
	(void)state;
	open_parrot("");
	house_answer(&house, house_only(&house), 200,
		"{\"reject\":{\"code\":\"unknown_item\",\"message\":\"no such item\","
		"\"field\":\"/data/lines/0/item\"}}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house.last_reason, "no such item");
	assert_string_equal(house_code(&house), "unknown_item");
}

/* 500 bytes of what is no ASCII: an alert on a topic, too, is to be UTF-8. */
static void put_long_words(const char *verb, const char *member, char *answer, size_t size)
{
	size_t n = (size_t)snprintf(answer, size, "{\"%s\":{\"%s\":\"x", verb, member);

	for (int i = 0; i < 249; i++, n += 2)
		memcpy(answer + n, "\xc3\xa4", 2);
	(void)snprintf(answer + n, size - n, "y\"}}");
}

static void test_words_are_whole_in_any_language(void **state)
{
	static const struct {
		const char *verb, *member;
	} cases[] = { { "reject", "message" }, { "unknown", "reason" } };
	char answer[1024];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		put_long_words(cases[i].verb, cases[i].member, answer, sizeof(answer));
		open_parrot("\"idempotency\":{\"mode\":\"none\"}");
		house_answer(&house, house_only(&house), 200, answer);
		assert_non_null(strstr(house.last_reason, "\xc3\xa4y"));
		if (i == 0)
			house_close(&house);
	}
}

/* jq cuts what it shows of a value wherever it likes. */
static enum mapper_outcome fails_in_the_middle(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "jq: error: (\"\xc3...\") has no keys");
	return MAPPER_FAILED;
}

static void test_what_a_program_says_when_it_fails_is_made_readable(void **state)
{
	(void)state;
	house_connector("middle", "", fails_in_the_middle);
	house_open(&house, "\"connector\":\"middle\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_non_null(strstr(house.last_reason, "(\"?...\") has no keys"));
}

static void test_an_error_that_means_done_is_done(void **state)
{
	(void)state;
	open_parrot("");
	house_answer(&house, house_only(&house), 409, "{\"done\":{\"ref\":\"PR-9\"}}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_string_equal(house.last_ref, "PR-9");
}

/* An answer that leaves open what was done goes the way of the mode; the house of the last one stays open. */
static void answer_in_each_mode(int status, const char *says)
{
	static const struct {
		const char *mode;
		enum delivery_state state;
	} cases[] = {
		{ "\"idempotency\":{\"mode\":\"header\"}", DELIVERY_WAITING },
		{ "\"idempotency\":{\"mode\":\"natural\"}", DELIVERY_WAITING },
		{ "\"idempotency\":{\"mode\":\"lookup\"}", DELIVERY_SUSPECT },
		{ "\"idempotency\":{\"mode\":\"none\"}", DELIVERY_EXCEPTION },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_parrot(cases[i].mode);
		house_answer(&house, house_only(&house), status, says);
		assert_int_equal(house_state(&house, "e1"), cases[i].state);
		if (i + 1 < sizeof(cases) / sizeof(cases[0]))
			house_close(&house);
	}
}

static void test_a_doubtful_answer_goes_the_way_of_the_mode(void **state)
{
	(void)state;
	answer_in_each_mode(200, "{\"unknown\":{\"reason\":\"the ERP said: maybe\"}}");
	assert_string_equal(house.last_kind, "unknown");
	assert_non_null(strstr(house.last_reason, "the ERP said: maybe"));
}

static enum mapper_outcome needs_none(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "{\"done\":{\"ref\":\"not for us\"}}");
	return MAPPER_OUTPUT;
}

static void test_a_program_may_end_a_delivery_without_a_request(void **state)
{
	(void)state;
	house_connector("none", "", needs_none);
	house_open(&house, "\"connector\":\"none\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

/* --- a program that fails --------------------------------------------------------------------------- */

static enum mapper_outcome breaks(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "jq: error: null has no keys");
	return MAPPER_FAILED;
}

static void test_an_event_that_can_not_be_rendered_is_rejected(void **state)
{
	(void)state;
	house_connector("breaks", "", breaks);
	house_open(&house, "\"connector\":\"breaks\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house_code(&house), "connector_failed");
	assert_non_null(strstr(house.last_reason, "null has no keys"));
}

static void test_an_answer_that_can_not_be_read_is_unknown(void **state)
{
	static const char *const answers[] = { "\"jq: error: what is this\"",
		"\"ran for more than a second\"", "{\"done\":{\"ref\":[]}}", "{\"absent\":{}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		open_parrot("");
		house_answer(&house, house_only(&house), 200, answers[i]);
		assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
		assert_string_equal(house.last_kind, "unknown");
		assert_string_equal(house.last_severity, "critical");
		assert_string_equal(house_code(&house), "connector_failed");
		if (i + 1 < sizeof(answers) / sizeof(answers[0]))
			house_close(&house);
	}
}

static void test_a_plain_refusal_needs_no_reading(void **state)
{
	(void)state;
	open_parrot("");
	house_answer(&house, house_only(&house), 422, "\"jq: error: what is this\"");
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house_code(&house), "422");
}

/* A gateway's page of HTML, on which a program fails that reads JSON: what it means is known without it. */
static void test_a_servers_trouble_needs_no_reading(void **state)
{
	(void)state;
	answer_in_each_mode(502, "\"jq: error: what is this\"");
	assert_string_equal(house.last_kind, "unknown");
}

static void test_a_page_in_place_of_a_lookups_answer_is_a_look_that_told_nothing(void **state)
{
	(void)state;
	open_parrot("\"idempotency\":{\"mode\":\"lookup\"}");
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 60000);
	house_answer(&house, house_only(&house), 502, "\"jq: error: what is this\"");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_SUSPECT);
	assert_int_equal(house_looks(&house, "e1"), 1);
}

/* Renders the first time only. */
static unsigned n_rendered;

static enum mapper_outcome renders_once(const cJSON *input, struct buf *out)
{
	if (n_rendered++ > 0)
		return breaks(input, out);
	return parrot(input, out);
}

static void test_what_was_sent_and_can_not_be_rendered_again_is_unknown(void **state)
{
	(void)state;
	n_rendered = 0;
	house_connector("once", "", renders_once);
	house_open(&house, "\"connector\":\"once\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 900000);
	assert_string_equal(house.last_kind, "unknown");
	assert_string_equal(house_code(&house), "connector_failed");
}

/* Sends what it is asked about, but that it can't bear a bad one. */
static enum mapper_outcome one_is_bad(const cJSON *input, struct buf *out)
{
	const cJSON *event, *events = get(input, "events");

	if (status_of(input) > 0)
		return MAPPER_NOTHING;
	cJSON_ArrayForEach (event, events)
		if (strcmp(text_of(event, "id"), "bad") == 0) {
			buf_puts(out, "jq: error: null has no keys");
			return MAPPER_FAILED;
		}
	buf_printf(out, "{\"send\":{\"path\":\"/in\",\"body\":{\"first\":\"%s\"}}}", id_of(input));
	return MAPPER_OUTPUT;
}

static void test_of_a_batch_that_can_not_be_rendered_only_the_bad_one_is_rejected(void **state)
{
	(void)state;
	house_connector("bad", "", one_is_bad);
	house_open(&house, "\"connector\":\"bad\",\"concurrency\":1,\"batch\":{\"max\":3}");
	house_put(&house, "e1", "");
	house_put(&house, "bad", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer_all(&house, 200);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_state(&house, "e2"), DELIVERY_DONE);
	assert_int_equal(house.n_exceptions, 1);
	assert_int_equal(house_state(&house, "bad"), DELIVERY_EXCEPTION);
	assert_string_equal(house_code(&house), "connector_failed");
}

static enum mapper_outcome no_slash(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "{\"send\":{\"path\":\"@evil.example/in\",\"body\":{}}}");
	return MAPPER_OUTPUT;
}

static void test_a_path_can_not_change_the_host(void **state)
{
	(void)state;
	house_connector("no-slash", "", no_slash);
	house_open(&house, "\"connector\":\"no-slash\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_string_equal(house_code(&house), "connector_failed");
}

/* As an event's text does, where a program puts it in as it is. */
static enum mapper_outcome not_encoded(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "{\"send\":{\"path\":\"/items/a b\",\"body\":{}}}");
	return MAPPER_OUTPUT;
}

static void test_a_path_that_is_no_url_is_the_events_fault_and_closes_nothing(void **state)
{
	(void)state;
	house_connector("not-encoded", "", not_encoded);
	house_open(&house, "\"connector\":\"not-encoded\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_string_equal(house_code(&house), "connector_failed");
}

static enum mapper_outcome endless(const cJSON *input, struct buf *out)
{
	(void)input;
	buf_puts(out, "{\"send\":{\"method\":\"GET\",\"path\":\"/again\"}}");
	return MAPPER_OUTPUT;
}

static void test_a_program_that_never_stops_asking_is_stopped(void **state)
{
	(void)state;
	house_connector("endless", "", endless);
	house_open(&house, "\"connector\":\"endless\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_all(&house, 200);
	assert_int_equal(house.n_started, 32);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_non_null(strstr(house.last_reason, "32 requests"));
}

/* --- what is held ----------------------------------------------------------------------------------- */

static void test_a_held_program_holds_the_destination_and_rejects_nothing(void **state)
{
	(void)state;
	house_connector("parrot", "", parrot);
	house_open(&house, "\"connector\":\"parrot\"");
	mapper_hold(house.mapper, true);
	house_put_many(&house, "e", 5);
	house_rest(&house);
	assert_int_equal(house.n_started, 0);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	house_wait(&house, 60000);
	mapper_hold(house.mapper, false);
	house_wait(&house, 60000);
	house_answer_all(&house, 201);
	house_wait(&house, 60000);
	house_answer_all(&house, 201);
	assert_int_equal(house_depth(&house, DELIVERY_DONE), 5);
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house.n_exceptions, 0);
}

static void test_a_program_that_says_hold_blames_the_destination(void **state)
{
	(void)state;
	open_parrot("\"concurrency\":1");
	house_put(&house, "e2", "");
	house_answer(&house, house_only(&house), 200, "{\"hold\":{\"reason\":\"licence ended\"}}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_READY);
	assert_int_equal(house_attempts(&house, "e1"), 0);
	assert_int_equal(house_exceptions(&house, "hold"), 1);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 60000);
	assert_non_null(house_find(&house, "e2"));
	house_answer(&house, house_only(&house), 201, "");
	house_answer(&house, house_find(&house, "e1"), 201, "");
	assert_int_equal(house_exceptions(&house, "hold"), 0);
	assert_int_equal(house.n_exceptions, 0);
}

static void test_an_answer_that_a_held_program_can_not_read_is_asked_again(void **state)
{
	(void)state;
	open_parrot("");
	mapper_hold(house.mapper, true);
	house_answer(&house, house_only(&house), 201, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_READY);
	mapper_hold(house.mapper, false);
	house_wait(&house, 60000);
	house_answer(&house, house_only(&house), 201, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_program_that_says_nothing_leaves_it_to_the_default),
		TEST(test_a_200_that_means_no_is_rejected_with_its_words),
		TEST(test_words_are_whole_in_any_language),
		TEST(test_what_a_program_says_when_it_fails_is_made_readable),
		TEST(test_an_error_that_means_done_is_done),
		TEST(test_a_doubtful_answer_goes_the_way_of_the_mode),
		TEST(test_a_program_may_end_a_delivery_without_a_request),
		TEST(test_an_event_that_can_not_be_rendered_is_rejected),
		TEST(test_of_a_batch_that_can_not_be_rendered_only_the_bad_one_is_rejected),
		TEST(test_an_answer_that_can_not_be_read_is_unknown),
		TEST(test_a_plain_refusal_needs_no_reading),
		TEST(test_a_servers_trouble_needs_no_reading),
		TEST(test_a_page_in_place_of_a_lookups_answer_is_a_look_that_told_nothing),
		TEST(test_what_was_sent_and_can_not_be_rendered_again_is_unknown),
		TEST(test_a_path_can_not_change_the_host),
		TEST(test_a_path_that_is_no_url_is_the_events_fault_and_closes_nothing),
		TEST(test_a_program_that_never_stops_asking_is_stopped),
		TEST(test_a_held_program_holds_the_destination_and_rejects_nothing),
		TEST(test_a_program_that_says_hold_blames_the_destination),
		TEST(test_an_answer_that_a_held_program_can_not_read_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
