/*
 * view.h - a broken database as SQLite is to see it: read-only, its WAL merged into it, page
 * 1 and others replaced where they are destroyed.
 *
 * A view is a VFS of its own with one file in it. A page is read from the last whole frame that the
 * WAL has of it, else from the database; a replaced one from memory. SQLite sees a database in
 * rollback mode that can't change: it neither locks nor looks for a journal, and nothing is written,
 * so that a read-only or a full disk is no hindrance. Memory: 8 bytes a frame of the WAL, and the
 * replaced pages.
 *
 * A WAL in order is read as SQLite reads it: up to the last commit before the break. Of a damaged one
 * (wal.h) every whole frame counts, up to the last commit: pages then are of different ages, and
 * what is unfinished may be finished.
 *
 * One thread at a time.
 */
#ifndef DRAY_STORE_SALVAGE_VIEW_H
#define DRAY_STORE_SALVAGE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "dray/error.h"

struct view;

enum view_extent {
	VIEW_ALL,
	VIEW_BEFORE_DAMAGE, /* as if the WAL ended where it is damaged */
};

/*
 * path     the database; its WAL, if any, is <path>-wal. One of the two may be missing. The files
 *          stay open.
 * Returns  0, or -1 with *err filled.
 */
int view_open(const char *path, enum view_extent extent, struct view **ret, struct error *err);
/* Not before the connections to it are closed. NULL is a no-op. */
void view_close(struct view *view);

bool view_has_damaged_wal(const struct view *view);
uint32_t view_pages(const struct view *view);
/* It has at least so many pages; those that aren't there can't be read. */
void view_extend(struct view *view, uint32_t n_pages);

/* A page as SQLite would see it. 0, or -1: it can't be read. Pages from 1. */
int view_read_page(const struct view *view, uint32_t page, uint8_t *out);
/* From now on this page is so. Copied. 0, or -1: no memory. */
int view_replace_page(struct view *view, uint32_t page, const uint8_t *bytes);

/*
 * From now on each page that SQLite reads is shown to `fits` first; false: SQLite gets
 * SQLITE_CORRUPT for it. view_read_page() does not ask.
 */
typedef bool (*view_fits_fn)(void *ctx, uint32_t page, const uint8_t *bytes);
void view_guard(struct view *view, view_fits_fn fits, void *ctx);

/* A new connection, with bounds for hostile files. NULL: no memory, or *err says why. */
sqlite3 *view_connect(struct view *view, struct error *err);

/* Bounds for any connection that a broken or hostile database is read with. An SQLite error. */
int view_limit(sqlite3 *db);

#endif
