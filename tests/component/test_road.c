/*
 * The road on fake rooms: what is in force, what the file says, and where it ends when the process is cut
 * off at each of its steps.
 *
 * A configuration is told by destinations.erp.concurrency: the site's files say GOOD, others what they like.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "fleet/fleet_internal.h"
#include "fleet/revision_file.h"
#include "help_store.h"
#include "turn.h"

#define GOOD 1
#define NEW 2
#define CHANGED 3
#define UNLOADABLE 4
#define UNBEARABLE 5 /* it can't be applied */
#define PROBATION_MS 10000
#define DEFAULT_PROBATION_MS 600000 /* files without a fleet section don't say */
#define CUT_EXIT 42

/* --- the disk, which fails or cuts off the process ------------------------------------------------------- */

static struct {
	int at, n; /* the process ends in front of its n-th call; 0 never */
	bool is_full;
	int fd, folder_fd;
} disk;

static bool is_of_road(const char *path)
{
	return strstr(path, "revisions.json") != NULL;
}

static void count_call(void)
{
	if (disk.at > 0 && ++disk.n == disk.at)
		_exit(CUT_EXIT);
}

int open(const char *path, int flags, ...)
{
	bool is_written = is_of_road(path) && (flags & O_WRONLY);
	bool is_folder = (flags & O_DIRECTORY) && strstr(path, "/road-");
	va_list args;
	int mode, fd;

	va_start(args, flags);
	mode = (flags & O_CREAT) ? va_arg(args, int) : 0;
	va_end(args);
	if (is_written || is_folder)
		count_call();
	if (is_written && disk.is_full) {
		errno = ENOSPC;
		return -1;
	}
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (is_written)
		disk.fd = fd;
	if (is_folder)
		disk.folder_fd = fd;
	return fd;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (disk.at > 0 && fd == disk.fd) {
		count_call();
		if (disk.n + 1 == disk.at) { /* the half of it was written */
			(void)!syscall(SYS_write, fd, bytes, len / 2);
			_exit(CUT_EXIT);
		}
	}
	return syscall(SYS_write, fd, bytes, len);
}

int fsync(int fd)
{
	if (fd == disk.fd || fd == disk.folder_fd)
		count_call();
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	if (is_of_road(to))
		count_call();
	return (int)syscall(SYS_rename, from, to);
}

/* --- a home ------------------------------------------------------------------------------------------------ */

struct home {
	char dir[64]; /* where revisions.json is: outlives a home */
	struct shed shed;
	struct clock clock;
	int64_t now_ms;
	struct event_base *base;
	struct metrics *metrics;
	struct turn *turn;
	struct fleet *fleet;
	cJSON *files; /* NULL: they can't be read */
	long applied; /* what is in force */
	bool broker_is_up;
	struct loading *loading;
	/* what the file said when a trial was applied */
	bool was_staged;
	/* the last that was told */
	unsigned n_told, n_alarms;
	bool is_taken;
	int64_t number;
	char words[512], alarm[512];
};

static int64_t read_wall_ms(void *ctx)
{
	return ((const struct home *)ctx)->now_ms;
}

static int64_t read_mono_us(void *ctx)
{
	return ((const struct home *)ctx)->now_ms * 1000;
}

static cJSON *files_of(const struct home *home, int concurrency)
{
	char text[1024];
	cJSON *files;

	(void)snprintf(text, sizeof(text),
		"{\"site\":\"s-1\",\"state_dir\":\"%s\",\"mqtt\":{\"host\":\"h\"},"
		"\"destinations\":{\"erp\":{\"url\":\"http://erp\",\"connector\":\"rest\","
		"\"concurrency\":%d}},\"routes\":{\"all\":{\"to\":[\"erp\"]}},"
		"\"fleet\":{\"probation\":\"%ds\"}}",
		home->dir, concurrency, PROBATION_MS / 1000);
	files = cJSON_Parse(text);
	assert_non_null(files);
	return files;
}

static int lock(void *ctx, const char *state_dir, struct error *err)
{
	const struct home *home = ctx;

	(void)err;
	assert_string_equal(state_dir, home->dir);
	return 0;
}

static int read_files(void *ctx, cJSON **ret, struct error *err)
{
	const struct home *home = ctx;

	if (!home->files)
		return error_set(err, "dray.json", "is gone");
	*ret = cJSON_Duplicate(home->files, true);
	return 0;
}

