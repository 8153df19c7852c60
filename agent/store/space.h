/*
 * space.h - when the disk is full, or refuses what is written. Part of store.h.
 */
#ifndef DRAY_STORE_SPACE_H
#define DRAY_STORE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_refusal {
	STORE_TAKES,   /* what is written */
	STORE_FULL,    /* no space */
	STORE_REFUSED, /* an I/O error, a file system that has turned read-only */
};
/*
 * Has the disk refused what the last turn that wrote had to write? From the poisoned turn until a
 * commit succeeds. Meanwhile nobody should try but store_probe().
 */
enum store_refusal store_refusal(const struct store *store);
bool store_is_refusing(const struct store *store);
/*
 * Write and commit a row of its own, to see whether the disk takes writes again. Between two turns;
 * it poisons none. 0, or -1: it does not.
 */
int store_probe(struct store *store);

struct store_space {
	int64_t used_bytes;    /* as in store_sizes */
	int64_t unused_bytes;  /* of the file, in pages that new events will take */
	int64_t disk_bytes;    /* the whole disk that the store lies on; 0: not known */
	int64_t free_bytes;    /* of it, for this user */
	int64_t owed_bytes;    /* what checkpoints will take of the disk; negative: give back */
	int64_t reserve_bytes; /* the reserve in place; 0: none */
	/* What became of the last checkpoint: while the disk refuses it the WAL can't start over. */
	enum store_refusal checkpoint;
};
/* A handful of system calls. */
void store_measure(struct store *store, struct store_space *ret);

/* Put the reserve in place, <path>-reserve, `bytes` long. 0, or -1: there is none. */
int store_reserve(struct store *store, int64_t bytes);
/* Give it back to the disk. False: there was none. */
bool store_release_reserve(struct store *store);

/*
 * Let events give up body and raw, in slices: of the next `rows` events, those that have a delivery,
 * all of them DONE or DISCARDED, and no open exception. What nobody has carried anywhere stays.
 * Returns how many did, or -1; *ret_more: the round is not at the newest event yet.
 */
int store_strip(struct store *store, unsigned rows, bool *ret_more);
/* Let the file give up some of the pages that it doesn't use; the disk has them after a checkpoint. */
int store_free_pages(struct store *store);

#endif
