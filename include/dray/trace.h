/*
 * trace.h - to which trace an event belongs, and how a request that is made for it says so: the header
 * traceparent of W3C Trace Context, version 00, "00-{trace id}-{span id}-{flags}" in lower-case hex, ids not
 * zero.
 *
 * An event keeps the one that it came with. Each request made for it is a span of its own in that trace.
 *
 * Pure: the caller passes the entropy.
 */
#ifndef DRAY_TRACE_H
#define DRAY_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_BYTES 56 /* with its NUL */

bool trace_is_valid(const char *text);

/* The traceparent of a canonical event. False, `out` untouched: it has none that is valid. */
bool trace_find(const char *body, size_t len, char out[TRACE_BYTES]);

/* The same trace, with a span id made of `entropy`. */
void trace_step(char traceparent[TRACE_BYTES], uint64_t entropy);

/* Do they belong to one trace? */
bool trace_is_same(const char *a, const char *b);

#endif
