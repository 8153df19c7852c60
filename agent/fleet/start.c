/*
 * start.c - what runs when drayd starts.
 *
 *   a trial that has begun    is counted, and goes on; after too many starts, or where it can't be loaded, it
 *                             is rolled back
 *   files that have changed   become a trial, on top of either, where they can be loaded; else they are
 *                             refused, and what was goes on
 *   the first there are       are good
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dray/json.h"
#include "fleet/fleet_internal.h"
#include "fleet/revision_file.h"
#include "log.h"
#include "turn.h"

#define STATE_DIR "/var/lib/dray" /* as the option's default */

/* --- where ------------------------------------------------------------------------------------------------ */

/* systemd names the folders of the unit, the first is ours; else nobody knows. */
static int find_dir(struct fleet *fleet, const cJSON *files, struct error *err)
{
	const cJSON *said = json_get(files, "state_dir");
	const char *text = files && !said ? STATE_DIR : NULL;
	size_t len;

	if (said && cJSON_IsString(said) && said->valuestring[0] == '/')
		text = said->valuestring;
	len = text ? strlen(text) : 0;
	if (!text) {
		text = getenv("STATE_DIRECTORY");
		len = text ? strcspn(text, ":") : 0;
	}
	if (len == 0)
		return -1; /* *err says what is wrong with the files */
	if (len >= sizeof(fleet->state_dir))
		return error_set(err, "state_dir", "path is too long");
	memcpy(fleet->state_dir, text, len);
	fleet->state_dir[len] = '\0';
	return 0;
}

/* Of another folder, or for another site: it was copied here. */
static bool is_of_here(const struct fleet *fleet, const struct revision *good)
{
	const char *text = json_get_string(good->files, "state_dir");

	return strcmp(text ? text : STATE_DIR, fleet->state_dir) == 0;
}

static void set_aside(struct fleet *fleet, const char *why)
{
	char kept[PATH_MAX], text[FLEET_TEXT_MAX];
	struct error err = { 0 };

	revisions_done(&fleet->revisions);
	buf_reset(&fleet->kept);
	if (revision_file_set_aside(fleet->state_dir, kept, &err) < 0)
		tell_alarm(fleet,
			"revisions.json can't be used (%s) nor set aside (%s): what the files say "
			"runs",
			why, error_text(&err, text, sizeof(text)));
	else
		tell_alarm(fleet,
			"revisions.json could not be used (%.200s), it is kept as %.200s: what the "
			"files say runs",
			why, kept);
}

static void read_file(struct fleet *fleet)
{
	struct error err = { 0 };
	char text[FLEET_TEXT_MAX];
	int found = revision_file_read(fleet->state_dir, &fleet->kept, &err);

	if (found > 0)
		found = revisions_parse(fleet->kept.data, fleet->kept.len, &fleet->revisions, &err);
	else if (found == 0)
		return;
	if (found < 0)
		set_aside(fleet, error_text(&err, text, sizeof(text)));
	else if (!is_of_here(fleet, fleet->revisions.good))
		set_aside(fleet, "it is of another state_dir");
}

/* Files without a fleet section are taken as they are, but where the road still has to do with these very
 * files: a trial of them has begun, or what one before them did is to be mended. */
static bool has_to_go_on(struct fleet *fleet, const cJSON *files)
{
	struct revisions revisions = { 0 };
	struct revision *now = NULL;
	struct buf text = BUF_INIT;
	struct error err;
	cJSON *copy = cJSON_Duplicate(files, true);
	bool is_same = false;

	if (revision_file_read(fleet->state_dir, &text, &err) > 0 &&
		revisions_parse(text.data, text.len, &revisions, &err) == 0 &&
		(revisions.trial || revisions.mend_mark.at_ms > 0)) {
		now = revision_make(REVISION_FILES, 0, 0, copy, NULL);
		copy = NULL;
		is_same = now &&
			  memcmp(now->files_digest, revisions_current(&revisions)->files_digest,
				  ID_DIGEST_BYTES) == 0;
	}
	cJSON_Delete(copy);
	revision_drop(now);
	revisions_done(&revisions);
	buf_done(&text);
	return is_same;
}

/* --- one after another ------------------------------------------------------------------------------------ */

static int load(struct fleet *fleet, const struct revision *revision, struct error *err)
{
	struct loading loading = { .is_good = revision == fleet->revisions.good };

	if (road_copy(revision, &loading))
		fleet->is.load(fleet->is.ctx, &loading);
	else
		error_fill(&loading.err, NULL, "out of memory");
	if (loading.config) {
		config_free(fleet->config);
		fleet->config = loading.config;
		loading.config = NULL;
	} else {
		*err = loading.err;
		loading_done(&loading);
		return -1;
	}
	loading_done(&loading);
	return 0;
}

