/*
 * times.h - instants as they come and as they are stored.
 *
 * In: ISO 8601 with a zone ("2026-11-21T15:04:05.123+01:00", "…Z"; a space for the T, a comma for
 * the point and "+0100" are taken), or epoch seconds, milliseconds or microseconds, told apart by
 * size. Stored: milliseconds since the Unix epoch, UTC. Out: "2026-11-21T14:04:05.123Z", always
 * with three digits. Range: years 1970 to 9999.
 */
#ifndef DRAY_TIMES_H
#define DRAY_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_TEXT_MAX 25

/* ISO 8601 with zone, or a text of digits (epoch, an optional fraction of seconds). */
bool time_parse(const char *text, size_t len, int64_t *ret_at_ms);
/* A JSON number. Below 1e11 seconds (fraction kept to the ms), below 1e14 ms, below 1e17 µs. */
bool time_from_number(double value, int64_t *ret_at_ms);
void time_format(int64_t at_ms, char out[TIME_TEXT_MAX]);
/* Days since the epoch, UTC; the tally's day. */
int32_t time_day(int64_t at_ms);
/*
 * An HTTP date (RFC 9110 section 5.6.7, all three forms), for Retry-After.
 */
bool time_parse_http_date(const char *text, size_t len, int64_t *ret_at_ms);

#endif
