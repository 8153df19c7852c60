#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/table.h"
#include "dray/json.h"

static void print_queue(const struct ctl *ctl, const cJSON *root)
{
	static const char *const heads[] = { "DESTINATION", "STATE", ">ALL", "><1m", "><5m",
		"><15m", "><1h", "><6h", "><1d", ">OLDER", ">OLDEST", NULL };
	static const char *const ages[] = { "1m", "5m", "15m", "1h", "6h", "1d", "older" };
	struct table *table = table_new(heads);
	bool is_cut = false;
	const cJSON *row;

	cJSON_ArrayForEach (row, json_get(root, "items")) {
		table_text(table, text_of(row, "destination"), COLOR_NONE);
		put_state(table, row);
		table_count(table, number_of(row, "unfinished"), COLOR_NONE);
		for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
			table_count(table, number_of(json_get(row, "ages"), ages[i]), COLOR_NONE);
		table_age(table, json_get(row, "oldest_s"));
		is_cut = is_cut || cJSON_IsTrue(json_get(row, "is_cut"));
	}
	table_print(ctl, table);
	table_free(table);
	if (is_cut)
		(void)puts(
			"\nages are those of the oldest deliveries; what came later is only in ALL");
}

static int run(struct ctl *ctl)
{
	struct answer answer;
	int code = ask(ctl, "/v1/queue", NULL, 0, &answer);

	if (code == CTL_DONE && ctl->is_json) {
		answer_print(&answer);
	} else if (code == CTL_DONE) {
		use_site_zone(ctl);
		print_queue(ctl, answer.root);
	}
	answer_done(&answer);
	return code;
}

const struct command cmd_queue = {
	.noun = "queue", .synopsis = "", .help = "age of what waits, by destination", .run = run
};
