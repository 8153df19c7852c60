/*
 * api_exceptions.c - what needs a person: the list, and one of them whole.
 */
#include "ops/room.h"

#include <string.h>

#include "ops/rows.h"

const char *const exception_kinds[] = { "rejected", "gave_up", "unknown", "unparsable", "invalid",
	"id_conflict", "discrepancy", "match", "hold", "store", "loop", NULL };

static const char *const severities[] = { "critical", "normal", NULL };

static bool check_word(
	struct call *call, const char *name, const char *word, const char *const *known)
{
	struct buf list = BUF_INIT;

	for (const char *const *at = known; word && *at; at++)
		if (strcmp(*at, word) == 0)
			word = NULL;
	if (!word)
		return true;
	for (const char *const *at = known; *at; at++)
		buf_printf(&list, "%s%s", at > known ? ", " : "", *at);
	call_problem(call, 400, "%s: must be one of %s, not %.32s", name,
		buf_failed(&list) ? "the known words" : list.data, word);
	buf_done(&list);
	return false;
}

bool call_exception_words(struct call *call, const char *kind, const char *severity)
{
	return check_word(call, "kind", kind, exception_kinds) &&
	       check_word(call, "severity", severity, severities);
}

static int on_row(void *ctx, const struct store_exception_row *row)
{
	row_exception(ctx, row, false);
	return 0;
}

void api_list_exceptions(struct call *call)
{
	struct store_exception_filter filter = {
		.kind = call_query(call, "kind"),
		.severity = call_query(call, "severity"),
	};
	const char *all = call_query(call, "all");
	int64_t cursor;

	if (!call_exception_words(call, filter.kind, filter.severity) ||
		!call_query_page(call, &filter.limit, &filter.before_id) ||
		!call_destination(call, call_query(call, "destination"), &filter.destination))
		return;
	if (all && strcmp(all, "true") != 0 && strcmp(all, "false") != 0) {
		call_problem(call, 400, "all: must be true or false");
		return;
	}
	filter.with_resolved = all && strcmp(all, "true") == 0;
	page_open(&call->body);
	if (store_list_exceptions(call->ops->with.store, &filter, on_row, call, &cursor) < 0) {
		call_store_failed(call);
		return;
	}
	page_close(&call->body, cursor);
	call_answer(call, 200);
}

static int on_whole(void *ctx, const struct store_exception_row *row)
{
	row_exception(ctx, row, true);
	return 0;
}

void api_show_exception(struct call *call)
{
	int64_t id;
	int found = 0;

	if (call_parse_id(call->parameter, &id))
		found = store_get_exception(call->ops->with.store, id, on_whole, call);
	if (found == 0)
		call_problem(call, 404, "there is no exception %.32s", call->parameter);
	else if (found < 0)
		call_store_failed(call);
	else
		call_answer(call, 200);
}