static void load(void *ctx, struct loading *loading)
{
	const struct home *home = ctx;
	cJSON *document;

	if (!loading->files && read_files(ctx, &loading->files, &loading->err) < 0)
		return;
	document = revision_merge(
		&(struct revision){ .files = loading->files, .patch = loading->patch });
	if (config_build(document, &loading->config, &loading->err) == 0 &&
		loading->config->n_destinations > 0 &&
		loading->config->destinations[0].concurrency == UNLOADABLE) {
		config_free(loading->config);
		loading->config = NULL;
		error_fill(&loading->err, "destinations.erp", "can't be loaded");
	}
	cJSON_Delete(document);
	(void)home;
}

static void start_load(void *ctx, struct loading *loading)
{
	struct home *home = ctx;

	assert_null(home->loading);
	home->loading = loading;
}

static bool file_says_trial(const struct home *home)
{
	struct revisions revisions;
	struct buf text = BUF_INIT;
	struct error err;
	bool is_trial = false;

	if (revision_file_read(home->dir, &text, &err) > 0 &&
		revisions_parse(text.data, text.len, &revisions, &err) == 0) {
		is_trial = revisions.trial != NULL;
		revisions_done(&revisions);
	}
	buf_done(&text);
	return is_trial;
}

static int apply(void *ctx, const struct config *config, struct error *err)
{
	struct home *home = ctx;

	if (config->destinations[0].concurrency == UNBEARABLE)
		return error_set(err, "listen.address", "is taken");
	home->applied = (long)config->destinations[0].concurrency;
	home->was_staged = file_says_trial(home);
	return 0;
}

static bool broker_is_up(void *ctx)
{
	return ((struct home *)ctx)->broker_is_up;
}

static bool is_closed(void *ctx)
{
	(void)ctx;
	return false;
}

static int route(void *ctx, const struct store_event_row *event, store_target_fn fn, void *fn_ctx)
{
	(void)ctx;
	(void)event;
	(void)fn;
	(void)fn_ctx;
	return 0;
}

static void on_rest(void *ctx, bool is_resting)
{
	(void)ctx;
	(void)is_resting;
}

static void on_alarm(void *ctx, const char *message, bool is_cleared)
{
	struct home *home = ctx;

	home->n_alarms += !is_cleared;
	(void)snprintf(home->alarm, sizeof(home->alarm), "%s", is_cleared ? "" : message);
}

static void on_change(void *ctx)
{
	(void)ctx;
}

static void make_dir(char dir[64])
{
	(void)snprintf(dir, 64, "/tmp/road-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* drayd starts; -1: it does not. */
static int start(struct home *home)
{
	struct error err = { 0 };

	home->now_ms = 1700000000000;
	home->broker_is_up = true;
	home->clock =
		(struct clock){ .wall_ms = read_wall_ms, .mono_us = read_mono_us, .ctx = home };
	shed_init(&home->shed, NULL);
	home->base = event_base_new();
	home->metrics = metrics_new();
	home->turn = turn_new(home->base, home->shed.store, home->metrics, &home->clock);
	home->fleet = fleet_new(&(struct fleet_options){ .base = home->base,
		.metrics = home->metrics,
		.clock = &home->clock,
		.lock = lock,
		.read = read_files,
		.load = load,
		.start_load = start_load,
		.apply = apply,
		.broker_is_up = broker_is_up,
		.is_closed = is_closed,
		.route = route,
		.on_rest = on_rest,
		.on_alarm = on_alarm,
		.on_change = on_change,
		.ctx = home });
	if (fleet_choose(home->fleet, &err) < 0)
		return -1;
	fleet_attach(home->fleet,
		&(struct fleet_rooms){ .turn = home->turn, .store = home->shed.store });
	return fleet_start(home->fleet, &err);
}

static void stop(struct home *home)
{
	fleet_free(home->fleet);
	turn_free(home->turn);
	metrics_free(home->metrics);
	event_base_free(home->base);
	shed_done(&home->shed);
	home->loading = NULL;
}

static void on_told(void *ctx, bool is_taken, int64_t number, const struct error *err)
{
	struct home *home = ctx;

	home->n_told++;
	home->is_taken = is_taken;
	home->number = number;
	home->words[0] = '\0';
	if (err)
		(void)error_text(err, home->words, sizeof(home->words));
}

/* Until nothing is to be done. */
static void settle(struct home *home)
{
	for (int i = 0; i < 20; i++) {
		struct loading *loading;

		(void)event_base_loop(home->base, EVLOOP_NONBLOCK);
		loading = home->loading;
		home->loading = NULL;
		if (loading) {
			load(home, loading);
			fleet_on_loaded(home->fleet, loading);
		}
		turn_finish(home->turn);
	}
}

static void offer(struct home *home, int64_t revision, int concurrency)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"{\"site\":\"s-1\",\"revision\":%lld,\"config\":{\"destinations\":{\"erp\":"
		"{\"concurrency\":%d}}}}",
		(long long)revision, concurrency);
	fleet_offer(home->fleet, REVISION_APPLY, "uid:0", text, strlen(text), on_told, home);
}

