/*
 * road.c - one configuration after another: verified, checked, staged, applied, and kept or not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dray/desired.h"
#include "fleet/fleet_internal.h"
#include "fleet/revision_file.h"
#include "log.h"
#include "store/store.h"

#define RESTORE_AGAIN_MS 5000

static const struct error no_memory = { .message = "out of memory" };

bool road_copy(const struct revision *revision, struct loading *ret)
{
	ret->files = cJSON_Duplicate(revision->files, true);
	ret->patch = revision->patch ? cJSON_Duplicate(revision->patch, true) : NULL;
	return ret->files && (ret->patch || !revision->patch);
}

struct revision *road_make(
	struct fleet *fleet, enum revision_origin origin, int64_t number, struct loading *loading)
{
	struct revision *revision = revision_make(
		origin, number, clock_wall_ms(fleet->is.clock), loading->files, loading->patch);

	loading->files = NULL;
	loading->patch = NULL;
	return revision;
}

void road_in_force(struct fleet *fleet, struct config *config)
{
	if (fleet->config != config)
		config_free(fleet->config);
	fleet->config = config;
	fleet->generation++;
	fleet->needs_restore = false;
	fleet->restore_mono_ms = 0;
	mend_begin(fleet);
	tell_change(fleet);
}

/* 0, or -1 with *err filled: what was in force is in force again. */
static int apply(struct fleet *fleet, const struct config *config, struct error *err)
{
	struct error again;

	if (fleet->is.apply(fleet->is.ctx, config, err) == 0)
		return 0;
	if (fleet->is.apply(fleet->is.ctx, fleet->config, &again) == 0)
		return -1;
	LOG_ERROR("neither the new configuration nor the old one can be taken into use, ending at "
		  "once: what is stored goes on at the next start");
	_exit(EXIT_FAILURE);
}

static void log_refusal(const struct error *err)
{
	char text[FLEET_TEXT_MAX];

	LOG_ERROR("configuration refused, the one in force stays",
		LOG_S("error", error_text(err, text, sizeof(text))));
}

/* What is retained, and what stands at a URL, comes again and again. */
static bool is_told(const struct fleet *fleet, enum revision_origin origin, int64_t number,
	const struct error *err)
{
	const struct revisions *revisions = &fleet->revisions;
	const struct revision_event *last =
		revisions->n_history > 0 ? &revisions->history[revisions->n_history - 1] : NULL;
	char text[FLEET_TEXT_MAX];

	return fleet->is_on && last && (origin == REVISION_TOPIC || origin == REVISION_URL) &&
	       last->result == REVISION_REFUSED && last->origin == origin &&
	       last->number == number &&
	       strncmp(last->reason, error_text(err, text, sizeof(text)), strlen(last->reason)) ==
		       0;
}

void road_refuse(struct fleet *fleet, enum revision_origin origin, int64_t number, const char *who,
	const struct error *err)
{
	char text[FLEET_TEXT_MAX];

	if (is_told(fleet, origin, number, err)) {
		LOG_DEBUG("configuration refused once more", LOG_I("revision", number));
		return;
	}
	log_refusal(err);
	if (!fleet->is_on)
		return;
	revisions_refuse(&fleet->revisions, origin, number, error_text(err, text, sizeof(text)),
		clock_wall_ms(fleet->is.clock));
	fleet->is_behind = true; /* many may come, and nothing depends on it: the tick writes it */
	tell_audit(fleet, who, "config.refuse", number, text);
	tell_result(fleet, REVISION_REFUSED);
	if (origin == REVISION_FILES)
		tell_alarm(fleet,
			"the site's files are not taken, the configuration before goes on: %s",
			text);
}

static void refuse(struct fleet *fleet, struct job *job, const struct error *err)
{
	if (job->kind != JOB_CHECK)
		road_refuse(fleet, job->origin, job->number, job->who, err);
	job_end(fleet, job, err);
}

/* --- it comes --------------------------------------------------------------------------------------------- */

