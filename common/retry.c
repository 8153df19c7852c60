#include "dray/retry.h"

/* splitmix64's finisher: callers may hand in counters, the waits still spread. */
static uint64_t mix_bits(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t retry_ceiling(int64_t base_ms, int64_t max_ms, unsigned attempt)
{
	if (base_ms < 1 || max_ms < 1)
		return 0;
	int64_t ceiling_ms = base_ms;
	for (unsigned n = 1; n < attempt && ceiling_ms < max_ms; n++)
		ceiling_ms = ceiling_ms > max_ms / 2 ? max_ms : ceiling_ms * 2;
	return ceiling_ms < max_ms ? ceiling_ms : max_ms;
}

int64_t retry_jitter(int64_t base_ms, int64_t max_ms, unsigned attempt, uint64_t seed)
{
	uint64_t span = (uint64_t)retry_ceiling(base_ms, max_ms, attempt) + 1;

	return (int64_t)(mix_bits(seed) % span);
}

bool retry_next_due(const struct retry_policy *policy, unsigned attempt, int64_t first_at_ms,
	int64_t asked_ms, int64_t now_ms, uint64_t seed, int64_t *ret_due_at_ms)
{
	if (policy->give_up_ms > 0 && now_ms >= add_saturated(first_at_ms, policy->give_up_ms))
		return false;
	int64_t wait_ms = retry_jitter(policy->base_ms, policy->max_ms, attempt, seed);
	if (wait_ms < asked_ms)
		wait_ms = asked_ms;
	*ret_due_at_ms = add_saturated(now_ms, wait_ms);
	return true;
}
