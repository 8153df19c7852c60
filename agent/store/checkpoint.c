/*
 * checkpoint.c - moving committed pages from the WAL into the database, off the loop.
 *
 * Passive checkpoints by another thread alone don't keep the WAL short: under a steady writer there
 * are always a few newer frames, so it never starts over. Hence two steps: the thread moves the
 * bulk, then the loop, between two transactions, moves the tail that has come meanwhile.
 *
 *	IDLE ─a commit leaves a long WAL─► WANTED ─► RUNS (the thread) ─► TAIL_DUE ─the loop─► IDLE
 *
 * Nothing starts the thread while a tail is due: two passes at a time exclude each other, and a
 * thread always at work would never let the tail be moved.
 *
 * A failed fsync ends the process. Any other failure costs nothing but a longer WAL: the next pass
 * tries again. One that the disk refused is remembered until a pass succeeds: the database can't grow
 * though the WAL may still take commits.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "store/store_internal.h"

/* A WAL of so many frames is moved: a 32nd of the room that there is, within these bounds. */
#define PASS_AT_FRAMES 1000
#define PASS_AT_FRAMES_MIN 64
#define ROOM_PART 32
/* A WAL that has outgrown its use so many times is cut when it starts over. */
#define CUT_AT_PASSES 4

/* A disk that goes on refusing is told once. */
static void note_result(struct checkpointer *it, int rc)
{
	(void)pthread_mutex_lock(&it->mutex);
	bool is_news = it->rc != rc;
	it->rc = rc;
	(void)pthread_mutex_unlock(&it->mutex);
	if (is_news && rc != SQLITE_OK)
		LOG_WARNING("checkpoint failed, the next one tries again",
			LOG_S("reason", sqlite3_errstr(rc)));
}

enum store_refusal checkpoint_refusal(struct store *store)
{
	struct checkpointer *it = &store->checkpointer;
	(void)pthread_mutex_lock(&it->mutex);
	int rc = it->rc;
	(void)pthread_mutex_unlock(&it->mutex);
	return refusal_of(rc);
}

static void run_pass(struct store *store, sqlite3 *db)
{
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	store_check_fatal(store, rc, "checkpointing");
	note_result(&store->checkpointer, rc);
}

static bool wait_wanted(struct checkpointer *it)
{
	(void)pthread_mutex_lock(&it->mutex);
	while (it->state != CHECKPOINT_WANTED && !it->is_stopping)
		(void)pthread_cond_wait(&it->changed, &it->mutex);
	bool goes_on = !it->is_stopping;
	it->state = CHECKPOINT_RUNS;
	(void)pthread_mutex_unlock(&it->mutex);
	return goes_on;
}

/* From one state to the next one; false when it was in another. */
static bool move_on(struct checkpointer *it, enum checkpoint_state from, enum checkpoint_state to)
{
	(void)pthread_mutex_lock(&it->mutex);
	bool is_there = it->state == from;
	if (is_there) {
		it->state = to;
		(void)pthread_cond_signal(&it->changed);
	}
	(void)pthread_mutex_unlock(&it->mutex);
	return is_there;
}

static void *run_thread(void *arg)
{
	struct store *store = arg;
	while (wait_wanted(&store->checkpointer)) {
		run_pass(store, store->checkpointer.db);
		(void)move_on(&store->checkpointer, CHECKPOINT_RUNS, CHECKPOINT_TAIL_DUE);
		store->options.on_checkpoint(store->options.ctx);
	}
	return NULL;
}

static int on_wal_commit(void *ctx, sqlite3 *db, const char *schema, int n_frames)
{
	struct checkpointer *it = &((struct store *)ctx)->checkpointer;
	(void)db;
	(void)schema;
	if (n_frames >= it->pass_at_frames)
		(void)move_on(it, CHECKPOINT_IDLE, CHECKPOINT_WANTED);
	return SQLITE_OK;
}

/* Signals are the loop's. */
static int create_thread(struct store *store)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return -1;
	int failed = pthread_create(&store->checkpointer.thread, NULL, run_thread, store);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? -1 : 0;
}

static int bound_wal(struct store *store)
{
	char text[64];
	int64_t room = store->options.max_bytes > 0 ? store->options.max_bytes : INT64_MAX;
	int64_t disk = disk_bytes(store);
	if (disk > 0 && disk < room)
		room = disk;
	int64_t frames = room / ROOM_PART / PAGE_BYTES;
	if (frames < PASS_AT_FRAMES_MIN)
		frames = PASS_AT_FRAMES_MIN;
	if (frames > PASS_AT_FRAMES)
		frames = PASS_AT_FRAMES;
	store->checkpointer.pass_at_frames = (int)frames;
	(void)snprintf(text, sizeof(text), "PRAGMA journal_size_limit = %lld",
		(long long)(frames * CUT_AT_PASSES * PAGE_BYTES));
	return sqlite3_exec(store->db, text, NULL, NULL, NULL);
}

int checkpoint_start(struct store *store, struct error *err)
{
	struct checkpointer *it = &store->checkpointer;
	if (bound_wal(store) != SQLITE_OK)
		return error_set(err, store->path, "cannot bound the database's log: %s",
			sqlite3_errmsg(store->db));
	if (store->options.on_checkpoint == NULL)
		return 0;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(store->path, &it->db, flags, wear_vfs(store->wear));
	if (rc == SQLITE_OK)
		rc = schema_configure(it->db);
	if (rc != SQLITE_OK)
		return error_set(err, store->path, "cannot open the database for checkpoints: %s",
			sqlite3_errstr(rc));
	if (create_thread(store) < 0)
		return error_set(err, store->path, "cannot start the checkpoint thread");
	it->has_thread = true;
	(void)sqlite3_wal_hook(store->db, on_wal_commit, store);
	return 0;
}

void checkpoint_stop(struct store *store)
{
	struct checkpointer *it = &store->checkpointer;
	if (it->has_thread) {
		(void)pthread_mutex_lock(&it->mutex);
		it->is_stopping = true;
		(void)pthread_cond_signal(&it->changed);
		(void)pthread_mutex_unlock(&it->mutex);
		(void)pthread_join(it->thread, NULL);
		it->has_thread = false;
	}
	if (it->db != NULL && store->broken[0])
		broken_quiet(it->db);
	(void)sqlite3_close(it->db);
	it->db = NULL;
	it->is_stopping = false;
	it->state = CHECKPOINT_IDLE;
	it->rc = SQLITE_OK;
}

/* The thread's finding becomes the loop's. */
static void take_damage(struct store *store)
{
	struct checkpointer *it = &store->checkpointer;
	(void)pthread_mutex_lock(&it->mutex);
	int rc = it->rc;
	(void)pthread_mutex_unlock(&it->mutex);
	if (store_is_damage(rc))
		(void)store_break(store, "%s while checkpointing", sqlite3_errstr(rc));
}

void store_checkpoint_tail(struct store *store)
{
	struct checkpointer *it = &store->checkpointer;
	if (store->db == NULL || !sqlite3_get_autocommit(store->db))
		return;
	take_damage(store);
	if (store->broken[0])
		return;
	if (it->has_thread && !move_on(it, CHECKPOINT_TAIL_DUE, CHECKPOINT_IDLE))
		return;
	run_pass(store, store->db);
	take_damage(store);
}

void store_checkpoint_ask(struct store *store)
{
	if (store->checkpointer.has_thread)
		(void)move_on(&store->checkpointer, CHECKPOINT_IDLE, CHECKPOINT_WANTED);
	else
		store_checkpoint_tail(store);
}
