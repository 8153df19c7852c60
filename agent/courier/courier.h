/*
 * courier.h - how a request travels to the other side, and what came back, one way for each kind of
 * destination.
 *
 *   http.c   a request and its answer, over http_client.h: libcurl on the loop
 *   mqtt.c   a publish, answered by the broker's PUBACK
 *   sftp.c   a file under a temporary name, then renamed: sftp_upload.h, on a thread of its own
 *
 * A courier decides nothing. It sends once what it was given, tells once what became of it, and says so
 * where it can't know: whether that was a success is connector.h's to say, what follows from it
 * deliver.h's.
 */
#ifndef DRAY_COURIER_H
#define DRAY_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/config.h"
#include "dray/connector.h"
#include "dray/error.h"
#include "dray/outcome.h"

struct event_base;
struct clock;
struct turn;
struct secret_dirs;

struct courier_request {
	const char *destination;
	const char *method;
	const char *url;  /* kind http: whole, with the path */
	const char *path; /* kind mqtt: the topic; kind sftp: the file's name */
	/* "Name: value", NULL ends: content type, key, credentials, what the connector asks for. Kind
	 * mqtt: Content-Type becomes the message's, traceparent a user property, of the others none is sent. */
	const char *const *headers;
	const char *body;
	size_t len;
	bool fresh_connection;
	bool forgets_cookies; /* it begins anew: a log-in, a token */
};

/*
 * What the other side said, in HTTP's words whatever the kind: an accepted publish or file is 2xx,
 * refused credentials 401, no permission 403, no such folder 404, a message too large 413, a quota
 * 429, no space 507.
 */
struct courier_answer {
	enum outcome_transport transport;
	int status;
	const struct connector_header *headers; /* borrowed; names in lower case */
	size_t n_headers;
	const char *body; /* borrowed */
	size_t len;
	bool is_cut; /* the body was longer than what is kept */
	/* It left more than once: this answers the last time, what was done before nobody knows. */
	bool is_repeat;
	const char *error;
	int64_t took_ms;
};

/* The value of its header of this name, in whatever case; NULL: it has none, or `name` is NULL. */
const char *courier_find_header(const struct courier_answer *answer, const char *name);

typedef void (*courier_done_fn)(void *ctx, const struct courier_answer *answer);

/* Swappable, so that tests act as the other side without a socket. */
struct courier {
	/* Open what one destination needs. NULL with *err filled on failure. */
	void *(*open)(void *ctx, const struct config_destination *destination, struct error *err);
	/* 0, or -1: not started. `done` is never called from within. The body lives until `done`. */
	int (*start)(void *opened, const struct courier_request *request, courier_done_fn done,
		void *done_ctx);
	/* Nobody waits for the one that was started with this `done_ctx`: it ends without a word. */
	void (*forget)(void *opened, void *done_ctx);
	void (*close)(void *opened);
	void *ctx;
};

/* For couriers: a copy that outlives the configuration; NULL of NULL. 0, or -1 when memory ran out. */
int courier_copy_text(const char *text, char **ret);

/* The couriers, one for each kind of destination. `dirs` is borrowed for their life. */
struct http_client;
const struct courier *courier_http_new(struct http_client *client, const struct secret_dirs *dirs);
void courier_http_free(const struct courier *courier);

struct courier_mqtt_options {
	struct event_base *base;
	const struct clock *clock;
	const struct secret_dirs *dirs;
	const char *site; /* copied; the client id at each broker is "drayd-SITE-to-DESTINATION" */
};
const struct courier *courier_mqtt_new(const struct courier_mqtt_options *options);
/* It publishes in the turn's release: attach it behind the engine, so that what the engine starts in a
 * release leaves in the same one. */
void courier_mqtt_attach(const struct courier *courier, struct turn *turn);
void courier_mqtt_free(const struct courier *courier);

struct courier_sftp_options {
	struct event_base *base;
	const struct clock *clock;
	const struct secret_dirs *dirs;
};
/* A file under a temporary name, then renamed: a repeat ends with the same one file. */
const struct courier *courier_sftp_new(const struct courier_sftp_options *options);
/* Every line is closed. Waits for what its threads are still at, a few seconds at most. */
void courier_sftp_free(const struct courier *courier);
/*
 * What says which key a server without auth.host_key must have: the file known_hosts, looked for as
 * secrets are. 0, or -1 with *err filled.
 */
int sftp_find_known_hosts(
	const struct secret_dirs *dirs, char *out, size_t size, struct error *err);

#endif
