#include "play_road.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dray/metrics.h"
#include "fleet/revision_file.h"
#include "turn.h"

/* --- the disk, which fails or cuts off the process ------------------------------------------------------- */

struct road_disk disk;

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
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* --- a home ------------------------------------------------------------------------------------------------ */

static int64_t read_wall_ms(void *ctx)
{
	return ((const struct home *)ctx)->now_ms;
}

static int64_t read_mono_us(void *ctx)
{
	return ((const struct home *)ctx)->now_ms * 1000;
}

cJSON *home_files(const struct home *home, int concurrency)
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

bool home_says_trial(const struct home *home)
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
	const struct config *before = home->config;

	/* Rooms look at the one before; and those in front of the one that fails have taken it already. */
	if (before)
		assert_string_equal(before->site, config->site);
	home->config = config;
	if (config->destinations[0].concurrency == UNBEARABLE)
		return error_set(err, "listen.address", "is taken");
	home->applied = (long)config->destinations[0].concurrency;
	home->was_staged = home_says_trial(home);
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
	struct home *home = ctx;

	(void)fn;
	(void)fn_ctx;
	home->n_routed_again++;
	home->routed_again = event->seq;
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

	assert_int_not_equal(home->applied, 0); /* before, the rooms can tell nobody */
	home->n_alarms += !is_cleared;
	(void)snprintf(home->alarm, sizeof(home->alarm), "%s", is_cleared ? "" : message);
}

static void on_change(void *ctx)
{
	(void)ctx;
}

void home_make_dir(char dir[64])
{
	(void)snprintf(dir, 64, "/tmp/road-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

void home_remove_dir(const char *dir)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* drayd starts; -1: it does not. */
int home_start(struct home *home)
{
	struct error err = { 0 };

	home->now_ms = 1700000000000;
	home->applied = 0;
	home->config = NULL;
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

void home_stop(struct home *home)
{
	fleet_free(home->fleet);
	turn_free(home->turn);
	metrics_free(home->metrics);
	event_base_free(home->base);
	shed_done(&home->shed);
	home->loading = NULL;
}

void home_on_told(void *ctx, bool is_taken, int64_t number, const struct error *err)
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
void home_settle(struct home *home)
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

void home_offer(struct home *home, int64_t revision, int concurrency)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"{\"site\":\"s-1\",\"revision\":%lld,\"config\":{\"destinations\":{\"erp\":"
		"{\"concurrency\":%d}}}}",
		(long long)revision, concurrency);
	fleet_offer(home->fleet, REVISION_APPLY, "uid:0", text, strlen(text), home_on_told, home);
}

void home_apply_offer(struct home *home, int64_t revision, int concurrency)
{
	home_offer(home, revision, concurrency);
	home_settle(home);
}

/* The probation's time is over; it was good, or the broker was not reached. */
void home_end_probation(struct home *home, bool is_good)
{
	home->broker_is_up = is_good;
	home->now_ms += PROBATION_MS;
	watch_tick(home->fleet);
	home_settle(home);
}

const struct revision_event *home_last(const struct home *home)
{
	const struct revisions *revisions = fleet_revisions(home->fleet);

	assert_true(revisions->n_history > 0);
	return &revisions->history[revisions->n_history - 1];
}

int home_set_up(void **state)
{
	struct home *home = calloc(1, sizeof(*home));

	assert_non_null(home);
	home_make_dir(home->dir);
	home->files = home_files(home, GOOD);
	assert_int_equal(home_start(home), 0);
	*state = home;
	return 0;
}

int home_tear_down(void **state)
{
	struct home *home = *state;

	home_stop(home);
	home_remove_dir(home->dir);
	cJSON_Delete(home->files);
	free(home);
	disk.is_full = false;
	return 0;
}

void home_start_again(struct home *home)
{
	home_stop(home);
	assert_int_equal(home_start(home), 0);
}

void home_change_files(struct home *home, int concurrency)
{
	cJSON_Delete(home->files);
	home->files = home_files(home, concurrency);
}

void home_reload(struct home *home)
{
	fleet_reload(home->fleet, home_on_told, home);
	home_settle(home);
}
