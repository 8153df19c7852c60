/*
 * store.h - what the agent knows, durably: the only SQL in the project.
 *
 * One SQLite file, WAL, synchronous=FULL. One writer: the loop's connection, whose statements are
 * prepared once. A checkpoint thread has a connection of its own. Everything that a turn writes is
 * one transaction: the first write begins it, store_commit() ends it.
 *
 * The moves of a delivery, each made by delivery_move() and by nothing else:
 *
 *   (none) ─► READY ─► CLAIMED ─► DONE
 *     │         ▲        ├─► WAITING ─► READY       retry, at its due time
 *     │         │        ├─► READY                  withdrawn, or a refused batch taken apart
 *     │         │        ├─► SUSPECT ─► READY|DONE  in doubt: look it up first (SUSPECT again: later)
 *     │         │        ├─► PARKED                 READY or WAITING, but the first of its chain isn't done
 *     │         │        └─► EXCEPTION ─► READY|DONE|DISCARDED   by a person
 *     └─► PARKED (behind an unfinished delivery with the same ordering key) ─► READY
 *                └─► CLAIMED             in a chain: with the first of its key, in one batch
 *
 * DONE ─► READY, or PARKED behind an older one with its key: by a person, store_replay().
 *
 * What a salvage brings back enters in any state but CLAIMED. It and a replay may push another one back:
 * READY or WAITING ─► PARKED, behind an older delivery with its key that has come back. What was CLAIMED, or
 * hung on an attempt whose fate is unknown, comes back SUSPECT.
 *
 * Invariants
 *   1. seq rises, is never reused, and is the order of everything.
 *   2. Unfinished means READY, CLAIMED, WAITING, PARKED, SUSPECT or EXCEPTION. While it lasts the
 *      row holds its ordering key in `held_key`; among the rows of one (destination, held_key) the
 *      first by seq is never PARKED, and every other one is, unless it is CLAIMED in one batch with
 *      the first, or is SUSPECT or an EXCEPTION. Only the first becomes READY or WAITING; what would
 *      behind it becomes PARKED, and keeps its batch, so that a pinned batch is claimed whole again.
 *   3. When a key is freed the next row is woken, never all. An EXCEPTION holds its key, unless
 *      the move says that it passes.
 *   4. Counts (tally, depth) are changed in the transaction that changes what they count. In
 *      memory they move at the commit.
 *   5. Claiming, inserting and settling touch no row but their own and, when a key is freed, one
 *      more: their cost doesn't depend on how many wait.
 *   6. A batch is named by the smallest seq among its members; a delivery keeps its batch until it
 *      is finished or leaves it. One that was sent before and has no batch goes alone.
 *
 * Errors. Every function that writes returns -1 when the store failed, and the store is then
 * poisoned: it refuses all further writes until store_abandon(). SQLite may have ended the
 * transaction by itself (FULL, IOERR, NOMEM); store_abandon() asks sqlite3_get_autocommit() and
 * rolls back when it has not. A failed fsync goes to on_fatal, which does not return.
 *
 * A move that the picture above does not have is refused in the same way. A failed read returns -1;
 * it poisons only a turn that has written. One that finds the database damaged breaks the store: it
 * stays poisoned until store_replace().
 *
 * Stamps (…_at_ms) are steady time (timeline.h), but for what a device says itself: they rise with the
 * order in which things were stored, whatever is done to the clock. Whoever shows one converts it.
 *
 * Borrowed texts in rows handed to callbacks are valid during the callback only. A callback neither
 * writes nor calls the function that called it: it collects. No function here logs, but for the
 * checkpoint thread.
 */
#ifndef DRAY_STORE_H
#define DRAY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/error.h"
#include "dray/event.h"
#include "dray/ids.h"

struct store;
struct clock;
struct store_event_row;

/* --- life ------------------------------------------------------------------------------------ */

