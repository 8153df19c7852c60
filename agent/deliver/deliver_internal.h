/*
 * deliver_internal.h - the structures of the room: start reading here, behind deliver.h.
 *
 *   struct deliver      the engine; claims stand in one of its lists, by state
 *   struct destination  one outside system: window, breaker, hold, hints
 *   struct limit        what one destination, or all of an account, may have out (limit.h)
 *   struct claim        one request, from the rows it took to the answer's settlement
 *   struct settings     the destination's part of the configuration, copied
 *   struct revision     a connector as it was pinned
 *   struct line         what the courier has open; an old one lives until its last claim is gone
 *
 * Two clocks: what is stored (due, doubt, claimed) is steady time, which no jump of the wall clock
 * moves (clock.h); what only lives in memory (breaker, bucket) is monotonic. Retry-After is both:
 * monotonic while the program runs, steady time over a restart.
 *
 * Hints. An idle destination costs no query: `may_have_ready` is set by whoever makes a row READY,
 * `next_due_at_ms` is at most the earliest WAITING row's. A hint that is wrong costs a query, never
 * a delivery; after a poisoned turn all of them are set to "look".
 */
#ifndef DRAY_DELIVER_INTERNAL_H
#define DRAY_DELIVER_INTERNAL_H

#include <sys/queue.h>
#include <sys/stat.h>

#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "deliver/limit.h"
#include "dray/buf.h"
#include "dray/connector.h"
#include "dray/ids.h"
#include "dray/metrics.h"
#include "dray/outcome.h"
#include "mapper/mapper.h"
#include "store/store.h"

#define DAY_MS INT64_C(86400000)
#define WORDS_MAX 501  /* a program's, or the other side's: connector.h */
#define REASON_MAX 704 /* with ours around them */
#define REF_MAX 129
#define REVISIONS_KEPT 4

/* --- configuration (settings.c, revision.c) ----------------------------------------------------- */

/* Which content a path leads to; all 0 where there is none. */
struct file_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct settings {
	struct config_destination is; /* own copy of every text that is used here; vars is NULL */
	char *site;
	int64_t sla_critical_ms, sla_normal_ms;
	char *revision_text;
	size_t revision_len;
	uint8_t revision_digest[ID_DIGEST_BYTES];
	struct file_stamp files[3]; /* of TLS: CA, certificate, key */
};

/* NULL with *err filled. Reads the connector, not the secrets. */
struct settings *settings_new(const struct config *config,
	const struct config_destination *destination, const char *const *connector_dirs,
	struct error *err);
void settings_free(struct settings *settings);
/* What the files are that a line is opened with: one that has changed needs a new line. */
void settings_stamp_files(struct settings *settings, const struct secret_dirs *secrets);
/* The same connections serve both. */
bool settings_share_line(const struct settings *a, const struct settings *b);

struct revision {
	int id; /* 0: the current one, not in the store yet */
	unsigned users;
	struct connector *connector;
	struct mapper_program *program; /* NULL: the request is declared */
	char *url;                      /* the destination's, and the declared path */
};
/* mapper  NULL: for a look only, the program is not made known to anyone. */
struct revision *revision_new(struct mapper *mapper, int id, const char *url, const char *text,
	size_t len, struct error *err);
struct revision *revision_ref(struct revision *revision);
void revision_unref(struct revision *revision);

/* --- claims (claim.c) ---------------------------------------------------------------------------- */

enum claim_state {
	CLAIM_DRAFT,    /* being put together */
	CLAIM_FRESH,    /* claimed in this turn */
	CLAIM_MAPPING,  /* its connector's program is asked */
	CLAIM_SENT,     /* with the courier */
	CLAIM_ANSWERED, /* no commit holds yet what it has come to: an end, or its next request */
	CLAIM_STEPPED,  /* its next request may leave with this turn's commit */
	CLAIM_SETTLED,  /* settled in this turn */
};

/* What the program said when it was asked last. */
enum map_end {
	MAP_QUIET,  /* nothing, or there is none, or it was not asked */
	MAP_SAID,   /* claim->said */
	MAP_FAILED, /* claim->words: why */
	MAP_HELD,   /* likewise */
};

