/*
 * cmd_reference_import.c - reference data from a file, as many records a call as one turn should take.
 *
 * What is sent keeps the lines of the file: a record of CSV stands in the body where it began, with blank
 * lines for the rest, so that the agent's words name lines of the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/reference_file.h"
#include "dray/json.h"

#define RECORDS_AT_ONCE 250
#define BODY_MAX ((size_t)1000 * 1000) /* the agent takes 1 MiB */
#define LINE_MAX_BYTES ((size_t)256 * 1024)

struct importing {
	struct ctl *ctl;
	const char *name;
	FILE *file;
	int64_t size; /* of the file, 0 not known */
	bool has_terminal;
	struct buf body;
	char kind[64];      /* of the records in the body; another kind begins another call */
	size_t n;           /* of them */
	size_t first, next; /* lines of the file: the body's first, the one behind its last */
	struct seen seen;
	int64_t records, stored, moved, removed;
};

/* --- sending -------------------------------------------------------------------------------------- */

static void put_path(struct buf *path, const struct importing *in)
{
	buf_printf(path, "/v1/reference?line=%zu", in->first);
	if (in->ctl->values[OPTION_KIND]) {
		buf_puts(path, "&kind=");
		path_put(path, in->ctl->values[OPTION_KIND]);
	}
	if (in->ctl->values[OPTION_DRY_RUN])
		buf_puts(path, "&dry_run=true");
}

static void show_progress(const struct importing *in)
{
	int64_t at = in->size > 0 ? (int64_t)ftello(in->file) : 0;

	if (!in->has_terminal)
		return;
	if (in->size > 0)
		(void)fprintf(stderr, "\r%" PRId64 " records, %d %%\033[K", in->records,
			(int)(100 * at / in->size));
	else
		(void)fprintf(stderr, "\r%" PRId64 " records\033[K", in->records);
}

static void hide_progress(const struct importing *in)
{
	if (in->has_terminal)
		(void)fputs("\r\033[K", stderr);
}

static int send_batch(struct importing *in)
{
	struct answer answer = { 0 };
	struct buf path = BUF_INIT;
	int code = CTL_NO;

	if (in->n == 0)
		return CTL_DONE;
	put_path(&path, in);
	if (!buf_failed(&path) && !buf_failed(&in->body))
		code = ask(in->ctl, path.data, in->body.data, in->body.len, &answer);
	if (code == CTL_DONE) {
		in->records += number_of(answer.root, "records");
		in->stored += number_of(answer.root, "stored");
		in->moved += number_of(answer.root, "moved");
		show_progress(in);
	}
	answer_done(&answer);
	buf_done(&path);
	buf_reset(&in->body);
	in->n = 0;
	return code;
}

/* --- records -------------------------------------------------------------------------------------- */

static int refuse_line(const struct importing *in, size_t line, const char *what, const char *why)
{
	hide_progress(in);
	(void)fprintf(stderr, "drayctl: %s line %zu: %s%s%s\n", in->name, line, what,
		what[0] ? " " : "", why);
	return CTL_NO;
}

/* A later record of the same kind and id would take the place of the first, unseen. */
static int note_id(struct importing *in, size_t line, const char *kind, const char *id)
{
	switch (seen_add(&in->seen, kind, id)) {
	case 1:
		return CTL_DONE;
	case 0:
		return refuse_line(in, line, "id",
			"stands in the file before: the lines of one record stand next to each other");
	default:
		return refuse_line(in, line, "", "out of memory");
	}
}

/* `tree` NULL: it can't be read, and the agent will say why. */
static int put_record(
	struct importing *in, size_t line, const char *text, size_t len, const cJSON *tree)
{
	const char *kind = json_get_string(tree, "kind"), *id = json_get_string(tree, "id");
	int code = CTL_DONE;

	if (!kind)
		kind = in->ctl->values[OPTION_KIND] ? in->ctl->values[OPTION_KIND] : "";
	if (id)
		code = note_id(in, line, kind, id);
	if (code == CTL_DONE && (in->n == RECORDS_AT_ONCE || in->body.len + len >= BODY_MAX ||
					strncmp(kind, in->kind, sizeof(in->kind) - 1) != 0))
		code = send_batch(in);
	if (code != CTL_DONE)
		return code;
	if (in->n++ == 0) {
		in->first = in->next = line;
		(void)snprintf(in->kind, sizeof(in->kind), "%s", kind);
	}
	for (; in->next < line; in->next++)
		buf_putc(&in->body, '\n');
	buf_put(&in->body, text, len);
	buf_putc(&in->body, '\n');
	in->next++;
	return CTL_DONE;
}

