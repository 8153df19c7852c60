/*
 * restore.c - putting a backup in the place of the database, and the doubt that it leaves: backup.h.
 *
 * What is restored says so in its table of counters, from the time when it was made ready: so a power
 * cut at any moment leaves either the database as it was, or one whose deliveries wait for their doubt.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dray/times.h"
#include "store/store_internal.h"

#define COPY_SUFFIX ".restore" /* until it is whole and marked */
#define COPY_BYTES (1 << 20)

#define IS_MARKING "restore.is_marking"
#define FROM_AT "restore.from_at_ms"
#define RESTORED_AT "restore.restored_at_ms"
#define END_SEQ "restore.end_seq" /* what is stored from then on has this seq or a higher one */
#define DESTINATION "restore.destination"
#define SEQ "restore.seq"
#define DELIVERIES "restore.deliveries"
#define EXCEPTION "restore.exception"

/* --- a copy -------------------------------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
	static char bytes[COPY_BYTES];
	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		if (n <= 0)
			return (int)n;
		for (ssize_t done = 0; done < n;) {
			ssize_t written = write(to, bytes + done, (size_t)(n - done));
			if (written < 0)
				return -1;
			done += written;
		}
	}
}

/* Whoever restores may be root: the files are those of the agent, as the folder is. */
static int own_like_folder(int fd, const char *path)
{
	char folder[ASIDE_PATH_MAX];
	struct stat about;
	const char *slash = strrchr(path, '/');
	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
		slash ? path : ".");
	if (geteuid() != 0 || stat(folder[0] ? folder : "/", &about) < 0)
		return 0;
	return fchown(fd, about.st_uid, about.st_gid);
}

/* 0 also where there is none to copy, if it may be missing. */
static int copy_file(const char *from, const char *to, bool may_be_missing, struct error *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0 && errno == ENOENT && may_be_missing)
		return 0;
	if (in < 0)
		return error_set(err, from, "can't be read: %m");
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	int status = 0;
	if (out < 0)
		status = error_set(err, to, "can't be made: %m");
	else if (copy_bytes(in, out) < 0 || own_like_folder(out, to) < 0)
		status = error_set(err, to, "can't be copied from the backup: %m");
	(void)close(in);
	if (out >= 0)
		(void)close(out);
	return status;
}

static void remove_copy(const char *copy)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char path[ASIDE_PATH_MAX];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (snprintf(path, sizeof(path), "%s%s", copy, suffixes[i]) < (int)sizeof(path))
			(void)unlink(path);
}

/* A database that was copied by hand has a WAL, perhaps. */
static int make_copy(const char *backup, const char *copy, struct error *err)
{
	char from[ASIDE_PATH_MAX];
	char to[ASIDE_PATH_MAX];
	if (snprintf(from, sizeof(from), "%s-wal", backup) >= (int)sizeof(from) ||
		snprintf(to, sizeof(to), "%s-wal", copy) >= (int)sizeof(to))
		return error_set(err, NULL, "the path is too long");
	remove_copy(copy);
	return copy_file(backup, copy, false, err) < 0 ? -1 : copy_file(from, to, true, err);
}

/* --- is it one, and whole? -------------------------------------------------------------------------- */

/* The first column of the first row, as text; "" none. SQLITE_OK or what failed. */
static int ask(sqlite3 *db, const char *sql, char *out, size_t size)
{
	sqlite3_stmt *stmt = NULL;
	out[0] = '\0';
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);
		(void)snprintf(out, size, "%s", text ? text : "");
		rc = SQLITE_DONE;
	}
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int check(sqlite3 *db, const char *backup, struct error *err)
{
	static const char tables[] =
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
		" AND name IN ('event', 'delivery', 'connector_revision', 'counter', 'cursor')";
	char text[256];
	int rc = ask(db, "PRAGMA integrity_check(1)", text, sizeof(text));
	if (rc != SQLITE_OK)
		return error_set(
			err, backup, "is no backup that can be used: %s", sqlite3_errmsg(db));
	if (strcmp(text, "ok") != 0)
		return error_set(err, backup, "is damaged: %s", text);
	rc = ask(db, tables, text, sizeof(text));
	if (rc != SQLITE_OK || strcmp(text, "5") != 0)
		return error_set(err, backup, "is no database of drayd");
	return 0;
}

/* --- marks --------------------------------------------------------------------------------------- */

/*
 * All that the file knows of time is older than its last commit, and so than whatever was done since.
 * The latest of it makes the doubt as young as it may be.
 */
#define LAST_STAMP                                                                                 \
	"SELECT max(at_ms) FROM (SELECT value AS at_ms FROM counter"                               \
	" WHERE name = '" BACKUP_AT "' UNION ALL"                                                  \
	" SELECT received_at_ms FROM (SELECT received_at_ms FROM event ORDER BY seq DESC LIMIT 1)" \
	" UNION ALL SELECT at_ms FROM cursor WHERE name = 'timeline')"