/* A delivery in a claim. Texts are offsets into claim->texts, which grows. */
struct member {
	int64_t seq, revision, batch;
	int64_t received_at_ms;
	int64_t first_at_ms;    /* of the first attempt, this one included */
	int64_t doubt_at_ms;    /* of earlier requests; 0 none */
	int64_t accepted_at_ms; /* a repeat of it was; 0 no */
	int64_t serial;         /* 0 none */
	unsigned attempts;      /* this one included */
	unsigned looks;         /* likewise */
	int connector_revision;
	enum delivery_state state; /* when it was read */
	size_t source, id, type, device;
	size_t key; /* its ordering key; "" none */
	size_t body, len;
	size_t carry;                          /* "" none */
	const struct connector_result *result; /* its own, in an answer that has one for each */
};

/* What becomes of one delivery, or of all in a claim. */
struct fate {
	enum outcome outcome;
	struct store_settlement settlement; /* previous_doubt_at_ms is each member's own */
	bool ends_doubt;                    /* of earlier attempts too */
	const char *kind, *severity;        /* of the exception, static; NULL none */
	const char *code, *field;           /* likewise; NULL: the status, none */
	const cJSON *emit;                  /* NULL none */
	char ref[REF_MAX];
	char reason[REASON_MAX];
};

/* What an answer leads to: decided once, so that a turn repeated after poison does the same. */
struct decision {
	bool is_made;
	bool is_each; /* members have fates of their own, results_judge(): this one is the request's */
	struct outcome_verdict verdict;
	struct fate fate;
	int64_t now_ms;
	uint64_t seed;
	int64_t asked_ms;          /* no request before that, at most a day; 0 none */
	int64_t asked_too_long_ms; /* that it asked for, where it is more; else 0 */
	bool is_culprit;           /* the refusal that holds the destination */
	bool is_destinations;      /* which is at fault, and not the event: a program says so */
	bool opens_hold;  /* a probe was refused as well, or it is the destination's fault */
	bool passes_hold; /* a probe was accepted */
};

struct claim {
	TAILQ_ENTRY(claim) link;
	struct deliver *deliver;
	struct destination *destination;
	struct limit *limit; /* that it counts against, while it stands for a request */
	struct line *line;
	struct revision *revision;
	enum claim_state state;
	enum connector_op op;
	bool is_probe;
	bool is_orphan;                 /* the store was replaced: its answer settles nothing */
	bool is_refreshed;              /* sent with credentials just made anew */
	unsigned credential_generation; /* of the credentials it was sent with */
	int64_t batch;
	struct member *members;
	size_t n, cap;
	struct buf texts, body, headers;
	struct buf target; /* URL or file name that was put together for a request */
	char key[ID_UUID_MAX];
	int64_t claimed_at_ms;
	/* Of a connector with a program. */
	struct mapper_call *call; /* while MAPPING */
	enum map_end map;
	struct connector_output *said;
	struct buf carry; /* with which the last request went, JSON text; empty: none */
	char words[REASON_MAX];
	unsigned n_requests; /* that left */
	bool is_safe;        /* the last one changes nothing on the other side */
	bool has_begun;      /* one before it may have, and the carry doesn't tell of it */
	bool is_read;        /* the program is asked about an answer, not for a first request */
	struct {
		enum outcome_transport transport;
		int status;
		bool is_csrf_refusal;
		struct buf body;
		char error[REASON_MAX];
		int64_t asked_ms, took_ms; /* asked: -1 none */
		int64_t rest_ms;           /* no request is left to us before that; 0: some are */
	} answer;
	struct decision decision;
};
TAILQ_HEAD(claims, claim);

