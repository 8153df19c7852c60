/*
 * day.h - a random day of the delivery engine: the real engine, turn and store, on a clock that only
 * the loop moves (loop.h), a disk that fails when told to, clouds with temper, people who act.
 *
 *   day.c     the life of a day: events come in, things break, it is killed and built anew, and in
 *             the evening all faults end
 *   engine.c  its clock, configuration and turn, building and killing it
 *   cloud.c   the other side: what becomes of a request
 *   program.c the other side of connectors with programs, and its oracle
 *   watch.c   the oracle: what must hold when a request leaves, arrives, is answered, is told of
 *   pace.c    the oracle: when requests may leave, and must
 *   people.c  operators: pause, resume, exceptions; and the books at the end of the day
 *
 * All of it is drawn from the seed, and nothing else is: the same seed lives the same day, to the
 * byte of its trace. Times are the loop's, in ms since the day began, and true: the machine's wall
 * clock may be wrong, what the engine promises is measured by these.
 */
#ifndef DRAY_RANDOM_DAY_H
#define DRAY_RANDOM_DAY_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "dray/buf.h"
#include "dray/metrics.h"
#include "secret.h"
#include "store/store.h"
#include "turn.h"

#define CLOUDS 4
#define LANES 3
#define ITEMS_MAX 500
#define DAY_ITEMS_MAX 300 /* of them before the evening */
#define SEQS_MAX 4096
#define REQUESTS_MAX 512
#define MEMBERS_MAX 8
#define KEYS_MAX 8192 /* a power of two */
#define KEY_LEN 40
#define HOLDS_MAX 256

/* --- the other side ------------------------------------------------------------------------------ */

enum mode {
	MODE_KEY,     /* a repeat is known by its key, for as long as the cloud keeps it */
	MODE_NONE,    /* it is not; doubt is for a person */
	MODE_RESEND,  /* it is not; doubles are taken for granted */
	MODE_NATURAL, /* a document of the same key is there once; by a program */
	MODE_LOOKUP,  /* it can be asked whether it is there; by a program */
};

enum mood {
	MOOD_FINE,
	MOOD_FLAKY,    /* anything may happen */
	MOOD_DOWN,     /* no connection */
	MOOD_DEAF,     /* no answer, whatever it does */
	MOOD_BROKEN,   /* 500 */
	MOOD_BUSY,     /* 429 */
	MOOD_REFUSING, /* a wrong path, credentials that were withdrawn */
	MOODS
};

/* What the configuration says of a destination today, and may say otherwise tomorrow. */
struct terms {
	bool is_there;
	unsigned concurrency, batch_max, path;
	int64_t linger_ms, rate_per_hour; /* 0: none */
	int64_t max_bytes;
};

struct cloud {
	const char *name;
	int id;
	/* for the whole day */
	enum mode mode;
	char order; /* 'd'ocument, de'v'ice, 'n'one */
	bool passes;
	bool takes_chains;   /* it applies a batch in its order */
	int64_t lifetime_ms; /* of a key, as configured; 0 for ever */
	int64_t timeout_ms, settle_ms, probe_ms, give_up_ms, retry_max_ms;
	unsigned failures;
	unsigned n_steps, looks; /* with a program */
	int64_t ghost_ms;        /* after its time-out a request lands by then, or never */
	bool refuses_twins;

	struct terms terms;
	enum mood mood;
	int refusal; /* while MOOD_REFUSING */

	/* what is watched */
	unsigned n_out, n_failures, batch_max_ever;
	bool is_open;               /* it has failed: one request at a time */
	bool is_held;               /* it refused, and has taken nothing since */
	bool is_cleared[HOLDS_MAX]; /* by number: it refused what was tried next as well */
	unsigned n_holds;
	int64_t held_at_ms;
	int64_t free_since_ms;      /* nothing has happened, and nothing is in the way */
	int64_t probe_from_ms;      /* and none before then */
	int64_t not_before_ms;      /* it asked for peace */
	int64_t kept_not_before_ms; /* of that, what a commit holds */
	int64_t asked_until_ms;     /* the same where it need not be obeyed */
	int64_t tokens;             /* of its rate, in millionths */
	int64_t tokens_at_ms;
	unsigned n_fresh[LANES]; /* never sent, without a key to wait for */
	unsigned passed_over[LANES];
};

/* --- events -------------------------------------------------------------------------------------- */

