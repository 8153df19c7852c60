/*
 * cmd_events_show.c - the life of one event as a time line.
 */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

#define LINES_MAX 2000
#define WORDS_MAX 400

struct line {
	const char *at; /* RFC 3339 in UTC, so that it sorts as text; "" is still to come */
	const char *where;
	const char *what;
	char words[WORDS_MAX];
	size_t order;
};

struct timeline {
	struct line *lines; /* LINES_MAX */
	size_t n;
};

static void add_line(struct timeline *timeline, const char *at, const char *where, const char *what,
	const char *words)
{
	struct line *line;

	if (timeline->n == LINES_MAX)
		return;
	line = &timeline->lines[timeline->n];
	*line = (struct line){ .at = at, .where = where, .what = what, .order = timeline->n };
	(void)snprintf(line->words, sizeof(line->words), "%s", words);
	timeline->n++;
}

static int compare_lines(const void *left, const void *right)
{
	const struct line *a = left;
	const struct line *b = right;
	int order;

	if (!a->at[0] != !b->at[0])
		return a->at[0] ? -1 : 1;
	order = strcmp(a->at, b->at);
	if (order != 0)
		return order;
	return a->order < b->order ? -1 : 1;
}

static void add_arrival(struct timeline *timeline, const cJSON *event)
{
	const char *device = text_of(event, "device");
	char words[WORDS_MAX];

	add_line(timeline, text_of(event, "occurred_at"), device, "occurred", "");
	if (text_of(event, "sent_at")[0])
		add_line(timeline, text_of(event, "sent_at"), device, "sent", "");
	(void)snprintf(words, sizeof(words), "through %s, stored as %" PRId64,
		text_of(event, "origin")[0] ? text_of(event, "origin") : "?",
		number_of(event, "seq"));
	add_line(timeline, text_of(event, "received_at"), "dray", "received", words);
}

static void add_attempts(struct timeline *timeline, const cJSON *attempts)
{
	char words[WORDS_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, attempts) {
		int64_t status = number_of(row, "status");
		const char *message = text_of(row, "message");
		char answered[24] = "";

		if (status > 0)
			(void)snprintf(answered, sizeof(answered), ": %" PRId64, status);
		(void)snprintf(words, sizeof(words),
			"attempt %" PRId64 " after %" PRId64 " ms%s%s%s", number_of(row, "attempt"),
			number_of(row, "took_ms"), answered,
			!message[0]  ? ""
			: status > 0 ? " "
				     : ": ",
			message);
		add_line(timeline, text_of(row, "at"), text_of(row, "destination"),
			text_of(row, "outcome"), words);
	}
}

static void add_deliveries(struct timeline *timeline, const cJSON *deliveries)
{
	char words[WORDS_MAX];
	char due[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, deliveries) {
		int n = snprintf(words, sizeof(words), "after %" PRId64 " attempt%s",
			number_of(row, "attempts"), number_of(row, "attempts") == 1 ? "" : "s");
		size_t at = n > 0 ? (size_t)n : 0;

		if (text_of(row, "ref")[0])
			(void)snprintf(words + at, sizeof(words) - at, ", reference %s",
				text_of(row, "ref"));
		else if (text_of(row, "due_at")[0]) {
			format_time(text_of(row, "due_at"), now_ms(), due);
			(void)snprintf(words + at, sizeof(words) - at, ", next at %s", due);
		} else if (strcmp(text_of(row, "state"), "parked") == 0)
			(void)snprintf(words + at, sizeof(words) - at, ", behind another of %s",
				text_of(row, "held_key"));
		add_line(timeline, text_of(row, "settled_at"), text_of(row, "destination"),
			text_of(row, "state"), words);
	}
}

static void add_exceptions(struct timeline *timeline, const cJSON *exceptions)
{
	char words[WORDS_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, exceptions) {
		(void)snprintf(words, sizeof(words), "%" PRId64 " %s: %s", number_of(row, "id"),
			text_of(row, "kind"), text_of(row, "reason"));
		add_line(timeline, text_of(row, "opened_at"), text_of(row, "destination"),
			"exception", words);
	}
}

static void add_resolutions(struct timeline *timeline, const cJSON *exceptions)
{
	char words[WORDS_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, exceptions) {
		if (!text_of(row, "resolved_at")[0])
			continue;
		(void)snprintf(words, sizeof(words), "exception %" PRId64 " %s",
			number_of(row, "id"), text_of(row, "resolution"));
		add_line(timeline, text_of(row, "resolved_at"), text_of(row, "destination"),
			"resolved", words);
	}
}

static void print_timeline(const struct ctl *ctl, struct timeline *timeline)
{
	static const char *const heads[] = { "TIME", "WHERE", "WHAT", "", NULL };
	struct table *table = table_new(heads);
	char at[FORMAT_MAX];

	qsort(timeline->lines, timeline->n, sizeof(timeline->lines[0]), compare_lines);
	for (size_t i = 0; i < timeline->n; i++) {
		const struct line *line = &timeline->lines[i];

		format_time(line->at, now_ms(), at);
		table_text(table, line->at[0] ? at : "now", COLOR_NONE);
		table_text(table, line->where, COLOR_NONE);
		table_text(table, line->what, color_of_state(line->what));
		table_text(table, line->words[0] ? line->words : " ", COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
}

static void print_event(const struct ctl *ctl, const cJSON *event)
{
	struct timeline timeline = { .lines = calloc(LINES_MAX, sizeof(struct line)) };
	const cJSON *body = json_get(event, "body");
	bool is_given_up = !body || cJSON_IsNull(body);
	char *text = is_given_up ? NULL : cJSON_Print(body);

	if (!timeline.lines) {
		cJSON_free(text);
		return;
	}
	print_colored(ctl, COLOR_HEAD, text_of(event, "type"));
	(void)printf("  %s  %s  %s\n\n", text_of(event, "document"), text_of(event, "source"),
		text_of(event, "id"));
	/* Within one millisecond: a person's word, then the attempt it led to, then what came of it. */
	add_arrival(&timeline, event);
	add_resolutions(&timeline, json_get(event, "exceptions"));
	add_attempts(&timeline, json_get(event, "attempts"));
	add_exceptions(&timeline, json_get(event, "exceptions"));
	add_deliveries(&timeline, json_get(event, "deliveries"));
	print_timeline(ctl, &timeline);
	if (text)
		(void)printf("\n%s\n", text);
	print_received(event);
	if (is_given_up)
		(void)puts("\nIts content was given up after delivery, when room in the store was "
			   "short.");
	cJSON_free(text);
	free(timeline.lines);
}

static int run(struct ctl *ctl)
{
	return run_show(ctl, "events", TAKES(OPTION_DEVICE), print_event);
}

const struct command cmd_events_show = { .noun = "events",
	.verb = "show",
	.synopsis = "ID|#SEQ [--device NAME]",
	.help = "the whole life of one event",
	.takes = TAKES(OPTION_DEVICE),
	.min_args = 1,
	.max_args = 1,
	.run = run };