/* From the pool, empty, a draft. NULL when memory ran out. */
struct claim *claim_take(struct destination *destination);
/* Back to the pool, out of whatever list it stood in. */
void claim_give(struct claim *claim);
void claim_free(struct claim *claim);
/* 0, or -1 when memory ran out. */
int claim_add_member(struct claim *claim, const struct store_delivery_row *row);
/* May the next row by seq of its batch be claimed with it: READY, or parked behind a member? */
bool claim_is_open_to(const struct claim *claim, const struct store_delivery_row *row);
/* Its row becomes CLAIMED, alone or behind the first of its chain. Members by seq. 0, or -1. */
int claim_member(const struct claim *claim, const struct member *member, int64_t batch,
	int connector_revision, int64_t now_ms);
const char *claim_text(const struct claim *claim, size_t offset);
/* Where it stands among the others: by its batch, else by its seq. */
int64_t claim_place(const struct claim *claim);
/* Does any member's fate hang on a request before the last one? */
bool claim_is_doubted(const struct claim *claim);
/* It does, though no attempt before this one is in doubt. */
void claim_doubt(struct claim *claim);
/* May its members go one by one? In doubt only where each record carries a key of its own. */
bool claim_may_part(const struct claim *claim);
/* Did its last request change nothing, and only ask what a step before it came to? */
bool claim_is_question(const struct claim *claim);
/* Every change of state goes through here. */
void claim_move(struct claim *claim, enum claim_state to);
/* Of the last answer; 0 none. */
int claim_status(const struct claim *claim);
/* Were the credentials refused, which is never the event's fault? */
bool claim_is_unauthorized(const struct claim *claim);
/* Its key, the carry it begins with, and the body that is declared. 0, or -1 when memory ran out. */
int claim_put_together(struct claim *claim, struct revision *revision);
/* The events of its members; NULL when memory ran out. Borrowed until the next call. */
const struct connector_event *claim_list_events(const struct claim *claim);
/* Its claim is committed: ask the program for the request, or send the one that is declared. */
void claim_begin(struct claim *claim);
/* Hand its request to the courier (request.c). */
void claim_send(struct claim *claim);
/* Decide what the answer leads to, once (decide.c). */
void claim_decide(struct claim *claim);
/*
 * Write what it has come to in the turn's transaction: the decision, or what its next request hangs
 * on. 0, or -1: the store is poisoned.
 */
int claim_settle(struct claim *claim);

/* --- programs (map.c, results.c) ------------------------------------------------------------------- */

#define STEPS_MAX 32 /* requests that a program may ask for in one claim */

/* Ask for the first request, or (response not NULL) what an answer means. */
void map_ask(struct claim *claim, const struct connector_response *response);
/* Nobody waits for its answer any more. */
void map_cancel(struct claim *claim);
/* Does the program want to send? */
bool map_has_request(const struct claim *claim);
/* With a carry that is another than the one it has? */
bool map_has_carry(const struct claim *claim);

/* An answer with one result per event: find each member's, and say what it is as a whole. */
void results_decide(struct claim *claim);
/* The fate of a member by its own result; decision->is_each. The same whenever it is asked. */
void results_judge(const struct claim *claim, const struct member *member, struct fate *ret);

/* --- fates (decide.c, lookup.c) ------------------------------------------------------------------ */

/* Begin one: the time, the status. */
void fate_init(const struct claim *claim, struct fate *fate);
void fate_done(const struct claim *claim, const struct member *member, struct fate *fate);
/* asked_ms  at least so long; 0: nothing was asked. */
void fate_retry(const struct claim *claim, const struct member *member, int64_t asked_ms,
	struct fate *fate);
/* It may have been applied, and is not to be sent again: looked up, or an exception. */
void fate_unknown(const struct claim *claim, const struct member *member, struct fate *fate);
void fate_exception(
	const struct claim *claim, const char *kind, const char *severity, struct fate *fate);
/* Copy what a program said of a result. */
void fate_take_words(
	const struct claim *claim, const struct connector_result *result, struct fate *fate);
/* The default: what an answer means where no program says it. */
struct outcome_verdict decide_classify(const struct claim *claim);
/*
 * Put words together for people and for lists: `out` of REASON_MAX bytes, UTF-8 whatever came in, cut
 * between characters. What is put together may stand in `out` itself.
 */
