/*
 * broken.c - a database that can't be trusted any more: noticing it, and going on without it.
 *
 * It is noticed by SQLite's word on any statement or checkpoint, by what this program finds to
 * contradict itself, by the names of its files leading elsewhere, and, before it is opened, by a
 * WAL that would be read to its first damaged frame only, or that belongs to no database.
 *
 * Replacing sets the files aside and opens fresh ones under the same names. Numbers that others keep
 * in memory (destinations) stay; the seq goes on above all that the old database can have given:
 * the Kth database begins at K * 10^12 + 1.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_internal.h"
#include "store/wal_index.h"

#define SEQS_PER_DATABASE INT64_C(1000000000000)

/* --- noticing ------------------------------------------------------------------------------------ */

bool store_is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ||
	       rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS;
}

int store_break(struct store *store, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	/* The first thing found is what led to the others. */
	if (store->broken[0] == '\0') {
		(void)vsnprintf(store->broken, sizeof(store->broken), format, args);
		(void)snprintf(store->failure, sizeof(store->failure), "%s", store->broken);
	}
	va_end(args);
	store->is_poisoned = true;
	return -1;
}

const char *store_broken(const struct store *store)
{
	return store->broken[0] ? store->broken : NULL;
}

static bool read_mark(const char *path, struct file_mark *ret)
{
	struct stat about;
	if (stat(path, &about) < 0)
		return false;
	*ret = (struct file_mark){
		.device = about.st_dev, .inode = about.st_ino, .size = about.st_size
	};
	return true;
}

