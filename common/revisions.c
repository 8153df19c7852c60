#include "dray/revisions.h"

#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/utf8.h"

const char *const revision_origins[REVISION_ORIGIN_N] = {
	[REVISION_FILES] = "files",
	[REVISION_TOPIC] = "topic",
	[REVISION_URL] = "url",
	[REVISION_APPLY] = "apply",
	[REVISION_ROLLBACK] = "rollback",
};
const char *const revision_results[REVISION_RESULT_N] = {
	[REVISION_PROBATION] = "probation",
	[REVISION_CONFIRMED] = "confirmed",
	[REVISION_ROLLED_BACK] = "rolled_back",
	[REVISION_REFUSED] = "refused",
	[REVISION_SUPERSEDED] = "superseded",
};

/* --- one revision ---------------------------------------------------------------------------------- */

static bool digest_document(const cJSON *document, uint8_t out[ID_DIGEST_BYTES])
{
	struct buf text = BUF_INIT;
	bool is_made;

	json_print_sorted(document, &text);
	is_made = !buf_failed(&text) && text.data;
	if (is_made)
		id_digest(text.data, text.len, out);
	buf_done(&text);
	return is_made;
}

struct revision *revision_make(
	enum revision_origin origin, int64_t number, int64_t at_ms, cJSON *files, cJSON *patch)
{
	struct revision *revision = calloc(1, sizeof(*revision));

	if (!revision || !files || !digest_document(files, revision->files_digest)) {
		free(revision);
		cJSON_Delete(files);
		cJSON_Delete(patch);
		return NULL;
	}
	revision->number = number;
	revision->origin = origin;
	revision->at_ms = at_ms;
	revision->files = files;
	revision->patch = patch;
	return revision;
}

void revision_drop(struct revision *revision)
{
	if (!revision)
		return;
	cJSON_Delete(revision->files);
	cJSON_Delete(revision->patch);
	free(revision);
}

cJSON *revision_merge(const struct revision *revision)
{
	cJSON *document = cJSON_Duplicate(revision->files, true);

	if (document && revision->patch && json_merge_patch(&document, revision->patch) < 0) {
		cJSON_Delete(document);
		return NULL;
	}
	return document;
}

bool revision_is_same(const struct revision *a, const struct revision *b)
{
	return memcmp(a->files_digest, b->files_digest, ID_DIGEST_BYTES) == 0 &&
	       (a->patch && b->patch ? cJSON_Compare(a->patch, b->patch, true)
				     : !a->patch && !b->patch);
}

/* --- all of them ------------------------------------------------------------------------------------ */

void revisions_done(struct revisions *revisions)
{
	revision_drop(revisions->good);
	revision_drop(revisions->previous);
	revision_drop(revisions->trial);
	*revisions = (struct revisions){ 0 };
}

const struct revision *revisions_current(const struct revisions *revisions)
{
	return revisions->trial ? revisions->trial : revisions->good;
}

bool revisions_is_old(const struct revisions *revisions, int64_t number)
{
	return number > 0 && number <= revisions->highest;
}

bool revisions_is_rolled_back(
	const struct revisions *revisions, const uint8_t files_digest[ID_DIGEST_BYTES])
{
	return revisions->has_rolled_files &&
	       memcmp(revisions->rolled_files, files_digest, ID_DIGEST_BYTES) == 0;
}

/* Whole characters, and nothing that the file could not hold. */
static void copy_reason(char out[REVISIONS_REASON_MAX], const char *reason)
{
	size_t left = strlen(reason), len = 0;

	while (left > 0) {
		size_t n = utf8_length(reason, left);

		if (len + (n ? n : 1) >= REVISIONS_REASON_MAX)
			break;
		if (n == 0)
			out[len++] = '?';
		for (size_t i = 0; i < n; i++)
			out[len++] = reason[i];
		reason += n ? n : 1;
		left -= n ? n : 1;
	}
	out[len] = '\0';
}

static void note(struct revisions *revisions, const struct revision_event *event)
{
	if (revisions->n_history == REVISIONS_HISTORY_MAX) {
		revisions->n_history--;
		memmove(revisions->history, revisions->history + 1,
			revisions->n_history * sizeof(revisions->history[0]));
	}
	revisions->history[revisions->n_history++] = *event;
}

