/*
 * credential.h - what proves to one destination who we are, and how it is kept fresh.
 *
 *   static    none, basic, bearer, api_key, hmac: read from files
 *   fetched   oauth2, session, csrf: asked for over the destination's own courier, single-flight
 *
 *   NEEDED ─credential_fetch()─► FETCHING ─► HELD ─expiry less skew, or refused─► NEEDED
 *                                   └─► FAILED (until its wait is over; the reason in words)
 *
 * A destination claims nothing unless its credential is HELD: so no row waits, claimed, for a token.
 * 401 (or a CSRF 403) once: the credential is read or fetched anew, and the delivery sent again;
 * refused once more with a credential just made: the destination is held.
 *
 * Nothing here is logged, and what was secret is wiped when it is freed. Each destination's is its
 * own.
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
#include "dray/outcome.h"

struct clock;
struct courier;
struct secret_dirs;
struct credential;
struct mapper_program;

enum credential_state {
	CREDENTIAL_HELD,     /* requests may be signed; always so for static ones */
	CREDENTIAL_NEEDED,   /* call credential_fetch() */
	CREDENTIAL_FETCHING, /* on_change is called when that ends */
	CREDENTIAL_FAILED,   /* credential_failure() says why; NEEDED again after its wait */
};

struct credential_options {
	const struct config_destination *destination; /* copied as far as needed */
	const char *site;
	const struct secret_dirs *secrets;
	const struct clock *clock;
	const struct courier *courier; /* and what it has open, borrowed; may be set anew */
	void *opened;
	struct connector *connector;    /* type session: whose program logs in; borrowed */
	struct mapper_program *program; /* the same; own reference taken; NULL else */
	void (*on_change)(void *ctx); /* a fetch has ended; from the loop, not from within a call */
	void *ctx;
};

/* Reads the files. NULL with *err filled. */
struct credential *credential_new(const struct credential_options *options, struct error *err);
/* A fetch that is out ends without a word. NULL is a no-op. */
void credential_free(struct credential *credential);
/* The line was opened anew. A fetch that is out over the old one counts as failed. */
void credential_set_line(
	struct credential *credential, const struct courier *courier, void *opened);

enum credential_state credential_state(struct credential *credential);
/* Begin; NEEDED → FETCHING (or FAILED, if it could not be begun). */
void credential_fetch(struct credential *credential);
/* When it should be asked again: expiry less skew, or the end of a failure's wait. Monotonic ms; INT64_MAX
 * never. */
int64_t credential_next_mono_ms(const struct credential *credential);

struct credential_failure {
	bool is_refused;    /* the credentials are wrong; else the other side can't be reached */
	const char *reason; /* in words, without secrets */
};
struct credential_failure credential_failure(const struct credential *credential);

/* Rises whenever it is made anew. */
unsigned credential_generation(const struct credential *credential);
/* It has been made anew since anything was last accepted. */
bool credential_is_fresh(const struct credential *credential);
/* A request signed with this generation was accepted, or refused: 401, or 403 where a CSRF token is
 * used and the answer asks for one. Refused: made anew (files are read now). */
void credential_accepted(struct credential *credential, unsigned generation);
void credential_refused(struct credential *credential, unsigned generation);
/* Whoever mends credentials writes the file: read it again (a probe of a held destination does). */
void credential_reread(struct credential *credential);
/* Is this 403 one that a new CSRF token mends? */
bool credential_is_csrf_refusal(const struct credential *credential, int status,
	const struct connector_header *headers, size_t n_headers);

struct credential_request {
	const char *method, *url, *body;
	size_t len;
};
/* Append "Name: value\0" for each header; 0..CREDENTIAL_HEADERS_MAX of them. -1: memory ran out. */
#define CREDENTIAL_HEADERS_MAX 8
int credential_sign(
	struct credential *credential, const struct credential_request *request, struct buf *out);

#endif
