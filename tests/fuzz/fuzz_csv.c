/*
 * fuzz_csv.c - any bytes as CSV: a flaw ends it, and every record that is read reads back the same after
 * it was written. As items, what comes of it are records that reading again gives themselves.
 */
#include <string.h>

#include "ctl/reference_file.h"
#include "dray/json.h"
#include "help_fuzz.h"

/* As drayctl has it. */
const char *text_of(const cJSON *object, const char *name)
{
	const char *text = json_get_string(object, name);

	return text ? text : "";
}

/* A record that was read, written with commas and read again. */
static void check_round(const struct csv *csv)
{
	struct buf text = BUF_INIT;
	struct csv again = { 0 };
	enum csv_step step = CSV_MORE;

	for (size_t i = 0; i < csv->n; i++) {
		if (i > 0)
			buf_putc(&text, ',');
		csv_write(&text, csv_field(csv, i));
	}
	buf_putc(&text, '\n');
	/* A single empty field is a blank line; the header decides what separates. */
	if (csv->n > 1 && text.len < CSV_RECORD_MAX) {
		again.separator = ',';
		for (size_t i = 0; i < text.len && step == CSV_MORE; i++)
			step = csv_put(&again, (unsigned char)text.data[i]);
		check(step == CSV_RECORD && again.n == csv->n);
		for (size_t i = 0; i < csv->n; i++)
			check(strcmp(csv_field(&again, i), csv_field(csv, i)) == 0);
	}
	csv_done(&again);
	buf_done(&text);
}

static void check_record(cJSON *record)
{
	struct buf text = BUF_INIT;

	if (!record)
		return;
	json_print(record, &text);
	check_json(text.data, text.len);
	buf_reset(&text);
	(void)reference_csv_write(&text, record);
	check(!buf_failed(&text));
	buf_done(&text);
	cJSON_Delete(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reference_csv records = { .kind = "item" };
	struct csv csv = { 0 };
	bool is_fine = true;
	cJSON *record;
	size_t line;

	for (size_t i = 0; i <= size && is_fine; i++) {
		enum csv_step step = csv_put(&csv, i < size ? data[i] : CSV_END);
		struct error err = { 0 };

		check((step == CSV_FLAW) == (csv.flaw != NULL));
		if (step == CSV_FLAW)
			break;
		if (step == CSV_MORE)
			continue;
		check(csv.n >= 1 && csv.record_line >= 1 && csv.record_line <= csv.line);
		check_round(&csv);
		is_fine = reference_csv_put(&records, &csv, &record, &line, &err) == 0;
		check(is_fine || err.message[0]);
		check_record(record);
	}
	check_record(reference_csv_end(&records, &line));
	csv_done(&csv);
	return 0;
}
