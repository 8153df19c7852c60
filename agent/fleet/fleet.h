/*
 * fleet.h - remote configuration. However it arrives, it takes one road:
 *
 *   receive ─► verify ─► check ─► stage ─► apply ─► probation ─► confirm, or roll back
 *
 *   ways in    files (start, SIGHUP), the retained topic config/desired, fleet.url, drayctl config apply
 *   verify     desired.h: signature, revision, site, what may be changed
 *   check      the whole of loading.h, the cases of connectors; and nothing queued loses its destination
 *   stage      revisions.json in the state directory says TRIAL (revision_file.h): from here on a crash, a
 *              reboot or a power cut ends in this trial or in the last good configuration, never elsewhere
 *   probation  probation.h
 *   back       revisions.json says so, the good one is applied, and what the trial did to events is mended:
 *              those received meanwhile are routed once more by the good routes, what destinations
 *              rejected meanwhile is tried again
 *
 * One is on the road at a time; one that comes meanwhile waits, the newest of each way in. Without a
 * `fleet` section there is no road: files are taken at once and the rest is refused.
 *
 * Laws
 *   1. The good configuration is in revisions.json whole: it needs neither the files nor the database.
 *   2. The file is written before the configuration is in force, and before anybody is told.
 *   3. A step back never depends on room in the store. Audit rows are written when the store takes them.
 */
#ifndef DRAY_FLEET_H
#define DRAY_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"
#include "dray/config.h"
#include "dray/error.h"
#include "dray/revisions.h"

struct fleet;

/*
 * Told once, from the loop, how an offer went.
 *
 * is_taken  it is in force now, on probation; else *err says in words why not.
 * number    of the revision; 0: none, or unknown.
 */
typedef void (*fleet_done_fn)(void *ctx, bool is_taken, int64_t number, const struct error *err);

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

/* For GET /v1/config, the status and the report. NULL without a fleet section. */
const struct revisions *fleet_revisions(const struct fleet *fleet);
/* While a trial is under way: how long it still is, ms; 0 none is. */
int64_t fleet_probation_left_ms(const struct fleet *fleet);
/* The document of config/reported: revision in force, result, reason, of the last that was offered. */
void fleet_render_report(const struct fleet *fleet, struct buf *out);

#endif
