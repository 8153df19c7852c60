/* The scanner on hostile bytes: what it passes cJSON takes, and prints to the same text twice. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits scan_limits = { 1 << 16, 32, 10000, false };
static const struct json_limits comment_limits = { 1 << 16, 64, 10000, true };

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Printing what was read, and reading what was printed, is a fixed point. */
static void check_round_trip(const cJSON *root)
{
	struct buf once = BUF_INIT;
	struct buf twice = BUF_INIT;
	struct buf scratch = BUF_INIT;
	cJSON *again;

	json_print_sorted(root, &once);
	again = json_parse(once.data, once.len, &(struct json_limits){ 1 << 20, 64, 20000, false },
		&scratch, NULL);
	check(again != NULL);
	json_print_sorted(again, &twice);
	check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	cJSON_Delete(again);
	buf_done(&once);
	buf_done(&twice);
	buf_done(&scratch);
}

static void walk_values(const char *text, size_t len)
{
	struct buf out = BUF_INIT;
	size_t pos = 0;
	size_t used;
	size_t start;
	size_t end;

	while (pos < len &&
		json_scan(text + pos, len - pos, &scan_limits, &out, &used, NULL) == JSON_FINE) {
		check(used > 0 && used <= len - pos);
		pos += used;
	}
	for (pos = 0; json_extent(text, len, pos, &start, &end) && end > pos; pos = end)
		check(start >= pos && end <= len);
	buf_done(&out);
}

static void check_patch(cJSON **root)
{
	cJSON *patch = cJSON_Duplicate(*root, true);

	check(json_merge_patch(root, patch) == 0);
	cJSON_Delete(patch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf scratch = BUF_INIT;
	struct json_error error = { 0 };
	const char *text = (const char *)data;
	cJSON *root = json_parse(text, size, &scan_limits, &scratch, &error);

	if (root) {
		check_round_trip(root);
		(void)json_pointer(root, "/a/0/b");
		(void)json_dotted(root, "a.0.b");
		check_patch(&root);
	} else {
		check(error.flaw != JSON_FINE && error.flaw != JSON_NO_MEMORY);
		check(error.message && error.offset <= size && error.line >= 1);
	}
	cJSON_Delete(root);
	cJSON_Delete(json_parse(text, size, &comment_limits, &scratch, NULL));
	walk_values(text, size);
	buf_done(&scratch);
	return 0;
}
