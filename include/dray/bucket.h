/*
 * bucket.h - a token bucket on the monotonic clock. Burst: one second's worth, at least one; it
 * starts full.
 *
 * The level is counted in rate x ms (tokens an hour, times milliseconds), of which 3,600,000 make a
 * token: filling is exact whatever the rate and however often it is asked.
 */
#ifndef DRAY_BUCKET_H
#define DRAY_BUCKET_H

#include <stdint.h>

struct bucket {
	int64_t per_hour; /* 0: no limit */
	int64_t level;    /* see above */
	int64_t filled_mono_ms;
};

/* per_hour: 0 for no limit; at most BUCKET_RATE_MAX, cut there. */
#define BUCKET_RATE_MAX INT64_C(1000000000000)
void bucket_init(struct bucket *bucket, int64_t per_hour, int64_t now_mono_ms);
/* Whole tokens there are now; INT64_MAX without a limit. */
int64_t bucket_available(struct bucket *bucket, int64_t now_mono_ms);
/* Take one. The caller has asked bucket_available(). */
void bucket_take(struct bucket *bucket);
/* Until the next whole token, ms; 0 when there is one. */
int64_t bucket_wait_ms(struct bucket *bucket, int64_t now_mono_ms);

#endif
