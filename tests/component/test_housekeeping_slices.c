/*
 * Housekeeping goes in slices that leave the loop to others: a clock that stands until it is moved,
 * a real store and turn, and the timers set off by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "help_store.h"
#include "help_timers.h"
#include "keep/housekeeping.h"
#include "turn.h"

#define DAY_MS INT64_C(86400000)

struct home {
	struct shed shed;
	struct clock clock;
	int64_t mono_ms;
	struct event_base *base;
	struct metrics *metrics;
	struct turn *turn;
	struct housekeeping *housekeeping;
};

static int64_t read_wall_ms(void *ctx)
{
	return ((const struct home *)ctx)->mono_ms;
}

static int64_t read_mono_us(void *ctx)
{
	return ((const struct home *)ctx)->mono_ms * 1000;
}

/* One finished event, received in the first minute. */
static void open_home(struct home *home)
{
	*home = (struct home){ .mono_ms = 60000 };
	home->clock = (struct clock){
		.wall_ms = read_wall_ms,
		.mono_us = read_mono_us,
		.ctx = home,
	};
	shed_init(&home->shed, NULL);
	assert_int_equal(store_destination_id(home->shed.store, "erp"), 1);
	int64_t seq = shed_put(&home->shed, 1, 1, "");
	shed_claim(&home->shed, 1, seq);
	shed_settle(&home->shed, 1, seq, DELIVERY_DONE);
	shed_commit(&home->shed);
	home->base = event_base_new();
	home->metrics = metrics_new();
	home->turn = turn_new(home->base, home->shed.store, home->metrics, &home->clock);
	home->housekeeping = housekeeping_new(home->base, &home->clock);
	assert_non_null(home->housekeeping);
	housekeeping_attach(home->housekeeping, home->turn, home->shed.store);
	housekeeping_set_retain(home->housekeeping, DAY_MS);
}

static void close_home(struct home *home)
{
	housekeeping_free(home->housekeeping);
	turn_free(home->turn);
	metrics_free(home->metrics);
	event_base_free(home->base);
	shed_done(&home->shed);
}

/* A minute later; how many events are left. */
static int64_t keep_house(struct home *home)
{
	home->mono_ms += 60000;
	timers_set_off(home->base);
	assert_true(event_base_loop(home->base, EVLOOP_NONBLOCK) >= 0);
	turn_finish(home->turn);
	return shed_ask(&home->shed, "SELECT count(*) FROM event");
}

static int n_active(const struct home *home)
{
	return event_base_get_num_events(home->base, EVENT_BASE_COUNT_ACTIVE);
}

/* What is purged makes room for the next slice at once; what must stay is walked over in peace. */
static void test_a_backlog_older_than_retain_does_not_keep_the_loop_busy(void **state)
{
	struct home home;

	(void)state;
	open_home(&home);
	for (int n = 2; n < 1000; n++) {
		int64_t seq = shed_put(&home.shed, n, 1, "");
		if (n >= 500) {
			shed_claim(&home.shed, 1, seq);
			shed_settle(&home.shed, 1, seq, DELIVERY_DONE);
		}
	}
	shed_commit(&home.shed);
	home.mono_ms += 2 * DAY_MS;
	/* The first is purged, the 498 behind it wait for their destination. */
	assert_int_equal(keep_house(&home), 998);
	assert_int_equal(n_active(&home), 1);
	for (int slices = 0; slices < 8; slices++) {
		assert_int_equal(keep_house(&home), 998);
		assert_int_equal(n_active(&home), 0);
	}
	/* Then come those that may leave. */
	assert_true(keep_house(&home) < 998);
	assert_int_equal(n_active(&home), 1);
	close_home(&home);
}

static void test_counts_of_the_day_before_yesterday_are_told_apart_no_longer(void **state)
{
	struct home home;

	(void)state;
	open_home(&home);
	int64_t rows = shed_ask(&home.shed, "SELECT count(*) FROM tally");
	for (int day = 0; day < 10; day++) {
		home.mono_ms += DAY_MS;
		(void)shed_put(&home.shed, (int)(home.mono_ms / 1000), 1, "");
		shed_commit(&home.shed);
		(void)keep_house(&home);
	}
	assert_true(shed_ask(&home.shed, "SELECT count(*) FROM tally") <= 3 * rows);
	assert_int_equal(
		shed_ask(&home.shed, "SELECT sum(n) FROM tally WHERE outcome = 'stored'"), 11);
	close_home(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_backlog_older_than_retain_does_not_keep_the_loop_busy),
		cmocka_unit_test(test_counts_of_the_day_before_yesterday_are_told_apart_no_longer),
	};

	return cmocka_run_group_tests_name("housekeeping_slices", tests, NULL, NULL);
}
