/*
 * connector_output.c - what a program says, member by member.
 *
 * The text is scanned for its grammar and bounds, and then parsed as it stands: its numbers were doubles
 * in the program, so none of them is turned into a string.
 */
#include "connector_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"

#define CARRY_MAX_BYTES ((size_t)64 << 10)
#define REF_MAX_BYTES 128
#define CODE_MAX_BYTES 64
#define WORDS_MAX_BYTES 500
#define LIFETIME_MAX_S (86400.0 * 366)

static const struct json_limits output_limits = {
	.max_bytes = (size_t)4 << 20, .max_depth = 64, .max_members = 500000
};

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

/* --- what all verbs share ---------------------------------------------------------------------------- */

struct output_kept {
	struct output_kept *next;
	char text[];
};

const char *output_keep(struct output *output, const struct buf *text)
{
	struct output_kept *kept = buf_failed(text) ? NULL : malloc(sizeof(*kept) + text->len + 1);

	if (!kept)
		return NULL;
	memcpy(kept->text, text->len ? text->data : "", text->len + 1);
	kept->next = output->kept;
	output->kept = kept;
	return kept->text;
}

const cJSON *output_get(const cJSON *object, const char *name)
{
	const cJSON *member = json_get(object, name);

	return cJSON_IsNull(member) ? NULL : member;
}

int output_check_members(const cJSON *object, const char *const *names, struct error *err)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return error_set(err, NULL, "must be an object");
	cJSON_ArrayForEach (member, object) {
		const char *const *name = names;
		char clean[64];
		while (*name && strcmp(*name, member->string) != 0)
			name++;
		if (*name || cJSON_IsNull(member))
			continue;
		connector_clean(member->string, strlen(member->string), clean, sizeof(clean));
		return error_set(err, *clean ? clean : "\"\"", "is not known here");
	}
	return 0;
}

/* What no text is, as JSON: the words of other systems come in any form. */
static const char *print_words(
	struct output *output, const cJSON *value, size_t max, struct error *err)
{
	struct buf text = BUF_INIT;
	const char *kept;

	json_print(value, &text);
	if (!buf_failed(&text)) {
		connector_clean(
			text.data, text.len, text.data, (text.len < max ? text.len : max) + 1);
		text.len = strlen(text.data);
	}
	kept = output_keep(output, &text);
	buf_done(&text);
	if (!kept)
		(void)out_of_memory(err);
	return kept;
}

/* Words for people and programs: cleaned, cut at `max` bytes. */
static int read_words(struct output *output, const cJSON *object, const char *name, size_t max,
	const char **ret, struct error *err)
{
	const cJSON *member = output_get(object, name);
	size_t len = cJSON_IsString(member) ? strlen(member->valuestring) : 0;

	*ret = "";
	if (cJSON_IsString(member)) {
		connector_clean(
			member->valuestring, len, member->valuestring, (len < max ? len : max) + 1);
		*ret = member->valuestring;
	} else if (member) {
		*ret = print_words(output, member, max, err);
	}
	return *ret ? 0 : -1;
}

static int read_seconds(
	const cJSON *object, const char *name, double max_s, int64_t *ret_ms, struct error *err)
{
	const cJSON *member = output_get(object, name);

	if (!member)
		return 0;
	if (!cJSON_IsNumber(member))
		return error_set(err, name, "must be a number of seconds");
	if (!(member->valuedouble >= 0 && member->valuedouble <= max_s))
		return error_set(err, name, "must be between 0 and %.0f seconds", max_s);
	*ret_ms = (int64_t)ceil(member->valuedouble * 1000);
	return 0;
}

/* --- verbs ------------------------------------------------------------------------------------------- */

