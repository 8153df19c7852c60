/*
 * cmd_replay.c - have the agent send again what a destination has taken, a slice a call.
 */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dray/json.h"

#define REASONS_MAX 16
#define REASON_BYTES 256

struct sums {
	int64_t cursor; /* 0 begins, and ends */
	int64_t again, look, forced, refused;
	struct {
		char words[REASON_BYTES];
		int64_t n;
	} reasons[REASONS_MAX];
	size_t n_reasons;
};

static void put_body(struct buf *body, const struct ctl *ctl, int64_t cursor)
{
	static const enum ctl_option members[] = { OPTION_DESTINATION, OPTION_SINCE, OPTION_UNTIL,
		OPTION_TYPE, OPTION_WHY };

	buf_putc(body, '{');
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *value = ctl->values[members[i]];

		if (!value)
			continue;
		buf_printf(body, "\"%s\":", option_name(members[i]));
		buf_put_json(body, value, strlen(value));
		buf_putc(body, ',');
	}
	if (cursor > 0)
		buf_printf(body, "\"cursor\":%" PRId64 ",", cursor);
	buf_printf(body, "\"dry_run\":%s,\"force\":%s}",
		ctl->values[OPTION_DRY_RUN] ? "true" : "false",
		ctl->values[OPTION_FORCE] ? "true" : "false");
}

static void add_refusals(struct sums *sums, const cJSON *refusals)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, refusals) {
		const char *words = text_of(row, "reason");
		size_t i = 0;

		while (i < sums->n_reasons && strcmp(sums->reasons[i].words, words) != 0)
			i++;
		if (i == REASONS_MAX)
			return;
		if (i == sums->n_reasons) {
			(void)snprintf(sums->reasons[i].words, REASON_BYTES, "%s", words);
			sums->n_reasons++;
		}
		sums->reasons[i].n += number_of(row, "n");
	}
}

static int ask_slice(struct ctl *ctl, struct sums *sums)
{
	struct answer answer = { 0 };
	struct buf body = BUF_INIT;
	int code = CTL_NO;

	put_body(&body, ctl, sums->cursor);
	if (!buf_failed(&body))
		code = ask(ctl, "/v1/replay", body.data, body.len, &answer);
	if (code == CTL_DONE && ctl->is_json)
		answer_print(&answer);
	sums->again += number_of(answer.root, "replayed");
	sums->look += number_of(answer.root, "to_be_looked_up");
	sums->forced += number_of(answer.root, "forced");
	sums->refused += number_of(answer.root, "refused");
	add_refusals(sums, json_get(answer.root, "refusals"));
	sums->cursor = number_of(answer.root, "cursor");
	answer_done(&answer);
	buf_done(&body);
	return code;
}

static int64_t count_gone(const struct sums *sums)
{
	return sums->again + sums->look + sums->forced;
}

static void tell(const struct ctl *ctl, const struct sums *sums)
{
	const char *would = ctl->values[OPTION_DRY_RUN] ? "would be " : "";

	for (size_t i = 0; i < sums->n_reasons; i++)
		(void)fprintf(stderr, "drayctl: %" PRId64 " %srefused: %s\n", sums->reasons[i].n,
			would, sums->reasons[i].words);
	if (ctl->is_json)
		return;
	(void)printf("%" PRId64 " %ssent again under the key that they had, %" PRId64
		     " %slooked up first, %" PRId64 " %ssent by force, %" PRId64 " %srefused\n",
		sums->again, would, sums->look, would, sums->forced, would, sums->refused, would);
}

static int run(struct ctl *ctl)
{
	bool has_terminal = isatty(STDERR_FILENO) && !ctl->is_json;
	struct sums sums = { 0 };
	int code;

	if (!ctl->values[OPTION_DESTINATION]) {
		(void)fputs("drayctl: name a --destination\n", stderr);
		return CTL_USAGE;
	}
	do {
		code = ask_slice(ctl, &sums);
		if (has_terminal && code == CTL_DONE && sums.cursor > 0)
			(void)fprintf(stderr, "\rup to event %" PRId64 ": %" PRId64 "\033[K",
				sums.cursor, count_gone(&sums));
	} while (code == CTL_DONE && sums.cursor > 0);
	if (has_terminal)
		(void)fputs("\r\033[K", stderr);
	if (code == CTL_DONE || count_gone(&sums) > 0)
		tell(ctl, &sums);
	return code != CTL_DONE ? code : count_gone(&sums) > 0 ? CTL_DONE : CTL_NO;
}

const struct command cmd_replay = {
	.noun = "replay",
	.synopsis = "--destination NAME [--since TIME] [--until TIME] [--type TYPE] [--dry-run] "
		    "[--force] [--why TEXT]",
	.help = "send again what a destination has taken; --force: even what may double",
	.takes = TAKES(OPTION_DESTINATION) | TAKES(OPTION_SINCE) | TAKES(OPTION_UNTIL) |
		 TAKES(OPTION_TYPE) | TAKES(OPTION_DRY_RUN) | TAKES(OPTION_FORCE) |
		 TAKES(OPTION_WHY),
	.run = run,
};
