/*
 * The clock is wrong: what deliveries do while it jumps, over restarts and reboots.
 *
 * Nothing that waits is stranded, a repeat goes out under its key only while the other side knows it
 * by the time that has truly passed, and no jump alone makes an exception.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "help_delivery.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEARS_56 (INT64_C(56) * 365 * DAY)
#define TO_1970(house) (-(house).now_ms)

/* A key is known for a day; a retry is due within a second. */
#define ERP "\"retry\":{\"base\":\"1s\",\"max\":\"1s\"}"

static struct house house;

static int close_house(void **state)
{
	(void)state;
	house_close(&house);
	return 0;
}

static void set_clock(int64_t ahead_ms, bool is_synchronised)
{
	house.wall_ahead_ms = ahead_ms;
	house.is_unsynchronised = !is_synchronised;
	house_rest(&house);
}

/* The machine is off, and comes up with this clock, not synchronised. */
static void reboot_with(int64_t off_ms, int64_t ahead_ms)
{
	house.wall_ahead_ms = ahead_ms;
	house.is_unsynchronised = true;
	house_reboot(&house, off_ms, ERP);
	house_rest(&house);
}

static const struct jump {
	int64_t ahead_ms;
	bool is_synchronised;
} jumps[] = {
	{ DAY, false },
	{ DAY, true },
	{ -DAY, false },
	{ -DAY, true },
	{ 20 * HOUR, true },
	{ -20 * HOUR, true },
	{ YEARS_56, false },
	{ YEARS_56, true },
	{ -YEARS_56, false },
	{ -YEARS_56, true },
};
#define JUMPS (sizeof(jumps) / sizeof(jumps[0]))

/* Each jump in a house of its own, and the way back. */
#define FOR_EACH_JUMP(jump)                   \
	for (const struct jump *jump = jumps; \
		jump < jumps + JUMPS && (jump == jumps || (house_close(&house), true)); jump++)

static void lose_answer(const char *id)
{
	house_fail(&house, house_find(&house, id), TRANSPORT_NO_ANSWER);
	assert_int_equal(house_state(&house, id), DELIVERY_WAITING);
}

/* --- jumps while the machine runs -------------------------------------------------------------------- */

static void test_a_retry_is_made_when_it_was_due_after_any_jump(void **state)
{
	char key[64];

	(void)state;
	FOR_EACH_JUMP(jump)
	{
		house_open(
			&house, "\"retry\":{\"base\":\"10m\",\"max\":\"10m\",\"give_up\":\"1h\"}");
		house_put(&house, "e1", "k");
		house_put(&house, "e2", "k");
		house_rest(&house);
		(void)snprintf(key, sizeof(key), "%s", house_find(&house, "e1")->key);
		lose_answer("e1");
		set_clock(jump->ahead_ms, jump->is_synchronised);
		(void)house_pass(&house, 5 * MINUTE);
		set_clock(0, jump->is_synchronised);
		(void)house_pass(&house, 5 * MINUTE);
		assert_string_equal(house_find(&house, "e1")->key, key);
		assert_null(house_find(&house, "e2"));
		house_answer_all(&house, 200);
		assert_int_equal(house.n_done, 2);
		assert_int_equal(house.n_exceptions, 0);
	}
}

static void test_a_wait_that_was_asked_for_is_kept_to_the_second(void **state)
{
	(void)state;
	FOR_EACH_JUMP(jump)
	{
		house_open(&house, ERP);
		house_put(&house, "e1", "");
		house_rest(&house);
		house_answer_later(house_find(&house, "e1"), 429, "7200");
		house_rest(&house);
		house_put(&house, "e2", "");
		set_clock(jump->ahead_ms, jump->is_synchronised);
		(void)house_pass(&house, HOUR);
		house_crash(&house, ERP);
		(void)house_pass(&house, HOUR - 1);
		assert_int_equal(house_out(&house), 0);
		house_wait(&house, 2 * SECOND);
		assert_int_equal(house_out(&house), 2);
		house_answer_all(&house, 200);
		assert_int_equal(house.n_done, 2);
	}
}

