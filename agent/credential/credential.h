/*
 * credential.h - what proves to one destination who we are, and how it is kept fresh.
 *
 *   static    none, basic, bearer, api_key, hmac: read from files
 *   fetched   a token (oauth2) or a session, then a CSRF token where one is used: asked for over the
 *             destination's own courier, single-flight
 *
 *   NEEDED ─credential_fetch()─► FETCHING ─► HELD ─expired, or refused─► NEEDED
 *      ▲                            └─► FAILED (the reason in words)
 *      └──────── its wait is over, or credential_reread() ──┘
 *
 * A destination claims nothing unless its credential is HELD: so no row waits, claimed, for a token.
 * From expiry less skew on, credential_fetch() asks for another one while this one is HELD: nothing
 * waits for that, and if it fails nothing is lost yet.
 *
 * 401 (or a CSRF 403) once: the credential is read or fetched anew, and the delivery sent again;
 * refused once more, the destination is held.
 *
 * Cookies that answers set are the courier's to keep (http_client.h); a fetch forgets those from
 * before. Nothing here is logged, and what was secret is wiped when it is freed; libcurl, the mapper
 * and a parsed answer have copies for as long as they need them. Each destination's is its own.
 */
#ifndef DRAY_CREDENTIAL_H
#define DRAY_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"
#include "dray/config.h"
#include "dray/connector.h"
#include "dray/error.h"

struct clock;
struct courier;
struct secret_dirs;
struct credential;
struct mapper_program;

#define CREDENTIAL_REASON_MAX 320

enum credential_state {
	CREDENTIAL_HELD,     /* requests may be signed; so for static ones, once they were read */
	CREDENTIAL_NEEDED,   /* call credential_fetch() */
	CREDENTIAL_FETCHING, /* on_change is called when that ends */
	CREDENTIAL_FAILED,   /* credential_failure() says why */
};

struct credential_options {
	const struct config_destination *destination; /* borrowed, as all that follows */
	const char *site;
	const struct secret_dirs *secrets;
	const struct clock *clock;
	/* And what it has open, until credential_free(). NULL: only the files are read, to check them. */
	const struct courier *courier;
	void *opened;
	const struct connector *connector; /* type session: whose program logs in; NULL else */
	struct mapper_program *program;    /* the same; own reference taken */
	unsigned generation;               /* to count on from: of the one that it replaces */
	void (*on_change)(void *ctx); /* a fetch has ended; from the loop, not from within a call.
					    * It must not free the credential */
	void *ctx;
};

/*
 * Reads the files. NULL with *err filled. In use (a courier) one that can't be read is no error: it is NEEDED,
 * and FAILED until the file is there.
 */
struct credential *credential_new(const struct credential_options *options, struct error *err);
/* A fetch that is out ends without a word. NULL is a no-op. */
void credential_free(struct credential *credential);

enum credential_state credential_state(const struct credential *credential);
/* Begin, where it is NEEDED or about to be, and none is out: FETCHING, or FAILED, if it could not be
 * begun. */
void credential_fetch(struct credential *credential);

struct credential_failure {
	unsigned nth;       /* of this credential, >= 1 */
	bool is_refused;    /* the credentials are wrong; else the other side can't be reached */
	int64_t asked_ms;   /* it asked for no request before that; 0 none; at most a day */
	const char *reason; /* in words, without secrets */
};
/* The last one. */
struct credential_failure credential_failure(const struct credential *credential);

/* Rises whenever it is made anew. */
unsigned credential_generation(const struct credential *credential);
/* It was refused, has been made anew since, and was not accepted since. */
bool credential_is_fresh(const struct credential *credential);
/* A request signed with this generation was accepted, or refused: 401, or 403 where a CSRF token is
 * used and the answer asks for one. Refused: made anew (files are read now). */
void credential_accepted(struct credential *credential, unsigned generation);
void credential_refused(struct credential *credential, unsigned generation);
/* Whoever mends credentials writes the file: read it again (a probe of a held destination does), and
 * wait no longer after a failure. A fetch reads files anyway. */
void credential_reread(struct credential *credential);
/* Is this 403 one that a new CSRF token mends? */
bool credential_is_csrf_refusal(const struct credential *credential, int status,
	const struct connector_header *headers, size_t n_headers);

struct credential_request {
	const char *method, *url, *body;
	size_t len;
};
/*
 * Append "Name: value\0" for each header: how many, at most CREDENTIAL_HEADERS_MAX; -1 when memory ran
 * out. Room is made at once; a buffer that grows later leaves copies behind: sign last, buf_wipe() it.
 */
#define CREDENTIAL_HEADERS_MAX 8
int credential_sign(const struct credential *credential, const struct credential_request *request,
	struct buf *out);

/* In what a stranger wrote secrets of four characters and more become "***". */
void credential_redact(const struct credential *credential, char *text);
/* connector_read_refusal(), redacted. */
void credential_read_refusal(
	const struct credential *credential, const char *body, size_t len, char *out, size_t size);

#endif
