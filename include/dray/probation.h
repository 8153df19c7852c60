/*
 * probation.h - is a configuration that was just taken into use any good?
 *
 * It is watched for a while. It fails as soon as one of these is seen, and passes when its time is over:
 *   1. the broker is not reached for longer than the grace (a minute, or the half of the probation where
 *      that is shorter);
 *   2. a destination holds that did not before (the other side refuses credentials, path or site);
 *   3. refusals rise: at the door or by destinations, at least PROBATION_REFUSED_MIN more than the share
 *      seen before would give, and more than twice that share;
 *   4. at the end: a destination that the change touched can't be reached, and has taken nothing since.
 *      A line that is down for all of them is not the change's fault: what it did not touch can't be
 *      reached either, then it waits, up to one more probation.
 *
 * Pure: the caller samples, and passes the time.
 */
#ifndef DRAY_PROBATION_H
#define DRAY_PROBATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBATION_GRACE_MS 60000
#define PROBATION_REFUSED_MIN 5
#define PROBATION_DESTINATIONS_MAX 64
#define PROBATION_REASON_MAX 256

/* What is seen of one destination. */
struct probation_destination {
	const char *name; /* borrowed during the call */
	bool is_touched;  /* the change alters what the configuration says of it */
	bool is_held;
	bool is_unreachable;
	bool has_taken; /* something since the change */
};

struct probation_sample {
	int64_t mono_ms;
	bool broker_is_up;
	uint64_t received; /* running counts: events and deliveries that got an answer */
	uint64_t refused;  /* of these: refused at the door, rejected by a destination */
	/* Of both, what came in trials that were not kept: it is not what is usual. */
	uint64_t spoilt_received, spoilt_refused;
	const struct probation_destination *destinations;
	size_t n_destinations; /* at most PROBATION_DESTINATIONS_MAX */
};

enum probation_verdict { PROBATION_GOES_ON, PROBATION_PASSED, PROBATION_FAILED };

struct probation {
	int64_t length_ms, began_mono_ms;
	int64_t broker_seen_mono_ms;
	uint64_t received, refused;                      /* at the beginning */
	double share;                                    /* of refusals, before */
	char held_names[PROBATION_DESTINATIONS_MAX][65]; /* that held already */
	size_t n_held;
};

/* `before`: a sample of the configuration that was in force, with its counts since the start. */
void probation_begin(
	struct probation *probation, int64_t length_ms, const struct probation_sample *before);
/* `reason` is filled when it failed: one line in words, naming the thing. */
enum probation_verdict probation_look(struct probation *probation,
	const struct probation_sample *now, char reason[PROBATION_REASON_MAX]);

#endif
