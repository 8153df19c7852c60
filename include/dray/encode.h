/*
 * encode.h - bytes as text. Appended to a buffer, which remembers when memory ran out. Pure.
 */
#ifndef DRAY_ENCODE_H
#define DRAY_ENCODE_H

#include <stddef.h>

#include "dray/buf.h"

/* RFC 4648 section 4, with padding. */
void encode_base64(const void *bytes, size_t len, struct buf *out);
/* Lower case. */
void encode_hex(const void *bytes, size_t len, struct buf *out);
/* RFC 3986 section 2.1: all but unreserved characters. Good for a query and for a form's values. */
void encode_percent(const char *text, struct buf *out);

#endif
