/*
 * encode.h - bytes as text, appended to a buffer, which remembers when memory ran out; and back. Pure.
 */
#ifndef DRAY_ENCODE_H
#define DRAY_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/buf.h"

/* RFC 4648 section 4, with padding. */
void encode_base64(const void *bytes, size_t len, struct buf *out);
/* RFC 4648 section 5, without padding, as JWS wants it. */
void encode_base64url(const void *bytes, size_t len, struct buf *out);
/* Lower case. */
void encode_hex(const void *bytes, size_t len, struct buf *out);
/* RFC 3986 section 2.1: all but unreserved characters. Good for a query and for a form's values. */
void encode_percent(const char *text, struct buf *out);

/*
 * Back into bytes. Of base64 both alphabets are read (RFC 4648 sections 4 and 5), the padding may be left
 * away; of hex both cases. False: it is something else, or longer than `size` bytes; *ret_len is 0 then.
 */
bool decode_base64(const char *text, size_t len, void *out, size_t size, size_t *ret_len);
bool decode_hex(const char *text, size_t len, void *out, size_t size, size_t *ret_len);

#endif