static void apply_offer(struct home *home, int64_t revision, int concurrency)
{
	offer(home, revision, concurrency);
	settle(home);
}

/* The probation's time is over; it was good, or the broker was not reached. */
static void end_probation(struct home *home, bool is_good)
{
	home->broker_is_up = is_good;
	home->now_ms += PROBATION_MS;
	watch_tick(home->fleet);
	settle(home);
}

static const struct revision_event *last(const struct home *home)
{
	const struct revisions *revisions = fleet_revisions(home->fleet);

	assert_true(revisions->n_history > 0);
	return &revisions->history[revisions->n_history - 1];
}

static int set_up(void **state)
{
	struct home *home = calloc(1, sizeof(*home));

	assert_non_null(home);
	make_dir(home->dir);
	home->files = files_of(home, GOOD);
	assert_int_equal(start(home), 0);
	*state = home;
	return 0;
}

static int tear_down(void **state)
{
	struct home *home = *state;

	stop(home);
	remove_dir(home->dir);
	cJSON_Delete(home->files);
	free(home);
	disk.is_full = false;
	return 0;
}

static void start_again(struct home *home)
{
	stop(home);
	assert_int_equal(start(home), 0);
}

static void change_files(struct home *home, int concurrency)
{
	cJSON_Delete(home->files);
	home->files = files_of(home, concurrency);
}

static void reload(struct home *home)
{
	fleet_reload(home->fleet, on_told, home);
	settle(home);
}

/* --- kept, or not ------------------------------------------------------------------------------------------ */

static void test_the_first_files_are_good_at_once(void **state)
{
	struct home *home = *state;

	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	assert_int_equal(last(home)->result, REVISION_CONFIRMED);
	start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(fleet_revisions(home->fleet)->n_history, 1);
}

static void test_the_file_says_trial_before_it_is_in_force(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
	assert_int_equal(home->number, 1);
	assert_int_equal(home->applied, NEW);
	assert_true(home->was_staged);
	assert_true(fleet_probation_left_ms(home->fleet) > 0);
}

static void test_one_that_proves_good_is_kept(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	end_probation(home, true);
	assert_int_equal(last(home)->result, REVISION_CONFIRMED);
	assert_int_equal(fleet_probation_left_ms(home->fleet), 0);
	start_again(home);
	assert_int_equal(home->applied, NEW);
}

static void test_one_that_does_not_is_rolled_back_and_never_tried_again(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(last(home)->result, REVISION_ROLLED_BACK);
	assert_non_null(strstr(home->alarm, "revision 1 rolled back: the broker"));
	home->broker_is_up = true;
	apply_offer(home, 1, CHANGED);
	assert_false(home->is_taken);
	assert_non_null(strstr(home->words, "rolled_back"));
	assert_int_equal(home->applied, GOOD);
	start_again(home);
	assert_int_equal(home->applied, GOOD);
}

static void test_one_that_comes_in_probation_takes_its_place(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	apply_offer(home, 2, CHANGED);
	assert_int_equal(home->applied, CHANGED);
	end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(fleet_revisions(home->fleet)->n_history, 5); /* with the superseded */
}

static void test_the_same_again_is_in_force_already(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	end_probation(home, true);
	apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
	assert_int_equal(last(home)->result, REVISION_CONFIRMED);
	apply_offer(home, 1, CHANGED);
	assert_false(home->is_taken);
	assert_int_equal(home->applied, NEW);
}

static void test_what_cannot_be_loaded_is_refused_and_its_number_is_not_used_up(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, UNLOADABLE);
	assert_false(home->is_taken);
	assert_int_equal(last(home)->result, REVISION_REFUSED);
	assert_int_equal(home->applied, GOOD);
	apply_offer(home, 1, NEW);
	assert_true(home->is_taken);
}

static void test_what_cannot_be_applied_is_rolled_back_at_once(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, UNBEARABLE);
	assert_false(home->is_taken);
	assert_int_equal(last(home)->result, REVISION_ROLLED_BACK);
	assert_int_equal(home->applied, GOOD);
	assert_false(file_says_trial(home));
}