static void load(struct fleet *fleet, struct job *job)
{
	job->generation = fleet->generation;
	fleet->under_way = job;
	fleet->is.start_load(fleet->is.ctx, &job->loading);
}

static int load_copy(struct fleet *fleet, struct job *job, const struct revision *revision)
{
	if (!road_copy(revision, &job->loading))
		return error_set(&job->err, NULL, "out of memory");
	load(fleet, job);
	return 0;
}

/* What became of a number that was tried; NULL: it was not, or long ago. */
static const struct revision_event *find_tried(const struct revisions *revisions, int64_t number)
{
	for (size_t i = revisions->n_history; i > 0; i--)
		if (revisions->history[i - 1].number == number &&
			revisions->history[i - 1].result != REVISION_REFUSED)
			return &revisions->history[i - 1];
	return NULL;
}

static void blame_number(const struct revisions *revisions, int64_t number, struct error *err)
{
	const struct revision_event *found = find_tried(revisions, number);

	error_fill(err, "revision",
		"%" PRId64 " was here before%s%s%s; a change needs a number above %" PRId64, number,
		found ? " (" : "", found ? revision_results[found->result] : "", found ? ")" : "",
		revisions->highest);
}

/* 1: it is in force already. 0: it is to be tried; -1. */
static int check_number(const struct fleet *fleet, const struct desired *desired, struct error *err)
{
	const struct revision *current = revisions_current(&fleet->revisions);

	if (!revisions_is_old(&fleet->revisions, desired->revision))
		return 0;
	if (desired->revision == current->number && current->patch &&
		cJSON_Compare(current->patch, desired->config, true))
		return 1;
	blame_number(&fleet->revisions, desired->revision, err);
	return -1;
}

/* It was told of when it was tried: a retained one comes with each connection, newer ones or not. */
static bool was_tried(const struct fleet *fleet, int64_t number)
{
	return number != revisions_current(&fleet->revisions)->number &&
	       (number == fleet->revisions.highest || find_tried(&fleet->revisions, number));
}

static int read_offer(const struct fleet *fleet, struct job *job, struct desired *ret)
{
	const struct config *config = fleet->config;
	struct desired_rules rules = { .site = config->site, .allow = config->fleet.allow };
	struct jws_keys keys;

	if (config->fleet.public_key) {
		if (jws_parse_keys(config->fleet.public_key, &keys, &job->err) < 0)
			return -1;
		rules.keys = &keys;
	}
	return desired_read(job->text.data ? job->text.data : "", job->text.len, &rules, ret,
		&job->number, &job->err);
}

static void begin_offer(struct fleet *fleet, struct job *job)
{
	struct desired desired = { 0 };
	int status;

	if (!fleet->is_on || !fleet->config->has_fleet) {
		error_fill(&job->err, "fleet",
			"is not in the site's files: only they change the configuration");
		job_end(fleet, job, &job->err);
		return;
	}
	if (read_offer(fleet, job, &desired) < 0) {
		refuse(fleet, job, &job->err);
		return;
	}
	status = check_number(fleet, &desired, &job->err);
	if (status == 0) {
		job->loading.files =
			cJSON_Duplicate(revisions_current(&fleet->revisions)->files, true);
		job->loading.patch = desired.config;
		job->loading.is_proved = true;
		desired.config = NULL;
	}
	desired_done(&desired);
	if (status > 0)
		job_end(fleet, job, NULL);
	else if (status < 0 && was_tried(fleet, job->number))
		job_end(fleet, job, &job->err);
	else if (status < 0)
		refuse(fleet, job, &job->err);
	else if (!job->loading.files)
		refuse(fleet, job, &no_memory);
	else
		load(fleet, job);
}

static void begin_files(struct fleet *fleet, struct job *job)
{
	const struct revision *current = revisions_current(&fleet->revisions);

	if (fleet->is_on && current && current->patch) {
		job->number = current->number;
		job->loading.patch = cJSON_Duplicate(current->patch, true);
		if (!job->loading.patch) {
			refuse(fleet, job, &no_memory);
			return;
		}
	}
	job->loading.is_proved = fleet->is_on;
	load(fleet, job);
}

