/*
 * cmd_config_apply.c - another configuration: one that is desired, or the one before.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/document.h"
#include "ctl/format.h"
#include "dray/json.h"
#include "dray/jws.h"

#define LOOK_MS 250
#define UNREACHED_MAX 240 /* looks: a minute; drayd may be started anew meanwhile */

static bool is_same_number(const cJSON *a, const cJSON *b)
{
	return cJSON_IsNumber(a) ? cJSON_IsNumber(b) && a->valuedouble == b->valuedouble
				 : !cJSON_IsNumber(b);
}

/* What became of it last; an offer of the same that was refused meanwhile says nothing of it. */
static const cJSON *find_last(const cJSON *history, const cJSON *number)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, json_get(history, "items"))
		if (is_same_number(json_get(row, "revision"), number) &&
			strcmp(text_of(row, "result"), "refused") != 0)
			return row;
	return NULL;
}

static void print_progress(struct ctl *ctl, const char *name)
{
	struct answer answer = { 0 };
	char left[FORMAT_MAX];

	if (ask(ctl, "/v1/config", NULL, 0, &answer) == CTL_DONE &&
		cJSON_IsNumber(json_get(answer.root, "probation_s"))) {
		format_age(number_of(answer.root, "probation_s"), left);
		(void)fprintf(stderr, "\r%s is on probation, %s left\033[K", name, left);
	}
	answer_done(&answer);
}

/* One look. CTL_DONE and *ret_row, borrowed from *ret, when it is over; NULL while it goes on. */
static int look(struct ctl *ctl, const cJSON *number, struct answer *ret, const cJSON **ret_row)
{
	int code = ask(ctl, "/v1/config/history", NULL, 0, ret);

	*ret_row = code == CTL_DONE ? find_last(ret->root, number) : NULL;
	if (strcmp(text_of(*ret_row, "result"), "probation") == 0)
		*ret_row = NULL;
	return code;
}

static int tell_end(const struct ctl *ctl, const cJSON *row, const char *name)
{
	const char *result = text_of(row, "result");
	bool is_good = strcmp(result, "confirmed") == 0;
	char *text = ctl->is_json ? cJSON_PrintUnformatted(row) : NULL;
	char reason[600];

	format_cell(text_of(row, "reason"), 300, reason, sizeof(reason));
	if (text)
		(void)puts(text);
	else if (is_good)
		(void)printf("%s is confirmed\n", name);
	if (!is_good)
		(void)fprintf(stderr, "drayctl: %s is %s%s%s\n", name,
			strcmp(result, "rolled_back") == 0 ? "rolled back" : result,
			reason[0] ? ": " : "", reason);
	cJSON_free(text);
	return is_good ? CTL_DONE : CTL_NO;
}

/* Until it is kept or given up; the agent may be started anew meanwhile. */
static int wait(struct ctl *ctl, const cJSON *number, const char *name)
{
	static const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	bool has_terminal = isatty(STDERR_FILENO) && !ctl->is_json;

	for (int n_unreached = 0;; (void)nanosleep(&pause, NULL)) {
		struct answer answer = { 0 };
		const cJSON *row;
		int code;

		ctl->is_patient = n_unreached < UNREACHED_MAX;
		code = look(ctl, number, &answer, &row);
		n_unreached = code == CTL_UNREACHED ? n_unreached + 1 : 0;
		if (has_terminal && code == CTL_DONE && !row)
			print_progress(ctl, name);
		if (has_terminal && row)
			(void)fputs("\r\033[K", stderr);
		if (row)
			code = tell_end(ctl, row, name);
		answer_done(&answer);
		if (row || (code != CTL_DONE && !(code == CTL_UNREACHED && ctl->is_patient)))
			return code;
	}
}

static int tell(struct ctl *ctl, const struct answer *answer)
{
	const cJSON *number = json_get(answer->root, "revision");
	bool is_tried = cJSON_IsNumber(json_get(answer->root, "probation_s"));
	char name[32], left[FORMAT_MAX];

	document_name(answer->root, name);
	if (is_tried && ctl->values[OPTION_WAIT])
		return wait(ctl, number, name);
	format_age(number_of(answer->root, "probation_s"), left);
	if (ctl->is_json)
		answer_print(answer);
	else if (is_tried)
		(void)printf("%s is in force, on probation for %s: drayctl config history tells "
			     "what becomes of it\n",
			name, left);
	else
		(void)printf("%s is in force\n", name);
	return CTL_DONE;
}

static int change(struct ctl *ctl, const char *path, const struct buf *body)
{
	struct answer answer = { 0 };
	int code = ask(ctl, path, body->data ? body->data : "", body->len, &answer);

	if (code == CTL_DONE)
		code = tell(ctl, &answer);
	answer_done(&answer);
	return code;
}

static int run_apply(struct ctl *ctl)
{
	struct document document;
	int code;

	if (ctl->n_args == 0)
		return change(ctl, "/v1/config/reload", &BUF_INIT);
	code = document_read(ctl->args[0], &document);

	if (code == CTL_DONE && document.root && !document.is_desired) {
		(void)fprintf(stderr,
			"drayctl: %s has no \"config\": it is no desired document; a configuration "
			"of the site's own belongs into its files (then drayctl config apply, alone)\n",
			ctl->args[0]);
		code = CTL_USAGE;
	}
	if (code == CTL_DONE)
		code = change(ctl, "/v1/config/apply", &document.text);
	document_done(&document);
	return code;
}

static int run_rollback(struct ctl *ctl)
{
	return change(ctl, "/v1/config/rollback", &BUF_INIT);
}

const struct command cmd_config_apply = { .noun = "config",
	.verb = "apply",
	.synopsis = "[FILE|-] [--wait]",
	.help = "take a desired document into use, or the site's files as they are now; --wait until "
		"its probation is over",
	.takes = TAKES(OPTION_WAIT),
	.max_args = 1,
	.run = run_apply };

const struct command cmd_config_rollback = { .noun = "config",
	.verb = "rollback",
	.synopsis = "[--wait]",
	.help = "back to the configuration before this one",
	.takes = TAKES(OPTION_WAIT),
	.run = run_rollback };