static void test_only_the_newest_that_stands_in_the_topic_is_looked_at(void **state)
{
	static const char older[] = "{\"site\":\"s-1\",\"revision\":1,\"config\":{}}";
	static const char newer[] = "{\"site\":\"s-1\",\"revision\":2,\"config\":{\"destinations\":"
				    "{\"erp\":{\"concurrency\":2}}}}";
	struct home *home = *state;

	offer(home, 3, UNLOADABLE); /* it is looked at meanwhile */
	(void)event_base_loop(home->base, EVLOOP_NONBLOCK);
	fleet_offer(home->fleet, REVISION_TOPIC, "topic", older, sizeof(older) - 1, on_told, home);
	fleet_offer(home->fleet, REVISION_TOPIC, "topic", newer, sizeof(newer) - 1, on_told, home);
	settle(home);
	assert_int_equal(home->n_told, 3);
	assert_int_equal(home->applied, NEW);
	assert_int_equal(fleet_revisions(home->fleet)->highest, 2);
}

/* --- files --------------------------------------------------------------------------------------------------- */

static void test_changed_files_are_tried_below_what_comes_from_afar(void **state)
{
	struct home *home = *state;

	change_files(home, CHANGED);
	reload(home);
	assert_int_equal(home->applied, CHANGED);
	end_probation(home, true);
	apply_offer(home, 1, NEW);
	end_probation(home, true);
	change_files(home, GOOD);
	reload(home);
	assert_int_equal(home->applied, NEW);
	assert_non_null(fleet_revisions(home->fleet)->trial);
}

static void test_files_that_were_rolled_back_are_ignored_until_they_change(void **state)
{
	struct home *home = *state;

	change_files(home, NEW);
	reload(home);
	end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	reload(home);
	assert_int_equal(home->applied, GOOD);
	assert_non_null(strstr(home->alarm, "ignored until they change"));
	start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_non_null(strstr(home->alarm, "ignored until they change"));
	change_files(home, CHANGED);
	reload(home);
	assert_int_equal(home->applied, CHANGED);
}

static void test_files_changed_while_drayd_was_down_are_tried_at_its_start(void **state)
{
	struct home *home = *state;

	change_files(home, NEW);
	start_again(home);
	assert_int_equal(home->applied, NEW);
	assert_true(home->was_staged);
	end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
}

static void test_files_that_cannot_be_taken_leave_the_good_ones_in_force_at_a_start(void **state)
{
	static const int bad[] = { UNLOADABLE, UNBEARABLE };
	struct home *home = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		change_files(home, bad[i]);
		start_again(home);
		assert_int_equal(home->applied, GOOD);
		assert_true(home->n_alarms > 0);
		assert_false(file_says_trial(home));
	}
	cJSON_Delete(home->files);
	home->files = NULL;
	assert_int_equal(setenv("STATE_DIRECTORY", home->dir, 1), 0);
	start_again(home);
	assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
	assert_int_equal(home->applied, GOOD);
}

static void test_good_files_again_end_the_trial_of_others(void **state)
{
	struct home *home = *state;

	change_files(home, NEW);
	reload(home);
	change_files(home, GOOD);
	reload(home);
	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	change_files(home, NEW);
	reload(home);
	change_files(home, GOOD);
	start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_false(file_says_trial(home));
}

static void test_without_a_fleet_section_files_are_taken_at_once(void **state)
{
	struct home *home = *state;

	change_files(home, NEW);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	reload(home);
	assert_non_null(fleet_revisions(home->fleet)->trial);
	home->now_ms += DEFAULT_PROBATION_MS;
	end_probation(home, true);
	assert_null(fleet_revisions(home->fleet)); /* that was the road's end */
	change_files(home, CHANGED);
	cJSON_DeleteItemFromObject(home->files, "fleet");
	reload(home);
	assert_int_equal(home->applied, CHANGED);
	assert_null(fleet_revisions(home->fleet));
	apply_offer(home, 1, NEW);
	assert_false(home->is_taken);
	change_files(home, CHANGED);
	reload(home);
	assert_non_null(fleet_revisions(home->fleet));
	assert_null(fleet_revisions(home->fleet)->trial);
}

/* --- starts -------------------------------------------------------------------------------------------------- */

