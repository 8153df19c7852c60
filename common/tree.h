/*
 * tree.h - documents built as trees (schemas, defaults). An allocation that fails is remembered by
 * `out`, as buf.h has it for text: what could not be made is left away, and the caller asks
 * buf_failed() once.
 */
#ifndef DRAY_TREE_H
#define DRAY_TREE_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/buf.h"

/* `item` is taken, also on failure. `name` NULL: to the end of an array. */
void tree_add(struct buf *out, cJSON *parent, const char *name, cJSON *item);
void tree_add_text(struct buf *out, cJSON *parent, const char *name, const char *text);
void tree_add_number(struct buf *out, cJSON *parent, const char *name, int64_t number);

/* Print it with line breaks and one behind it, and free it. */
void tree_print(struct buf *out, cJSON *tree);

#endif
