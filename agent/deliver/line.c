/*
 * line.c - what a courier has open for a destination. After a reload the old line lives until the
 * last claim that went over it is settled.
 */
#include <stdlib.h>

#include "deliver_internal.h"

struct line *line_open(
	const struct courier *courier, const struct settings *settings, struct error *err)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line) {
		error_fill(err, NULL, "out of memory");
		return NULL;
	}
	line->courier = courier;
	line->users = 1;
	line->opened = courier->open(courier->ctx, &settings->is, err);
	if (line->opened)
		return line;
	free(line);
	return NULL;
}

struct line *line_ref(struct line *line)
{
	line->users++;
	return line;
}

void line_unref(struct line *line)
{
	if (!line || --line->users > 0)
		return;
	line->courier->close(line->opened);
	free(line);
}
