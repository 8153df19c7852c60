/*
 * fuzz_answer.c - any bytes as what a destination answered: its header, its body, and (as a pinned
 * revision) the connector that reads them.
 *
 * Input: a Retry-After value, a NUL, a body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dray/connector.h"
#include "dray/outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	if (!memchr(text, '\0', size))
		abort();
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			abort();
	}
}

static void fuzz_header(const char *value)
{
	if (outcome_retry_after_ms(value, INT64_C(1795269845000)) < -1)
		abort();
}

static void fuzz_body(const char *body, size_t len)
{
	char ref[129], words[200], tiny[2];
	struct connector *connector;
	struct error err;

	connector_read_ref(body, len, ref, sizeof(ref));
	check_text(ref, sizeof(ref));
	connector_read_refusal(body, len, words, sizeof(words));
	check_text(words, sizeof(words));
	connector_read_refusal(body, len, tiny, sizeof(tiny));
	check_text(tiny, sizeof(tiny));
	if (connector_parse(body, len, &connector, &err) == 0)
		connector_free(connector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;

	if (!nul)
		return 0;
	fuzz_header((const char *)data);
	fuzz_body((const char *)nul + 1, size - (size_t)(nul + 1 - data));
	return 0;
}
