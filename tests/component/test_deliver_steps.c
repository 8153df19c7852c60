/*
 * Connectors with programs: one request or several, what their answers mean, and a crash at every point
 * in between. Programs are functions here (play_mapper.h).
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

/* --- three calls ----------------------------------------------------------------------------------- */

static enum mapper_outcome send_step(int step, const cJSON *input, struct buf *out)
{
	buf_printf(out,
		"{\"send\":{\"path\":\"/step/%d\",\"body\":{\"id\":\"%s\"}},\"carry\":{\"step\":%d}}",
		step, id_of(input), step);
	return MAPPER_OUTPUT;
}

/* /step/1, /step/2, /step/3, each kept in the carry before it leaves. */
static enum mapper_outcome three_calls(const cJSON *input, struct buf *out)
{
	const cJSON *step = get(get(input, "carry"), "step");
	int at = step ? step->valueint : 1, status = status_of(input);

	if (status == 0)
		return send_step(at, input, out);
	if (status != 200 && status != 409)
		return MAPPER_NOTHING;
	if (at < 3)
		return send_step(at + 1, input, out);
	buf_printf(out, "{\"done\":{\"ref\":\"R-%s\"}}", id_of(input));
	return MAPPER_OUTPUT;
}

/* The other side: knows a repeat by its key. */
static struct {
	char keys[4][64]; /* by step, of what was applied */
	unsigned n_applied[4], n_asked[4];
} cloud;

static int ask_cloud(const struct errand *errand)
{
	int step = errand->url[strlen(errand->url) - 1] - '0';

	assert_in_range(step, 1, 3);
	cloud.n_asked[step]++;
	if (strcmp(cloud.keys[step], errand->key) == 0)
		return 200;
	(void)snprintf(cloud.keys[step], sizeof(cloud.keys[step]), "%s", errand->key);
	cloud.n_applied[step]++;
	return 200;
}

static struct errand *find_out(void)
{
	for (size_t i = 0; i < ERRANDS_MAX; i++)
		if (house.errands[i].is_out)
			return &house.errands[i];
	return NULL;
}

/* The next thing that can happen does. False: all is quiet. */
static bool act(void)
{
	struct errand *errand = find_out();

	if (mapper_play(house.mapper) > 0)
		return true;
	if (errand) {
		house_answer_later(errand, ask_cloud(errand), NULL);
		return true;
	}
	return false;
}

static void act_to_the_end(void)
{
	for (int i = 0; i < 50; i++) {
		house_turn(&house);
		if (!act() && house_depth(&house, DELIVERY_DONE) == 1)
			return;
	}
	fail_msg("it does not come to an end");
}

static void test_a_further_step_does_not_go_to_an_address_that_is_not_the_destinations_any_more(
	void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_int_equal(
		house_configure(&house, "\"connector\":\"three\",\"url\":\"http://erp.new\""), 0);
	house_answer(&house, house_only(&house), 200, "");
	house_wait(&house, 60000);
	assert_string_equal(house_only(&house)->url, "http://erp.new/step/2");
	assert_int_equal(house.n_started, 2);
}

static void test_mode_lookup_needs_a_program(void **state)
{
	(void)state;
	house_open(&house, "");
	assert_int_equal(house_configure(&house, "\"idempotency\":{\"mode\":\"lookup\"}"), -1);
}

static enum mapper_outcome two_calls_without_a_carry(const cJSON *input, struct buf *out)
{
	if (status_of(input) != 0 && status_of(input) != 200)
		return MAPPER_NOTHING;
	buf_printf(out, "{\"send\":{\"path\":\"/step/%d\",\"body\":{\"id\":\"%s\"}}}",
		status_of(input) == 200 ? 2 : 1, id_of(input));
	return MAPPER_OUTPUT;
}

