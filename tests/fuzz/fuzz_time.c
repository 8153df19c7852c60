/* Any text as an instant: what is taken lies in range and reads back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dray/times.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_instant(int64_t at_ms)
{
	int64_t back_ms = -1;
	char text[TIME_TEXT_MAX];

	check(at_ms >= 0 && at_ms < INT64_C(253402300800000));
	time_format(at_ms, text);
	check(strlen(text) == TIME_TEXT_MAX - 1);
	check(time_parse(text, strlen(text), &back_ms) && back_ms == at_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int64_t at_ms;
	double number;

	if (time_parse(text, size, &at_ms))
		check_instant(at_ms);
	if (time_parse_http_date(text, size, &at_ms))
		check_instant(at_ms);
	if (size >= sizeof(number)) {
		memcpy(&number, data, sizeof(number));
		if (time_from_number(number, &at_ms))
			check_instant(at_ms);
	}
	return 0;
}
