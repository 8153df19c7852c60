/*
 * A machine in a table: it runs, is off, its clock is wrong and made right, and whatever it stamps is
 * held against what has truly passed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dray/timeline.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define START INT64_C(1795000000000)
#define TO_1970(machine) (-(machine)->true_ms)

struct machine {
	struct timeline timeline;
	int64_t true_ms, boot_at_ms;
	int64_t wrong_ms; /* its wall clock, against true time */
	bool is_vouched;
	unsigned n_boots;
};

static struct timeline_reading read_clocks(const struct machine *machine)
{
	return (struct timeline_reading){
		.boot_ms = machine->true_ms - machine->boot_at_ms,
		.wall_ms = machine->true_ms + machine->wrong_ms,
		.is_vouched = machine->is_vouched,
	};
}

static void start_agent(struct machine *machine)
{
	struct timeline_reading now = read_clocks(machine);
	char id[TIMELINE_ID_MAX];

	(void)snprintf(id, sizeof(id), "boot-%u", machine->n_boots);
	timeline_begin(&machine->timeline, id, &now, 0);
}

static int64_t stamp(const struct machine *machine)
{
	return timeline_steady(&machine->timeline, machine->true_ms - machine->boot_at_ms);
}

static void look(struct machine *machine)
{
	struct timeline_reading now = read_clocks(machine);

	(void)timeline_look(&machine->timeline, &now);
	machine->timeline.noted_ms = stamp(machine);
}

static void run(struct machine *machine, int64_t ms)
{
	look(machine);
	machine->true_ms += ms;
	look(machine);
}

static void set_clock(struct machine *machine, int64_t wrong_ms, bool is_vouched)
{
	machine->wrong_ms = wrong_ms;
	machine->is_vouched = is_vouched;
	look(machine);
}

static void switch_on(struct machine *machine, int64_t wrong_ms, bool is_vouched)
{
	machine->boot_at_ms = machine->true_ms;
	machine->n_boots++;
	machine->wrong_ms = wrong_ms;
	machine->is_vouched = is_vouched;
	start_agent(machine);
	look(machine);
}

static void reboot(struct machine *machine, int64_t off_ms, int64_t wrong_ms, bool is_vouched)
{
	machine->true_ms += off_ms;
	switch_on(machine, wrong_ms, is_vouched);
}

static struct machine new_machine(int64_t wrong_ms, bool is_vouched)
{
	struct machine machine = { .true_ms = START };

	switch_on(&machine, wrong_ms, is_vouched);
	return machine;
}

/* kill -9, and again. */
static void restart_agent(struct machine *machine)
{
	struct buf text = BUF_INIT;

	timeline_print(&machine->timeline, &text);
	assert_true(timeline_parse(text.data, &machine->timeline));
	buf_done(&text);
	start_agent(machine);
	look(machine);
}

static int64_t least(const struct machine *machine, int64_t at_ms)
{
	return timeline_least(&machine->timeline, at_ms, stamp(machine));
}

static int64_t most(const struct machine *machine, int64_t at_ms)
{
	return timeline_most(&machine->timeline, at_ms, stamp(machine));
}

static int64_t shown(const struct machine *machine, int64_t at_ms)
{
	return timeline_age(&machine->timeline, at_ms, stamp(machine));
}

static void assert_age(const struct machine *machine, int64_t at_ms, int64_t ms)
{
	assert_int_equal(least(machine, at_ms), ms);
	assert_int_equal(most(machine, at_ms), ms);
	assert_int_equal(shown(machine, at_ms), ms);
}

/* --- within a boot -------------------------------------------------------------------------------- */

static void test_while_the_clock_is_right_steady_time_is_the_wall_clock(void **state)
{
	struct machine machine = new_machine(0, true);

	(void)state;
	for (int day = 0; day < 400; day++) {
		assert_int_equal(stamp(&machine), machine.true_ms);
		assert_int_equal(
			timeline_wall(&machine.timeline, stamp(&machine)), machine.true_ms);
		run(&machine, 10 * HOUR);
		reboot(&machine, 14 * HOUR, 0, day % 2);
		set_clock(&machine, 0, true);
	}
	assert_in_range(machine.timeline.n, 1, 2);
	assert_age(&machine, START, 400 * DAY);
}

