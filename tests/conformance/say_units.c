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

static void say(struct unit_names *names, const char *text)
{
	const char *code = unit_find(names, text);
	int64_t numerator = 0;
	int64_t denominator = 1;

	if (!code) {
		(void)puts("");
		return;
	}
	(void)unit_factor(code, &numerator, &denominator);
	(void)printf("%s\t%s\t%" PRId64 "/%" PRId64 "\t%s\t%s\n", code, kinds[unit_kind(code)],
		numerator, denominator, unit_name(names, code), unit_symbol(names, code));
}

int main(void)
{
	struct unit_names *names = unit_names_new();
	char line[256];

	if (!names)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		say(names, line);
	}
	unit_names_free(names);
	return 0;
}
