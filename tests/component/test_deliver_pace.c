/*
 * A destination that asks for patience, over restarts too, and what people are told about one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_delivery.h"

#define DAY_MS INT64_C(86400000)

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

/* --- Retry-After ---------------------------------------------------------------------------------- */

static void get_429(const char *id, const char *retry_after)
{
	house_put(&house, id, "");
	house_rest(&house);
	house_answer_later(house_find(&house, id), 429, retry_after);
	house_rest(&house);
}

static void test_retry_after_is_obeyed_over_a_restart(void **state)
{
	(void)state;
	house_open(&house, "");
	get_429("e1", "1000");
	house_wait(&house, 400000);
	house_crash(&house, "");
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 599999);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	assert_int_equal(house_out(&house), 2);
}

static void test_the_longest_of_several_waits_is_kept_over_a_restart(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":2");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer_later(house_find(&house, "e0"), 429, "1000");
	house_answer_later(house_find(&house, "e1"), 429, "10");
	house_rest(&house);
	house_crash(&house, "\"concurrency\":2");
	house_wait(&house, 999999);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	assert_true(house_out(&house) > 0);
}

static void test_a_poisoned_turn_keeps_the_wait_of_its_answer(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 429, "1000");
	house.poisons = true;
	house_turn(&house);
	assert_int_equal(store_destination_not_before(house.store, 1), 0);
	house_wait(&house, 10000);
	house_crash(&house, "");
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_int_equal(house_out(&house), 0);
}

static void test_a_wait_is_no_longer_than_a_day_though_the_clock_has_jumped(void **state)
{
	(void)state;
	house_open(&house, "");
	assert_int_equal(store_destination_throttle(house.store, 1, house.now_ms + 30 * DAY_MS), 0);
	house_turn(&house);
	house_crash(&house, "");
	house_put(&house, "e1", "");
	house_wait(&house, DAY_MS - 1);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 1);
	assert_int_equal(house_out(&house), 1);
}

static void test_a_success_that_comes_in_late_ends_no_wait(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":2");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer_later(house_find(&house, "e0"), 429, "1000");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 200, "");
	house_crash(&house, "");
	house_put(&house, "e2", "");
	house_wait(&house, 999999);
	assert_int_equal(house_out(&house), 0);
}

/* --- what is shown -------------------------------------------------------------------------------- */

struct sight {
	int64_t not_before_at_ms;
	enum breaker_state breaker;
	char reason[512];
};

static void on_view(void *ctx, const struct deliver_view *view)
{
	struct sight *sight = ctx;

	if (strcmp(view->name, "erp") != 0)
		return;
	sight->not_before_at_ms = view->not_before_at_ms;
	sight->breaker = view->breaker;
	(void)snprintf(sight->reason, sizeof(sight->reason), "%s", view->reason);
}

static struct sight see(void)
{
	struct sight sight = { 0 };

	deliver_list(house.deliver, on_view, &sight);
	return sight;
}

static void test_nothing_leaves_beside_an_answer_that_asks_for_peace(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":1,\"retry\":{\"max\":\"1s\",\"give_up\":\"1m\"}");
	get_429("e1", NULL);
	house_wait(&house, 60000);
	house_put(&house, "e2", "");
	house_rest(&house);
	/* It is given up with this answer, and its place is free for e2. */
	house_answer_later(house_find(&house, "e1"), 429, "20");
	house_rest(&house);
	assert_int_equal(house_exceptions(&house, "gave_up"), 1);
	assert_int_equal(house_out(&house), 0);
	house_wait(&house, 20000);
	assert_non_null(house_find(&house, "e2"));
}

/* e1 is the probe; then e2, which left before the breaker opened, closes it. */
static void overtake_a_probe(void)
{
	house_open(&house, "\"concurrency\":3,\"breaker\":{\"probe\":\"10s\"}");
	house_put_many(&house, "e", 3);
	house_rest(&house);
	house_fail(&house, house_find(&house, "e0"), TRANSPORT_NOT_SENT);
	house_wait(&house, 10000);
	assert_non_null(house_find(&house, "e0"));
	house_answer(&house, house_find(&house, "e2"), 200, "");
	assert_int_equal(house_out(&house), 2);
}

static void test_a_probe_that_was_overtaken_is_no_probe_any_more(void **state)
{
	(void)state;
	overtake_a_probe();
	house_put(&house, "e3", "");
	house_rest(&house);
	house_fail(&house, house_find(&house, "e3"), TRANSPORT_NOT_SENT);
	house_wait(&house, 10000);
	assert_non_null(house_find(&house, "e3"));
	/* The old one fails while the new one is out. */
	house_fail(&house, house_find(&house, "e0"), TRANSPORT_NOT_SENT);
	house_wait(&house, 60000);
	assert_null(house_find(&house, "e0"));
	assert_int_equal(house_out(&house), 2);
}

