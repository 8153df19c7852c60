/*
 * revisions.h - which configuration an agent runs by, which it tries, and which it will not try again.
 *
 *   offered ─► refused: nothing changes
 *      └─────► TRIAL ─► confirmed: it is the good one now, the good one the previous one
 *                └────► rolled back: the good one stays, this one is never tried again
 *
 * A configuration is a pair: the document of the site's files, and a patch from afar on top (RFC 7396).
 * All of this is one small document, which is written to a file whole at every step (revision_file.h): so
 * a power cut finds the step done or not begun.
 *
 * Laws
 *   1. The good one changes by revisions_confirm() alone.
 *   2. A revision number from afar is tried once: at most `highest`, it is old.
 *   3. Files whose digest was rolled back, by itself or by hand, are not tried again until they change.
 *   4. Each start with a trial is counted, before the trial is taken into use; after
 *      REVISIONS_STARTS_MAX of them it is rolled back. So a configuration that ends drayd heals too.
 *
 * Pure.
 */
#ifndef DRAY_REVISIONS_H
#define DRAY_REVISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "dray/ids.h"

#define REVISIONS_STARTS_MAX 3
#define REVISIONS_HISTORY_MAX 50
#define REVISIONS_REASON_MAX 256

/* Where a configuration came from. */
enum revision_origin {
	REVISION_FILES,    /* the site's files: start, SIGHUP */
	REVISION_TOPIC,    /* config/desired */
	REVISION_URL,      /* fleet.url */
	REVISION_APPLY,    /* drayctl config apply */
	REVISION_ROLLBACK, /* drayctl config rollback */
	REVISION_ORIGIN_N
};
enum revision_result {
	REVISION_PROBATION,
	REVISION_CONFIRMED,
	REVISION_ROLLED_BACK,
	REVISION_REFUSED,
	REVISION_SUPERSEDED, /* a newer one came while it was tried */
	REVISION_RESULT_N
};
extern const char *const revision_origins[REVISION_ORIGIN_N]; /* "files", "topic", … */
extern const char *const revision_results[REVISION_RESULT_N]; /* "probation", "confirmed", … */

struct revision {
	int64_t number; /* of the patch; 0: there is none, the files alone */
	enum revision_origin origin;
	int64_t at_ms;
	cJSON *files;                          /* an object; never NULL */
	cJSON *patch;                          /* NULL: none */
	uint8_t files_digest[ID_DIGEST_BYTES]; /* SHA-256 of the files' document, members sorted */
};

struct revision_event {
	int64_t at_ms, number;
	enum revision_origin origin;
	enum revision_result result;
	char reason[REVISIONS_REASON_MAX]; /* "" none */
};

/* Where the store stood: its time, the last event and the last exception that were there. */
struct revision_mark {
	int64_t at_ms; /* steady; 0: it is not set */
	int64_t seq, exception;
	int64_t rounds; /* how many trials were rolled back since, and not mended yet */
};

struct revisions {
	struct revision *good, *previous, *trial; /* NULL: none */
	unsigned trial_starts;
	struct revision_mark trial_mark; /* when the trial began */
	struct revision_mark mend_mark;  /* from where on what a trial did is to be mended */
	int64_t highest;
	bool has_rolled_files; /* files that were rolled back, by digest */
	uint8_t rolled_files[ID_DIGEST_BYTES];
	struct revision_event history[REVISIONS_HISTORY_MAX]; /* oldest first */
	size_t n_history;
};

/* Both documents are the callee's, also on failure. NULL when memory ran out. */
struct revision *revision_make(
	enum revision_origin origin, int64_t number, int64_t at_ms, cJSON *files, cJSON *patch);
void revision_drop(struct revision *revision);
/* The two as one document, to be freed with cJSON_Delete(); NULL when memory ran out. */
cJSON *revision_merge(const struct revision *revision);
bool revision_is_same(const struct revision *a, const struct revision *b);

void revisions_done(struct revisions *revisions);
/* What is in force: the trial, else the good one, else NULL. */
const struct revision *revisions_current(const struct revisions *revisions);

/* Not tried again: law 2, law 3. `number` 0: by its files alone. */
bool revisions_is_old(const struct revisions *revisions, int64_t number);
bool revisions_is_rolled_back(
	const struct revisions *revisions, const uint8_t files_digest[ID_DIGEST_BYTES]);

/* The first there is: good without a trial, since there is nothing to go back to. */
void revisions_found(struct revisions *revisions, struct revision *first);
/* A trial that is under way is superseded, and hands its mark on. The revision is the callee's. Of one that is
 * a step back by hand (REVISION_ROLLBACK) the files of the good one are rolled back: law 3. */
void revisions_try(struct revisions *revisions, struct revision *trial, int64_t now_ms);
/* Law 4. False: too many; the caller rolls back. */
bool revisions_count_start(struct revisions *revisions);
void revisions_confirm(struct revisions *revisions, int64_t now_ms);
/* Where the trial's mark was set, what came since is to be mended: from there, or from further back where
 * that is being mended still. */
void revisions_roll_back(struct revisions *revisions, const char *reason, int64_t now_ms);
/* What can't be taken is told once: the same refusal again only moves its time. */
void revisions_refuse(struct revisions *revisions, enum revision_origin origin, int64_t number,
	const char *reason, int64_t now_ms);

/* As the file holds it, and as GET /v1/config shows it. */
void revisions_print(const struct revisions *revisions, struct buf *out);
/* 0, or -1 with *err filled and *ret empty: a damaged file is as none. */
int revisions_parse(const char *text, size_t len, struct revisions *ret, struct error *err);

#endif
