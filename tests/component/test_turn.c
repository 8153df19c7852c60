/*
 * The phases of a turn and its laws, with a real store on a disk that fails when told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "help_faulty_vfs.h"
#include "store/store.h"
#include "turn.h"

struct house {
	char dir[64], path[96];
	struct store *store;
	struct event_base *base;
	struct turn *turn;
	char phases[256];
	bool writes;  /* the member's dispatch() writes */
	bool deletes; /* and somebody deletes the database just then */
};

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static void note(struct house *house, const char *phase)
{
	size_t len = strlen(house->phases);

	(void)snprintf(house->phases + len, sizeof(house->phases) - len, "%s ", phase);
}

static void on_dispatch(void *ctx)
{
	struct house *house = ctx;

	note(house, "dispatch");
	if (house->writes)
		(void)store_audit(house->store, 1, "drayd", "test", "object", "");
	if (house->deletes)
		assert_int_equal(unlink(house->path), 0);
	house->deletes = false;
}

static void on_committed(void *ctx)
{
	note(ctx, "committed");
}

static void on_release(void *ctx)
{
	note(ctx, "release");
}

static void on_poisoned(void *ctx)
{
	note(ctx, "poisoned");
}

static void on_replaced(void *ctx)
{
	note(ctx, "replaced");
}

static int set_up(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	struct error err = { 0 };

	assert_non_null(house);
	(void)snprintf(house->dir, sizeof(house->dir), "/tmp/dray-turn-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(house->path, sizeof(house->path), "%s/dray.db", house->dir);
	assert_int_equal(faulty_vfs_register(), 0);
	assert_int_equal(store_open(&(struct store_options){ .path = house->path,
					    .vfs = FAULTY_VFS,
					    .max_bytes = (int64_t)1 << 30,
					    .on_fatal = on_fatal },
				 &house->store, &err),
		0);
	house->base = event_base_new();
	assert_non_null(house->base);
	house->turn = turn_new(house->base, house->store, NULL, clock_system());
	assert_non_null(house->turn);
	turn_add(house->turn, &(struct turn_member){ "test", on_dispatch, on_committed, on_release,
				      on_poisoned, on_replaced, house });
	*state = house;
	return 0;
}

static int tear_down(void **state)
{
	struct house *house = *state;
	char command[128];

	faulty_vfs_disarm();
	turn_free(house->turn);
	event_base_free(house->base);
	store_close(house->store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", house->dir);
	assert_int_equal(system(command), 0);
	free(house);
	return 0;
}

static void test_release_comes_after_the_commit(void **state)
{
	struct house *house = *state;

	house->writes = true;
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch committed release ");
	assert_false(store_is_dirty(house->store));
}

static void test_a_turn_that_wrote_nothing_commits_nothing(void **state)
{
	struct house *house = *state;

	faulty_vfs_arm(FAULTY_WRITE | FAULTY_SYNC, 1, SQLITE_IOERR_WRITE, true);
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch committed release ");
	assert_int_equal(faulty_vfs_failures(), 0);
}

static void test_nothing_is_released_when_the_commit_fails(void **state)
{
	struct house *house = *state;

	house->writes = true;
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_FULL, false);
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch poisoned ");
	assert_false(store_is_poisoned(house->store));
}

/* A row that nobody can find again is not stored. */
static void test_a_commit_into_a_deleted_file_releases_nothing(void **state)
{
	struct house *house = *state;

	house->writes = true;
	house->deletes = true;
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch poisoned replaced ");
	assert_null(store_broken(house->store));
	house->phases[0] = '\0';
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch committed release ");
}

static void test_the_turn_after_a_poisoned_one_works(void **state)
{
	struct house *house = *state;

	house->writes = true;
	faulty_vfs_arm(FAULTY_WRITE, 1, SQLITE_IOERR_WRITE, false);
	turn_finish(house->turn);
	turn_finish(house->turn);
	assert_string_equal(house->phases, "dispatch poisoned dispatch committed release ");
}

static void on_once(evutil_socket_t fd, short what, void *ctx)
{
	struct house *house = ctx;

	(void)fd;
	(void)what;
	note(house, "gather");
	turn_stop(house->turn);
}

static void test_gather_comes_first_and_stop_ends_after_the_release(void **state)
{
	static const struct timeval now = { 0 };
	struct house *house = *state;

	assert_int_equal(event_base_once(house->base, -1, EV_TIMEOUT, on_once, house, &now), 0);
	assert_int_equal(turn_run(house->turn), 0);
	assert_string_equal(house->phases, "gather dispatch committed release ");
}

static void test_a_wait_fits_a_clock_of_32_bits(void **state)
{
	static const struct {
		int64_t ms;
		int64_t s;
		int64_t us;
	} rows[] = { { -1, 0, 0 }, { 0, 0, 0 }, { 1, 0, 1000 }, { 999, 0, 999000 },
		{ 1001, 1, 1000 }, { INT64_C(315360000000), 315360000, 0 }, /* ten years */
		{ INT64_C(1073741823999), 1073741823, 999000 },
		{ INT64_C(1073741824001), 1073741824, 0 },
		{ INT64_C(4294967296000), 1073741824, 0 }, { INT64_MAX, 1073741824, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct timeval wait = clock_wait(rows[i].ms);

		assert_true(wait.tv_sec == rows[i].s);
		assert_true(wait.tv_usec == rows[i].us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_release_comes_after_the_commit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_turn_that_wrote_nothing_commits_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_nothing_is_released_when_the_commit_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_commit_into_a_deleted_file_releases_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_turn_after_a_poisoned_one_works, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_gather_comes_first_and_stop_ends_after_the_release, set_up, tear_down),
		cmocka_unit_test(test_a_wait_fits_a_clock_of_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
