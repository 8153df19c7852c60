/*
 * room.h - what the files of this room share: the state of ops, one call, and its answer.
 *
 * A call is one HTTP request from its arrival to its reply:
 *
 *   on_request ─► a change: its handler runs now, in the turn's transaction ─┐
 *              └► a reading: waits ─────────────────────────────────────────┤
 *                                                                          outbox ◄─┐
 *     release():  a reading's handler runs; every reply leaves ◄────────────┤       │
 *     poisoned(): 503 to all of them, nothing was promised ◄────────────────┘       │
 *                                                                                    │
 *   a handler that must ask somebody first: call_wait() ─► waiting ─► call_resume() ─┘
 *
 * So a reading shows what is committed and nothing else, and its sums agree with each other.
 *
 * Invariants
 *   1. call->request is NULL once the client has left; the handler's work stands all the same.
 *   2. A handler answers exactly once, by call_answer() or call_problem(), and never sends.
 *   3. A call is in the outbox from its arrival to the end of its turn, or, if it waited, from
 *      call_resume() to the end of that turn: then its answer is as true as that commit.
 *   4. Who may do what is looked at before a handler runs, by the right in its route.
 */
#ifndef DRAY_OPS_ROOM_H
#define DRAY_OPS_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "dray/ack.h"
#include "dray/buf.h"
#include "ops/guest.h"
#include "ops/hooks.h"
#include "ops/ops.h"
#include "ops/rotation.h"
#include "ops/token.h"

#define OPS_BODY_MAX (1024 * 1024)
#define OPS_EVENTS_MAX (4 * 1024 * 1024) /* the body of a request that brings events */
#define OPS_HEADERS_MAX (16 * 1024)
#define OPS_PARAMETER_MAX 256
#define OPS_PATH_MAX 4000 /* of a backup; some words are put behind it */
#define OPS_PAGE_DEFAULT 100
#define OPS_PAGE_MAX 1000

struct call;
struct again;
struct store_exception_row;

/* One row of the table of what can be asked (api.c). */
struct ops_route {
	/* "{}" stands for one segment: call->parameter, a second one call->second */
	const char *path;
	const char *query; /* the names it takes, each between blanks; NULL none; "" any */
	void (*handle)(struct call *call);
	bool is_change;         /* POST, in the turn's transaction; else GET, after its commit */
	enum token_right right; /* that the TCP door asks for */
	size_t body_max;        /* bytes; 0: OPS_BODY_MAX */
};

struct call {
	TAILQ_ENTRY(call) link;
	struct ops *ops;
	struct guest *guest;            /* valid as long as request is there */
	struct evhttp_request *request; /* NULL: the client has left */
	const struct ops_route *route;
	char parameter[OPS_PARAMETER_MAX]; /* decoded; "" none */
	char second[OPS_PARAMETER_MAX];    /* likewise */
	struct evkeyvalq query;
	char who[80];      /* "uid:1000", "token:wms", for the audit trail; "" anybody */
	const char *token; /* its name, within who; NULL: by the socket, or none was needed */
	char device[EVENT_NAME_MAX]; /* the only one that it may speak for; "" any */
	bool is_waiting;             /* call_wait() */
	bool is_poisoned; /* a turn was lost meanwhile: what it had taken by then is, too */
	unsigned n_stored, n_duplicate, n_rejected; /* call_count_ack() */
	struct again
		*again; /* the exception whose message it waits for; NULL none. Owned, one block */
	bool is_answered;
	int status;
	const char *content_type;
	struct buf body;
};
TAILQ_HEAD(call_list, call);

/* One way in: the Unix socket or the TCP address. */
struct ops_door {
	struct ops *ops;
	struct evhttp *http;
	struct evhttp_bound_socket *bound; /* NULL: closed */
	char *address;                     /* what it is bound to; NULL: closed */
	struct guests guests;
	bool is_control;
};

