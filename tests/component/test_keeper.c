/*
 * The keeper on a simulated clock, a real store and turn, and a disk that fails when it is told to:
 * when capture closes and opens, what is told to people, and how often it is tried again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "help_faulty_vfs.h"
#include "help_store.h"
#include "help_timers.h"
#include "keep/keeper.h"
#include "turn.h"

#define ERP 1
#define MIB (INT64_C(1) << 20)
#define TELLS 32

struct home {
	struct shed shed;
	struct clock clock;
	int64_t now_ms, set_off_ms;
	struct event_base *base;
	struct metrics *metrics;
	struct turn *turn;
	struct keeper *keeper;
	int next_event;
	bool is_open;
	unsigned n_gates;
	char why[256];
	char told[TELLS][64]; /* "store_full raised" */
	char words[TELLS][640];
	unsigned n_told;
};

static int64_t read_wall_ms(void *ctx)
{
	return ((const struct home *)ctx)->now_ms;
}

static int64_t read_mono_us(void *ctx)
{
	return ((const struct home *)ctx)->now_ms * 1000;
}

static void on_gate(void *ctx, bool is_open, const char *why)
{
	struct home *home = ctx;

	assert_int_equal(is_open, *why == '\0');
	home->is_open = is_open;
	home->n_gates++;
	(void)snprintf(home->why, sizeof(home->why), "%s", why);
}

static void on_alarm(void *ctx, const struct keeper_alarm *alarm)
{
	struct home *home = ctx;

	assert_true(home->n_told < TELLS);
	(void)snprintf(home->told[home->n_told], sizeof(home->told[0]), "%s %s", alarm->kind,
		alarm->is_cleared ? "cleared" : "raised");
	(void)snprintf(home->words[home->n_told++], sizeof(home->words[0]), "%s", alarm->message);
}

static void open_home(struct home *home, int64_t max_bytes, int64_t reserve_bytes)
{
	*home = (struct home){ .now_ms = 1000000, .is_open = true };
	home->clock = (struct clock){
		.wall_ms = read_wall_ms,
		.mono_us = read_mono_us,
		.ctx = home,
	};
	shed_init(&home->shed, FAULTY_VFS);
	assert_int_equal(store_destination_id(home->shed.store, "erp"), ERP);
	shed_commit(&home->shed);
	home->shed.body_bytes = 2000;
	home->base = event_base_new();
	home->metrics = metrics_new();
	home->turn = turn_new(home->base, home->shed.store, home->metrics, &home->clock);
	home->keeper = keeper_new(&(struct keeper_options){ .base = home->base,
		.turn = home->turn,
		.store = home->shed.store,
		.metrics = home->metrics,
		.clock = &home->clock,
		.on_gate = on_gate,
		.on_alarm = on_alarm,
		.ctx = home });
	assert_non_null(home->keeper);
	keeper_configure(home->keeper, max_bytes, reserve_bytes);
	turn_finish(home->turn);
}

static void close_home(struct home *home)
{
	faulty_vfs_disarm();
	keeper_free(home->keeper);
	turn_free(home->turn);
	metrics_free(home->metrics);
	event_base_free(home->base);
	shed_done(&home->shed);
}

/* Turns, evenly over a time; the keeper's timer goes off each second. */
static void pass(struct home *home, int64_t ms, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		home->now_ms += ms / turns;
		if (home->now_ms - home->set_off_ms >= 1000) {
			home->set_off_ms = home->now_ms;
			timers_set_off(home->base);
		}
		assert_true(event_base_loop(home->base, EVLOOP_NONBLOCK) >= 0);
		turn_finish(home->turn);
	}
}

/* A turn that takes `n` events as capture would, if it is open. */
static void take(struct home *home, int n)
{
	int64_t seq;

	for (int i = 0; i < n && home->is_open; i++) {
		if (shed_try_event(&home->shed, home->next_event + i, &seq) != STORE_STORED)
			break;
		(void)shed_put_delivery(&home->shed, ERP, seq, "");
	}
	home->next_event += n;
	home->now_ms += 100;
	turn_finish(home->turn);
	store_checkpoint_tail(home->shed.store); /* housekeeping's part */
}

