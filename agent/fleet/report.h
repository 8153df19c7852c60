/*
 * report.h - what stands in config/reported, and what the control API says of revisions.
 *
 *   {"time","site","version","revision","state","origin","digest","last":{"time","revision","origin",
 *    "result","reason"}}
 *
 * `revision` and `origin` are those of what is in force (revision null: none from afar), `digest` is that
 * of its files. `last` is the last thing that happened to any, `time` when. `state` says in a word how the
 * site stands: "good", "probation", or, while the good one is in force because what was offered last did
 * not become it, "refused" or "rolled_back".
 *
 * So the text changes when, and only when, there is something new to tell. Pure.
 */
#ifndef DRAY_REPORT_H
#define DRAY_REPORT_H

#include "dray/buf.h"
#include "dray/revisions.h"

const char *report_state(const struct revisions *revisions);
void report_render(const struct revisions *revisions, const char *site, struct buf *out);
/* One line of the history, an object. */
void report_put_event(const struct revision_event *event, struct buf *out);

#endif
