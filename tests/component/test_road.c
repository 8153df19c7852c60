/* The road on fake rooms: what is in force, and what the file says. */
#include "play_road.h"

#include "dray/desired.h"
#include "fleet/revision_file.h"

/* --- kept, or not ------------------------------------------------------------------------------------------ */

static void test_the_first_files_are_good_at_once(void **state)
{
	struct home *home = *state;

	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	assert_int_equal(home_last(home)->result, REVISION_CONFIRMED);
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(fleet_revisions(home->fleet)->n_history, 1);
}

static void test_the_file_says_trial_before_it_is_in_force(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
	assert_int_equal(home->number, 1);
	assert_int_equal(home->applied, NEW);
	assert_true(home->was_staged);
	assert_true(fleet_probation_left_ms(home->fleet) > 0);
}

static void test_one_that_proves_good_is_kept(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	home_end_probation(home, true);
	assert_int_equal(home_last(home)->result, REVISION_CONFIRMED);
	assert_int_equal(fleet_probation_left_ms(home->fleet), 0);
	home_start_again(home);
	assert_int_equal(home->applied, NEW);
}

static void test_one_that_does_not_is_rolled_back_and_never_tried_again(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	home_end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(home_last(home)->result, REVISION_ROLLED_BACK);
	assert_non_null(strstr(home->alarm, "revision 1 rolled back: the broker"));
	home->broker_is_up = true;
	home_apply_offer(home, 1, CHANGED);
	assert_false(home->is_taken);
	assert_non_null(strstr(home->words, "rolled_back"));
	assert_int_equal(home->applied, GOOD);
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
}

static void test_one_that_comes_in_probation_takes_its_place(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	home_apply_offer(home, 2, CHANGED);
	assert_int_equal(home->applied, CHANGED);
	home_end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(fleet_revisions(home->fleet)->n_history, 5); /* with the superseded */
}

static void test_the_same_again_is_in_force_already(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	home_end_probation(home, true);
	home_apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
	assert_int_equal(home_last(home)->result, REVISION_CONFIRMED);
	home_apply_offer(home, 1, CHANGED);
	assert_false(home->is_taken);
	assert_int_equal(home->applied, NEW);
}

static void test_what_cannot_be_loaded_is_refused_and_its_number_is_not_used_up(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, UNLOADABLE);
	assert_false(home->is_taken);
	assert_int_equal(home_last(home)->result, REVISION_REFUSED);
	assert_int_equal(home->applied, GOOD);
	home_apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
}

static void test_what_cannot_be_applied_is_rolled_back_at_once(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, UNBEARABLE);
	assert_false(home->is_taken);
	assert_int_equal(home_last(home)->result, REVISION_ROLLED_BACK);
	assert_int_equal(home->applied, GOOD);
	assert_false(home_says_trial(home));
}

static void test_only_the_newest_that_stands_in_the_topic_is_looked_at(void **state)
{
	static const char older[] = "{\"site\":\"s-1\",\"revision\":1,\"config\":{}}";
	static const char newer[] = "{\"site\":\"s-1\",\"revision\":2,\"config\":{\"destinations\":"
				    "{\"erp\":{\"concurrency\":2}}}}";
	struct home *home = *state;

	home_offer(home, 3, UNLOADABLE); /* it is looked at meanwhile */
	(void)event_base_loop(home->base, EVLOOP_NONBLOCK);
	fleet_offer(
		home->fleet, REVISION_TOPIC, "topic", older, sizeof(older) - 1, home_on_told, home);
	fleet_offer(
		home->fleet, REVISION_TOPIC, "topic", newer, sizeof(newer) - 1, home_on_told, home);
	home_settle(home);
	assert_int_equal(home->n_told, 3);
	assert_int_equal(home->applied, NEW);
	assert_int_equal(fleet_revisions(home->fleet)->highest, 2);
}

/* --- files --------------------------------------------------------------------------------------------------- */