/* Whatever became of the second, the first would be made twice. */
static void test_a_step_that_no_carry_tells_of_is_not_repeated_where_nobody_would_know_it(
	void **state)
{
	(void)state;
	house_connector("two", "", two_calls_without_a_carry);
	house_open(&house, "\"connector\":\"two\",\"idempotency\":{\"mode\":\"none\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 200, "");
	house_fail(&house, house_only(&house), TRANSPORT_NOT_SENT);
	house_wait(&house, 900000);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
}

static void test_three_calls_are_one_delivery(void **state)
{
	char keys[3][64];

	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	for (int i = 0; i < 3; i++) {
		char url[64];

		house_rest(&house);
		(void)snprintf(url, sizeof(url), "http://erp/step/%d", i + 1);
		assert_string_equal(house_only(&house)->url, url);
		assert_string_equal(house_only(&house)->body, "{\"id\":\"e1\"}");
		assert_string_equal(house_only(&house)->content_type, "application/json");
		assert_int_equal(strlen(house_only(&house)->key), 36);
		memcpy(keys[i], house_only(&house)->key, sizeof(keys[i]));
		house_answer(&house, house_only(&house), 200, "{}");
	}
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house_attempts(&house, "e1"), 1);
	assert_string_equal(house.last_ref, "R-e1");
	assert_string_not_equal(keys[0], keys[1]);
	assert_string_not_equal(keys[1], keys[2]);
	assert_string_not_equal(keys[0], keys[2]);
}

static void test_a_request_does_not_leave_before_its_carry_is_committed(void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_turn(&house);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house.n_started, 0);
	house_turn(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/step/1");
}

static void test_a_carry_that_a_poisoned_turn_took_back_is_written_again(void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_only(&house), 200, NULL);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_out(&house), 0);
	house_turn(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/step/2");
	house_crash(&house, "\"connector\":\"three\"");
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/step/2");
}

/* At point 0 it is claimed; each further one is an action later, and the turn before it. */
static bool crash_at(int point)
{
	bool goes_on = true;

	memset(&cloud, 0, sizeof(cloud));
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_turn(&house);
	for (int i = 0; i < point && goes_on; i++) {
		goes_on = act();
		if (i + 1 < point)
			house_turn(&house);
	}
	house_crash(&house, "\"connector\":\"three\"");
	act_to_the_end();
	assert_int_equal(house.n_exceptions, 0);
	for (int step = 1; step <= 3; step++)
		assert_int_equal(cloud.n_applied[step], 1);
	return goes_on;
}

static void test_a_crash_at_any_point_doubles_no_call(void **state)
{
	int point = 0;

	(void)state;
	house_connector("three", "", three_calls);
	while (crash_at(point)) {
		house_close(&house);
		point++;
	}
	/* The program is asked four times, three requests are answered. */
	assert_int_equal(point, 8);
}

static void test_after_a_crash_it_goes_on_at_the_step_it_had_reached(void **state)
{
	(void)state;
	memset(&cloud, 0, sizeof(cloud));
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	for (int i = 0; i < 2; i++) {
		house_rest(&house);
		house_answer(&house, house_only(&house), 200, "{}");
	}
	assert_string_equal(house_only(&house)->url, "http://erp/step/3");
	house_crash(&house, "\"connector\":\"three\"");
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/step/3");
}

static void test_a_step_that_is_refused_for_a_while_is_repeated_alone(void **state)
{
	char key[64];

	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 200, "{}");
	memcpy(key, house_only(&house)->key, sizeof(key));
	house_answer(&house, house_only(&house), 503, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->url, "http://erp/step/2");
	assert_string_equal(house_only(&house)->key, key);
}

/* It sends, and fails at any answer. */
static enum mapper_outcome reads_nothing(const cJSON *input, struct buf *out)
{
	if (status_of(input) == 0)
		return send_step(1, input, out);
	buf_puts(out, "it can't read this");
	return MAPPER_FAILED;
}

/* 409: a program that works might have said that it is there already. */
static void test_a_refusal_of_what_is_in_doubt_that_nobody_could_read_is_a_persons(void **state)
{
	(void)state;
	house_connector("blind", "", reads_nothing);
	house_open(&house, "\"connector\":\"blind\",\"idempotency\":{\"mode\":\"natural\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 900000);
	house_answer(&house, house_only(&house), 409, "");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_EXCEPTION);
	assert_string_equal(house.last_kind, "unknown");
}

/* Steady time skips up to a minute at a boot: the other side may be at work for all of it. */
static void test_a_boot_cuts_no_settle_time_short(void **state)
{
	static const char erp[] =
		"\"connector\":\"three\",\"idempotency\":{\"mode\":\"lookup\"},\"settle\":\"60s\"";

	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, erp);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_reboot(&house, 5000, erp);
	house_wait(&house, 59000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	assert_int_equal(house_out(&house), 1);
}

/* --- the laws --------------------------------------------------------------------------------------- */

static enum mapper_outcome posts(const cJSON *input, struct buf *out)
{
	if (status_of(input) > 0)
		return MAPPER_NOTHING;
	buf_puts(out, "{\"send\":{\"path\":\"/in\",\"body\":{}}}");
	return MAPPER_OUTPUT;
}

