#include "ctl/ctl.h"

#include <stdio.h>

#include "ctl/table.h"
#include "ctl/format.h"
#include "dray/json.h"

static int64_t waiting(const cJSON *row)
{
	return number_of(row, "ready") + number_of(row, "waiting") + number_of(row, "parked") +
	       number_of(row, "suspect");
}

static void print_destinations(const struct ctl *ctl, const cJSON *items)
{
	static const char *const heads[] = { "NAME", "STATE", "CONNECTOR", ">QUEUE", ">EXCEPTION",
		"LAST SUCCESS", "URL", "WHY", NULL };
	struct table *table = table_new(heads);
	char at[FORMAT_MAX];
	const cJSON *row;

	cJSON_ArrayForEach (row, items) {
		format_time(text_of(row, "last_success_at"), now_ms(), at);
		table_text(table, text_of(row, "name"), COLOR_NONE);
		put_state(table, row);
		table_text(table, text_of(row, "connector"), COLOR_NONE);
		table_count(table, waiting(row), COLOR_NONE);
		table_count(table, number_of(row, "exception"), COLOR_BAD);
		table_text(table, at, COLOR_NONE);
		table_text(table, text_of(row, "url"), COLOR_DIM);
		table_text(table, text_of(row, "reason"), COLOR_NONE);
	}
	table_print(ctl, table);
	table_free(table);
}

static int run(struct ctl *ctl)
{
	return run_list(ctl, "destinations", 0, print_destinations);
}

const struct command cmd_destinations_list = { .noun = "destinations",
	.verb = "list",
	.synopsis = "",
	.help = "where events go, and how that goes",
	.run = run };