struct store_options {
	const char *path;  /* the database; its folder exists */
	const char *vfs;   /* NULL: SQLite's default. Tests name a faulty one */
	int64_t max_bytes; /* checkpoints come the earlier the less room there is; 0: no bound */
	/* A failed fsync, in whichever thread. Must not return in production; a test's may. NULL:
	 * abort(). */
	void (*on_fatal)(void *ctx, const char *what);
	/* A checkpoint pass ended, in the checkpoint thread: wake the loop, which then calls
	 * store_checkpoint_tail(); no other pass begins before that. NULL: no thread is started and
	 * checkpoints are the caller's, by the same function. */
	void (*on_checkpoint)(void *ctx);
	/* In the thread that reads a broken database, and after the commit of a slice that another one
	 * follows at once: a slice is ready, wake the loop, which then calls store_salvage(). NULL: the caller looks by itself. */
	void (*on_salvage)(void *ctx);
	void *ctx;
};

/*
 * Open or create, migrate forward, start the checkpoint thread. A database that is damaged, or was
 * lost, is set aside and replaced as store_replace() does. Where all that fails and there is a
 * reserve, it is released and all is tried again: the disk may be full.
 * Fails on a newer schema than this program knows, and says so.
 */
int store_open(const struct store_options *options, struct store **ret, struct error *err);
/* Ends the thread, checkpoints, closes. NULL is a no-op. */
void store_close(struct store *store);

/* --- the turn's transaction ------------------------------------------------------------------- */

bool store_is_dirty(const struct store *store); /* something was written since the last commit */
bool store_is_poisoned(const struct store *store);
/* 0, or -1: nothing of the turn is stored where it can be found again, and the store is poisoned. */
int store_commit(struct store *store);
/* End a poisoned turn: roll back, take back counts and the seq, make the store usable again. */
void store_abandon(struct store *store);
/* What the last failure was, for the log: "disk I/O error while storing an event". */
const char *store_failure(const struct store *store);
/* The loop's share of a checkpoint. Within a transaction, or when none is due, it does nothing. */
void store_checkpoint_tail(struct store *store);
/* Have a pass run soon, however short the WAL; without a thread, now. */
void store_checkpoint_ask(struct store *store);

/* --- a broken database -------------------------------------------------------------------------- */

/*
 * Why the database can't be trusted any more, in words; NULL: it can. A broken store is poisoned.
 */
const char *store_broken(const struct store *store);
/*
 * Are the files still there under their names? To be asked now and then; the first write of a turn and its
 * commit ask by themselves. When they are not the store is broken.
 */
void store_look(struct store *store);
/*
 * Set the broken database aside and go on with a fresh one under its name: destinations keep their
 * numbers, seqs go on above all that were given. Nothing is stored of what the turn wrote. What the
 * broken one still holds comes back by store_salvage(). Where that fails and there is a reserve, it is
 * released and all is tried again. To be called between turns.
 * 0, or -1 with *err filled: it stays broken, and can be tried again.
 */
int store_replace(struct store *store, struct error *err);

/* What became of a database that was set aside. */
enum store_salvage_state {
	STORE_SALVAGE_NONE,
	STORE_SALVAGE_RUNS,
	STORE_SALVAGE_DONE,
	STORE_SALVAGE_UNREADABLE, /* nothing of it could be read */
	STORE_SALVAGE_LOST,       /* there was no file to read */
};
struct store_salvage_view {
	enum store_salvage_state state;
	const char *file; /* where it is kept; "" nowhere. Valid until the store is called again */
	const char *reason;      /* why it was set aside; likewise */
	const char *result;      /* in words, when it has ended; likewise */
	int64_t events;          /* that came back */
	int64_t deliveries;      /* that came back unfinished */
	int64_t in_doubt;        /* of them: their fate is unknown */
	int64_t events_ever;     /* that the database had ever stored, by its tally; 0 not known */
	int64_t events_lost;     /* at most so many could not be read: some were purged long ago */
	int64_t deliveries_torn; /* whose row could not be read: in doubt, made from their event anew */
	int64_t deliveries_lost; /* that were routed and have not come back in any way */
	bool is_behind;       /* commits are missing: nobody knows how many events were in them */
	int64_t latest_at_ms; /* when the youngest event that came back was received; 0 none */
	int percent;          /* of the way through the file; -1 unknown */
	int64_t exception;    /* the work item that tells of the end; 0 none yet */
};
/* The one that runs, else the last one. From memory, as committed. */
void store_get_salvage(const struct store *store, struct store_salvage_view *ret);
/* While it is true deliveries must wait: older ones with their keys may be on their way back. */
bool store_is_salvaging(const struct store *store);