static bool is_same_file(const struct file_mark *a, const struct file_mark *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static bool wal_path(const struct store *store, char out[ASIDE_PATH_MAX])
{
	return snprintf(out, ASIDE_PATH_MAX, "%s-wal", store->path) < ASIDE_PATH_MAX;
}

void broken_mark_files(struct store *store)
{
	char wal[ASIDE_PATH_MAX];
	store->database_file = (struct file_mark){ 0 };
	store->wal_file = (struct file_mark){ 0 };
	(void)read_mark(store->path, &store->database_file);
	if (wal_path(store, wal))
		(void)read_mark(wal, &store->wal_file);
}

static bool is_wal_cut(const struct store *store)
{
	char wal[ASIDE_PATH_MAX];
	struct file_mark now;
	return store->wal_file.inode != 0 && wal_path(store, wal) && read_mark(wal, &now) &&
	       is_same_file(&now, &store->wal_file) && now.size < store->wal_file.size;
}

/*
 * SQLite can't tell of its WAL, so the names are looked at.
 * Its WAL it may shorten in a commit, and at no other time.
 */
static void look(struct store *store, bool has_committed)
{
	char wal[ASIDE_PATH_MAX];
	struct file_mark now;
	if (store->broken[0] || store->database_file.inode == 0)
		return;
	if (!read_mark(store->path, &now) || !is_same_file(&now, &store->database_file)) {
		store->is_gone = true;
		(void)store_break(store, "the database's file was deleted or moved away");
		return;
	}
	if (store->wal_file.inode == 0 || !wal_path(store, wal))
		return;
	if (!read_mark(wal, &now) || !is_same_file(&now, &store->wal_file)) {
		store->is_gone = true;
		(void)store_break(store, "the WAL's file was deleted or moved away");
	} else if (has_committed) {
		store->wal_file.size = now.size;
	} else if (now.size < store->wal_file.size) {
		store->rescue.is_behind = true;
		(void)store_break(store, "the WAL's file was cut short");
	}
}

void store_look(struct store *store)
{
	look(store, false);
}

void broken_look_committed(struct store *store)
{
	look(store, true);
}

/* 0 also when there is none. */
static int64_t size_of(const char *path)
{
	struct file_mark mark = { 0 };
	return read_mark(path, &mark) ? mark.size : 0;
}

static bool has_reserve(const struct store *store)
{
	char path[ASIDE_PATH_MAX];
	return snprintf(path, sizeof(path), "%s-reserve", store->path) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

void broken_look_at_rest(struct store *store)
{
	char wal[ASIDE_PATH_MAX];
	struct aside aside;
	if (!wal_path(store, wal) || aside_scan(store->path, &aside, NULL) < 0)
		return; /* opening says what is wrong */
	bool is_there = size_of(store->path) > 0;
	store->rescue.is_behind = wal_index_misses_frames(store->path);
	if (aside_is_cut_short(&aside))
		(void)store_break(store, "it was being set aside when drayd ended");
	else if (aside.replacing > aside.replaced)
		return; /* the fresh one is not begun: go on with it */
	else if (!is_there && wal_has_frames(wal))
		(void)store_break(store, "the database's file is gone, its WAL is left");
	else if (!is_there && (aside.replaced > 0 || has_reserve(store)))
		(void)store_break(store, "the database's file is gone");
	else if (wal_is_damaged(wal))
		(void)store_break(store, "the WAL is damaged in its midst");
	else if (store->rescue.is_behind)
		(void)store_break(store, "the WAL is gone, or was cut short");
}

/* --- going on ------------------------------------------------------------------------------------ */

void broken_quiet(sqlite3 *db)
{
	/* Closing would checkpoint, and remove a WAL by its name. */
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* What memory mirrors is of a database without rows, but for the names and numbers of others. */
static void forget_mirrors(struct store *store)
{
	tally_drop(store);
	destination_forget(store);
	exception_forget(store);
	revision_free(store);
	store->last_event.seq = 0;
	store->purged_to_seq = 0;
	store->is_dirty = false;
}

/* The old connection is closed, or the only way that is left to the rows. */
static void let_go(struct store *store)
{
	rescue_stop(store);
	backup_leave(store);
	checkpoint_stop(store);
	statements_finalize(store);
	if (store->db == NULL)
		return;
	(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	(void)sqlite3_wal_hook(store->db, NULL, NULL);
	broken_quiet(store->db);
	if (store->is_gone)
		store->rescue.source = store->db;
	else
		(void)sqlite3_close(store->db);
	store->db = NULL;
}

/* The highest seq that a row can have; 0: not known, or none since the database was begun. */
static int64_t last_seq_given(const struct store *store)
{
	int64_t before = (int64_t)store->number * SEQS_PER_DATABASE;
	return store->committed_seq > before + 1 ? store->committed_seq - 1 : 0;
}

static int write_beginning(struct store *store)
{
	struct query ids = query_start(store, FRESH_EXCEPTION_IDS);
	query_int(&ids, store->number);
	if (store_begin_write(store) < 0 || query_run(&ids) < 0 || event_keep_seq(store) < 0 ||
		serial_begin(store) < 0 || rescue_begin(store) < 0)
		return -1;
	return store_commit(store);
}

int broken_number_database(struct store *store, int number, struct error *err)
{
	int64_t counted = 0;
	struct query query = query_start(store, COUNTER_GET);
	query_text(&query, "database");
	if (query_number(&query, &counted) < 0)
		return error_set(err, store->path, "%s", store->failure);
	store->number = number > counted ? number : (int)counted;
	int64_t first_seq = (int64_t)number * SEQS_PER_DATABASE + 1;
	if (store->next_seq < first_seq)
		store->next_seq = first_seq;
	if (counted >= number || write_beginning(store) == 0)
		return number > 0 ? aside_begun(store->path, number, err) : 0;
	(void)error_set(err, store->path, "%s", store->failure);
	store_abandon(store);
	return -1;
}

static int begin_fresh(struct store *store, struct error *err)
{
	int64_t next_seq = store->committed_seq;
	if (store_open_files(store, err) < 0)
		return -1;
	if (store->next_seq < next_seq)
		store->next_seq = next_seq;
	return broken_number_database(store, store->number, err) < 0 ? -1 : rescue_load(store, err);
}

static int try_fresh(struct store *store, struct error *err)
{
	store->is_poisoned = false;
	store->broken[0] = '\0';
	if (begin_fresh(store, err) == 0)
		return 0;
	store_close_files(store);
	return -1;
}

int store_replace(struct store *store, struct error *err)
{
	char why[sizeof(store->broken)];
	memcpy(why, store->broken, sizeof(why));
	if (!store->is_set_aside)
		store->rescue.last_seq = last_seq_given(store);
	/* A statement may have met a cut WAL before store_look() did. Of what was restored not all has
	 * its doubt: all that comes back is in doubt. */
	store->rescue.is_behind |= is_wal_cut(store) || store_is_restored(store);
	let_go(store);
	forget_mirrors(store);
	/* Once: what is in its place when a fresh one could not be begun is no other broken one. */
	if (!store->is_set_aside && aside_move(store->path, &store->number, err) < 0)
		return -1;
	store->is_set_aside = true;
	memcpy(store->rescue.reason, why, sizeof(why));
	/* A fresh one takes a little of the disk as well: on a full one, of the reserve. */
	if (try_fresh(store, err) == 0 ||
		(store_release_reserve(store) && try_fresh(store, err) == 0)) {
		store->is_gone = false;
		store->is_set_aside = false;
		return 0;
	}
	memcpy(store->broken, why, sizeof(why));
	store->is_poisoned = true;
	return -1;
}
