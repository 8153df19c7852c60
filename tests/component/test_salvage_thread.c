/*
 * The thread that reads a broken database: chunk by chunk, at the loop's pace, and gone when told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "help_wreck.h"

#define EVENTS 450

struct loop {
	struct wreck wreck;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int n_signals;
};

static int set_up(void **state)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	assert_non_null(loop);
	loop->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	loop->changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	wreck_init(&loop->wreck, EVENTS);
	*state = loop;
	return 0;
}

static int tear_down(void **state)
{
	struct loop *loop = *state;
	wreck_done(&loop->wreck);
	free(loop);
	return 0;
}

static void on_chunk(void *ctx)
{
	struct loop *loop = ctx;
	(void)pthread_mutex_lock(&loop->mutex);
	loop->n_signals++;
	(void)pthread_cond_signal(&loop->changed);
	(void)pthread_mutex_unlock(&loop->mutex);
}

/* Until there have been so many; at most 20 s. */
static void wait_signals(struct loop *loop, int n)
{
	struct timespec until;
	int rc = 0;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	(void)pthread_mutex_lock(&loop->mutex);
	while (loop->n_signals < n && rc == 0)
		rc = pthread_cond_timedwait(&loop->changed, &loop->mutex, &until);
	int n_signals = loop->n_signals;
	(void)pthread_mutex_unlock(&loop->mutex);
	assert_int_equal(n_signals, n);
}

static struct salvage *start(struct loop *loop, sqlite3 *source, int64_t after_seq)
{
	struct error err = { 0 };
	struct salvage *salvage = NULL;
	const struct salvage_options options = {
		.path = loop->wreck.broken,
		.source = source,
		.chunk_path = loop->wreck.chunk,
		.after_seq = after_seq,
		.on_chunk = on_chunk,
		.ctx = loop,
	};
	loop->n_signals = 0;
	assert_int_equal(salvage_start(&options, &salvage, &err), 0);
	return salvage;
}

static int count_events(struct loop *loop)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(loop->wreck.chunk, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM event", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int n = sqlite3_column_int(stmt, 0);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return n;
}

static void test_chunks_come_one_by_one_until_the_last(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	wreck_restore(&loop->wreck);
	struct salvage *salvage = start(loop, NULL, 0);
	int n_events = 0;
	int64_t to_seq = 0;
	for (int n = 1;; n++) {
		wait_signals(loop, n);
		assert_true(salvage_chunk(salvage, &chunk));
		assert_true(chunk.to_seq > to_seq);
		to_seq = chunk.to_seq;
		n_events += count_events(loop);
		assert_int_equal(chunk.is_last, n == 3);
		if (chunk.is_last)
			break;
		salvage_next(salvage);
	}
	assert_int_equal(n_events, EVENTS);
	assert_true(salvage_chunk(salvage, &chunk)); /* it stays */
	salvage_stop(salvage);
	assert_int_equal(access(loop->wreck.chunk, F_OK), -1);
}

static void test_it_goes_on_behind_what_is_merged(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	wreck_restore(&loop->wreck);
	struct salvage *salvage = start(loop, NULL, 400);
	wait_signals(loop, 1);
	assert_true(salvage_chunk(salvage, &chunk));
	assert_true(chunk.is_last);
	assert_int_equal(chunk.events_lost, 0);
	assert_int_equal(count_events(loop), 50);
	salvage_stop(salvage);
}

static void test_who_wants_no_signal_looks_by_himself(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	struct salvage *salvage = NULL;
	const struct timespec rest = { .tv_nsec = 5000000 };
	bool is_ready = false;
	wreck_restore(&loop->wreck);
	const struct salvage_options options = { .path = loop->wreck.broken,
		.chunk_path = loop->wreck.chunk };
	assert_int_equal(salvage_start(&options, &salvage, NULL), 0);
	for (int i = 0; i < 4000 && !is_ready; i++) {
		is_ready = salvage_chunk(salvage, &chunk);
		(void)nanosleep(&rest, NULL);
	}
	assert_true(is_ready);
	assert_int_equal(count_events(loop), SALVAGE_CHUNK_EVENTS);
	salvage_stop(salvage);
}

