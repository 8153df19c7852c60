/*
 * fleet_internal.h - the room's own: what waits, what is on the road, and who does which part of it.
 *
 *   fleet.c   life, and what waits
 *   start.c   what runs when drayd starts
 *   road.c    check, stage, apply, confirm, roll back
 *   change.c  may one take the place of the other
 *   watch.c   probation: what is seen of the rooms
 *   mend.c    what a trial did to events
 *   tell.c    the file, alarm, audit trail, metrics, report
 */
#ifndef DRAY_FLEET_INTERNAL_H
#define DRAY_FLEET_INTERNAL_H

#include <limits.h>
#include <sys/queue.h>

#include <cjson/cJSON.h>

#include "dray/probation.h"
#include "fleet/fleet.h"
#include "config/loading.h"

#define FLEET_WHO_MAX 96
#define FLEET_AUDITS_MAX 16
#define FLEET_TEXT_MAX 512
#define FLEET_NAME_MAX 65

struct event;

enum job_kind {
	JOB_RESTORE, /* the good one is to be in force again */
	JOB_FILES,
	JOB_OFFER,
	JOB_CHECK,
	JOB_ROLL_BACK,
};

/* One that waits, is being loaded, or is over and to be told. */
struct job {
	TAILQ_ENTRY(job) link;
	enum job_kind kind;
	enum revision_origin origin;
	char who[FLEET_WHO_MAX];
	struct buf text; /* of an offer */
	fleet_done_fn done;
	void *ctx;
	unsigned generation; /* of what was in force when it was begun */
	struct loading loading;
	int64_t number; /* of what it offers; 0 none, or not known yet */
	bool is_taken;
	struct error err;
};
TAILQ_HEAD(jobs, job);

struct fleet_audit {
	int64_t at_ms; /* wall */
	char who[FLEET_WHO_MAX], what[32], object[40], why[REVISIONS_REASON_MAX];
};

struct fleet {
	struct fleet_options is;
	struct fleet_rooms rooms; /* none before fleet_start() */
	char state_dir[PATH_MAX];
	bool is_on;      /* there is a road */
	bool is_running; /* fleet_start() is through */
	bool is_stopped;
	struct revisions revisions;
	struct buf kept; /* revisions.json as it stands on the disk; empty: there is none */
	bool is_behind;  /* it is older than `revisions`: to be written as soon as it can be */
	struct config *config;  /* in force */
	unsigned generation;    /* counts what was in force */
	struct revision *fresh; /* changed files, found at start, to be staged */
	bool ignores_files;     /* at start: they were refused */
	struct jobs waiting, over;
	struct job *under_way; /* it is being loaded */
	struct event *wake, *tick;
	bool needs_restore;      /* what runs was rolled back, the good one is not in force yet */
	int64_t restore_mono_ms; /* when it is tried again; 0: it is on its way, or not needed */

	struct probation probation;
	bool is_watched;
	struct {
		char name[FLEET_NAME_MAX];
		int64_t since_mono_ms;       /* 0: it does not hold */
	} holds[PROBATION_DESTINATIONS_MAX]; /* destinations as they were seen in the probation */
	size_t n_holds;
	cJSON *touched;      /* names of destinations, members of an object */
	bool touches_store;  /* it changes the section */
	int64_t began_at_ms; /* steady; of the trial, or of the step back from it */
	bool went_back;      /* the last trial was not kept */
	uint64_t spoilt_received, spoilt_refused; /* as in probation.h */

	struct {
		bool is_due, is_loaded, is_resting, is_ending;
		int step, destination;
		int64_t at, to_seq; /* how far the step is; the last event that is looked at */
		int64_t n_routed, n_retried;
	} mend;

	char alarm[FLEET_TEXT_MAX]; /* "" none is raised */
	bool alarm_is_told;
	struct fleet_audit audits[FLEET_AUDITS_MAX];
	size_t n_audits, n_audits_written;
};

/* --- fleet.c */
struct job *job_new(enum job_kind kind, enum revision_origin origin, const char *who,
	fleet_done_fn done, void *ctx);
