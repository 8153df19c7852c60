/* reference_pages.c - what the commands on reference data have in common. */
#include <stdio.h>
#include <string.h>

#include "ctl/reference_file.h"
#include "dray/json.h"

#define REMOVED_AT_ONCE 200

/* One page behind *cursor; *cursor is where to go on, "" at the end. */
static int ask_page(struct ctl *ctl, const char *kind, struct buf *cursor, struct answer *ret)
{
	struct buf path = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&path, "/v1/reference?limit=1000");
	if (kind) {
		buf_puts(&path, "&kind=");
		path_put(&path, kind);
	}
	if (cursor->len > 0) {
		buf_puts(&path, "&cursor=");
		path_put(&path, cursor->data);
	}
	if (!buf_failed(&path))
		code = ask(ctl, path.data, NULL, 0, ret);
	buf_done(&path);
	buf_reset(cursor);
	buf_puts(cursor, text_of(ret->root, "cursor"));
	return code;
}

int each_reference(struct ctl *ctl, const char *kind, row_fn fn, void *ctx)
{
	struct buf cursor = BUF_INIT;
	int code;

	do {
		struct answer answer = { 0 };
		const cJSON *row;

		code = ask_page(ctl, kind, &cursor, &answer);
		cJSON_ArrayForEach (row, json_get(answer.root, "items")) {
			if (code == CTL_DONE)
				code = fn(ctx, row);
		}
		answer_done(&answer);
	} while (code == CTL_DONE && cursor.len > 0 && !buf_failed(&cursor));
	buf_done(&cursor);
	return code;
}

/* At most REMOVED_AT_ONCE ids from *id on. */
static int remove_some(struct ctl *ctl, const char *kind, const cJSON **id, int64_t *removed)
{
	struct answer answer = { 0 };
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&body, "{\"kind\":");
	buf_put_json(&body, kind, strlen(kind));
	buf_puts(&body, ",\"ids\":[");
	for (int n = 0; *id && n < REMOVED_AT_ONCE; n++, *id = (*id)->next) {
		if (n > 0)
			buf_putc(&body, ',');
		json_print(*id, &body);
	}
	buf_puts(&body, "]}");
	if (!buf_failed(&body))
		code = ask(ctl, "/v1/reference/delete", body.data, body.len, &answer);
	*removed += number_of(answer.root, "deleted");
	answer_done(&answer);
	buf_done(&body);
	return code;
}

int remove_reference(struct ctl *ctl, const char *kind, const cJSON *ids, int64_t *ret_removed)
{
	const cJSON *id = ids ? ids->child : NULL;
	int code = CTL_DONE;

	*ret_removed = 0;
	while (code == CTL_DONE && id)
		code = remove_some(ctl, kind, &id, ret_removed);
	return code;
}

int is_csv(const struct ctl *ctl, const char *file)
{
	const char *format = ctl->values[OPTION_FORMAT];
	size_t len = strlen(file);

	if (!format)
		return len > 4 && strcmp(file + len - 4, ".csv") == 0;
	if (strcmp(format, "csv") == 0)
		return 1;
	if (strcmp(format, "jsonl") == 0)
		return 0;
	(void)fputs("drayctl: --format must be csv or jsonl\n", stderr);
	return -1;
}
