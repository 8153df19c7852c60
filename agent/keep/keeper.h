/*
 * keeper.h - keeps the store's room: measures, judges (dray/room.h), and acts.
 *
 *   what it finds                      what it does
 *   the level is TIGHT                 lets delivered events give up their content, in slices; where
 *                                      the disk is short, gives it back the pages that became free
 *   the level is NONE                  closes capture, raises one alarm
 *   the level is NONE no longer        opens capture, sends the all-clear
 *   the disk is full                   releases the reserve; puts it back when there is room for it
 *   the disk refuses a write           probes, at once and then each second; while no probe succeeds
 *                                      nobody writes: see store_is_refusing()
 *
 * Deliveries go on whatever the level is: they are what makes room. Only while the disk refuses they
 * wait, with the answers they have got.
 *
 * It looks after a turn that wrote, at most every 100 ms while room is ample and after each one else,
 * and each second. A single error that the next probe doesn't meet changes nothing; after a refusal
 * that lasted, capture stays closed until the disk has refused nothing for 5 s.
 *
 * Alarms: "store_full" or "store_refuses", critical, when capture closes, cleared when it opens.
 * "store_tight", normal, when the first event gives up its content, cleared when none has for an hour.
 */
#ifndef DRAY_KEEPER_H
#define DRAY_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/room.h"

struct event_base;
struct turn;
struct store;
struct metrics;
struct clock;
struct keeper;

/* For people; borrowed during the callback. */
struct keeper_alarm {
	const char *severity, *kind, *message;
	bool is_cleared; /* else raised */
};

struct keeper_options {
	struct event_base *base;
	struct turn *turn;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	/* In release(): capture is to be open, or closed and why. Told again when only that changes. */
	void (*on_gate)(void *ctx, bool is_open, const char *why);
	/* In committed(). */
	void (*on_alarm)(void *ctx, const struct keeper_alarm *alarm);
	void *ctx;
};

/* Takes part in turns, as the last: other rooms are added before. NULL when memory ran out. */
struct keeper *keeper_new(const struct keeper_options *options);
void keeper_free(struct keeper *keeper);

/* store.max_bytes and store.reserve, at start and on reload. */
void keeper_configure(struct keeper *keeper, int64_t max_bytes, int64_t reserve_bytes);

/* As of the last look. Valid as long as the keeper. */
const struct room_report *keeper_report(const struct keeper *keeper);

#endif
