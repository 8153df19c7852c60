/*
 * problem.h - why an event was refused: a stable word, the field, a sentence for a small screen.
 */
#ifndef DRAY_PROBLEM_H
#define DRAY_PROBLEM_H

enum reason {
	REASON_NONE,
	REASON_BAD_JSON,
	REASON_BAD_UTF8,
	REASON_TOO_LARGE,
	REASON_TOO_DEEP,
	REASON_TOO_MANY_LINES,
	REASON_TYPE_UNKNOWN,
	REASON_FIELD_MISSING,
	REASON_FIELD_TYPE,
	REASON_FIELD_RANGE,
	REASON_QUANTITY_INVALID,
	REASON_TIME_INVALID,
	REASON_TOPIC_MISMATCH,
	REASON_ID_CONFLICT,
	REASON_BARCODE_INVALID,
	REASON_BARCODE_CONFLICT,
	REASON_ITEM_UNKNOWN,
	REASON_UOM_UNKNOWN,
	REASON_UOM_INEXACT,
	REASON_MAP_FAILED,
	REASON_NOT_ALLOWED,
	REASON_STORE_FULL,
	REASON_N
};

struct problem {
	enum reason reason;
	char field[160];   /* JSON Pointer from the event's root; "" when no field is at fault */
	char message[200]; /* names the value or the bound; fit for a scanner's screen */
};

/* The stable word of EVENTS.md: "field_missing". Static. */
const char *reason_word(enum reason reason);

/* Fill a problem. Gives -1, always; a macro, so that the compiler knows it too. */
#define problem_set(...) (problem_fill(__VA_ARGS__), -1)
void problem_fill(struct problem *problem, enum reason reason, const char *field,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
