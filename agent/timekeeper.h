/*
 * timekeeper.h - keeps the agent's time: looks at the machine's clocks at the end of every turn, and
 * keeps what it learns in the store, with the stamps that depend on it.
 *
 * The timeline is a cursor in the store (its name: "timeline"). It is written when something was
 * learned, and, with whatever else a turn writes, at least once a minute: so a reboot knows up to
 * when the machine ran.
 */
#ifndef DRAY_TIMEKEEPER_H
#define DRAY_TIMEKEEPER_H

struct clock;
struct store;
struct turn;
struct timekeeper;

/* NULL when memory ran out. `machine` is borrowed for its life. */
struct timekeeper *timekeeper_new(const struct clock *machine);
void timekeeper_free(struct timekeeper *timekeeper);
/*
 * Go on with the time of a store, before anything is stamped. An unreadable cursor is as none: then
 * time goes on behind the newest event.
 */
void timekeeper_open(struct timekeeper *timekeeper, struct store *store);
/* Take part in turns: as the last, to see whether a turn has written anything. */
void timekeeper_attach(struct timekeeper *timekeeper, struct turn *turn);

/* The clock for all rooms. Lives as long as the timekeeper. */
const struct clock *timekeeper_clock(const struct timekeeper *timekeeper);

#endif
