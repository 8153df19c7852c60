/*
 * capture.h - two MQTT clients: capture subscribes and acknowledges, nothing else; talk publishes
 * acks, status and alerts, and hears what stands in config/desired where there is a fleet section.
 *
 * Order within a turn: events are read and stored (gather), committed, then release() first queues
 * and flushes the acks on talk, then flushes the PUBACKs on capture. Were it the other way round a
 * crash between the two would leave a handheld without its ack and the broker with nothing to send
 * again; so a resend is answered `duplicate`.
 *
 * Messages of a source with an adapter are answered in a later turn; until then no PUBACK of this
 * connection leaves, and beyond some time nothing more is read (held.h). Acks on talk don't wait.
 *
 * What the broker retains is left with it: who resubscribes would hear again what was taken long ago.
 *
 * At most 500 acks are outstanding on talk; as many as fit a ring wait behind them. While talk is up
 * a filling ring stops the reading of capture, so that none is lost by haste; while talk is down the
 * oldest are dropped, and counted: a handheld that is not told sends again and is answered
 * `duplicate`.
 */
#ifndef DRAY_CAPTURE_H
#define DRAY_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/broker_offer.h"
#include "dray/config.h"
#include "dray/error.h"

struct event_base;
struct turn;
struct store;
struct metrics;
struct clock;
struct intake;
struct adapters;
struct secret_dirs;
struct deliver_news;
struct capture;

struct capture_options {
	struct event_base *base;
	struct turn *turn;
	struct store *store;
	struct metrics *metrics;
	const struct clock *clock;
	struct intake *intake;
	struct adapters *adapters;
	const struct secret_dirs *secrets;
	/* A desired document, borrowed, never empty: the one that is retained comes at each connect and with
	 * each configuration. Cut where it is longer than JWS_MAX bytes, to one more than that. May be NULL. */
	void (*on_desired)(void *ctx, const char *text, size_t len);
	void *ctx;
};

struct capture *capture_new(const struct capture_options *options);
void capture_free(struct capture *capture);

/*
 * Take a configuration into use. Connections whose options did not change stay as they are; changed
 * sources are subscribed, gone ones unsubscribed. -1 with *err filled and nothing changed.
 */
int capture_configure(struct capture *capture, const struct config *config, struct error *err);

/* The same check without an effect: topics, and the files of secrets and certificates. */
int capture_check(
	const struct config *config, const struct secret_dirs *secrets, struct error *err);

/*
 * Open, as it is at first, or closed: the broker is told, and keeps the session and what comes for
 * it; no connection is made until it is opened again. talk stays connected. `why` is for status,
 * copied; it may be given anew. From release().
 */
void capture_open(struct capture *capture, bool is_open, const char *why);
bool capture_is_up(const struct capture *capture);
/* For status: "" when all is well. */
const char *capture_reason(const struct capture *capture);
/* All that is known of the broker; texts are borrowed until the loop goes on. */
void capture_view(const struct capture *capture, struct broker_view *ret);

/* After a commit: tell the device (ack_delivered sources). */
void capture_on_news(struct capture *capture, const struct deliver_news *news);
/*
 * On {root}/{site}/alert/{severity}: {"time","severity","kind","state","destination","device","id",
 * "seq","message"}, what isn't known left out. NULL and "" are not known, seq 0 neither.
 */
struct capture_alert {
	const char *severity; /* "critical", "normal", "low" */
	const char *kind;     /* of the exception, or of the alarm */
	const char *state;    /* of an alarm that ends: "raised", "cleared" */
	const char *destination, *device, *id;
	const char *origin; /* topic, or name of the source, that a refused message came by */
	int64_t seq;
	const char *message;
};
void capture_alert(struct capture *capture, const struct capture_alert *alert);

/*
 * What is in force, for config/reported (retained, published now and at each connect, behind the commit)
 * and for the status.
 *
 * revision  0: none from afar.
 * text      copied; len 0: what is retained is taken away.
 */
void capture_report(struct capture *capture, int64_t revision, const char *text, size_t len);

/* Publish {"state":"offline"} and disconnect. */
void capture_stop(struct capture *capture);

#endif
