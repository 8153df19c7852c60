/*
 * outcome.h - what an answer means.
 *
 * The table of DELIVERY.md ("When it doesn't go through") as a pure function. An outcome is a type
 * of its own, never an error code.
 *
 * "Proven" means: the other side did not apply the request and never will. No connection proves
 * it, and so do a refusal (4xx but 408) and "moved" (301, 307, 308). Everything else but a 2xx
 * leaves doubt; what doubt leads to depends on the idempotency mode.
 *
 *   what came back                         mode header,       mode lookup,        proven  failure
 *                                          natural            none
 *   not sent                               UNREACHABLE        UNREACHABLE         yes     yes
 *   2xx, a status of answers_done          DONE               DONE                -       no
 *   no answer, 1xx, 408, 5xx               RETRY              UNKNOWN, or RETRY   no      yes
 *                                                             if resend_on_doubt
 *   425, 429                               RETRY              RETRY               yes     no
 *   401, 403 that a CSRF token mends       REFRESH, the second time HOLD          yes     no
 *   402 403 404 405 407 410 426 451        HOLD               HOLD                yes     no
 *   301 307 308                            HOLD               HOLD                yes     no
 *   other 3xx                              HOLD               as no answer        no      header: no
 *   400 409 413 415 422 and other 4xx      REJECT, a batch SPLIT                  yes     no
 *
 * Two rules stand above the table in modes header and natural:
 *   1. Past the key's lifetime the other side has forgotten the key. While there is doubt that old,
 *      whatever would send again (all but DONE and REJECT) is UNKNOWN.
 *   2. 409 while an earlier attempt is in doubt may mean that the earlier one is still running
 *      (draft-ietf-httpapi-idempotency-key-header, section 2.6): RETRY within `settle_ms`, behind
 *      that REJECT.
 *
 * In modes header, lookup and none a batch is SPLIT only where no earlier attempt is in doubt, or
 * doubles were chosen (resend_on_doubt): else it is UNKNOWN, since its members would go out under other
 * keys than what may still be applied. In mode natural each record has its key with it.
 *
 * A safe request (GET, HEAD: RFC 9110 section 9.2.1) applies nothing. What would leave doubt is RETRY,
 * proven, in every mode, and "other 3xx" is HOLD, proven; rule 1 has nothing to say of it.
 */
#ifndef DRAY_OUTCOME_H
#define DRAY_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum outcome {
	OUTCOME_DONE,
	OUTCOME_RETRY,       /* later, same bytes, same key; the attempt counts */
	OUTCOME_UNREACHABLE, /* later; no attempt was made as far as the event is concerned */
	OUTCOME_UNKNOWN, /* may have been applied: looked up, or a person's; never sent blindly */
	OUTCOME_REJECT,  /* this event will never be accepted as it is */
	OUTCOME_SPLIT,   /* a refused batch: send its members one by one */
	OUTCOME_REFRESH, /* credentials: make them anew once, then send again */
	OUTCOME_HOLD,    /* the destination is at fault, or the event is: probe with another */
};

enum outcome_transport {
	TRANSPORT_ANSWERED,  /* a complete HTTP response */
	TRANSPORT_NOT_SENT,  /* no byte of the request left: refused, DNS, TLS, connect time-out */
	TRANSPORT_NO_ANSWER, /* something left; time-out, reset, closed, garbage */
};

/* How a repeat is recognised: OUTCOME_MODE_NATURAL is judged as HEADER is, LOOKUP as NONE. */
enum outcome_mode {
	OUTCOME_MODE_HEADER,
	OUTCOME_MODE_NATURAL,
	OUTCOME_MODE_LOOKUP,
	OUTCOME_MODE_NONE
};

struct outcome_input {
	enum outcome_transport transport;
	int status; /* HTTP status when answered, else 0 */
	enum outcome_mode mode;
	bool resend_on_doubt;      /* mode none: choose doubles over exceptions */
	bool is_safe;              /* a request that applies nothing: GET */
	bool is_csrf_refusal;      /* a 403 that a new CSRF token mends */
	bool is_refreshed;         /* this was sent with credentials just made anew */
	const cJSON *answers_done; /* list of statuses that mean "already there"; NULL: none */
	unsigned batch_count;      /* members of the request, >= 1 */
	int64_t doubt_age_ms;      /* since the first earlier attempt of unknown fate; 0: none */
	int64_t settle_ms;       /* how long the other side may still work on an earlier request */
	int64_t key_lifetime_ms; /* modes header and natural; 0 = for ever */
};

struct outcome_verdict {
	enum outcome outcome;
	bool is_proven;  /* not applied: earlier doubt stays, this attempt adds none */
	bool is_failure; /* counts for the breaker */
};

struct outcome_verdict outcome_classify(const struct outcome_input *input);

/*
 * The label of dray_attempts_total, one of "done", "retry", "unknown", "reject", "hold": an
 * unreachable destination and a refresh are retries, a split is a batch rejected. Static.
 */
const char *outcome_word(enum outcome outcome);

/*
 * Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP date. -1: absent or unreadable.
 * A date in the past is 0. Not bounded here: the caller caps at a day and raises the alarm.
 */
int64_t outcome_retry_after_ms(const char *value, int64_t now_ms);

/*
 * How long until there are requests left, by the headers with which many say so.
 *
 * remaining  requests left; NULL or unreadable: not said.
 * reset      when there are more: seconds, or seconds since the epoch (draft-ietf-httpapi-ratelimit-headers
 *            says seconds; GitHub and others an instant), or an HTTP date; NULL not said.
 * Returns    0 when some are left or it can't be told; a wait is not bounded here.
 */
int64_t outcome_rest_ms(const char *remaining, const char *reset, int64_t now_ms);

#endif