static void test_nothing_beside_the_chunk_is_written(void **state)
{
	struct loop *loop = *state;
	struct stat before;
	struct stat after;
	char name[128];
	wreck_restore(&loop->wreck);
	assert_int_equal(chmod(loop->wreck.broken, 0400), 0);
	assert_int_equal(stat(loop->wreck.broken, &before), 0);
	struct salvage *salvage = start(loop, NULL, 0);
	wait_signals(loop, 1);
	assert_int_equal(stat(loop->wreck.broken, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	static const char *const others[] = { "-wal", "-shm", "-journal" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", loop->wreck.broken, others[i]);
		assert_int_equal(access(name, F_OK), -1);
	}
	salvage_stop(salvage);
}

static void test_a_connection_to_deleted_files_is_read(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	sqlite3 *source;
	wreck_restore(&loop->wreck);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	assert_int_equal(sqlite3_open_v2(loop->wreck.broken, &source, flags, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(source, "PRAGMA user_version", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(unlink(loop->wreck.broken), 0);
	struct salvage *salvage = start(loop, source, 0);
	int n_events = 0;
	for (int n = 1;; n++) {
		wait_signals(loop, n);
		assert_true(salvage_chunk(salvage, &chunk));
		n_events += count_events(loop);
		if (chunk.is_last)
			break;
		salvage_next(salvage);
	}
	assert_int_equal(n_events, EVENTS);
	assert_false(chunk.is_unreadable);
	salvage_stop(salvage);
}

static void test_a_file_that_is_not_there_is_unreadable(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	(void)unlink(loop->wreck.broken);
	struct salvage *salvage = start(loop, NULL, 0);
	wait_signals(loop, 1);
	assert_true(salvage_chunk(salvage, &chunk));
	assert_true(chunk.is_last);
	assert_true(chunk.is_unreadable);
	assert_int_equal(count_events(loop), 0);
	salvage_stop(salvage);
}

/* A folder stands where the chunk should be: as good as a full disk. */
static void test_a_chunk_that_cannot_be_written_is_tried_again(void **state)
{
	struct loop *loop = *state;
	struct salvage_chunk chunk;
	wreck_restore(&loop->wreck);
	assert_int_equal(mkdir(loop->wreck.chunk, 0700), 0);
	struct salvage *salvage = start(loop, NULL, 0);
	assert_false(salvage_chunk(salvage, &chunk));
	assert_int_equal(rmdir(loop->wreck.chunk), 0);
	wait_signals(loop, 1);
	assert_int_equal(count_events(loop), SALVAGE_CHUNK_EVENTS);
	salvage_stop(salvage);
}

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* At any moment: in the midst of a chunk, with one ready, after the last. */
static void test_it_stops_when_told(void **state)
{
	struct loop *loop = *state;
	wreck_restore(&loop->wreck);
	for (int i = 0; i < 12; i++) {
		struct salvage *salvage = start(loop, NULL, 0);
		const struct timespec rest = { .tv_nsec = i * 1000000L };
		(void)nanosleep(&rest, NULL); /* a moment like any other: nothing is waited for */
		int64_t began_ms = now_ms();
		salvage_stop(salvage);
		assert_true(now_ms() - began_ms < 15000);
		assert_int_equal(access(loop->wreck.chunk, F_OK), -1);
	}
	salvage_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks_come_one_by_one_until_the_last),
		cmocka_unit_test(test_it_goes_on_behind_what_is_merged),
		cmocka_unit_test(test_who_wants_no_signal_looks_by_himself),
		cmocka_unit_test(test_nothing_beside_the_chunk_is_written),
		cmocka_unit_test(test_a_connection_to_deleted_files_is_read),
		cmocka_unit_test(test_a_file_that_is_not_there_is_unreadable),
		cmocka_unit_test(test_a_chunk_that_cannot_be_written_is_tried_again),
		cmocka_unit_test(test_it_stops_when_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