static void test_a_key_lives_as_long_as_it_truly_does(void **state)
{
	static const struct {
		int64_t age_ms;
		bool is_known;
	} rows[] = { { DAY - 1, true }, { DAY, false } };

	(void)state;
	FOR_EACH_JUMP(jump)
	{
		for (int i = 0; i < 2; i++) {
			if (i > 0)
				house_close(&house);
			house_open(&house, ERP);
			house_put(&house, "e1", "");
			house_rest(&house);
			lose_answer("e1");
			assert_int_equal(store_destination_pause(house.store, 1, true), 0);
			set_clock(jump->ahead_ms, jump->is_synchronised);
			house_wait(&house, rows[i].age_ms);
			assert_int_equal(store_destination_pause(house.store, 1, false), 0);
			house_rest(&house);
			assert_int_equal(house_out(&house), rows[i].is_known);
			assert_int_equal(house_exceptions(&house, "unknown"), !rows[i].is_known);
		}
	}
}

static void test_no_jump_makes_an_exception_of_an_answer(void **state)
{
	static const int statuses[] = { 503, 409, 404, 429 };

	(void)state;
	FOR_EACH_JUMP(jump)
	{
		for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
			if (i > 0)
				house_close(&house);
			house_open(&house,
				"\"retry\":{\"base\":\"1s\",\"max\":\"1s\",\"give_up\":\"1h\"}");
			house_put(&house, "e1", "");
			house_rest(&house);
			lose_answer("e1");
			house_wait(&house, SECOND);
			set_clock(jump->ahead_ms, jump->is_synchronised);
			house_answer(&house, house_find(&house, "e1"), statuses[i], "");
			(void)house_pass(&house, 2 * MINUTE);
			assert_int_equal(house.n_exceptions, 0);
		}
	}
}

static void test_giving_up_counts_the_time_that_truly_passes(void **state)
{
	(void)state;
	FOR_EACH_JUMP(jump)
	{
		house_open(&house, "\"retry\":{\"base\":\"1s\",\"max\":\"1s\",\"give_up\":\"1h\"},"
				   "\"breaker\":{\"failures\":1000}");
		house_put(&house, "e1", "");
		house_rest(&house);
		house_answer_later(house_find(&house, "e1"), 503, NULL);
		set_clock(jump->ahead_ms, jump->is_synchronised);
		house_wait(&house, HOUR - 1);
		house_answer_later(house_find(&house, "e1"), 503, NULL);
		house_rest(&house);
		assert_int_equal(house.n_exceptions, 0);
		house_wait(&house, SECOND);
		house_answer_later(house_find(&house, "e1"), 503, NULL);
		house_rest(&house);
		assert_int_equal(house_exceptions(&house, "gave_up"), 1);
	}
}

static void test_what_lingers_goes_when_its_time_has_come(void **state)
{
	(void)state;
	FOR_EACH_JUMP(jump)
	{
		house_open(&house, "\"batch\":{\"max\":5,\"linger\":\"10s\"}");
		house_put(&house, "e1", "");
		house_rest(&house);
		assert_int_equal(house_out(&house), 0);
		set_clock(jump->ahead_ms, jump->is_synchronised);
		(void)house_pass(&house, 10 * SECOND - 1);
		assert_int_equal(house_out(&house), 0);
		(void)house_pass(&house, 1);
		assert_int_equal(house_out(&house), 1);
	}
}

static void test_a_breaker_and_a_hold_are_probed_and_go_on(void **state)
{
	static const int statuses[] = { 503, 404 };

	(void)state;
	FOR_EACH_JUMP(jump)
	{
		for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
			if (i > 0)
				house_close(&house);
			house_open(&house, ERP ",\"breaker\":{\"failures\":1,\"probe\":\"30s\"}");
			house_put(&house, "e1", "");
			house_rest(&house);
			house_answer(&house, house_find(&house, "e1"), statuses[i], "");
			house_put(&house, "e2", "");
			house_rest(&house);
			set_clock(jump->ahead_ms, jump->is_synchronised);
			/* Whoever asks is answered from now on. */
			for (int minute = 0; minute < 5; minute++) {
				(void)house_pass(&house, MINUTE);
				house_answer_all(&house, 200);
			}
			assert_true(house.n_done > 0);
			assert_int_equal(house_depth(&house, DELIVERY_READY), 0);
			assert_int_equal(house_depth(&house, DELIVERY_WAITING), 0);
		}
	}
}

