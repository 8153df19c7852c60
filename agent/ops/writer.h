/*
 * writer.h - JSON written member by member into a buffer.
 *
 * The comma is found by looking back at what was written last, so a writer needs no state of its
 * own. `name` is NULL inside an array. Texts may be anything: what is not UTF-8 is written as
 * U+FFFD, since an answer must be JSON whatever a stranger has sent.
 */
#ifndef DRAY_OPS_WRITER_H
#define DRAY_OPS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"

void write_open(struct buf *out, const char *name, char bracket);
void write_close(struct buf *out, char bracket);
void write_int(struct buf *out, const char *name, int64_t value);
void write_bool(struct buf *out, const char *name, bool value);
void write_null(struct buf *out, const char *name);
/* NULL is written as null. */
void write_text(struct buf *out, const char *name, const char *text);
/* NULL and "" are left out. */
void write_set_text(struct buf *out, const char *name, const char *text);
/* RFC 3339 in UTC; null when it is not above 0. */
void write_time(struct buf *out, const char *name, int64_t at_ms);
/* JSON as it stands. */
void write_raw(struct buf *out, const char *name, const char *json, size_t len);
/* `name` when the bytes are UTF-8 without a NUL, else `name` + "_base64". */
void write_bytes(struct buf *out, const char *name, const void *bytes, size_t len);

#endif