static void test_no_jump_within_a_boot_changes_an_age(void **state)
{
	static const int64_t jumps[] = { DAY, -DAY, HOUR, -HOUR, 56 * YEAR, -56 * YEAR };

	(void)state;
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
		for (int bits = 0; bits < 8; bits++) {
			struct machine machine = new_machine(0, bits & 1);
			int64_t at_ms = stamp(&machine);

			run(&machine, 5 * MINUTE);
			set_clock(&machine, jumps[i], bits & 2);
			run(&machine, 5 * MINUTE);
			assert_age(&machine, at_ms, 10 * MINUTE);
			restart_agent(&machine);
			set_clock(&machine, 0, bits & 4);
			run(&machine, 5 * MINUTE);
			assert_age(&machine, at_ms, 15 * MINUTE);
		}
}

static void test_people_are_shown_the_wall_clock_as_far_as_it_is_believed(void **state)
{
	static const struct {
		bool was_vouched;
		int64_t jump_ms;
		bool is_vouched;
		int64_t shown_ms; /* against true time */
		bool is_doubted;
	} rows[] = {
		{ true, 10 * MINUTE, true, 10 * MINUTE, false },
		{ true, DAY, true, DAY, false },
		{ true, -DAY, true, -DAY, false },
		{ true, DAY, false, 0, true },
		{ true, -DAY, false, 0, true },
		{ true, 0, false, 0, false },
		{ false, 10 * MINUTE, false, 10 * MINUTE, false },
		{ false, -10 * MINUTE, false, -10 * MINUTE, false },
		{ false, HOUR - 1, false, HOUR - 1, false },
		{ false, HOUR, false, HOUR, true }, /* nobody knows better */
		{ false, -HOUR, false, 0, true },   /* but for this */
		{ false, DAY, true, DAY, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct machine machine = new_machine(0, rows[i].was_vouched);

		run(&machine, HOUR);
		set_clock(&machine, rows[i].jump_ms, rows[i].is_vouched);
		run(&machine, MINUTE);
		assert_int_equal(timeline_wall(&machine.timeline, stamp(&machine)),
			machine.true_ms + rows[i].shown_ms);
		assert_int_equal(
			machine.timeline.doubted_at_ms, rows[i].is_doubted ? START + HOUR : 0);
		set_clock(&machine, 0, rows[i].was_vouched || rows[i].is_vouched);
		assert_int_equal(machine.timeline.doubted_at_ms, 0);
		assert_int_equal(
			timeline_wall(&machine.timeline, stamp(&machine)), machine.true_ms);
	}
}

/* --- over a boot ---------------------------------------------------------------------------------- */

static void test_1970_at_boot_and_right_ten_minutes_later(void **state)
{
	struct machine machine = new_machine(0, true);
	int64_t before_ms = stamp(&machine), during_ms;

	(void)state;
	run(&machine, HOUR);
	reboot(&machine, 13 * HOUR, TO_1970(&machine) - 13 * HOUR, false);
	during_ms = stamp(&machine);
	assert_true(during_ms > before_ms);
	run(&machine, 10 * MINUTE);
	assert_in_range(least(&machine, before_ms), HOUR, HOUR + 10 * MINUTE);
	assert_int_equal(most(&machine, before_ms), TIMELINE_UNKNOWN);
	assert_true(timeline_may_learn(&machine.timeline, before_ms, stamp(&machine)));
	assert_in_range(shown(&machine, before_ms), HOUR, 2 * HOUR);
	assert_age(&machine, during_ms, 10 * MINUTE);
	set_clock(&machine, 0, true);
	assert_age(&machine, before_ms, 14 * HOUR + 10 * MINUTE);
	assert_age(&machine, during_ms, 10 * MINUTE);
	assert_int_equal(
		timeline_wall(&machine.timeline, during_ms), machine.true_ms - 10 * MINUTE);
	assert_int_equal(
		timeline_stamp(&machine.timeline, machine.true_ms - 10 * MINUTE), during_ms);
}

static void test_the_first_boot_ever_may_begin_in_1970(void **state)
{
	struct machine machine = new_machine(-START, false);
	int64_t at_ms = stamp(&machine);

	(void)state;
	assert_int_equal(at_ms, 0);
	run(&machine, 10 * MINUTE);
	set_clock(&machine, 0, true);
	assert_age(&machine, at_ms, 10 * MINUTE);
	assert_int_equal(timeline_wall(&machine.timeline, at_ms), START);
}

/* A day forward or back at boot, a clock that stood still meanwhile (fake-hwclock), garbage. */
static void test_a_wrong_clock_at_boot_counts_for_nothing_until_it_is_right(void **state)
{
	static const int64_t wrongs[] = { DAY, -DAY, -13 * HOUR, HOUR, 12 * YEAR, -56 * YEAR };

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct machine machine = new_machine(0, true);
		int64_t before_ms = stamp(&machine), during_ms;

		run(&machine, HOUR);
		reboot(&machine, 13 * HOUR, wrongs[i], false);
		during_ms = stamp(&machine);
		run(&machine, 10 * MINUTE);
		assert_in_range(least(&machine, before_ms), HOUR, HOUR + 10 * MINUTE);
		assert_int_equal(most(&machine, before_ms), TIMELINE_UNKNOWN);
		assert_age(&machine, during_ms, 10 * MINUTE);
		restart_agent(&machine);
		set_clock(&machine, 0, true);
		assert_age(&machine, before_ms, 14 * HOUR + 10 * MINUTE);
		assert_age(&machine, during_ms, 10 * MINUTE);
	}
}

