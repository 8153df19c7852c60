#include "fleet/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "fleet/fleet_internal.h"
#include "turn.h"

/* People who wait; of topic, URL and files there is one each. */
#define WAITING_MAX 16

/* --- one that waits ---------------------------------------------------------------------------------- */

struct job *job_new(enum job_kind kind, enum revision_origin origin, const char *who,
	fleet_done_fn done, void *ctx)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->kind = kind;
	job->origin = origin;
	job->done = done;
	job->ctx = ctx;
	(void)snprintf(job->who, sizeof(job->who), "%s", who);
	return job;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	loading_done(&job->loading);
	buf_done(&job->text);
	free(job);
}

void job_end(struct fleet *fleet, struct job *job, const struct error *err)
{
	job->is_taken = !err;
	if (err && err != &job->err)
		job->err = *err;
	TAILQ_INSERT_TAIL(&fleet->over, job, link);
	event_active(fleet->wake, EV_TIMEOUT, 1);
}

static void refuse_job(struct fleet *fleet, struct job *job, const char *why)
{
	error_fill(&job->err, NULL, "%s", why);
	job_end(fleet, job, &job->err);
}

/* --- what waits ---------------------------------------------------------------------------------------- */

/* Of these the newest says all. */
static bool takes_the_place(const struct job *job, const struct job *older)
{
	if (job->kind != older->kind || job->origin != older->origin)
		return false;
	return job->kind == JOB_FILES ||
	       (job->kind == JOB_OFFER &&
		       (job->origin == REVISION_TOPIC || job->origin == REVISION_URL));
}

static void enqueue(struct fleet *fleet, struct job *job)
{
	struct job *older, *next;
	unsigned n = 0;

	for (older = TAILQ_FIRST(&fleet->waiting); older; older = next) {
		next = TAILQ_NEXT(older, link);
		n++;
		if (!takes_the_place(job, older))
			continue;
		TAILQ_REMOVE(&fleet->waiting, older, link);
		refuse_job(fleet, older, "a newer one took its place before it was looked at");
	}
	if (n >= WAITING_MAX && job->kind != JOB_RESTORE) {
		refuse_job(fleet, job, "too many wait to be looked at, try again");
		return;
	}
	if (job->kind == JOB_RESTORE)
		TAILQ_INSERT_HEAD(&fleet->waiting, job, link);
	else
		TAILQ_INSERT_TAIL(&fleet->waiting, job, link);
	event_active(fleet->wake, EV_TIMEOUT, 1);
}

/* Without memory nobody can be told; what is retained comes again. */
static void enqueue_new(struct fleet *fleet, enum job_kind kind, enum revision_origin origin,
	const char *who, const char *text, size_t len, fleet_done_fn done, void *ctx)
{
	struct job *job = fleet->is_stopped ? NULL : job_new(kind, origin, who, done, ctx);

	if (!job)
		return;
	if (text)
		buf_put(&job->text, text, len);
	if (buf_failed(&job->text))
		refuse_job(fleet, job, "out of memory");
	else
		enqueue(fleet, job);
}

void fleet_queue_restore(struct fleet *fleet)
{
	struct job *job = job_new(JOB_RESTORE, REVISION_ROLLBACK, "config", NULL, NULL);

	fleet->restore_mono_ms = job ? 0 : clock_mono_ms(fleet->is.clock) + 1;
	if (job)
		enqueue(fleet, job);
}

void fleet_reload(struct fleet *fleet, fleet_done_fn done, void *ctx)
{
	enqueue_new(fleet, JOB_FILES, REVISION_FILES, "files", NULL, 0, done, ctx);
}

void fleet_offer(struct fleet *fleet, enum revision_origin origin, const char *who,
	const char *text, size_t len, fleet_done_fn done, void *ctx)
{
	enqueue_new(fleet, JOB_OFFER, origin, who, text, len, done, ctx);
}

void fleet_check(struct fleet *fleet, const char *text, size_t len, fleet_done_fn done, void *ctx)
{
	enqueue_new(fleet, JOB_CHECK, REVISION_APPLY, "", text, len, done, ctx);
}

void fleet_roll_back(struct fleet *fleet, const char *who, fleet_done_fn done, void *ctx)
{
	enqueue_new(fleet, JOB_ROLL_BACK, REVISION_ROLLBACK, who, NULL, 0, done, ctx);
}

