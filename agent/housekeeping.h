/*
 * housekeeping.h - what is done when there is time: the loop's share of checkpoints, the purge of
 * what is older than store.retain, and the folding of old counts; in slices of a turn each.
 *
 * The purge trusts the wall clock only as far as it may: see clock_watch in clock.h.
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
