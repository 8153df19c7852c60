#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

#define TAKEN                                                                      \
	(TAKES(OPTION_KIND) | TAKES(OPTION_SEVERITY) | TAKES(OPTION_DESTINATION) | \
		TAKES(OPTION_ALL) | TAKES(OPTION_LIMIT) | TAKES(OPTION_CURSOR))

/* Who has to be looked for: the device, or the topic where none could be read. */
static const char *from_of(const cJSON *row)
{
	const char *device = text_of(row, "device");

	return *device ? device : text_of(row, "origin");
}

static void print_exceptions(const struct ctl *ctl, const cJSON *items)
{
	static const char *const heads[] = { ">ID", "OPENED", "SEVERITY", "KIND", "STATE",
		"DESTINATION", "FROM", "EVENT", "WHY", NULL };
	struct table *table = table_new(heads);
	char text[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, items) {
		(void)snprintf(text, sizeof(text), "%" PRId64, number_of(row, "id"));
		table_text(table, text, COLOR_NONE);
		format_time(text_of(row, "opened_at"), now_ms(), text);
		table_text(table, text, COLOR_NONE);
		table_text(
			table, text_of(row, "severity"), color_of_state(text_of(row, "severity")));
		table_text(table, text_of(row, "kind"), COLOR_NONE);
		table_text(table, text_of(row, "state"), color_of_state(text_of(row, "state")));
		table_text(table, text_of(row, "destination"), COLOR_NONE);
		table_text(table, from_of(row), COLOR_NONE);
		(void)snprintf(text, sizeof(text), "%" PRId64, number_of(row, "seq"));
		table_text(table, number_of(row, "seq") > 0 ? text : "", COLOR_NONE);
		table_text(table, text_of(row, "reason"), COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
}

static int run(struct ctl *ctl)
{
	return run_list(ctl, "exceptions", TAKEN, print_exceptions);
}

const struct command cmd_exceptions_list = {
	.noun = "exceptions",
	.verb = "list",
	.synopsis = "[--kind KIND] [--severity S] [--destination NAME] [--all] [--limit N] "
		    "[--cursor N]",
	.help = "what needs a person; --all with those that are resolved",
	.takes = TAKEN,
	.run = run,
};
