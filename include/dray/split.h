/*
 * split.h - one message, many values: each is taken, or refused, by itself.
 *
 * A message holds one JSON value, several one behind the other (a comma between them is forgiven), or,
 * where arrays are opened, an array whose elements are the values. Each passes the bounded scanner. One
 * with a flaw is refused alone where its end can be found; where it can't, the rest of the message is
 * one broken value. A message that begins with neither an object nor an array is one value, or no JSON:
 * then it is refused whole.
 *
 * Pure.
 */
#ifndef DRAY_SPLIT_H
#define DRAY_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/buf.h"
#include "dray/json.h"
#include "dray/problem.h"

#define SPLIT_VALUES_MAX 1000 /* of one message; the rest is refused as one */

/* Bytes of the message: [raw, raw + len). */
struct split_part {
	size_t index; /* of the value in the message */
	const char *raw;
	size_t len;
};

struct split_flaw {
	enum reason reason;
	const char *why; /* static */
	size_t at;       /* bytes from the start of the part */
};

/* Told in the order of the message; another value than 0 ends the split, and is what it returns. */
struct split_handlers {
	/* `text` is the scanner's: borrowed, and not the part's own bytes. */
	int (*on_value)(
		void *ctx, const struct split_part *part, const char *text, size_t text_len);
	int (*on_flaw)(void *ctx, const struct split_part *part, const struct split_flaw *flaw);
	void *ctx;
};

struct split_options {
	struct json_limits limits; /* of one value */
	bool opens_arrays;         /* an array's elements are the values; else an array is one */
};

/* `scratch` holds the scanned text and may be reused. */
int split_message(const char *text, size_t len, const struct split_options *options,
	struct buf *scratch, const struct split_handlers *handlers);

/* The word for what the scanner found. */
enum reason split_reason(enum json_flaw flaw);

#endif
