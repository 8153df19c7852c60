/*
 * csv.h - comma-separated values, RFC 4180, a byte at a time: files of any length in bounded memory.
 *
 * A record is a line, or several where a quoted field holds line breaks; lines end with CRLF or LF.
 * Lines with nothing in them are passed over. A byte order mark in front is too. Some programs write a
 * semicolon or a tab where RFC 4180 has the comma: the first of the three that stands outside quotes
 * in the first record is the separator of all.
 *
 * Refused are: a quote inside a field that doesn't begin with one, text behind the closing quote, a
 * quote that is never closed, a carriage return without a line feed, NUL, what is not UTF-8, a record
 * larger than the limits.
 *
 * Pure.
 */
#ifndef DRAY_CSV_H
#define DRAY_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/buf.h"

#define CSV_FIELDS_MAX 64
#define CSV_RECORD_MAX ((size_t)64 * 1024) /* bytes of all fields of a record */

enum csv_step {
	CSV_MORE,   /* go on */
	CSV_RECORD, /* the fields of a record are there, until the next step */
	CSV_FLAW,   /* `flaw` says what is wrong in line `line`; the rest can't be read */
};

/* Begins as { 0 }; ends with csv_done(). */
struct csv {
	size_t line;        /* that the next byte belongs to, 1 the first */
	size_t record_line; /* where the record began */
	const char *flaw;   /* static, or NULL */
	size_t n;           /* fields */
	/* its own */
	struct buf text; /* of the fields, each with its NUL */
	size_t starts[CSV_FIELDS_MAX];
	int state;
	char separator;  /* 0: not seen yet */
	unsigned n_mark; /* bytes of a byte order mark so far */
	bool is_return;  /* behind a CR outside quotes */
	bool is_whole;   /* the record was handed out */
};

/* Give the next byte, or CSV_END behind the last one. */
#define CSV_END (-1)
enum csv_step csv_put(struct csv *csv, int byte);
/* A field of the record, NUL-terminated; "" behind the last one. */
const char *csv_field(const struct csv *csv, size_t index);
void csv_done(struct csv *csv);

/* Append one field, in quotes where it needs some. */
void csv_write(struct buf *out, const char *text);

#endif
