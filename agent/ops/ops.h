/*
 * ops.h - all that comes by HTTP: the control API over the Unix socket, for who can open it, and over
 * the TCP listener, for who has a token; events; and /metrics, /healthz, /readyz.
 *
 * Replies leave in release(), like everything. evhttp frees a request whose client has left, so a
 * reply waits in a handle that the connection's close callback clears. A page is bounded, a body
 * too. Errors are problem+json (RFC 9457).
 */
#ifndef DRAY_OPS_H
#define DRAY_OPS_H

#include <stdbool.h>

#include "dray/broker_offer.h"
#include "dray/config.h"
#include "dray/error.h"
#include "dray/room.h"

struct event_base;
struct turn;
struct store;
struct metrics;
struct clock;
struct intake;
struct adapters;
struct deliver;
struct capture;
struct reference;
struct fleet;
struct secret_dirs;
struct ops;

struct ops_options {
	struct event_base *base;
	struct turn *turn;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	struct intake *intake;
	struct adapters *adapters;
	struct deliver *deliver;
	const struct reference *reference; /* what the site knows of units, for imports */
	struct fleet *fleet;               /* NULL: files are taken at once, and nothing else */
	const struct secret_dirs *secrets;
	/* What only main knows; callbacks so that ops need not know capture. */
	void (*view_broker)(void *ctx, struct broker_view *ret);
	const struct room_report *(*store_room)(void *ctx);
	/* Why fleet.url gives no document; "" it does, or nothing is asked for. May be NULL. */
	const char *(*url_fault)(void *ctx);
	void *ctx;
};

struct ops *ops_new(const struct ops_options *options);
void ops_free(struct ops *ops);
/*
 * Open or move the listeners, read tokens and certificates again. On failure all stays as it was.
 * `config` must outlive its use.
 */
int ops_configure(struct ops *ops, const struct config *config, struct error *err);
/* The tokens and certificates of a configuration, read and checked without an effect. */
int ops_check(const struct config *config, const struct secret_dirs *secrets, struct error *err);

#endif