static void begin_roll_back(struct fleet *fleet, struct job *job)
{
	const struct revision *previous = fleet->revisions.previous;

	if (fleet->is_on && fleet->revisions.trial) {
		char reason[FLEET_WHO_MAX + 16];

		(void)snprintf(reason, sizeof(reason), "by hand: %s", job->who);
		road_roll_back(fleet, job->who, reason);
		job->number = fleet->revisions.good->number;
		job_end(fleet, job, NULL);
		return;
	}
	if (!fleet->is_on || !previous) {
		error_fill(&job->err, NULL, "there is no configuration to go back to");
		job_end(fleet, job, &job->err);
		return;
	}
	job->number = previous->number;
	job->loading.is_proved = true;
	if (load_copy(fleet, job, previous) < 0)
		refuse(fleet, job, &job->err);
}

static void begin_restore(struct fleet *fleet, struct job *job)
{
	job->loading.is_good = true;
	if (fleet->needs_restore && load_copy(fleet, job, fleet->revisions.good) == 0)
		return;
	if (fleet->needs_restore)
		fleet->restore_mono_ms = clock_mono_ms(fleet->is.clock) + RESTORE_AGAIN_MS;
	job_end(fleet, job, NULL);
}

void road_begin(struct fleet *fleet, struct job *job)
{
	switch (job->kind) {
	case JOB_RESTORE:
		begin_restore(fleet, job);
		break;
	case JOB_FILES:
		begin_files(fleet, job);
		break;
	case JOB_OFFER:
	case JOB_CHECK:
		begin_offer(fleet, job);
		break;
	case JOB_ROLL_BACK:
		begin_roll_back(fleet, job);
		break;
	}
}

/* --- it is tried ------------------------------------------------------------------------------------------- */

int road_stage(struct fleet *fleet, struct revision *trial, struct error *err)
{
	struct revisions *revisions = &fleet->revisions;

	if (fleet->is_behind)
		tell_file_later(fleet);
	if (fleet->is_behind) {
		revision_drop(trial);
		return error_set(err, "state_dir",
			"what became of the last one is not written yet: the disk refuses");
	}
	revisions_try(revisions, trial, clock_wall_ms(fleet->is.clock));
	if (revisions->trial_mark.at_ms == 0)
		revisions->trial_mark = mend_mark(fleet);
	return tell_file(fleet, err);
}

static void on_tried(struct fleet *fleet, struct job *job)
{
	char name[48];

	LOG_WARNING("configuration taken on probation", LOG_S("what", tell_name(job->number, name)),
		LOG_S("by", job->who), LOG_I("probation_ms", fleet->probation.length_ms));
	tell_audit(fleet, job->who, "config.apply", job->number, revision_origins[job->origin]);
	tell_result(fleet, REVISION_PROBATION);
	job_end(fleet, job, NULL);
}

static void try(struct fleet *fleet, struct job *job, struct revision *trial)
{
	struct config *config = job->loading.config;
	struct watch_before before;
	char reason[FLEET_TEXT_MAX];

	if (change_check(fleet, config, &job->err) < 0) {
		revision_drop(trial);
		refuse(fleet, job, &job->err);
		return;
	}
	watch_look_before(fleet, &before);
	if (road_stage(fleet, trial, &job->err) < 0) {
		refuse(fleet, job, &job->err);
		return;
	}
	if (apply(fleet, config, &job->err) < 0) {
		road_roll_back(fleet, job->who, error_text(&job->err, reason, sizeof(reason)));
		job_end(fleet, job, &job->err);
		return;
	}
	job->loading.config = NULL;
	road_in_force(fleet, config);
	watch_begin(fleet, &before);
	on_tried(fleet, job);
}

