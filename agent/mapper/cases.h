/*
 * cases.h - a connector's cases, run offline: guide "Writing a connector", section cases.json.
 */
#ifndef DRAY_CASES_H
#define DRAY_CASES_H

#include "dray/buf.h"
#include "dray/error.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper_run.h"

#define CASES_ZONE "Europe/Berlin" /* the site's time zone in every case, wherever it is run */
#define CASES_SITE "dc-muc-1"
#define CASES_KEY "00000000-0000-8000-8000-000000000001"
#define CASES_EVENTS_MAX 1000 /* of one case */
#define CASES_HEADERS_MAX 128 /* of one response */

/* Is it of the form that the guide gives? 0, or -1 with *err naming the member. */
int cases_check(const cJSON *cases, struct error *err);

/*
 * Told once per case. `diff` is "" when it passed, else for people: which step, and line by line what
 * was expected (-) and what came (+).
 */
typedef void (*cases_fn)(void *ctx, const char *name, const char *diff);

/*
 * Run all cases of a folder. Returns how many failed; -1 with *err filled when they can't be run
 * (cases.json is missing or not of the form that the guide gives).
 */
int cases_run(const struct connector_folder *folder, struct mapper_run *run, cases_fn fn, void *ctx,
	struct error *err);

#endif
