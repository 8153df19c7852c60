/*
 * turn.h - one turn of the loop is one transaction of the store.
 *
 *   gather    libevent runs the callbacks of everything that is ready: packets, HTTP requests and
 *             responses, timers, commands. They change state through the store only, and put what
 *             is to leave the process into their room's outbox.
 *   dispatch  each member's dispatch(): settle the answers that came in, claim ready deliveries
 *             into free capacity, render their requests. Still the same transaction.
 *   commit    store_commit(): one COMMIT. A turn that wrote nothing commits nothing.
 *   release   each member's committed() moves what must move only now (breakers, windows,
 *             counters), then each member's release() lets its outbox go: PUBACKs, acks, replies,
 *             requests.
 *
 * The laws
 *   1. Nothing leaves before the commit. Only release() sends; a handler that sends is a bug.
 *   2. Poison. After any store error in a turn the store refuses every further write of it; the
 *      turn is rolled back, each member's poisoned() drops its outbox, and release() does not run.
 *      The capture connection is broken unacknowledged, so that the broker sends again.
 *   3. An outcome is never forgotten: an answer stays with its in-memory claim until a commit has
 *      held its settlement. poisoned() keeps it; the next dispatch() settles it again.
 *   4. mosquitto_loop_write() is called from mqtt_flush() alone, and mqtt_flush() from release().
 *   5. A failed fsync, in any thread, ends the process at once (store_options.on_fatal).
 *   6. No callback blocks, and none runs longer than a slice of its work.
 *   7. A broken store is replaced between two turns: each member's replaced() forgets what it
 *      remembers of rows, and stores anew what it must keep. Until that succeeds, tried each second,
 *      every turn is poisoned. A commit into a file that was deleted under the agent is none: the
 *      names are looked at before anything is released, and each second.
 *
 * Group commit needs no timer: while one commit is synced the next batch gathers in the sockets.
 */
#ifndef DRAY_TURN_H
#define DRAY_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct store;
struct metrics;
struct clock;
struct turn;

/*
 * A room that takes part in turns. Every function may be NULL. Members are called in the order
 * they were added, in every phase.
 */
struct turn_member {
	const char *name;
	void (*dispatch)(void *ctx);
	void (*committed)(void *ctx);
	void (*release)(void *ctx); /* after a commit, and after a turn that wrote nothing */
	void (*poisoned)(void *ctx);
	void (*replaced)(void *ctx); /* the store is another one now, without rows; see law 7 */
	void *ctx;
};

#define TURN_MEMBERS_MAX 16

struct turn *turn_new(struct event_base *base, struct store *store, struct metrics *metrics,
	const struct clock *clock);
void turn_free(struct turn *turn);

/* The member is copied; its ctx must outlive the turn. */
void turn_add(struct turn *turn, const struct turn_member *member);

/* Make sure that another turn follows this one without waiting for an event. From the loop only. */
void turn_wake(struct turn *turn);

/* Run until turn_stop(). 0, or -1 when the event loop itself failed. */
int turn_run(struct turn *turn);
/* Finish the current turn, then return from turn_run(). From the loop only. */
void turn_stop(struct turn *turn);

/* Dispatch, commit and release what was gathered: turn_run() calls it, tests may. */
void turn_finish(struct turn *turn);

#endif
