/*
 * timekeeper.h - keeps the agent's time: looks at the machine's clocks at the end of every turn, and
 * keeps what it learns in the store, with the stamps that depend on it.
 *
 * The timeline is a cursor in the store (its name: "timeline"). It is written when something was
 * learned, and, with whatever else a turn writes, at least once a minute: so a reboot knows up to
 * when the machine ran. A copy lies beside the store: when the store breaks, a fresh one takes the time
 * up from there, so that rows which are salvaged meet the scale that they were stamped by.
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
 *
 * copy  the path of the copy; "" none is kept. Read where a broken store was replaced, and written
 *       each time the cursor is. That it can't be written harms nothing until then.
 */
void timekeeper_open(struct timekeeper *timekeeper, struct store *store, const char *copy);
/* Take part in turns: as the last, to see whether a turn has written anything. */
void timekeeper_attach(struct timekeeper *timekeeper, struct turn *turn);

/* The clock for all rooms. Lives as long as the timekeeper. */
const struct clock *timekeeper_clock(const struct timekeeper *timekeeper);

#endif
