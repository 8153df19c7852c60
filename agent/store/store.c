/*
 * store.c - the store's life, and the turn's transaction.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_internal.h"

#define BUSY_TIMEOUT_MS 200

/* The file is made here, not by SQLite, so that others can't read it. SQLite gives the WAL the
 * mode of the database. */
static int make_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return error_set(err, path, "cannot open the database file: %m");
	(void)close(fd);
	return 0;
}

static int open_database(struct store *store, struct error *err)
{
	/* Else every allocation counts itself under a mutex. Too late for a second store: no harm. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(store->path, &store->db, flags, wear_vfs(store->wear));
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
	if (rc == SQLITE_OK)
		rc = schema_configure(store->db);
	if (rc == SQLITE_OK)
		return 0;
	return error_set(err, store->path, "cannot open the database: %s",
		store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc));
}

/* What this program's own texts can't do to a sound database is damage too. */
static int note_damage(struct store *store, struct error *err)
{
	int rc = store->db ? sqlite3_extended_errcode(store->db) : SQLITE_OK;
	store_check_fatal(store, rc, "opening the database");
	if (!store->broken[0] && (store_is_damage(rc) || (rc & 0xff) == SQLITE_ERROR))
		(void)store_break(store, "%s", err->message);
	return -1;
}

static int load_mirrors(struct store *store, struct error *err)
{
	if (event_load(store) == 0 && destination_load(store) == 0 && exception_load(store) == 0 &&
		restore_load(store) == 0)
		return 0;
	return error_set(err, store->path, "cannot read the database: %s", store->failure);
}

static struct store *make_store(const struct store_options *options)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL)
		return NULL;
	store->options = *options;
	store->checkpointer.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	store->checkpointer.changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	store->path = strdup(options->path);
	store->wear = wear_new(options->vfs);
	store->tally = calloc(TALLY_CELLS, sizeof(*store->tally));
	if (store->path == NULL || store->tally == NULL || store->wear == NULL) {
		free(store->path);
		wear_free(store->wear);
		free(store->tally);
		free(store);
		return NULL;
	}
	return store;
}

int store_open_files(struct store *store, struct error *err)
{
	if (make_file(store->path, err) < 0)
		return -1;
	if (open_database(store, err) < 0 ||
		schema_migrate(store->db, schema_texts, schema_version, err) < 0 ||
		schema_make_room(store->db, err) < 0 || statements_prepare(store, err) < 0 ||
		load_mirrors(store, err) < 0)
		return note_damage(store, err);
	if (checkpoint_start(store, err) < 0)
		return -1;
	broken_mark_files(store);
	store->n_reference_changes++;
	return 0;
}

void store_close_files(struct store *store)
{
	rescue_stop(store);
	backup_leave(store);
	checkpoint_stop(store);
	statements_finalize(store);
	if (store->db != NULL && store->broken[0])
		broken_quiet(store->db);
	/* The last connection checkpoints and removes the WAL. When that fails the WAL stays, and
	 * nothing is lost. */
	(void)sqlite3_close(store->db);
	store->db = NULL;
}

/* Whatever is found, in the end there is a database; but a fresh one is tried once only. */
static int open_or_replace(struct store *store, struct error *err)
{
	struct aside aside;
	char kept[ASIDE_PATH_MAX];
	if (aside_restore(store->path, kept, err) < 0)
		return -1;
	broken_look_at_rest(store);
	if (!store->broken[0] && store_open_files(store, err) == 0 &&
		aside_scan(store->path, &aside, err) == 0 &&
		broken_number_database(store,
			aside.replacing > aside.replaced ? aside.replacing : aside.replaced,
			err) == 0 &&
		rescue_load(store, err) == 0)
		return 0;
	return store->broken[0] ? store_replace(store, err) : -1;
}

static int try_open(const struct store_options *options, struct store **ret, struct error *err)
{
	struct store *store = make_store(options);
	if (store == NULL)
		return error_set(err, options->path, "cannot open the database: out of memory");
	*ret = store;
	return open_or_replace(store, err);
}