static void test_changed_files_are_tried_below_what_comes_from_afar(void **state)
{
	struct home *home = *state;

	home_change_files(home, CHANGED);
	home_reload(home);
	assert_int_equal(home->applied, CHANGED);
	home_end_probation(home, true);
	home_apply_offer(home, 1, NEW);
	home_end_probation(home, true);
	home_change_files(home, GOOD);
	home_reload(home);
	assert_int_equal(home->applied, NEW);
	assert_non_null(fleet_revisions(home->fleet)->trial);
}

static void test_files_that_were_rolled_back_are_ignored_until_they_change(void **state)
{
	struct home *home = *state;

	home_change_files(home, NEW);
	home_reload(home);
	home_end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	home_reload(home);
	assert_int_equal(home->applied, GOOD);
	assert_non_null(strstr(home->alarm, "ignored until they change"));
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_non_null(strstr(home->alarm, "ignored until they change"));
	home_change_files(home, CHANGED);
	home_reload(home);
	assert_int_equal(home->applied, CHANGED);
}

/* Back to GOOD by hand, from files that were kept; they lie there still. */
static void go_back_from_kept_files(struct home *home)
{
	home_change_files(home, NEW);
	home_reload(home);
	home_end_probation(home, true);
	fleet_roll_back(home->fleet, "uid:0", home_on_told, home);
	home_settle(home);
	assert_true(home->is_taken);
	assert_int_equal(home->applied, GOOD);
}

static void test_files_that_a_hand_went_back_from_are_ignored_until_they_change(void **state)
{
	struct home *home = *state;

	go_back_from_kept_files(home);
	for (int confirmed = 0; confirmed < 2; confirmed++) {
		home_reload(home);
		assert_int_equal(home->applied, GOOD);
		home_start_again(home);
		assert_int_equal(home->applied, GOOD);
		assert_non_null(strstr(home->alarm, "ignored until they change"));
		if (!confirmed)
			home_end_probation(home, true);
	}
	home_change_files(home, CHANGED);
	home_reload(home);
	assert_int_equal(home->applied, CHANGED);
}

static void test_a_step_back_by_hand_that_fails_is_taken_back_itself(void **state)
{
	struct home *home = *state;

	go_back_from_kept_files(home);
	home_end_probation(home, false);
	assert_int_equal(home->applied, NEW);
	home_reload(home);
	home_start_again(home);
	assert_int_equal(home->applied, NEW);
	assert_null(fleet_revisions(home->fleet)->trial);
}

static void test_what_comes_from_afar_after_a_step_back_does_not_bring_its_files_back(void **state)
{
	struct home *home = *state;

	go_back_from_kept_files(home);
	home_apply_offer(home, 1, CHANGED);
	home_end_probation(home, true);
	home_reload(home);
	assert_int_equal(home->applied, CHANGED);
	assert_null(fleet_revisions(home->fleet)->trial);
}

static void test_files_changed_while_drayd_was_down_are_tried_at_its_start(void **state)
{
	struct home *home = *state;

	home_change_files(home, NEW);
	home_start_again(home);
	assert_int_equal(home->applied, NEW);
	assert_true(home->was_staged);
	home_end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
}

static void test_files_that_cannot_be_taken_leave_the_good_ones_in_force_at_a_start(void **state)
{
	static const int bad[] = { UNLOADABLE, UNBEARABLE };
	struct home *home = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		home_change_files(home, bad[i]);
		home_start_again(home);
		assert_int_equal(home->applied, GOOD);
		assert_true(home->n_alarms > 0);
		assert_false(home_says_trial(home));
	}
	cJSON_Delete(home->files);
	home->files = NULL;
	assert_int_equal(setenv("STATE_DIRECTORY", home->dir, 1), 0);
	home_start_again(home);
	assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
	assert_int_equal(home->applied, GOOD);
}

static void test_good_files_again_end_the_trial_of_others(void **state)
{
	struct home *home = *state;

	home_change_files(home, NEW);
	home_reload(home);
	home_change_files(home, GOOD);
	home_reload(home);
	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	home_change_files(home, NEW);
	home_reload(home);
	home_change_files(home, GOOD);
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_false(home_says_trial(home));
}

