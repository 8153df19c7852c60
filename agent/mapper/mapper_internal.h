/*
 * mapper_internal.h - between mapper.c (the child's life, what it is told and says) and
 * mapper_call.c (programs, calls, strikes).
 *
 *   ABSENT ─► STARTING ─► RUNNING ─► ENDING ─► ABSENT
 *                └──────► ENDING ─► RESTING ─► ABSENT
 *
 * Invariants
 *   1. ENDING lasts until the child is reaped: there is never more than one.
 *   2. `sent` is what the running child has been asked and has not answered, in that order: only its
 *      first may be answered. It is empty in the other states.
 *   3. A caller is told from the loop alone. Lists and states are whole before it is: it may ask,
 *      cancel and let go of programs from within.
 *   4. A call has one place, and leaves it for good before its caller is told.
 */
#ifndef DRAY_MAPPER_INTERNAL_H
#define DRAY_MAPPER_INTERNAL_H

#include <stdbool.h>
#include <sys/queue.h>

#include "dray/buf.h"
#include "mapper.h"
#include "mapper_child.h"

#define MAPPER_WORDS_BYTES 256

struct event;

enum mapper_state {
	MAPPER_ABSENT,   /* spawned when there is a call */
	MAPPER_STARTING, /* spawned, has not said that it is ready */
	MAPPER_RUNNING,
	MAPPER_ENDING,  /* killed or dead, not yet reaped */
	MAPPER_RESTING, /* could not be started: calls are held meanwhile */
};

TAILQ_HEAD(mapper_calls, mapper_call);

struct mapper {
	struct event_base *base;
	char *path, *zone;
	int64_t bound_ms, hold_ms;
	TAILQ_HEAD(, mapper_program) programs;
	struct mapper_calls queued, sent, finished;
	size_t sent_bytes;
	uint32_t last_program, last_call;

	enum mapper_state state;
	struct mapper_child child;
	struct event *timer; /* of the state */
	struct event *wake, *readable, *writable;
	struct buf in, out;
	size_t out_at;   /* what of `out` is written */
	unsigned ticks;  /* since the oldest call became the oldest */
	int64_t cpu_ms;  /* that the child had used then */
	int64_t wait_ms; /* ENDING: between two looks */
	unsigned failed_starts;
	bool is_blamed;                 /* ENDING: on the oldest call, else on dray-map itself */
	bool is_stale;                  /* another zone: spawned anew when nothing is under way */
	char words[MAPPER_WORDS_BYTES]; /* why it ends, or rests; "": as its death will say */
};

struct mapper_program {
	TAILQ_ENTRY(mapper_program) entry;
	struct mapper *mapper;
	char *text;
	size_t len;
	unsigned refs; /* its callers' and one per call */
	uint32_t number;
	bool is_known; /* to the running child */
	unsigned strikes;
	bool is_held;
	bool may_probe;            /* held long enough */
	struct mapper_call *probe; /* the one call that passed */
	struct event *hold_timer;
	char words[MAPPER_WORDS_BYTES]; /* of the last strike */
};

enum mapper_place { CALL_QUEUED, CALL_SENT, CALL_FINISHED };

struct mapper_call {
	TAILQ_ENTRY(mapper_call) entry;
	enum mapper_place place;
	struct mapper_program *program;
	uint32_t number;
	char *input;
	size_t len;
	mapper_done_fn done; /* NULL: cancelled */
	void *ctx;
	enum mapper_outcome outcome; /* CALL_FINISHED: what will be told */
	char words[MAPPER_WORDS_BYTES];
};

/* mapper.c: something was queued or finished. Sends at once when the child waits. */
void mapper_attend(struct mapper *mapper);
/* mapper.c: the program's last reference has gone. */
void mapper_forget(struct mapper *mapper, struct mapper_program *program);

/* mapper_call.c */
void mapper_call_move(struct mapper_call *call, enum mapper_place place); /* to that list's end */
void mapper_call_end(
	struct mapper_call *call, enum mapper_outcome outcome, const char *text, size_t len);
void mapper_call_finish(struct mapper_call *call, enum mapper_outcome outcome, const char *words);
void mapper_call_free(struct mapper_call *call);
/* The child died of this call: a strike, and it ends. */
void mapper_call_blame(struct mapper_call *call, const char *words);
/* The child answered a call of this program: what was held is released. */
void mapper_program_release(struct mapper_program *program);
void mapper_tell_finished(struct mapper *mapper);
void mapper_hold_queued(struct mapper *mapper, const char *words); /* all of them */

#endif
