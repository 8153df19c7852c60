/*
 * cmd_exceptions_act.c - retry and discard: by number, or all that match a filter.
 */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dray/json.h"

#define FILTER (TAKES(OPTION_KIND) | TAKES(OPTION_SEVERITY) | TAKES(OPTION_DESTINATION))
#define ARGS_MAX 1000

static void put_member(struct buf *body, const char *name, const char *text)
{
	buf_printf(body, "%s\"%s\":", body->len > 1 ? "," : "", name);
	buf_put_json(body, text, strlen(text));
}

static void put_options(struct buf *body, const struct ctl *ctl)
{
	static const enum ctl_option members[] = { OPTION_KIND, OPTION_SEVERITY, OPTION_DESTINATION,
		OPTION_WHY };

	buf_putc(body, '{');
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (ctl->values[members[i]])
			put_member(body, option_name(members[i]), ctl->values[members[i]]);
	if (ctl->values[OPTION_FORCE])
		buf_printf(body, "%s\"force\":true", body->len > 1 ? "," : "");
}

/* A message that was taken again may have been refused in part, or for another reason. */
static int print_done(const char *id, const char *verb, const cJSON *root)
{
	int64_t rejected = number_of(root, "rejected");

	if (strcmp(verb, "discard") == 0)
		(void)printf("exception %s: discarded\n", id);
	else if (!json_get(root, "stored"))
		(void)printf("exception %s: sent again\n", id);
	else
		(void)printf("exception %s: taken again, %" PRId64 " stored, %" PRId64
			     " known already, %" PRId64 " refused%s\n",
			id, number_of(root, "stored"), number_of(root, "duplicate"), rejected,
			rejected > 0 ? ": see drayctl exceptions list" : "");
	return rejected > 0 ? CTL_NO : CTL_DONE;
}

static int act_on_id(struct ctl *ctl, const char *verb, const char *id)
{
	struct answer answer = { 0 };
	struct buf path = BUF_INIT;
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	buf_puts(&path, "/v1/exceptions/");
	path_put(&path, id);
	buf_printf(&path, "/%s", verb);
	put_options(&body, ctl);
	buf_putc(&body, '}');
	if (!buf_failed(&path) && !buf_failed(&body))
		code = ask(ctl, path.data, body.data, body.len, &answer);
	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	else if (code == CTL_DONE)
		code = print_done(id, verb, answer.root);
	answer_done(&answer);
	buf_done(&path);
	buf_done(&body);
	return code;
}

/* One by one: a refused one doesn't keep the others from their turn. */
static int act_on_ids(struct ctl *ctl, const char *verb)
{
	int worst = CTL_DONE;

	for (int i = 0; i < ctl->n_args && worst != CTL_UNREACHED; i++) {
		int code = act_on_id(ctl, verb, ctl->args[i]);

		worst = code > worst ? code : worst;
	}
	return worst;
}

static int act_on_items(struct ctl *ctl, const char *verb, const cJSON *items)
{
	int worst = CTL_DONE;
	char id[24];
	const cJSON *item;

	cJSON_ArrayForEach (item, items) {
		(void)snprintf(id, sizeof(id), "%" PRId64, number_of(item, "id"));
		int code = act_on_id(ctl, verb, id);

		worst = code > worst ? code : worst;
		if (code == CTL_UNREACHED)
			break;
	}
	return worst;
}

/* Messages that were refused are taken again one by one, each through its adapter. */
static int take_again(struct ctl *ctl)
{
	int64_t cursor = 0;
	int worst = CTL_DONE;
	bool is_any = false;

	do {
		struct answer answer = { 0 };
		struct buf path = BUF_INIT;
		int code = CTL_NO;

		buf_puts(&path, "/v1/exceptions");
		path_put_options(&path, ctl, FILTER);
		if (cursor > 0)
			buf_printf(&path, "&cursor=%" PRId64, cursor);
		if (!buf_failed(&path))
			code = ask(ctl, path.data, NULL, 0, &answer);
		cursor = number_of(answer.root, "cursor");
		is_any |= cJSON_GetArraySize(json_get(answer.root, "items")) > 0;
		if (code == CTL_DONE)
			code = act_on_items(ctl, "retry", json_get(answer.root, "items"));
		answer_done(&answer);
		buf_done(&path);
		worst = code > worst ? code : worst;
	} while (cursor > 0 && worst != CTL_UNREACHED);
	return is_any ? worst : CTL_NO;
}

