#include "dray/probation.h"

#include <stdio.h>
#include <string.h>

static size_t count_of(const struct probation_sample *sample)
{
	return sample->n_destinations < PROBATION_DESTINATIONS_MAX ? sample->n_destinations
								   : PROBATION_DESTINATIONS_MAX;
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static double usual_share(const struct probation_sample *before)
{
	uint64_t received = since(before->received, before->spoilt_received);
	uint64_t refused = since(before->refused, before->spoilt_refused);

	return received > 0 ? (double)refused / (double)received : 0;
}

void probation_begin(
	struct probation *probation, int64_t length_ms, const struct probation_sample *before)
{
	*probation = (struct probation){ .length_ms = length_ms,
		.began_mono_ms = before->mono_ms,
		.broker_seen_mono_ms = before->mono_ms,
		.received = before->received,
		.refused = before->refused,
		.share = usual_share(before) };
	for (size_t i = 0; i < count_of(before); i++) {
		const struct probation_destination *destination = &before->destinations[i];

		if (destination->is_held)
			(void)snprintf(probation->held_names[probation->n_held++],
				sizeof(probation->held_names[0]), "%s", destination->name);
	}
}

static bool held_before(const struct probation *probation, const char *name)
{
	for (size_t i = 0; i < probation->n_held; i++)
		if (strcmp(probation->held_names[i], name) == 0)
			return true;
	return false;
}

static bool lost_broker(struct probation *probation, const struct probation_sample *now,
	char reason[PROBATION_REASON_MAX])
{
	int64_t grace_ms = probation->length_ms / 2 < PROBATION_GRACE_MS ? probation->length_ms / 2
									 : PROBATION_GRACE_MS;
	int64_t away_ms;

	if (now->broker_is_up)
		probation->broker_seen_mono_ms = now->mono_ms;
	away_ms = now->mono_ms - probation->broker_seen_mono_ms;
	if (away_ms <= grace_ms)
		return false;
	(void)snprintf(reason, PROBATION_REASON_MAX, "the broker was not reached for %lld s",
		(long long)(away_ms + 999) / 1000);
	return true;
}

static bool holds_anew(const struct probation *probation, const struct probation_sample *now,
	char reason[PROBATION_REASON_MAX])
{
	for (size_t i = 0; i < count_of(now); i++) {
		const struct probation_destination *destination = &now->destinations[i];

		if (!destination->is_held || held_before(probation, destination->name))
			continue;
		(void)snprintf(reason, PROBATION_REASON_MAX,
			"destination %s holds: the other side refuses what it is sent",
			destination->name);
		return true;
	}
	return false;
}

static bool refusals_rise(const struct probation *probation, const struct probation_sample *now,
	char reason[PROBATION_REASON_MAX])
{
	uint64_t received = since(now->received, probation->received);
	uint64_t refused = since(now->refused, probation->refused);
	double expected = probation->share * (double)received;

	if ((double)refused < expected + PROBATION_REFUSED_MIN || (double)refused <= 2 * expected)
		return false;
	(void)snprintf(reason, PROBATION_REASON_MAX,
		"refusals rise: %llu of %llu, where %.1f were to be expected",
		(unsigned long long)refused, (unsigned long long)received, expected);
	return true;
}

/* At the end. The line is down when what was not touched can't be reached either. */
static const struct probation_destination *find_unreachable(
	const struct probation_sample *now, bool *ret_line_is_down)
{
	const struct probation_destination *found = NULL;

	*ret_line_is_down = false;
	for (size_t i = 0; i < count_of(now); i++) {
		const struct probation_destination *destination = &now->destinations[i];

		if (!destination->is_unreachable || destination->has_taken)
			continue;
		if (!destination->is_touched)
			*ret_line_is_down = true;
		else if (!found)
			found = destination;
	}
	return found;
}

static enum probation_verdict judge_end(const struct probation *probation,
	const struct probation_sample *now, char reason[PROBATION_REASON_MAX])
{
	bool line_is_down;
	const struct probation_destination *unreachable = find_unreachable(now, &line_is_down);

	if (!now->broker_is_up)
		return PROBATION_GOES_ON; /* within its grace */
	if (!unreachable)
		return PROBATION_PASSED;
	if (line_is_down && now->mono_ms - probation->began_mono_ms < 2 * probation->length_ms)
		return PROBATION_GOES_ON;
	(void)snprintf(
		reason, PROBATION_REASON_MAX, "destination %s can't be reached", unreachable->name);
	return PROBATION_FAILED;
}

enum probation_verdict probation_look(struct probation *probation,
	const struct probation_sample *now, char reason[PROBATION_REASON_MAX])
{
	if (lost_broker(probation, now, reason) || holds_anew(probation, now, reason) ||
		refusals_rise(probation, now, reason))
		return PROBATION_FAILED;
	if (now->mono_ms - probation->began_mono_ms < probation->length_ms)
		return PROBATION_GOES_ON;
	return judge_end(probation, now, reason);
}