/* --- JSON lines ----------------------------------------------------------------------------------- */

static int put_json_line(struct importing *in, size_t line, const struct buf *text)
{
	size_t blank = strspn(text->data, " \t\r");
	cJSON *tree;
	int code;

	if (blank == text->len)
		return CTL_DONE;
	if (text->data[blank] == '[')
		return refuse_line(
			in, line, "", "is an array: write one record a line (jq -c '.[]' does)");
	tree = cJSON_ParseWithLength(text->data, text->len);
	code = put_record(in, line, text->data, text->len, tree);
	cJSON_Delete(tree);
	return code;
}

static int read_json_lines(struct importing *in)
{
	struct buf text = BUF_INIT;
	size_t line = 1;
	int code = CTL_DONE, byte;

	buf_puts(&text, "");
	do {
		byte = getc(in->file);
		if (byte != '\n' && byte != EOF) {
			buf_putc(&text, (char)byte);
			if (text.len > LINE_MAX_BYTES || buf_failed(&text))
				code = refuse_line(in, line, "", "is longer than 256 KiB");
			continue;
		}
		if (text.len > 0)
			code = put_json_line(in, line, &text);
		buf_reset(&text);
		line++;
	} while (byte != EOF && code == CTL_DONE);
	buf_done(&text);
	return code;
}

/* --- CSV ------------------------------------------------------------------------------------------ */

static int put_csv_record(struct importing *in, size_t line, cJSON *record)
{
	struct buf text = BUF_INIT;
	int code;

	if (!record)
		return CTL_DONE;
	json_print(record, &text);
	code = buf_failed(&text) ? refuse_line(in, line, "", "out of memory")
				 : put_record(in, line, text.data, text.len, record);
	buf_done(&text);
	cJSON_Delete(record);
	return code;
}

static int put_csv_line(struct importing *in, struct reference_csv *records, const struct csv *csv)
{
	struct error err = { 0 };
	size_t line = 0;
	cJSON *record;
	int status = reference_csv_put(records, csv, &record, &line, &err);
	int code = put_csv_record(in, line, record);

	return status == 0 || code != CTL_DONE
		       ? code
		       : refuse_line(in, csv->record_line, err.path, err.message);
}

static int read_csv(struct importing *in)
{
	const char *kind = in->ctl->values[OPTION_KIND];
	struct reference_csv records = { .kind = kind ? kind : "item" };
	struct csv csv = { 0 };
	int code = CTL_DONE, byte;
	size_t line;
	cJSON *last;

	do {
		byte = getc(in->file);
		switch (csv_put(&csv, byte == EOF ? CSV_END : byte)) {
		case CSV_MORE:
			break;
		case CSV_RECORD:
			code = put_csv_line(in, &records, &csv);
			break;
		case CSV_FLAW:
			code = refuse_line(in, csv.line, "", csv.flaw);
			break;
		}
	} while (byte != EOF && code == CTL_DONE);
	last = reference_csv_end(&records, &line);
	if (code == CTL_DONE)
		code = put_csv_record(in, line, last);
	else
		cJSON_Delete(last);
	csv_done(&csv);
	return code;
}

/* --- what the file doesn't have ------------------------------------------------------------------- */

struct leaving {
	const struct importing *in;
	cJSON *ids;
};

static int on_row(void *ctx, const cJSON *row)
{
	struct leaving *leaving = ctx;
	const char *id = text_of(row, "id");

	if (seen_has(&leaving->in->seen, text_of(row, "kind"), id))
		return CTL_DONE;
	return cJSON_AddItemToArray(leaving->ids, cJSON_CreateString(id)) ? CTL_DONE : CTL_NO;
}

/* Does a person say so? Their answer is the number itself: a yes comes too easily. */
static bool is_confirmed(const struct importing *in, int n)
{
	const char *kind = in->ctl->values[OPTION_KIND];
	char answer[32];

	if (in->ctl->values[OPTION_FORCE])
		return true;
	(void)fprintf(stderr, "%d records of kind %s are not in %s", n, kind, in->name);
	if (!isatty(STDIN_FILENO) || in->file == stdin) {
		(void)fputs(" and stay; --force removes them without a question\n", stderr);
		return false;
	}
	(void)fprintf(stderr, "; to remove them type %d: ", n);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return strtol(answer, NULL, 10) == n && strspn(answer, "0123456789") == strlen(answer);
}

