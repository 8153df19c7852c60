/*
 * salvage.h - reading a broken database: what the thread that reads it and the loop that merges
 * agree on.
 *
 * A thread of its own reads what can still be read, and hands it over in chunks. A chunk is a small
 * clean SQLite file with this program's schema; the loop reads it with a connection of its own,
 * merges it in the transaction of one turn (merge.c), and after the commit asks for the next. Of the
 * last chunk, which may be long, only the events: the other tables in the turns that follow.
 *
 *   salvage_start() ─► reads ─► CHUNK READY ─on_chunk()─► the loop merges, commits ─salvage_next()─┐
 *                        ▲                                                                         │
 *                        └─────────────────────────────────────────────────────────────────────────┘
 *                      until the chunk that is the last; then, or at any time, salvage_stop()
 *
 * What is in a chunk
 *   event               at most SALVAGE_CHUNK_EVENTS rows, as they were, by rising seq; no seq is in
 *                       two chunks, and a later chunk has only higher ones.
 *   delivery, attempt   all that there is of these events. Where it can't be told whether an event
 *                       had a delivery to a destination, or what its row said, there is a row with
 *                       state 0; its other columns are what an index still tells, or empty.
 *   destination         in every chunk, all that could be read. A delivery whose destination has no
 *                       name here is treated as one with state 0.
 *   connector_revision  in every chunk, at least those that its deliveries name and that could be
 *                       read.
 *   everything else     in the last chunk only, all that could be read: sequence, tally, counter,
 *                       cursor, exception, audit, reference, alias, progress, config_revision. Depths
 *                       are counted anew, not read.
 *
 *   lost                (seq, source, id): events of this chunk's stretch that could not be read, but
 *                       that an index still names; SALVAGE_LOST_LISTED at most in all chunks.
 *
 * Nothing depends on an event's row being whole: what is in a chunk passes the schema (STRICT, NOT
 * NULL, UNIQUE), or it was not readable.
 *
 * The damaged files are never written. What must be changed to read them (a header grafted, a WAL
 * mended) is changed in a copy or in memory.
 *
 * Where a chunk can't be written (the disk is full) the thread tries again each second.
 */
#ifndef DRAY_STORE_SALVAGE_H
#define DRAY_STORE_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "dray/error.h"

#define SALVAGE_CHUNK_EVENTS 200
#define SALVAGE_LOST_LISTED 100

struct salvage;

struct salvage_options {
	const char *path; /* the database that was set aside; its WAL, if any, is <path>-wal */
	sqlite3 *source;  /* NULL; or a sound connection to files that are gone from the folder:
	                           it is read instead of `path`. Owned from salvage_start() on, also
	                           when that fails. Opened NOMUTEX, no statement is prepared on it */
	const char *chunk_path; /* made anew for each chunk; removed at the start and by
	                           salvage_stop() */
	int64_t after_seq;      /* events up to this one are merged already; 0 none */
	/* From the thread: a chunk is ready. Wakes the loop, no more. NULL: the loop looks by itself. */
	void (*on_chunk)(void *ctx);
	void *ctx;
};

/* One that is ready. Counts are of this chunk; what is said of the file is the same in every one. */
struct salvage_chunk {
	int64_t to_seq; /* events up to it are in this chunk or an earlier one, or can't be read */
	bool is_last;   /* nothing is behind it */
	int64_t events_lost; /* up to to_seq, above the chunk before, whose rows could not be read: as
	                        many as an index names, or at most so many */

	int64_t last_seq;     /* the highest seq that the file is known to have; 0 unknown */
	bool is_unreadable;   /* no event could be read at all; is_last is set as well */
	bool is_behind;       /* commits are missing (a WAL that is gone, or not whole): what is
	                         unfinished here may be finished */
	int64_t behind_at_ms; /* is_behind: what is missing is younger, wall clock; the latest time
	                         found in the file. 0 unknown */
	bool has_tally;       /* of the last chunk: it has the tally, whole */
};

/* Start the thread. Strings are copied. 0, or -1 with *err filled. */
int salvage_start(const struct salvage_options *options, struct salvage **ret, struct error *err);
/* Is a chunk ready? False: the thread reads, and will call on_chunk. From the loop. */
bool salvage_chunk(struct salvage *salvage, struct salvage_chunk *ret);
/* The chunk is merged, durably, and closed: read the next. Not after the last. From the loop. */
void salvage_next(struct salvage *salvage);
/* End the thread (within 200 ms), close the source, remove the chunk's file. NULL is a no-op. */
void salvage_stop(struct salvage *salvage);

/*
 * Would SQLite silently drop committed transactions of this WAL? It reads up to the first frame that
 * doesn't fit and takes the rest for remains of a power cut or of an older round. wal.h says how the
 * two are told apart.
 *
 * path     the WAL; the database is not looked at. Only reads, at most the file's bytes once.
 * Returns  true when it is damaged. False also where there is no such file, or an empty one.
 */
bool wal_is_damaged(const char *path);

/* The WAL holds something: frames of a database that must be there. False: none, or empty. */
bool wal_has_frames(const char *path);

#endif
