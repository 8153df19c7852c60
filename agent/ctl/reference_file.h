/*
 * reference_file.h - records of reference data on their way from a file to the agent: read one by one,
 * sent some at a time, so that a file may be of any length.
 */
#ifndef DRAY_CTL_REFERENCE_FILE_H
#define DRAY_CTL_REFERENCE_FILE_H

#include <stdio.h>

#include "ctl/ctl.h"
#include "dray/csv.h"
#include "dray/error.h"

/* --- items as CSV (reference_csv.c) ----------------------------------------------------------------- */

#define CSV_COLUMNS 10

/* Lines that stand next to each other and have one id make one record. */
struct reference_csv {
	const char *kind;           /* of lines that don't say */
	int column_of[CSV_COLUMNS]; /* field that holds it, -1 none */
	size_t n_fields;            /* of each line; 0: the header hasn't come yet */
	cJSON *record;              /* that is being put together; NULL none */
	size_t line;                /* where it began */
};

/*
 * Take a line. The first is the header.
 *
 * ret_record  a record that is complete now, the caller's to delete; NULL: none is.
 * ret_line    the line in which it began.
 * Returns     0, or -1 with *err filled.
 */
int reference_csv_put(struct reference_csv *csv, const struct csv *line, cJSON **ret_record,
	size_t *ret_line, struct error *err);
/* The last record, behind the last line; NULL: there is none. */
cJSON *reference_csv_end(struct reference_csv *csv, size_t *ret_line);

/* The header, and the lines of one record. False: it holds what CSV has no column for. */
void reference_csv_write_head(struct buf *out);
bool reference_csv_write(struct buf *out, const cJSON *record);

/* --- ids that were seen (reference_seen.c) ----------------------------------------------------------- */

/* By 64 bits of hash each: a million ids in 16 MiB. */
struct seen {
	uint64_t *cells;
	size_t n, size;
};
/* 1 it is new, 0 it was there, -1 memory ran out. */
int seen_add(struct seen *seen, const char *kind, const char *id);
bool seen_has(const struct seen *seen, const char *kind, const char *id);
void seen_done(struct seen *seen);

/* --- pages of what is there (reference_pages.c) ------------------------------------------------------ */

/* Each row of a kind, NULL all kinds; `fn` returns an exit code, CTL_DONE to go on. */
typedef int (*row_fn)(void *ctx, const cJSON *row);
int each_reference(struct ctl *ctl, const char *kind, row_fn fn, void *ctx);

/* Remove rows of a kind by their ids, strings of an array. An exit code. */
int remove_reference(struct ctl *ctl, const char *kind, const cJSON *ids, int64_t *ret_removed);

/* --format, by its own word or the name of the file: 1 CSV, 0 JSON lines, -1 a line on stderr. */
int is_csv(const struct ctl *ctl, const char *file);

#endif