int store_open(const struct store_options *options, struct store **ret, struct error *err)
{
	struct store *store = NULL;
	while (try_open(options, &store, err) < 0) {
		/* Opening takes a little of the disk as well: on a full one, of the reserve. */
		bool has_more = store != NULL && store_release_reserve(store);
		store_close(store);
		store = NULL;
		if (!has_more)
			return -1;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (store == NULL)
		return;
	store_close_files(store);
	(void)sqlite3_close(store->rescue.source);
	wear_free(store->wear);
	store_free_destinations(store);
	revision_free(store);
	free(store->tally);
	free(store->path);
	free(store);
}

bool store_is_dirty(const struct store *store)
{
	return store->is_dirty;
}

bool store_is_poisoned(const struct store *store)
{
	return store->is_poisoned;
}

const char *store_failure(const struct store *store)
{
	return store->failure;
}

void store_check_fatal(const struct store *store, int rc, const char *doing)
{
	if (rc != SQLITE_IOERR_FSYNC && rc != SQLITE_IOERR_DIR_FSYNC)
		return;
	if (store->options.on_fatal == NULL)
		abort();
	char what[128];
	(void)snprintf(what, sizeof(what), "the disk could not be synced while %s", doing);
	store->options.on_fatal(store->options.ctx, what);
}

int store_fail(struct store *store, enum statement id, int rc)
{
	const char *doing = statement_texts[id].doing;
	if (store->db == NULL)
		return store_refuse(store, "%s", store->broken);
	(void)snprintf(store->failure, sizeof(store->failure), "%s while %s",
		sqlite3_errmsg(store->db), doing);
	store_check_fatal(store, rc, doing);
	if (store_is_damage(rc))
		return store_break(store, "%s while %s", sqlite3_errmsg(store->db), doing);
	/* A failed read harms nothing by itself; but within a transaction SQLite may have ended it. */
	if (store->is_dirty || !sqlite3_stmt_readonly(store->statements[id])) {
		store->is_poisoned = true;
		if (refusal_of(rc) != STORE_TAKES)
			store->refusal = refusal_of(rc);
	}
	return -1;
}

int store_refuse(struct store *store, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vsnprintf(store->failure, sizeof(store->failure), format, args);
	va_end(args);
	store->is_poisoned = true;
	return -1;
}

int store_begin_write(struct store *store)
{
	if (!store->is_poisoned && !store->is_dirty)
		store_look(store);
	if (store->is_poisoned)
		return -1;
	if (store->is_dirty)
		return 0;
	struct query query = query_start(store, TURN_BEGIN);
	if (query_run(&query) < 0) {
		store->is_poisoned = true;
		return -1;
	}
	store->is_dirty = true;
	return destination_restore(store) < 0 || revision_restore(store) < 0 ? -1 : 0;
}

int store_commit(struct store *store)
{
	if (store->is_poisoned)
		return -1;
	if (!store->is_dirty)
		return 0;
	if (tally_flush(store) < 0 || depth_flush(store) < 0 || exception_flush(store) < 0)
		return -1;
	struct query query = query_start(store, TURN_COMMIT);
	if (query_run(&query) < 0) {
		store->is_poisoned = true;
		return -1;
	}
	store->is_dirty = false;
	store->refusal = STORE_TAKES;
	store->committed_seq = store->next_seq;
	destination_committed(store);
	revision_committed(store);
	exception_committed(store);
	rescue_committed(store);
	restore_committed(store);
	broken_look_committed(store); /* it counts when the file can be found again */
	return store->is_poisoned ? -1 : 0;
}

void store_abandon(struct store *store)
{
	statements_reset(store);
	if (store->db != NULL && !sqlite3_get_autocommit(store->db)) {
		struct query query = query_start(store, TURN_ROLLBACK);
		(void)query_run(&query);
	}
	tally_drop(store);
	destination_abandoned(store);
	exception_abandoned(store);
	rescue_abandoned(store);
	restore_abandoned(store);
	store->last_event.seq = 0;
	store->n_reference_changes++;
	store->next_seq = store->committed_seq;
	store->purged_to_seq = 0;
	store->stripped_to_seq = 0;
	store->is_dirty = false;
	/* Broken, or a transaction that can be neither ended nor left: every write goes on being refused. */
	store->is_poisoned =
		store->db == NULL || store->broken[0] || !sqlite3_get_autocommit(store->db);
}

void store_sizes(struct store *store, struct store_sizes *ret)
{
	*ret = (struct store_sizes){ 0 };
	if (store->db == NULL)
		return;
	struct query pages = query_start(store, SIZE_PAGES);
	struct query unused = query_start(store, SIZE_FREE);
	int64_t n_pages = 0;
	int64_t n_unused = 0;
	if (query_number(&pages, &n_pages) < 0 || query_number(&unused, &n_unused) < 0)
		return;
	char wal[4096];
	struct stat about;
	int len = snprintf(wal, sizeof(wal), "%s-wal", store->path);
	if (len > 0 && (size_t)len < sizeof(wal) && stat(wal, &about) == 0)
		ret->wal_bytes = about.st_size;
	ret->file_bytes = n_pages * PAGE_BYTES;
	ret->used_bytes = (n_pages - n_unused) * PAGE_BYTES + ret->wal_bytes;
	ret->written_bytes = wear_bytes(store->wear);
}