static int read_emit(const cJSON *done, const cJSON **ret, struct error *err)
{
	const cJSON *emit = output_get(done, "emit"), *event;
	int i = 0;

	*ret = emit;
	if (!emit)
		return 0;
	if (!cJSON_IsArray(emit))
		return error_set(err, "emit", "must be a list of events");
	if (cJSON_GetArraySize(emit) > CONNECTOR_EMIT_MAX)
		return error_set(err, "emit", "must be at most %d events", CONNECTOR_EMIT_MAX);
	cJSON_ArrayForEach (event, emit) {
		char path[32] = "";
		(void)snprintf(path, sizeof(path), "emit[%d]", i++);
		if (!cJSON_IsObject(event))
			return error_set(err, path, "must be an event: an object");
		const char *type = json_get_string(event, "type");
		const cJSON *data = output_get(event, "data");
		if (type && *type && (!data || cJSON_IsObject(data)))
			continue;
		(void)error_set(err, type && *type ? "data" : "type",
			type && *type ? "must be an object" : "required: a text");
		error_prefix(err, path);
		return -1;
	}
	return 0;
}

static int read_done(
	struct output *output, const cJSON *done, struct connector_result *ret, struct error *err)
{
	static const char *const members[] = { "ref", "emit", NULL };
	const cJSON *ref = output_get(done, "ref");

	if (output_check_members(done, members, err))
		return -1;
	if (ref && !cJSON_IsString(ref) && !cJSON_IsNumber(ref))
		return error_set(err, "ref", "must be a text or a number");
	if (read_words(output, done, "ref", REF_MAX_BYTES, &ret->ref, err))
		return -1;
	return read_emit(done, &ret->emit, err);
}

static int read_retry(
	struct output *output, const cJSON *retry, struct connector_result *ret, struct error *err)
{
	static const char *const members[] = { "after_s", "reason", NULL };

	if (output_check_members(retry, members, err) ||
		read_seconds(retry, "after_s", CONNECTOR_AFTER_MAX_S, &ret->after_ms, err))
		return -1;
	return read_words(output, retry, "reason", WORDS_MAX_BYTES, &ret->reason, err);
}

static int read_reject(
	struct output *output, const cJSON *reject, struct connector_result *ret, struct error *err)
{
	static const char *const members[] = { "code", "message", "field", NULL };

	if (output_check_members(reject, members, err) ||
		read_words(output, reject, "code", CODE_MAX_BYTES, &ret->code, err) ||
		read_words(output, reject, "field", WORDS_MAX_BYTES, &ret->field, err))
		return -1;
	return read_words(output, reject, "message", WORDS_MAX_BYTES, &ret->reason, err);
}

/* unknown and hold */
static int read_reason(
	struct output *output, const cJSON *said, struct connector_result *ret, struct error *err)
{
	static const char *const members[] = { "reason", NULL };

	if (output_check_members(said, members, err))
		return -1;
	return read_words(output, said, "reason", WORDS_MAX_BYTES, &ret->reason, err);
}

static int read_absent(
	struct output *output, const cJSON *absent, struct connector_result *ret, struct error *err)
{
	static const char *const members[] = { NULL };

	(void)output;
	(void)ret;
	return output_check_members(absent, members, err);
}

#define IN_DELIVER (1u << CONNECTOR_DELIVER)
#define IN_LOOKUP (1u << CONNECTOR_LOOKUP)
#define IN_LOGIN (1u << CONNECTOR_LOGIN)

