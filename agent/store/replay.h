/*
 * replay.h - what was delivered goes again, because a person wants it to: included by store.h.
 *
 * Whether it may, and as what, is decided by replay_judge() (dray/replay.h); here are the rows.
 */
#ifndef DRAY_STORE_REPLAY_H
#define DRAY_STORE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct store_replay_filter {
	int destination;
	const char *type;           /* NULL: any */
	int64_t since_ms, until_ms; /* the event was received; 0: open */
	int64_t after_seq;          /* cursor; 0: from the oldest */
	unsigned limit;             /* 1..1000 */
};
/*
 * DONE rows by seq, with bodies. Looks at a bounded number of rows (2,000) per call; *ret_cursor is
 * where to go on, 0 at the end. 0, or -1 on a read error.
 */
int store_list_replay(struct store *store, const struct store_replay_filter *filter,
	store_delivery_fn fn, void *ctx, int64_t *ret_cursor);

struct store_replay {
	const char *key;     /* ordering key, as of a new one; "" none */
	int64_t doubt_at_ms; /* it may have been applied since then, and is; 0: as if it never was */
	bool is_rendered_anew; /* by the connector of today: the revision is forgotten */
	int64_t now_ms;
};
enum store_replayed {
	STORE_REPLAY_FAILED = -1,
	STORE_REPLAY_DONE,
	STORE_REPLAY_BUSY, /* nothing is written: a younger one with its key is on its way right now */
};
/*
 * DONE → READY, or PARKED behind an older one with its key; a younger one with its key that is READY
 * or WAITING is PARKED behind it. It goes alone, without the batch that it went in. Counted as routed
 * once more, so that the ledger closes.
 */
enum store_replayed store_replay(
	struct store *store, int destination, int64_t seq, const struct store_replay *replay);

#endif
