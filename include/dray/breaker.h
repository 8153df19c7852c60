/*
 * breaker.h - whether a destination may be asked at all.
 *
 *            failures in a row                 probe time reached
 *   CLOSED ────────────────────► OPEN ─────────────────────────────► HALF_OPEN (one probe)
 *      ▲                          ▲  └───────────── fails ────────────────┤
 *      └────────────────────────────────────── passes ────────────────────┘
 *
 * Three things open it: `failures` answers in a row that count as failures; a destination that
 * can't be reached (at once: the events are not to blame); a hold (credentials, a wrong path). The
 * cause is kept, since people must be told, and since a hold's probe must carry another ordering
 * key than the delivery that raised it.
 *
 * An unreachable destination is probed soon at first: the wait doubles from base_ms to probe_ms,
 * and the half of it is jitter. The other causes wait probe_ms.
 *
 * Answers to requests that left before it opened come in late. A success closes it, whoever brings
 * it: the destination works. A failure in OPEN moves nothing, but a hold's cause is taken over. In
 * HALF_OPEN the caller reports the probe's answer only.
 *
 * Invariant: in HALF_OPEN at most one request is out.
 * Pure: monotonic time and entropy are handed in. Moves are made after the commit.
 */
#ifndef DRAY_BREAKER_H
#define DRAY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
enum breaker_cause { BREAKER_NO_CAUSE, BREAKER_FAILURES, BREAKER_UNREACHABLE, BREAKER_HOLD };

struct breaker {
	enum breaker_state state;
	enum breaker_cause cause;
	unsigned failures_in_row;
	unsigned probes;       /* that failed since it opened; spaces the next one */
	int64_t probe_mono_ms; /* when OPEN: the next probe */
	int64_t opened_mono_ms;
};

struct breaker_policy {
	unsigned failures; /* >= 1 */
	int64_t base_ms;   /* first wait of an unreachable destination's probe */
	int64_t probe_ms;  /* longest wait between probes; the wait of the other causes */
};

/* May a request leave now? Turns OPEN into HALF_OPEN when the probe's time has come. */
bool breaker_allows(struct breaker *breaker, int64_t now_mono_ms);
void breaker_success(struct breaker *breaker);
/* `cause` BREAKER_FAILURES counts one failure; the others open at once. */
void breaker_failure(struct breaker *breaker, const struct breaker_policy *policy,
	enum breaker_cause cause, int64_t now_mono_ms, uint64_t seed);
/* The probe was not sent after all (nothing to send, the turn was poisoned): OPEN, due at once. */
void breaker_probe_withdrawn(struct breaker *breaker, int64_t now_mono_ms);

const char *breaker_cause_word(enum breaker_cause cause);

#endif
