#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/format.h"
#include "ctl/table.h"
#include "dray/json.h"

#define TAKEN                                                                                    \
	(TAKES(OPTION_ID) | TAKES(OPTION_DOCUMENT) | TAKES(OPTION_DEVICE) | TAKES(OPTION_TYPE) | \
		TAKES(OPTION_SINCE) | TAKES(OPTION_UNTIL) | TAKES(OPTION_LIMIT) |                \
		TAKES(OPTION_CURSOR))

static void print_events(const struct ctl *ctl, const cJSON *items)
{
	static const char *const heads[] = { ">SEQ", "RECEIVED", "TYPE", "DEVICE", "DOCUMENT", "ID",
		NULL };
	struct table *table = table_new(heads);
	char text[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, items) {
		(void)snprintf(text, sizeof(text), "%" PRId64, number_of(row, "seq"));
		table_text(table, text, COLOR_NONE);
		format_time(text_of(row, "received_at"), now_ms(), text);
		table_text(table, text, COLOR_NONE);
		table_text(table, text_of(row, "type"), COLOR_NONE);
		table_text(table, text_of(row, "device"), COLOR_NONE);
		table_text(table, text_of(row, "document"), COLOR_NONE);
		table_text(table, text_of(row, "id"), COLOR_DIM);
	}
	table_print(ctl, table);
	table_free(table);
}

static int run(struct ctl *ctl)
{
	return run_list(ctl, "events", TAKEN, print_events);
}

const struct command cmd_events_list = {
	.noun = "events",
	.verb = "list",
	.synopsis = "[--id ID] [--document KEY] [--device NAME] [--type TYPE] [--since TIME] "
		    "[--until TIME] [--limit N] [--cursor N]",
	.help = "events, newest first",
	.takes = TAKEN,
	.run = run,
};