void job_free(struct job *job);
/* It is told soon; err NULL: it is taken. */
void job_end(struct fleet *fleet, struct job *job, const struct error *err);
void fleet_queue_restore(struct fleet *fleet);
/* Look after what was begun, from now on; more often in a short probation. */
void fleet_set_tick(struct fleet *fleet);

/* --- start.c */
/* The files that have just been taken have a fleet section: there is a road from now on, and what runs is
 * good. `files` is the callee's. */
void start_road(struct fleet *fleet, cJSON *files);

/* --- road.c */
/* Begin what has come to its turn: it is loaded, or over. */
void road_begin(struct fleet *fleet, struct job *job);
void road_on_loaded(struct fleet *fleet, struct job *job);
void road_confirm(struct fleet *fleet);
/* Files without a fleet section are good: there is no road any more, unless there is something to mend. */
void road_end(struct fleet *fleet);
void road_roll_back(struct fleet *fleet, const char *who, const char *reason);
/*
 * The trial in the file, `starts` counted. `trial` is the callee's, also on failure.
 * 0, or -1 with *err filled and nothing changed.
 */
int road_stage(struct fleet *fleet, struct revision *trial, struct error *err);
void road_refuse(struct fleet *fleet, enum revision_origin origin, int64_t number, const char *who,
	const struct error *err);
/* The config is the fleet's from now on. */
void road_in_force(struct fleet *fleet, struct config *config);
/* A copy of both documents of a revision. False when memory ran out. */
bool road_copy(const struct revision *revision, struct loading *ret);
/* The document that a loading holds, as a revision; the loading has none any more. NULL: no memory. */
struct revision *road_make(
	struct fleet *fleet, enum revision_origin origin, int64_t number, struct loading *loading);
/* The trial is over, in the file; and told. */
void road_write_back(struct fleet *fleet, const char *who, const char *reason);

/* --- change.c */
/* May what is in force be followed by this one? 0, or -1 with *err filled. */
int change_check(struct fleet *fleet, const struct config *next, struct error *err);

/* --- watch.c */
/* What is seen before a change; at start, what is known of before. Then the watch begins. */
struct watch_before {
	struct probation_sample sample;
	struct probation_destination destinations[PROBATION_DESTINATIONS_MAX];
};
void watch_look_before(struct fleet *fleet, struct watch_before *ret);
void watch_begin(struct fleet *fleet, const struct watch_before *before);
void watch_end(struct fleet *fleet, bool is_kept);
void watch_tick(struct fleet *fleet);
/* How often to look, ms. */
int64_t watch_every_ms(const struct fleet *fleet);

/* --- mend.c */
/* Where the store stands. */
struct revision_mark mend_mark(struct fleet *fleet);
/* There may be something to mend. */
void mend_begin(struct fleet *fleet);
/* A slice, in the turn's transaction. */
void mend_dispatch(struct fleet *fleet);
void mend_committed(struct fleet *fleet);
void mend_poisoned(struct fleet *fleet);

/* --- tell.c */
/* Write what `revisions` says. 0, or -1 with *err filled: then they are what the file says again. */
int tell_file(struct fleet *fleet, struct error *err);
/* Likewise, but they stay: it is tried again until it is written. */
void tell_file_later(struct fleet *fleet);
void tell_alarm(struct fleet *fleet, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tell_clear(struct fleet *fleet, const char *message);
/* An alarm of before there was anybody to tell. */
void tell_kept_alarm(struct fleet *fleet);
/* "config.apply"; the row is written when the store takes it. */
void tell_audit(
	struct fleet *fleet, const char *who, const char *what, int64_t number, const char *why);
void tell_dispatch(struct fleet *fleet);
void tell_committed(struct fleet *fleet);
void tell_poisoned(struct fleet *fleet);
/* A step was made: metrics, and whoever reports. */
void tell_result(struct fleet *fleet, enum revision_result result);
void tell_change(struct fleet *fleet);
/* "revision 12", "the files". */
const char *tell_name(int64_t number, char out[48]);

#endif