static struct revision *make_fresh(struct fleet *fleet, const cJSON *files)
{
	const struct revision *below = revisions_current(&fleet->revisions);
	struct loading pair = { .files = cJSON_Duplicate(files, true) };

	if (below && below->patch)
		pair.patch = cJSON_Duplicate(below->patch, true);
	if (!pair.files || (below && below->patch && !pair.patch)) {
		loading_done(&pair);
		return NULL;
	}
	return road_make(fleet, REVISION_FILES, below ? below->number : 0, &pair);
}

/* 1 they are to be tried, and are loaded; 0 there is nothing to try; -1 they were refused. */
static int look_at_files(struct fleet *fleet, const cJSON *files)
{
	const struct revision *current = revisions_current(&fleet->revisions);
	struct revision *fresh = make_fresh(fleet, files);
	struct error err = { .message = "out of memory" };
	int status = -1;

	if (fresh && memcmp(fresh->files_digest, current->files_digest, ID_DIGEST_BYTES) == 0) {
		status = 0;
	} else if (fresh && revisions_is_rolled_back(&fleet->revisions, fresh->files_digest)) {
		tell_alarm(fleet,
			"the site's files were rolled back: they are ignored until they change");
		status = 0;
	} else if (fresh && fleet->revisions.trial &&
		   revision_is_same(fresh, fleet->revisions.good)) {
		road_write_back(fleet, "files", "the files are the good ones again");
		status = 0;
	} else if (fresh && load(fleet, fresh, &err) == 0) {
		fleet->fresh = fresh;
		return 1;
	} else {
		road_refuse(fleet, REVISION_FILES, 0, "files", &err);
	}
	revision_drop(fresh);
	return status;
}

static void go_back(struct fleet *fleet, const char *reason)
{
	LOG_ERROR("the configuration on trial is rolled back", LOG_S("why", reason));
	road_write_back(fleet, "config", reason);
}

/* True: it goes on. */
static bool go_on_trial(struct fleet *fleet)
{
	struct error err = { 0 };
	char text[FLEET_TEXT_MAX], reason[FLEET_TEXT_MAX + 64];

	if (!revisions_count_start(&fleet->revisions)) {
		(void)snprintf(reason, sizeof(reason),
			"drayd started %d times without getting through its probation",
			REVISIONS_STARTS_MAX);
		go_back(fleet, reason);
		return false;
	}
	if (tell_file(fleet, &err) < 0) {
		(void)snprintf(reason, sizeof(reason), "its start can't be counted: %s",
			error_text(&err, text, sizeof(text)));
		go_back(fleet, reason);
		return false;
	}
	if (load(fleet, fleet->revisions.trial, &err) < 0) {
		go_back(fleet, error_text(&err, text, sizeof(text)));
		return false;
	}
	return true;
}

static int find_first(struct fleet *fleet, cJSON *files, struct error *err)
{
	struct loading pair = { .files = cJSON_Duplicate(files, true) };
	struct revision *first = pair.files ? road_make(fleet, REVISION_FILES, 0, &pair) : NULL;

	if (!first)
		return error_set(err, NULL, "out of memory");
	if (load(fleet, first, err) < 0) {
		revision_drop(first);
		return -1;
	}
	revisions_found(&fleet->revisions, first);
	tell_file_later(fleet);
	return 0;
}

static int choose_on_road(struct fleet *fleet, cJSON *files, struct error *err)
{
	char text[FLEET_TEXT_MAX];

	if (!fleet->revisions.good)
		return files ? find_first(fleet, files, err) : -1;
	if (!files)
		tell_alarm(fleet,
			"the site's files can't be read, the good configuration goes on: %s",
			error_text(err, text, sizeof(text)));
	else if (!fleet->ignores_files && look_at_files(fleet, files) > 0)
		return 0;
	if (fleet->revisions.trial && go_on_trial(fleet))
		return 0;
	return load(fleet, fleet->revisions.good, err);
}

/* No road: as the files say. */
static int choose_plain(struct fleet *fleet, cJSON *files, struct error *err)
{
	struct loading loading = { .files = cJSON_Duplicate(files, true) };

	if (!loading.files)
		return error_set(err, NULL, "out of memory");
	fleet->is.load(fleet->is.ctx, &loading);
	fleet->config = loading.config;
	loading.config = NULL;
	*err = loading.err;
	loading_done(&loading);
	if (!fleet->config || fleet->is.lock(fleet->is.ctx, fleet->config->state_dir, err) < 0)
		return -1;
	revision_file_retire(fleet->config->state_dir);
	return 0;
}