/* :k is the database's number. A salvage that was under way is begun anew where its files still are. */
static const char marks[] =
	"INSERT OR REPLACE INTO counter VALUES ('" FROM_AT "', coalesce((" LAST_STAMP "), 1)),"
	" ('" RESTORED_AT "', :wall), ('" END_SEQ "', :k * 1000000000000 + 1),"
	" ('" IS_MARKING "', 1), ('" DESTINATION "', 1), ('" SEQ "', 0), ('" DELIVERIES "', 0),"
	" ('" EXCEPTION "', 0), ('database', :k), ('seq', :k * 1000000000000),"
	" ('salvage.number', 0), ('salvage.state', 0), ('salvage.exception', 0)";
static const char serials[] = "UPDATE counter SET value = value + 1000000"
			      " WHERE name GLOB '" SERIAL_COUNTERS "*'";
static const char exceptions[] =
	"INSERT INTO sqlite_sequence (name, seq) SELECT 'exception', :k * 1000000"
	" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'exception'"
	" AND seq >= :k * 1000000)";

static int run(sqlite3 *db, const char *sql, int number)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	int k = sqlite3_bind_parameter_index(stmt, ":k");
	int wall = sqlite3_bind_parameter_index(stmt, ":wall");
	if (rc == SQLITE_OK && k > 0)
		rc = sqlite3_bind_int(stmt, k, number);
	if (rc == SQLITE_OK && wall > 0)
		rc = sqlite3_bind_int64(stmt, wall, (int64_t)time(NULL) * 1000);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int mark(sqlite3 *db, int number)
{
	const char *const texts[] = { "BEGIN IMMEDIATE", marks, serials, exceptions, "COMMIT" };
	int rc = SQLITE_OK;
	for (size_t i = 0; rc == SQLITE_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = run(db, texts[i], number);
	return rc;
}

/* Above that of any database that was here, and of the one that was backed up. */
static int find_number(sqlite3 *db, const char *path, int *ret, struct error *err)
{
	char text[32];
	struct aside aside;
	if (aside_scan(path, &aside, err) < 0)
		return -1;
	if (ask(db, "SELECT value FROM counter WHERE name = 'database'", text, sizeof(text)) !=
		SQLITE_OK)
		return error_set(err, NULL, "%s", sqlite3_errmsg(db));
	long counted = strtol(text, NULL, 10);
	*ret = 1 + (counted > aside.highest ? (int)counted : aside.highest);
	return 0;
}

/* --- restoring ------------------------------------------------------------------------------------- */

/* Check the copy, bring it to this schema, mark it. */
static int prepare(
	const char *path, const char *backup, const char *copy, int *ret_number, struct error *err)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(copy, &db, flags, NULL);
	int status = 0;
	if (rc != SQLITE_OK)
		status = error_set(err, copy, "can't be opened: %s", sqlite3_errstr(rc));
	if (status == 0)
		status = check(db, backup, err);
	if (status == 0 && schema_configure(db) != SQLITE_OK)
		status = error_set(err, copy, "can't be opened: %s", sqlite3_errmsg(db));
	if (status == 0)
		status = schema_migrate(db, schema_texts, schema_version, err);
	if (status == 0)
		status = find_number(db, path, ret_number, err);
	if (status == 0 && mark(db, *ret_number) != SQLITE_OK)
		status = error_set(err, copy, "can't be marked: %s", sqlite3_errmsg(db));
	rc = sqlite3_close(db);
	if (status == 0 && rc != SQLITE_OK)
		status = error_set(err, copy, "can't be closed: %s", sqlite3_errstr(rc));
	return status;
}

/* The last connection has written all of the WAL into it. */
static int sync_copy(const char *copy, struct error *err)
{
	char wal[ASIDE_PATH_MAX];
	int fd = open(copy, O_RDWR | O_CLOEXEC);
	int status = 0;
	bool has_wal = snprintf(wal, sizeof(wal), "%s-wal", copy) < (int)sizeof(wal) &&
		       access(wal, F_OK) == 0;
	if (fd < 0 || own_like_folder(fd, copy) < 0 || fsync(fd) < 0)
		status = error_set(err, copy, "can't be synced: %m");
	else if (has_wal)
		status = error_set(err, copy, "its WAL could not be written into it");
	if (fd >= 0)
		(void)close(fd);
	return status;
}

int store_restore(const char *path, const char *backup, char *ret_aside, struct error *err)
{
	char copy[ASIDE_PATH_MAX];
	int number = 0;
	if (snprintf(copy, sizeof(copy), "%s" COPY_SUFFIX, path) >= (int)sizeof(copy))
		return error_set(err, path, "path is too long");
	/* One that was cut short has been made ready, so it was wanted. */
	if (aside_restore(path, ret_aside, err) < 0)
		return -1;
	if (make_copy(backup, copy, err) < 0 || prepare(path, backup, copy, &number, err) < 0 ||
		sync_copy(copy, err) < 0 || aside_make_restoring(path, copy, number, err) < 0) {
		remove_copy(copy);
		return -1;
	}
	if (aside_restore(path, ret_aside, err) >= 0)
		return 0;
	return error_set(err, NULL, "%s: the restore goes on at the next start", err->message);
}