enum ending { OPEN, DELIVERED, DISCARDED };

/* One event at one cloud. */
struct fate {
	bool is_routed, has_passed;
	int64_t slack_ms; /* ages are known so well: a boot has been between */
	unsigned char lane;
	enum ending ending;
	unsigned n_applied, n_started, n_doubts;
	unsigned attempts_min, attempts_max;
	int refused;         /* by this status, as answered; 0 never */
	bool was_held;       /* a refusal that may be the destination's */
	bool is_out;         /* with the courier, in this life of the engine */
	bool is_doubtful;    /* it may have been applied, for all the engine can know */
	bool was_claimed;    /* at a kill, and nobody knows whether it was sent */
	int64_t doubt_at_ms; /* since when */
	int64_t first_at_ms; /* first attempt that counts; -1 none */
	unsigned key;        /* index of the last one it was sent under */
	bool is_pinned;      /* that key must be used again */
	bool may_part; /* but for a refusal of the batch, which proves that nothing was done */
	unsigned n_holds,
		hold; /* refusals that may be the destination's, and in which hold the last */
	/* with a program */
	char sent_key[KEY_LEN], made_key[KEY_LEN];
	unsigned n_created, n_made; /* documents, and steps of it that are done there */
	unsigned carry, doubt_boot; /* the last step that left; in which boot doubt_at_ms was */
	bool may_go_on, has_failed, is_repeated; /* repeated: it was looked for in vain */
	int64_t looked_at_ms;
};

struct item {
	unsigned number;
	int64_t seq; /* 0: not stored */
	bool is_put; /* in this turn, not committed */
	char id[24];
	char kind; /* 'o' fine, 'x' refused with 400, 'y' with 404 */
	unsigned document, device, pad;
	int64_t stored_at_ms;
	struct fate fates[CLOUDS];
};

/* --- requests ------------------------------------------------------------------------------------ */

struct known_key {
	char text[KEY_LEN];
	uint64_t body;
	size_t len;
	unsigned path;
	bool is_applied;
	int64_t applied_at_ms;
};

struct request {
	bool is_used;
	struct cloud *cloud;
	unsigned nth, members[MEMBERS_MAX], n, token, key;
	size_t len;
	bool is_probe, is_unstarted;
	bool is_look, is_driven; /* driven on by a look */
	int step;
	char made_key[KEY_LEN];
	int64_t started_at_ms;
	struct event *arrival, *answer;
	bool will_arrive, is_forced; /* forced: answered as planned, whatever comes of it */
	enum outcome_transport transport;
	int status;
	char retry_after[48], words[96];
	int64_t asked_ms, asked_at_s; /* to wait so long, or until then by the wall clock; 0 none */
	courier_done_fn done;         /* NULL: nobody waits for it any more */
	void *ctx;
	struct { /* of each member before this request */
		bool is_doubtful;
		int64_t doubt_at_ms, first_at_ms;
	} before[MEMBERS_MAX];
};

/* --- the day ------------------------------------------------------------------------------------- */

enum kill { KILL_NONE, KILL_GATHERED, KILL_DISPATCHED, KILL_COMMITTED };

struct act { /* of a person, true once a commit holds it */
	struct item *item;
	struct cloud *cloud;
	enum ending ending; /* OPEN: sent again */
	bool ends_doubt;
};
#define ACTS_MAX 64

struct day {
	/* kept from day to day */
	char dir[80], path[96];
	bool is_traced;
	struct buf trace;
	char words[512]; /* what went wrong */
	jmp_buf *failed;

	uint64_t seed; /* from here on all is of one day */
	uint64_t dice, entropy;
	struct clock clock;
	struct store *store;
	struct turn *turn;
	struct metrics *metrics;
	bool is_cut_short; /* its store was taken for broken */
	struct timekeeper *timekeeper;
	struct deliver *deliver;
	struct config *config;
	struct secret_dirs secrets;
	struct courier courier;
	struct event *step;
	struct event *probe; /* of a disk that refuses */
	jmp_buf killed;
	int64_t wall_ahead_ms; /* of the machine's clock; it is wrong */
	int64_t boot_at_ms;
	unsigned n_boots;
	enum kill kill;
	bool is_long, is_evening, is_over, is_resting, is_draining, is_failing;
	unsigned n_clouds, n_steps, steps, token, n_items, n_turns_now, n_kills, n_pending;
	int64_t turn_at_ms, evening_at_ms, nap_ms, failing_until_ms;
	struct act acts[ACTS_MAX];
	unsigned n_acts;
	struct cloud clouds[CLOUDS];
	struct item items[ITEMS_MAX]; /* by number */
	struct item *by_seq[SEQS_MAX];
	struct request requests[REQUESTS_MAX];
	unsigned n_requests, n_chained, n_looks, n_repeats;
	struct known_key keys[KEYS_MAX];
};
extern struct day day;

