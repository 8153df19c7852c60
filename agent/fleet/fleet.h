/*
 * fleet.h - which configuration runs, and how another one comes to. However it arrives, it takes one road:
 *
 *   receive ─► verify ─► check ─► stage ─► apply ─► probation ─► confirm, or roll back
 *
 *   ways in    files (start, SIGHUP), the retained topic config/desired, fleet.url, drayctl config apply
 *   verify     desired.h: signature, revision, site, what may be changed
 *   check      the whole of config/loading.h, the cases of connectors; and nothing queued loses its destination
 *   stage      revisions.json in the state directory says TRIAL (revision_file.h): from here on a crash, a
 *              reboot or a power cut ends in this trial or in the last good configuration, never elsewhere
 *   probation  probation.h
 *   back       revisions.json says so, the good one is applied, and what the trial did to events is mended
 *              (mend.h): those received meanwhile are routed once more by the good routes, what destinations
 *              rejected meanwhile is tried again
 *
 * One is on the road at a time, up to its probation; one that comes meanwhile waits, of topic, URL and files
 * the newest. One that comes in probation takes its place. A document from afar lies on the files in force,
 * files lie below the document in force.
 *
 * Without a `fleet` section there is no road: files are taken at once and the rest is refused. A trial that
 * has begun ends on it, also where its files have none; and so does the mending of one before.
 *
 * Laws
 *   1. The good configuration is in revisions.json whole: it needs neither the files nor the database.
 *   2. The file is written before a trial is in force, and before anybody is told. A file that can't be
 *      written refuses a trial; it does not stop a step back, which is written as soon as it can be.
 *   3. A step back never depends on room in the store. Audit rows are written when the store takes them.
 */
#ifndef DRAY_FLEET_H
#define DRAY_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/config.h"
#include "dray/error.h"
#include "dray/revisions.h"

struct event_base;
struct turn;
struct store;
struct deliver;
struct metrics;
struct clock;
struct loading;
struct store_event_row;
struct store_target;
struct fleet;

struct fleet_options {
	struct event_base *base;
	struct metrics *metrics;
	const struct clock *clock;
	/* For who works in a state folder: called once, before anything is written there. 0, or -1. */
	int (*lock)(void *ctx, const char *state_dir, struct error *err);
	/* Read the files alone, and load: now, at start, when nothing runs yet. */
	int (*read)(void *ctx, cJSON **ret, struct error *err);
	void (*load)(void *ctx, struct loading *loading);
	/* Load beside the loop; fleet_on_loaded() is told. One at a time. */
	void (*start_load)(void *ctx, struct loading *loading);
	/* Take it into use. 0, or -1 with *err filled: then the one before is applied again, and where that
	 * fails the process ends. */
	int (*apply)(void *ctx, const struct config *config, struct error *err);
	bool (*broker_is_up)(void *ctx);
	/* The broker is left alone because the store has no room. */
	bool (*is_closed)(void *ctx);
	/* Where an event goes, as intake_route_again(). */
	int (*route)(void *ctx, const struct store_event_row *event,
		int (*fn)(void *fn_ctx, const struct store_target *target), void *fn_ctx);
	/* Deliveries are to rest, or to go on: older ones are being put in front of them. */
	void (*on_rest)(void *ctx, bool is_resting);
	/* An alarm, raised or cleared. */
	void (*on_alarm)(void *ctx, const char *message, bool is_cleared);
	/* What fleet_render_report() says has changed. */
	void (*on_change)(void *ctx);
	void *ctx;
};

/* The rooms that it looks at, once there are any. */
struct fleet_rooms {
	struct turn *turn;
	struct store *store;
	struct deliver *deliver;
};

/* NULL when memory ran out. */
struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *fleet);

/*
 * Decide what runs, from the files and from revisions.json, and load it. Blocks.
 * 0: fleet_config() is to be taken into use; or -1 with *err filled: there is none that can be.
 */
int fleet_choose(struct fleet *fleet, struct error *err);
/* Take part in turns. */
void fleet_attach(struct fleet *fleet, const struct fleet_rooms *rooms);
/*
 * Take it into use. A trial is staged, or counted, first; one that can't be taken into use is rolled back.
 * 0, or -1 with *err filled.
 */
int fleet_start(struct fleet *fleet, struct error *err);

/* What runs; valid until the next turn. */
const struct config *fleet_config(const struct fleet *fleet);

/* What start_load() was given is done. */
void fleet_on_loaded(struct fleet *fleet, struct loading *loading);

/*
 * Told once, from the loop, how an offer went.
 *
 * is_taken  it is in force now, on probation; else *err says in words why not.
 * number    of the revision; 0: none, or unknown.
 */
typedef void (*fleet_done_fn)(void *ctx, bool is_taken, int64_t number, const struct error *err);

/* The files may have changed: SIGHUP. Without a road they are taken at once. Secrets are read again, too. */
void fleet_reload(struct fleet *fleet, fleet_done_fn done, void *ctx);
/* Files are being read, or will be. */
bool fleet_is_reloading(const struct fleet *fleet);
/* Nothing is taken any more: the process is about to end. Nobody is told of what waits. */
void fleet_stop(struct fleet *fleet);

/*
 * Offer a document (desired.h). Bytes are copied. `done` may be NULL; never called from within.
 *
 * who  for the audit trail: "uid:0", "token:ops", "topic", "url".
 */
void fleet_offer(struct fleet *fleet, enum revision_origin origin, const char *who,
	const char *text, size_t len, fleet_done_fn done, void *ctx);
/* Go back to the previous good one, by hand: it goes on probation like any other; while a trial is under
 * way, to the good one at once. */
void fleet_roll_back(struct fleet *fleet, const char *who, fleet_done_fn done, void *ctx);
/* Only check an offer, with all that is checked of one that is applied: no effect. */
void fleet_check(struct fleet *fleet, const char *text, size_t len, fleet_done_fn done, void *ctx);
/* For GET /v1/config, the status and the report. NULL without a road. */
const struct revisions *fleet_revisions(const struct fleet *fleet);
/* While a trial is under way: how long it still is, ms; 0 none is. */
int64_t fleet_probation_left_ms(const struct fleet *fleet);
/* The document of config/reported: report.h. Nothing without a road. */
void fleet_render_report(const struct fleet *fleet, struct buf *out);

#endif
