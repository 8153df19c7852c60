/*
 * The purge goes by the time that has truly passed: a clock that is set at will, a machine that is
 * switched off, a real store and turn, and the purge's timer set off by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "help_store.h"
#include "help_timers.h"
#include "keep/housekeeping.h"
#include "keep/timekeeper.h"
#include "turn.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START INT64_C(1795000000000)
#define RETAIN (30 * DAY)

struct home {
	struct shed shed;
	struct clock machine;
	int64_t true_ms, boot_at_ms, wrong_ms;
	bool is_synchronised;
	struct event_base *base;
	struct metrics *metrics;
	struct timekeeper *timekeeper;
	struct turn *turn;
	struct housekeeping *housekeeping;
};

static int64_t read_wall_ms(void *ctx)
{
	const struct home *home = ctx;

	return home->true_ms + home->wrong_ms;
}

static int64_t read_mono_us(void *ctx)
{
	const struct home *home = ctx;

	return (home->true_ms - home->boot_at_ms) * 1000;
}

static bool say_synchronised(void *ctx)
{
	return ((const struct home *)ctx)->is_synchronised;
}

static void tell_boot(void *ctx, char out[TIMELINE_ID_MAX])
{
	(void)snprintf(
		out, TIMELINE_ID_MAX, "%lld", (long long)((const struct home *)ctx)->boot_at_ms);
}

/* --- the machine ---------------------------------------------------------------------------------- */

static void start_agent(struct home *home)
{
	home->timekeeper = timekeeper_new(&home->machine);
	assert_non_null(home->timekeeper);
	timekeeper_open(home->timekeeper, home->shed.store, "");
	const struct clock *clock = timekeeper_clock(home->timekeeper);
	home->turn = turn_new(home->base, home->shed.store, home->metrics, clock);
	home->housekeeping = housekeeping_new(home->base, clock);
	assert_non_null(home->housekeeping);
	housekeeping_attach(home->housekeeping, home->turn, home->shed.store);
	timekeeper_attach(home->timekeeper, home->turn);
	housekeeping_set_retain(home->housekeeping, RETAIN);
	turn_finish(home->turn);
}

static void stop_agent(struct home *home)
{
	housekeeping_free(home->housekeeping);
	turn_free(home->turn);
	timekeeper_free(home->timekeeper);
}

static void open_home(struct home *home, int64_t wrong_ms, bool is_synchronised)
{
	*home = (struct home){ .true_ms = START,
		.boot_at_ms = START,
		.wrong_ms = wrong_ms,
		.is_synchronised = is_synchronised };
	home->machine = (struct clock){
		.wall_ms = read_wall_ms,
		.mono_us = read_mono_us,
		.is_synchronised = say_synchronised,
		.boot_id = tell_boot,
		.ctx = home,
	};
	shed_init(&home->shed, NULL);
	assert_int_equal(store_destination_id(home->shed.store, "erp"), 1);
	shed_commit(&home->shed);
	home->base = event_base_new();
	home->metrics = metrics_new();
	start_agent(home);
}

static void close_home(struct home *home)
{
	stop_agent(home);
	metrics_free(home->metrics);
	event_base_free(home->base);
	shed_done(&home->shed);
}

static void reboot(struct home *home, int64_t off_ms, int64_t wrong_ms, bool is_synchronised)
{
	stop_agent(home);
	shed_reopen(&home->shed);
	home->true_ms += off_ms;
	home->boot_at_ms = home->true_ms;
	home->wrong_ms = wrong_ms;
	home->is_synchronised = is_synchronised;
	start_agent(home);
}

/* --- its work ------------------------------------------------------------------------------------- */

static int64_t now(const struct home *home)
{
	return clock_steady_ms(timekeeper_clock(home->timekeeper));
}

