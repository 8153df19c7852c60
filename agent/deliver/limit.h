/*
 * limit.h - how many requests may be out at once, and at what rate: one limit for all destinations
 * of an account, and for each that names none its own.
 *
 * Several destinations of an account take turns: whoever has waited longest is next, and has one
 * request, so that each has an equal share while it has something to send, and none has more than
 * what the others leave. What can't send (held, paused, told to wait) takes nothing.
 *
 * A claim counts from the turn that makes it until the turn that settles it, and takes a token when
 * the first commits; a further step of it takes one without waiting. It counts against the limit that
 * it was made under: a reload that moves its destination to another account moves no request that is
 * out.
 */
#ifndef DRAY_LIMIT_H
#define DRAY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dray/bucket.h"

struct config_destination;
struct deliver;
struct destination;

struct limit {
	TAILQ_ENTRY(limit) link; /* in the engine's */
	struct deliver *deliver;
	unsigned users; /* destinations and claims */
	char *account;  /* NULL: one destination's own */
	int64_t concurrency, rate_per_hour;
	struct bucket bucket;
	unsigned in_flight;                /* claims */
	unsigned fresh;                    /* of them, that have not yet taken their token */
	TAILQ_HEAD(, destination) members; /* whoever has waited longest is first */
};
TAILQ_HEAD(limits, limit);

/*
 * The limit that a destination is to have: the one it has, its account's, or a new one.
 *
 * destination  may be new. It does not join.
 * account      NULL: none.
 * Returns      a reference, or NULL when memory ran out.
 */
struct limit *limit_find(
	struct deliver *deliver, const struct destination *destination, const char *account);
/* The destination is a member of it, and of no other; owns the reference. Takes the numbers of `is`
 * into use: a bucket whose rate stays keeps its level. */
void limit_join(
	struct limit *limit, struct destination *destination, const struct config_destination *is);
void limit_leave(struct destination *destination);

struct limit *limit_ref(struct limit *limit);
void limit_unref(struct limit *limit);

/* Has it more than one member? */
bool limit_is_shared(const struct limit *limit);
/* Requests that may leave now. */
unsigned limit_free(struct limit *limit, int64_t now_mono_ms);
/* The member has had its turn. */
void limit_pass_on(struct limit *limit, struct destination *destination);

#endif
