/*
 * help_credential.h - a credential in a box: files, a clock that stands until it is moved, and a courier
 * that keeps the one request that is out until the test answers it.
 */
#ifndef DRAY_HELP_CREDENTIAL_H
#define DRAY_HELP_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "courier/courier.h"
#include "credential/credential.h"
#include "secret.h"

struct box {
	char dir[64];
	int64_t now_ms; /* monotonic; the wall clock is WALL_AHEAD_MS ahead */
	struct clock clock;
	struct secret_dirs secrets;
	struct config_destination destination; /* the test's to fill: auth is all that matters */
	struct courier courier;
	struct connector connector;
	struct mapper_program *program; /* type session */
	struct credential *credential;
	unsigned n_changes; /* on_change */
	/* The request that is out, or was. */
	bool is_out, refuses_to_start;
	unsigned n_sent, n_forgotten;
	char method[16], url[256], headers[4096], body[4096]; /* headers: "Name: value|" */
	bool forgets_cookies;
	courier_done_fn done;
	void *ctx;
};

#define WALL_AHEAD_MS INT64_C(1795000000000)

/* Type none, kind http, url http://erp; a secret file "secret" of "s3cr3t!". */
void box_open(struct box *box);
void box_close(struct box *box);
void box_write(struct box *box, const char *name, const char *text);

/* box->credential of box->destination. */
void box_make(struct box *box);
/* credential_fetch(), with a look that nobody is told from within. */
void box_fetch(struct box *box);

/* Answer what is out. `headers` are pairs, NULL ends; NULL none. */
void box_answer(struct box *box, int status, const char *const *headers, const char *body);
void box_fail(struct box *box, enum outcome_transport transport);
/* credential_sign() of a POST of "{}" to http://erp/x?a=1: "Name: value|". Until the next call. */
const char *box_sign(struct box *box);
/* Its failure's words. */
const char *box_reason(const struct box *box);

#endif
