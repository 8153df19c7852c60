/*
 * event_envelope.h - the attributes around `data`, read and checked. Inside event_parse() only.
 */
#ifndef DRAY_EVENT_ENVELOPE_H
#define DRAY_EVENT_ENVELOPE_H

#include <stddef.h>

#include "dray/event.h"
#include "dray/event_types.h"
#include "event_tree.h"

/* An event that is being read. */
struct reading {
	struct event_tree tree;
	const struct event_context *context;
	const struct event_type *type; /* once it is known */
	struct event *event;           /* is filled */
	struct problem *problem;
};

/* Read all attributes but `subject` and `correlationid`, which depend on data. 0, or -1 refused. */
int envelope_read(struct reading *r);

/* A string attribute of 1 to size - 1 bytes; "" when absent. 0, or -1 refused. */
int envelope_read_text(struct reading *r, enum attribute attribute, char *out, size_t size);

/* "{attribute} {sentence}". Returns -1, always. */
int envelope_refuse(const struct reading *r, enum reason reason, enum attribute attribute,
	const char *sentence);
int envelope_refuse_memory(const struct reading *r);

/* Copy what is known from elsewhere; NULL is "". */
void envelope_copy(char *out, size_t size, const char *text);

#endif
