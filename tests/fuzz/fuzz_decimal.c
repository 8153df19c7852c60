/* Any text as a quantity: what is taken has a canonical form that reads back the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dray/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decimal value;
	struct decimal again;
	char text[DECIMAL_TEXT_MAX];
	char same[DECIMAL_TEXT_MAX];

	if (!decimal_parse((const char *)data, size, &value))
		return 0;
	check(value.scale >= 0 && value.scale <= 18);
	decimal_format(&value, text);
	check(strlen(text) < sizeof(text) && !strpbrk(text, "eE+"));
	check(decimal_parse(text, strlen(text), &again));
	check(decimal_compare(&value, &again) == 0);
	decimal_format(&again, same);
	check(strcmp(text, same) == 0);
	return 0;
}