static void test_days_that_all_begin_in_1970_are_told_apart(void **state)
{
	struct machine machine = new_machine(0, true);
	int64_t stamps[40];

	(void)state;
	for (int day = 0; day < 40; day++) {
		stamps[day] = stamp(&machine);
		run(&machine, 10 * MINUTE);
		set_clock(&machine, 0, true);
		run(&machine, 10 * HOUR - 10 * MINUTE);
		reboot(&machine, 14 * HOUR, TO_1970(&machine) - 14 * HOUR, false);
		for (int k = 0; k < day; k++)
			assert_true(stamps[k] < stamps[k + 1]);
	}
	set_clock(&machine, 0, true);
	for (int day = 0; day < 40; day++)
		assert_age(&machine, stamps[day], (40 - day) * DAY);
}

static void test_a_boot_that_ended_before_its_clock_was_right(void **state)
{
	struct machine machine = new_machine(0, true);
	int64_t before_ms = stamp(&machine), during_ms;

	(void)state;
	reboot(&machine, HOUR, TO_1970(&machine) - HOUR, false);
	during_ms = stamp(&machine);
	run(&machine, 5 * MINUTE);
	reboot(&machine, HOUR, 0, false);
	assert_true(timeline_may_learn(&machine.timeline, before_ms, stamp(&machine)));
	assert_false(timeline_may_learn(&machine.timeline, during_ms, stamp(&machine)));
	set_clock(&machine, 0, true);
	/* What was vouched for on both sides is known; how old the boot in between is, nobody knows. */
	assert_age(&machine, before_ms, 2 * HOUR + 5 * MINUTE);
	assert_int_equal(least(&machine, during_ms), 5 * MINUTE);
	assert_int_equal(most(&machine, during_ms), TIMELINE_UNKNOWN);
	assert_false(timeline_may_learn(&machine.timeline, during_ms, stamp(&machine)));
}

static void test_what_may_be_learned_is_waited_for_a_day(void **state)
{
	struct machine machine = new_machine(0, true);
	int64_t at_ms = stamp(&machine);

	(void)state;
	reboot(&machine, HOUR, 0, false);
	run(&machine, DAY - 1);
	assert_true(timeline_may_learn(&machine.timeline, at_ms, stamp(&machine)));
	run(&machine, 1);
	assert_false(timeline_may_learn(&machine.timeline, at_ms, stamp(&machine)));
	assert_int_equal(most(&machine, at_ms), TIMELINE_UNKNOWN);
}

static void test_where_nobody_ever_vouches_the_machines_own_clock_is_believed(void **state)
{
	struct machine machine = new_machine(0, false);
	int64_t at_ms = stamp(&machine);

	(void)state;
	for (int day = 0; day < 100; day++) {
		run(&machine, 10 * HOUR);
		reboot(&machine, 14 * HOUR, 0, false);
	}
	assert_age(&machine, at_ms, 100 * DAY);
	/* But not one that is behind, or was set while it ran. */
	reboot(&machine, HOUR, -2 * HOUR, false);
	assert_int_equal(most(&machine, at_ms), TIMELINE_UNKNOWN);
	assert_in_range(least(&machine, at_ms), 100 * DAY, 100 * DAY + HOUR);
	assert_true(machine.timeline.doubted_at_ms > 0);
}

