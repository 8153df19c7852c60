/*
 * sftp.c - the courier that puts files on an SFTP server.
 *
 * A file is written by a thread, which blocks (sftp_upload.h). Each line has as many as it has files
 * to write at once, at most `concurrency`; one that had nothing to do for a minute ends, and its
 * connection with it.
 *
 *   start ─► line.waiting ─a thread takes it─► written ─► courier.ended ─the loop tells─► gone
 *
 * Everything here is under the courier's one mutex, but for what the thread does with the job it has
 * taken. A thread holds a reference to its line: a line that is closed goes with the last of them, and
 * what it was still writing ends soon, without a word. So a job has its bytes by copy.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "clock.h"
#include "courier/courier.h"
#include "courier/sftp_upload.h"
#include "log.h"
#include "secret.h"

#define PATH_BYTES 4096
#define IDLE_S 60
#define END_S 10
#define STACK_BYTES ((size_t)512 * 1024)

TAILQ_HEAD(jobs, job);

struct courier_sftp {
	struct courier courier;
	struct courier_sftp_options is;
	pthread_mutex_t mutex;
	pthread_cond_t thread_ended;
	unsigned n_threads;
	pthread_t last_ended; /* where has_ended: it joins the one that ended before it */
	bool has_ended;
	struct jobs ended;
	int ended_fd;
	struct event *on_ended;
};

struct job {
	TAILQ_ENTRY(job) link;
	struct line_sftp *line;
	courier_done_fn done;
	void *done_ctx;
	int64_t began_mono_ms;
	char *password; /* NULL none */
	struct sftp_result result;
	char *body;
	size_t len;
	char name[SFTP_NAME_MAX + 1];
};

struct line_sftp {
	struct courier_sftp *owner;
	char *url, *username, *key_path, *host_key, *known_hosts;
	struct config_secret password;
	int64_t timeout_ms;
	unsigned max_threads;

	pthread_cond_t wake;
	unsigned n_threads, n_idle;
	atomic_bool is_closed; /* also read by a thread that is writing */
	struct jobs waiting;
	unsigned n_waiting;
};

static void free_job(struct job *job)
{
	secret_free(job->password);
	free(job->body);
	free(job);
}

static void free_jobs(struct jobs *jobs, const struct line_sftp *line)
{
	struct job *job, *next;

	for (job = TAILQ_FIRST(jobs); job; job = next) {
		next = TAILQ_NEXT(job, link);
		if (job->line != line)
			continue;
		TAILQ_REMOVE(jobs, job, link);
		free_job(job);
	}
}

static void free_line(struct line_sftp *line)
{
	(void)pthread_cond_destroy(&line->wake);
	free(line->url);
	free(line->username);
	free(line->key_path);
	free(line->host_key);
	free(line->known_hosts);
	free(line->password.file);
	free(line);
}

/* --- a thread, all of it under the mutex but write_job() ----------------------------------------- */

/* The next job, or NULL when there is none for a minute, or the line is closed. */
static struct job *take_job(struct line_sftp *line)
{
	struct timespec until;
	struct job *job;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	line->n_idle++;
	while (!atomic_load(&line->is_closed) && TAILQ_EMPTY(&line->waiting) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&line->wake, &line->owner->mutex, &until);
	line->n_idle--;
	job = TAILQ_FIRST(&line->waiting);
	if (job) {
		TAILQ_REMOVE(&line->waiting, job, link);
		line->n_waiting--;
	}
	return job;
}

