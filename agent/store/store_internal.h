/*
 * store_internal.h - what the files of the store share: the struct, prepared statements, the rules
 * of writing and failing.
 *
 * A write reads like this:
 *
 *	if (store_begin_write(store) < 0)
 *		return -1;
 *	struct query query = query_start(store, ATTEMPT_INSERT);
 *	query_int(&query, seq);
 *	…
 *	return query_run(&query);
 *
 * Binds are in the order of the text's ?1, ?2, …; the first that fails is reported by the step.
 * Texts are bound without a copy: they must live until the query has run.
 */
#ifndef DRAY_STORE_INTERNAL_H
#define DRAY_STORE_INTERNAL_H

#include <pthread.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "store/aside.h"
#include "store/salvage/salvage.h"
#include "store/store.h"

#define PAGE_BYTES 4096
#define LABEL_MAX 65
#define LOOK_MAX 2000           /* rows that a listing for people looks at in one call */
#define FINISHED_LOOK_MAX 20000 /* the same, of rows without an event beside them */

enum statement {
	TURN_BEGIN,
	TURN_COMMIT,
	TURN_ROLLBACK,
	EVENT_INSERT,
	EVENT_KNOWN,
	EVENT_LABELS,
	EVENT_BY_SEQ,
	EVENT_BY_ID,
	EVENT_LIST,
	EVENT_LIST_BY_ID,
	EVENT_LIST_BY_DOCUMENT,
	EVENT_RECEIVED,
	EVENT_DELETE,
	EVENT_LIST_SEQS,
	EVENT_LAST_SEQ,
	DESTINATION_LIST,
	DESTINATION_INSERT,
	DESTINATION_PAUSE,
	DESTINATION_THROTTLE,
	REVISION_FIND,
	REVISION_INSERT,
	REVISION_TEXT,
	REVISION_UNUSED,
	REVISION_DELETE,
	DELIVERY_KEY_FIRST,
	DELIVERY_INSERT,
	DELIVERY_FIND,
	DELIVERY_CLAIM,
	DELIVERY_CLAIM_CHAINED,
	DELIVERY_SETTLE,
	DELIVERY_SETTLE_DOUBT,
	DELIVERY_CARRY,
	DELIVERY_SERIAL,
	DELIVERY_SET_SERIAL,
	DELIVERY_LIST_LOOKS,
	DELIVERY_NEXT_LOOK,
	DELIVERY_LOOK,
	DELIVERY_LIST_CHAIN,
	DELIVERY_SET_READY,
	DELIVERY_DUE,
	DELIVERY_DUE_BEYOND,
	DELIVERY_NEXT_DUE,
	DELIVERY_OLDEST,
	DELIVERY_LIST_READY,
	DELIVERY_LIST_BATCH,
	DELIVERY_LIST_CLAIMED,
	DELIVERY_LIST_SUSPECT,
	DELIVERY_LIST_UNFINISHED,
	DELIVERY_LIST_FINISHED,
	DELIVERY_LIST_EVENT,
	DELIVERY_REPLAY_END,
	DELIVERY_LIST_REPLAY,
	DELIVERY_UNPIN,
	DELIVERY_REPLAY,
	DELIVERY_DELETE,
	ATTEMPT_INSERT,
	ATTEMPT_LIST,
	ATTEMPT_DELETE,
	DEPTH_LIST,
	DEPTH_ADD,
	TALLY_ADD,
	TALLY_METRICS,
	TALLY_DEVICE,
	TALLY_TODAY,
	TALLY_OLDEST,
	TALLY_DELETE,
	SEQUENCE_SEEN,
	SEQUENCE_LIST,
	EXCEPTION_INSERT,
	EXCEPTION_REPEAT,
	EXCEPTION_SAME,
	EXCEPTION_LIST_OPEN,
	EXCEPTION_LIST_ALL,
	EXCEPTION_GET,
	EXCEPTION_OPEN_KIND,
	EXCEPTION_RESOLVE,
	EXCEPTION_HOLD,
	EXCEPTION_COUNT_OPEN,
	EXCEPTION_OLD,
	EXCEPTION_PURGE,
	AUDIT_LAST,
	AUDIT_INSERT,
	PURGE_NEXT,
	PURGE_VACUUM,
	STRIP_END,
	STRIP_TAKE,
	STRIP_DELETE,
	STRIP_INSERT,
	STRIP_FORGET,
	REFERENCE_PUT,
	REFERENCE_DELETE,
	REFERENCE_GET,
	REFERENCE_LIST,
	REFERENCE_LIST_KIND,
	REFERENCE_HAS,
	ALIAS_TAKEN,
	ALIAS_PUT,
	ALIAS_DELETE,
	ALIAS_FIND,
	CURSOR_GET,
	CURSOR_PUT,
	COUNTER_GET,
	COUNTER_SET,
	COUNTER_ADD,
	COUNTER_LIST_OPEN,
	SIZE_PAGES,
	SIZE_FREE,
	PREPARED_AT_OPEN, /* those behind are prepared when they are used: while a salvage runs */
	BACK_EVENT_THERE = PREPARED_AT_OPEN,
	BACK_EVENT,
	BACK_EVENT_TOUCHED,
	BACK_EVENT_BODY,
	BACK_DELIVERY,
	BACK_DELIVERY_PARK,
	BACK_DELIVERY_DELETE,
	BACK_ATTEMPT,
	BACK_SEQUENCE,
	BACK_SEQUENCE_LESS,
	BACK_CURSOR,
	BACK_EXCEPTION,
	BACK_EXCEPTION_REPEATS,
	BACK_EXCEPTION_MISSING,
	BACK_AUDIT,
	BACK_REFERENCE,
	BACK_ALIAS,
	BACK_PROGRESS,
	BACK_CONFIG,
	BACK_TALLY,
	RESTORE_SLICE,
	RESTORE_DOUBT,
	FRESH_EXCEPTION_IDS,
	STATEMENTS
};

