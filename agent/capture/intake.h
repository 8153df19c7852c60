/*
 * intake.h - the one door: whatever comes in by MQTT or by HTTP passes here and nowhere else.
 *
 *   bytes ─► [adapter] ─► split into values ─► scan ─► event_parse (barcodes, items, units)
 *         ─► render ─► store ─► route ─► one delivery row per destination        ─► an ack each
 *
 * An adapter is asked before (adapter.h): what comes here then are the events that it made, with the
 * message that they were made of as `raw`.
 *
 * Laws
 *   1. Each event of a message is taken or refused by itself, whole.
 *   2. Nothing that was received is thrown away: what is refused is kept raw in an exception,
 *      `unparsable` when it can't be read, `invalid` when it can, `id_conflict` when its id is
 *      taken by other content.
 *   3. The acks are true only after the commit: the caller defers them to its release().
 *   4. Duplicates are decided in the transaction that would store them.
 *
 * On a store failure intake stops: the turn is poisoned, and no ack is produced for the rest.
 */
#ifndef DRAY_INTAKE_H
#define DRAY_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/ack.h"
#include "dray/config.h"
#include "store/store.h"

#define INTAKE_RAW_MAX ((size_t)1 << 20) /* bytes that are kept of what is refused */

struct metrics;
struct clock;
struct deliver;
struct intake;
struct reference;

struct intake_message {
	const char *origin;     /* the source's name; "control" for drayctl */
	const char *topic;      /* for people, in exceptions; NULL none */
	const char *topic_site; /* NULL: not said */
	const char *topic_type;
	const char *topic_device;
	bool is_stray; /* its topic is where events are, and doesn't say whose: nothing of it is taken */
	const char *types;          /* as in struct event_context */
	const char *default_device; /* when neither topic nor body names one; NULL none */
	const char *traceparent;    /* NULL none */
	enum config_on_invalid on_invalid;
	unsigned chain;     /* as in struct event_context */
	size_t first_index; /* of its first event, where a message is taken in parts: for derived ids */
	const void *payload;
	size_t len;
	/* What `payload` was made of: kept where an event is refused, and with the first that is
	 * stored. NULL: payload is what came. */
	const void *raw;
	size_t raw_len;
	size_t max_len; /* of payload, where many events may come at once; 0: limits.max_message, to
			 * which each event is held anyway */
	int64_t received_at_ms;  /* wall clock, when it came */
	int64_t arrived_mono_us; /* the same on the monotonic clock; 0: now */
};

/* One ack; `device` is "" when nobody knows whom to tell. */
typedef void (*intake_ack_fn)(void *ctx, const struct ack *ack, const char *device);

struct intake *intake_new(struct store *store, struct deliver *deliver, struct metrics *metrics,
	const struct clock *clock);
void intake_free(struct intake *intake);
/* Items and units are asked for there (items.h); until then they pass as they are. */
void intake_set_reference(struct intake *intake, const struct reference *reference);
/* `config` must outlive its use. 0, or -1 when memory ran out: nothing changed. */
int intake_configure(struct intake *intake, const struct config *config);

/*
 * Take a message. `on_ack` is called once per event, in order, during the call.
 * Returns 0, or -1: the store failed, the turn is poisoned.
 */
int intake_take(struct intake *intake, const struct intake_message *message, intake_ack_fn on_ack,
	void *ctx);

/*
 * Refuse a message of which nothing could be made an event: it is kept raw (`unparsable`), and one ack
 * says why, for `id`, none where that is no id an event may have. Returns as intake_take() does.
 */
int intake_refuse(struct intake *intake, const struct intake_message *message, const char *id,
	const struct problem *problem, intake_ack_fn on_ack, void *ctx);

/* A message that says nothing: an adapter read it and made no event of it. It is counted, as `empty`.
 * Returns as intake_take() does. */
int intake_pass(struct intake *intake, const struct intake_message *message);

/*
 * An answer brought an event: it enters like any other, its id derived from what caused it, so that the
 * same answer brings the same event. Its source is /{site}/{destination}, its device the destination;
 * time, correlation and trace are its parent's where it doesn't say them. What can't be read becomes an
 * exception, and so does (`loop`) what more than EMIT_CHAIN_MAX answers in a row have led to.
 *
 * received_at_ms  wall clock, now.
 * Returns         0; -1: the store failed, or memory ran out and nothing of it was stored.
 */
#define EMIT_CHAIN_MAX 8
struct deliver_emit;
int intake_emit(struct intake *intake, const struct deliver_emit *emit, int64_t received_at_ms);

/*
 * Where an event of the store goes, by the configuration in force: `fn` once per destination. For
 * one whose deliveries could not be read any more. Nothing is written.
 * 0, also when it goes nowhere or can't be read; or what `fn` returned.
 */
int intake_route_again(
	struct intake *intake, const struct store_event_row *row, store_target_fn fn, void *ctx);

/* Told, during intake_take(), of an exception that opened; true only after the commit. */
struct intake_exception {
	const char *kind, *severity, *reason;
	const char *origin; /* the topic, or the source's name */
	const char *device; /* "" unknown */
	const char *id;     /* the event's; "" unknown */
};
typedef void (*intake_exception_fn)(void *ctx, const struct intake_exception *exception);
void intake_on_exception(struct intake *intake, intake_exception_fn fn, void *ctx);

/* Counts since the last commit become metrics, or are forgotten. The turn's member calls them. */
void intake_committed(struct intake *intake);
void intake_poisoned(struct intake *intake);

#endif
