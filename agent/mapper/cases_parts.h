/*
 * cases_parts.h - what the cases of connectors and of adapters share.
 */
#ifndef DRAY_CASES_PARTS_H
#define DRAY_CASES_PARTS_H

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "mapper/cases.h"

/* What a program gave, within the bounds of an output. The caller's; NULL: beyond them. */
cJSON *cases_parse_output(const char *text, size_t len);
/* Append what differs, with sorted members, a line each. 0, or -1 when memory ran out. */
int cases_put_difference(const cJSON *expect, const cJSON *actual, struct buf *diff);

/* `object` has no member but those of `names` (NULL ends). 0, or -1 with *err naming it. */
int cases_refuse_unknown(const cJSON *object, const char *const *names, struct error *err);
/* `headers` are absent, or an object of strings. 0, or -1 with *err. */
int cases_check_headers(const cJSON *headers, struct error *err);

/* Run one case: `diff` stays empty when it passed. 0, or -1 when memory ran out. */
typedef int (*cases_one_fn)(const struct connector_folder *folder, struct mapper_run *run,
	const cJSON *spec, struct buf *diff);
/* Run all of a checked array, as cases_run() does. */
int cases_run_all(const struct connector_folder *folder, struct mapper_run *run, const cJSON *cases,
	cases_one_fn run_case, cases_fn fn, void *ctx, struct error *err);

/* Put "name[index]." before the path. -1, always. */
int cases_prefix_index(struct error *err, const char *name, int index);

#endif
