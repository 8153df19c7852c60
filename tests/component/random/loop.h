/*
 * loop.h - libevent's loop on a clock that only the loop moves.
 *
 * loop.c has the few functions of libevent that turns and timers use; linked into a program they
 * stand before the library's. So the engine's own timers and wakes run a day, and a day takes as
 * long as its work: event_base_loop(EVLOOP_ONCE) runs what was made active, else it moves the clock
 * to the earliest timer and runs every timer that is due then, in the order of their times.
 *
 * One loop per process.
 */
#ifndef DRAY_RANDOM_LOOP_H
#define DRAY_RANDOM_LOOP_H

#include <stdint.h>

struct event;

/* Forget every timer; the clock stands at 0. Events that are still there stay their owner's. */
void loop_reset(void);
int64_t loop_now_ms(void);
/* Time passes within a turn: a commit takes its time. */
void loop_pass(int64_t ms);
/* Time passes, and what is due happens, one by one. */
void loop_run_until(int64_t at_ms);
/* A timer by the loop's clock, else as evtimer_add(). */
void loop_set(struct event *event, int64_t at_ms);

#endif
