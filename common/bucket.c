#include "dray/bucket.h"

#define HOUR_MS INT64_C(3600000)
#define TOKEN HOUR_MS /* one token in the units of bucket.level */

static int64_t full_level(const struct bucket *bucket)
{
	int64_t second = bucket->per_hour * 1000;

	return second > TOKEN ? second : TOKEN;
}

void bucket_init(struct bucket *bucket, int64_t per_hour, int64_t now_mono_ms)
{
	if (per_hour < 0)
		per_hour = 0;
	bucket->per_hour = per_hour < BUCKET_RATE_MAX ? per_hour : BUCKET_RATE_MAX;
	bucket->level = full_level(bucket);
	bucket->filled_mono_ms = now_mono_ms;
}

static void fill_bucket(struct bucket *bucket, int64_t now_mono_ms)
{
	int64_t elapsed_ms = now_mono_ms - bucket->filled_mono_ms;
	int64_t full = full_level(bucket);

	if (elapsed_ms <= 0)
		return;
	bucket->filled_mono_ms = now_mono_ms;
	/* An hour fills the slowest bucket; the bound keeps the product in range. */
	if (elapsed_ms > HOUR_MS)
		elapsed_ms = HOUR_MS;
	bucket->level += bucket->per_hour * elapsed_ms;
	if (bucket->level > full)
		bucket->level = full;
}

int64_t bucket_available(struct bucket *bucket, int64_t now_mono_ms)
{
	if (bucket->per_hour == 0)
		return INT64_MAX;
	fill_bucket(bucket, now_mono_ms);
	return bucket->level > 0 ? bucket->level / TOKEN : 0;
}

void bucket_take(struct bucket *bucket)
{
	if (bucket->per_hour > 0)
		bucket->level -= TOKEN;
}

int64_t bucket_wait_ms(struct bucket *bucket, int64_t now_mono_ms)
{
	if (bucket_available(bucket, now_mono_ms) > 0)
		return 0;
	return (TOKEN - bucket->level + bucket->per_hour - 1) / bucket->per_hour;
}