/* Every second one fails, the clock is set all the time: order by key, and nobody is left. */
static void test_order_is_kept_while_the_clock_is_set_again_and_again(void **state)
{
	char id[16];
	unsigned next = 0;

	(void)state;
	house_open(&house, ERP ",\"concurrency\":4,\"breaker\":{\"failures\":1000}");
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(id, sizeof(id), "e%u", i);
		set_clock(jumps[i % JUMPS].ahead_ms, jumps[i % JUMPS].is_synchronised);
		house_put(&house, id, "k");
	}
	for (unsigned turn = 0; next < 40 && turn < 200; turn++) {
		set_clock(jumps[turn % JUMPS].ahead_ms, jumps[turn % JUMPS].is_synchronised);
		house_wait(&house, SECOND);
		assert_int_equal(house_out(&house), 1);
		(void)snprintf(id, sizeof(id), "e%u", next);
		assert_non_null(house_find(&house, id));
		house_answer(&house, house_find(&house, id), turn % 2 ? 200 : 503, "");
		next += turn % 2;
	}
	assert_int_equal(next, 40);
	assert_int_equal(house.n_exceptions, 0);
}

/* --- over a reboot ----------------------------------------------------------------------------------- */

/* One in doubt, an hour before the machine is switched off. */
static void doubt_and_work_an_hour(char key[64])
{
	house_open(&house, ERP);
	house_put(&house, "e1", "");
	house_rest(&house);
	(void)snprintf(key, 64, "%s", house_find(&house, "e1")->key);
	lose_answer("e1");
	assert_int_equal(store_destination_pause(house.store, 1, true), 0);
	house_wait(&house, HOUR);
	assert_int_equal(store_destination_pause(house.store, 1, false), 0);
	house_turn(&house);
}

/* 1970, a day forward, a day back, where it stood when the machine was switched off. */
static int64_t wrong_at_boot(unsigned i, int64_t off_ms)
{
	const int64_t wrongs[] = { TO_1970(house) - off_ms, DAY, -DAY, -off_ms };

	return wrongs[i];
}
#define WRONGS_AT_BOOT 4

/* Looks are a minute apart, so the edge of a day is met to the minute. */
static void test_after_a_boot_a_doubt_waits_until_the_clock_is_right(void **state)
{
	static const struct {
		int64_t off_ms;
		bool is_known;
	} rows[] = {
		{ 13 * HOUR, true },
		{ 23 * HOUR - 12 * MINUTE, true },
		{ 23 * HOUR - 10 * MINUTE, false },
		{ 3 * DAY, false },
	};
	char key[64];

	(void)state;
	for (unsigned i = 0; i < 4 * WRONGS_AT_BOOT; i++) {
		int64_t off_ms = rows[i % 4].off_ms;

		if (i > 0)
			house_close(&house);
		doubt_and_work_an_hour(key);
		reboot_with(off_ms, wrong_at_boot(i / 4, off_ms));
		house_put(&house, "new", "");
		(void)house_pass(&house, 5 * MINUTE);
		house_answer(&house, house_find(&house, "new"), 200, "");
		assert_int_equal(house_out(&house), 0);
		house_crash(&house, ERP);
		(void)house_pass(&house, 5 * MINUTE);
		assert_int_equal(house_out(&house), 0);
		assert_int_equal(house.n_exceptions, 0);
		set_clock(0, true);
		(void)house_pass(&house, MINUTE);
		assert_int_equal(house_exceptions(&house, "unknown"), !rows[i % 4].is_known);
		assert_int_equal(house_out(&house), rows[i % 4].is_known);
		if (rows[i % 4].is_known)
			assert_string_equal(house_find(&house, "e1")->key, key);
	}
}