struct statement_text {
	const char *doing; /* for people: "storing an event" */
	const char *sql;
};
extern const struct statement_text statement_texts[STATEMENTS];

/* What stays of an event that has given up its content: all but body and raw. */
#define STRIP_COLUMNS                                                             \
	"seq, source, id, revision, type, document, device, correlation, origin," \
	" occurred_at_ms, sent_at_ms, received_at_ms, digest"

struct destination {
	char *name;
	bool is_paused;
	bool was_paused; /* as committed */
	int64_t not_before_at_ms;
	int64_t was_not_before_at_ms;     /* as committed */
	int64_t serial;                   /* the last that this process gave; 0 none */
	int64_t depth[DELIVERY_STATES];   /* as committed */
	int64_t changes[DELIVERY_STATES]; /* by this turn */
};

struct open_count {
	char kind[LABEL_MAX];
	char severity[LABEL_MAX];
	int64_t n;       /* as committed */
	int64_t changes; /* by this turn */
};
#define OPEN_COUNTS 64

/* What is counted of an event. `seq` 0: of none. */
struct event_labels {
	int64_t seq, received_at_ms;
	char origin[LABEL_MAX];
	char device[LABEL_MAX];
	char type[LABEL_MAX];
};

struct tally_cell {
	uint32_t hash;
	int32_t day;
	int destination;
	int64_t n; /* 0: the cell is free */
	char source[LABEL_MAX];
	char device[LABEL_MAX];
	char type[LABEL_MAX];
	char outcome[LABEL_MAX];
	char detail[LABEL_MAX];
};
#define TALLY_CELLS 256 /* a power of two */

struct known_revision;
struct wear;

/* A file as it was when it was opened. */
struct file_mark {
	dev_t device;
	ino_t inode;
	int64_t size;
};

/* The salvage that runs, or the last one. Counts are kept in the table of counters. */
struct rescue {
	struct salvage *reader; /* NULL: none reads */
	sqlite3 *source;        /* a connection to files that are gone, until the reader has it */
	int number;             /* of the database that is, or was, salvaged; 0 none */
	struct store_salvage_view is, was; /* with this turn; as committed */
	int64_t seq, was_seq;              /* merged up to */
	bool has_events, had_events;       /* all of them: the small tables are on their way */
	bool is_unreadable;                /* has_events: there was none that could be read */
	int64_t last_seq; /* the highest that was given, as far as is known; 0 not */
	bool is_behind;   /* it has lost commits, as was seen from outside */
	char file[ASIDE_PATH_MAX];
	char reason[256];
	char result[1024];
	bool is_slice_merged; /* in this turn */
	bool is_last_chunk;   /* it was of the last one, which may hold more */
	bool is_ended;        /* likewise: its files get their last name after the commit */
};

