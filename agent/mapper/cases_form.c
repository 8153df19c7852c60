/* cases_form.c - is it of the form that the guide gives? */
#include "cases.h"

#include <stdint.h>
#include <string.h>

#include "cases_parts.h"
#include "dray/json.h"

static bool is_op(const cJSON *op)
{
	return !op || (cJSON_IsString(op) && (strcmp(op->valuestring, "deliver") == 0 ||
						     strcmp(op->valuestring, "lookup") == 0 ||
						     strcmp(op->valuestring, "login") == 0));
}

static int check_response(const cJSON *response, struct error *err)
{
	static const char *const names[] = { "status", "headers", "body", NULL };
	int64_t status;

	if (!cJSON_IsObject(response))
		return error_set(err, NULL, "must be an object");
	if (cases_refuse_unknown(response, names, err))
		return -1;
	if (!json_get_integer(response, "status", 100, 599, &status))
		return error_set(err, "status", "must be a number from 100 to 599");
	return cases_check_headers(json_get(response, "headers"), err);
}

/* `may_answer`: something was sent before it. */
static int check_step(const cJSON *step, bool may_answer, struct error *err)
{
	static const char *const names[] = { "op", "response", "expect", NULL };
	const cJSON *response = json_get(step, "response"), *expect = json_get(step, "expect");

	if (!cJSON_IsObject(step))
		return error_set(err, NULL, "must be an object");
	if (cases_refuse_unknown(step, names, err))
		return -1;
	if (!is_op(json_get(step, "op")))
		return error_set(err, "op", "must be \"deliver\", \"lookup\" or \"login\"");
	if (response && (!may_answer || json_get(step, "op")))
		return error_set(err, "response", "there is none before something was sent");
	if (response && check_response(response, err)) {
		error_prefix(err, "response");
		return -1;
	}
	if (!expect || !(cJSON_IsObject(expect) || cJSON_IsNull(expect)))
		return error_set(
			err, "expect", "must be an output, or null when there must be none");
	return 0;
}

static int check_steps(const cJSON *steps, bool has_carry, struct error *err)
{
	const cJSON *step;
	int i = 0;

	if (!cJSON_IsArray(steps) || !steps->child)
		return error_set(err, "steps", "must be an array of at least one");
	cJSON_ArrayForEach (step, steps) {
		if (check_step(step, i > 0 || has_carry, err))
			return cases_prefix_index(err, "steps", i);
		i++;
	}
	return 0;
}

static int check_events(const cJSON *events, bool may_lack, struct error *err)
{
	const cJSON *event;

	if (may_lack && !events)
		return 0;
	if (!cJSON_IsArray(events) || !events->child ||
		cJSON_GetArraySize(events) > CASES_EVENTS_MAX)
		return error_set(
			err, "events", "must be an array of 1 to %d events", CASES_EVENTS_MAX);
	cJSON_ArrayForEach (event, events) {
		if (!cJSON_IsObject(event))
			return error_set(err, "events", "each must be an object");
	}
	return 0;
}

static int check_case(const cJSON *spec, struct error *err)
{
	static const char *const names[] = { "name", "vars", "events", "op", "key", "serial",
		"site", "carry", "credentials", "steps", NULL };
	static const char *const texts[] = { "key", "site", NULL };
	const char *op = json_get_string(spec, "op");
	int64_t serial;

	if (!cJSON_IsObject(spec))
		return error_set(err, NULL, "must be an object");
	if (cases_refuse_unknown(spec, names, err))
		return -1;
	if (!json_get_string(spec, "name"))
		return error_set(err, "name", "must be a text that says what the case shows");
	if (json_get(spec, "vars") && !cJSON_IsObject(json_get(spec, "vars")))
		return error_set(err, "vars", "must be an object");
	if (!is_op(json_get(spec, "op")))
		return error_set(err, "op", "must be \"deliver\", \"lookup\" or \"login\"");
	for (const char *const *text = texts; *text; text++)
		if (json_get(spec, *text) && !json_get_string(spec, *text))
			return error_set(err, *text, "must be a string");
	if (json_get(spec, "serial") &&
		!json_get_integer(spec, "serial", 1, INT64_C(1) << 53, &serial))
		return error_set(err, "serial", "must be a whole number from 1");
	if (check_events(json_get(spec, "events"), op && strcmp(op, "login") == 0, err))
		return -1;
	return check_steps(json_get(spec, "steps"), json_get(spec, "carry"), err);
}

int cases_check(const cJSON *cases, struct error *err)
{
	const cJSON *spec;
	int i = 0;

	if (!cJSON_IsArray(cases) || !cases->child)
		return error_set(err, "cases.json", "must be an array of at least one case");
	cJSON_ArrayForEach (spec, cases) {
		if (check_case(spec, err))
			return cases_prefix_index(err, "cases.json", i);
		i++;
	}
	return 0;
}
