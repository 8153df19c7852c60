/*
 * mapper.h - jq programs, run in a child that can do nothing else.
 *
 * libjq can't be interrupted, aborts when memory runs out, reads the environment and files. So
 * dray-map (map_main.c) runs it: spawned with an empty environment, no files but one socket, limits
 * on memory and size, a system-call filter. It compiles each program once and answers calls in their
 * order, many at a time, over the socketpair (wire.h).
 *
 *   mapper_call() ─► queued ─► sent ─► answered ─► done(…)
 *                                └─ overran its bound, or the child died while it was the oldest ─►
 *                                   the child is killed and spawned anew, the others are sent again,
 *                                   done(MAPPER_OVERRAN): a strike against the program
 *
 * Three strikes hold the program: its calls end with MAPPER_HELD at once, but for one after each
 * `hold_ms`; when that one comes back, it is released. Forgetting the program releases it too.
 *
 * A call overruns when `bound_ms` have passed, half of them in processor time: a child that other work
 * keeps from running is waited for ten times as long.
 *
 * `done` is called once, from the loop, never from within mapper_call() or mapper_call_cancel().
 * Nothing here blocks; the child is spawned when it is first needed.
 *
 * mapper_run.h is the same for a caller that may wait (drayctl, drayd --check).
 */
#ifndef DRAY_MAPPER_H
#define DRAY_MAPPER_H

#include <stddef.h>
#include <stdint.h>

#include "dray/error.h"

struct event_base;
struct mapper;
struct mapper_program;
struct mapper_call;

#define MAPPER_BOUND_MS 1000
#define MAPPER_HOLD_MS 60000
#define MAPPER_OUTPUT_MAX ((size_t)4 << 20)
#define MAPPER_NO_INPUT "the input is empty" /* what a program that compiles fails with then */

enum mapper_outcome {
	MAPPER_OUTPUT,  /* text: the output, compact JSON */
	MAPPER_NOTHING, /* the program gave no output */
	MAPPER_FAILED, /* text: why, in words: a jq error, more than one output, it doesn't compile */
	MAPPER_OVERRAN, /* text: why: time, memory, the child died */
	MAPPER_HELD,    /* text: why */
};

/* `text` is borrowed during the call and NUL-terminated; "" for MAPPER_NOTHING. */
typedef void (*mapper_done_fn)(
	void *ctx, enum mapper_outcome outcome, const char *text, size_t len);

struct mapper_options {
	const char *path; /* of dray-map */
	const char *zone; /* IANA name: what localtime means in a program */
	int64_t bound_ms; /* of one call; 0: MAPPER_BOUND_MS */
	int64_t hold_ms;  /* 0: MAPPER_HOLD_MS */
};

/* Where dray-map lies: beside the program that runs, as in a build tree, else where it is installed. */
void mapper_find(char *out, size_t size);

/* Texts are copied. NULL when memory ran out. */
struct mapper *mapper_new(struct event_base *base, const struct mapper_options *options);
/* The one of this installation, with the bounds above. */
struct mapper *mapper_open(struct event_base *base, const char *zone);
/* Kills the child. Calls end without a word. Programs must be gone. NULL is a no-op. */
void mapper_free(struct mapper *mapper);
/* Another zone: the child is spawned anew before the next call. 0, or -1 when memory ran out. */
int mapper_set_zone(struct mapper *mapper, const char *zone);

/*
 * A program by its text, which is copied; the same text gives the same program. It is compiled in the
 * child with its first call. NULL when memory ran out.
 */
struct mapper_program *mapper_program_new(struct mapper *mapper, const char *text, size_t len);
struct mapper_program *mapper_program_ref(struct mapper_program *program);
/* NULL is a no-op. */
void mapper_program_unref(struct mapper_program *program);

/*
 * Ask. `input` is copied: one JSON text that has passed the bounded scanner.
 * NULL when memory ran out: done is not called.
 */
struct mapper_call *mapper_call(struct mapper_program *program, const char *input, size_t len,
	mapper_done_fn done, void *ctx);
/* Nobody waits for it any more. Not after done. */
void mapper_call_cancel(struct mapper_call *call);

#endif
