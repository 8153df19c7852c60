/*
 * adapter.h - what makes events of a vendor's payload: a jq program per folder, run by the mapper.
 *
 *   message ─► [split, scanned] ─► mapper, one call per value ─► intake_take(), in the order of arrival
 *
 * A source or hook that names an adapter gives its messages here instead of to the intake. The answer
 * comes in a later turn; until it is committed nothing is promised to anybody: capture keeps its
 * PUBACKs back meanwhile, a hook's reply waits. So a message needs no place of its own in the store:
 * after a crash the broker, or the partner, sends it again.
 *
 * Laws
 *   1. `done` is called once per message, from the loop, never from within adapter_take(): after its
 *      events were taken or refused, in the turn that will commit the last of them.
 *   2. The events of a source are taken in the order in which its messages came.
 *   3. A value that no event can be made of is kept raw, `unparsable`: `map_failed` with the program's
 *      words, or the reason of the flaw it has. So is what comes while the program is held by its
 *      strikes (mapper.h): to wait for a program that overruns would hold up every other device, and
 *      what is kept is seen, counted and alerted. A repeat raises the number of the exception that it
 *      has.
 *   4. A store that failed is not asked again for the same message: it comes again.
 */
#ifndef DRAY_ADAPTER_H
#define DRAY_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/intake.h"
#include "dray/adapter_contract.h"
#include "dray/config.h"
#include "dray/error.h"

struct mapper;
struct adapters;

struct adapters *adapters_new(struct intake *intake, struct mapper *mapper);
/* What is under way ends without a word. Before mapper_free(). NULL is a no-op. */
void adapters_free(struct adapters *adapters);

/*
 * Read the adapters that sources and hooks name, from `dirs` (NULL ends). 0, or -1 with *err filled
 * ("sources.NAME.adapter", "sources.NAME.vars.X") and nothing changed. Messages under way keep the
 * program and the vars that they were given to.
 */
int adapters_configure(struct adapters *adapters, const struct config *config,
	const char *const *dirs, struct error *err);
/* The same check without an effect. */
int adapters_check(const struct config *config, const char *const *dirs, struct error *err);

struct adapter_ask {
	/* payload: what came. Copied, like its texts. `raw`, `first_index` are the adapters' to say */
	struct intake_message message;
	const cJSON
		*vars; /* the source's or hook's, of the configuration in force: says whose it is */
	const struct connector_header *headers; /* of a hook's call */
	size_t n_headers;
	intake_ack_fn on_ack; /* as for intake_take(), with `ctx` */
	/* `status`: 0, or -1: the store failed, the turn is poisoned. Not called when the agent ends. */
	void (*done)(void *ctx, int status);
	void *ctx;
};
/*
 * Returns 0: under way, done() comes; 1: all of it was refused at once, with an ack each, and done()
 * doesn't come; -1: the store failed, or memory ran out: nothing was taken, and nothing is called.
 */
int adapter_take(struct adapters *adapters, const struct adapter_ask *ask);

/* Messages given and not done. */
size_t adapter_waiting(const struct adapters *adapters);
/* So much waits that more should be left where it is: 256 messages, or 8 MiB. */
bool adapter_is_full(const struct adapters *adapters);

#endif