/* One that is delivered at once. */
static void take_event(struct home *home, int n)
{
	static const uint8_t digest[ID_DIGEST_BYTES] = { 1 };
	struct store *store = home->shed.store;
	enum delivery_state state;
	int64_t seq;
	char id[16];

	(void)snprintf(id, sizeof(id), "e%d", n);
	const struct store_event event = {
		.source = "/dc/d",
		.id = id,
		.type = "pick",
		.device = "d",
		.document = "",
		.correlation = "",
		.origin = "test",
		.occurred_at_ms = START,
		.received_at_ms = now(home),
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = "{}",
		.len = 2,
	};
	assert_int_equal(store_put_event(store, &event, &seq), STORE_STORED);
	assert_int_equal(store_put_delivery(store, 1, seq, "", 0, &state), 0);
	shed_claim(&home->shed, 1, seq);
	shed_settle(&home->shed, 1, seq, DELIVERY_DONE);
	turn_finish(home->turn);
}

/* A person's, and settled. */
static void resolve_exception(struct home *home)
{
	struct store *store = home->shed.store;
	const struct store_exception exception = {
		.kind = "unparsable",
		.severity = "normal",
		.code = "",
		.reason = "",
		.field = "",
		.origin = "",
		.device = "",
		.opened_at_ms = now(home),
		.due_at_ms = now(home) + HOUR,
	};
	int64_t id = store_open_exception(store, &exception, NULL);

	assert_true(id > 0);
	assert_int_equal(store_resolve_exception(store, id, "seen", now(home)), 0);
	turn_finish(home->turn);
}

/* A whole round; how many events are left. */
static int64_t keep_house(struct home *home)
{
	timers_set_off(home->base);
	for (int slice = 0; slice < 5; slice++) {
		assert_true(event_base_loop(home->base, EVLOOP_NONBLOCK) >= 0);
		turn_finish(home->turn);
	}
	return shed_ask(&home->shed, "SELECT count(*) FROM event");
}

static void set_clock(struct home *home, int64_t wrong_ms, bool is_synchronised)
{
	home->wrong_ms = wrong_ms;
	home->is_synchronised = is_synchronised;
	turn_finish(home->turn);
}

static int64_t to_1970(const struct home *home, int64_t off_ms)
{
	return -home->true_ms - off_ms;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_what_is_older_than_retain_is_purged(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 0, true);
	take_event(&home, 1);
	resolve_exception(&home);
	home.true_ms += RETAIN;
	assert_int_equal(keep_house(&home), 1);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM exception"), 1);
	home.true_ms += 1;
	assert_int_equal(keep_house(&home), 0);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM exception"), 0);
	close_home(&home);
}

/* Forward, back, by years, believed by the kernel or not, with a restart or without. */
static void test_no_jump_purges_early_or_late(void **state)
{
	static const int64_t jumps[] = { DAY, -DAY, 40 * DAY, -40 * DAY, 20440 * DAY,
		-20440 * DAY };

	(void)state;
	for (unsigned i = 0; i < 6 * 8; i++) {
		struct home home;

		open_home(&home, 0, i / 6 & 1);
		take_event(&home, 1);
		home.true_ms += HOUR;
		set_clock(&home, jumps[i % 6], i / 6 & 2);
		take_event(&home, 2);
		assert_int_equal(keep_house(&home), 2);
		if (i / 6 & 4) {
			stop_agent(&home);
			shed_reopen(&home.shed);
			start_agent(&home);
		}
		home.true_ms += RETAIN - HOUR;
		assert_int_equal(keep_house(&home), 2);
		home.true_ms += 1;
		assert_int_equal(keep_house(&home), 1);
		set_clock(&home, 0, true);
		home.true_ms += HOUR - 1;
		assert_int_equal(keep_house(&home), 1);
		home.true_ms += 1;
		assert_int_equal(keep_house(&home), 0);
		close_home(&home);
	}
}

