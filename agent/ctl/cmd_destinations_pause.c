/*
 * cmd_destinations_pause.c - pause and resume: one thing, two directions.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#include "dray/json.h"

static int post_why(struct ctl *ctl, const char *verb, struct answer *ret)
{
	const char *why = ctl->values[OPTION_WHY] ? ctl->values[OPTION_WHY] : "";
	struct buf path = BUF_INIT;
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&path, "/v1/destinations/");
	path_put(&path, ctl->args[0]);
	buf_printf(&path, "/%s", verb);
	buf_puts(&body, "{\"why\":");
	buf_put_json(&body, why, strlen(why));
	buf_puts(&body, "}");
	if (!buf_failed(&path) && !buf_failed(&body))
		code = ask(ctl, path.data, body.data, body.len, ret);
	buf_done(&path);
	buf_done(&body);
	return code;
}

static int turn(struct ctl *ctl, const char *verb)
{
	struct answer answer = { 0 };
	int code = post_why(ctl, verb, &answer);

	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	else if (code == CTL_DONE)
		(void)printf("%s: %s%s\n", text_of(answer.root, "name"),
			cJSON_IsTrue(json_get(answer.root, "paused")) ? "paused" : "resumed",
			cJSON_IsTrue(json_get(answer.root, "changed")) ? "" : " already");
	answer_done(&answer);
	return code;
}

static int run_pause(struct ctl *ctl)
{
	return turn(ctl, "pause");
}

static int run_resume(struct ctl *ctl)
{
	return turn(ctl, "resume");
}

const struct command cmd_destinations_pause = { .noun = "destinations",
	.verb = "pause",
	.synopsis = "NAME [--why TEXT]",
	.help = "send nothing more there; events queue up",
	.takes = TAKES(OPTION_WHY),
	.min_args = 1,
	.max_args = 1,
	.run = run_pause };

const struct command cmd_destinations_resume = { .noun = "destinations",
	.verb = "resume",
	.synopsis = "NAME [--why TEXT]",
	.help = "go on sending",
	.takes = TAKES(OPTION_WHY),
	.min_args = 1,
	.max_args = 1,
	.run = run_resume };
