/*
 * deliver.h - carrying events to the other side: dispatch, settle, and nothing in between but a
 * courier.
 *
 *   dispatch (in the turn's transaction)                release (after its commit)
 *     1. settle every answer that came in ──────────────► forget the claim
 *     2. move due WAITING rows to READY
 *     3. claim READY rows into free capacity,
 *        pin batch and connector revision, render ──────► the courier sends
 *
 * A claim is one request that is out or about to be: the deliveries in it (one, or a pinned batch),
 * the bytes, the key, and, once it is there, the answer. Its life:
 *
 *   CLAIMED ─commit─► SENT ─answer─► ANSWERED ─settled, commit─► gone
 *      └─poison─► gone (the rows are READY as before)   └─poison─► ANSWERED, settled again next turn
 *
 * With a program the mapper is asked twice, after the commit of the claim for the request, and for
 * what its answer means; a further step (`send` after an answer), and any request with a new carry,
 * waits for a commit that holds the carry:
 *
 *   CLAIMED ─commit─► MAPPING ─► SENT ─answer─► MAPPING ─► ANSWERED ─settled, commit─► gone
 *                        └─ a new carry ─► ANSWERED ─written, commit─► SENT …
 *
 * A lookup is a claim like any other on a SUSPECT row, which stays SUSPECT: nothing that it does is
 * remembered but its end.
 *
 * Laws
 *   1. An answer is never forgotten: an ANSWERED claim stays until a commit holds its settlement,
 *      and is never sent again because that commit failed.
 *   2. Breakers, buckets, refused credentials and the held destination move after the commit only.
 *   3. At most `concurrency` claims per destination, or account where it names one; at most batch.max
 *      deliveries in one.
 *   4. A key is never in two claims. Within a claim every delivery has another ordering key, but where
 *      batch.kind is ordered or atomic: there a chain of one key may go together, by seq.
 *   5. Nothing loads a backlog: what is in memory is bounded by concurrency times batch.
 *
 * A slow or dead destination never delays another: each has its own window, breaker, limit and pool
 * of connections. Those of one account share its limit (limit.h), and take turns: there a slow one
 * leaves the others what it doesn't fill.
 *
 * hold: 401 after fresh credentials, or 403/404, closes the destination. The next probe carries
 * another ordering key than the delivery that was refused: if that passes, the first one is rejected
 * and the rest goes on; if it is refused as well, the destination itself is at fault, an exception
 * `hold` opens, nobody is rejected, and probes go on until one passes. Nobody is rejected for refused
 * credentials either, nor where a program says that the destination is at fault.
 */
#ifndef DRAY_DELIVER_H
#define DRAY_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/breaker.h"
#include "dray/config.h"
#include "dray/connector.h"
#include "dray/error.h"

struct event_base;
struct store;
struct mapper;
struct metrics;
struct clock;
struct courier;
struct turn;
struct secret_dirs;
struct deliver;

/* Told after a commit that a delivery was accepted, or became an exception. */
struct deliver_news {
	const char *destination;
	int64_t seq;
	const char *source, *id, *type, *device;
	bool is_exception;           /* else delivered */
	const char *ref;             /* "" none */
	const char *kind, *severity; /* of the exception; "" for a delivery */
	const char *reason;          /* in words, for an exception */
};

/* An event that an answer brought. Texts are borrowed during the call. */
struct deliver_emit {
	const char *destination;
	int64_t parent_seq;
	const char *parent_source, *parent_id;
	const char *parent_body; /* canonical */
	size_t parent_len;
	unsigned index;   /* among those of one parent and destination */
	const char *text; /* JSON object: type, data, and what it may say itself */
	size_t len;
};

struct deliver_options {
	struct event_base *base;
	struct turn *turn;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	const struct courier *couriers[CONFIG_KIND_N];
	struct mapper *mapper;
	const struct secret_dirs *secrets;
	/*
	 * An answer brought an event: store and route it, in the turn's transaction, as if it had come
	 * in. What can't be read becomes an `invalid` exception, one chain longer than eight a `loop`
	 * one. The same one comes again when its turn is poisoned, or another answer says the same.
	 * NULL: nothing is emitted. 0, or -1: the store is poisoned, or memory ran out and it is to
	 * come again.
	 */
	int (*on_emit)(void *ctx, const struct deliver_emit *emit);
	/* The folders in which NAME/connector.json is looked for, NULL ends. */
	const char *const *connector_dirs;
	void (*on_news)(void *ctx, const struct deliver_news *news); /* may be NULL */
	/* An alarm for people, after the commit: "destination erp cannot be reached: …". */
	void (*on_alert)(void *ctx, const char *severity, const char *text);
	void *ctx;
};

struct deliver *deliver_new(const struct deliver_options *options);
void deliver_free(struct deliver *deliver);

/*
 * Take a configuration into use: at start, and on reload. Destinations that stay keep their window;
 * requests that are out end as they were begun. One that is gone from the configuration keeps its
 * deliveries; nothing is claimed for it. `config` must outlive its use: it is kept until the next
 * deliver_configure() has returned and every claim made under it is settled (deliver takes what it
 * needs by copy, so the caller may free the old one at once).
 *
 * Returns 0, or -1 with *err filled and nothing changed: connectors are loaded
 * first. A secret that can't be read holds its destination until it is there (deliver_check() refuses it).
 * The first call also takes up rows found CLAIMED after a crash.
 */
int deliver_configure(struct deliver *deliver, const struct config *config, struct error *err);
/* The same check without an effect, for --check; `reads_credentials`: they must be there, too. */
int deliver_check(const struct config *config, bool reads_credentials,
	const struct secret_dirs *secrets, const char *const *connector_dirs, struct error *err);

/* Before an orderly end: claim nothing more; what is out goes on. */
void deliver_drain(struct deliver *deliver);

/* While it rests nothing is claimed; answers that come in are settled. */
void deliver_rest(struct deliver *deliver, bool is_resting);

/* A delivery of this destination became READY by another hand (routed, retried, resumed). */
void deliver_poke(struct deliver *deliver, int destination);

/* What status and metrics show. */
struct deliver_view {
	const char *name;
	int id;
	bool is_configured; /* false: rows in the store, no destination in the configuration */
	bool is_paused;
	enum breaker_state breaker;
	enum breaker_cause cause;
	const char *reason;       /* the failure since the last success, in words; "" none */
	int64_t not_before_at_ms; /* it asked for no request before then; 0 none */
	unsigned in_flight;
	int64_t last_success_at_ms; /* 0 never since start */
	const char *url, *connector;
};
typedef void (*deliver_view_fn)(void *ctx, const struct deliver_view *view);
void deliver_list(struct deliver *deliver, deliver_view_fn fn, void *ctx);

#endif