/* What may be said to which op, and of one event of a batch. */
static const struct verb {
	const char *name;
	unsigned ops;
	bool is_of_one;
	bool has_carry;
	/* NULL: more than a result */
	int (*read)(struct output *, const cJSON *, struct connector_result *, struct error *);
} verbs[] = {
	[CONNECTOR_SEND] = { "send", IN_DELIVER | IN_LOOKUP | IN_LOGIN, false, true, NULL },
	[CONNECTOR_DONE] = { "done", IN_DELIVER | IN_LOOKUP, true, false, read_done },
	[CONNECTOR_RESULTS] = { "results", IN_DELIVER, false, false, NULL },
	[CONNECTOR_RETRY] = { "retry", IN_DELIVER | IN_LOOKUP | IN_LOGIN, true, true, read_retry },
	[CONNECTOR_REJECT] = { "reject", IN_DELIVER | IN_LOOKUP, true, false, read_reject },
	[CONNECTOR_UNKNOWN] = { "unknown", IN_DELIVER | IN_LOOKUP, true, false, read_reason },
	[CONNECTOR_ABSENT] = { "absent", IN_LOOKUP, false, false, read_absent },
	[CONNECTOR_HOLD] = { "hold", IN_DELIVER | IN_LOOKUP | IN_LOGIN, false, false, read_reason },
	[CONNECTOR_SESSION] = { "session", IN_LOGIN, false, false, NULL },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* The one verb that an object says; it may hold `beside` too. */
static int find_verb(const cJSON *object, const char *beside, enum connector_verb *ret,
	const cJSON **ret_said, struct error *err)
{
	const cJSON *member;

	*ret_said = NULL;
	cJSON_ArrayForEach (member, object) {
		char clean[64];
		size_t i = 0;
		if (cJSON_IsNull(member) || strcmp(member->string, beside) == 0)
			continue;
		while (i < VERBS && strcmp(verbs[i].name, member->string) != 0)
			i++;
		connector_clean(member->string, strlen(member->string), clean, sizeof(clean));
		if (i == VERBS)
			return error_set(err, *clean ? clean : "\"\"", "is not known here");
		if (*ret_said)
			return error_set(err, clean, "has no business beside %s", verbs[*ret].name);
		*ret = (enum connector_verb)i;
		*ret_said = member;
	}
	return *ret_said ? 0
			 : error_set(err, NULL,
				   "says nothing: one of send, done, results, retry, reject, "
				   "unknown, absent, hold, session is required");
}

/* --- results ----------------------------------------------------------------------------------------- */

static void init_result(struct connector_result *result)
{
	*result = (struct connector_result){
		.id = "", .ref = "", .code = "", .reason = "", .field = "", .after_ms = -1
	};
}

static int read_result(
	struct output *output, const cJSON *item, struct connector_result *ret, struct error *err)
{
	const cJSON *said, *id = output_get(item, "id");

	init_result(ret);
	if (!cJSON_IsObject(item))
		return error_set(err, NULL, "must be an object");
	if (!cJSON_IsString(id) || !id_is_valid(id->valuestring, strlen(id->valuestring)))
		return error_set(err, "id", "must be the id of an event");
	ret->id = id->valuestring;
	if (find_verb(item, "id", &ret->verb, &said, err))
		return -1;
	if (!verbs[ret->verb].is_of_one)
		return error_set(err, verbs[ret->verb].name, "can't be said of one event");
	if (verbs[ret->verb].read(output, said, ret, err)) {
		error_prefix(err, verbs[ret->verb].name);
		return -1;
	}
	return 0;
}

static int read_results(
	struct output *output, const cJSON *results, size_t n_events, struct error *err)
{
	const cJSON *item;
	size_t n = cJSON_IsArray(results) ? (size_t)cJSON_GetArraySize(results) : 0;

	if (!cJSON_IsArray(results))
		return error_set(err, "results", "must be a list");
	if (n > n_events)
		return error_set(err, "results", "are %zu, for %zu events", n, n_events);
	output->is.results = calloc(n + 1, sizeof(*output->is.results));
	if (!output->is.results)
		return out_of_memory(err);
	cJSON_ArrayForEach (item, results) {
		char path[32] = "";
		(void)snprintf(path, sizeof(path), "results[%zu]", output->is.n_results);
		if (read_result(output, item, &output->is.results[output->is.n_results], err)) {
			error_prefix(err, path);
			return -1;
		}
		output->is.n_results++;
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static int read_session(struct output *output, const cJSON *session, struct error *err)
{
	static const char *const members[] = { "headers", "lifetime_s", NULL };

	if (output_check_members(session, members, err) ||
		read_seconds(session, "lifetime_s", LIFETIME_MAX_S, &output->is.lifetime_ms, err))
		return -1;
	if (!output_get(session, "headers"))
		return error_set(err, "headers", "required");
	if (output_read_headers(
		    output, output_get(session, "headers"), true, output->is.headers, err)) {
		error_prefix(err, "headers");
		return -1;
	}
	return output->is.headers[0] ? 0 : error_set(err, "headers", "must hold at least one");
}

static int read_carry(struct output *output, const cJSON *carry, struct error *err)
{
	struct buf text = BUF_INIT;

	if (!carry)
		return 0;
	if (!verbs[output->is.verb].has_carry)
		return error_set(err, "carry",
			"has no business beside %s, only beside send and retry",
			verbs[output->is.verb].name);
	json_print(carry, &text);
	if (text.len <= CARRY_MAX_BYTES)
		output->is.carry = output_keep(output, &text);
	bool is_too_large = text.len > CARRY_MAX_BYTES;
	buf_done(&text);
	if (is_too_large)
		return error_set(err, "carry", "must be at most 64 KiB as text");
	return output->is.carry ? 0 : out_of_memory(err);
}

static int read_said(struct output *output, const cJSON *said, size_t n_events, struct error *err)
{
	enum connector_verb verb = output->is.verb;
	int result;

	if (verb == CONNECTOR_RESULTS)
		return read_results(output, said, n_events, err);
	if (verb == CONNECTOR_SEND)
		result = output_read_send(output, said, &output->is.send, err);
	else if (verb == CONNECTOR_SESSION)
		result = read_session(output, said, err);
	else
		result = verbs[verb].read(output, said, &output->is.result, err);
	if (result)
		error_prefix(err, verbs[verb].name);
	return result;
}

static int read_output(
	struct output *output, enum connector_op op, size_t n_events, struct error *err)
{
	static const char *const ops[] = { [CONNECTOR_DELIVER] = "deliver",
		[CONNECTOR_LOOKUP] = "lookup",
		[CONNECTOR_LOGIN] = "login" };
	const cJSON *said;

	init_result(&output->is.result);
	if (!cJSON_IsObject(output->root))
		return error_set(err, NULL, "the output must be an object");
	if (find_verb(output->root, "carry", &output->is.verb, &said, err))
		return -1;
	if (!(verbs[output->is.verb].ops & 1u << op))
		return error_set(
			err, verbs[output->is.verb].name, "can't be said to op %s", ops[op]);
	output->is.result.verb = output->is.verb;
	if (read_said(output, said, n_events, err))
		return -1;
	return read_carry(output, output_get(output->root, "carry"), err);
}

static cJSON *parse(const char *text, size_t len, struct error *err)
{
	struct buf scratch = BUF_INIT;
	struct json_error flaw;
	cJSON *root = NULL;

	if (json_scan(text, len, &output_limits, &scratch, NULL, &flaw) == JSON_FINE) {
		root = cJSON_ParseWithLength(text, len);
		if (!root)
			error_fill(err, NULL, "the output can't be read");
	} else {
		error_fill(err, NULL, "the output is no JSON that can be read: byte %zu: %s",
			flaw.offset, flaw.message);
	}
	buf_done(&scratch);
	return root;
}

int connector_read_output(const char *text, size_t len, enum connector_op op, size_t n_events,
	struct connector_output **ret, struct error *err)
{
	struct output *output = calloc(1, sizeof(*output));

	if (!output)
		return out_of_memory(err);
	output->root = parse(text, len, err);
	if (!output->root || read_output(output, op, n_events, err)) {
		connector_output_free(&output->is);
		return -1;
	}
	*ret = &output->is;
	return 0;
}

void connector_output_free(struct connector_output *is)
{
	struct output *output = (struct output *)is;

	if (!output)
		return;
	while (output->kept) {
		struct output_kept *kept = output->kept;
		output->kept = kept->next;
		free(kept);
	}
	cJSON_Delete(output->root);
	free(output->is.results);
	free(output);
}
