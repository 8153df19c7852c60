/* cases_parts.c - see cases_parts.h */
#include "cases_parts.h"

#include <stdio.h>
#include <string.h>

#include "dray/diff.h"
#include "dray/json.h"
#include "mapper.h"

#define OUTPUT_DEPTH_MAX 64

cJSON *cases_parse_output(const char *text, size_t len)
{
	static const struct json_limits limits = { .max_bytes = MAPPER_OUTPUT_MAX,
		.max_depth = OUTPUT_DEPTH_MAX,
		.max_members = 1000000 };
	struct buf scratch = BUF_INIT;
	cJSON *output = json_parse(text, len, &limits, &scratch, NULL);

	buf_done(&scratch);
	return output;
}

/* The caller's; NULL when memory ran out. */
static char *print_lines(const cJSON *value)
{
	struct buf sorted = BUF_INIT;
	cJSON *copy = NULL;
	char *text = NULL;

	json_print_sorted(value, &sorted);
	if (!buf_failed(&sorted))
		copy = cJSON_Parse(sorted.data);
	if (copy)
		text = cJSON_Print(copy);
	cJSON_Delete(copy);
	buf_done(&sorted);
	return text;
}

int cases_put_difference(const cJSON *expect, const cJSON *actual, struct buf *diff)
{
	char *wanted = print_lines(expect), *came = print_lines(actual);
	int status = wanted && came ? 0 : -1;

	if (status == 0)
		diff_lines(wanted, came, diff);
	cJSON_free(wanted);
	cJSON_free(came);
	return status;
}

int cases_refuse_unknown(const cJSON *object, const char *const *names, struct error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, object) {
		const char *const *name = names;
		while (*name && strcmp(*name, member->string) != 0)
			name++;
		if (!*name)
			return error_set(err, member->string, "is no member of it");
	}
	return 0;
}

int cases_prefix_index(struct error *err, const char *name, int index)
{
	char place[48];

	(void)snprintf(place, sizeof(place), "%s[%d]", name, index);
	error_prefix(err, place);
	return -1;
}

int cases_check_headers(const cJSON *headers, struct error *err)
{
	const cJSON *header;

	if (headers && !cJSON_IsObject(headers))
		return error_set(err, "headers", "must be an object");
	if (cJSON_GetArraySize(headers) > CASES_HEADERS_MAX)
		return error_set(err, "headers", "at most %d", CASES_HEADERS_MAX);
	cJSON_ArrayForEach (header, headers) {
		if (!cJSON_IsString(header))
			return error_set(
				err, "headers", "\"%.64s\" must be a string", header->string);
	}
	return 0;
}

int cases_run_all(const struct connector_folder *folder, struct mapper_run *run, const cJSON *cases,
	cases_one_fn run_case, cases_fn fn, void *ctx, struct error *err)
{
	struct buf diff = BUF_INIT;
	const cJSON *spec;
	int failed = 0;

	cJSON_ArrayForEach (spec, cases) {
		buf_reset(&diff);
		buf_puts(&diff, "");
		if (run_case(folder, run, spec, &diff)) {
			failed = error_set(err, folder->path, "out of memory");
			break;
		}
		failed += diff.len > 0;
		fn(ctx, json_get_string(spec, "name"), diff.data);
	}
	buf_done(&diff);
	return failed;
}