void reason_put(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What happened, in words: the other side's own where it had some. `out` of REASON_MAX bytes. */
void decide_describe(const struct claim *claim, char *out);
/* Did the program fail to read an answer that tells of the server, and not of the delivery? */
bool decide_is_trouble(const struct claim *claim);
/* The destination, or this delivery, is at fault. */
void decide_held(struct claim *claim);
/* It is the delivery's fault: asked once for each refusal. */
bool decide_is_to_blame(struct claim *claim);

/* Can what is in doubt be looked up: the mode says so, and there is a program? */
bool lookup_is_possible(const struct destination *destination, const struct revision *revision);
/* Due lookups into at most `n` slots. How many, or -1. */
int lookup_fill(struct destination *destination, unsigned n, bool is_probe);
/* A row will be due then. */
void lookup_expect(struct destination *destination, int64_t look_at_ms);
/*
 * When the next one is due, as far as is known; INT64_MAX none. After a boot not before the settle time has
 * passed in it: steady time may have skipped a part of it, and the other side still be working.
 */
int64_t lookup_next_ms(const struct destination *destination);
/* Is one due, as far as is known? */
bool lookup_is_due(const struct destination *destination);
/* Will one be due later? */
bool lookup_is_awaited(const struct destination *destination);
/* Is this delivery being looked up? Its row is the look's until that is settled. */
bool lookup_is_out(const struct destination *destination, int64_t seq);
/* What the answer to a lookup leads to; claim_decide() calls it. */
void lookup_decide(struct claim *claim);

/* --- destinations (window.c, move.c, hold.c, line.c) -------------------------------------------------------- */

struct line {
	void *opened;
	const struct courier *courier;
	unsigned users;
};
struct line *line_open(
	const struct courier *courier, const struct settings *settings, struct error *err);
struct line *line_ref(struct line *line);
void line_unref(struct line *line);

/* The refused delivery (or batch) that holds a destination. In memory only. */
struct culprit {
	bool is_set;
	int64_t seq;   /* of its first member */
	int64_t batch; /* 0 none */
	size_t n;
	int status;
	bool is_question; /* claim_is_question() */
	char reason[REASON_MAX];
	int64_t probe_mono_ms; /* from then on it may be its own probe */
	bool is_cleared;       /* a probe was refused as well: the destination may be at fault */
};

/* A delivery that was refused in a hold, by its first member. */
struct suspect {
	int64_t seq;
	bool is_passed; /* the hold ended with another's success; refused once more, it is to blame */
};
#define SUSPECTS_MAX 16 /* the last ones */

/* What a crash left claimed is taken up before anything is claimed, and never again. */
enum recovery { RECOVERY_DUE, RECOVERY_WRITTEN, RECOVERY_DONE };

struct credential;
struct destination {
	TAILQ_ENTRY(destination) link;
	struct deliver *deliver;
	char *name;
	int id;
	bool is_configured;
	enum recovery recovery;
	bool may_have_suspects; /* brought back by a salvage */
	struct settings *settings;
	struct line *line;
	struct revision *current;
	struct revision *older[REVISIONS_KEPT]; /* by use, newest first */

	struct credential *credential;
	unsigned noted_failure;     /* of the credential: people know of it */
	bool has_credential_failed; /* in this turn, not committed */

	struct breaker breaker;
	struct limit *limit;
	TAILQ_ENTRY(destination) limit_link; /* in its members */
	unsigned in_flight;
	int64_t not_before_mono_ms; /* Retry-After */
	struct culprit culprit;
	struct suspect suspects[SUSPECTS_MAX];
	unsigned next_suspect;
	bool has_blamed;       /* a suspect, and nothing has passed since */
	int64_t refused_place; /* the last probe that was refused: the next one is behind it */
	bool is_culprit_named; /* in this turn, not committed */
	bool is_hold_open;     /* an exception `hold` was opened */
	bool is_hold_left;     /* one from before the start may be open */
	bool is_alarmed;
	bool is_disturbed; /* something was settled that moves the window: claim in the next turn */

	bool may_have_ready;
	unsigned unseen;         /* rows made READY since the last look */
	int64_t next_due_at_ms;  /* INT64_MAX none, 0 look */
	int64_t next_look_at_ms; /* of a SUSPECT row; likewise */
	bool looks_first;        /* an odd slot is a lookup's */
	int64_t linger_until_ms; /* 0 none */
	size_t n_lingering;
	unsigned lane_cursor;

	int64_t serve_from_mono_ms; /* after a failed read: nothing is looked for before */
	struct event *timer;
	int64_t timer_mono_ms; /* 0: not armed */
	char reason[REASON_MAX];
	int64_t last_success_at_ms;
};
TAILQ_HEAD(destinations, destination);

struct destination *window_new(struct deliver *deliver, const char *name);
void window_free(struct destination *destination);
/* Take new settings into use; owns them, the line and the credential from here on. */
void window_configure(struct destination *destination, struct settings *settings, struct line *line,
	struct revision *revision, struct credential *credential);
/* The store is another one: what is remembered of its rows is not true. */
void window_replaced(struct destination *destination);
/* Rows became READY. */
void window_expect_ready(struct destination *destination, unsigned n);
/* It asked for no request within the next wait_ms; a longer wait stays. */
void window_wait(struct destination *destination, int64_t wait_ms);
/* What is left of it; 0 none. */
int64_t window_wait_ms(const struct destination *destination);
/* May a request leave now, as far as breaker, limit and Retry-After go? */
bool window_may_ask(struct destination *destination);
/* Requests that may leave now; where the limit is shared, one in each turn that it has. 0 while the
 * breaker is open; asking may make a probe of it. */
unsigned window_slots(struct destination *destination);
/* After the commit: what the answer does to breaker, hold, credentials and pace. */
void window_move(struct destination *destination, const struct claim *claim);
/* Arm the timer for the next thing that only time brings. */
void window_arm(struct destination *destination);
/* It counts for the breaker. */
void window_fail(struct destination *destination, enum breaker_cause cause);
/* Tell people when it stops taking deliveries, or takes them again. */
void window_tell_change(struct destination *destination, enum breaker_state was);

/*
 * In the transaction: is there what requests are signed with? Else it is asked for, when there is
 * work, and why there is none to be had becomes an exception. 1 there is, 0 not yet, -1 the store
 * failed.
 */
int window_await_credential(struct destination *destination);
/* After the commit: what a failure does to breaker and hold. */
void window_move_failure(struct destination *destination);
/* The turn is poisoned: it will be found again. */
void window_forget_failure(struct destination *destination);
/* A pinned revision; NULL when it can't be had. 0 is the current one, made known to the store. */
struct revision *revision_find(struct destination *destination, int id);

/* Has another passed since it was refused? */
bool hold_is_passed(const struct destination *destination, int64_t seq);
bool hold_is_culprit(const struct destination *destination, int64_t seq, int64_t batch);
/* In the transaction: the probe passed, so the culprit is to blame. 0, or -1. */
int hold_reject_culprit(struct destination *destination, int64_t now_ms);
/* In the transaction: what the hold's exception becomes. 0, or -1. */
int hold_open_exception(struct destination *destination, const char *reason, int64_t now_ms);
/* After the commit. */
void hold_begin(struct destination *destination, const struct claim *claim);
void hold_go_on(struct destination *destination, const struct claim *probe);
void hold_end(struct destination *destination, const struct claim *probe);
/* A delivery has passed, and no culprit is left. */
void hold_lift(struct destination *destination);

/* --- dispatch (dispatch.c, draft.c, recover.c, exception.c) ------------------------------------------ */

/* Promote, claim, render, for all whose limit it is. Stops when the store is poisoned. */
void dispatch_serve(struct limit *limit);

/*
 * Put drafts together from READY rows of a lane, at most `n`.
 *
 * out             receives them, rows of pinned batches by their first member only.
 * ret_exhausted   the lane has no other READY row.
 * Returns         how many, or -1.
 */
int draft_list(struct destination *destination, int lane, unsigned n, struct claims *out,
	bool *ret_exhausted);
/*
 * The draft of a probe: another delivery than the culprit, or, when its time has come, itself; NULL
 * when there is neither. 0, or -1.
 */
int draft_probe(struct destination *destination, struct claim **ret);
/* Read the members of a pinned batch: READY, or parked behind one that is. */
enum draft_fill {
	DRAFT_FAILED, /* a read error, or memory ran out */
	DRAFT_WHOLE,
	DRAFT_WAITS,  /* for members that are not due yet */
	DRAFT_BROKEN, /* a person has taken members out of it */
};
enum draft_fill draft_complete(struct claim *draft);

/* Why a person must look first at what a restored backup has left in doubt; NULL: the key answers. */
const char *doubt_find_restore(const struct claim *draft);
/* What a crash left claimed. 0, or -1: the store is poisoned. */
int recover_claimed(struct destination *destination);
/*
 * A slice of what a salvage brought back in doubt; not while deliveries rest. 0, or -1: the store is
 * poisoned. *ret_more: there is another slice, claim nothing yet.
 */
int recover_suspects(struct destination *destination, bool *ret_more);

/* The words for a delivery that is an exception now. 0, or -1. */
struct exception_words {
	const char *kind, *severity, *code, *field, *reason; /* code, field: "" none */
};
int exception_open(struct claim *claim, const struct member *member,
	const struct exception_words *words, int64_t now_ms);
/* READY members become exceptions. 0, or -1. */
int settle_exception(struct claim *claim, const char *kind, const char *severity, const char *code,
	const char *reason, int64_t now_ms);
/* READY members, not in doubt, go alone from now on. 0, or -1. */
int settle_apart(struct claim *claim, int64_t now_ms);
/* READY members wait until then, as if they had not been tried. 0, or -1. */
int settle_later(struct claim *claim, int64_t due_at_ms, int64_t now_ms);
/* READY members in doubt are looked up, each by itself. 0, or -1. */
int settle_suspect(struct claim *claim, int64_t now_ms);

/* Does the other side still know the key under which something may have been applied? */
enum key_memory {
	KEY_KNOWN, /* or there is no doubt, or no key: nothing hangs on it */
	KEY_FORGOTTEN,
	KEY_UNCERTAIN, /* nobody knows yet for how long the machine was off */
};
enum key_memory doubt_judge_key(const struct destination *destination, int64_t doubt_at_ms);

/* --- what this turn will have made true (news.c) --------------------------------------------------- */

struct news_item {
	struct destination *destination;
	int64_t seq, waited_ms;
	const char *kind, *severity;                  /* static; "" for a delivery */
	size_t source, id, type, device, ref, reason; /* offsets into news.texts */
};
struct news {
	struct news_item *items;
	size_t n, cap;
	struct buf texts;
};
void news_add_delivery(struct claim *claim, const struct member *member, const char *ref);
/* `kind` and `severity` are static texts. */
void news_add_exception(struct claim *claim, const struct member *member, const char *kind,
	const char *severity, const char *reason);
void news_tell(struct deliver *deliver);
void news_reset(struct news *news);
void news_done(struct news *news);

/* --- the engine (deliver.c) ------------------------------------------------------------------------ */

struct deliver {
	struct deliver_options options;
	struct destinations destinations;
	struct limits limits;
	struct claims spare, fresh, mapping, sent, answered, stepped, settled;
	struct news news;
	struct connector_event *events; /* room for rendering a batch */
	size_t events_cap;
	struct event *timer; /* after a poisoned turn */
	unsigned poisons_in_row;
	int64_t claims_from_mono_ms; /* until then turns settle only */
	int64_t looked_mono_ms;      /* when this turn's dispatch began */
	bool is_draining;            /* before the end: nothing more is claimed */
	bool is_resting;             /* for a while: likewise */
};

/* Steady time: for stamps, and for what is held against them. */
int64_t deliver_now(const struct deliver *deliver);
int64_t deliver_mono(const struct deliver *deliver);
/* Tells people; the fact itself is logged where it is found. */
void deliver_alert(const struct deliver *deliver, const char *severity, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