static int remove_others(struct importing *in)
{
	struct leaving leaving = { .in = in, .ids = cJSON_CreateArray() };
	const char *kind = in->ctl->values[OPTION_KIND];
	int code = leaving.ids ? each_reference(in->ctl, kind, on_row, &leaving) : CTL_NO;
	int n = cJSON_GetArraySize(leaving.ids);

	if (code == CTL_DONE && n > 0) {
		if (in->ctl->values[OPTION_DRY_RUN])
			in->removed = n;
		else if (is_confirmed(in, n))
			code = remove_reference(in->ctl, kind, leaving.ids, &in->removed);
		else
			code = CTL_NO;
	}
	cJSON_Delete(leaving.ids);
	return code;
}

/* --- the command ---------------------------------------------------------------------------------- */

static void tell(const struct importing *in, int code)
{
	bool is_dry = in->ctl->values[OPTION_DRY_RUN] != NULL;

	if (in->ctl->is_json)
		(void)printf("{\"records\":%" PRId64 ",\"stored\":%" PRId64 ",\"moved\":%" PRId64
			     ",\"removed\":%" PRId64 ",\"dry_run\":%s}\n",
			in->records, in->stored, in->moved, in->removed, is_dry ? "true" : "false");
	else if (is_dry)
		(void)printf("%" PRId64 " records are fine, nothing is stored; %" PRId64
			     " would be removed\n",
			in->records, in->removed);
	else if (in->stored > 0 || code == CTL_DONE)
		(void)printf("%" PRId64 " records stored, %" PRId64
			     " codes moved from other records, %" PRId64 " records removed\n",
			in->stored, in->moved, in->removed);
}

static int import(struct importing *in, bool is_csv_file)
{
	struct stat about;
	int code;

	if (fstat(fileno(in->file), &about) == 0 && S_ISREG(about.st_mode))
		in->size = about.st_size;
	code = is_csv_file ? read_csv(in) : read_json_lines(in);
	if (code == CTL_DONE && ferror(in->file)) {
		(void)fprintf(stderr, "drayctl: cannot read %s: %s\n", in->name, strerror(errno));
		code = CTL_USAGE;
	}
	if (code == CTL_DONE)
		code = send_batch(in);
	hide_progress(in);
	if (code == CTL_DONE && in->records == 0) {
		(void)fprintf(stderr, "drayctl: there is no record in %s\n", in->name);
		return CTL_NO;
	}
	if (code == CTL_DONE && in->ctl->values[OPTION_REPLACE])
		code = remove_others(in);
	tell(in, code);
	return code;
}

static int run(struct ctl *ctl)
{
	struct importing in = { .ctl = ctl, .name = ctl->args[0] };
	int csv = is_csv(ctl, in.name), code;

	if (csv < 0)
		return CTL_USAGE;
	if (ctl->values[OPTION_REPLACE] && !ctl->values[OPTION_KIND]) {
		(void)fputs("drayctl: --replace wants a --kind\n", stderr);
		return CTL_USAGE;
	}
	in.file = strcmp(in.name, "-") == 0 ? stdin : fopen(in.name, "rb");
	if (!in.file) {
		(void)fprintf(stderr, "drayctl: cannot open %s: %s\n", in.name, strerror(errno));
		return CTL_USAGE;
	}
	in.has_terminal = isatty(STDERR_FILENO) && !ctl->is_json;
	code = import(&in, csv > 0);
	if (in.file != stdin)
		(void)fclose(in.file);
	buf_done(&in.body);
	seen_done(&in.seen);
	return code;
}

const struct command cmd_reference_import = {
	.noun = "reference",
	.verb = "import",
	.synopsis = "FILE|- [--kind KIND] [--format csv|jsonl] [--dry-run] [--replace [--force]]",
	.help = "store records; --replace: and remove those of the kind that the file has not",
	.takes = TAKES(OPTION_KIND) | TAKES(OPTION_FORMAT) | TAKES(OPTION_DRY_RUN) |
		 TAKES(OPTION_REPLACE) | TAKES(OPTION_FORCE),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