/* It is in force already, or there is no road: the reload of old. */
static void take(struct fleet *fleet, struct job *job)
{
	struct config *config = job->loading.config;

	if (change_check(fleet, config, &job->err) < 0 || apply(fleet, config, &job->err) < 0) {
		log_refusal(&job->err);
		job_end(fleet, job, &job->err);
		return;
	}
	job->loading.config = NULL;
	road_in_force(fleet, config);
	LOG_INFO("configuration reloaded", LOG_I("destinations", config->n_destinations),
		LOG_I("routes", config->n_routes));
	job_end(fleet, job, NULL);
}

static void refuse_rolled_back(struct fleet *fleet, struct job *job)
{
	error_fill(&job->err, NULL,
		"these files were rolled back: they are ignored until they change");
	tell_alarm(fleet, "the site's files were rolled back: they are ignored until they change");
	job_end(fleet, job, &job->err);
}

static void on_files(struct fleet *fleet, struct job *job)
{
	const struct revision *current = revisions_current(&fleet->revisions);
	struct revision *revision = road_make(fleet, REVISION_FILES, job->number, &job->loading);

	if (!revision) {
		refuse(fleet, job, &no_memory);
		return;
	}
	if (revision_is_same(revision, current)) {
		revision_drop(revision);
		if (!fleet->revisions.trial)
			tell_clear(fleet, "the site's files are those in force");
		take(fleet, job);
	} else if (revisions_is_rolled_back(&fleet->revisions, revision->files_digest)) {
		revision_drop(revision);
		refuse_rolled_back(fleet, job);
	} else if (fleet->revisions.trial && revision_is_same(revision, fleet->revisions.good)) {
		revision_drop(revision);
		road_roll_back(fleet, job->who, "the files are the good ones again");
		job_end(fleet, job, NULL);
	} else {
		try(fleet, job, revision);
	}
}

static void on_desired(struct fleet *fleet, struct job *job)
{
	struct revision *revision;

	if (job->kind == JOB_CHECK) {
		bool is_fine = change_check(fleet, job->loading.config, &job->err) == 0;

		job_end(fleet, job, is_fine ? NULL : &job->err);
		return;
	}
	revision = road_make(fleet, job->origin, job->number, &job->loading);
	if (revision)
		try(fleet, job, revision);
	else
		refuse(fleet, job, &no_memory);
}

static void on_restored(struct fleet *fleet, struct job *job)
{
	struct config *config = job->loading.config;
	char text[FLEET_TEXT_MAX];

	if (!fleet->needs_restore) {
		job_end(fleet, job, NULL);
		return;
	}
	if (!config) {
		tell_alarm(fleet, "the good configuration can't be loaded, trying again: %s",
			error_text(&job->loading.err, text, sizeof(text)));
		fleet->restore_mono_ms = clock_mono_ms(fleet->is.clock) + RESTORE_AGAIN_MS;
		job_end(fleet, job, NULL);
		return;
	}
	/* The rooms are the site's: what it is called changes at a start only. */
	if (strcmp(config->site, fleet->config->site) != 0 ||
		fleet->is.apply(fleet->is.ctx, config, &job->err) < 0) {
		LOG_ERROR(
			"the good configuration can't be taken into use here, ending at once: the "
			"next start does",
			LOG_S("error", error_text(&job->err, text, sizeof(text))));
		_exit(EXIT_FAILURE);
	}
	job->loading.config = NULL;
	road_in_force(fleet, config);
	LOG_WARNING("the good configuration is in force again",
		LOG_I("revision", fleet->revisions.good->number));
	job_end(fleet, job, NULL);
}

static void on_plain_files(struct fleet *fleet, struct job *job)
{
	bool has_fleet = job->loading.config->has_fleet;
	cJSON *files = job->loading.files;

	job->loading.files = NULL;
	take(fleet, job);
	if (job->is_taken && has_fleet)
		start_road(fleet, files);
	else
		cJSON_Delete(files);
}