static void note_result(struct revisions *revisions, const struct revision *revision,
	enum revision_result result, const char *reason, int64_t now_ms)
{
	struct revision_event event = { .at_ms = now_ms,
		.number = revision->number,
		.origin = revision->origin,
		.result = result };

	copy_reason(event.reason, reason);
	note(revisions, &event);
}

static void raise_highest(struct revisions *revisions, int64_t number)
{
	if (number > revisions->highest)
		revisions->highest = number;
}

void revisions_found(struct revisions *revisions, struct revision *first)
{
	raise_highest(revisions, first->number);
	note_result(revisions, first, REVISION_CONFIRMED, "the first", first->at_ms);
	revision_drop(revisions->good);
	revisions->good = first;
}

/* Where there is a trial there is a good one. */
static bool has_new_files(const struct revisions *revisions, const struct revision *revision)
{
	return memcmp(revisions->good->files_digest, revision->files_digest, ID_DIGEST_BYTES) != 0;
}

static void forbid_files(struct revisions *revisions, const struct revision *revision)
{
	revisions->has_rolled_files = true;
	memcpy(revisions->rolled_files, revision->files_digest, ID_DIGEST_BYTES);
}

void revisions_try(struct revisions *revisions, struct revision *trial, int64_t now_ms)
{
	if (trial->origin == REVISION_ROLLBACK && has_new_files(revisions, trial))
		forbid_files(revisions, revisions->good);
	if (revisions->trial) {
		note_result(revisions, revisions->trial, REVISION_SUPERSEDED, "", now_ms);
		revision_drop(revisions->trial);
	}
	raise_highest(revisions, trial->number);
	note_result(revisions, trial, REVISION_PROBATION, "", now_ms);
	revisions->trial = trial;
	revisions->trial_starts = 0;
}

bool revisions_count_start(struct revisions *revisions)
{
	revisions->trial_starts++;
	return revisions->trial_starts <= REVISIONS_STARTS_MAX;
}

static void end_trial(struct revisions *revisions)
{
	revisions->trial = NULL;
	revisions->trial_starts = 0;
	revisions->trial_mark = (struct revision_mark){ 0 };
}

void revisions_confirm(struct revisions *revisions, int64_t now_ms)
{
	note_result(revisions, revisions->trial, REVISION_CONFIRMED, "", now_ms);
	if (has_new_files(revisions, revisions->trial) &&
		!revisions_is_rolled_back(revisions, revisions->good->files_digest))
		revisions->has_rolled_files = false;
	revision_drop(revisions->previous);
	revisions->previous = revisions->good;
	revisions->good = revisions->trial;
	end_trial(revisions);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void set_mend_mark(struct revision_mark *mends, const struct revision_mark *began)
{
	if (began->at_ms == 0)
		return;
	if (mends->at_ms == 0)
		*mends = *began;
	mends->rounds++;
	mends->at_ms = least(mends->at_ms, began->at_ms);
	mends->seq = least(mends->seq, began->seq);
	mends->exception = least(mends->exception, began->exception);
}

void revisions_roll_back(struct revisions *revisions, const char *reason, int64_t now_ms)
{
	struct revision *trial = revisions->trial;

	note_result(revisions, trial, REVISION_ROLLED_BACK, reason, now_ms);
	if (has_new_files(revisions, trial))
		forbid_files(revisions, trial);
	set_mend_mark(&revisions->mend_mark, &revisions->trial_mark);
	revision_drop(trial);
	end_trial(revisions);
}

void revisions_refuse(struct revisions *revisions, enum revision_origin origin, int64_t number,
	const char *reason, int64_t now_ms)
{
	struct revision_event event = {
		.at_ms = now_ms, .number = number, .origin = origin, .result = REVISION_REFUSED
	};
	struct revision_event *last =
		revisions->n_history > 0 ? &revisions->history[revisions->n_history - 1] : NULL;

	copy_reason(event.reason, reason);
	if (last && last->result == REVISION_REFUSED && last->origin == origin &&
		last->number == number && strcmp(last->reason, event.reason) == 0)
		last->at_ms = now_ms;
	else
		note(revisions, &event);
}