/* Live the day of a seed. It returns when all is well, else by longjmp to day.failed. */
void day_live(uint64_t seed, bool is_in_memory);

#define DAY_BEGINS_AT_MS INT64_C(1795000000000) /* by a wall clock that is right */

uint64_t dice_roll(uint64_t *state);
/* A number from 0 to below - 1. */
unsigned draw(unsigned below);
bool draw_percent(unsigned percent);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void day_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define CHECK(holds, ...) ((holds) ? (void)0 : day_fail(__VA_ARGS__))

struct fate *fate_of(struct item *item, const struct cloud *cloud);
/* By the beginning of a text: "i12-o…". */
struct item *item_of(const char *id);
/* The key by which events at a cloud wait for each other; "" none. */
void order_key(const struct item *item, const struct cloud *cloud, char out[32]);
bool is_keyless(const struct item *item, const struct cloud *cloud);
bool is_same_order(const struct item *a, const struct item *b, const struct cloud *cloud);

/* --- engine.c */

/* What the engine stamps with now, and what it takes for the wall time. */
int64_t stamp_ms(void);
int64_t wall_ms(void);
void engine_on_probe(int fd, short what, void *ctx);
void engine_begin_day(void);
void engine_end_day(void);
void engine_configure(void);
void engine_build(void);
void engine_end(bool is_killed);

/* --- cloud.c */

void cloud_draw(struct cloud *cloud, unsigned nth);
void cloud_draw_terms(struct cloud *cloud);
void cloud_draw_mood(struct cloud *cloud);
/* The engine was killed: nobody waits for an answer any more. */
void cloud_forget_senders(void);
/* Does any request with this item go on at the cloud, or may it? */
bool cloud_holds(const struct cloud *cloud, const struct item *item);
int cloud_start(void *opened, const struct courier_request *asked, courier_done_fn done, void *ctx);
void cloud_end_day(void);

/* --- watch.c */

void watch_start(struct request *request, const struct courier_request *asked);
/* It is applied. */
void watch_apply(struct request *request);
/* All with the same ordering key that came before must be settled, or have been let go past. */
void watch_order(const struct request *request, unsigned nth, bool is_applied);
/* The answer asks for a wait. */
void watch_wait(const struct request *request);
/* The engine is about to get its answer. */
void watch_answer(struct request *request);
void watch_news(void *ctx, const struct deliver_news *news);
/* It is stored, though nobody was told. */
void learn_item(struct item *item, int64_t seq);
void watch_commit(void);
void watch_poison(void);
/* The machine was off for so long. */
void watch_boot(int64_t off_ms);
/* Killed and built anew; the store is open, nothing else is. */
void watch_kill(bool was_committing);
struct known_key *key_find(const char *text, unsigned *ret_index);

/* --- program.c */

struct mapper *programs_open(void);
bool has_program(const struct cloud *cloud);
void program_draw(struct cloud *cloud);
void program_write(void);
void program_read_request(struct request *request, const struct courier_request *asked);
int program_process(struct request *request);
void program_watch_start(struct request *request);
void program_watch_answer(struct request *request);
void program_watch_exception(const struct deliver_news *news, const struct item *item,
	const struct fate *fate, const struct cloud *cloud);
void program_watch_done(
	const struct item *item, const struct fate *fate, const struct cloud *cloud);
void program_watch_kill(struct fate *fate, bool is_claimed);

/* --- pace.c */

#define COMMIT_MS 200 /* longer than any turn takes here */
/* May it leave now, and is it its lane's turn? */
void watch_window(struct request *request);
void watch_lanes(struct request *request);
/* Something happened: what waits has its time again. */
void watch_touch(struct cloud *cloud);
/* Does anything wait that could go? */
void watch_idle(void);

/* --- people.c */

void people_act(void);
/* In the evening: is nothing left to be made, and nothing for a person? */
bool people_are_done(void);
void people_show_unfinished(void);
void people_check_books(void);
void people_check_counts(void);

#endif