static void test_what_came_before_the_clock_was_right_is_kept_as_long(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 0, true);
	take_event(&home, 1);
	reboot(&home, 10 * DAY, to_1970(&home, 10 * DAY), false);
	take_event(&home, 2);
	resolve_exception(&home);
	home.true_ms += 10 * MINUTE;
	assert_int_equal(keep_house(&home), 2);
	set_clock(&home, 0, true);
	assert_int_equal(keep_house(&home), 2);
	home.true_ms = START + RETAIN;
	assert_int_equal(keep_house(&home), 2);
	home.true_ms += MINUTE;
	assert_int_equal(keep_house(&home), 1);
	home.true_ms = START + 10 * DAY + RETAIN;
	assert_int_equal(keep_house(&home), 1);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM exception"), 1);
	home.true_ms += 1;
	assert_int_equal(keep_house(&home), 0);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM exception"), 0);
	close_home(&home);
}

/* A battery clock that runs ahead, and nobody to say so yet. */
static void test_a_clock_ahead_at_boot_purges_nothing_early(void **state)
{
	static const int64_t wrongs[] = { DAY, 40 * DAY, 4000 * DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct home home;

		open_home(&home, 0, true);
		take_event(&home, 1);
		home.true_ms += RETAIN - HOUR - MINUTE;
		take_event(&home, 2);
		reboot(&home, HOUR, wrongs[i], false);
		take_event(&home, 3);
		assert_int_equal(keep_house(&home), 3);
		set_clock(&home, 0, true);
		assert_int_equal(keep_house(&home), 3);
		home.true_ms += 2 * MINUTE;
		assert_int_equal(keep_house(&home), 2);
		close_home(&home);
	}
}

static void test_days_that_all_begin_in_1970_are_purged_one_by_one(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 0, true);
	for (int day = 1; day <= 70; day++) {
		take_event(&home, day);
		home.true_ms += 10 * MINUTE;
		set_clock(&home, 0, true);
		home.true_ms += 10 * HOUR;
		int64_t left = keep_house(&home);

		assert_int_equal(left, day < 30 ? day : 30);
		reboot(&home, 14 * HOUR - 10 * MINUTE, to_1970(&home, 14 * HOUR - 10 * MINUTE),
			false);
	}
	close_home(&home);
}

static void test_the_first_start_of_a_site_may_be_in_1970(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, -START, false);
	take_event(&home, 1);
	home.true_ms += 10 * MINUTE;
	set_clock(&home, 0, true);
	assert_int_equal(keep_house(&home), 1);
	home.true_ms = START + RETAIN;
	assert_int_equal(keep_house(&home), 1);
	home.true_ms += 1;
	assert_int_equal(keep_house(&home), 0);
	close_home(&home);
}

static void test_a_store_whose_time_was_not_kept_goes_on_behind_its_newest_event(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 0, true);
	take_event(&home, 1);
	(void)shed_ask(&home.shed, "DELETE FROM cursor RETURNING 1");
	reboot(&home, HOUR, to_1970(&home, HOUR), false);
	take_event(&home, 2);
	set_clock(&home, 0, true);
	home.true_ms = START + RETAIN;
	assert_int_equal(keep_house(&home), 2);
	home.true_ms += HOUR + MINUTE;
	assert_int_equal(keep_house(&home), 0);
	close_home(&home);
}

static void test_today_is_counted_by_the_clock_that_people_see(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, -START, false);
	home.true_ms += 10 * MINUTE;
	set_clock(&home, 0, true);
	take_event(&home, 1);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM tally"),
		shed_ask(&home.shed, "SELECT count(*) FROM tally WHERE day = 20775"));
	close_home(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_older_than_retain_is_purged),
		cmocka_unit_test(test_no_jump_purges_early_or_late),
		cmocka_unit_test(test_what_came_before_the_clock_was_right_is_kept_as_long),
		cmocka_unit_test(test_a_clock_ahead_at_boot_purges_nothing_early),
		cmocka_unit_test(test_days_that_all_begin_in_1970_are_purged_one_by_one),
		cmocka_unit_test(test_the_first_start_of_a_site_may_be_in_1970),
		cmocka_unit_test(
			test_a_store_whose_time_was_not_kept_goes_on_behind_its_newest_event),
		cmocka_unit_test(test_today_is_counted_by_the_clock_that_people_see),
	};

	return cmocka_run_group_tests_name("housekeeping", tests, NULL, NULL);
}
