#include "ctl/ctl.h"

#include <stdio.h>

#include "ctl/document.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

static void print_history(const struct ctl *ctl, const cJSON *items)
{
	static const char *const heads[] = { "TIME", "WHAT", "BY", "RESULT", "WHY", NULL };
	struct table *table = table_new(heads);
	char text[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, items) {
		const char *result = text_of(row, "result");

		format_time(text_of(row, "time"), now_ms(), text);
		table_text(table, text, COLOR_NONE);
		document_name(row, text);
		table_text(table, text, COLOR_NONE);
		table_text(table, text_of(row, "origin"), COLOR_NONE);
		table_text(table, result, color_of_state(result));
		table_text(table, text_of(row, "reason"), COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
}

static int run(struct ctl *ctl)
{
	struct answer answer = { 0 };
	int code = ask(ctl, "/v1/config/history", NULL, 0, &answer);
	const cJSON *items = json_get(answer.root, "items");

	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	if (code == CTL_DONE && cJSON_GetArraySize(items) == 0) {
		(void)fputs(
			"drayctl: no configuration came but by files: the agent has no fleet section\n",
			stderr);
		code = CTL_NO;
	} else if (code == CTL_DONE && !ctl->is_json) {
		use_site_zone(ctl);
		print_history(ctl, items);
	}
	answer_done(&answer);
	return code;
}

const struct command cmd_config_history = { .noun = "config",
	.verb = "history",
	.synopsis = "",
	.help = "which configurations came, how, and what became of them",
	.run = run };
