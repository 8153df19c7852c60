/*
 * backup.c - see backup.h
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store_internal.h"

#define PART_SUFFIX ".part" /* until it is whole */

struct store_backup {
	struct store *store; /* NULL: its database was closed meanwhile */
	char path[ASIDE_PATH_MAX], part[ASIDE_PATH_MAX];
	sqlite3 *to;
	sqlite3_backup *copy; /* NULL: all is copied */
	int64_t pages, left;
	bool is_complete;
	pthread_t syncer;
	bool has_syncer;
	atomic_bool is_synced;
	struct error sync_error; /* the syncer's, once is_synced */
	bool has_sync_failed;
};

/* --- beginning ------------------------------------------------------------------------------------ */

static int check(const struct store *store, const char *path, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, path, "must be an absolute path");
	if (strlen(path) + sizeof(PART_SUFFIX) > ASIDE_PATH_MAX)
		return error_set(err, NULL, "the path is too long");
	if (store->backup != NULL)
		return error_set(err, store->backup->path,
			"this backup is still being made: wait until it is done");
	if (store_is_salvaging(store))
		return error_set(err, path,
			"a broken database is being salvaged: make the backup when that is done");
	/* Files of such names are its own, or mean a restore to the next start. */
	if (strncmp(path, store->path, strlen(store->path)) == 0)
		return error_set(err, path, "begins with the database's own name: give another");
	if (access(path, F_OK) == 0)
		return error_set(err, path, "is there already: give another name");
	return 0;
}

static int open_copy(struct store_backup *backup, struct error *err)
{
	static const char pragmas[] = "PRAGMA journal_mode = OFF;"
				      "PRAGMA synchronous = OFF;"
				      "PRAGMA cache_size = -512;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	(void)unlink(backup->part); /* of one that was cut short */
	int fd = open(backup->part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, backup->path, "can't be made: %m");
	(void)close(fd);
	int rc = sqlite3_open_v2(backup->part, &backup->to, flags, backup->store->options.vfs);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(backup->to, pragmas, NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		backup->copy = sqlite3_backup_init(backup->to, "main", backup->store->db, "main");
		rc = backup->copy != NULL ? SQLITE_OK : sqlite3_extended_errcode(backup->to);
	}
	return rc == SQLITE_OK
		       ? 0
		       : error_set(err, backup->path, "can't be made: %s", sqlite3_errstr(rc));
}

/* The copy will hold it: whatever else is in it, it is no older than that. */
static int note_time(struct store *store, int64_t now_ms)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, BACKUP_AT);
	query_int(&query, now_ms);
	return query_run(&query);
}

int store_backup_begin(struct store *store, const char *path, int64_t now_ms,
	struct store_backup **ret, struct error *err)
{
	if (check(store, path, err) < 0)
		return -1;
	struct store_backup *backup = calloc(1, sizeof(*backup));
	if (backup == NULL)
		return error_set(err, path, "out of memory");
	backup->store = store;
	store->backup = backup;
	(void)snprintf(backup->path, sizeof(backup->path), "%s", path);
	(void)snprintf(backup->part, sizeof(backup->part), "%s" PART_SUFFIX, path);
	int status = open_copy(backup, err);
	if (status == 0 && note_time(store, now_ms) < 0)
		status = error_set(err, path, "can't be made: %s", store_failure(store));
	if (status < 0) {
		store_backup_free(backup);
		return -1;
	}
	*ret = backup;
	return 0;
}

/* --- syncing ------------------------------------------------------------------------------------- */

static int sync_path(const char *path, int flags, struct error *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);
	if (rc < 0)
		(void)error_set(err, path, "can't be synced: %m");
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* Not over a file that somebody has made meanwhile. */
static int give_name(const struct store_backup *backup, struct error *err)
{
	char copy[ASIDE_PATH_MAX];
	if (renameat2(AT_FDCWD, backup->part, AT_FDCWD, backup->path, RENAME_NOREPLACE) < 0)
		return error_set(err, backup->path, "can't be made: %m");
	(void)snprintf(copy, sizeof(copy), "%s", backup->path);
	return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
}

static void *run_syncer(void *ctx)
{
	struct store_backup *backup = ctx;
	backup->has_sync_failed = sync_path(backup->part, O_RDONLY, &backup->sync_error) < 0 ||
				  give_name(backup, &backup->sync_error) < 0;
	atomic_store(&backup->is_synced, true);
	return NULL;
}

static int start_syncer(struct store_backup *backup, struct error *err)
{
	int rc = sqlite3_close(backup->to);
	backup->to = NULL;
	if (rc != SQLITE_OK)
		return error_set(err, backup->path, "can't be written: %s", sqlite3_errstr(rc));
	rc = pthread_create(&backup->syncer, NULL, run_syncer, backup);
	if (rc != 0)
		return error_set(err, backup->path, "can't be synced: %s", strerror(rc));
	backup->has_syncer = true;
	return 1;
}

static int end_syncer(struct store_backup *backup, struct error *err)
{
	if (!atomic_load(&backup->is_synced))
		return 1;
	(void)pthread_join(backup->syncer, NULL);
	backup->has_syncer = false;
	if (backup->has_sync_failed) {
		*err = backup->sync_error;
		return -1;
	}
	backup->is_complete = true;
	return 0;
}

/* --- slices -------------------------------------------------------------------------------------- */

static int end_copying(struct store_backup *backup)
{
	int rc = backup->copy != NULL ? sqlite3_backup_finish(backup->copy) : SQLITE_OK;
	backup->copy = NULL;
	return rc;
}

void backup_leave(struct store *store)
{
	if (store->backup == NULL)
		return;
	(void)end_copying(store->backup);
	store->backup->store = NULL;
	store->backup = NULL;
}

int store_backup_step(struct store_backup *backup, int pages, struct error *err)
{
	if (backup->has_syncer)
		return end_syncer(backup, err);
	if (backup->is_complete)
		return 0;
	if (backup->copy == NULL)
		return error_set(err, backup->path,
			"the database broke while it was being copied: make another one");
	if (store_is_dirty(backup->store))
		return 1;
	int rc = sqlite3_backup_step(backup->copy, pages);
	backup->pages = sqlite3_backup_pagecount(backup->copy);
	backup->left = sqlite3_backup_remaining(backup->copy);
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return 1;
	rc = end_copying(backup);
	if (rc != SQLITE_OK)
		return error_set(err, backup->path, "can't be written: %s", sqlite3_errstr(rc));
	backup_leave(backup->store);
	return start_syncer(backup, err);
}

void store_backup_look(const struct store_backup *backup, struct store_backup_view *ret)
{
	*ret = (struct store_backup_view){
		.path = backup->path,
		.pages = backup->pages,
		.left = backup->left,
		.is_syncing = backup->has_syncer,
	};
}

void store_backup_free(struct store_backup *backup)
{
	if (backup == NULL)
		return;
	if (backup->store != NULL)
		backup_leave(backup->store);
	if (backup->has_syncer)
		(void)pthread_join(backup->syncer, NULL);
	(void)sqlite3_close(backup->to);
	/* Under its own name it is whole. */
	(void)unlink(backup->part);
	free(backup);
}
