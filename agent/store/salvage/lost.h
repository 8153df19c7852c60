/*
 * lost.h - how many events could not be read, and which, as the index of their ids knows.
 */
#ifndef DRAY_STORE_SALVAGE_LOST_H
#define DRAY_STORE_SALVAGE_LOST_H

#include "store/salvage/chunk.h"
#include "store/salvage/read.h"

/*
 * Events of these seqs, none of which could be read: exactly so many where the index is whole, else
 * at most so many. Those that it names are listed in the chunk, SALVAGE_LOST_LISTED in all.
 */
int64_t salvage_count_lost(struct reader *reader, struct chunk *chunk, const struct gap *gap);

#endif
