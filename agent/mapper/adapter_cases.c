#include "adapter_cases.h"

#include <ctype.h>
#include <string.h>

#include "cases_parts.h"
#include "dray/adapter_contract.h"
#include "dray/json.h"
#include "dray/times.h"

/* --- their form ------------------------------------------------------------------------------------- */

static bool is_base64(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	size_t pad = strspn(text + n, "=");

	return !text[n + pad] && pad <= 2 && (n + pad) % 4 == 0;
}

static int check_payload(const cJSON *spec, enum adapter_payload payload, struct error *err)
{
	const cJSON *value = json_get(spec, "payload");

	if (!value)
		return error_set(err, "payload", "is missing");
	if (payload != ADAPTER_JSON && !cJSON_IsString(value))
		return error_set(err, "payload", "must be a string: adapter.json says so");
	if (payload == ADAPTER_BYTES && !is_base64(value->valuestring))
		return error_set(err, "payload", "must be bytes in base64");
	return 0;
}

static int check_outcome(const cJSON *spec, struct error *err)
{
	const cJSON *events = json_get(spec, "events"), *fails = json_get(spec, "fails");

	if (!events == !fails)
		return error_set(err, "events", "either events or fails must stand here");
	if (events && (!cJSON_IsArray(events) || cJSON_GetArraySize(events) > CASES_EVENTS_MAX))
		return error_set(
			err, "events", "must be an array of at most %d events", CASES_EVENTS_MAX);
	if (fails && (!cJSON_IsString(fails) || !*fails->valuestring))
		return error_set(err, "fails", "must be a part of the words it fails with");
	return 0;
}

static int check_case(const cJSON *spec, enum adapter_payload payload, struct error *err)
{
	static const char *const names[] = { "name", "payload", "topic", "headers", "vars",
		"received", "source", "events", "fails", NULL };
	static const char *const texts[] = { "topic", "received", "source", NULL };
	const char *received = json_get_string(spec, "received");
	int64_t at_ms;

	if (!cJSON_IsObject(spec))
		return error_set(err, NULL, "must be an object");
	if (cases_refuse_unknown(spec, names, err))
		return -1;
	if (!json_get_string(spec, "name"))
		return error_set(err, "name", "must be a text that says what the case shows");
	for (const char *const *text = texts; *text; text++)
		if (json_get(spec, *text) && !json_get_string(spec, *text))
			return error_set(err, *text, "must be a string");
	if (received && !time_parse(received, strlen(received), &at_ms))
		return error_set(err, "received", "must be a time with its zone");
	if (json_get(spec, "vars") && !cJSON_IsObject(json_get(spec, "vars")))
		return error_set(err, "vars", "must be an object");
	if (check_payload(spec, payload, err) ||
		cases_check_headers(json_get(spec, "headers"), err))
		return -1;
	return check_outcome(spec, err);
}

int adapter_cases_check(const cJSON *cases, enum adapter_payload payload, struct error *err)
{
	const cJSON *spec;
	int i = 0;

	if (!cJSON_IsArray(cases) || !cases->child)
		return error_set(
			err, "adapter_cases.json", "must be an array of at least one case");
	cJSON_ArrayForEach (spec, cases) {
		if (check_case(spec, payload, err))
			return cases_prefix_index(err, "adapter_cases.json", i);
		i++;
	}
	return 0;
}

/* --- one case ---------------------------------------------------------------------------------------- */

static const char *text_or(const cJSON *object, const char *name, const char *otherwise)
{
	const char *text = json_get_string(object, name);

	return text ? text : otherwise;
}

