/*
 * salvage.c - the thread that reads a broken database (salvage.h).
 *
 *	READS ─a chunk is written─► READY ─salvage_next()─► READS …  the last one stays READY
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "store/salvage/chunk.h"
#include "store/salvage/read.h"

#define TRY_AGAIN_S 1

struct salvage {
	struct salvage_options options; /* its strings are owned */
	char *path;
	char *chunk_path;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	atomic_bool is_stopping;
	bool is_ready;
	struct salvage_chunk chunk;
};

/* Until the loop wants something, or `seconds` have passed; 0: no matter how long. */
static void wait_for_loop(struct salvage *salvage, int seconds)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	int rc = 0;
	(void)pthread_mutex_lock(&salvage->mutex);
	while (!atomic_load(&salvage->is_stopping) && (salvage->is_ready || seconds > 0) &&
		rc != ETIMEDOUT)
		rc = seconds > 0
			     ? pthread_cond_timedwait(&salvage->changed, &salvage->mutex, &until)
			     : pthread_cond_wait(&salvage->changed, &salvage->mutex);
	(void)pthread_mutex_unlock(&salvage->mutex);
}

static void hand_over(struct salvage *salvage, const struct salvage_chunk *chunk)
{
	(void)pthread_mutex_lock(&salvage->mutex);
	salvage->chunk = *chunk;
	salvage->is_ready = true;
	(void)pthread_mutex_unlock(&salvage->mutex);
	if (salvage->options.on_chunk != NULL)
		salvage->options.on_chunk(salvage->options.ctx);
}

/* As often as it takes: a full disk is no reason to lose what can be read. */
static void write_chunk(struct salvage *salvage, struct reader *reader, struct salvage_chunk *ret)
{
	for (;;) {
		int rc = reader_fill(reader, salvage->chunk_path, ret);
		if (rc == SQLITE_OK || atomic_load(&salvage->is_stopping))
			return;
		(void)unlink(salvage->chunk_path);
		LOG_WARNING("salvage can't write what it has read, it tries again each second: "
			    "make room on the disk",
			LOG_S("file", salvage->chunk_path), LOG_S("reason", sqlite3_errstr(rc)));
		wait_for_loop(salvage, TRY_AGAIN_S);
	}
}

static void read_all(struct salvage *salvage, struct reader *reader)
{
	struct salvage_chunk chunk = { .is_last = false };
	while (!chunk.is_last) {
		wait_for_loop(salvage, 0);
		write_chunk(salvage, reader, &chunk);
		if (atomic_load(&salvage->is_stopping))
			return;
		hand_over(salvage, &chunk);
	}
	LOG_INFO("salvage has read what it can", LOG_I("events", reader->events),
		LOG_I("events_lost_at_most", reader->events_lost),
		LOG_I("deliveries", reader->deliveries),
		LOG_I("deliveries_unreadable", reader->deliveries_unreadable),
		LOG_I("other_rows_dropped", reader->rows_dropped));
}

/* An empty chunk, so that the loop has one way only. */
static void hand_over_nothing(struct salvage *salvage)
{
	struct chunk chunk;
	int rc = chunk_open(&chunk, salvage->chunk_path);
	if (rc == SQLITE_OK)
		rc = chunk_close(&chunk);
	chunk_drop(&chunk);
	if (rc != SQLITE_OK)
		(void)unlink(salvage->chunk_path);
	hand_over(salvage, &(struct salvage_chunk){ .is_last = true, .is_unreadable = true });
}

static void *run_thread(void *arg)
{
	struct salvage *salvage = arg;
	struct reader reader;
	struct error err = { 0 };
	char text[512];
	if (reader_open(&reader, &salvage->options, &salvage->is_stopping, &err) == 0) {
		read_all(salvage, &reader);
	} else {
		LOG_ERROR("the set aside database can't be read at all: it stays where it is, "
			  "send it to who can read it by hand",
			LOG_S("file", salvage->path),
			LOG_S("reason", error_text(&err, text, sizeof(text))));
		hand_over_nothing(salvage);
	}
	reader_close(&reader);
	return NULL;
}

/* Signals are the loop's. */
static int create_thread(struct salvage *salvage)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return -1;
	salvage->has_thread = pthread_create(&salvage->thread, NULL, run_thread, salvage) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return salvage->has_thread ? 0 : -1;
}

static int make_condition(pthread_cond_t *ret)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return -1;
	int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (failed == 0)
		failed = pthread_cond_init(ret, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return failed ? -1 : 0;
}

static void free_salvage(struct salvage *salvage)
{
	free(salvage->path);
	free(salvage->chunk_path);
	free(salvage);
}

int salvage_start(const struct salvage_options *options, struct salvage **ret, struct error *err)
{
	struct salvage *salvage = calloc(1, sizeof(*salvage));
	if (salvage != NULL) {
		salvage->options = *options;
		salvage->path = strdup(options->path ? options->path : "");
		salvage->chunk_path = strdup(options->chunk_path);
		salvage->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	}
	if (salvage == NULL || salvage->path == NULL || salvage->chunk_path == NULL ||
		make_condition(&salvage->changed) < 0) {
		if (salvage != NULL)
			free_salvage(salvage);
		(void)sqlite3_close(options->source);
		return error_set(err, options->path, "cannot start salvage: out of memory");
	}
	salvage->options.path = salvage->path;
	salvage->options.chunk_path = salvage->chunk_path;
	(void)unlink(salvage->chunk_path);
	if (create_thread(salvage) < 0) {
		(void)sqlite3_close(options->source);
		salvage_stop(salvage);
		return error_set(err, options->path, "cannot start the salvage thread");
	}
	*ret = salvage;
	return 0;
}

bool salvage_chunk(struct salvage *salvage, struct salvage_chunk *ret)
{
	(void)pthread_mutex_lock(&salvage->mutex);
	bool is_ready = salvage->is_ready;
	if (is_ready)
		*ret = salvage->chunk;
	(void)pthread_mutex_unlock(&salvage->mutex);
	return is_ready;
}

void salvage_next(struct salvage *salvage)
{
	(void)pthread_mutex_lock(&salvage->mutex);
	salvage->is_ready = false;
	(void)pthread_cond_signal(&salvage->changed);
	(void)pthread_mutex_unlock(&salvage->mutex);
}

void salvage_stop(struct salvage *salvage)
{
	if (salvage == NULL)
		return;
	if (salvage->has_thread) {
		(void)pthread_mutex_lock(&salvage->mutex);
		atomic_store(&salvage->is_stopping, true);
		(void)pthread_cond_signal(&salvage->changed);
		(void)pthread_mutex_unlock(&salvage->mutex);
		(void)pthread_join(salvage->thread, NULL);
	}
	(void)unlink(salvage->chunk_path);
	(void)pthread_cond_destroy(&salvage->changed);
	free_salvage(salvage);
}