/* Where an event goes, asked where that can't be read: `fn` once per destination. */
struct store_target {
	const char *destination;
	const char *key; /* "" none */
	int lane;
};
typedef int (*store_target_fn)(void *ctx, const struct store_target *target);
struct store_salvaging {
	int64_t now_ms;
	int64_t due_at_ms; /* of the exceptions that open */
	int (*route)(
		void *ctx, const struct store_event_row *event, store_target_fn fn, void *fn_ctx);
	void *ctx;
};
/*
 * A slice of the salvage, if one is ready: at most 200 events and 500 rows of other tables, in the
 * turn's transaction. store_options.on_salvage is called when there is another, by the thread that
 * reads, or by the commit.
 * 1: it was the last of this database. 0, also while the disk refuses; or -1: the store failed.
 */
int store_salvage(struct store *store, const struct store_salvaging *with);

/* --- events ----------------------------------------------------------------------------------- */

enum store_put { STORE_STORED, STORE_DUPLICATE, STORE_CONFLICT, STORE_FAILED };

struct store_event {
	const char *source, *id, *type, *device;
	const char *document;    /* "purchase_order/PO-1001"; "" none */
	const char *correlation; /* "" none */
	const char *origin;      /* name of the configured source, or "control" */
	int64_t occurred_at_ms;  /* wall clock, the device's */
	int64_t received_at_ms;
	int64_t sent_at_ms;    /* -1: not said; the device's */
	int64_t sequence;      /* -1: not said */
	const uint8_t *digest; /* ID_DIGEST_BYTES */
	const char *body;
	size_t len;
	const char *raw; /* NULL: the canonical form says it all */
	size_t raw_len;
};

/*
 * Store an event, or find that it is known.
 *
 * ret_seq  the new event's seq, or the known one's for STORE_DUPLICATE and STORE_CONFLICT.
 */
enum store_put store_put_event(
	struct store *store, const struct store_event *event, int64_t *ret_seq);
/*
 * Is the same event stored? Then it is counted as a duplicate. Of `event` only what identifies and counts
 * it is read: source, id, digest, origin, device, type, received_at_ms.
 * 1 and *ret_seq, 0 it isn't (or with other content), -1 the store failed.
 */
int store_knows_event(struct store *store, const struct store_event *event, int64_t *ret_seq);

struct store_event_row {
	int64_t seq, revision;
	const char *source, *id, *type, *device, *document, *correlation, *origin;
	int64_t occurred_at_ms, sent_at_ms, received_at_ms;
	const char *body; /* NULL when it has been given up under pressure, or not asked for */
	size_t len;
	const char *raw;
	size_t raw_len;
};
typedef int (*store_event_fn)(void *ctx, const struct store_event_row *row);

struct store_event_filter {
	const char *id, *document, *device, *type; /* NULL: any */
	int64_t since_ms, until_ms;                /* received; 0: open */
	int64_t before_seq;                        /* cursor; 0: from the newest */
	unsigned limit;                            /* 1..1000 */
};
/*
 * Newest first. Looks at a bounded number of rows (2,000) per call; *ret_cursor is where to go on,
 * 0 at the end. `fn` returns non-zero to stop. 0, or -1 on a read error.
 */
int store_list_events(struct store *store, const struct store_event_filter *filter,
	store_event_fn fn, void *ctx, int64_t *ret_cursor);
/* With body and raw. 1 found, 0 not, -1 error. By seq when `id` is NULL. */
int store_get_event(struct store *store, int64_t seq, const char *id, store_event_fn fn, void *ctx);

/* --- destinations and connector revisions ------------------------------------------------------ */

/*
 * The number of a name, made on first use (a write). -1 on failure. Names are never forgotten, and
 * a number once given stays: when its turn was poisoned the next write stores it anew.
 */