/* The backup that is being made, or the last one since the start. */
struct ops_backup {
	struct store_backup *making; /* NULL: none is */
	struct event *timer;
	const char *state; /* a word; static */
	bool is_begun;     /* in this turn: not committed */
	int64_t pages, left;
	char path[OPS_PATH_MAX], error[512];
};

struct ops {
	struct ops_options with;
	const struct config *config;
	struct ops_door control;
	struct ops_door tcp;
	struct call_list outbox;
	struct call_list waiting;
	struct tokens *tokens;
	struct hooks *hooks;
	struct rotation rotation;
	int64_t n_taken; /* events that came by HTTP in this turn */
	struct ops_backup backup;
	int64_t started_at_ms;
};

/* Tokens and hooks' secrets whose files have changed hold from now on. */
void ops_rotate(struct ops *ops);

/* --- doors (door.c) --------------------------------------------------------------------------- */

/*
 * Moving takes two steps, so that both doors move or neither does: open the new listener beside
 * the old one, then take it into use, or drop it again.
 */
struct door_opening {
	struct evhttp_bound_socket *bound; /* NULL: nothing to open */
	char *address;
	bool is_same; /* the door stays where it is */
};
/* `address` NULL: the door is to be closed. */
int door_open(struct ops_door *door, const char *address, const char *group,
	struct door_opening *ret, struct error *err);
void door_take(struct ops_door *door, struct door_opening *opening);
void door_drop(struct ops_door *door, struct door_opening *opening);
void door_close(struct ops_door *door);

/* --- calls (call.c) --------------------------------------------------------------------------- */

/* A request came in; `arg` is the door. */
void call_on_request(struct evhttp_request *request, void *arg);
/* Its client has left. */
void call_on_left(struct call *call);
/* Send the answer, if somebody is there to take it, and end the call. */
void call_finish(struct call *call);
void call_free(struct call *call);

/*
 * The answer comes in a later turn: the call leaves the outbox. The request's body and headers may be
 * gone behind this, for the client may leave; so may the configuration. Who is waited for calls
 * call_resume() from the loop, outside of release(), and answers in the same turn; nobody does when the
 * agent ends.
 */
void call_wait(struct call *call);
void call_resume(struct call *call);