static void test_a_trial_goes_on_after_a_start_and_has_three_of_them(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	for (unsigned i = 1; i <= REVISIONS_STARTS_MAX; i++) {
		start_again(home);
		assert_int_equal(home->applied, NEW);
		assert_int_equal(fleet_revisions(home->fleet)->trial_starts, i);
		assert_int_equal(fleet_probation_left_ms(home->fleet), PROBATION_MS);
	}
	start_again(home);
	assert_int_equal(home->applied, GOOD);
	assert_int_equal(last(home)->result, REVISION_ROLLED_BACK);
}

static void test_a_start_that_cannot_be_counted_is_the_good_one_s(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	disk.is_full = true;
	start_again(home);
	assert_int_equal(home->applied, GOOD);
	disk.is_full = false;
	watch_tick(home->fleet);
}

/* --- a disk that takes nothing ---------------------------------------------------------------------------------- */

static void test_a_trial_that_cannot_be_written_is_refused(void **state)
{
	struct home *home = *state;

	disk.is_full = true;
	apply_offer(home, 1, NEW);
	assert_false(home->is_taken);
	assert_int_equal(home->applied, GOOD);
	assert_null(fleet_revisions(home->fleet)->trial);
	disk.is_full = false;
	apply_offer(home, 2, NEW);
	assert_true(home->is_taken);
}

static void test_a_step_back_needs_no_disk(void **state)
{
	struct home *home = *state;

	apply_offer(home, 1, NEW);
	disk.is_full = true;
	end_probation(home, false);
	assert_int_equal(home->applied, GOOD);
	assert_true(file_says_trial(home));
	home->broker_is_up = true;
	apply_offer(home, 2, CHANGED);
	assert_false(home->is_taken);
	disk.is_full = false;
	tell_file_later(home->fleet);
	assert_false(file_says_trial(home));
}

/* --- cut off at each step ----------------------------------------------------------------------------------------- */

enum play { KEPT, ROLLED_BACK, FILES, STARTED, PLAYS };

static void run_play(struct home *home, enum play play)
{
	if (start(home) < 0)
		_exit(1);
	switch (play) {
	case KEPT:
	case ROLLED_BACK:
		apply_offer(home, 1, NEW);
		end_probation(home, play == KEPT);
		break;
	case FILES:
		change_files(home, NEW);
		reload(home);
		end_probation(home, false);
		break;
	case STARTED:
		apply_offer(home, 1, NEW);
		start_again(home);
		end_probation(home, true);
		break;
	case PLAYS:
		break;
	}
}

/* In a process of its own. True: it was cut off. */
static bool play_until(const char *dir, enum play play, int at)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct home home = { .n_told = 0 };

		(void)snprintf(home.dir, sizeof(home.dir), "%s", dir);
		home.files = files_of(&home, GOOD);
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
	home.files = files_of(&home, GOOD);
	assert_int_equal(start(&home), 0);
	assert_true(home.applied == GOOD || (home.applied == NEW && play != FILES));
	assert_int_equal(home.n_alarms > 0 && strstr(home.alarm, "revisions.json") != NULL, 0);
	end_probation(&home, play == KEPT || play == STARTED);
	assert_null(fleet_revisions(home.fleet)->trial);
	if (play == ROLLED_BACK || play == FILES)
		assert_int_equal(home.applied, GOOD);
	start_again(&home);
	assert_null(fleet_revisions(home.fleet)->trial);
	stop(&home);
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

			make_dir(dir);
			was_cut = play_until(dir, play, at);
			assert_ends_well(dir, play);
			remove_dir(dir);
			assert_true(at < 100);
		}
		assert_true(at > 15); /* three times it is written at least */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_the_first_files_are_good_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_file_says_trial_before_it_is_in_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_that_proves_good_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_that_does_not_is_rolled_back_and_never_tried_again, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_that_comes_in_probation_takes_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_the_same_again_is_in_force_already, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_loaded_is_refused_and_its_number_is_not_used_up, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_applied_is_rolled_back_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_only_the_newest_that_stands_in_the_topic_is_looked_at, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_changed_files_are_tried_below_what_comes_from_afar, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_that_were_rolled_back_are_ignored_until_they_change, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_changed_while_drayd_was_down_are_tried_at_its_start, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_files_that_cannot_be_taken_leave_the_good_ones_in_force_at_a_start,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_good_files_again_end_the_trial_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_without_a_fleet_section_files_are_taken_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_trial_goes_on_after_a_start_and_has_three_of_them, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_start_that_cannot_be_counted_is_the_good_one_s, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_trial_that_cannot_be_written_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_step_back_needs_no_disk, set_up, tear_down),
		cmocka_unit_test(
			test_cut_off_at_each_of_its_steps_it_ends_in_a_whole_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
