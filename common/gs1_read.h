/*
 * gs1_read.h - what the forms of a GS1 barcode share while they are read.
 *
 * Private to the reader: gs1.c tells the forms apart, gs1_uri.c reads one of them.
 */
#ifndef DRAY_GS1_READ_H
#define DRAY_GS1_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/gs1.h"
#include "dray/gs1_ai.h"

struct gs1_reader {
	const char *text; /* as scanned */
	size_t end;
	struct gs1_scan *scan;
	struct gs1_error *error;
};

/* An element in the text. */
struct gs1_found {
	const struct gs1_ai *row;
	const char *ai;
	size_t ai_len;
	size_t position; /* of the AI */
	size_t value;    /* where its value begins in the text */
	size_t len;
	bool is_encoded; /* percent-encoding */
	bool is_key;     /* of a Digital Link: of its GTIN zeros in front may be left out */
};

/* Check an element and take it into the scan. False with the error filled. */
bool gs1_add(struct gs1_reader *r, const struct gs1_found *found);
/* `found` NULL: in no element. False, always. */
bool gs1_refuse(const struct gs1_reader *r, const struct gs1_found *found, size_t position,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* gs1_uri.c: the content, from `start`, of a text that begins with http: or https: */
enum gs1_reading gs1_read_uri(struct gs1_reader *r);
bool gs1_is_uri(const char *text, size_t len);
/*
 * Decode percent-encoding.
 *
 * size     of `out`, NUL included.
 * ret_len  bytes in front of the NUL.
 * Returns  false: a % without two hexadecimal digits, or too long.
 */
bool gs1_uri_decode(const char *text, size_t len, char *out, size_t size, size_t *ret_len);
/* Where the n-th decoded byte begins in the text. */
size_t gs1_uri_offset(const char *text, size_t len, size_t n);

/* gs1_pairs.c: does a rule's list name the AI, and not as `own` that may stand twice? */
bool gs1_is_excluded(const char *ex, const char *own, const char *ai);

#endif