static void test_an_answer_is_never_forgotten_though_its_turn_is_poisoned(void **state)
{
	(void)state;
	house_connector("posts", "", posts);
	house_open(&house, "\"connector\":\"posts\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_only(&house), 201, NULL);
	assert_int_equal(mapper_play(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_CLAIMED);
	house_turn(&house);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_int_equal(house.n_started, 1);
}

static void test_a_turn_poisoned_while_the_program_thinks_changes_nothing(void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 1);
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 1);
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/step/1");
}

static void test_a_claim_of_a_poisoned_turn_is_not_mapped(void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\"");
	house_put(&house, "e1", "");
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 0);
}

static void test_what_a_program_is_asked_counts_as_out(void **state)
{
	(void)state;
	house_connector("posts", "", posts);
	house_open(&house, "\"connector\":\"posts\",\"concurrency\":3");
	house_put_many(&house, "e", 10);
	house_turn(&house);
	house_turn(&house);
	assert_int_equal(mapper_waiting(house.mapper), 3);
}

static void test_each_request_takes_a_token(void **state)
{
	(void)state;
	house_connector("three", "", three_calls);
	house_open(&house, "\"connector\":\"three\",\"concurrency\":1,\"rate\":\"60/m\"");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	for (int i = 0; i < 3; i++)
		house_answer(&house, house_only(&house), 200, "{}");
	assert_int_equal(house.n_started, 3);
	house_wait(&house, 2900);
	assert_int_equal(house.n_started, 3);
	house_wait(&house, 200);
	assert_int_equal(house.n_started, 4);
}

/* --- other kinds ------------------------------------------------------------------------------------- */

static enum mapper_outcome names_itself(const cJSON *input, struct buf *out)
{
	if (status_of(input) > 0)
		return MAPPER_NOTHING;
	buf_printf(out,
		"{\"send\":{\"path\":\"in/%s.edi\",\"text\":\"ISA\",\"headers\":{\"X-Serial\":\"%d\"}}}",
		id_of(input), get(input, "serial") ? get(input, "serial")->valueint : -1);
	return MAPPER_OUTPUT;
}

static void test_a_file_keeps_its_name_and_number_over_retries(void **state)
{
	(void)state;
	house_connector("edi", "\"serial\":true", names_itself);
	house_open(&house,
		"\"connector\":\"edi\",\"kind\":\"sftp\",\"url\":\"sftp://erp/x\","
		"\"auth\":{\"type\":\"basic\",\"username\":\"u\",\"password\":{\"file\":\"p\"},"
		"\"host_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_string_equal(house_only(&house)->path, "in/e1.edi");
	assert_string_equal(house_only(&house)->body, "ISA");
	assert_string_equal(house_only(&house)->extra, "X-Serial: 1\n");
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->path, "in/e1.edi");
	assert_string_equal(house_only(&house)->extra, "X-Serial: 1\n");
	house_answer(&house, house_only(&house), 201, "");
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_string_equal(house_only(&house)->extra, "X-Serial: 2\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_three_calls_are_one_delivery),
		TEST(test_mode_lookup_needs_a_program),
		TEST(test_a_further_step_does_not_go_to_an_address_that_is_not_the_destinations_any_more),
		TEST(test_a_step_that_no_carry_tells_of_is_not_repeated_where_nobody_would_know_it),
		TEST(test_a_request_does_not_leave_before_its_carry_is_committed),
		TEST(test_a_carry_that_a_poisoned_turn_took_back_is_written_again),
		TEST(test_a_crash_at_any_point_doubles_no_call),
		TEST(test_after_a_crash_it_goes_on_at_the_step_it_had_reached),
		TEST(test_a_step_that_is_refused_for_a_while_is_repeated_alone),
		TEST(test_a_refusal_of_what_is_in_doubt_that_nobody_could_read_is_a_persons),
		TEST(test_a_boot_cuts_no_settle_time_short),
		TEST(test_an_answer_is_never_forgotten_though_its_turn_is_poisoned),
		TEST(test_a_turn_poisoned_while_the_program_thinks_changes_nothing),
		TEST(test_a_claim_of_a_poisoned_turn_is_not_mapped),
		TEST(test_what_a_program_is_asked_counts_as_out),
		TEST(test_each_request_takes_a_token),
		TEST(test_a_file_keeps_its_name_and_number_over_retries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