static void deliver_all(struct home *home)
{
	int64_t last = shed_ask(&home->shed, "SELECT coalesce(max(seq), 0) FROM event");

	for (int64_t seq = 1; seq <= last; seq++) {
		if (shed_state(&home->shed, ERP, seq) != DELIVERY_READY)
			continue;
		shed_claim(&home->shed, ERP, seq);
		shed_settle(&home->shed, ERP, seq, DELIVERY_DONE);
		if (seq % 50 == 0)
			turn_finish(home->turn);
	}
	turn_finish(home->turn);
}

static bool has_reserve(const struct home *home)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s-reserve", home->shed.path);
	return access(path, F_OK) == 0;
}

static void assert_told(const struct home *home, unsigned n, const char *const wanted[])
{
	for (unsigned i = 0; i < home->n_told; i++)
		if (i >= n || strcmp(home->told[i], wanted[i]) != 0)
			fail_msg("told: %s", home->told[i]);
	assert_int_equal(home->n_told, n);
}
#define ASSERT_TOLD(home, ...)                                                      \
	assert_told(home, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
		(const char *const[]){ __VA_ARGS__ })

static void fill(struct home *home)
{
	for (int i = 0; i < 1000 && home->is_open; i++)
		take(home, 20);
	assert_false(home->is_open);
}

/* --- full ------------------------------------------------------------------------------------------ */

static void test_a_full_store_closes_capture_and_opens_it_when_it_has_drained(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 4 * MIB, MIB);
	fill(&home);
	ASSERT_TOLD(&home, "store_full raised");
	assert_non_null(strstr(home.why, "store.max_bytes"));
	assert_non_null(strstr(home.words[0], "capture is closed"));
	pass(&home, 60000, 60);
	ASSERT_TOLD(&home, "store_full raised");
	assert_int_equal(home.n_gates, 1);
	deliver_all(&home);
	pass(&home, 60000, 60);
	assert_true(home.is_open);
	ASSERT_TOLD(&home, "store_full raised", "store_tight raised", "store_full cleared");
	assert_true(keeper_report(home.keeper)->left_bytes > 0);
	assert_string_equal(keeper_report(home.keeper)->why, "");
	close_home(&home);
}

static void test_what_is_undelivered_is_never_given_up_however_long_it_is_full(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 4 * MIB, MIB);
	fill(&home);
	pass(&home, 24 * 3600000, 500);
	assert_false(home.is_open);
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM event WHERE body IS NULL"), 0);
	ASSERT_TOLD(&home, "store_full raised");
	close_home(&home);
}

static void test_delivered_events_make_room_before_capture_closes(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 4 * MIB, MIB);
	for (int i = 0; i < 400; i++) { /* three times what there is room for, with content */
		take(&home, 10);
		deliver_all(&home);
		pass(&home, 10, 2);
	}
	assert_true(home.is_open);
	assert_int_equal(home.n_gates, 0);
	ASSERT_TOLD(&home, "store_tight raised");
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM event"), 4000);
	assert_true(shed_ask(&home.shed, "SELECT max(seq) FROM event WHERE body IS NULL") <
		    shed_ask(&home.shed, "SELECT min(seq) FROM event WHERE body IS NOT NULL"));
	pass(&home, 7200000, 10);
	ASSERT_TOLD(&home, "store_tight raised", "store_tight cleared");
	close_home(&home);
}

static void test_more_room_by_configuration_opens_it(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 4 * MIB, MIB);
	fill(&home);
	keeper_configure(home.keeper, 64 * MIB, MIB);
	turn_finish(home.turn);
	assert_true(home.is_open);
	ASSERT_TOLD(&home, "store_full raised", "store_full cleared");
	close_home(&home);
}

/* --- a disk that refuses ------------------------------------------------------------------------------ */

