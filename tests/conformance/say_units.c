/* What the table of units says of each line of its input: code, kind, factor, name, symbol; tabs between. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dray/units.h"

static const char *const kinds[] = {
	[UNIT_OTHER] = "other",
	[UNIT_PACKAGE] = "package",
	[UNIT_COUNT] = "count",
	[UNIT_MASS] = "mass",
	[UNIT_LENGTH] = "length",
	[UNIT_AREA] = "area",
	[UNIT_VOLUME] = "volume",
	[UNIT_TIME] = "time",
};

static void say(const char *text)
{
	const char *code = unit_find(text);
	int64_t numerator = 0;
	int64_t denominator = 1;

	if (!code) {
		(void)puts("");
		return;
	}
	(void)unit_factor(code, &numerator, &denominator);
	(void)printf("%s\t%s\t%" PRId64 "/%" PRId64 "\t%s\t%s\n", code, kinds[unit_kind(code)],
		numerator, denominator, unit_name(code), unit_symbol(code));
}

int main(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		say(line);
	}
	return 0;
}