static void test_a_throttled_destination_shows_when_it_goes_on(void **state)
{
	(void)state;
	house_open(&house, "");
	assert_int_equal(see().not_before_at_ms, 0);
	int64_t until_ms = house.now_ms + 1000000;
	get_429("e1", "1000");
	assert_int_equal(see().not_before_at_ms, until_ms);
	house_wait(&house, 400000);
	house_crash(&house, "");
	assert_int_equal(see().not_before_at_ms, until_ms);
	house_wait(&house, 600000);
	assert_int_equal(see().not_before_at_ms, 0);
}

static void test_a_success_clears_the_reason_of_the_last_failure(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 503, "down for repairs");
	assert_string_equal(see().reason, "down for repairs");
	house_wait(&house, 900000);
	house_answer_all(&house, 200);
	assert_string_equal(see().reason, "");
}

static void test_a_late_success_keeps_the_reason_of_a_hold(void **state)
{
	(void)state;
	house_open(&house, "\"concurrency\":2");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer(&house, house_find(&house, "e0"), 404, "no such path");
	house_answer(&house, house_find(&house, "e1"), 200, "");
	assert_int_equal(see().breaker, BREAKER_OPEN);
	assert_string_equal(see().reason, "no such path");
}

static void test_an_exception_is_told_with_its_kind_and_severity(void **state)
{
	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e1"), 200, "");
	assert_string_equal(house.last_kind, "");
	assert_string_equal(house.last_severity, "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_answer(&house, house_find(&house, "e2"), 422, "item is unknown");
	assert_string_equal(house.last_kind, "rejected");
	assert_string_equal(house.last_severity, "normal");
}

/* --- what is logged ------------------------------------------------------------------------------- */

static int real_stderr = -1;

static void begin_listening(void)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/log", house.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	real_stderr = dup(STDERR_FILENO);
	assert_true(real_stderr >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* What was logged since. How many lines. */
static unsigned end_listening(char *out, size_t size)
{
	char path[128];
	unsigned n = 0;
	FILE *file;

	assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
	assert_int_equal(close(real_stderr), 0);
	(void)snprintf(path, sizeof(path), "%s/log", house.dir);
	file = fopen(path, "r");
	assert_non_null(file);
	out[fread(out, 1, size - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	for (const char *at = out; (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

static void test_each_change_of_a_destination_is_one_line(void **state)
{
	char lines[4096];

	(void)state;
	house_open(&house, "");
	house_put(&house, "e1", "");
	house_rest(&house);
	begin_listening();
	house_fail(&house, house_find(&house, "e1"), TRANSPORT_NOT_SENT);
	assert_int_equal(end_listening(lines, sizeof(lines)), 1);
	assert_non_null(strstr(lines, "destination takes no deliveries"));
	assert_non_null(strstr(lines, "the line is dead"));
	assert_int_equal(house.n_alerts, 1);
	house_wait(&house, 60000);
	begin_listening();
	house_answer_all(&house, 200);
	assert_int_equal(end_listening(lines, sizeof(lines)), 1);
	assert_non_null(strstr(lines, "destination takes deliveries again"));
	assert_null(strstr(lines, "the line is dead"));
	assert_int_equal(house.n_alerts, 2);
}

static void test_a_hold_and_its_end_are_one_line_each(void **state)
{
	char lines[4096];

	(void)state;
	house_open(&house, "");
	house_put_many(&house, "e", 2);
	house_rest(&house);
	house_answer_later(house_find(&house, "e0"), 404, NULL);
	house_answer_later(house_find(&house, "e1"), 200, NULL);
	house_rest(&house);
	house_wait(&house, 30000);
	begin_listening();
	house_answer_all(&house, 404);
	assert_int_equal(end_listening(lines, sizeof(lines)), 1);
	assert_non_null(strstr(lines, "destination is held"));
	house_wait(&house, 30000);
	begin_listening();
	house_answer_all(&house, 200);
	assert_int_equal(end_listening(lines, sizeof(lines)), 1);
	assert_non_null(strstr(lines, "destination takes deliveries again"));
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_retry_after_is_obeyed_over_a_restart),
		T(test_the_longest_of_several_waits_is_kept_over_a_restart),
		T(test_a_poisoned_turn_keeps_the_wait_of_its_answer),
		T(test_a_wait_is_no_longer_than_a_day_though_the_clock_has_jumped),
		T(test_a_success_that_comes_in_late_ends_no_wait),
		T(test_nothing_leaves_beside_an_answer_that_asks_for_peace),
		T(test_a_probe_that_was_overtaken_is_no_probe_any_more),
		T(test_a_throttled_destination_shows_when_it_goes_on),
		T(test_a_success_clears_the_reason_of_the_last_failure),
		T(test_a_late_success_keeps_the_reason_of_a_hold),
		T(test_an_exception_is_told_with_its_kind_and_severity),
		T(test_each_change_of_a_destination_is_one_line),
		T(test_a_hold_and_its_end_are_one_line_each),
	};

	return cmocka_run_group_tests_name("deliver_pace", tests, NULL, NULL);
}
