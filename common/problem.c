/* problem.c - see problem.h */
#include "dray/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dray/utf8.h"

static const char *const words[REASON_N] = {
	[REASON_NONE] = "",
	[REASON_BAD_JSON] = "bad_json",
	[REASON_BAD_UTF8] = "bad_utf8",
	[REASON_TOO_LARGE] = "too_large",
	[REASON_TOO_DEEP] = "too_deep",
	[REASON_TOO_MANY_LINES] = "too_many_lines",
	[REASON_TYPE_UNKNOWN] = "type_unknown",
	[REASON_FIELD_MISSING] = "field_missing",
	[REASON_FIELD_TYPE] = "field_type",
	[REASON_FIELD_RANGE] = "field_range",
	[REASON_QUANTITY_INVALID] = "quantity_invalid",
	[REASON_TIME_INVALID] = "time_invalid",
	[REASON_TOPIC_MISMATCH] = "topic_mismatch",
	[REASON_ID_CONFLICT] = "id_conflict",
	[REASON_BARCODE_INVALID] = "barcode_invalid",
	[REASON_BARCODE_CONFLICT] = "barcode_conflict",
	[REASON_ITEM_UNKNOWN] = "item_unknown",
	[REASON_UOM_UNKNOWN] = "uom_unknown",
	[REASON_UOM_INEXACT] = "uom_inexact",
	[REASON_MAP_FAILED] = "map_failed",
	[REASON_NOT_ALLOWED] = "not_allowed",
	[REASON_STORE_FULL] = "store_full",
};

const char *reason_word(enum reason reason)
{
	return (unsigned)reason < REASON_N ? words[reason] : "";
}

void problem_fill(
	struct problem *problem, enum reason reason, const char *field, const char *format, ...)
{
	size_t field_len = strnlen(field, sizeof(problem->field) - 1);
	va_list args;

	problem->reason = reason;
	field_len = utf8_whole(field, field_len);
	memcpy(problem->field, field, field_len);
	problem->field[field_len] = '\0';
	va_start(args, format);
	if (vsnprintf(problem->message, sizeof(problem->message), format, args) < 0)
		problem->message[0] = '\0';
	va_end(args);
	problem->message[utf8_whole(problem->message, strlen(problem->message))] = '\0';
}