/* Names in lower case, as an agent hands them on. */
static size_t make_headers(const cJSON *headers, struct connector_header ret[CASES_HEADERS_MAX])
{
	cJSON *header;
	size_t n = 0;

	cJSON_ArrayForEach (header, headers) {
		for (char *at = header->string; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		ret[n++] = (struct connector_header){ header->string, header->valuestring };
	}
	return n;
}

/* The payload stands in the case as it will stand in the input, whatever its kind. */
static int put_input(const struct connector_folder *folder, const cJSON *spec, struct buf *out,
	struct error *err)
{
	const char *received = text_or(spec, "received", ADAPTER_CASES_RECEIVED);
	struct connector_header headers[CASES_HEADERS_MAX];
	struct buf payload = BUF_INIT, vars = BUF_INIT;
	struct adapter_input input = {
		.payload = ADAPTER_JSON,
		.topic = json_get_string(spec, "topic"),
		.headers = headers,
		.n_headers = make_headers(json_get(spec, "headers"), headers),
		.site = CASES_SITE,
		.source = text_or(spec, "source", ADAPTER_CASES_SOURCE),
	};
	int status = adapter_put_vars(folder->declaration, json_get(spec, "vars"), &vars, err);

	json_print(json_get(spec, "payload"), &payload);
	if (status == 0 && buf_failed(&payload))
		status = error_set(err, NULL, "out of memory");
	if (status == 0) {
		(void)time_parse(received, strlen(received), &input.received_at_ms);
		input.value = payload.data;
		input.len = payload.len;
		input.vars = vars.data;
		adapter_put_input(&input, out);
	}
	buf_done(&payload);
	buf_done(&vars);
	return status;
}

/* One event is as good as an array of it. */
static int put_events(const cJSON *wanted, const struct buf *text, struct buf *diff)
{
	cJSON *came =
		text->len > 0 ? cases_parse_output(text->data, text->len) : cJSON_CreateArray();
	int status = 0;

	if (cJSON_IsObject(came)) {
		cJSON *array = cJSON_CreateArray();
		(void)cJSON_AddItemToArray(array, came);
		came = array;
	}
	if (came)
		status = cases_put_difference(wanted, came, diff);
	else
		buf_puts(diff, "the agent would not take this output: its nesting or size is "
			       "beyond the bounds\n");
	cJSON_Delete(came);
	return status;
}

/* `text` is the output, "" none, or, with `has_failed`, why it failed. */
static int compare(const cJSON *spec, bool has_failed, const struct buf *text, struct buf *diff)
{
	const char *fails = json_get_string(spec, "fails");

	if (!has_failed && !fails)
		return put_events(json_get(spec, "events"), text, diff);
	if (!has_failed)
		buf_printf(
			diff, "- it fails: %s\n+ %s\n", fails, text->len > 0 ? text->data : "[]");
	else if (!fails)
		buf_printf(diff, "the program failed: %s\n", text->data);
	else if (!strstr(text->data, fails))
		buf_printf(diff, "- it fails: %s\n+ it fails: %s\n", fails, text->data);
	return 0;
}

/* What the agent would not take is a failure too. True: `text` says why it failed. */
static bool has_failed(enum mapper_outcome outcome, struct buf *text)
{
	struct error err = { 0 };

	if (outcome == MAPPER_NOTHING)
		return false;
	if (outcome != MAPPER_OUTPUT)
		return true;
	if (adapter_check_output(text->data, text->len, &err) == 0)
		return false;
	buf_reset(text);
	buf_puts(text, err.message);
	return true;
}

/* `diff` is filled. 0, or -1 when memory ran out. */
static int run_case(const struct connector_folder *folder, struct mapper_run *run,
	const cJSON *spec, struct buf *diff)
{
	struct buf input = BUF_INIT, output = BUF_INIT;
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];
	enum mapper_outcome outcome;
	int status = 0;

	buf_puts(&output, "");
	if (put_input(folder, spec, &input, &err)) {
		buf_printf(diff, "%s\n", error_text(&err, words, sizeof(words)));
	} else if (buf_failed(&input)) {
		status = -1;
	} else {
		outcome = mapper_run_call(
			run, folder->program, folder->program_len, input.data, input.len, &output);
		if (!buf_failed(&output))
			status = compare(spec, has_failed(outcome, &output), &output, diff);
	}
	if (buf_failed(&output) || buf_failed(diff))
		status = -1;
	buf_done(&input);
	buf_done(&output);
	return status;
}

int adapter_cases_run(const struct connector_folder *folder, struct mapper_run *run, cases_fn fn,
	void *ctx, struct error *err)
{
	cJSON *cases;
	int failed = -1;

	if (adapter_folder_cases(folder, &cases, err))
		return -1;
	if (!cases)
		return error_set(
			err, folder->path, "there is no adapter_cases.json in this folder");
	if (adapter_cases_check(cases, adapter_payload_of(folder->declaration), err) == 0)
		failed = cases_run_all(folder, run, cases, run_case, fn, ctx, err);
	cJSON_Delete(cases);
	return failed;
}
