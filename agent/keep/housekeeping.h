/*
 * housekeeping.h - what is done when there is time: the loop's share of checkpoints, the purge of
 * what is older than store.retain, and the folding of old counts; in slices of a turn each, every
 * minute, or as often as what is retained for less than that asks.
 *
 * An event is purged when at least store.retain has passed since it came, whatever was done to the
 * clock (timeline.h): until then its id is known.
 */
#ifndef DRAY_HOUSEKEEPING_H
#define DRAY_HOUSEKEEPING_H

#include <stdint.h>

struct event_base;
struct turn;
struct store;
struct clock;
struct housekeeping;

struct housekeeping *housekeeping_new(struct event_base *base, const struct clock *clock);
void housekeeping_free(struct housekeeping *housekeeping);
/* Take part in turns. The store's callbacks want the housekeeping, so the store comes later. */
void housekeeping_attach(struct housekeeping *housekeeping, struct turn *turn, struct store *store);
void housekeeping_set_retain(struct housekeeping *housekeeping, int64_t retain_ms);

/* From the checkpoint thread: a pass has ended. `ctx` is the housekeeping. */
void housekeeping_on_checkpoint(void *ctx);

#endif