int store_destination_id(struct store *store, const char *name);
/* Its name; NULL when there is none. Valid until store_close(). */
const char *store_destination_name(struct store *store, int id);
/* Ids run from 1 to this. */
int store_destination_count(const struct store *store);
/* Paused by an operator: survives restarts. */
bool store_destination_is_paused(const struct store *store, int id);
int store_destination_pause(struct store *store, int id, bool is_paused);
/* It asked for no request before then (Retry-After); 0: it did not. Survives restarts. */
int64_t store_destination_not_before(const struct store *store, int id);
int store_destination_throttle(struct store *store, int id, int64_t not_before_at_ms);

/* The number of a revision's text, made on first use. -1 on failure. It stays, as above. */
int store_connector_revision(struct store *store, const char *connector, const char *text,
	size_t len, const uint8_t digest[ID_DIGEST_BYTES], int64_t now_ms);
/* Its text, to be freed with free(3). NULL: unknown, or an error. */
char *store_connector_text(struct store *store, int revision, size_t *ret_len);

/* --- deliveries -------------------------------------------------------------------------------- */

enum delivery_state {
	DELIVERY_READY = 1,
	DELIVERY_CLAIMED = 2,
	DELIVERY_WAITING = 3,
	DELIVERY_PARKED = 4,
	DELIVERY_SUSPECT = 5,
	DELIVERY_EXCEPTION = 6, /* up to here unfinished */
	DELIVERY_DONE = 7,
	DELIVERY_DISCARDED = 8,
	DELIVERY_STATES = 9
};
const char *delivery_state_word(enum delivery_state state);

/*
 * Route an event to a destination: READY, or PARKED behind its key.
 *
 * key   ordering key; "" none.
 * lane  0 critical, 1 normal, 2 bulk.
 */
int store_put_delivery(struct store *store, int destination, int64_t seq, const char *key, int lane,
	enum delivery_state *ret_state);

struct store_delivery_row {
	int destination;
	int64_t seq;
	enum delivery_state state;
	int lane;
	int64_t batch; /* 0: none */
	unsigned attempts;
	int64_t due_at_ms;      /* WAITING; else 0 */
	int64_t claimed_at_ms;  /* first attempt since one was void; 0: none */
	int64_t doubt_at_ms;    /* first attempt whose fate is unknown; 0: none */
	int64_t settled_at_ms;  /* DONE, DISCARDED; else 0 */
	int last_status;        /* HTTP status; 0 none */
	const char *ref;        /* "" none */
	const char *held_key;   /* "" none, or finished */
	int connector_revision; /* 0: not pinned yet */
	int64_t serial;         /* 0: none yet */
	unsigned looks;         /* lookups so far, since a person made it READY */
	int64_t look_at_ms;     /* SUSPECT: when it is looked up next; 0 not said */
	int64_t accepted_at_ms; /* SUSPECT: a repeat was accepted, a second look follows; 0 no */
	const char *carry;      /* JSON text; NULL none, or not asked for (it comes with bodies) */
	/* the event's, joined */
	int64_t received_at_ms, revision;
	const char *source, *id, *type, *device;
	const char *body; /* NULL when not asked for */
	size_t len;
};
typedef int (*store_delivery_fn)(void *ctx, const struct store_delivery_row *row);

/*
 * READY rows of a lane by seq, at most `limit`, with bodies. Any `fn` returns non-zero to stop.
 *
 * after_place  only rows behind this place, which is a row's batch, else its seq; 0: from the first.
 */
int store_list_ready(struct store *store, int destination, int lane, int64_t after_place,
	unsigned limit, store_delivery_fn fn, void *ctx);
/* The members of a batch by seq, with bodies. */
int store_list_batch(
	struct store *store, int destination, int64_t batch, store_delivery_fn fn, void *ctx);
/*
 * Rows found CLAIMED, by seq, without bodies: called once per destination at start, before anything
 * is claimed.
 */
int store_list_claimed(struct store *store, int destination, store_delivery_fn fn, void *ctx);
/* SUSPECT rows of which nobody has said when to look them up: they came back from a salvage. By seq,
 * at most `limit`, likewise. */
