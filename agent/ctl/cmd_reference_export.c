/*
 * cmd_reference_export.c - reference data on the standard output, as it can be imported.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/reference_file.h"
#include "dray/json.h"

struct exporting {
	struct buf line;
	bool is_csv;
	int64_t n, n_cut, n_left_out;
};

static int on_row(void *ctx, const cJSON *row)
{
	struct exporting *out = ctx;
	const cJSON *body = json_get(row, "body");
	const char *kind = text_of(row, "kind");

	buf_reset(&out->line);
	if (!out->is_csv) {
		json_print(body, &out->line);
		buf_putc(&out->line, '\n');
	} else if (strcmp(kind, "item") == 0 || strcmp(kind, "unit") == 0) {
		if (out->n == 0)
			reference_csv_write_head(&out->line);
		out->n_cut += !reference_csv_write(&out->line, body);
	} else {
		out->n_left_out++;
		return CTL_DONE;
	}
	out->n++;
	if (!buf_failed(&out->line) &&
		fwrite(out->line.data, 1, out->line.len, stdout) == out->line.len)
		return CTL_DONE;
	(void)fputs("drayctl: cannot write\n", stderr);
	return CTL_NO;
}

static int run(struct ctl *ctl)
{
	struct exporting out = { .is_csv = false };
	int csv = is_csv(ctl, "");
	int code;

	if (csv < 0)
		return CTL_USAGE;
	out.is_csv = csv > 0;
	code = each_reference(ctl, ctl->values[OPTION_KIND], on_row, &out);
	buf_done(&out.line);
	if (out.n_cut > 0)
		(void)fprintf(stderr,
			"drayctl: %" PRId64 " records have members that CSV has no column for; "
			"--format jsonl has all of them\n",
			out.n_cut);
	if (out.n_left_out > 0)
		(void)fprintf(stderr,
			"drayctl: %" PRId64 " records are left out: CSV holds items and units\n",
			out.n_left_out);
	if (code == CTL_DONE && out.n == 0) {
		(void)fputs("drayctl: no reference data found\n", stderr);
		code = CTL_NO;
	}
	return code;
}

const struct command cmd_reference_export = { .noun = "reference",
	.verb = "export",
	.synopsis = "[--kind KIND] [--format csv|jsonl]",
	.help = "all of it on the standard output, as import takes it",
	.takes = TAKES(OPTION_KIND) | TAKES(OPTION_FORMAT),
	.run = run };
