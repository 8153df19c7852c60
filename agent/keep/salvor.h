/*
 * salvor.h - brings back what a broken database still holds (store_salvage()), a slice in a turn.
 *
 * While it is at work deliveries rest: older ones, with their keys, may be on their way back. Capture
 * goes on. One alarm, `store_broken`, is raised when a database was replaced, and cleared when
 * nothing waits to be salvaged any more, with what came back and what did not.
 *
 * Likewise after a restore: deliveries rest until each has the doubt that it may have been made since
 * the backup (store_doubt_restored()).
 */
#ifndef DRAY_SALVOR_H
#define DRAY_SALVOR_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct turn;
struct store;
struct store_event_row;
struct store_target;
struct clock;
struct salvor;

struct salvor_options {
	struct turn *turn;
	struct store *store;
	const struct clock *clock;
	/* Where an event goes whose deliveries could not be read. */
	int (*route)(void *ctx, const struct store_event_row *event,
		int (*fn)(void *fn_ctx, const struct store_target *target), void *fn_ctx);
	/* Deliveries are to rest, or to go on. */
	void (*on_rest)(void *ctx, bool is_resting);
	/* In committed(). */
	void (*on_alarm)(void *ctx, const char *message, bool is_cleared);
	/* Likewise: the database was restored, and deliveries go on. */
	void (*on_restored)(void *ctx, const char *message);
	void *ctx;
};

/* The store's callbacks want the salvor, so the store comes later. NULL when memory ran out. */
struct salvor *salvor_new(struct event_base *base);
void salvor_free(struct salvor *salvor);
/* Take part in turns, as the first: what comes back is there before anything is claimed. */
void salvor_attach(struct salvor *salvor, const struct salvor_options *options);
/* How long the work item that tells of a salvage may stay open, ms. */
void salvor_set_sla(struct salvor *salvor, int64_t sla_ms);

/* From the thread that reads: a slice is ready. `ctx` is the salvor. */
void salvor_on_salvage(void *ctx);

#endif
