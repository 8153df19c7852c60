/*
 * fuzz_header.c - any text as a Content-Type, and as a header of a CloudEvent: what is taken is in its
 * canonical form, no longer than what it was read from, and says the same when it is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "dray/cloudevent_header.h"
#include "dray/encode.h"
#include "dray/media.h"
#include "help_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_media(const char *text)
{
	struct media media, again;

	if (!media_parse(text, &media))
		return;
	check(strchr(media.type, '/') != NULL);
	check(strpbrk(media.type, " ;\"ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
	check(media_parse(media.type, &again));
	check(strcmp(again.type, media.type) == 0 && again.charset[0] == '\0');
}

static void try_decode(const char *text)
{
	struct buf out = BUF_INIT, encoded = BUF_INIT, again = BUF_INIT;

	if (cloudevent_header_decode(text, &out)) {
		check(out.len <= strlen(text));
		buf_putc(&out, '\0');
		check(strlen(out.data) == out.len - 1);
		encode_percent(out.data, &encoded);
		buf_putc(&encoded, '\0');
		check(cloudevent_header_decode(encoded.data, &again));
		buf_putc(&again, '\0');
		check(again.len == out.len && memcmp(again.data, out.data, out.len) == 0);
	}
	buf_done(&out);
	buf_done(&encoded);
	buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	try_media(text);
	try_decode(text);
	free(text);
	return 0;
}
