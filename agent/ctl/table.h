/*
 * table.h - rows in aligned columns.
 *
 * Cells are gathered, then printed: a column is as wide as its widest cell, and when the terminal
 * is narrower the widest column of text gives way. A pipe gets everything uncut.
 */
#ifndef DRAY_CTL_TABLE_H
#define DRAY_CTL_TABLE_H

#include "ctl/ctl.h"

#define TABLE_COLUMNS_MAX 12

struct table;

/* `heads` names the columns, NULL ends; a name that starts with '>' is aligned to the right. */
struct table *table_new(const char *const *heads);
void table_free(struct table *table);

/* The next cell, from left to right, row after row. Copied. */
void table_text(struct table *table, const char *text, enum color color);
void table_count(struct table *table, int64_t n, enum color color); /* 0 is shown as "-" */
void table_age(struct table *table, const cJSON *seconds);          /* null is shown as "-" */

void table_print(const struct ctl *ctl, struct table *table);

#endif
