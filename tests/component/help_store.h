/*
 * help_store.h - a store in a folder of its own, and short words for what tests do to it.
 *
 * The put_ and move_ helpers assert that the store did its part; tests of failure call the store
 * itself.
 */
#ifndef DRAY_HELP_STORE_H
#define DRAY_HELP_STORE_H

#include "store/store.h"

struct shed {
	char dir[64];
	char path[128];
	const char *vfs; /* NULL: SQLite's own */
	struct store *store;
	unsigned n_fatal;
	size_t body_bytes; /* at least so long are events' bodies */
};

/* An empty store. `vfs` may be NULL. */
void shed_init(struct shed *shed, const char *vfs);
/* Where what is written comes to a disk. */
void shed_init_on_disk(struct shed *shed);
void shed_done(struct shed *shed);
/* For cmocka: a shed of its own for a test, which knows a first destination, "erp"; and its end. */
int shed_set_up(void **state);
int shed_tear_down(void **state);
/* Close and open. */
void shed_reopen(struct shed *shed);
/* What a power cut leaves: what was on disk, opened anew in another folder. */
void shed_crash(struct shed *shed);
void shed_open_options(struct shed *shed, struct store_options *ret);

/* An event "e<n>" of device "d<n % 3>", received at 1000 * n. */
enum store_put shed_try_event(struct shed *shed, int n, int64_t *ret_seq);
int64_t shed_put_event(struct shed *shed, int n);
enum delivery_state shed_put_delivery(
	struct shed *shed, int destination, int64_t seq, const char *key);
/* An event with one delivery. */
int64_t shed_put(struct shed *shed, int n, int destination, const char *key);

void shed_claim(struct shed *shed, int destination, int64_t seq);
void shed_settle(struct shed *shed, int destination, int64_t seq, enum delivery_state to);
void shed_commit(struct shed *shed);

/* 0: there is none. */
enum delivery_state shed_state(struct shed *shed, int destination, int64_t seq);
/* The first column of the first row of an SQL text, by a connection of its own. */
int64_t shed_ask(struct shed *shed, const char *sql);

#endif