enum checkpoint_state { CHECKPOINT_IDLE, CHECKPOINT_WANTED, CHECKPOINT_RUNS, CHECKPOINT_TAIL_DUE };

struct checkpointer {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum checkpoint_state state;
	bool has_thread;
	bool is_stopping;
	int pass_at_frames;
	int rc;      /* of the last pass */
	sqlite3 *db; /* the thread's own */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct store_options options;
	char *path;
	bool is_dirty;
	bool is_poisoned;
	enum store_refusal refusal;
	int64_t n_probes;
	char failure[256];
	char broken[256]; /* why; "" it isn't */
	bool is_gone; /* the database's or the WAL's name is: only its connection has it still */
	bool is_set_aside; /* and no fresh one could be begun yet */
	int number;        /* it is the nth to stand in for another one; 0 the first */
	struct file_mark database_file, wal_file;
	struct rescue rescue;

	int64_t next_seq;
	int64_t committed_seq;   /* next_seq as of the last commit */
	int64_t purged_to_seq;   /* where the next slice of a purge goes on */
	int64_t stripped_to_seq; /* likewise, of giving up content */

	struct destination *destinations; /* by id - 1 */
	int n_destinations;
	int n_stored_destinations; /* those behind were made in a turn that isn't committed */
	struct open_count open_counts[OPEN_COUNTS];
	unsigned n_open_counts;
	bool are_open_counts_stored;
	struct tally_cell *tally;
	unsigned n_tally;
	int64_t wall_ahead_ms;
	struct event_labels last_event;
	struct known_revision *revisions; /* a list; few */
	uint64_t n_reference_changes;

	struct checkpointer checkpointer;
	struct wear *wear;
	struct store_backup *backup;                    /* that is being copied; its owner's */
	struct store_restore_view restore, was_restore; /* with this turn; as committed */
};

/* --- schema.c, statements.c -------------------------------------------------------------------- */

/* Pragmas of any connection to the file. */
int schema_configure(sqlite3 *db);
/* What makes this program's schema, step by step; schema_version: how many steps. */
extern const char *const schema_texts[];
extern const int schema_version;
/*
 * Bring a new or older file to schema `n`: texts[v] takes it from v to v + 1, each in a transaction of
 * its own. 0, or -1 with *err filled: the file has the schema before the step that failed, whole, and
 * the connection is to be closed. A file that is newer than `n` is refused untouched.
 */
int schema_migrate(sqlite3 *db, const char *const *texts, int n, struct error *err);
/* In memory, of this connection: where a slice of events waits that gives up its content. */
int schema_make_room(sqlite3 *db, struct error *err);
int statements_prepare(struct store *store, struct error *err);
void statements_finalize(struct store *store);
/* Those that are not prepared at open. */
void statements_release(struct store *store);
void statements_reset(struct store *store);

/* --- failing and writing: store.c --------------------------------------------------------------- */

