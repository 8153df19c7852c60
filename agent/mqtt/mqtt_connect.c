/*
 * Names are resolved and connections made here, on a thread of its own: mosquitto_connect() does
 * both synchronously. While the thread runs the job owns the client.
 */
#include "mqtt_internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <mqtt_protocol.h>

enum { JOB_WANTED, JOB_ABANDONED, JOB_DONE };

struct connect_job {
	struct mqtt *mqtt; /* the loop's side only */
	struct mosquitto *client;
	char *host;
	int port, keepalive_s;
	bool is_mqtt5;
	uint32_t session_expiry_s;
	int rc;
	char why[MQTT_WORDS_MAX];
	int done_fd;
	struct event *on_done;
	pthread_t thread;
	atomic_int state;
};

static int connect_client(const struct connect_job *job)
{
	mosquitto_property *properties = NULL;
	int rc = MOSQ_ERR_SUCCESS;

	if (job->is_mqtt5)
		rc = mosquitto_property_add_int32(
			&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, job->session_expiry_s);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_connect_bind_v5(
			job->client, job->host, job->port, job->keepalive_s, NULL, properties);
	mosquitto_property_free_all(&properties);
	return rc;
}

static void free_job(struct connect_job *job)
{
	if (job->on_done)
		event_free(job->on_done);
	if (job->done_fd >= 0)
		(void)close(job->done_fd);
	free(job->host);
	free(job);
}

static void *run_connect(void *arg)
{
	struct connect_job *job = arg;
	int expected = JOB_WANTED;
	uint64_t one = 1;

	errno = 0;
	job->rc = connect_client(job);
	mqtt_words(job->rc, errno, job->why);
	if (!atomic_compare_exchange_strong(&job->state, &expected, JOB_DONE)) {
		mosquitto_destroy(job->client);
		free_job(job);
		return NULL;
	}
	while (write(job->done_fd, &one, sizeof(one)) < 0)
		;
	return NULL;
}

static void on_connect_done(evutil_socket_t fd, short what, void *ctx)
{
	struct connect_job *job = ctx;
	struct mqtt *mqtt = job->mqtt;
	char why[MQTT_WORDS_MAX];
	int rc;

	(void)fd;
	(void)what;
	(void)pthread_join(job->thread, NULL);
	rc = job->rc;
	memcpy(why, job->why, sizeof(why));
	mqtt->job = NULL;
	free_job(job);
	connect_finished(mqtt, rc, why);
}

/* Signals belong to the loop's thread. */
static int start_thread(struct connect_job *job)
{
	sigset_t all, before;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&job->thread, NULL, run_connect, job);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : -1;
}

int connect_start(struct mqtt *mqtt)
{
	struct connect_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -1;
	job->mqtt = mqtt;
	job->client = mqtt->client;
	job->port = mqtt->port;
	job->keepalive_s = mqtt->keepalive_s;
	job->is_mqtt5 = mqtt->protocol == MQTT_PROTOCOL_V5;
	job->session_expiry_s = mqtt->session_expiry_s;
	job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->host = strdup(mqtt->host);
	if (job->done_fd < 0 || !job->host)
		goto fail;
	job->on_done = event_new(mqtt->base, job->done_fd, EV_READ, on_connect_done, job);
	if (!job->on_done || event_add(job->on_done, NULL) < 0 || start_thread(job) < 0)
		goto fail;
	mqtt->job = job;
	return 0;
fail:
	free_job(job);
	return -1;
}

void connect_abandon(struct connect_job *job)
{
	int expected = JOB_WANTED;
	pthread_t thread = job->thread;

	/* The thread may free the job from here on, but for its event, which is the loop's. */
	event_free(job->on_done);
	job->on_done = NULL;
	if (atomic_compare_exchange_strong(&job->state, &expected, JOB_ABANDONED)) {
		(void)pthread_detach(thread);
		return;
	}
	(void)pthread_join(thread, NULL);
	mosquitto_destroy(job->client);
	free_job(job);
}
