/*
 * retry.h - when a delivery that could not be made is due again.
 *
 * Full jitter: the wait before attempt n+1 is uniform in [0, min(max, base * 2^(n-1))], and never
 * less than what the other side asked for with Retry-After.
 *
 * Pure: the caller passes the time and the entropy.
 */
#ifndef DRAY_RETRY_H
#define DRAY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
	int64_t base_ms;    /* > 0 */
	int64_t max_ms;     /* >= base_ms */
	int64_t give_up_ms; /* age of the first attempt after which to stop; 0 = never */
};

/*
 * Decide when to try again.
 *
 * attempt        attempts made so far, >= 1.
 * first_at_ms    of the first attempt, on the scale of now_ms.
 * asked_ms       wait that the other side asked for; 0 = none.
 * seed           64 bits of entropy; the same seed gives the same answer.
 * ret_due_at_ms  set only when true is returned.
 * Returns        false when the policy says to give up.
 */
bool retry_next_due(const struct retry_policy *policy, unsigned attempt, int64_t first_at_ms,
	int64_t asked_ms, int64_t now_ms, uint64_t seed, int64_t *ret_due_at_ms);

/* min(max, base * 2^(n-1)), without overflow for any attempt; 0 unless both are positive. */
int64_t retry_ceiling(int64_t base_ms, int64_t max_ms, unsigned attempt);

/* The jittered wait alone, for reconnects and probes: uniform in [0, min(max, base * 2^(n-1))]. */
int64_t retry_jitter(int64_t base_ms, int64_t max_ms, unsigned attempt, uint64_t seed);

#endif
