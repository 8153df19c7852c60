#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#include "dray/json.h"
#include "mapper/adapter_cases.h"
#include "mapper/cases.h"
#include "mapper/mapper_run.h"

struct count {
	const struct ctl *ctl;
	const char *connector, *direction;
	int passed, failed;
	cJSON *rows; /* --json */
};

static void print_diff(const struct ctl *ctl, const char *diff)
{
	while (*diff) {
		size_t len = strcspn(diff, "\n");
		struct buf line = BUF_INIT;

		buf_puts(&line, "        ");
		buf_put(&line, diff, len);
		buf_putc(&line, '\n');
		if (!buf_failed(&line))
			print_colored(ctl,
				*diff == '-'   ? COLOR_BAD
				: *diff == '+' ? COLOR_GOOD
					       : COLOR_NONE,
				line.data);
		buf_done(&line);
		diff += len + (diff[len] == '\n');
	}
}

static void on_case(void *ctx, const char *name, const char *diff)
{
	struct count *count = ctx;
	bool has_passed = !diff[0];

	if (has_passed)
		count->passed++;
	else
		count->failed++;
	if (count->ctl->is_json) {
		cJSON *row = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(row, "connector", count->connector);
		(void)cJSON_AddStringToObject(row, "direction", count->direction);
		(void)cJSON_AddStringToObject(row, "name", name);
		(void)cJSON_AddBoolToObject(row, "passed", has_passed);
		(void)cJSON_AddStringToObject(row, "diff", diff);
		(void)cJSON_AddItemToArray(count->rows, row);
		return;
	}
	print_colored(
		count->ctl, has_passed ? COLOR_GOOD : COLOR_BAD, has_passed ? "ok" : "FAILED");
	(void)printf("%s%s\n", has_passed ? "      " : "  ", name);
	print_diff(count->ctl, diff);
}

/* A connector without a program has nothing to show where its folder holds an adapter as well. */
static int test_sides(
	struct count *count, const struct sides *sides, struct mapper_run *run, struct error *err)
{
	count->direction = "out";
	if (sides->out.path && (sides->out.program || !sides->in.path) &&
		cases_run(&sides->out, run, on_case, count, err) < 0)
		return -1;
	count->direction = "in";
	if (sides->in.path && adapter_cases_run(&sides->in, run, on_case, count, err) < 0)
		return -1;
	return 0;
}

static int test_one(struct count *count, const char *which)
{
	struct sides sides;
	struct error err = { 0 };
	char words[sizeof(err.path) + sizeof(err.message) + 2];
	struct mapper_run *run;
	int code = open_sides(count->ctl, which, &sides);

	if (code != CTL_DONE)
		return code;
	count->connector = which;
	run = start_mapper(CASES_ZONE);
	if (!run) {
		code = CTL_NO;
	} else if (test_sides(count, &sides, run, &err) < 0) {
		(void)fprintf(stderr, "drayctl: %s\n", error_text(&err, words, sizeof(words)));
		code = CTL_NO;
	}
	mapper_run_free(run);
	sides_done(&sides);
	return code;
}

static int run(struct ctl *ctl)
{
	struct count count = { .ctl = ctl, .rows = cJSON_CreateArray() };
	char *text;
	int code = CTL_DONE;

	for (int i = 0; i < ctl->n_args; i++) {
		if (test_one(&count, ctl->args[i]) != CTL_DONE)
			code = CTL_NO;
	}
	if (ctl->is_json) {
		text = cJSON_PrintUnformatted(count.rows);
		(void)puts(text ? text : "[]");
		cJSON_free(text);
	} else if (count.passed + count.failed > 0) {
		(void)printf("%d passed, %d failed\n", count.passed, count.failed);
	}
	cJSON_Delete(count.rows);
	return count.failed > 0 ? CTL_NO : code;
}

const struct command cmd_connector_test = { .noun = "connector",
	.verb = "test",
	.synopsis = "NAME|FOLDER… [--config FILE]",
	.help = "run the cases of a connector or adapter, without the agent and without what it speaks to",
	.takes = TAKES(OPTION_CONFIG),
	.min_args = 1,
	.max_args = 100,
	.run = run };
