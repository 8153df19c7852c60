/*
 * event_data.h - `data` held against the declared table. Inside event_parse() only.
 */
#ifndef DRAY_EVENT_DATA_H
#define DRAY_EVENT_DATA_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "dray/event_types.h"
#include "dray/problem.h"

/*
 * Check `data` and normalise it in place: quantities become canonical decimal strings, instants
 * canonical times. Everything else stays as it came.
 *
 * Returns 0, or -1 with the first problem; `data` may be changed in part then.
 */
int event_data_check(cJSON *data, const struct event_type *type, unsigned max_lines,
	struct problem *ret_problem);

/*
 * Make a string of whatever `item` is, in place, keeping its name.
 * Returns false when memory ran out; `item` is unchanged then.
 */
bool event_data_set_string(cJSON *item, const char *text);

#endif
