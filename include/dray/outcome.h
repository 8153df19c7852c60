/*
 * outcome.h - what an answer means.
 *
 * The table of DELIVERY.md ("When it doesn't go through") as a pure function. An outcome is a type
 * of its own, never an error code.
 *
 * "Proven" means: the other side did not apply the request and never will. No connection proves
 * it, and so does a refusal (4xx but 408). Everything else but a 2xx leaves doubt; what doubt leads
 * to depends on the idempotency mode.
 */
#ifndef DRAY_OUTCOME_H
#define DRAY_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

enum outcome {
	OUTCOME_DONE,
	OUTCOME_RETRY,       /* later, same bytes, same key; the attempt counts */
	OUTCOME_UNREACHABLE, /* later; no attempt was made as far as the event is concerned */
	OUTCOME_UNKNOWN,     /* may have been applied and must not be sent again blindly */
	OUTCOME_REJECT,      /* this event will never be accepted as it is */
	OUTCOME_SPLIT,       /* a refused batch: send its members one by one */
	OUTCOME_REFRESH,     /* credentials: read them anew once, then send again */
	OUTCOME_HOLD,        /* the destination is at fault, or the event is: probe with another */
};

enum outcome_transport {
	TRANSPORT_ANSWERED,  /* a complete HTTP response */
	TRANSPORT_NOT_SENT,  /* no byte of the request left: refused, DNS, TLS, connect time-out */
	TRANSPORT_NO_ANSWER, /* something left; time-out, reset, closed, garbage */
};

enum outcome_mode { OUTCOME_MODE_HEADER, OUTCOME_MODE_NONE };

struct outcome_input {
	enum outcome_transport transport;
	int status; /* HTTP status when answered, else 0 */
	enum outcome_mode mode;
	bool resend_on_doubt; /* mode none: choose doubles over exceptions */
	bool is_refreshed;    /* this was sent with credentials just read anew */
	unsigned batch_count; /* members of the request, >= 1 */
	int64_t doubt_age_ms; /* since the first attempt whose fate is unknown, this one included */
	int64_t key_lifetime_ms; /* mode header; 0 = for ever */
};

struct outcome_verdict {
	enum outcome outcome;
	bool is_proven;  /* not applied: earlier doubt stays, this attempt adds none */
	bool is_failure; /* counts for the breaker */
};

struct outcome_verdict outcome_classify(const struct outcome_input *input);

/* "done", "retry", "unknown", "reject", "hold"…: the label of dray_attempts_total. Static. */
const char *outcome_word(enum outcome outcome);

/*
 * Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date. -1: absent or unreadable.
 * A date in the past is 0. Not bounded here: the caller caps at a day and raises the alarm.
 */
int64_t outcome_retry_after_ms(const char *value, int64_t now_ms);

#endif