static void test_without_a_fleet_section_files_are_taken_at_once(void **state)
{
	struct home *home = *state;

	home_change_files(home, NEW);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	home_reload(home);
	assert_non_null(fleet_revisions(home->fleet)->trial);
	home->now_ms += DEFAULT_PROBATION_MS;
	home_end_probation(home, true);
	assert_null(fleet_revisions(home->fleet)); /* that was the road's end */
	home_change_files(home, CHANGED);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	home_reload(home);
	assert_int_equal(home->applied, CHANGED);
	assert_null(fleet_revisions(home->fleet));
	home_apply_offer(home, 1, NEW);
	assert_false(home->is_taken);
	home_change_files(home, CHANGED);
	home_reload(home);
	assert_non_null(fleet_revisions(home->fleet));
	assert_null(fleet_revisions(home->fleet)->trial);
}

/* Files without a fleet section are taken while what the trial before them did is being mended. */
static void end_road_while_mending(struct home *home)
{
	(void)shed_put_event(&home->shed, 1); /* the good routes had it already */
	home_apply_offer(home, 1, NEW);
	(void)shed_put_event(&home->shed, 2);
	home->broker_is_up = false;
	home->now_ms += PROBATION_MS;
	watch_tick(home->fleet);
	home->broker_is_up = true;
	home_change_files(home, CHANGED);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	home_reload(home);
	assert_non_null(fleet_revisions(home->fleet)->trial);
	assert_true(fleet_revisions(home->fleet)->mend_mark.at_ms > 0);
	home->now_ms += DEFAULT_PROBATION_MS;
	home_end_probation(home, true);
}

static void test_the_road_ends_when_what_a_trial_did_is_mended(void **state)
{
	struct home *home = *state;

	end_road_while_mending(home);
	assert_int_equal(home->applied, CHANGED);
	assert_int_equal(home->n_routed_again, 1);
	assert_int_equal(home->routed_again, 2);
	assert_null(fleet_revisions(home->fleet));
}

/* --- starts -------------------------------------------------------------------------------------------------- */

static void test_a_trial_goes_on_after_a_start_and_has_three_of_them(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	for (unsigned i = 1; i <= REVISIONS_STARTS_MAX; i++) {
		home_start_again(home);
		assert_int_equal(home->applied, NEW);
		assert_int_equal(fleet_revisions(home->fleet)->trial_starts, i);
		assert_int_equal(fleet_probation_left_ms(home->fleet), PROBATION_MS);
	}
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(home_last(home)->result, REVISION_ROLLED_BACK);
}

static void test_a_start_that_cannot_be_counted_is_the_good_one_s(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	disk.is_full = true;
	home_start_again(home);
	assert_int_equal(home->applied, GOOD);
	disk.is_full = false;
	watch_tick(home->fleet);
}

static void test_a_road_that_is_ending_mends_after_a_start_as_well(void **state)
{
	struct home *home = *state;
	struct revisions *revisions;

	home_change_files(home, CHANGED);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	home_reload(home);
	revisions = (struct revisions *)(uintptr_t)fleet_revisions(home->fleet);
	revisions->mend_mark = revisions->trial_mark;
	revisions_confirm(revisions, home->now_ms);
	tell_file_later(home->fleet); /* and here the power is cut */
	home_start_again(home);
	assert_int_equal(home->applied, CHANGED);
	assert_non_null(fleet_revisions(home->fleet));
	home_settle(home);
	assert_null(fleet_revisions(home->fleet));
	home_start_again(home);
	assert_null(fleet_revisions(home->fleet));
}

/* --- a disk that takes nothing ---------------------------------------------------------------------------------- */

static void test_a_trial_that_cannot_be_written_is_refused(void **state)
{
	struct home *home = *state;

	disk.is_full = true;
	home_apply_offer(home, 1, NEW);
	assert_false(home->is_taken);
	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	disk.is_full = false;
	home_apply_offer(home, 2, NEW);
	assert_true(home->is_taken);
}

