/*
 * The road is cut off at each of its steps: whatever it was at, the next start finds a whole configuration, and
 * ends in the good one or in the new one, confirmed.
 */
#include "play_road.h"

#include <sys/wait.h>
#include <unistd.h>

/* --- cut off at each step ----------------------------------------------------------------------------------------- */

enum play { KEPT, ROLLED_BACK, FILES, STARTED, PLAYS };

static void run_play(struct home *home, enum play play)
{
	if (home_start(home) < 0)
		_exit(1);
	switch (play) {
	case KEPT:
	case ROLLED_BACK:
		home_apply_offer(home, 1, NEW);
		home_end_probation(home, play == KEPT);
		break;
	case FILES:
		home_change_files(home, NEW);
		home_reload(home);
		home_end_probation(home, false);
		break;
	case STARTED:
		home_apply_offer(home, 1, NEW);
		home_start_again(home);
		home_end_probation(home, true);
		break;
	case PLAYS:
		break;
	}
}

/* In a process of its own. True: it was cut off. */
static bool play_until(const char *dir, enum play play, int at)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct home home = { .n_told = 0 };

		(void)snprintf(home.dir, sizeof(home.dir), "%s", dir);
		home.files = home_files(&home, GOOD);
		disk.at = at;
		disk.n = 0;
		run_play(&home, play);
		_exit(0);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CUT_EXIT);
	return WEXITSTATUS(status) == CUT_EXIT;
}

/* drayd starts again, and nobody lends a hand: what it runs by is whole, and stays. */
static void assert_ends_well(const char *dir, enum play play)
{
	struct home home = { .n_told = 0 };

	(void)snprintf(home.dir, sizeof(home.dir), "%s", dir);
	home.files = home_files(&home, GOOD);
	assert_int_equal(home_start(&home), 0);
	assert_true(home.applied == GOOD || (home.applied == NEW && play != FILES));
	assert_int_equal(home.n_alarms > 0 && strstr(home.alarm, "revisions.json") != NULL, 0);
	home_end_probation(&home, play == KEPT || play == STARTED);
	assert_null(fleet_revisions(home.fleet)->trial);
	if (play == ROLLED_BACK || play == FILES)
		assert_int_equal(home.applied, GOOD);
	home_start_again(&home);
	assert_null(fleet_revisions(home.fleet)->trial);
	home_stop(&home);
	cJSON_Delete(home.files);
}

static void test_cut_off_at_each_of_its_steps_it_ends_in_a_whole_configuration(void **state)
{
	(void)state;
	for (enum play play = 0; play < PLAYS; play++) {
		int at = 1;
		bool was_cut = true;

		for (; was_cut; at++) {
			char dir[64];

			home_make_dir(dir);
			was_cut = play_until(dir, play, at);
			assert_ends_well(dir, play);
			home_remove_dir(dir);
			assert_true(at < 100);
		}
		assert_true(at > 15); /* three times it is written at least */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_cut_off_at_each_of_its_steps_it_ends_in_a_whole_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
