/*
 * show.c - what the commands' outputs have in common.
 */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

#define SEARCH_MAX 5000 /* pages without a row, before a person is asked to go on */

void print_colored(const struct ctl *ctl, enum color color, const char *text)
{
	static const char *const codes[] = {
		[COLOR_GOOD] = "\033[32m",
		[COLOR_WARN] = "\033[33m",
		[COLOR_BAD] = "\033[31m",
		[COLOR_DIM] = "\033[2m",
		[COLOR_HEAD] = "\033[1m",
	};

	if (ctl->has_color && color != COLOR_NONE)
		(void)printf("%s%s\033[0m", codes[color], text);
	else
		(void)fputs(text, stdout);
}

enum color color_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum color color;
	} colors[] = {
		{ "up", COLOR_GOOD },
		{ "running", COLOR_GOOD },
		{ "done", COLOR_GOOD },
		{ "stored", COLOR_GOOD },
		{ "good", COLOR_GOOD },
		{ "confirmed", COLOR_GOOD },
		{ "idle", COLOR_DIM },
		{ "duplicate", COLOR_DIM },
		{ "resolved", COLOR_DIM },
		{ "discarded", COLOR_DIM },
		{ "unconfigured", COLOR_DIM },
		{ "paused", COLOR_WARN },
		{ "throttled", COLOR_WARN },
		{ "waiting", COLOR_WARN },
		{ "suspect", COLOR_WARN },
		{ "degraded", COLOR_WARN },
		{ "probation", COLOR_WARN },
		{ "superseded", COLOR_DIM },
		{ "unreachable", COLOR_BAD },
		{ "held", COLOR_BAD },
		{ "failing", COLOR_BAD },
		{ "exception", COLOR_BAD },
		{ "rejected", COLOR_BAD },
		{ "refused", COLOR_BAD },
		{ "rolled_back", COLOR_BAD },
		{ "critical", COLOR_BAD },
	};

	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (strcmp(colors[i].state, state) == 0)
			return colors[i].color;
	return COLOR_NONE;
}

void put_state(struct table *table, const cJSON *destination)
{
	const char *state = text_of(destination, "state");
	char words[2 * FORMAT_MAX];
	char at[FORMAT_MAX];

	(void)snprintf(words, sizeof(words), "%s", state);
	if (strcmp(state, "throttled") == 0) {
		format_time(text_of(destination, "not_before_at"), now_ms(), at);
		(void)snprintf(words, sizeof(words), "%s until %s", state, at);
	}
	table_text(table, words, color_of_state(state));
}

void use_zone_of(const cJSON *status)
{
	const char *zone = text_of(status, "timezone");

	if (zone[0] && setenv("TZ", zone, 1) == 0)
		tzset();
}

void use_site_zone(const struct ctl *ctl)
{
	struct answer answer;

	if (ask(ctl, "/v1/status", NULL, 0, &answer) == CTL_DONE)
		use_zone_of(answer.root);
	answer_done(&answer);
}

int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

const char *text_of(const cJSON *object, const char *name)
{
	const char *text = json_get_string(object, name);

	return text ? text : "";
}

int64_t number_of(const cJSON *object, const char *name)
{
	int64_t number = 0;

	(void)json_get_integer(object, name, INT64_MIN, INT64_MAX, &number);
	return number;
}

/* What was received is a stranger's: it must not steer the terminal. */
static void print_raw(const char *raw)
{
	char line[512];
	char cell[1100];

	for (size_t at = 0; raw[at] != '\0';) {
		size_t n = strcspn(raw + at, "\n");
		size_t part = n < 100 ? n : 100;

		while (part < n && (raw[at + part] & 0xc0) == 0x80)
			part++;
		(void)snprintf(line, sizeof(line), "%.*s", (int)part, raw + at);
		format_cell(line, sizeof(line), cell, sizeof(cell));
		(void)puts(cell);
		at += part;
		if (raw[at] == '\n')
			at++;
	}
}

void print_received(const cJSON *row)
{
	if (text_of(row, "raw")[0]) {
		(void)puts("\nas received:");
		print_raw(text_of(row, "raw"));
	} else if (text_of(row, "raw_base64")[0]) {
		(void)puts("\nas received, base64:");
		(void)puts(text_of(row, "raw_base64"));
	}
}

/* What is not in a page is said, with the option that goes on. */
static void print_more(const cJSON *page)
{
	int64_t cursor = number_of(page, "cursor");

	if (cursor > 0)
		(void)printf("\nthere is more: add --cursor %" PRId64 "\n", cursor);
}

/*
 * Print a page for --json. 0 when it has rows, else CTL_NO after a line that says that nothing
 * matched: the exit code is the same for people and for programs.
 */
static int check_page(const struct ctl *ctl, const struct answer *page, const char *what)
{
	if (ctl->is_json)
		answer_print(page);
	if (cJSON_GetArraySize(json_get(page->root, "items")) > 0)
		return CTL_DONE;
	(void)fprintf(stderr, "drayctl: no %s found\n", what);
	if (!ctl->is_json)
		print_more(page->root);
	return CTL_NO;
}

/* The cursor to go on from when a page has no row, but a successor: a search is bounded. 0 none. */
static int64_t search_on(const struct answer *page)
{
	if (cJSON_GetArraySize(json_get(page->root, "items")) > 0)
		return 0;
	return number_of(page->root, "cursor");
}

static int ask_page(struct ctl *ctl, const char *what, uint64_t takes, struct answer *ret)
{
	struct buf path = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&path, "/v1/");
	buf_puts(&path, what);
	path_put_options(&path, ctl, takes);
	if (!buf_failed(&path))
		code = ask(ctl, path.data, NULL, 0, ret);
	buf_done(&path);
	return code;
}

int run_list(struct ctl *ctl, const char *what, uint64_t takes, print_fn print_items)
{
	struct answer answer = { 0 };
	char cursor[32];
	int code = ask_page(ctl, what, takes, &answer);

	for (int n = 0; n < SEARCH_MAX && code == CTL_DONE && search_on(&answer) > 0; n++) {
		(void)snprintf(cursor, sizeof(cursor), "%" PRId64, search_on(&answer));
		ctl->values[OPTION_CURSOR] = cursor;
		answer_done(&answer);
		code = ask_page(ctl, what, takes, &answer);
	}
	ctl->values[OPTION_CURSOR] = NULL;
	if (code == CTL_DONE)
		code = check_page(ctl, &answer, what);
	if (code == CTL_DONE && !ctl->is_json) {
		use_site_zone(ctl);
		print_items(ctl, json_get(answer.root, "items"));
		print_more(answer.root);
	}
	answer_done(&answer);
	return code;
}

int run_show(struct ctl *ctl, const char *what, uint64_t takes, print_fn print_one)
{
	struct buf path = BUF_INIT;
	struct answer answer = { 0 };
	int code = CTL_NO;

	buf_puts(&path, "/v1/");
	buf_puts(&path, what);
	buf_putc(&path, '/');
	path_put(&path, ctl->args[0]);
	path_put_options(&path, ctl, takes);
	if (!buf_failed(&path))
		code = ask(ctl, path.data, NULL, 0, &answer);
	if (code == CTL_DONE && ctl->is_json) {
		answer_print(&answer);
	} else if (code == CTL_DONE) {
		use_site_zone(ctl);
		print_one(ctl, answer.root);
	}
	answer_done(&answer);
	buf_done(&path);
	return code;
}