/* The first request can't be running any more: what is there was there before. */
static void test_a_conflict_behind_a_night_is_a_refusal(void **state)
{
	static const char erp[] = ERP ",\"settle\":\"30m\"";

	(void)state;
	house_open(&house, erp);
	house_put(&house, "e1", "");
	house_rest(&house);
	lose_answer("e1");
	house.wall_ahead_ms = TO_1970(house) - 13 * HOUR;
	house.is_unsynchronised = true;
	house_reboot(&house, 13 * HOUR, erp);
	house_rest(&house);
	set_clock(0, true);
	(void)house_pass(&house, MINUTE);
	house_answer(&house, house_find(&house, "e1"), 409, "");
	assert_int_equal(house_exceptions(&house, "rejected"), 1);
}

static void test_a_clock_that_is_never_right_strands_nothing(void **state)
{
	char key[64];

	(void)state;
	doubt_and_work_an_hour(key);
	reboot_with(HOUR, TO_1970(house) - HOUR);
	(void)house_pass(&house, DAY - MINUTE);
	assert_int_equal(house_out(&house), 0);
	assert_int_equal(house.n_exceptions, 0);
	(void)house_pass(&house, 2 * MINUTE);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
	house_put(&house, "e2", "");
	house_rest(&house);
	assert_int_equal(house_out(&house), 1);
}

static void test_where_nobody_vouches_for_the_clock_a_reboot_costs_no_exception(void **state)
{
	(void)state;
	house_open_unsynchronised(&house, ERP);
	house_put(&house, "e1", "");
	house_rest(&house);
	reboot_with(HOUR, 0);
	assert_int_equal(house_out(&house), 1);
	assert_non_null(house_find(&house, "e1"));
	house_answer_all(&house, 200);
	assert_int_equal(house.n_done, 1);
}

static void test_a_doubt_of_a_boot_that_never_knew_the_time_is_for_a_person(void **state)
{
	char key[64];

	(void)state;
	doubt_and_work_an_hour(key);
	reboot_with(HOUR, TO_1970(house) - HOUR);
	house_put(&house, "e2", "");
	house_rest(&house);
	lose_answer("e2");
	/* Switched off before the clock was right; when that was, nobody knows. */
	house.wall_ahead_ms = 0;
	house.is_unsynchronised = false;
	house_reboot(&house, HOUR, ERP);
	(void)house_pass(&house, 2 * MINUTE);
	assert_int_equal(house_exceptions(&house, "unknown"), 1);
	assert_string_equal(house_find(&house, "e1")->key, key);
}

/* A battery clock that runs days ahead, and nobody to say so yet. */
static void test_a_clock_ahead_at_boot_gives_nothing_up(void **state)
{
	static const char erp[] = "\"retry\":{\"base\":\"1s\",\"max\":\"1s\",\"give_up\":\"2h\"}";

	(void)state;
	house_open(&house, erp);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 429, NULL);
	house_rest(&house);
	house.wall_ahead_ms = 5 * DAY;
	house.is_unsynchronised = true;
	house_reboot(&house, 3 * HOUR, erp);
	house_wait(&house, SECOND);
	house_answer_later(house_find(&house, "e1"), 429, NULL);
	house_rest(&house);
	assert_int_equal(house.n_exceptions, 0);
	set_clock(0, true);
	house_wait(&house, SECOND);
	house_answer_later(house_find(&house, "e1"), 429, NULL);
	house_rest(&house);
	assert_int_equal(house_exceptions(&house, "gave_up"), 1);
}

