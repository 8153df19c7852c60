/*
 * json.h - the bounded scanner that stands in front of cJSON, and getters that do not lie.
 *
 * Whatever comes from outside (events, answers, configuration) passes the scanner before a parser
 * sees it. The scanner
 *   1. checks the grammar of RFC 8259, UTF-8 (RFC 3629: no surrogates, no overlong forms),
 *   2. bounds depth, bytes and members, without recursion,
 *   3. refuses a key that stands twice in one object and the escape \u0000 (cJSON would cut there),
 *   4. rewrites a number that a double cannot hold exactly as a string of its own digits:
 *      an integer beyond 2^53, one written with more than 15 significant digits and a fraction or
 *      exponent, one beyond 1e±307, or one of more than 60 characters (cJSON would cut it).
 *      9007199254740993 becomes "9007199254740993", 1e999 becomes "1e999". All other numbers pass
 *      as they are,
 *   5. with `comments`, turns // and block comments into blanks (configuration only).
 * The text it hands on is what cJSON, and later jq, may parse.
 */
#ifndef DRAY_JSON_H
#define DRAY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"

struct json_limits {
	size_t max_bytes;   /* of one value's text */
	unsigned max_depth; /* nesting of arrays and objects, 1..64 */
	size_t max_members; /* values in one text, all levels together */
	bool comments;
};

enum json_flaw {
	JSON_FINE,
	JSON_EMPTY, /* nothing but white space */
	JSON_SYNTAX,
	JSON_BAD_UTF8,
	JSON_TOO_LARGE,
	JSON_TOO_DEEP,
	JSON_DUPLICATE_KEY,
	JSON_NO_MEMORY,
};

struct json_error {
	enum json_flaw flaw;
	size_t offset;         /* bytes from the start of the text */
	unsigned line, column; /* 1-based */
	const char *message;   /* static */
};

/*
 * Scan one value, white space around it allowed.
 *
 * text, len     need not be NUL-terminated.
 * out           receives the text to parse; reset first.
 * ret_consumed  bytes of `text` up to the end of the value and the white space behind it; NULL:
 *               anything behind the value is JSON_SYNTAX.
 * ret_error     filled unless JSON_FINE is returned. May be NULL.
 */
enum json_flaw json_scan(const char *text, size_t len, const struct json_limits *limits,
	struct buf *out, size_t *ret_consumed, struct json_error *ret_error);

/*
 * Scan and parse. Returns a tree that the caller frees with cJSON_Delete(), or NULL with
 * *ret_error filled. `scratch` holds the scanned text and may be reused for the next call.
 */
cJSON *json_parse(const char *text, size_t len, const struct json_limits *limits,
	struct buf *scratch, struct json_error *ret_error);

/*
 * The extent of the next element where several values stand one after another: an array's elements
 * (call with `pos` behind the '[' or ','), or values with white space between. It follows brackets
 * and strings only, so that an element with a flaw in it can be refused by itself.
 *
 * An element is empty (start == end) only in front of ',' or ']'.
 * Returns false when no end can be found: the rest of the text is one broken element, or blank.
 */
bool json_extent(const char *text, size_t len, size_t pos, size_t *ret_start, size_t *ret_end);

/* Member by exact name; NULL when absent or when `object` is not an object. */
cJSON *json_get(const cJSON *object, const char *name);
/* String member; NULL when absent or not a string. */
const char *json_get_string(const cJSON *object, const char *name);
/* Integer member within [min, max]; false when absent, not a number, fractional or out of range. */
bool json_get_integer(
	const cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret);

/*
 * The value that a JSON Pointer (RFC 6901) names; "" is the root. NULL when there is none.
 */
cJSON *json_pointer(cJSON *root, const char *pointer);
/* The value under a dotted path: "data.carrier.scac". A part of digits indexes an array. */
const cJSON *json_dotted(const cJSON *root, const char *path);

/*
 * Append the value as text with the members of every object sorted by name (bytewise): two values
 * that are equal as JSON give the same text. No recursion. For digests.
 */
void json_print_sorted(const cJSON *value, struct buf *out);

/* Append the value compactly, members in their order. */
void json_print(const cJSON *value, struct buf *out);

/* Apply a JSON merge patch (RFC 7396) to *target in place. 0, or -1 when memory ran out. */
int json_merge_patch(cJSON **target, const cJSON *patch);

#endif
