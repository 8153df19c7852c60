/*
 * format.h - numbers and texts as people read them. Pure but for the time zone.
 */
#ifndef DRAY_CTL_FORMAT_H
#define DRAY_CTL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAX 48

/* "now", "42s", "3m", "2h", "5d". */
void format_age(int64_t seconds, char out[FORMAT_MAX]);
/* "512 B", "1.4 MiB". */
void format_size(int64_t bytes, char out[FORMAT_MAX]);
/* "1 234 567". */
void format_count(int64_t n, char out[FORMAT_MAX]);
/* An RFC 3339 time as local time: "15:04:05" today, else "2026-11-20 15:04:05"; "-" when empty. */
void format_time(const char *rfc3339, int64_t now_ms, char out[FORMAT_MAX]);
/* Columns that a text takes on a terminal: combining marks none, wide characters two. */
size_t format_width(const char *text);
/*
 * Make a text fit for one cell: control characters become '?', and what is wider than `width`
 * columns is cut at a character and ended with an ellipsis. `size` >= 8.
 */
void format_cell(const char *text, size_t width, char *out, size_t size);

#endif
