/*
 * help_timers.h - timers that go off when a test says so, not when the machine's clock does.
 */
#ifndef HELP_TIMERS_H
#define HELP_TIMERS_H

struct event_base;

/* Every timer of the loop, due or not; what they call runs in the loop's next pass. */
void timers_set_off(struct event_base *base);

#endif
