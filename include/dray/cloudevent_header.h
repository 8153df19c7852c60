/*
 * cloudevent_header.h - an attribute of a CloudEvent as an HTTP header writes it. Pure.
 * Source: CloudEvents 1.0.2, HTTP protocol binding, section 3.1.3.2.
 */
#ifndef DRAY_CLOUDEVENT_HEADER_H
#define DRAY_CLOUDEVENT_HEADER_H

#include <stdbool.h>

#include "dray/buf.h"

/*
 * Append what a header's value stands for: a quoted string without its quotes and backslashes, then
 * one round of percent-decoding. A percent sign that begins no code is one: older senders write it so.
 *
 * Returns false when a quoted string has no end, or something behind it, or when a code is a NUL:
 *         what was appended is to be thrown away. Whether the result is UTF-8 is for the caller.
 */
bool cloudevent_header_decode(const char *value, struct buf *out);

#endif