static void test_what_the_next_start_would_not_read_is_not_written(void **state)
{
	struct home *home = *state;
	struct buf text = BUF_INIT;
	struct error err;
	char *room = buf_reserve(&text, (16 << 20) + 1);

	assert_non_null(room);
	memset(room, ' ', (16 << 20) + 1);
	text.len = (16 << 20) + 1;
	assert_int_equal(revision_file_write(home->dir, &text, &err), -1);
	assert_non_null(strstr(err.message, "16 MiB"));
	buf_done(&text);
	home_start_again(home);
	assert_int_equal(fleet_revisions(home->fleet)->n_history, 1);
}

static void test_a_step_back_needs_no_disk(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, 1, NEW);
	disk.is_full = true;
	home_end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_true(home_says_trial(home));
	home->broker_is_up = true;
	home_apply_offer(home, 2, CHANGED);
	assert_false(home->is_taken);
	disk.is_full = false;
	tell_file_later(home->fleet);
	assert_false(home_says_trial(home));
}

/* Whoever may write to the topic can send as many as he likes: the disk isn't synced for each. */
static void test_a_flood_of_refusals_is_written_at_leisure(void **state)
{
	struct home *home = *state;

	disk.at = 1000;
	for (int i = 1; i <= 20; i++)
		home_apply_offer(home, i, UNLOADABLE);
	assert_int_equal(disk.n, 0);
	while (disk.n == 0)
		assert_int_equal(event_base_loop(home->base, EVLOOP_ONCE), 0);
	assert_in_range(disk.n, 1, 8); /* once, for all of them */
	disk.at = 0;
	home_start_again(home);
	assert_int_equal(home_last(home)->number, 20);
}

/* A slip of the pen: nothing comes above it. The way out is the site's own files. */
static void test_the_highest_number_there_is_ends_with_the_section(void **state)
{
	struct home *home = *state;

	home_apply_offer(home, DESIRED_REVISION_MAX, NEW);
	home_end_probation(home, true);
	home_apply_offer(home, DESIRED_REVISION_MAX - 1, CHANGED);
	assert_false(home->is_taken);
	assert_int_equal(home->applied, NEW);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	home_reload(home);
	home->now_ms += DEFAULT_PROBATION_MS;
	home_end_probation(home, true);
	assert_null(fleet_revisions(home->fleet));
	home_change_files(home, GOOD);
	home_reload(home);
	home_apply_offer(home, 1, CHANGED);
	assert_true(home->is_taken);
	assert_int_equal(home->applied, CHANGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_the_first_files_are_good_at_once, home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(test_a_flood_of_refusals_is_written_at_leisure,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_highest_number_there_is_ends_with_the_section, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(test_the_file_says_trial_before_it_is_in_force,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_that_proves_good_is_kept, home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_that_does_not_is_rolled_back_and_never_tried_again, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(test_one_that_comes_in_probation_takes_its_place,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_same_again_is_in_force_already, home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_loaded_is_refused_and_its_number_is_not_used_up,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_applied_is_rolled_back_at_once,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_only_the_newest_that_stands_in_the_topic_is_looked_at, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_changed_files_are_tried_below_what_comes_from_afar, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_that_were_rolled_back_are_ignored_until_they_change, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_that_a_hand_went_back_from_are_ignored_until_they_change,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_step_back_by_hand_that_fails_is_taken_back_itself, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_comes_from_afar_after_a_step_back_does_not_bring_its_files_back,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_changed_while_drayd_was_down_are_tried_at_its_start, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_that_cannot_be_taken_leave_the_good_ones_in_force_at_a_start,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_good_files_again_end_the_trial_of_others, home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_without_a_fleet_section_files_are_taken_at_once, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(test_the_road_ends_when_what_a_trial_did_is_mended,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_trial_goes_on_after_a_start_and_has_three_of_them, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_start_that_cannot_be_counted_is_the_good_one_s, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_road_that_is_ending_mends_after_a_start_as_well, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(test_a_trial_that_cannot_be_written_is_refused,
			home_set_up, home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_the_next_start_would_not_read_is_not_written, home_set_up,
			home_tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_step_back_needs_no_disk, home_set_up, home_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
