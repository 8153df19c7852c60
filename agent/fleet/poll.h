/*
 * poll.h - fleet.url, asked again and again for the desired document.
 *
 *   wait ─► ask ─► 200: the document is handed on, with the next question goes If-None-Match
 *     ▲            304: it is the one we have
 *     │            404, 410, 204: there is none for this site; said once
 *     └── every ◄─ else, or no answer: again with backoff, never more seldom than `every`; said once,
 *                  and once when it is over
 *
 * The wait is fleet.every, a tenth more or less; the first is short. So sites that were started together
 * don't ask together. What was handed on is asked for whole again with each configuration that is taken
 * into use, and after a start: one that could not be taken is looked at anew.
 *
 * The token is read from its file for each question. TLS is verified; redirects are not followed.
 */
#ifndef DRAY_POLL_H
#define DRAY_POLL_H

#include <stddef.h>
#include <stdint.h>

#include "dray/config.h"
#include "dray/error.h"

struct event_base;
struct turn;
struct clock;
struct http_client;
struct secret_dirs;
struct poll;

struct poll_options {
	struct event_base *base;
	struct turn *turn;
	struct http_client *http;
	const struct clock *clock;
	const struct secret_dirs *secrets;
	/* From the loop; borrowed. Cut where it is longer than JWS_MAX bytes, to one more than that. */
	void (*on_document)(void *ctx, const char *text, size_t len);
	void *ctx;
};

struct poll *poll_new(const struct poll_options *options); /* NULL when memory ran out */
void poll_free(struct poll *poll);

/* Take fleet.* into use; `config` must outlive that. 0, or -1 with *err filled and nothing changed. */
int poll_configure(struct poll *poll, const struct config *config, struct error *err);
/* Can the token be read? 0, or -1 with *err filled. */
int poll_check(const struct config *config, const struct secret_dirs *secrets, struct error *err);

/* For people: why there is no document; "" there is one, or nothing is asked for. */
const char *poll_fault(const struct poll *poll);

#endif
