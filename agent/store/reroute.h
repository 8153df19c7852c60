/*
 * reroute.h - events that were routed by routes which were wrong are routed once more: included by store.h.
 */
#ifndef DRAY_STORE_REROUTE_H
#define DRAY_STORE_REROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* The last seq that was given; 0 none. */
int64_t store_last_seq(const struct store *store);
/* Seqs of events in (after_seq, to_seq], rising, at most `n`. How many, or -1. */
int store_list_seqs(
	struct store *store, int64_t after_seq, int64_t to_seq, int64_t *ret_seqs, unsigned n);

struct store_reroute {
	int destination;
	int64_t seq;
	const char *key; /* ordering key; "" none */
	int lane;
	bool was_unrouted; /* the event has no delivery at all yet: it was counted so */
};
enum store_rerouted {
	STORE_REROUTE_FAILED = -1,
	STORE_REROUTE_DONE,
	STORE_REROUTE_THERE, /* it has that delivery, whatever became of it: nothing is written */
	STORE_REROUTE_BUSY, /* nothing is written: a younger one with its key is on its way right now */
};
/*
 * As store_put_delivery(), for an event that younger ones have overtaken: READY, or PARKED behind an older
 * one with its key; a younger one with its key that is READY or WAITING is PARKED behind it.
 */
enum store_rerouted store_reroute(struct store *store, const struct store_reroute *reroute);

/*
 * An unfinished delivery that is neither claimed nor in doubt forgets the connector revision that it was
 * sent with, and its batch: it is rendered anew. 0 or -1.
 */
int store_unpin(struct store *store, int destination, int64_t seq);

#endif