int fleet_choose(struct fleet *fleet, struct error *err)
{
	cJSON *files = NULL;
	int status = -1;

	if (fleet->is.read(fleet->is.ctx, &files, err) < 0)
		files = NULL;
	if (find_dir(fleet, files, err) == 0)
		fleet->is_on = !files || cJSON_IsObject(json_get(files, "fleet")) ||
			       has_to_go_on(fleet, files);
	else if (!files)
		return -1;
	if (!fleet->is_on) {
		status = choose_plain(fleet, files, err);
	} else if (fleet->is.lock(fleet->is.ctx, fleet->state_dir, err) == 0) {
		read_file(fleet);
		status = choose_on_road(fleet, files, err);
	}
	cJSON_Delete(files);
	return status;
}

void start_road(struct fleet *fleet, cJSON *files)
{
	struct loading pair = { .files = files };
	struct revision *first = road_make(fleet, REVISION_FILES, 0, &pair);

	if (!first) {
		tell_alarm(fleet, "there is no memory for a road, reload once more");
		return;
	}
	(void)snprintf(fleet->state_dir, sizeof(fleet->state_dir), "%s", fleet->config->state_dir);
	fleet->is_on = true;
	revisions_found(&fleet->revisions, first);
	tell_file_later(fleet);
	tell_change(fleet);
	fleet_set_tick(fleet);
}

/* --- taking it into use ------------------------------------------------------------------------------------ */

/* Again without what could not be taken. */
static int choose_again(struct fleet *fleet, struct error *err)
{
	fleet->ignores_files = true;
	return choose_on_road(fleet, fleet->revisions.good->files, err);
}

/* The files that are to be tried. 0, also when they are not: then what was goes on; or -1. */
static int stage_fresh(struct fleet *fleet, struct error *err)
{
	struct revision *fresh = fleet->fresh;
	struct error why = { 0 };
	int64_t number;

	if (!fresh)
		return 0;
	number = fresh->number;
	fleet->fresh = NULL;
	if (change_check(fleet, fleet->config, &why) < 0) {
		revision_drop(fresh);
	} else if (road_stage(fleet, fresh, &why) == 0) {
		tell_audit(fleet, "files", "config.apply", number, "files");
		tell_result(fleet, REVISION_PROBATION);
		return 0;
	}
	road_refuse(fleet, REVISION_FILES, number, "files", &why);
	return choose_again(fleet, err);
}

/* The good one in the place of one that could not be taken into use: some rooms have that one until then. */
static int apply_good(struct fleet *fleet, struct error *err)
{
	struct config *failed = fleet->config;
	int status;

	fleet->config = NULL;
	status = load(fleet, fleet->revisions.good, err);
	if (status == 0)
		status = fleet->is.apply(fleet->is.ctx, fleet->config, err);
	config_free(failed);
	return status;
}

/* One that can't be taken into use is rolled back at once; the good one must be. */
static int apply(struct fleet *fleet, struct error *err)
{
	char text[FLEET_TEXT_MAX];

	if (fleet->is.apply(fleet->is.ctx, fleet->config, err) == 0)
		return 0;
	if (!fleet->is_on || !fleet->revisions.trial)
		return -1;
	go_back(fleet, error_text(err, text, sizeof(text)));
	return apply_good(fleet, err);
}

static void on_turn_dispatch(void *ctx)
{
	tell_dispatch(ctx);
	mend_dispatch(ctx);
}

static void on_turn_committed(void *ctx)
{
	tell_committed(ctx);
	mend_committed(ctx);
}

static void on_turn_poisoned(void *ctx)
{
	tell_poisoned(ctx);
	mend_poisoned(ctx);
}

void fleet_attach(struct fleet *fleet, const struct fleet_rooms *rooms)
{
	fleet->rooms = *rooms;
	turn_add(rooms->turn, &(struct turn_member){ .name = "fleet",
				      .dispatch = on_turn_dispatch,
				      .committed = on_turn_committed,
				      .poisoned = on_turn_poisoned,
				      .ctx = fleet });
}

int fleet_start(struct fleet *fleet, struct error *err)
{
	struct watch_before before;

	if (stage_fresh(fleet, err) < 0 || apply(fleet, err) < 0)
		return -1;
	if (fleet->is_on && fleet->revisions.trial) {
		watch_look_before(fleet, &before);
		watch_begin(fleet, &before);
		LOG_WARNING("the configuration is on probation",
			LOG_I("revision", fleet->revisions.trial->number),
			LOG_I("start", fleet->revisions.trial_starts),
			LOG_I("probation_ms", fleet->probation.length_ms));
	}
	fleet->is_running = true;
	tell_kept_alarm(fleet);
	if (fleet->is_on)
		fleet_set_tick(fleet);
	mend_begin(fleet);
	tell_change(fleet);
	return 0;
}
