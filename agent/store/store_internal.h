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

#include <sqlite3.h>

#include "store/store.h"

#define PAGE_BYTES 4096
#define LABEL_MAX 65
#define LOOK_MAX 20000 /* rows that a listing for people looks at in one call */

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
	DELIVERY_SETTLE,
	DELIVERY_SET_READY,
	DELIVERY_DUE,
	DELIVERY_DUE_BEYOND,
	DELIVERY_NEXT_DUE,
	DELIVERY_OLDEST,
	DELIVERY_LIST_READY,
	DELIVERY_LIST_BATCH,
	DELIVERY_LIST_CLAIMED,
	DELIVERY_LIST_UNFINISHED,
	DELIVERY_LIST_FINISHED,
	DELIVERY_LIST_EVENT,
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
	CURSOR_GET,
	CURSOR_PUT,
	COUNTER_GET,
	COUNTER_SET,
	SIZE_PAGES,
	SIZE_FREE,
	STATEMENTS
};

struct statement_text {
	const char *doing; /* for people: "storing an event" */
	const char *sql;
};
extern const struct statement_text statement_texts[STATEMENTS];

struct destination {
	char *name;
	bool is_paused;
	bool was_paused; /* as committed */
	int64_t not_before_at_ms;
	int64_t was_not_before_at_ms;     /* as committed */
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

enum checkpoint_state { CHECKPOINT_IDLE, CHECKPOINT_WANTED, CHECKPOINT_RUNS, CHECKPOINT_TAIL_DUE };

struct checkpointer {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum checkpoint_state state;
	bool has_thread;
	bool is_stopping;
	sqlite3 *db;           /* the thread's own */
	int backfilled;        /* frames of the present WAL that are in the database */
	int64_t written_bytes; /* to the database, by checkpoints */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	struct store_options options;
	char *path;
	char *vfs; /* NULL: the default */
	bool is_dirty;
	bool is_poisoned;
	char failure[256];

	int64_t next_seq;
	int64_t committed_seq; /* next_seq as of the last commit */
	int64_t purged_to_seq; /* where the next slice of a purge goes on */

	struct destination *destinations; /* by id - 1 */
	int n_destinations;
	int n_stored_destinations; /* those behind were made in a turn that isn't committed */
	struct open_count open_counts[OPEN_COUNTS];
	unsigned n_open_counts;
	struct tally_cell *tally;
	unsigned n_tally;
	int64_t wall_ahead_ms;
	struct event_labels last_event;
	struct known_revision *revisions; /* a list; few */

	struct checkpointer checkpointer;
	int64_t wal_written_bytes;
};

/* --- schema.c, statements.c -------------------------------------------------------------------- */

/* Pragmas of any connection to the file. */
int schema_configure(sqlite3 *db);
/* Bring a new or older file to this program's schema. */
int schema_migrate(sqlite3 *db, struct error *err);
int statements_prepare(struct store *store, struct error *err);
void statements_finalize(struct store *store);
void statements_reset(struct store *store);

/* --- failing and writing: store.c --------------------------------------------------------------- */

/* Refuses when poisoned; the first write of a turn begins its transaction. */
int store_begin_write(struct store *store);
/* Note a failure of SQLite; poisons unless it was a mere read. Returns -1, always. */
int store_fail(struct store *store, enum statement id, int rc);
/* The same for what this program finds wrong by itself. */
int store_refuse(struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A failed fsync ends the process. */
void store_check_fatal(const struct store *store, int rc, const char *doing);

/* --- queries: statements.c ----------------------------------------------------------------------- */

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
int event_labels_find(struct store *store, int64_t seq, struct event_labels *ret);
/* Who has read an event's labels on the way spares event_labels_find() the reading. */
void event_labels_keep(struct store *store, int64_t seq, int64_t received_at_ms, const char *origin,
	const char *device, const char *type);
int destination_load(struct store *store);
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
void exception_committed(struct store *store);
void exception_abandoned(struct store *store);
int delivery_purge(struct store *store, int64_t seq);

int checkpoint_start(struct store *store, struct error *err);
void checkpoint_stop(struct store *store);

#endif
