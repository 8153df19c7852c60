/*
 * play_salvage.h - a store that breaks, and the reading half of its salvage played by the test.
 *
 * The reading thread is not there: the functions of store/salvage.h are these here, which copy rows
 * of the database that was set aside, sound as it is, and do to them what a test asks for.
 */
#ifndef DRAY_PLAY_SALVAGE_H
#define DRAY_PLAY_SALVAGE_H

#include "help_store.h"

#define ERP 1
#define TMS 2

struct salvage_plan {
	int64_t slice_events;
	const char *damage; /* SQL on each chunk, or NULL */
	bool is_behind, has_tally;
	int64_t events_lost; /* told with the last chunk */
	unsigned n_started;
};
extern struct salvage_plan plan;

/* cmocka's: *state is a struct shed on the faulty disk, with the destinations ERP and TMS. */
int salvage_setup(void **state);
int salvage_teardown(void **state);

/* It breaks, and is replaced. */
void break_store(struct shed *shed);
/* A slice and its commit: as store_salvage(); -1 also when the commit failed. */
int salvage_slice(struct shed *shed);
/* To the end; then check_sums(). */
void salvage_all(struct shed *shed);
struct store_salvage_view salvage_view(struct shed *shed);

/* Depths agree with a recount, of each key the first is not parked, and the ledger closes. */
void check_sums(struct shed *shed);

/* Of an event, "rejected". */
void make_exception(struct shed *shed, int64_t seq, int destination);

#endif
