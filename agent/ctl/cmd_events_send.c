#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/table.h"

/* The agent takes no larger body. */
#define FILE_MAX (1024 * 1024)

/* Returns how many were refused. */
static int print_acks(const struct ctl *ctl, const cJSON *acks)
{
	static const char *const heads[] = { "STATUS", ">SEQ", "ID", "FIELD", "MESSAGE", NULL };
	struct table *table = table_new(heads);
	int n_refused = 0;
	char seq[24];
	const cJSON *ack;

	cJSON_ArrayForEach (ack, acks) {
		const char *status = text_of(ack, "status");

		n_refused += strcmp(status, "rejected") == 0;
		(void)snprintf(seq, sizeof(seq), "%" PRId64, number_of(ack, "seq"));
		table_text(table, status, color_of_state(status));
		table_text(table, number_of(ack, "seq") > 0 ? seq : "", COLOR_NONE);
		table_text(table, text_of(ack, "id"), COLOR_NONE);
		table_text(table, text_of(ack, "field"), COLOR_NONE);
		table_text(table, text_of(ack, "message"), COLOR_NONE);
	}
	if (!ctl->is_json)
		table_print(ctl, table);
	table_free(table);
	return n_refused;
}

static int run(struct ctl *ctl)
{
	struct buf body = BUF_INIT;
	struct buf path = BUF_INIT;
	struct answer answer = { 0 };
	int code = read_input(ctl->args[0], FILE_MAX, &body);

	buf_puts(&path, "/v1/events");
	path_put_options(&path, ctl, TAKES(OPTION_DEVICE));
	if (code == CTL_DONE && buf_failed(&path))
		code = CTL_NO;
	if (code == CTL_DONE)
		code = ask(ctl, path.data, body.len > 0 ? body.data : "", body.len, &answer);
	if (code == CTL_DONE && print_acks(ctl, answer.root) > 0)
		code = CTL_NO;
	if (ctl->is_json && answer.text.len > 0)
		answer_print(&answer);
	answer_done(&answer);
	buf_done(&path);
	buf_done(&body);
	return code;
}

const struct command cmd_events_send = { .noun = "events",
	.verb = "send",
	.synopsis = "FILE|- [--device NAME]",
	.help = "take one or more events, as a handheld would send them",
	.takes = TAKES(OPTION_DEVICE),
	.min_args = 1,
	.max_args = 1,
	.run = run };
