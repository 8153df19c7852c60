/*
 * held.h - PUBACKs that wait for adapters: when they may leave, and when reading waits for that.
 *
 * libmosquitto has queued the PUBACK of a message before anybody sees the message, and writes all that
 * is queued or nothing. So while an adapter has a message of this connection, nothing is flushed; what
 * was not acknowledged the broker sends again, and a duplicate is absorbed. Under a steady stream there
 * would always be such a message: beyond a time or a number nothing more is read until all are answered
 * and their PUBACKs have left. The time is longer than a program may run (mapper.h), so that one that
 * overruns doesn't keep other devices waiting.
 *
 * A connection on which nothing is written is given up by the broker, and all of it comes again. Where a
 * program is so slow that this happens before all are answered, the next connection takes fewer at a
 * time, until a number is found that gets through; then more again, one step for each time that it did.
 */
#ifndef DRAY_HELD_H
#define DRAY_HELD_H

#include <stdbool.h>
#include <stdint.h>

#define HELD_MAX_MS 2000
#define HELD_MAX 256U

struct held {
	unsigned connection; /* counts them: an answer may come when the next one is up */
	unsigned n;          /* messages of this connection that adapters have */
	int64_t since_mono_ms;
	bool is_pausing;
	unsigned n_fewer; /* at a time: HELD_MAX halved so often */
};

/* An adapter has a message. Returns the connection, for held_end(). */
unsigned held_begin(struct held *held, int64_t now_mono_ms);
/* It has been taken, in a turn that will commit it. */
void held_end(struct held *held, unsigned connection);
/* The connection has ended, and with it what was queued. */
void held_forget(struct held *held);

/* May what is queued be written? */
bool held_may_flush(const struct held *held);
/* Should reading wait? `is_full`: adapters have more than they should. */
bool held_pauses(struct held *held, int64_t now_mono_ms, bool is_full);

#endif
