/*
 * delivery.h - one delivery of a broken database: it is there, it was never there, or it can't
 * be told.
 *
 * To take one for absent that was there would be to lose it without a word. So that it isn't found is
 * believed only when the rows before and behind its place are each other's neighbours from wherever
 * one comes upon them: a page that stands in the place of another one has none of its rows, and is
 * found out by its neighbours. Nor may it have been in what healing left out (heal.h).
 */
#ifndef DRAY_STORE_SALVAGE_DELIVERY_H
#define DRAY_STORE_SALVAGE_DELIVERY_H

#include "store/salvage/chunk.h"
#include "store/salvage/read.h"

/* Into the chunk, with state 0 where it can't be told. SQLITE_OK, or what failed in writing. */
int salvage_copy_delivery(struct reader *reader, struct chunk *chunk, int destination, int64_t seq);

#endif