/* Refuses when poisoned; the first write of a turn begins its transaction. */
int store_begin_write(struct store *store);
/* Note a failure of SQLite; poisons unless it was a mere read. Returns -1, always. */
int store_fail(struct store *store, enum statement id, int rc);
/* The same for what this program finds wrong by itself. */
int store_refuse(struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Is it SQLite's word for a damaged file? */
bool store_is_damage(int rc);
/* What is found makes the database untrustworthy: broken, and poisoned. Returns -1, always. */
int store_break(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A failed fsync ends the process. */
void store_check_fatal(const struct store *store, int rc, const char *doing);

/* --- queries: query.c ----------------------------------------------------------------------- */

struct query {
	struct store *store;
	sqlite3_stmt *stmt;
	enum statement id;
	int n_bound;
	int rc; /* of the first bind that failed */
};

struct query query_start(struct store *store, enum statement id);
void query_int(struct query *query, int64_t value);
void query_int_or_null(struct query *query, int64_t value, int64_t null); /* `null` becomes NULL */
void query_text(struct query *query, const char *text);
void query_text_or_null(struct query *query, const char *text); /* "" and NULL become NULL */
void query_text_len(struct query *query, const char *text, size_t len);
void query_blob(struct query *query, const void *bytes, size_t len);
/* 1 a row, 0 no more, -1 failed. At 0 and -1 the query has ended. */
int query_step(struct query *query);
void query_end(struct query *query);
/* Step to the end. 0 or -1. */
int query_run(struct query *query);
/* Step a query of one number. 1 found, 0 none (or NULL), -1 failed. */
int query_number(struct query *query, int64_t *ret);

int64_t row_int(const struct query *query, int column);                        /* NULL is 0 */
const char *row_text(const struct query *query, int column);                   /* NULL is "" */
const void *row_bytes(const struct query *query, int column, size_t *ret_len); /* NULL is NULL */

/* --- what each table owes to the turn -------------------------------------------------------------- */

/* load: at open; flush: before COMMIT; committed, abandoned: what memory mirrors follows. */
int event_load(struct store *store);
int event_keep_seq(
	struct store *store); /* no seq below the next is given, whatever rows there are */
int event_labels_find(struct store *store, int64_t seq, struct event_labels *ret);
/* Who has read an event's labels on the way spares event_labels_find() the reading. */
void event_labels_keep(struct store *store, int64_t seq, int64_t received_at_ms, const char *origin,
	const char *device, const char *type);
int destination_load(struct store *store);
void destination_forget(struct store *store); /* no row is stored any more; names and ids stay */
int destination_restore(struct store *store); /* write anew those that a poisoned turn has lost */
void destination_committed(struct store *store);
void destination_abandoned(struct store *store);
void store_free_destinations(struct store *store);
int revision_restore(struct store *store); /* likewise */
void revision_committed(struct store *store);
/* Has it been asked for since the store was opened? Then its number may be kept anywhere. */
bool revision_is_known(const struct store *store, int64_t id);
void revision_free(struct store *store);
struct destination *destination_at(const struct store *store, int id);
int depth_flush(struct store *store);
/* Cut at LABEL_MAX - 1. */
void label_copy(char out[LABEL_MAX], const char *text);
int tally_flush(struct store *store);
void tally_drop(struct store *store);
int tally_add(struct store *store, int64_t at_ms, const struct event_labels *labels,
	int destination, const char *outcome);
int sequence_seen(struct store *store, const char *source, int64_t sequence);
int exception_load(struct store *store);
int exception_flush(struct store *store);
void exception_committed(struct store *store);
void exception_abandoned(struct store *store);
int delivery_purge(struct store *store, int64_t seq);

/* Check a move and count it. `from` 0: the row is new. The row itself is the caller's. 0 or -1. */
int delivery_move(struct store *store, int destination, int64_t seq, enum delivery_state from,
	enum delivery_state to);
/* Count what the ledger sees of it. at_ms 0: when the event was received. */
int delivery_count(
	struct store *store, int destination, int64_t seq, int64_t at_ms, const char *outcome);
/* The first by seq among those that hold a key. 1, 0 or -1. */
int delivery_find_first(struct store *store, int destination, const char *key, int64_t *ret_seq,
	enum delivery_state *ret_state);
/* A row of a statement that selects DELIVERY_COLUMNS and body, carry. */
void delivery_fill_row(const struct query *query, struct store_delivery_row *row);
/* The state of one that comes late, among those with its key; a younger one may be parked behind it. 1 it has
 * one, 0 it has to wait: a younger one is claimed; -1. */
int delivery_find_place(struct store *store, int destination, int64_t seq, const char *key,
	enum delivery_state *ret_state);
/* READY or WAITING → PARKED, behind an older one with its key that is back. 0 or -1. */
int delivery_park(struct store *store, int destination, int64_t seq, enum delivery_state from);
void exception_forget(struct store *store);
void exception_count_open(struct store *store, const char *kind, const char *severity, int change);

/* --- a broken database: broken.c, rescue.c, merge.c ---------------------------------------------- */

/* What can be seen to be wrong before SQLite opens the file; it breaks the store. */
void broken_look_at_rest(struct store *store);
/* From now on store_look() compares. */
void broken_mark_files(struct store *store);
/* As store_look(), but the WAL is as long as this commit has left it. */
void broken_look_committed(struct store *store);
/* A connection that touches no file when it is closed. */
void broken_quiet(sqlite3 *db);
/* The database that is open stands in for another one: its numbers begin above all of that. Does
 * nothing when that was done. */
int broken_number_database(struct store *store, int number, struct error *err);

/* All but the files of a store: open, migrate, read the mirrors, start the checkpoint thread. */
int store_open_files(struct store *store, struct error *err);
void store_close_files(struct store *store);

/* The cursor that names what is lost, as far as it has a name. */
#define RESCUE_LOST "salvage.lost"

/* Go on with a salvage that an earlier run began, if there is one. */
int rescue_load(struct store *store, struct error *err);
/* In the fresh database: what is to be salvaged, and why. */
int rescue_begin(struct store *store);
void rescue_stop(struct store *store);
void rescue_committed(struct store *store);
void rescue_abandoned(struct store *store);

/*
 * Merge a chunk into the turn's transaction; counts go to store->rescue.is.
 * 1: the last one, to its end. 0: go on with the next, or, of the last one, with the same. Or -1.
 */
int merge_chunk(struct store *store, const struct salvage_chunk *chunk, const char *chunk_path,
	const struct store_salvaging *with);
/* A delivery as it comes back: delivery.c. */
struct delivery_back {
	int destination;
	int64_t seq;
	enum delivery_state state;
	int lane;
	int64_t batch, attempts, due_at_ms, claimed_at_ms, doubt_at_ms, settled_at_ms; /* 0 none */
	int64_t last_status, connector_revision;
	int64_t serial, looks, accepted_at_ms;
	const char *ref, *held_key, *carry; /* "" none */
};
/* Insert it; its place among those with its key decides between READY, WAITING and PARKED. */
int delivery_bring_back(struct store *store, const struct delivery_back *back);
/* A destination's counter of numbers is named by this and its id: carry.c. */
#define SERIAL_COUNTERS "serial/"
/* Numbers go on a million above one that another database has given: carry.c. */
int serial_jump(struct store *store, int destination, int64_t given);
/* In a database that has just been begun: above all that this process has given. */
int serial_begin(struct store *store);
/* Remove all deliveries of an event that nobody has tried; whom they kept waiting is woken. */
int delivery_take_back(struct store *store, const struct event_labels *labels);
/* One less of what was counted. */
int tally_take_back(struct store *store, const struct event_labels *labels, int destination,
	const char *outcome);
/* Add row->n, which may be negative, at once. */
int tally_put(struct store *store, const struct store_tally_row *row);

/* --- backups: backup.c, restore.c ------------------------------------------------------------------ */

/* The counter of the last backup's time; a database that was copied by other means has none. */
#define BACKUP_AT "backup.at_ms"
/* The database is about to be closed. */
void backup_leave(struct store *store);
int restore_load(struct store *store);
void restore_committed(struct store *store);
void restore_abandoned(struct store *store);

/* --- the disk: space.c, checkpoint.c --------------------------------------------------------------- */

/* What a result of SQLite says of the disk. */
enum store_refusal refusal_of(int rc);
/* Of the whole disk; 0: it has no bound, or does not tell. */
int64_t disk_bytes(const struct store *store);

int checkpoint_start(struct store *store, struct error *err);
void checkpoint_stop(struct store *store);
/* Of the last pass. */
enum store_refusal checkpoint_refusal(struct store *store);

/* --- what the disk is made to write: wear.c -------------------------------------------------------- */

/* A VFS that counts for `vfs`, NULL: for SQLite's default. NULL when there is none, or no memory. */
struct wear *wear_new(const char *vfs);
/* When every connection is closed. NULL is a no-op. */
void wear_free(struct wear *wear);
/* Its name, for sqlite3_open_v2(). */
const char *wear_vfs(const struct wear *wear);
int64_t wear_bytes(const struct wear *wear);

#endif