void road_on_loaded(struct fleet *fleet, struct job *job)
{
	if (job->kind == JOB_RESTORE) {
		on_restored(fleet, job);
	} else if (job->generation != fleet->generation) {
		loading_done(&job->loading); /* what it lies on has changed meanwhile */
		road_begin(fleet, job);
	} else if (!job->loading.config) {
		job->err = job->loading.err;
		refuse(fleet, job, &job->err);
	} else if (job->kind != JOB_FILES) {
		on_desired(fleet, job);
	} else if (fleet->is_on) {
		on_files(fleet, job);
	} else {
		on_plain_files(fleet, job);
	}
}

/* --- and it ends ------------------------------------------------------------------------------------------- */

void road_confirm(struct fleet *fleet)
{
	struct error err = { 0 };
	char name[48], text[FLEET_TEXT_MAX];
	int64_t number = fleet->revisions.trial->number;

	revisions_confirm(&fleet->revisions, clock_wall_ms(fleet->is.clock));
	if (tell_file(fleet, &err) < 0) {
		LOG_ERROR("a configuration that has proved good can't be confirmed, trying again",
			LOG_S("error", error_text(&err, text, sizeof(text))));
		return;
	}
	watch_end(fleet, true);
	LOG_INFO("configuration confirmed", LOG_S("what", tell_name(number, name)));
	tell_audit(fleet, "config", "config.confirm", number, "");
	tell_clear(fleet, "a configuration was confirmed");
	road_end(fleet);
	tell_result(fleet, REVISION_CONFIRMED);
}

void road_end(struct fleet *fleet)
{
	if (fleet->config->has_fleet || fleet->revisions.trial ||
		fleet->revisions.mend_mark.at_ms > 0)
		return;
	fleet->is_on = false;
	fleet->is_behind = false;
	revisions_done(&fleet->revisions);
	buf_reset(&fleet->kept);
	revision_file_retire(fleet->state_dir);
}

/* What waits for destinations that only the trial had. */
static int64_t count_left(const struct fleet *fleet, char names[FLEET_TEXT_MAX])
{
	cJSON *good = revision_merge(fleet->revisions.good);
	const cJSON *destinations = cJSON_GetObjectItemCaseSensitive(good, "destinations");
	struct store *store = fleet->rooms.store;
	int64_t n = 0;
	size_t len = 0;

	names[0] = '\0';
	for (int id = 1; store && good && id <= store_destination_count(store); id++) {
		const char *name = store_destination_name(store, id);
		int64_t left =
			store_pending(store, id) + store_depth(store, id, DELIVERY_EXCEPTION);

		if (left == 0 || !name || !config_find_destination(fleet->config, name) ||
			cJSON_GetObjectItemCaseSensitive(destinations, name))
			continue;
		n += left;
		if (len < FLEET_TEXT_MAX - 100)
			len += (size_t)snprintf(names + len, FLEET_TEXT_MAX - len, "%s%.64s",
				len > 0 ? ", " : "", name);
	}
	cJSON_Delete(good);
	return n;
}

static void alarm_rolled_back(struct fleet *fleet, int64_t number, const char *reason)
{
	char name[48], names[FLEET_TEXT_MAX];
	int64_t left = fleet->config ? count_left(fleet, names) : 0;

	if (left > 0)
		tell_alarm(fleet,
			"%s rolled back: %.250s; %" PRId64
			" deliveries for %.100s, which only it had, stay in the store",
			tell_name(number, name), reason, left, names);
	else
		tell_alarm(fleet, "%s rolled back: %s", tell_name(number, name), reason);
}

void road_write_back(struct fleet *fleet, const char *who, const char *reason)
{
	int64_t number = fleet->revisions.trial->number;

	revisions_roll_back(&fleet->revisions, reason, clock_wall_ms(fleet->is.clock));
	tell_file_later(fleet);
	tell_audit(fleet, who, "config.roll_back", number, reason);
	alarm_rolled_back(fleet, number, reason);
	tell_result(fleet, REVISION_ROLLED_BACK);
}

void road_roll_back(struct fleet *fleet, const char *who, const char *reason)
{
	road_write_back(fleet, who, reason);
	watch_end(fleet, false);
	fleet->generation++;
	fleet->needs_restore = true;
	fleet_queue_restore(fleet);
}