/* Stamps of all these mornings say 1970 on the wall. */
static void test_a_doubt_of_this_morning_is_not_taken_for_yesterdays(void **state)
{
	char id[16];

	(void)state;
	house_open(&house, ERP);
	for (int day = 0; day < 10; day++) {
		reboot_with(14 * HOUR, TO_1970(house) - 14 * HOUR);
		(void)snprintf(id, sizeof(id), "e%d", day);
		house_put(&house, id, "");
		house_rest(&house);
		lose_answer(id);
		house_wait(&house, 2 * SECOND);
		/* Within this boot nothing is in question. */
		assert_non_null(house_find(&house, id));
		lose_answer(id);
		set_clock(0, true);
		house_wait(&house, 5 * SECOND);
		house_answer(&house, house_find(&house, id), 200, "");
		assert_int_equal(house_out(&house), 0);
		house_wait(&house, 10 * HOUR);
	}
	assert_int_equal(house.n_done, 10);
	assert_int_equal(house.n_exceptions, 0);
}

static void test_waits_go_on_after_a_boot_in_1970(void **state)
{
	(void)state;
	house_open(&house, ERP);
	house_put(&house, "e1", "");
	house_rest(&house);
	house_answer_later(house_find(&house, "e1"), 429, "7200");
	house_rest(&house);
	house_wait(&house, HOUR);
	house_put(&house, "e2", ""); /* notes how long the machine ran */
	house_turn(&house);
	reboot_with(MINUTE, TO_1970(house) - MINUTE);
	/* What is left of them; the time that it was off may count or not. */
	(void)house_pass(&house, HOUR - 2 * MINUTE);
	assert_int_equal(house_out(&house), 0);
	(void)house_pass(&house, 3 * MINUTE);
	assert_int_equal(house_out(&house), 2);
}

/* --- what is shown ----------------------------------------------------------------------------------- */

static double read_metric(const char *name)
{
	struct buf text = BUF_INIT;
	const char *at;
	double value;

	metrics_print(house.metrics, &text);
	at = strstr(text.data, name);
	assert_non_null(at);
	value = strtod(at + strlen(name), NULL);
	buf_done(&text);
	return value;
}

static void test_how_long_a_delivery_took_is_no_nonsense(void **state)
{
	double seconds = 0;

	(void)state;
	house_open(&house, ERP);
	house_put(&house, "e0", "");
	house_rest(&house);
	house_answer_all(&house, 200);
	reboot_with(14 * HOUR, TO_1970(house) - 14 * HOUR);
	house_put(&house, "e1", "");
	house_put(&house, "e2", "");
	house_rest(&house);
	house_wait(&house, 10 * SECOND);
	house_answer(&house, house_find(&house, "e1"), 200, "");
	seconds = read_metric("dray_delivery_seconds_sum{destination=\"erp\"} ");
	assert_true(seconds > 9 && seconds < 11);
	set_clock(0, true);
	house_answer(&house, house_find(&house, "e2"), 200, "");
	seconds = read_metric("dray_delivery_seconds_sum{destination=\"erp\"} ");
	assert_true(seconds > 19 && seconds < 21);
}

#define T(name) cmocka_unit_test_teardown(name, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_retry_is_made_when_it_was_due_after_any_jump),
		T(test_a_wait_that_was_asked_for_is_kept_to_the_second),
		T(test_a_key_lives_as_long_as_it_truly_does),
		T(test_no_jump_makes_an_exception_of_an_answer),
		T(test_giving_up_counts_the_time_that_truly_passes),
		T(test_what_lingers_goes_when_its_time_has_come),
		T(test_a_breaker_and_a_hold_are_probed_and_go_on),
		T(test_order_is_kept_while_the_clock_is_set_again_and_again),
		T(test_after_a_boot_a_doubt_waits_until_the_clock_is_right),
		T(test_a_conflict_behind_a_night_is_a_refusal),
		T(test_a_clock_that_is_never_right_strands_nothing),
		T(test_where_nobody_vouches_for_the_clock_a_reboot_costs_no_exception),
		T(test_a_doubt_of_a_boot_that_never_knew_the_time_is_for_a_person),
		T(test_a_clock_ahead_at_boot_gives_nothing_up),
		T(test_a_doubt_of_this_morning_is_not_taken_for_yesterdays),
		T(test_waits_go_on_after_a_boot_in_1970),
		T(test_how_long_a_delivery_took_is_no_nonsense),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
