/*
 * diff.h - two texts, line by line, for people. Pure.
 */
#ifndef DRAY_DIFF_H
#define DRAY_DIFF_H

#include "dray/buf.h"

/*
 * Append what must be done to `expected` to make it `actual`: lines that are missing begin with "- ",
 * lines that came with "+ ", up to three that are the same around them with "  ", and "…" stands
 * for those left out. Nothing when the texts are the same. Each line ends with a line feed.
 *
 * Beyond 1000 lines that differ on a side, all of one side stand before all of the other.
 */
void diff_lines(const char *expected, const char *actual, struct buf *out);

#endif