static bool is_of_messages(const char *kind)
{
	return kind && (strcmp(kind, "unparsable") == 0 || strcmp(kind, "invalid") == 0);
}

/* One call of the agent: at most a thousand. *cursor 0 begins, and ends. */
static int act_on_page(
	struct ctl *ctl, const char *verb, int64_t *cursor, int64_t *done, int64_t *skipped)
{
	struct answer answer = { 0 };
	struct buf path = BUF_INIT;
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	buf_printf(&path, "/v1/exceptions/%s", verb);
	put_options(&body, ctl);
	if (*cursor > 0)
		buf_printf(&body, ",\"cursor\":%" PRId64, *cursor);
	buf_putc(&body, '}');
	if (!buf_failed(&path) && !buf_failed(&body))
		code = ask(ctl, path.data, body.data, body.len, &answer);
	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	*done += number_of(answer.root, "done");
	*skipped += number_of(answer.root, "skipped");
	if (!ctl->is_json && text_of(answer.root, "refusal")[0])
		(void)fprintf(stderr, "drayctl: %s\n", text_of(answer.root, "refusal"));
	*cursor = number_of(answer.root, "cursor");
	answer_done(&answer);
	buf_done(&path);
	buf_done(&body);
	return code;
}

static int act_on_filter(struct ctl *ctl, const char *verb)
{
	int64_t cursor = 0;
	int64_t done = 0;
	int64_t skipped = 0;
	int code;

	do {
		code = act_on_page(ctl, verb, &cursor, &done, &skipped);
	} while (code == CTL_DONE && cursor > 0);
	if (code != CTL_DONE && done == 0)
		return code;
	if (!ctl->is_json)
		(void)printf("%" PRId64 " %s, %" PRId64 " left as they are\n", done,
			strcmp(verb, "retry") == 0 ? "sent again" : "discarded", skipped);
	return code != CTL_DONE ? code : done > 0 ? CTL_DONE : CTL_NO;
}

static int act(struct ctl *ctl, const char *verb)
{
	bool has_filter = ctl->values[OPTION_KIND] || ctl->values[OPTION_SEVERITY] ||
			  ctl->values[OPTION_DESTINATION];

	if (has_filter == (ctl->n_args > 0)) {
		(void)fprintf(stderr,
			"drayctl: name exceptions by their ID, or a --kind, --severity or "
			"--destination, not both\n");
		return CTL_USAGE;
	}
	if (!has_filter)
		return act_on_ids(ctl, verb);
	return strcmp(verb, "retry") == 0 && is_of_messages(ctl->values[OPTION_KIND])
		       ? take_again(ctl)
		       : act_on_filter(ctl, verb);
}

static int run_retry(struct ctl *ctl)
{
	return act(ctl, "retry");
}

static int run_discard(struct ctl *ctl)
{
	if (!ctl->values[OPTION_WHY] || !ctl->values[OPTION_WHY][0]) {
		(void)fputs("drayctl: discarding needs a reason: --why TEXT\n", stderr);
		return CTL_USAGE;
	}
	return act(ctl, "discard");
}

const struct command cmd_exceptions_retry = { .noun = "exceptions",
	.verb = "retry",
	.synopsis =
		"ID... | [--kind KIND] [--severity S] [--destination NAME] [--why TEXT] [--force]",
	.help = "send again what could not be delivered (--force: even if it may double), take "
		"again a message that was refused",
	.takes = FILTER | TAKES(OPTION_WHY) | TAKES(OPTION_FORCE),
	.max_args = ARGS_MAX,
	.run = run_retry };

const struct command cmd_exceptions_discard = { .noun = "exceptions",
	.verb = "discard",
	.synopsis = "ID... | [--kind KIND] [--severity S] [--destination NAME] --why TEXT",
	.help = "let it go, with a reason",
	.takes = FILTER | TAKES(OPTION_WHY),
	.max_args = ARGS_MAX,
	.run = run_discard };
