/*
 * revisions_text.c - revisions as one JSON document, and back.
 *
 *   {"good": {"revision", "origin", "at", "files": {…}, "patch": {…} or null}, "previous": …, "trial": …,
 *    "starts", "highest", "rolled_files": hex or null,
 *    "began": {"at", "seq", "exception", "rounds"} or null, "mends": likewise,
 *    "history": [{"at", "revision", "origin", "result", "reason"}, …]}
 */
#include "dray/revisions.h"

#include <stdio.h>
#include <string.h>

#include "dray/encode.h"
#include "dray/json.h"
#include "dray/times.h"

#define TEXT_MAX (16 * 1024 * 1024) /* three pairs of at most 2 MiB each, and words */

static const struct json_limits limits = {
	.max_bytes = TEXT_MAX, .max_depth = 40, .max_members = 1000000
};

/* --- out ------------------------------------------------------------------------------------------- */

static void put_stamp(struct buf *out, const char *name, int64_t at_ms)
{
	char text[TIME_TEXT_MAX];

	time_format(at_ms, text);
	buf_printf(out, "\"%s\":\"%s\"", name, text);
}

static void put_revision(struct buf *out, const char *name, const struct revision *revision)
{
	buf_printf(out, "\"%s\":", name);
	if (!revision) {
		buf_puts(out, "null");
		return;
	}
	buf_printf(out, "{\"revision\":%lld,\"origin\":\"%s\",", (long long)revision->number,
		revision_origins[revision->origin]);
	put_stamp(out, "at", revision->at_ms);
	buf_puts(out, ",\"files\":");
	json_print(revision->files, out);
	buf_puts(out, ",\"patch\":");
	if (revision->patch)
		json_print(revision->patch, out);
	else
		buf_puts(out, "null");
	buf_putc(out, '}');
}

static void put_event(struct buf *out, const struct revision_event *event)
{
	buf_putc(out, '{');
	put_stamp(out, "at", event->at_ms);
	buf_printf(out, ",\"revision\":%lld,\"origin\":\"%s\",\"result\":\"%s\",\"reason\":",
		(long long)event->number, revision_origins[event->origin],
		revision_results[event->result]);
	buf_put_json(out, event->reason, strlen(event->reason));
	buf_putc(out, '}');
}

static void put_mark(struct buf *out, const char *name, const struct revision_mark *mark)
{
	buf_printf(out, ",\"%s\":", name);
	if (mark->at_ms == 0) {
		buf_puts(out, "null");
		return;
	}
	buf_putc(out, '{');
	put_stamp(out, "at", mark->at_ms);
	buf_printf(out, ",\"seq\":%lld,\"exception\":%lld,\"rounds\":%lld}", (long long)mark->seq,
		(long long)mark->exception, (long long)mark->rounds);
}

void revisions_print(const struct revisions *revisions, struct buf *out)
{
	buf_putc(out, '{');
	put_revision(out, "good", revisions->good);
	buf_putc(out, ',');
	put_revision(out, "previous", revisions->previous);
	buf_putc(out, ',');
	put_revision(out, "trial", revisions->trial);
	buf_printf(out, ",\"starts\":%u", revisions->trial_starts);
	put_mark(out, "began", &revisions->trial_mark);
	put_mark(out, "mends", &revisions->mend_mark);
	buf_printf(out, ",\"highest\":%lld,\"rolled_files\":", (long long)revisions->highest);
	if (revisions->has_rolled_files) {
		buf_putc(out, '"');
		encode_hex(revisions->rolled_files, ID_DIGEST_BYTES, out);
		buf_putc(out, '"');
	} else {
		buf_puts(out, "null");
	}
	buf_puts(out, ",\"history\":[");
	for (size_t i = 0; i < revisions->n_history; i++) {
		if (i > 0)
			buf_putc(out, ',');
		put_event(out, &revisions->history[i]);
	}
	buf_puts(out, "]}\n");
}

/* --- in -------------------------------------------------------------------------------------------- */