int store_list_suspect(
	struct store *store, int destination, unsigned limit, store_delivery_fn fn, void *ctx);
/*
 * For people: by state (0: any unfinished), by seq after one, at most `limit`. Without bodies. Of
 * finished ones it looks at the next 20,000 rows only.
 */
int store_list_deliveries(struct store *store, int destination, enum delivery_state state,
	int64_t after_seq, unsigned limit, store_delivery_fn fn, void *ctx);
/* All deliveries of one event. */
int store_list_event_deliveries(struct store *store, int64_t seq, store_delivery_fn fn, void *ctx);

/*
 * READY → CLAIMED: one more attempt, now; claimed_at and doubt_at are set when they were empty.
 * batch  0 none, or the batch it now belongs to (and keeps).
 */
int store_claim(struct store *store, int destination, int64_t seq, int64_t batch,
	int connector_revision, int64_t now_ms);

/*
 * PARKED → CLAIMED, behind the first delivery with its key, which is CLAIMED in the same batch: a chain
 * of one key in an ordered batch. Else as store_claim().
 */
int store_claim_chained(struct store *store, int destination, int64_t seq, int64_t batch,
	int connector_revision, int64_t now_ms);
/* PARKED rows with this key behind `after_seq`, by seq, with bodies, at most `limit`, up to one that was
 * sent before or is in doubt. */
int store_list_chain(struct store *store, int destination, const char *key, int64_t after_seq,
	unsigned limit, store_delivery_fn fn, void *ctx);

/* CLAIMED stays CLAIMED: what the next step of it needs. NULL: none any more. */
int store_set_carry(struct store *store, int destination, int64_t seq, const char *carry);
/*
 * A number that no other delivery of this destination has had, from 1 up; kept with the delivery: asked
 * again it is the same. It survives a salvage and a restored backup by a jump of a million. -1 on
 * failure.
 */
int64_t store_give_serial(struct store *store, int destination, int64_t seq);

/*
 * SUSPECT rows whose look_at is due, by look_at, at most `limit`, with bodies and carry. (READY and
 * WAITING rows are in other lists: a lookup never competes with them for a row.)
 */
int store_list_looks(struct store *store, int destination, int64_t now_ms, unsigned limit,
	store_delivery_fn fn, void *ctx);
/* The earliest look_at; 0: none. -1 on error. */
int64_t store_next_look(struct store *store, int destination);
/*
 * A lookup of a SUSPECT row leaves now: one more, and the next is due then if nobody settles it.
 */
int store_look_begun(struct store *store, int destination, int64_t seq, int64_t next_at_ms);

/* What a claimed delivery becomes. */
struct store_settlement {
	enum delivery_state to;
	int64_t due_at_ms;    /* WAITING */
	int64_t look_at_ms;   /* SUSPECT */
	bool is_accepted;     /* SUSPECT: accepted, looked up once more; accepted_at is set */
	bool is_absent;       /* SUSPECT → READY: a lookup did not find it: no doubt is left */
	bool drops_carry;     /* it begins again from its first step */
	bool attempt_is_void; /* unreachable or withdrawn: the attempt is taken back, and
	                             claimed_at is forgotten: an outage burns no give_up. Of a
	                             SUSPECT one its lookup, likewise */
	bool is_proven;       /* not applied: doubt_at as it was before this claim */
	int64_t previous_doubt_at_ms; /* that value; 0 none */
	bool leaves_batch;            /* it goes alone from now on */
	bool exception_passes;        /* EXCEPTION frees its key */
	int status;
	const char *ref; /* DONE; NULL none */
	int64_t now_ms;
};
/*
 * CLAIMED (or, by a person or at start, SUSPECT, EXCEPTION, WAITING) → settlement->to, or PARKED where
 * invariant 2 says so: members of a claim are settled by seq. What a person makes READY again has all
 * its time before it: claimed_at and lookups are forgotten. What is finished keeps no carry.
 */
int store_settle(struct store *store, int destination, int64_t seq,
	const struct store_settlement *settlement);

/* One row per attempt that did not simply succeed. The same number again replaces it: a void attempt
 * gives its number to the next one, so a destination that can't be reached leaves one row. */
