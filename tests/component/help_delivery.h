/*
 * help_delivery.h - the delivery engine in a box: a real store and turn, a clock that stands until
 * it is moved, and a courier that keeps every request until the test answers it.
 */
#ifndef DRAY_HELP_DELIVERY_H
#define DRAY_HELP_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "courier/courier.h"
#include "deliver/deliver.h"
#include "dray/metrics.h"
#include "play_mapper.h"
#include "secret.h"
#include "store/store.h"
#include "keep/timekeeper.h"
#include "turn.h"

#define ERRANDS_MAX 64
#define TEXT_MAX 65536

/* A request that is with the courier. */
struct errand {
	bool is_out;
	char destination[64], method[8], url[256], path[256], key[64], authorization[128];
	char content_type[96], extra[256]; /* its other headers, a line each */
	char body[TEXT_MAX];
	bool has_key, is_fresh;
	courier_done_fn done;
	void *ctx;
};

struct house {
	char dir[64], path[96];
	int64_t now_ms;        /* true time */
	int64_t wall_ahead_ms; /* by this much the wall clock has jumped */
	int64_t boot_at_ms;    /* true time at which the machine was started */
	bool is_unsynchronised;
	uint64_t entropy;
	struct clock clock; /* the machine's */
	struct timekeeper *timekeeper;
	struct event_base *base;
	struct store *store;
	struct turn *turn;
	struct mapper *mapper;
	struct metrics *metrics;
	struct deliver *deliver;
	struct config *config;
	struct secret_dirs secrets;
	struct courier courier;
	bool refuses_to_start;
	bool poisons;            /* the next turn, behind everything that it wrote */
	int64_t commit_takes_ms; /* of the next turn */
	const char *traceparent; /* of events that are put from now on; NULL none */
	struct errand errands[ERRANDS_MAX];
	unsigned n_started; /* ever */
	unsigned n_done, n_exceptions, n_alerts;
	char last_ref[64], last_kind[32], last_severity[16], last_reason[1024], last_alert[2048];
	/* What answers brought, "index type parent-id" each; those of poisoned turns too. */
	char emitted[16][128];
	unsigned n_emitted;
};

/*
 * A connector whose program is this function, to be used as "\"connector\":\"NAME\"". `declared` are
 * further members of its connector.json: "\"serial\":true", "" none. Before the house is opened.
 */
void house_connector(const char *name, const char *declared, mapper_play_fn fn);

/* How erp applies a batch, from the next configuration on. */
extern enum config_batch_kind house_batch_kind;

/* The destinations beside erp, from the next configuration on: "tms", and further ones behind it. */
extern const char *house_others;
#define HOUSE_TMS "\"tms\":{\"connector\":\"rest\",\"url\":\"http://tms\"}"

/* Destinations "erp" and "tms"; `erp` is what the test says about the first: "\"concurrency\":2". */
void house_open(struct house *house, const char *erp);
/* On a machine whose clock nobody vouches for. */
void house_open_unsynchronised(struct house *house, const char *erp);
void house_close(struct house *house);
/* kill -9 and start again: what was with the courier is never answered. */
void house_crash(struct house *house, const char *erp);
/* Likewise, with this done to its files in between. */
void house_crash_and(struct house *house, void (*act)(struct house *house), const char *erp);
/* Likewise, with the machine: it was off for so long. What its clock says is the test's to set before. */
void house_reboot(struct house *house, int64_t off_ms, const char *erp);
/* What the rooms take for now. */
int64_t house_steady(const struct house *house);
/* Reload. 0, or -1. */
int house_configure(struct house *house, const char *erp);

/* An event for erp with an ordering key, "" none. Stored by the next turn. */
void house_put(struct house *house, const char *id, const char *key);
/* "prefix0" and so on, without a key. */
void house_put_many(struct house *house, const char *prefix, int n);
void house_put_to(struct house *house, const char *destination, const char *id, const char *key,
	enum config_lane lane);

void house_turn(struct house *house);
/* Turns until two in a row have started nothing, programs answering in between. */
void house_rest(struct house *house);
/* Time passes, then rest. */
void house_wait(struct house *house, int64_t ms);

/*
 * Time passes as the loop would see it: a look, and rest, at each time for which a destination's timer
 * is set.
 * How many looks that were.
 */
unsigned house_pass(struct house *house, int64_t ms);

/* How many requests are out. */
unsigned house_out(const struct house *house);
/* The oldest request out whose body holds `id`; NULL. */
struct errand *house_find(struct house *house, const char *id);
void house_answer(struct house *house, struct errand *errand, int status, const char *body);
void house_answer_with(struct house *house, struct errand *errand, int status,
	const struct connector_header *headers, size_t n_headers, const char *body);
/* The only request that is out. */
struct errand *house_only(struct house *house);
/* It has left twice, and this answers the second time. */
void house_answer_repeat(struct house *house, struct errand *errand, int status);
void house_answer_later(struct errand *errand, int status, const char *retry_after);
void house_fail(struct house *house, struct errand *errand, enum outcome_transport transport);
/* Answer all that are out, again and again, until nothing is. */
void house_answer_all(struct house *house, int status);

/* The state of an event's delivery to erp. */
enum delivery_state house_state(struct house *house, const char *id);
unsigned house_attempts(struct house *house, const char *id);
unsigned house_looks(struct house *house, const char *id);
/* Of the last exception that opened. */
const char *house_code(struct house *house);
/* Open exceptions of a kind. */
unsigned house_exceptions(struct house *house, const char *kind);
/* A person sends an exception of this kind again, and says of an unknown one that it isn't there. */
void house_retry(struct house *house, const char *id, const char *kind);
int64_t house_depth(struct house *house, enum delivery_state state);

#endif