/* Answer with what the handler has put into call->body. */
void call_answer(struct call *call, int status);
/* Answer with an error, RFC 9457; what was in the body is forgotten. */
void call_problem(struct call *call, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with a reason in one stable word, as acks have it. */
void call_refuse(struct call *call, int status, const char *reason, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same about one value of a body of many: the line it stands in, and its JSON Pointer ("" none). */
void call_refuse_line(struct call *call, int status, int64_t line, const char *field,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The store failed: 503 for a change, whose turn is lost, 500 for a reading. */
void call_store_failed(struct call *call);

/*
 * Is there room for what it brings, in the store, and in this turn's transaction, which should not take for
 * ever? False: the call is answered.
 */
bool call_has_room(struct call *call);
/* An intake_ack_fn, ctx the call: counts what became of the events that it brought, and tells nobody. */
void call_count_ack(void *ctx, const struct ack *ack, const char *device);

/* api_exceptions_again.c: is it of a message that was refused? (A list has no raw.) */
bool exception_is_kept(const struct store_exception_row *row);
/* An open one: take its message again, and answer, maybe later. `why` is borrowed for the call. */
void exception_take_again(struct call *call, int64_t id, const char *why);

/* A query's value; NULL when absent or empty. */
const char *call_query(const struct call *call, const char *name);
/*
 * Typed values. When absent *ret stays as it is. False: the call is answered with a 400.
 * A time is an instant (RFC 3339) or a duration that lies back ("2h"); *ret is its stamp.
 */
bool call_query_number(struct call *call, const char *name, int64_t min, int64_t max, int64_t *ret);
bool call_query_time(struct call *call, const char *name, int64_t *ret_at_ms);
/* The same of a body's member; `text` NULL: it is absent. */
bool call_read_time(struct call *call, const char *name, const char *text, int64_t *ret_at_ms);
/* `limit` and `cursor` of a page. */
bool call_query_page(struct call *call, unsigned *ret_limit, int64_t *ret_cursor);
/* Destination by name: 0 when none is asked for. False: answered with a 404. */
bool call_destination(struct call *call, const char *name, int *ret_id);
/* A whole number of digits, at least 1. */
bool call_parse_id(const char *text, int64_t *ret);

/* The value of a request's header; NULL when absent. */
const char *call_header(const struct call *call, const char *name);
/* A header of the answer. */
void call_put_header(struct call *call, const char *name, const char *value);
/* The request's body; valid as long as the call's request. */
const char *call_body(const struct call *call, size_t *ret_len);
/*
 * The body as a JSON object, to be freed with cJSON_Delete(); an empty body is an empty object.
 * NULL: the call is answered with a 400.
 */
struct cJSON *call_object(struct call *call);

/* The kinds of exceptions; NULL ends. */
extern const char *const exception_kinds[];
/* A filter by kind and severity, NULL any: is there such a word? False: answered with a 400. */
bool call_exception_words(struct call *call, const char *kind, const char *severity);

/* Steady time, for stamps and against them; and what people are shown. */
int64_t call_now_ms(const struct call *call);
int64_t call_wall_ms(const struct call *call);
/* The stamp since when the machine's clock is not believed; 0: it is. */
int64_t call_clock_doubted_at_ms(const struct call *call);
/* A stamp as people know it: RFC 3339; null when it is not above 0. */
void call_write_stamp(struct call *call, const char *name, int64_t at_ms);
/* How long ago people would say it was; null likewise. */
void call_write_age(struct call *call, const char *name, int64_t at_ms);

/* --- backups (api_backup.c) -------------------------------------------------------------------- */

int backup_init(struct ops_backup *backup, struct event_base *base);
void backup_done(struct ops_backup *backup);
/* What a turn has begun goes on after its commit, or is forgotten. */
void backup_released(struct ops_backup *backup);
void backup_poisoned(struct ops_backup *backup);

/* --- configuration (api_config.c) ---------------------------------------------------------------- */

/* A member "config" in few words, for the status. */
void config_write_state(struct call *call);

/* --- routes (api.c) --------------------------------------------------------------------------- */

/*
 * Find what a path asks for. 0 and call->route, call->parameter set; else the status to answer:
 * 404, or 405 when the path is known by another method, *ret_allow then says which.
 */
int api_find(
	struct call *call, const char *path, enum evhttp_cmd_type method, const char **ret_allow);

void api_status(struct call *call);
void api_queue(struct call *call);
void api_list_events(struct call *call);
void api_show_event(struct call *call);
void api_send_events(struct call *call);
void api_take_hook(struct call *call);
void api_list_deliveries(struct call *call);
void api_list_destinations(struct call *call);
void api_pause_destination(struct call *call);
void api_resume_destination(struct call *call);
void api_list_exceptions(struct call *call);
void api_show_exception(struct call *call);
void api_retry_exception(struct call *call);
void api_discard_exception(struct call *call);
void api_retry_exceptions(struct call *call);
void api_discard_exceptions(struct call *call);
void api_replay(struct call *call);
void api_ledger(struct call *call);
void api_import_reference(struct call *call);
void api_list_reference(struct call *call);
void api_show_reference(struct call *call);
void api_delete_reference(struct call *call);
void api_show_config(struct call *call);
void api_config_history(struct call *call);
void api_check_config(struct call *call);
void api_apply_config(struct call *call);
void api_reload_config(struct call *call);
void api_roll_back_config(struct call *call);
void api_make_backup(struct call *call);
void api_show_backup(struct call *call);
void api_metrics(struct call *call);
void api_healthz(struct call *call);
void api_readyz(struct call *call);

#endif