int store_put_attempt(struct store *store, int destination, int64_t seq, unsigned attempt,
	int64_t at_ms, int64_t took_ms, const char *outcome, int status, const char *message);
struct store_attempt_row {
	int destination;
	unsigned attempt;
	int64_t at_ms, took_ms;
	const char *outcome, *message;
	int status;
};
typedef int (*store_attempt_fn)(void *ctx, const struct store_attempt_row *row);
int store_list_attempts(struct store *store, int64_t seq, store_attempt_fn fn, void *ctx);

/*
 * WAITING rows that are due become READY: due_at <= now, or later than now + horizon (no
 * wait is so long: the stamp is of another store). At most `limit`. Returns how many, or -1.
 */
int store_promote_due(
	struct store *store, int destination, int64_t now_ms, int64_t horizon_ms, unsigned limit);
/* The earliest due_at; 0: none waits. -1 on error. */
int64_t store_next_due(struct store *store, int destination);

/* Committed number of rows in a state. From memory. */
int64_t store_depth(const struct store *store, int destination, enum delivery_state state);
/* Those that are still to be made: all that is unfinished, but for exceptions. From memory. */
int64_t store_pending(const struct store *store, int destination);
/* received_at of the oldest unfinished delivery; 0: none. A few index seeks. -1 on error. */
int64_t store_oldest(struct store *store, int destination);

/* --- counting ---------------------------------------------------------------------------------- */

/*
 * Add to the tally. Empty strings where a dimension does not apply.
 *
 * source   the name of the configured source (an event's origin), not the event's `source`: its
 *          values are few.
 * outcome  "stored", "duplicate", "rejected" (detail: the reason), "unrouted", "routed", "done",
 *          "exception", "reopened" (an exception that became anything else; so exception minus
 *          reopened are exceptions now), "discarded", "lost" (with a broken database).
 * store_put_event() counts stored and duplicate, store_put_delivery() and store_replay() routed,
 * store_settle() done, exception, reopened and discarded; the others are the caller's. Texts are cut
 * at 64 bytes.
 */
int store_count(struct store *store, int64_t at_ms, const char *source, const char *device,
	const char *type, int destination, const char *outcome, const char *detail);

/* Stamps are steady time, days are the wall clock's: by so much it is ahead (timeline.h). 0 at open. */
void store_set_wall_ahead(struct store *store, int64_t ahead_ms);

struct store_tally_row {
	int32_t day;
	const char *source, *device, *type, *outcome, *detail;
	int destination; /* 0 none */
	int64_t n;
};
typedef int (*store_tally_fn)(void *ctx, const struct store_tally_row *row);
enum store_tally_by { STORE_TALLY_METRICS, STORE_TALLY_DEVICE, STORE_TALLY_TODAY };
/*
 * Sums: METRICS by (source, type, destination, outcome, detail) over all days; DEVICE by (device,
 * destination, outcome); TODAY by (type, destination, outcome) of `day`.
 */
int store_sum_tally(
	struct store *store, enum store_tally_by by, int32_t day, store_tally_fn fn, void *ctx);

/*
 * Days before `before_day` are told apart no longer: at most `rows` rows of the oldest are added to
 * those of one day before all others. Sums over all days don't change.
 * Returns how many rows, or -1; *ret_more: there may be more.
 */
int store_fold_tally(struct store *store, int32_t before_day, unsigned rows, bool *ret_more);

/* Gaps where devices send `sequence`: missing = last - first + 1 - seen. */
typedef int (*store_sequence_fn)(
	void *ctx, const char *source, int64_t first, int64_t last, int64_t seen);
int store_list_sequences(struct store *store, store_sequence_fn fn, void *ctx);

/* --- exceptions and the audit trail ------------------------------------------------------------- */

enum exception_state { EXCEPTION_OPEN = 1, EXCEPTION_ASSIGNED = 2, EXCEPTION_RESOLVED = 3 };