static void test_a_single_error_closes_nothing_and_alarms_nobody(void **state)
{
	static const int codes[] = { SQLITE_IOERR_WRITE, SQLITE_FULL, SQLITE_READONLY };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct home home;

		open_home(&home, 1024 * MIB, MIB);
		faulty_vfs_arm(FAULTY_WRITE, 1, codes[i], false);
		take(&home, 1);
		assert_int_equal(faulty_vfs_failures(), 1);
		assert_false(store_is_refusing(home.shed.store)); /* probed at once */
		pass(&home, 10000, 10);
		assert_true(home.is_open);
		assert_int_equal(home.n_gates, 0);
		assert_int_equal(home.n_told, 0);
		assert_true(has_reserve(&home));
		close_home(&home);
	}
}

static void test_a_disk_that_refuses_is_probed_once_a_second_and_nobody_else_writes(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 1024 * MIB, MIB);
	take(&home, 20);
	deliver_all(&home);
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_IOERR_WRITE, true);
	take(&home, 1);
	assert_true(has_reserve(&home)); /* it is not space that is missing */
	pass(&home, 10, 1);
	assert_false(home.is_open);
	assert_true(store_is_refusing(home.shed.store));
	assert_non_null(strstr(home.why, "disk I/O error"));
	unsigned before = faulty_vfs_failures();
	pass(&home, 60000, 6000);
	unsigned tries = faulty_vfs_failures() - before; /* a probe and a checkpoint */
	assert_true(tries >= 55 && tries <= 122);
	ASSERT_TOLD(&home, "store_refuses raised");
	assert_int_equal(home.n_gates, 1);
	faulty_vfs_disarm();
	pass(&home, 2000, 4);
	assert_false(store_is_refusing(home.shed.store));
	assert_false(home.is_open); /* not yet: it may be a moment's mood */
	pass(&home, 5000, 5);
	assert_true(home.is_open);
	ASSERT_TOLD(&home, "store_refuses raised", "store_refuses cleared");
	assert_true(has_reserve(&home));
	assert_int_equal(shed_ask(&home.shed, "SELECT count(*) FROM event WHERE body IS NULL"), 0);
	close_home(&home);
}

static void test_a_full_disk_gets_the_reserve_and_gives_it_back(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 1024 * MIB, MIB);
	assert_true(has_reserve(&home));
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, true);
	take(&home, 1);
	assert_false(has_reserve(&home));
	pass(&home, 10000, 10);
	assert_false(home.is_open);
	assert_false(has_reserve(&home));
	assert_string_equal(home.why, "the store's disk is full");
	faulty_vfs_disarm();
	pass(&home, 10000, 10);
	assert_true(has_reserve(&home));
	assert_true(home.is_open);
	ASSERT_TOLD(&home, "store_full raised", "store_full cleared");
	close_home(&home);
}

static void test_a_probe_that_succeeds_where_larger_turns_fail_makes_no_storm(void **state)
{
	struct home home;

	(void)state;
	open_home(&home, 1024 * MIB, MIB);
	for (int i = 0; i < 600; i++) { /* a minute in which each turn with an event fails */
		faulty_vfs_arm(FAULTY_WRITE, 3, SQLITE_IOERR_WRITE, true);
		take(&home, 20);
		faulty_vfs_disarm();
		pass(&home, 100, 1);
	}
	assert_true(home.n_told <= 24); /* raised and cleared every 5 s at most */
	close_home(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_store_closes_capture_and_opens_it_when_it_has_drained),
		cmocka_unit_test(
			test_what_is_undelivered_is_never_given_up_however_long_it_is_full),
		cmocka_unit_test(test_delivered_events_make_room_before_capture_closes),
		cmocka_unit_test(test_more_room_by_configuration_opens_it),
		cmocka_unit_test(test_a_single_error_closes_nothing_and_alarms_nobody),
		cmocka_unit_test(
			test_a_disk_that_refuses_is_probed_once_a_second_and_nobody_else_writes),
		cmocka_unit_test(test_a_full_disk_gets_the_reserve_and_gives_it_back),
		cmocka_unit_test(test_a_probe_that_succeeds_where_larger_turns_fail_makes_no_storm),
	};

	assert_int_equal(faulty_vfs_register(), 0);
	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
