/*
 * backup.h - copies of the database: making one while the agent works, and putting one back. Part of
 * store.h.
 */
#ifndef DRAY_STORE_BACKUP_H
#define DRAY_STORE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/error.h"

struct store;

/*
 * Copy the open database to `path`, consistent as of one commit, in slices of `pages` (0: all at once;
 * -1 pages left in *ret_left: not known yet). The file must not exist; it is complete when *ret_left is
 * 0. One at a time. 0, or -1 with *err filled and nothing left behind.
 */
struct store_backup;
int store_backup_begin(
	struct store *store, const char *path, struct store_backup **ret, struct error *err);
/* 1: go on; 0: complete; -1 with *err filled. */
int store_backup_step(struct store_backup *backup, int pages, int64_t *ret_left, struct error *err);
/* Ends it, complete or not; what is not complete is removed. NULL is a no-op. */
void store_backup_free(struct store_backup *backup);

/*
 * Put a backup in the place of the database at `path`, the agent stopped: checked whole first, what
 * was there is set aside, never deleted. Everything unfinished in it is in doubt since the backup's
 * last stamp: it may have been delivered after that. Seqs and serials jump over what was given since.
 * 0, or -1 with *err filled and nothing changed.
 */
int store_restore(const char *path, const char *backup, struct error *err);
/*
 * A slice of what a restore leaves to be done (every unfinished row gets its doubt): called by
 * housekeeping's turns until *ret_more is false; deliveries rest meanwhile. Rows, or -1.
 */
int store_doubt_restored(struct store *store, unsigned rows, bool *ret_more);
bool store_is_restored(const struct store *store); /* such a slice is left */

#endif