struct store_exception {
	const char *kind;     /* "rejected", "gave_up", "unknown", "unparsable", "invalid", … */
	const char *severity; /* "critical", "normal", "low" */
	const char *code;     /* reason word or HTTP status as text; "" none */
	const char *reason;   /* in words */
	const char *field;    /* "" none */
	int64_t seq;          /* 0: no event */
	int destination;      /* 0: none */
	const char *origin;   /* source's name or topic; "" none */
	const char *device;   /* "" none */
	const void *raw;      /* NULL none */
	size_t raw_len;
	int64_t opened_at_ms, due_at_ms;
};
/*
 * Open an exception. The same raw bytes from the same origin with the same kind, while open, only
 * raise `repeats`; so does the same (kind, seq, destination). Code, reason, field and device are then
 * the newest ones'.
 * ret_is_new may be NULL. Returns its id, or -1.
 */
int64_t store_open_exception(
	struct store *store, const struct store_exception *exception, bool *ret_is_new);

struct store_exception_row {
	int64_t id, seq;
	int64_t repeats; /* after the first time */
	int64_t opened_at_ms, due_at_ms, resolved_at_ms;
	enum exception_state state;
	int destination;
	const char *kind, *severity, *code, *reason, *field, *origin, *device, *owner, *resolution;
	const char *event_id, *event_type; /* "" when there is no event */
	const void *raw;
	size_t raw_len;
};
typedef int (*store_exception_fn)(void *ctx, const struct store_exception_row *row);
struct store_exception_filter {
	const char *kind, *severity;
	int destination; /* 0 any */
	bool with_resolved;
	int64_t before_id; /* cursor; 0 newest */
	unsigned limit;
};
/*
 * Newest first. Looks at a bounded number of rows (2,000) per call; *ret_cursor is where to go on, 0
 * at the end. `fn` returns non-zero to stop. 0, or -1 on a read error.
 */
int store_list_exceptions(struct store *store, const struct store_exception_filter *filter,
	store_exception_fn fn, void *ctx, int64_t *ret_cursor);
/* With raw. 1 found, 0 not, -1 error. */
int store_get_exception(struct store *store, int64_t id, store_exception_fn fn, void *ctx);
/* Close it with words, once. Its delivery, if any, is the caller's to settle. */
int store_resolve_exception(
	struct store *store, int64_t id, const char *resolution, int64_t now_ms);
/* Close the open `hold` exception of a destination, if there is one. */
int store_resolve_hold(
	struct store *store, int destination, const char *resolution, int64_t now_ms);
/* Open exceptions by kind and severity. From memory. */
typedef void (*store_open_fn)(void *ctx, const char *kind, const char *severity, int64_t n);
void store_count_open(const struct store *store, store_open_fn fn, void *ctx);

/* Append to the hash chain. now_ms is wall time: the trail is read elsewhere too. */
int store_audit(struct store *store, int64_t now_ms, const char *who, const char *what,
	const char *object, const char *why);

/* --- small things to remember ------------------------------------------------------------------ */

/* A named text, such as what the broker was subscribed to. NULL: none, or an error; free(3). */
char *store_get_cursor(struct store *store, const char *name);
int store_put_cursor(struct store *store, const char *name, const char *value, int64_t now_ms);

/* --- keeping house ------------------------------------------------------------------------------- */

/*
 * Purge a slice: look at `rows` events at most, remove those that were received before `before_ms`
 * and are finished, with their deliveries and attempts; remove exceptions resolved before then; free
 * some pages. Events with an unfinished delivery or an open exception stay. At the end of a round, and
 * only while no more than 1000 deliveries are unfinished, connector revisions as old that none of them
 * was sent with, and that nobody has asked for since the store was opened.
 * Returns how many events were purged, or -1; *ret_more: there may be more.
 */
int store_purge(struct store *store, int64_t before_ms, unsigned rows, bool *ret_more);

struct store_sizes {
	int64_t used_bytes; /* (page_count - freelist_count) * page_size + WAL */
	int64_t file_bytes;
	int64_t wal_bytes;
	int64_t written_bytes; /* since open: WAL, checkpoints, whole pages of the page cache */
};
void store_sizes(struct store *store, struct store_sizes *ret);

#include "store/backup.h"
#include "store/replay.h"
#include "store/reroute.h"
#include "store/space.h"

#endif