static int find_word(const char *const *words, int n, const char *text)
{
	for (int i = 0; text && i < n; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static int read_stamp(const cJSON *object, int64_t *ret_at_ms, struct error *err)
{
	const char *text = json_get_string(object, "at");

	if (!text || !time_parse(text, strlen(text), ret_at_ms))
		return error_set(err, "at", "is no time");
	return 0;
}

static int read_head(const cJSON *object, enum revision_origin *ret_origin, int64_t *ret_number,
	int64_t *ret_at_ms, struct error *err)
{
	int origin =
		find_word(revision_origins, REVISION_ORIGIN_N, json_get_string(object, "origin"));

	if (origin < 0)
		return error_set(err, "origin", "is none that is known");
	if (!json_get_integer(object, "revision", 0, INT64_C(1) << 53, ret_number))
		return error_set(err, "revision", "is no whole number");
	*ret_origin = (enum revision_origin)origin;
	return read_stamp(object, ret_at_ms, err);
}

static int read_revision(cJSON *root, const char *name, struct revision **ret, struct error *err)
{
	cJSON *object = json_get(root, name);
	enum revision_origin origin;
	int64_t number, at_ms;
	bool has_patch = cJSON_IsObject(json_get(object, "patch"));

	if (cJSON_IsNull(object))
		return 0;
	if (!cJSON_IsObject(json_get(object, "files")) ||
		(!has_patch && !cJSON_IsNull(json_get(object, "patch")))) {
		error_fill(err, name, "must hold files and patch");
		return -1;
	}
	if (read_head(object, &origin, &number, &at_ms, err) < 0) {
		error_prefix(err, name);
		return -1;
	}
	*ret = revision_make(origin, number, at_ms,
		cJSON_DetachItemFromObjectCaseSensitive(object, "files"),
		has_patch ? cJSON_DetachItemFromObjectCaseSensitive(object, "patch") : NULL);
	return *ret ? 0 : error_set(err, name, "out of memory");
}

static int read_event(const cJSON *object, struct revision_event *ret, struct error *err)
{
	const char *reason = json_get_string(object, "reason");
	int result =
		find_word(revision_results, REVISION_RESULT_N, json_get_string(object, "result"));

	if (result < 0)
		return error_set(err, "result", "is none that is known");
	if (!reason || strlen(reason) >= sizeof(ret->reason))
		return error_set(err, "reason", "is no short text");
	ret->result = (enum revision_result)result;
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	return read_head(object, &ret->origin, &ret->number, &ret->at_ms, err);
}

static int read_history(const cJSON *history, struct revisions *ret, struct error *err)
{
	const cJSON *object;

	if (!cJSON_IsArray(history) || cJSON_GetArraySize(history) > REVISIONS_HISTORY_MAX)
		return error_set(
			err, "history", "must be a list of at most %d", REVISIONS_HISTORY_MAX);
	cJSON_ArrayForEach (object, history) {
		if (read_event(object, &ret->history[ret->n_history], err) < 0) {
			error_prefix(err, "history");
			return -1;
		}
		ret->n_history++;
	}
	return 0;
}

static int read_rolled_files(const cJSON *root, struct revisions *ret, struct error *err)
{
	const cJSON *value = json_get(root, "rolled_files");
	size_t len;

	if (cJSON_IsNull(value))
		return 0;
	if (!cJSON_IsString(value) ||
		!decode_hex(value->valuestring, strlen(value->valuestring), ret->rolled_files,
			ID_DIGEST_BYTES, &len) ||
		len != ID_DIGEST_BYTES)
		return error_set(err, "rolled_files", "is no digest");
	ret->has_rolled_files = true;
	return 0;
}

static int read_mark(
	const cJSON *root, const char *name, struct revision_mark *ret, struct error *err)
{
	const cJSON *mark = json_get(root, name);

	if (cJSON_IsNull(mark))
		return 0;
	if (!json_get_integer(mark, "seq", 0, INT64_C(1) << 53, &ret->seq) ||
		!json_get_integer(mark, "exception", 0, INT64_C(1) << 53, &ret->exception) ||
		!json_get_integer(mark, "rounds", 0, 1000, &ret->rounds))
		return error_set(err, name, "is no place in the store");
	return read_stamp(mark, &ret->at_ms, err);
}

static int read_all(cJSON *root, struct revisions *ret, struct error *err)
{
	int64_t starts;

	if (!cJSON_IsObject(root))
		return error_set(err, NULL, "must be an object");
	if (!json_get_integer(root, "starts", 0, 1000, &starts))
		return error_set(err, "starts", "is no count");
	if (!json_get_integer(root, "highest", 0, INT64_C(1) << 53, &ret->highest))
		return error_set(err, "highest", "is no revision");
	ret->trial_starts = (unsigned)starts;
	if (read_rolled_files(root, ret, err) < 0 ||
		read_mark(root, "began", &ret->trial_mark, err) < 0 ||
		read_mark(root, "mends", &ret->mend_mark, err) < 0 ||
		read_revision(root, "good", &ret->good, err) < 0 ||
		read_revision(root, "previous", &ret->previous, err) < 0 ||
		read_revision(root, "trial", &ret->trial, err) < 0)
		return -1;
	if (!ret->good)
		return error_set(err, "good", "must be there");
	return read_history(json_get(root, "history"), ret, err);
}

int revisions_parse(const char *text, size_t len, struct revisions *ret, struct error *err)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw = { 0 };
	cJSON *root = json_parse(text, len, &limits, &scratch, &flaw);
	int status;

	buf_done(&scratch);
	*ret = (struct revisions){ 0 };
	if (!root)
		return error_set(err, NULL, "%s, at line %u column %u", flaw.message, flaw.line,
			flaw.column);
	status = read_all(root, ret, err);
	if (status < 0)
		revisions_done(ret);
	cJSON_Delete(root);
	return status;
}
