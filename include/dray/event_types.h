/*
 * event_types.h - the types of EVENTS.md and their fields, declared once.
 *
 * The table is what event_parse() checks `data` against and what schemas are printed from. A field
 * that is not in it is kept and passed on untouched. JSON null counts as absent.
 *
 * Shapes nest (data, line, item, …) and never in a circle, so that a walk over them is bounded.
 */
#ifndef DRAY_EVENT_TYPES_H
#define DRAY_EVENT_TYPES_H

#include <stddef.h>

struct event_shape;

enum field_kind {
	FIELD_STRING,
	FIELD_WORD,    /* a string, one of `words` */
	FIELD_NAME,    /* a string of a-z and _ */
	FIELD_NUMBER,  /* a label that counts: a whole number >= 0, or a string */
	FIELD_DECIMAL, /* exact and >= 0; becomes a canonical string */
	FIELD_DELTA,   /* exact, may be negative; becomes a canonical string */
	FIELD_AMOUNT,  /* money: exact, may be negative; stays as it was sent */
	FIELD_BASE64,  /* bytes of a scan */
	FIELD_BOOL,
	FIELD_TIME, /* an instant; becomes canonical */
	FIELD_DATE, /* "2027-03-31" */
	FIELD_OBJECT,
	FIELD_OBJECTS, /* an array of objects */
	FIELD_LINES,   /* an array of objects that count against max_lines */
	FIELD_PLACE,   /* a name, or an object */
	FIELD_STRINGS, /* an array of strings */
	FIELD_ARRAY,
	FIELD_ANY,
};

enum field_need {
	FIELD_OPTIONAL,
	FIELD_ONE_OF,   /* at least one of the shape's fields so marked */
	FIELD_REQUIRED, /* and not empty */
};

/* One field; `name` is NULL behind the last of a shape. */
struct event_field {
	const char *name;
	enum field_kind kind;
	enum field_need need;
	unsigned max_bytes;              /* of a string, or of each string */
	const char *const *words;        /* FIELD_WORD; NULL behind the last */
	const struct event_shape *shape; /* FIELD_OBJECT, _OBJECTS, _LINES, _PLACE */
};

struct event_shape {
	const struct event_field *fields; /* at most 64 */
};

struct event_type {
	const char *name;
	struct event_shape data;
};

/* NULL when EVENTS.md does not know the type. */
const struct event_type *event_type_find(const char *name);

#endif
