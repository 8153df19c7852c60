/*
 * backup.h - copies of the database: making one while the agent works, and putting one back. Part of
 * store.h.
 *
 * A backup is one file, made in slices between turns. What is written meanwhile is written to the copy
 * too (SQLite does, since both go by the loop's connection): so it holds the last commit before its
 * end, and never keeps a checkpoint waiting, as a long reader would. The file has another name until
 * it is whole and synced; the sync is a thread's.
 *
 *   COPYING ─► SYNCING ─► whole, under its name
 *      └──────────┴─► failed, nothing is left
 *
 * Restoring, with the agent stopped: the backup is copied beside the database, checked and marked;
 * then it takes the database's place, in steps that the next start ends if a power cut comes between.
 * What was there stays, as <db>.before-restore-K.
 *
 * What the backup holds as unfinished may have been delivered since, by the agent that went on then.
 * So everything unfinished is in doubt since the backup's last stamp, before the first delivery is made
 * again: store_doubt_restored(). What was not committed when the backup was made is not in it.
 */
#ifndef DRAY_STORE_BACKUP_H
#define DRAY_STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/error.h"

struct store;
struct store_backup;

/*
 * Begin to copy the open database to `path`. In a turn's transaction: it notes the time in the
 * database, and so in the copy. One at a time, not while a broken database is being salvaged.
 *
 * path    absolute; there is no such file.
 * now_ms  steady time.
 * Returns 0, or -1 with *err filled and nothing left behind.
 */
int store_backup_begin(struct store *store, const char *path, int64_t now_ms,
	struct store_backup **ret, struct error *err);

struct store_backup_view {
	const char *path; /* valid as long as the backup */
	int64_t pages;    /* of the database; 0 not known yet */
	int64_t left;     /* to be copied */
	bool is_syncing;
};
/*
 * A slice of at most so many pages, between two turns; within one it does nothing.
 * 1: go on; 0: it is complete; -1: it failed, *err filled, and nothing of it is left.
 */
int store_backup_step(struct store_backup *backup, int pages, struct error *err);
void store_backup_look(const struct store_backup *backup, struct store_backup_view *ret);
/* Ends it, complete or not; what is not complete is removed. NULL is a no-op. */
void store_backup_free(struct store_backup *backup);

/*
 * Put a backup in the place of the database at `path`, the agent stopped. It is copied, checked whole,
 * brought to this program's schema; then what was there is set aside. Numbers (seqs, those of exceptions
 * and of deliveries) go on above all that may have been given since.
 *
 * ret_aside  where what was there is kept, of ASIDE_PATH_MAX bytes; "" there was nothing.
 * Returns    0, or -1 with *err filled and nothing changed, unless it says otherwise.
 */
int store_restore(const char *path, const char *backup, char *ret_aside, struct error *err);

/* The last restore, as committed. */
struct store_restore_view {
	bool is_marking;        /* deliveries must wait: not all have their doubt yet */
	int64_t from_at_ms;     /* the backup's last stamp; 0: this database was never restored */
	int64_t restored_at_ms; /* wall time */
	int64_t deliveries;     /* that got their doubt */
	int64_t exception;      /* the work item that tells of it; 0 none yet */
};
void store_get_restore(const struct store *store, struct store_restore_view *ret);
/* Such a slice is left: deliveries must wait. */
bool store_is_restored(const struct store *store);
/*
 * A slice of what a restore leaves to be done: of the next `rows` deliveries the unfinished ones get
 * their doubt. With the last an exception `store` opens that tells a person.
 * 1: that was the last; 0; or -1: the store failed.
 */
int store_doubt_restored(struct store *store, unsigned rows, int64_t now_ms, int64_t due_at_ms);

#endif
