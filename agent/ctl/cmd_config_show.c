#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/document.h"
#include "ctl/format.h"
#include "dray/json.h"

#define TAKEN (TAKES(OPTION_EFFECTIVE) | TAKES(OPTION_DESIRED) | TAKES(OPTION_FILES))

/* "2026-11-22 09:00:12  revision 12 by topic: rolled_back, destination erp is held" */
static void print_last(const struct ctl *ctl, const cJSON *last)
{
	const char *result = text_of(last, "result");
	char at[FORMAT_MAX], name[32], reason[600];

	if (!cJSON_IsObject(last))
		return;
	format_time(text_of(last, "time"), now_ms(), at);
	document_name(last, name);
	format_cell(text_of(last, "reason"), 300, reason, sizeof(reason));
	(void)printf("last      %s  %s by %s: ", at, name, text_of(last, "origin"));
	print_colored(ctl, color_of_state(result), result);
	(void)printf("%s%s\n", reason[0] ? ", " : "", reason);
}

static void print_state(const struct ctl *ctl, const cJSON *root)
{
	const char *state = text_of(root, "state");
	char text[FORMAT_MAX], name[32], fault[600];

	document_name(root, name);
	print_colored(ctl, COLOR_HEAD, text_of(root, "site"));
	(void)printf("  %s", name);
	if (text_of(root, "origin")[0])
		(void)printf(" by %s", text_of(root, "origin"));
	(void)fputs("  ", stdout);
	print_colored(ctl, color_of_state(state), state[0] ? state : "no fleet section");
	if (cJSON_IsNumber(json_get(root, "probation_s"))) {
		format_age(number_of(root, "probation_s"), text);
		(void)printf(", %s left", text);
	}
	(void)putchar('\n');
	print_last(ctl, json_get(root, "last"));
	if (cJSON_IsObject(json_get(root, "previous"))) {
		document_name(json_get(root, "previous"), name);
		(void)printf("before    %s (drayctl config rollback)\n", name);
	}
	if (text_of(root, "url_fault")[0]) {
		format_cell(text_of(root, "url_fault"), 300, fault, sizeof(fault));
		(void)printf("url       ");
		print_colored(ctl, COLOR_WARN, "gives no document");
		(void)printf(": %s\n", fault);
	}
	if (text_of(root, "digest")[0])
		(void)printf("files     sha256 %s\n", text_of(root, "digest"));
	if (text_of(root, "rolled_back_files")[0]) {
		(void)printf("          sha256 %s ", text_of(root, "rolled_back_files"));
		print_colored(ctl, COLOR_WARN,
			"was rolled back: it is not tried again until the files change\n");
	}
}

/* Which part; NULL: all that a person wants to see at first. */
static const char *find_part(const struct ctl *ctl)
{
	if (ctl->values[OPTION_DESIRED])
		return "desired";
	if (ctl->values[OPTION_FILES])
		return "files";
	return ctl->values[OPTION_EFFECTIVE] ? "config" : NULL;
}

static int print(const struct ctl *ctl, const cJSON *root)
{
	const char *part = find_part(ctl);
	const cJSON *document = json_get(root, part ? part : "config");

	if (!part) {
		use_site_zone(ctl);
		print_state(ctl, root);
		(void)putchar('\n');
	}
	if (!cJSON_IsObject(document)) {
		(void)fputs("drayctl: nothing is desired from afar: the files are all there is\n",
			stderr);
		return CTL_NO;
	}
	document_print(document);
	return CTL_DONE;
}

static int run(struct ctl *ctl)
{
	struct answer answer = { 0 };
	int code = ask(ctl, "/v1/config", NULL, 0, &answer);

	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	else if (code == CTL_DONE)
		code = print(ctl, answer.root);
	answer_done(&answer);
	return code;
}

const struct command cmd_config_show = { .noun = "config",
	.verb = "show",
	.synopsis = "[--effective|--desired|--files]",
	.help = "what is in force and how it came to be, or one document of it alone",
	.takes = TAKEN,
	.run = run };
