#include "dray/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRACE_AT 3 /* of the trace id */
#define TRACE_LEN 32
#define SPAN_AT 36
#define SPAN_LEN 16
#define FLAGS_AT 53

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") >= len;
}

static bool is_zeros(const char *text, size_t len)
{
	return strspn(text, "0") >= len;
}

bool trace_is_valid(const char *t)
{
	return strlen(t) == TRACE_BYTES - 1 && strncmp(t, "00-", TRACE_AT) == 0 &&
	       is_hex(t + TRACE_AT, TRACE_LEN) && !is_zeros(t + TRACE_AT, TRACE_LEN) &&
	       t[SPAN_AT - 1] == '-' && is_hex(t + SPAN_AT, SPAN_LEN) &&
	       !is_zeros(t + SPAN_AT, SPAN_LEN) && t[FLAGS_AT - 1] == '-' &&
	       is_hex(t + FLAGS_AT, 2);
}

/*
 * In a canonical event it stands before receivedtime, and only texts and numbers before it: none of
 * them holds these bytes, since a quote in a text is escaped.
 */
bool trace_find(const char *body, size_t len, char out[TRACE_BYTES])
{
	static const char name[] = "\"traceparent\":\"", behind[] = "\"receivedtime\":";
	const char *end = memmem(body, len, behind, sizeof(behind) - 1);
	const char *at = end ? memmem(body, (size_t)(end - body), name, sizeof(name) - 1) : NULL;
	char found[TRACE_BYTES];

	if (!at || (size_t)(end - at) < sizeof(name) - 1 + TRACE_BYTES)
		return false;
	memcpy(found, at + sizeof(name) - 1, TRACE_BYTES);
	if (found[TRACE_BYTES - 1] != '"')
		return false;
	found[TRACE_BYTES - 1] = '\0';
	if (!trace_is_valid(found))
		return false;
	memcpy(out, found, TRACE_BYTES);
	return true;
}

void trace_step(char traceparent[TRACE_BYTES], uint64_t entropy)
{
	char span[SPAN_LEN + 1];

	(void)snprintf(span, sizeof(span), "%016" PRIx64, entropy ? entropy : 1);
	memcpy(traceparent + SPAN_AT, span, SPAN_LEN);
}

bool trace_is_same(const char *a, const char *b)
{
	return memcmp(a + TRACE_AT, b + TRACE_AT, TRACE_LEN) == 0;
}
