#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/format.h"
#include "ctl/table.h"

static bool is_of_message(const cJSON *root)
{
	const char *kind = text_of(root, "kind");

	return strcmp(kind, "unparsable") == 0 || strcmp(kind, "invalid") == 0;
}

/* What to do about it: the commands that fit. */
static void print_advice(const cJSON *root)
{
	int64_t id = number_of(root, "id");

	if (strcmp(text_of(root, "state"), "resolved") == 0)
		return;
	if (number_of(root, "seq") > 0)
		(void)printf("\ndrayctl events show %" PRId64 "\n", number_of(root, "seq"));
	else
		(void)putchar('\n');
	if (number_of(root, "seq") > 0 ? text_of(root, "destination")[0] &&
						 strcmp(text_of(root, "kind"), "hold") != 0
				       : is_of_message(root))
		(void)printf("drayctl exceptions retry %" PRId64 "\n", id);
	(void)printf("drayctl exceptions discard %" PRId64 " --why TEXT\n", id);
}

static void print_exception(const struct ctl *ctl, const cJSON *root)
{
	static const char *const heads[] = { "EXCEPTION", "", NULL };
	static const char *const members[] = { "id", "kind", "severity", "state", "code", "reason",
		"field", "destination", "seq", "event_type", "event_id", "origin", "device",
		"owner", "repeats", "opened_at", "due_at", "resolved_at", "resolution" };
	struct table *table = table_new(heads);
	char text[FORMAT_MAX];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(root, members[i]);
		size_t len = strlen(members[i]);

		if (!member || cJSON_IsNull(member))
			continue;
		table_text(table, members[i], COLOR_DIM);
		if (cJSON_IsNumber(member)) {
			(void)snprintf(text, sizeof(text), "%.0f", member->valuedouble);
			table_text(table, text, COLOR_NONE);
		} else if (len > 3 && strcmp(members[i] + len - 3, "_at") == 0) {
			format_time(text_of(root, members[i]), now_ms(), text);
			table_text(table, text, COLOR_NONE);
		} else {
			table_text(table, text_of(root, members[i]), COLOR_NONE);
		}
	}
	table_print(ctl, table);
	table_free(table);
	print_received(root);
	print_advice(root);
}

static int run(struct ctl *ctl)
{
	return run_show(ctl, "exceptions", 0, print_exception);
}

const struct command cmd_exceptions_show = { .noun = "exceptions",
	.verb = "show",
	.synopsis = "ID",
	.help = "one exception, with what was received",
	.min_args = 1,
	.max_args = 1,
	.run = run };
