/*
 * rows.h - the store's rows as JSON objects.
 */
#ifndef DRAY_OPS_ROWS_H
#define DRAY_OPS_ROWS_H

#include "ops/room.h"
#include "store/store.h"

/* The object is left open: the caller adds what it knows, and closes it. */
void row_event(struct call *call, const struct store_event_row *row, bool is_whole);
void row_delivery(struct call *call, const struct store_delivery_row *row, bool with_event);
void row_attempt(struct call *call, const struct store_attempt_row *row);
void row_exception(struct call *call, const struct store_exception_row *row, bool with_raw);

/* Begin and end {"items":[…],"cursor":…}; cursor 0 is written as null. */
void page_open(struct buf *out);
void page_close(struct buf *out, int64_t cursor);

#endif
