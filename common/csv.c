/* csv.c - see csv.h */
#include "dray/csv.h"

#include <string.h>

#include "dray/utf8.h"

enum state {
	AT_START, /* of a record */
	AT_FIELD, /* of a field behind a separator */
	IN_PLAIN, /* in a field without quotes */
	IN_QUOTED,
	BEHIND_QUOTE, /* in a quoted field: it ends here, or this is the first of two */
};

static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF in front of a text */

static enum csv_step refuse(struct csv *csv, const char *flaw)
{
	csv->flaw = flaw;
	return CSV_FLAW;
}

static enum csv_step keep(struct csv *csv, int byte, enum state state)
{
	if (csv->text.len >= CSV_RECORD_MAX)
		return refuse(csv, "a record of more than 64 KiB: is a quote never closed?");
	buf_putc(&csv->text, (char)byte);
	csv->state = (int)state;
	return buf_failed(&csv->text) ? refuse(csv, "out of memory") : CSV_MORE;
}

static bool is_utf8(const struct buf *text)
{
	size_t len;

	for (size_t i = 0; i < text->len; i += len) {
		len = utf8_length(text->data + i, text->len - i);
		if (len == 0)
			return false;
	}
	return true;
}

static bool is_separator(struct csv *csv, int byte)
{
	if (csv->separator)
		return byte == csv->separator;
	if (byte != ',' && byte != ';' && byte != '\t')
		return false;
	csv->separator = (char)byte;
	return true;
}

static enum csv_step close_record(struct csv *csv)
{
	if (keep(csv, '\0', AT_START) == CSV_FLAW)
		return CSV_FLAW;
	csv->is_whole = true;
	return is_utf8(&csv->text) ? CSV_RECORD
				   : refuse(csv, "not UTF-8: save the file as CSV UTF-8");
}

/* Outside quotes, in a field or at its end. */
static enum csv_step put_plain(struct csv *csv, int byte)
{
	if (byte == '\n' || byte == CSV_END)
		return close_record(csv);
	if (byte == '\r') {
		csv->is_return = true;
		return CSV_MORE;
	}
	if (is_separator(csv, byte))
		return keep(csv, '\0', AT_FIELD);
	if (byte == '"')
		return refuse(csv, "a quote inside a field that does not begin with one");
	if (csv->state == BEHIND_QUOTE)
		return refuse(csv, "text behind a closing quote");
	return keep(csv, byte, IN_PLAIN);
}

static enum csv_step open_field(struct csv *csv, int byte)
{
	if (csv->n == CSV_FIELDS_MAX)
		return refuse(csv, "more than 64 fields");
	csv->starts[csv->n++] = csv->text.len;
	csv->state = byte == '"' ? IN_QUOTED : IN_PLAIN;
	return byte == '"' ? CSV_MORE : put_plain(csv, byte);
}

static enum csv_step put_quoted(struct csv *csv, int byte)
{
	if (byte == CSV_END) {
		csv->line = csv->record_line;
		return refuse(csv, "a quote that is never closed");
	}
	if (byte != '"')
		return keep(csv, byte, IN_QUOTED);
	csv->state = BEHIND_QUOTE;
	return CSV_MORE;
}

static enum csv_step put_byte(struct csv *csv, int byte)
{
	switch ((enum state)csv->state) {
	case AT_START:
		if (byte == '\n' || byte == CSV_END)
			return CSV_MORE;
		if (byte == '\r') {
			csv->is_return = true;
			return CSV_MORE;
		}
		csv->record_line = csv->line;
		return open_field(csv, byte);
	case AT_FIELD:
		return open_field(csv, byte);
	case IN_PLAIN:
		return put_plain(csv, byte);
	case IN_QUOTED:
		return put_quoted(csv, byte);
	case BEHIND_QUOTE:
		return byte == '"' ? keep(csv, byte, IN_QUOTED) : put_plain(csv, byte);
	}
	return refuse(csv, "out of state");
}

static enum csv_step put_checked(struct csv *csv, int byte)
{
	enum csv_step step;

	if (byte == '\0')
		return refuse(csv, "a NUL byte: is it text at all?");
	if (csv->is_return && byte != '\n')
		return refuse(csv, "a carriage return without a line feed");
	csv->is_return = false;
	step = put_byte(csv, byte);
	if (byte == '\n' && step != CSV_FLAW)
		csv->line++;
	return step;
}

enum csv_step csv_put(struct csv *csv, int byte)
{
	if (csv->flaw)
		return CSV_FLAW;
	if (csv->line == 0)
		csv->line = 1;
	if (csv->is_whole) {
		buf_reset(&csv->text);
		csv->n = 0;
		csv->is_whole = false;
	}
	if (csv->n_mark < 3) {
		if (byte == (unsigned char)mark[csv->n_mark]) {
			csv->n_mark++;
			return CSV_MORE;
		}
		/* None, or another character that begins like it. */
		for (unsigned i = 0, n = csv->n_mark; i < n; i++)
			(void)put_checked(csv, (unsigned char)mark[i]);
		csv->n_mark = 3;
	}
	return csv->flaw ? CSV_FLAW : put_checked(csv, byte);
}

const char *csv_field(const struct csv *csv, size_t index)
{
	return index < csv->n ? csv->text.data + csv->starts[index] : "";
}

void csv_done(struct csv *csv)
{
	buf_done(&csv->text);
	*csv = (struct csv){ 0 };
}

void csv_write(struct buf *out, const char *text)
{
	/* In front of a text a mark would be none of it. */
	bool is_marked = strncmp(text, mark, sizeof(mark) - 1) == 0;

	if (!is_marked && !text[strcspn(text, ",;\t\"\r\n")]) {
		buf_puts(out, text);
		return;
	}
	buf_putc(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_putc(out, '"');
		buf_putc(out, *text);
	}
	buf_putc(out, '"');
}