static void test_a_store_from_before_goes_on(void **state)
{
	struct machine machine = { .true_ms = START };
	struct timeline_reading now = read_clocks(&machine);

	(void)state;
	timeline_begin(&machine.timeline, "boot-1", &now, START - DAY);
	assert_int_equal(stamp(&machine), START);
	assert_age(&machine, START - 2 * DAY, 2 * DAY);
	machine = (struct machine){ .true_ms = START, .wrong_ms = -START };
	now = read_clocks(&machine);
	timeline_begin(&machine.timeline, "boot-1", &now, START - DAY);
	assert_true(stamp(&machine) > START - DAY);
	assert_true(least(&machine, START - DAY) <= DAY);
}

/* --- before a stamp ------------------------------------------------------------------------------- */

static void test_stamps_before_are_as_old_as_was_asked_and_no_other(void **state)
{
	struct machine machine = new_machine(0, true);

	(void)state;
	for (int day = 0; day < 20; day++) {
		run(&machine, 10 * HOUR);
		reboot(&machine, 14 * HOUR, day % 3 ? 0 : TO_1970(&machine) - 14 * HOUR, false);
		if (day % 5 != 4)
			set_clock(&machine, 0, true);
	}
	for (int64_t age_ms = MINUTE; age_ms < 20 * DAY; age_ms += 17 * MINUTE) {
		int64_t before_ms = timeline_before(&machine.timeline, age_ms, stamp(&machine));

		assert_true(least(&machine, before_ms - 1) >= age_ms);
		assert_true(least(&machine, before_ms) <= age_ms);
	}
	assert_true(timeline_before(&machine.timeline, 30 * DAY, stamp(&machine)) < START);
}

/* --- keeping -------------------------------------------------------------------------------------- */

static void test_a_kept_timeline_is_read_back(void **state)
{
	struct machine machine = new_machine(0, true);
	struct timeline back;
	struct buf text = BUF_INIT;

	(void)state;
	for (int i = 0; i < 5; i++)
		reboot(&machine, HOUR, TO_1970(&machine), i % 2);
	timeline_print(&machine.timeline, &text);
	assert_true(timeline_parse(text.data, &back));
	assert_memory_equal(&back, &machine.timeline, offsetof(struct timeline, boots));
	assert_memory_equal(back.boots, machine.timeline.boots, back.n * sizeof(back.boots[0]));
	buf_done(&text);
}

static void test_what_is_no_timeline_is_refused(void **state)
{
	static const char *const texts[] = { "", "x", "dray-timeline-1", "dray-timeline-1 ",
		"dray-timeline-1 id 1 2 3 4", "dray-timeline-1 id 1 2 3\n1 2 3 1",
		"dray-timeline-1 id 1 2 3 4\n1 2 3", "dray-timeline-1 id 1 2 3 4\n1 2 3 3",
		"dray-timeline-1 id 1 2 3 4\n1 2 3 -1", "dray-timeline-1 id 1 2 3 4\n1 2 3 1x",
		"dray-timeline-2 id 1 2 3 4\n1 2 3 1",
		"dray-timeline-1 0123456789012345678901234567890123456789 1 2 3 4\n1 2 3 1" };
	struct timeline timeline;
	struct buf many = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(timeline_parse(texts[i], &timeline));
		assert_int_equal(timeline.n, 0);
	}
	assert_true(timeline_parse("dray-timeline-1 id 1 2 3 4\n1 2 3 1", &timeline));
	buf_puts(&many, "dray-timeline-1 id 1 2 3 4");
	for (int i = 0; i <= TIMELINE_BOOTS; i++)
		buf_puts(&many, "\n1 2 3 1");
	assert_false(timeline_parse(many.data, &timeline));
	buf_done(&many);
}

/* --- anything ------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static int64_t random_wrong(uint64_t *seed)
{
	static const int64_t wrongs[] = { 0, 0, 0, DAY, -DAY, 3 * HOUR, -13 * HOUR, 12 * YEAR,
		-20 * YEAR, 30 * 1000, -30 * 1000 };

	return wrongs[next_random(seed) % (sizeof(wrongs) / sizeof(wrongs[0]))];
}

/* A clock that is vouched for is right; one that isn't may be anything. */
static void shake(struct machine *machine, uint64_t *seed)
{
	switch (next_random(seed) % 8) {
	case 0:
	case 1:
	case 2:
		run(machine, (int64_t)(next_random(seed) % (uint64_t)(3 * HOUR)));
		break;
	case 3:
		set_clock(machine, random_wrong(seed), false);
		break;
	case 4:
	case 5:
		set_clock(machine, 0, true);
		break;
	case 6:
		restart_agent(machine);
		break;
	default:
		/* What ran behind the last note. */
		machine->true_ms += (int64_t)(next_random(seed) % (uint64_t)MINUTE);
		reboot(machine, (int64_t)(next_random(seed) % (uint64_t)(20 * HOUR)),
			random_wrong(seed), false);
	}
}

