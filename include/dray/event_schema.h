/*
 * event_schema.h - the declared table of event types as JSON Schemas (draft 2020-12), for whoever
 * sends events.
 *
 * A schema says of an event what the table says: members, types, lengths, words, what is needed. It
 * cannot say what depends on the site or on two values: check digits and what a barcode contradicts,
 * units and items that are not known, days that a month doesn't have, more than 18 digits in all, lines
 * over several packages. What it refuses the agent refuses, too; a length counts characters there and
 * bytes here.
 */
#ifndef DRAY_EVENT_SCHEMA_H
#define DRAY_EVENT_SCHEMA_H

#include <stdbool.h>

#include "dray/buf.h"

/* The schema of an event of this type as a device may send it. False: there is no such type. */
bool event_schema_print(const char *type, struct buf *out);

#endif
