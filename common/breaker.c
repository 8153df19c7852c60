#include "dray/breaker.h"

#include "dray/retry.h"

bool breaker_allows(struct breaker *breaker, int64_t now_mono_ms)
{
	if (breaker->state == BREAKER_OPEN && now_mono_ms >= breaker->probe_mono_ms) {
		breaker->state = BREAKER_HALF_OPEN;
		return true;
	}
	return breaker->state == BREAKER_CLOSED;
}

void breaker_success(struct breaker *breaker)
{
	*breaker = (struct breaker){ .state = BREAKER_CLOSED };
}

static int64_t probe_wait_ms(const struct breaker *breaker, const struct breaker_policy *policy,
	enum breaker_cause cause, uint64_t seed)
{
	if (cause != BREAKER_UNREACHABLE)
		return policy->probe_ms;
	unsigned nth = breaker->probes < UINT32_MAX ? breaker->probes + 1 : breaker->probes;
	int64_t ceiling_ms = retry_ceiling(policy->base_ms, policy->probe_ms, nth);
	/* Never at once: a destination that refuses connections must not be hammered. */
	return ceiling_ms - retry_jitter(ceiling_ms / 2, ceiling_ms / 2, 1, seed);
}

static void open_breaker(struct breaker *breaker, const struct breaker_policy *policy,
	enum breaker_cause cause, int64_t now_mono_ms, uint64_t seed)
{
	if (breaker->state == BREAKER_CLOSED) {
		breaker->opened_mono_ms = now_mono_ms;
		breaker->probes = 0;
	} else if (breaker->probes < UINT32_MAX) {
		breaker->probes++;
	}
	breaker->state = BREAKER_OPEN;
	breaker->cause = cause;
	breaker->probe_mono_ms = now_mono_ms + probe_wait_ms(breaker, policy, cause, seed);
}

void breaker_failure(struct breaker *breaker, const struct breaker_policy *policy,
	enum breaker_cause cause, int64_t now_mono_ms, uint64_t seed)
{
	if (breaker->state == BREAKER_OPEN) {
		if (cause == BREAKER_HOLD)
			breaker->cause = cause;
		return;
	}
	if (cause == BREAKER_FAILURES && breaker->failures_in_row < UINT32_MAX)
		breaker->failures_in_row++;
	if (breaker->state == BREAKER_CLOSED && cause == BREAKER_FAILURES &&
		breaker->failures_in_row < policy->failures)
		return;
	open_breaker(breaker, policy, cause, now_mono_ms, seed);
}

void breaker_probe_withdrawn(struct breaker *breaker, int64_t now_mono_ms)
{
	if (breaker->state != BREAKER_HALF_OPEN)
		return;
	breaker->state = BREAKER_OPEN;
	breaker->probe_mono_ms = now_mono_ms;
}

const char *breaker_cause_word(enum breaker_cause cause)
{
	switch (cause) {
	case BREAKER_FAILURES:
		return "failures";
	case BREAKER_UNREACHABLE:
		return "unreachable";
	case BREAKER_HOLD:
		return "hold";
	case BREAKER_NO_CAUSE:
		break;
	}
	return "";
}
