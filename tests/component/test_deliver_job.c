/*
 * Answers that come later: a job that is asked after until it is done, and the waits in between. Programs
 * are functions here (play_mapper.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"
#include "help_program.h"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

static enum mapper_outcome job(const cJSON *input, struct buf *out)
{
	const char *name = text_of(get(input, "carry"), "job");
	int status = status_of(input);

	if (status == 0 && !*name)
		buf_printf(out, "{\"send\":{\"path\":\"/jobs\",\"body\":{\"id\":\"%s\"}}}",
			id_of(input));
	else if (status == 0)
		buf_printf(out, "{\"send\":{\"method\":\"GET\",\"path\":\"/jobs/%s\"}}", name);
	else if (status == 202)
		buf_printf(out, "{\"retry\":{\"after_s\":5},\"carry\":{\"job\":\"%s\"}}",
			text_of(body_of(input), "job"));
	else if (strcmp(text_of(body_of(input), "state"), "running") == 0)
		buf_puts(out, "{\"retry\":{\"after_s\":5,\"reason\":\"it still runs\"}}");
	else if (strcmp(text_of(body_of(input), "state"), "done") == 0)
		buf_puts(out, "{\"done\":{\"ref\":\"J-1\"}}");
	else
		return MAPPER_NOTHING;
	return MAPPER_OUTPUT;
}

static void test_a_job_is_asked_until_it_is_done(void **state)
{
	(void)state;
	house_connector("job", "", job);
	house_open(&house, "\"connector\":\"job\",\"idempotency\":{\"mode\":\"none\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	assert_true(house_only(&house)->is_fresh);
	house_answer(&house, house_only(&house), 202, "{\"job\":\"77\"}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 4000);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1000);
	assert_string_equal(house_only(&house)->method, "GET");
	assert_string_equal(house_only(&house)->url, "http://erp/jobs/77");
	assert_string_equal(house_only(&house)->content_type, "");
	assert_false(house_only(&house)->has_key);
	assert_false(house_only(&house)->is_fresh);
	house_answer(&house, house_only(&house), 200, "{\"state\":\"running\"}");
	house_wait(&house, 5000);
	house_answer(&house, house_only(&house), 200, "{\"state\":\"done\"}");
	assert_int_equal(house_state(&house, "e1"), DELIVERY_DONE);
	assert_string_equal(house.last_ref, "J-1");
}

static enum mapper_outcome asks_for_a_long_wait(const cJSON *input, struct buf *out)
{
	if (status_of(input) == 0)
		buf_puts(out, "{\"send\":{\"path\":\"/in\",\"body\":{}}}");
	else
		buf_puts(out, "{\"retry\":{\"after_s\":2678400,\"reason\":\"next month\"}}");
	return MAPPER_OUTPUT;
}

/* 31 days, the longest that a program may ask for: a row due that late is not one of a broken clock. */
static void test_a_wait_of_a_month_is_waited_out(void **state)
{
	const int64_t month_ms = INT64_C(31) * 86400000;

	(void)state;
	house_connector("patient", "", asks_for_a_long_wait);
	house_open(&house, "\"connector\":\"patient\",\"retry\":{\"give_up\":\"90d\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 200, "");
	house_wait(&house, month_ms - 1000);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	assert_int_equal(house.n_started, 1);
	house_wait(&house, 1000);
	assert_int_equal(house.n_started, 2);
}

/* The job was accepted when there was no time left: what is known of it is kept for who tries again. */
static void test_what_gives_up_keeps_what_it_was_to_go_on_with(void **state)
{
	(void)state;
	house_connector("job", "", job);
	house_open(&house, "\"connector\":\"job\",\"idempotency\":{\"mode\":\"none\"},"
			   "\"retry\":{\"base\":\"1s\",\"max\":\"1h\",\"give_up\":\"1m\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_only(&house), 429, "600");
	house_rest(&house);
	house_wait(&house, 600000);
	house_answer(&house, house_only(&house), 202, "{\"job\":\"77\"}");
	assert_int_equal(house_exceptions(&house, "gave_up"), 1);
	house_retry(&house, "e1", "gave_up");
	house_rest(&house);
	assert_string_equal(house_only(&house)->url, "http://erp/jobs/77");
}

/* A job for these events is accepted, and asked after. */
static void open_job(const char *further, int n)
{
	char erp[256];

	house_connector("job", "", job);
	(void)snprintf(erp, sizeof(erp), "\"connector\":\"job\",\"concurrency\":1%s", further);
	house_open(&house, erp);
	house_put_many(&house, "e", n);
	house_rest(&house);
	house_answer(&house, house_only(&house), 202, "{\"job\":\"77\"}");
	house_wait(&house, 5000);
	assert_string_equal(house_only(&house)->url, "http://erp/jobs/77");
}

/* 400: the question was wrong, and the job runs. */
static void test_a_job_that_may_not_be_asked_after_is_not_called_refused(void **state)
{
	static const char *const further[] = { "", ",\"batch\":{\"max\":2}" };

	(void)state;
	for (int n = 1; n <= 2; n++) {
		open_job(further[n - 1], n);
		house_answer(&house, house_only(&house), 400, "");
		assert_int_equal(house_depth(&house, DELIVERY_EXCEPTION), n);
		assert_int_equal(house_exceptions(&house, "unknown"), n);
		if (n == 1)
			house_close(&house);
	}
}

/* 404 to one, while another is taken: its job is gone, or hidden, not refused. */
static void test_a_job_that_is_not_found_is_a_persons(void **state)
{
	static const char *const further[] = { "", ",\"batch\":{\"max\":2}" };

	(void)state;
	for (int n = 1; n <= 2; n++) {
		open_job(further[n - 1], n);
		house_answer(&house, house_only(&house), 404, "");
		house_put(&house, "other", "");
		house_rest(&house);
		assert_string_equal(house_only(&house)->url, "http://erp/jobs");
		house_answer(&house, house_only(&house), 200, "{\"state\":\"done\"}");
		assert_int_equal(house.n_exceptions, 0);
		assert_string_equal(house_only(&house)->url, "http://erp/jobs/77");
		house_answer(&house, house_only(&house), 404, "");
		assert_int_equal(house_depth(&house, DELIVERY_EXCEPTION), n);
		assert_int_equal(house_exceptions(&house, "unknown"), n);
		if (n == 1)
			house_close(&house);
	}
}

static void test_a_job_that_runs_delays_no_other_delivery(void **state)
{
	(void)state;
	house_connector("job", "", job);
	house_open(&house, "\"connector\":\"job\"");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 202, "{\"job\":\"77\"}");
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_non_null(house_find(&house, "e2"));
}

/* Mode none: any other request whose fate is unknown is a person's. */
static void test_asking_changes_nothing_and_leaves_no_doubt(void **state)
{
	(void)state;
	house_connector("job", "", job);
	house_open(&house, "\"connector\":\"job\",\"idempotency\":{\"mode\":\"none\"}");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_only(&house), 202, "{\"job\":\"77\"}");
	house_wait(&house, 5000);
	house_fail(&house, house_only(&house), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, "e1"), DELIVERY_WAITING);
	house_wait(&house, 900000);
	assert_string_equal(house_only(&house)->url, "http://erp/jobs/77");
}

#define TEST(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_job_is_asked_until_it_is_done),
		TEST(test_a_wait_of_a_month_is_waited_out),
		TEST(test_what_gives_up_keeps_what_it_was_to_go_on_with),
		TEST(test_a_job_that_may_not_be_asked_after_is_not_called_refused),
		TEST(test_a_job_that_is_not_found_is_a_persons),
		TEST(test_a_job_that_runs_delays_no_other_delivery),
		TEST(test_asking_changes_nothing_and_leaves_no_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