#define STAMPS 300

static void check(
	const struct machine *machine, const int64_t *at_ms, const int64_t *true_ms, int n)
{
	/* Boots whose clocks agree within a minute are taken for one. */
	const int64_t inexact_ms = MINUTE;
	int64_t before_ms = timeline_before(&machine->timeline, 5 * DAY, stamp(machine));

	for (int i = 0; i < n; i++) {
		int64_t age_ms = machine->true_ms - true_ms[i];

		assert_true(least(machine, at_ms[i]) <= age_ms + inexact_ms);
		assert_true(most(machine, at_ms[i]) >= age_ms - inexact_ms);
		if (at_ms[i] < before_ms)
			assert_true(age_ms >= 5 * DAY - inexact_ms);
		if (i > 0)
			assert_true(at_ms[i] >= at_ms[i - 1]);
	}
}

static void test_whatever_happens_ages_lie_between_least_and_most(void **state)
{
	(void)state;
	for (uint64_t round = 1; round <= 300; round++) {
		uint64_t seed = round * 0x9e3779b97f4a7c15u;
		struct machine machine = new_machine(0, true);
		int64_t at_ms[STAMPS], true_ms[STAMPS];

		for (int i = 0; i < STAMPS; i++) {
			at_ms[i] = stamp(&machine);
			true_ms[i] = machine.true_ms;
			shake(&machine, &seed);
			if (i % 10 == 9)
				check(&machine, at_ms, true_ms, i + 1);
		}
		/* In the end the clock is right: what was vouched for is known to the minute. */
		set_clock(&machine, 0, true);
		assert_in_range(timeline_wall(&machine.timeline, stamp(&machine)),
			machine.true_ms - 1000, machine.true_ms + 1000);
	}
}

/* More boots than can be kept: what is old looks younger, never older, and still grows old. */
static void test_more_boots_than_can_be_kept(void **state)
{
	struct machine machine = new_machine(0, true);
	int64_t at_ms = stamp(&machine);

	(void)state;
	for (int day = 0; day < 3 * TIMELINE_BOOTS; day++) {
		run(&machine, 10 * HOUR);
		reboot(&machine, 14 * HOUR, day % 2 ? 12 * YEAR : TO_1970(&machine) - 14 * HOUR,
			false);
		set_clock(&machine, 0, true);
		assert_true(least(&machine, at_ms) <= machine.true_ms - START);
		assert_true(least(&machine, at_ms) >= (day + 1) * 10 * HOUR);
		assert_true(most(&machine, at_ms) >= machine.true_ms - START);
	}
	assert_int_equal(machine.timeline.n, TIMELINE_BOOTS);
	assert_true(least(&machine, at_ms) >= (TIMELINE_BOOTS - 2) * DAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_while_the_clock_is_right_steady_time_is_the_wall_clock),
		cmocka_unit_test(test_no_jump_within_a_boot_changes_an_age),
		cmocka_unit_test(test_people_are_shown_the_wall_clock_as_far_as_it_is_believed),
		cmocka_unit_test(test_1970_at_boot_and_right_ten_minutes_later),
		cmocka_unit_test(test_the_first_boot_ever_may_begin_in_1970),
		cmocka_unit_test(test_a_wrong_clock_at_boot_counts_for_nothing_until_it_is_right),
		cmocka_unit_test(test_days_that_all_begin_in_1970_are_told_apart),
		cmocka_unit_test(test_a_boot_that_ended_before_its_clock_was_right),
		cmocka_unit_test(test_what_may_be_learned_is_waited_for_a_day),
		cmocka_unit_test(test_where_nobody_ever_vouches_the_machines_own_clock_is_believed),
		cmocka_unit_test(test_a_store_from_before_goes_on),
		cmocka_unit_test(test_stamps_before_are_as_old_as_was_asked_and_no_other),
		cmocka_unit_test(test_a_kept_timeline_is_read_back),
		cmocka_unit_test(test_what_is_no_timeline_is_refused),
		cmocka_unit_test(test_whatever_happens_ages_lie_between_least_and_most),
		cmocka_unit_test(test_more_boots_than_can_be_kept),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