/* --- the doubt that it leaves ------------------------------------------------------------------------ */

static int get(struct store *store, const char *name, int64_t *ret)
{
	struct query query = query_start(store, COUNTER_GET);
	*ret = 0;
	query_text(&query, name);
	return query_number(&query, ret) < 0 ? -1 : 0;
}

static int put(struct store *store, const char *name, int64_t value)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, name);
	query_int(&query, value);
	return query_run(&query);
}

int restore_load(struct store *store)
{
	struct store_restore_view *restore = &store->restore;
	int64_t is_marking = 0;
	if (get(store, IS_MARKING, &is_marking) < 0 ||
		get(store, FROM_AT, &restore->from_at_ms) < 0 ||
		get(store, RESTORED_AT, &restore->restored_at_ms) < 0 ||
		get(store, DELIVERIES, &restore->deliveries) < 0 ||
		get(store, EXCEPTION, &restore->exception) < 0)
		return -1;
	restore->is_marking = is_marking != 0;
	store->was_restore = *restore;
	return 0;
}

void restore_committed(struct store *store)
{
	if (store->was_restore.is_marking && !store->restore.is_marking)
		statements_release(store);
	store->was_restore = store->restore;
}

void restore_abandoned(struct store *store)
{
	store->restore = store->was_restore;
}

void store_get_restore(const struct store *store, struct store_restore_view *ret)
{
	*ret = store->was_restore;
}

bool store_is_restored(const struct store *store)
{
	return store->was_restore.is_marking;
}

/* Where the slice ends; 0: the destination has no other row. 0 or -1. */
static int find_end(
	struct store *store, int64_t destination, int64_t seq, unsigned rows, int64_t *ret_end)
{
	int64_t end_seq = 0;
	*ret_end = 0;
	if (get(store, END_SEQ, &end_seq) < 0)
		return -1;
	struct query query = query_start(store, RESTORE_SLICE);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, end_seq);
	query_int(&query, rows);
	return query_number(&query, ret_end) < 0 ? -1 : 0;
}

static int doubt_slice(struct store *store, int64_t destination, int64_t seq, int64_t end)
{
	struct query query = query_start(store, RESTORE_DOUBT);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, end);
	query_int(&query, store->restore.from_at_ms);
	if (query_run(&query) < 0)
		return -1;
	store->restore.deliveries += sqlite3_changes(store->db);
	return put(store, SEQ, end) < 0 ? -1 : put(store, DELIVERIES, store->restore.deliveries);
}

static int tell_person(struct store *store, int64_t now_ms, int64_t due_at_ms)
{
	char from[TIME_TEXT_MAX];
	char kept[ASIDE_PATH_MAX];
	char reason[ASIDE_PATH_MAX + 512];
	if (!aside_kept(store->path, store->number, kept) || access(kept, F_OK) != 0)
		kept[0] = '\0';
	time_format(store->restore.from_at_ms + store->wall_ahead_ms, from);
	(void)snprintf(reason, sizeof(reason),
		"The database was restored from a backup of %s. What came in later is not here; "
		"%" PRId64
		" unfinished deliveries may have been made since then, and are sent again "
		"only where the other side knows a repeat. %s%s%sFind out from the handhelds and the "
		"other side what is missing. Then discard this exception",
		from, store->restore.deliveries, kept[0] ? "What was there is kept as " : "", kept,
		kept[0] ? ". " : "");
	const struct store_exception exception = {
		.kind = "store",
		.severity = "critical",
		.code = "restored",
		.reason = reason,
		.field = "",
		.origin = kept,
		.device = "",
		.opened_at_ms = now_ms,
		.due_at_ms = due_at_ms,
	};
	store->restore.exception = store_open_exception(store, &exception, NULL);
	return store->restore.exception < 0 ? -1 : put(store, EXCEPTION, store->restore.exception);
}

int store_doubt_restored(struct store *store, unsigned rows, int64_t now_ms, int64_t due_at_ms)
{
	int64_t destination = 0;
	int64_t seq = 0;
	int64_t end = 0;
	if (store->is_poisoned)
		return -1;
	if (!store->restore.is_marking || store_is_refusing(store))
		return 0;
	if (store_begin_write(store) < 0 || get(store, DESTINATION, &destination) < 0 ||
		get(store, SEQ, &seq) < 0 || find_end(store, destination, seq, rows, &end) < 0)
		return -1;
	if (end > 0)
		return doubt_slice(store, destination, seq, end);
	if (destination < store->n_destinations)
		return put(store, DESTINATION, destination + 1) < 0 ? -1 : put(store, SEQ, 0);
	store->restore.is_marking = false;
	if (put(store, IS_MARKING, 0) < 0 || tell_person(store, now_ms, due_at_ms) < 0)
		return -1;
	return 1;
}