static bool has_files(const struct jobs *jobs)
{
	const struct job *job;

	TAILQ_FOREACH (job, jobs, link)
		if (job->kind == JOB_FILES)
			return true;
	return false;
}

bool fleet_is_reloading(const struct fleet *fleet)
{
	return has_files(&fleet->waiting) ||
	       (fleet->under_way && fleet->under_way->kind == JOB_FILES);
}

void fleet_stop(struct fleet *fleet)
{
	fleet->is_stopped = true;
}

/* --- the loop's part --------------------------------------------------------------------------------- */

static void tell_one(struct fleet *fleet)
{
	struct job *job = TAILQ_FIRST(&fleet->over);

	TAILQ_REMOVE(&fleet->over, job, link);
	if (job->done)
		job->done(job->ctx, job->is_taken, job->number, job->is_taken ? NULL : &job->err);
	job_free(job);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct fleet *fleet = ctx;
	struct job *job;

	(void)fd;
	(void)what;
	while (!TAILQ_EMPTY(&fleet->over))
		tell_one(fleet);
	job = fleet->under_way || fleet->is_stopped ? NULL : TAILQ_FIRST(&fleet->waiting);
	if (!job)
		return;
	TAILQ_REMOVE(&fleet->waiting, job, link);
	road_begin(fleet, job);
	event_active(fleet->wake, EV_TIMEOUT, 1);
}

void fleet_on_loaded(struct fleet *fleet, struct loading *loading)
{
	struct job *job = fleet->under_way;

	(void)loading; /* the job's own */
	fleet->under_way = NULL;
	if (fleet->is_stopped) {
		job_free(job);
		return;
	}
	road_on_loaded(fleet, job);
	event_active(fleet->wake, EV_TIMEOUT, 1);
}

void fleet_set_tick(struct fleet *fleet)
{
	int64_t every_ms = watch_every_ms(fleet);
	struct timeval every = clock_wait(every_ms);

	(void)event_add(fleet->tick, &every);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct fleet *fleet = ctx;

	(void)fd;
	(void)what;
	if (!fleet->is_stopped) {
		if (fleet->is_behind)
			tell_file_later(fleet);
		if (fleet->restore_mono_ms > 0 &&
			clock_mono_ms(fleet->is.clock) >= fleet->restore_mono_ms)
			fleet_queue_restore(fleet);
		watch_tick(fleet);
	}
	if (fleet->is_on)
		fleet_set_tick(fleet);
}

/* --- life ---------------------------------------------------------------------------------------------- */

struct fleet *fleet_new(const struct fleet_options *options)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));

	if (!fleet)
		return NULL;
	fleet->is = *options;
	TAILQ_INIT(&fleet->waiting);
	TAILQ_INIT(&fleet->over);
	fleet->wake = event_new(options->base, -1, 0, on_wake, fleet);
	fleet->tick = event_new(options->base, -1, 0, on_tick, fleet);
	if (!fleet->wake || !fleet->tick) {
		fleet_free(fleet);
		return NULL;
	}
	return fleet;
}

static void free_all(struct jobs *jobs)
{
	struct job *job;

	while ((job = TAILQ_FIRST(jobs)) != NULL) {
		TAILQ_REMOVE(jobs, job, link);
		job_free(job);
	}
}

void fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	if (fleet->wake)
		event_free(fleet->wake);
	if (fleet->tick)
		event_free(fleet->tick);
	free_all(&fleet->waiting);
	free_all(&fleet->over);
	job_free(fleet->under_way);
	revision_drop(fleet->fresh);
	revisions_done(&fleet->revisions);
	buf_done(&fleet->kept);
	cJSON_Delete(fleet->touched);
	config_free(fleet->config);
	free(fleet);
}

const struct config *fleet_config(const struct fleet *fleet)
{
	return fleet->config;
}

const struct revisions *fleet_revisions(const struct fleet *fleet)
{
	return fleet->is_on ? &fleet->revisions : NULL;
}

int64_t fleet_probation_left_ms(const struct fleet *fleet)
{
	int64_t left_ms = 0;

	if (fleet->is_watched)
		left_ms = fleet->probation.began_mono_ms + fleet->probation.length_ms -
			  clock_mono_ms(fleet->is.clock);
	return fleet->is_watched && left_ms < 1 ? 1 : left_ms;
}
