/*
 * credential_internal.h - what the files of a credential share.
 *
 *   credential.c                  states, one fetch at a time, waits, what requests are signed with
 *   static.c                      what stands in files
 *   hmac.c                        the signature of one request
 *   oauth2.c, session.c, csrf.c   a stage of a fetch each: X_begin() asks, X_answer() reads what came back
 *
 * A fetch passes its stages in their order. A stage ends in credential_go_on() or credential_fail().
 */
#ifndef DRAY_CREDENTIAL_INTERNAL_H
#define DRAY_CREDENTIAL_INTERNAL_H

#include "courier/courier.h"
#include "credential/credential.h"

/* Of the other side, before they are cut: a secret that a cut has shortened would not be found. */
#define CREDENTIAL_WORDS_MAX 1024

enum credential_stage { STAGE_NONE, STAGE_TOKEN, STAGE_LOGIN, STAGE_CSRF };

/* Secrets, all of it: secret_free(). */
struct credential_parts {
	char *headers[CREDENTIAL_HEADERS_MAX]; /* "Name: value" */
	size_t n;
	char *secret; /* as it stands in the file: hmac's key */
};

struct credential_fetch {
	enum credential_stage stage; /* STAGE_NONE: none is out */
	struct credential_parts made;
	int64_t begun_mono_ms;
	int64_t lifetime_ms;      /* since it was begun; 0 not said */
	bool is_sent;             /* a request is with the courier */
	struct buf headers, body; /* of the request; wiped */
	/* log-in */
	struct mapper_call *call;
	char *carry;
	unsigned n_requests;
	int status; /* of the last answer, and its words */
	char words[CREDENTIAL_WORDS_MAX];
};

struct credential {
	struct credential_options options;
	const struct config_auth *auth;
	struct credential_parts own;              /* from files */
	struct credential_parts held;             /* fetched */
	bool is_unread;                           /* static, and its file could not be read yet */
	bool is_held;                             /* neither refused nor never fetched */
	int64_t refresh_mono_ms, expires_mono_ms; /* of what is held; INT64_MAX not known */
	struct credential_fetch fetch;
	bool is_beginning; /* within credential_fetch(): nobody is told */
	bool was_refused;  /* and not accepted since */
	unsigned generation;
	bool is_failed;
	int64_t retry_mono_ms; /* after a failure */
	unsigned failures_in_row;
	struct credential_failure failure;
	char reason[CREDENTIAL_REASON_MAX];
};

/* --- credential.c ---------------------------------------------------------------------------------- */

/* The fetch's next stage, or its end. */
void credential_go_on(struct credential *credential);
/* The fetch ends. The words may hold what the other side said; secrets are taken out. */
void credential_fail(struct credential *credential, bool is_refused, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Send fetch.headers (texts one behind the other) and fetch.body; the answer goes to the stage. */
void credential_send(struct credential *credential, const char *method, const char *url);
/*
 * A 2xx? Else the fetch fails: refused by what the other side says about the request, not reached by
 * all that may pass.
 *
 * who    "the token endpoint"
 * words  of the other side; "" none
 */
bool credential_is_answered(struct credential *credential, const struct courier_answer *answer,
	const char *who, const char *words);
/* credential_sign() with other fetched parts than those held. */
int credential_put(const struct credential *credential, const struct credential_parts *fetched,
	const struct credential_request *request, struct buf *out);
/* Takes `line`, "Name: value", over; NULL: memory ran out. 0, or -1 when there are too many. */
int credential_put_header(struct credential_parts *parts, char *line);
void credential_parts_done(struct credential_parts *parts);
/* "Name: value" of three texts; secret_free(). NULL when memory ran out. */
char *credential_line(const char *name, const char *scheme, const char *value);
/* Visible ASCII, spaces within if said so, at most `max` bytes: it may stand in a header. */
bool credential_is_plain(const char *text, bool has_spaces, size_t max);

/* --- the others ------------------------------------------------------------------------------------ */

/* What files give. 0, or -1 with *err filled and *ret as it was. */
int static_read(const struct config_auth *auth, const struct secret_dirs *dirs,
	struct credential_parts *ret, struct error *err);
/* "Basic" of RFC 7617, or of RFC 6749 section 2.3.1 when encoded. secret_free(); NULL no memory. */
char *static_basic(const char *username, const char *password, bool is_encoded);

/* Append the signature's headers. How many, or -1. */
int hmac_sign(const struct credential *credential, const struct credential_request *request,
	struct buf *out);

void oauth2_begin(struct credential *credential);
void oauth2_answer(struct credential *credential, const struct courier_answer *answer);
void session_begin(struct credential *credential);
void session_answer(struct credential *credential, const struct courier_answer *answer);
void csrf_begin(struct credential *credential);
void csrf_answer(struct credential *credential, const struct courier_answer *answer);

#endif