static void end_job(struct job *job)
{
	struct courier_sftp *owner = job->line->owner;
	uint64_t one = 1;

	TAILQ_INSERT_TAIL(&owner->ended, job, link);
	while (write(owner->ended_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void write_job(
	struct sftp_session **session, const struct sftp_account *account, struct job *job)
{
	const struct sftp_file file = {
		.name = job->name,
		.body = job->body,
		.len = job->len,
		.password = job->password,
		.timeout_ms = job->line->timeout_ms,
		.is_unwanted = &job->line->is_closed,
	};

	job->result =
		(struct sftp_result){ .transport = TRANSPORT_NOT_SENT, .words = "out of memory" };
	if (!*session)
		*session = sftp_session_new(account);
	if (*session)
		sftp_put(*session, &file, &job->result);
}

/*
 * Its last word, under the mutex, which is let go. Libraries give back what they keep of a thread behind
 * its function: not before that, seen by joining it, may the process go on to its own end.
 */
static void leave(struct courier_sftp *owner)
{
	const bool has_earlier = owner->has_ended;
	const pthread_t earlier = owner->last_ended;

	owner->last_ended = pthread_self();
	owner->has_ended = true;
	owner->n_threads--;
	(void)pthread_cond_signal(&owner->thread_ended);
	(void)pthread_mutex_unlock(&owner->mutex);
	if (has_earlier)
		(void)pthread_join(earlier, NULL);
}

static void *run_thread(void *arg)
{
	struct line_sftp *line = arg;
	struct courier_sftp *owner = line->owner;
	const struct sftp_account account = { .url = line->url,
		.username = line->username,
		.key_path = line->key_path,
		.host_key = line->host_key,
		.known_hosts = line->known_hosts };
	struct sftp_session *session = NULL;
	struct job *job;

	(void)pthread_mutex_lock(&owner->mutex);
	do {
		while ((job = take_job(line))) {
			(void)pthread_mutex_unlock(&owner->mutex);
			write_job(&session, &account, job);
			(void)pthread_mutex_lock(&owner->mutex);
			if (atomic_load(&line->is_closed))
				free_job(job);
			else
				end_job(job);
		}
		(void)pthread_mutex_unlock(&owner->mutex);
		sftp_session_free(session);
		session = NULL;
		(void)pthread_mutex_lock(&owner->mutex);
	} while (!TAILQ_EMPTY(&line->waiting));
	if (--line->n_threads == 0 && atomic_load(&line->is_closed))
		free_line(line);
	leave(owner);
	return NULL;
}

/* Signals belong to the loop's thread. */
static int start_thread(struct line_sftp *line)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int rc;

	if (pthread_attr_init(&attributes) != 0)
		return -1;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attributes, run_thread, line);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	if (rc != 0)
		return -1;
	line->n_threads++;
	line->owner->n_threads++;
	return 0;
}

/* --- the loop's side ----------------------------------------------------------------------------- */

static struct job *next_ended(struct courier_sftp *owner)
{
	struct job *job;

	(void)pthread_mutex_lock(&owner->mutex);
	job = TAILQ_FIRST(&owner->ended);
	if (job)
		TAILQ_REMOVE(&owner->ended, job, link);
	(void)pthread_mutex_unlock(&owner->mutex);
	return job;
}

static void tell(const struct courier_sftp *owner, const struct job *job)
{
	const struct sftp_result *result = &job->result;
	bool is_answer = result->transport == TRANSPORT_ANSWERED;
	const struct courier_answer answer = {
		.transport = result->transport,
		.status = result->status,
		.body = is_answer ? result->words : "",
		.len = is_answer ? strlen(result->words) : 0,
		.error = is_answer ? "" : result->words,
		.took_ms = clock_mono_ms(owner->is.clock) - job->began_mono_ms,
	};

	job->done(job->done_ctx, &answer);
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct courier_sftp *owner = ctx;
	struct job *job;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		LOG_ERROR("an eventfd can't be read", LOG_S("error", strerror(errno)));
	while ((job = next_ended(owner))) {
		tell(owner, job);
		free_job(job);
	}
}

/* 0, or -1: there is nobody to do it. */
static int hand_over(struct job *job)
{
	struct line_sftp *line = job->line;
	struct courier_sftp *owner = line->owner;
	int status = 0;

	(void)pthread_mutex_lock(&owner->mutex);
	if (!sftp_name_is_valid(job->name)) {
		end_job(job);
	} else {
		if (line->n_waiting >= line->n_idle && line->n_threads < line->max_threads &&
			start_thread(line) != 0 && line->n_threads == 0)
			status = -1;
		if (status == 0) {
			TAILQ_INSERT_TAIL(&line->waiting, job, link);
			line->n_waiting++;
			(void)pthread_cond_signal(&line->wake);
		}
	}
	(void)pthread_mutex_unlock(&owner->mutex);
	return status;
}

static int start_job(
	void *opened, const struct courier_request *request, courier_done_fn done, void *done_ctx)
{
	struct line_sftp *line = opened;
	const char *name = request->path ? request->path : "";
	struct job *job = calloc(1, sizeof(*job));
	struct error err = { 0 };

	if (!job)
		return -1;
	job->line = line;
	job->done = done;
	job->done_ctx = done_ctx;
	job->began_mono_ms = clock_mono_ms(line->owner->is.clock);
	job->len = request->len;
	job->body = malloc(request->len + 1);
	if (job->body && request->len > 0)
		memcpy(job->body, request->body, request->len);
	/* A name that is too long is cut to nothing, which is no name. */
	if (snprintf(job->name, sizeof(job->name), "%s", name) >= (int)sizeof(job->name))
		job->name[0] = '\0';
	job->result = (struct sftp_result){ .transport = TRANSPORT_ANSWERED,
		.status = 400,
		.words =
			"the file's name must be 1 to 200 bytes of UTF-8 without a slash, and must "
			"not begin with a full stop" };
	if (line->password.file)
		job->password = secret_read(line->owner->is.dirs, &line->password, &err);
	if (job->body && hand_over(job) == 0)
		return 0;
	free_job(job);
	return -1;
}

static void close_line(void *opened)
{
	struct line_sftp *line = opened;
	struct courier_sftp *owner;

	if (!line)
		return;
	owner = line->owner;
	(void)pthread_mutex_lock(&owner->mutex);
	atomic_store(&line->is_closed, true);
	free_jobs(&line->waiting, line);
	line->n_waiting = 0;
	free_jobs(&owner->ended, line);
	(void)pthread_cond_broadcast(&line->wake);
	if (line->n_threads == 0)
		free_line(line);
	(void)pthread_mutex_unlock(&owner->mutex);
}

int sftp_find_known_hosts(const struct secret_dirs *dirs, char *out, size_t size, struct error *err)
{
	char name[] = "known_hosts";
	const struct config_secret file = { .file = name };

	if (secret_path(dirs, &file, out, size, err) == 0 && access(out, R_OK) == 0)
		return 0;
	return error_set(err, "auth.host_key",
		"required for kind sftp: what ssh-keygen -lf prints of the server's key; or a file "
		"known_hosts beside the configuration");
}

static int copy_destination(
	struct line_sftp *line, const struct config_destination *destination, struct error *err)
{
	const struct config_auth *auth = &destination->auth;
	bool has_key = auth->type == CONFIG_AUTH_KEY;
	char key_path[PATH_BYTES] = "", known_hosts[PATH_BYTES] = "";

	if (!auth->host_key && sftp_find_known_hosts(line->owner->is.dirs, known_hosts,
				       sizeof(known_hosts), err) != 0)
		return -1;
	if (has_key && secret_path(line->owner->is.dirs, &auth->key, key_path, sizeof(key_path),
			       err) != 0) {
		error_prefix(err, "auth.key");
		return -1;
	}
	line->timeout_ms = destination->timeout_ms;
	line->max_threads = (unsigned)destination->concurrency;
	if (courier_copy_text(destination->url, &line->url) != 0 ||
		courier_copy_text(auth->username, &line->username) != 0 ||
		courier_copy_text(auth->host_key, &line->host_key) != 0 ||
		courier_copy_text(known_hosts[0] ? known_hosts : NULL, &line->known_hosts) != 0 ||
		courier_copy_text(has_key ? key_path : NULL, &line->key_path) != 0 ||
		courier_copy_text(has_key ? NULL : auth->password.file, &line->password.file) != 0)
		return error_set(err, NULL, "out of memory");
	return 0;
}

static int init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	int rc;

	if (pthread_condattr_init(&attributes) != 0)
		return -1;
	rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (rc == 0)
		rc = pthread_cond_init(condition, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return rc == 0 ? 0 : -1;
}

static void *open_line(void *ctx, const struct config_destination *destination, struct error *err)
{
	struct line_sftp *line = calloc(1, sizeof(*line));

	if (!line || init_condition(&line->wake) != 0) {
		free(line);
		error_fill(err, NULL, "out of memory");
		return NULL;
	}
	line->owner = ctx;
	TAILQ_INIT(&line->waiting);
	atomic_init(&line->is_closed, false);
	if (copy_destination(line, destination, err) == 0)
		return line;
	free_line(line);
	return NULL;
}

/* --- the courier's ------------------------------------------------------------------------------- */

const struct courier *courier_sftp_new(const struct courier_sftp_options *options)
{
	struct courier_sftp *owner = calloc(1, sizeof(*owner));

	if (!owner || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(owner);
		return NULL;
	}
	owner->is = *options;
	TAILQ_INIT(&owner->ended);
	(void)pthread_mutex_init(&owner->mutex, NULL);
	(void)init_condition(&owner->thread_ended);
	owner->courier = (struct courier){
		.open = open_line, .start = start_job, .close = close_line, .ctx = owner
	};
	owner->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (owner->ended_fd >= 0)
		owner->on_ended = event_new(
			options->base, owner->ended_fd, EV_READ | EV_PERSIST, on_ended, owner);
	if (owner->on_ended && event_add(owner->on_ended, NULL) == 0)
		return &owner->courier;
	courier_sftp_free(&owner->courier);
	return NULL;
}

/* True when no thread is left. */
static bool wait_for_threads(struct courier_sftp *owner)
{
	struct timespec until;
	bool is_over;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_S;
	(void)pthread_mutex_lock(&owner->mutex);
	while (owner->n_threads > 0 && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&owner->thread_ended, &owner->mutex, &until);
	is_over = owner->n_threads == 0;
	(void)pthread_mutex_unlock(&owner->mutex);
	return is_over;
}

void courier_sftp_free(const struct courier *courier)
{
	struct courier_sftp *owner = courier ? courier->ctx : NULL;

	if (!owner)
		return;
	if (owner->on_ended)
		event_free(owner->on_ended);
	if (!wait_for_threads(owner)) {
		LOG_WARNING("an SFTP server's name is still being looked up, not waiting for it");
		return; /* the thread needs what would be freed here */
	}
	if (owner->has_ended)
		(void)pthread_join(owner->last_ended, NULL);
	if (owner->ended_fd >= 0)
		(void)close(owner->ended_fd);
	(void)pthread_cond_destroy(&owner->thread_ended);
	(void)pthread_mutex_destroy(&owner->mutex);
	free(owner);
	curl_global_cleanup();
}
