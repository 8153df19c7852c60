/*
 * cmd_config_check.c - files by ourselves, as drayd --check does it, the agent being up or not; a desired
 * document by the agent, who alone knows what it would lie on.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "ctl/document.h"
#include "ctl/machine.h"

static void print_json(const struct error *err)
{
	struct buf out = BUF_INIT;

	buf_puts(&out, "{\"fine\":false,\"field\":");
	buf_put_json(&out, err->path, strlen(err->path));
	buf_puts(&out, ",\"detail\":");
	buf_put_json(&out, err->message, strlen(err->message));
	buf_putc(&out, '}');
	if (!buf_failed(&out))
		(void)puts(out.data);
	buf_done(&out);
}

static int check_files(const struct ctl *ctl, const char *path)
{
	struct error err = { 0 };
	char text[512];

	if (agent_check(path, &err) < 0) {
		(void)fprintf(stderr, "drayctl: %s\n", error_text(&err, text, sizeof(text)));
		if (ctl->is_json)
			print_json(&err);
		return CTL_NO;
	}
	if (ctl->is_json)
		(void)puts("{\"fine\":true}");
	else
		(void)printf("%s: configuration is fine\n", path);
	return CTL_DONE;
}

static int check_desired(const struct ctl *ctl, const char *name, const struct buf *text)
{
	struct answer answer = { 0 };
	int code = ask(ctl, "/v1/config/check", text->data ? text->data : "", text->len, &answer);

	if (ctl->is_json && answer.text.len > 0)
		answer_print(&answer);
	else if (code == CTL_DONE)
		(void)printf("%s: would be taken, as revision %.0f\n", name,
			(double)number_of(answer.root, "revision"));
	answer_done(&answer);
	return code;
}

static int run(struct ctl *ctl)
{
	struct document document;
	int code;

	if (ctl->n_args == 0)
		return check_files(ctl, config_path(ctl));
	code = document_read(ctl->args[0], &document);
	if (code == CTL_DONE)
		code = document.root && !document.is_desired
			       ? check_files(ctl, ctl->args[0])
			       : check_desired(ctl, ctl->args[0], &document.text);
	document_done(&document);
	return code;
}

const struct command cmd_config_check = { .noun = "config",
	.verb = "check",
	.synopsis = "[FILE|-] [--config FILE]",
	.help = "would it be taken: the files, also without the agent, or a desired document",
	.takes = TAKES(OPTION_CONFIG),
	.max_args = 1,
	.run = run };
