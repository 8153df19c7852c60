/*
 * read.h - what a broken database still says, chunk by chunk.
 *
 * Events by rising seq (walk.h), each with its deliveries and attempts by point look-ups, so
 * that a table's damage costs what it hit and no more. A delivery that isn't found is looked for from
 * both sides: a page in the wrong place is no proof that there was none.
 *
 * Everything that is read is checked (check.h) and then passes the schema of the chunk; what
 * does not is left out and counted.
 */
#ifndef DRAY_STORE_SALVAGE_READ_H
#define DRAY_STORE_SALVAGE_READ_H

#include <stdatomic.h>

#include "store/salvage/map.h"
#include "store/salvage/salvage.h"
#include "store/salvage/walk.h"

/* ?1 is the seq or id, ?2 the destination. */
enum reader_statement {
	READ_EVENT,
	READ_DELIVERY,
	READ_DELIVERY_ABOVE,  /* the same row, on another way through the tree: from above */
	READ_DELIVERY_UP,     /* the first seq at or above, to this destination */
	READ_DELIVERY_BEFORE, /* the row before, to whatever destination; was it made by healing? */
	READ_DELIVERY_AFTER,  /* the row behind likewise */
	READ_ATTEMPTS,
	READ_REVISION,
	READ_DESTINATION,
	READ_NAMES, /* what the index of ids says of events, in its order */
	READ_STATEMENTS
};

struct reader {
	struct view *view; /* NULL: `db` is a connection that was handed over */
	struct map map;    /* of the view */
	sqlite3 *db;       /* owned */
	const atomic_bool *is_stopping;
	sqlite3_stmt *statements[READ_STATEMENTS];
	struct walk walk;
	int n_destinations; /* ids that deliveries are looked for with: 1 to this */
	bool is_behind;
	int64_t behind_at_ms;
	int64_t last_seq;
	int n_lost_scans;
	int n_listed;
	int64_t events, events_lost, deliveries, deliveries_unreadable, rows_dropped; /* in all */
};

/*
 * options  path or source, and after_seq. The source belongs to the reader from now on, also on
 *          failure.
 * Returns  0, or -1 with *err filled: nothing can be read at all. reader_close() in any case.
 */
int reader_open(struct reader *reader, const struct salvage_options *options,
	const atomic_bool *is_stopping, struct error *err);
void reader_close(struct reader *reader);

/*
 * Write the next chunk to `path`, and say what is in it.
 *
 * Returns  SQLITE_OK, or what failed in writing: the reader then stands where it stood before.
 *          SQLITE_INTERRUPT when stopping.
 */
int reader_fill(struct reader *reader, const char *path, struct salvage_chunk *ret);

#endif
