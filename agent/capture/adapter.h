/*
 * adapter.h - what makes events of a vendor's payload: a jq program per folder, run by the mapper.
 *
 *   message ─► [split, scanned] ─► mapper, one call per value ─► intake_take(), in the order of arrival
 *
 * A source or hook that names an adapter gives its messages here instead of to the intake. The answer
 * comes in a later turn; until it is committed nothing is promised to anybody: capture keeps its
 * PUBACKs back while adapter_waiting() is above 0, a hook's reply waits. So a message needs no place
 * of its own in the store: after a crash the broker, or the partner, sends it again.
 *
 * Laws
 *   1. `done` is called once per message, from the loop, never from within adapter_take(): after its
 *      events were taken or refused, in the turn that will commit them.
 *   2. Messages of one source are done in the order in which they came.
 *   3. A message that no event can be made of is kept raw (`map_failed`, or the flaw's own reason).
 */
#ifndef DRAY_ADAPTER_H
#define DRAY_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>

#include "capture/intake.h"
#include "dray/config.h"
#include "dray/error.h"

struct mapper;
struct adapters;

struct adapters *adapters_new(
	struct intake *intake, struct mapper *mapper, const struct clock *clock);
void adapters_free(struct adapters *adapters);

/*
 * Read the adapters that sources and hooks name, from `dirs` (NULL ends). 0, or -1 with *err filled
 * and nothing changed. Messages under way keep the program that they were given to.
 */
int adapters_configure(struct adapters *adapters, const struct config *config,
	const char *const *dirs, struct error *err);
/* The same check without an effect. */
int adapters_check(const struct config *config, const char *const *dirs, struct error *err);

/* Headers of a hook's call; name in lower case. */
struct adapter_header {
	const char *name, *value;
};

struct adapter_ask {
	const char *adapter;           /* its name */
	struct intake_message message; /* payload: what came; copied, like its texts */
	const cJSON *vars;             /* borrowed: of the configuration in force */
	const struct adapter_header *headers;
	size_t n_headers;
	intake_ack_fn on_ack; /* as for intake_take(); may be NULL */
	/* `status`: what intake_take() returned. Not called when the agent ends. */
	void (*done)(void *ctx, int status);
	void *ctx;
};
/* 0, or -1: memory ran out, nothing was taken and nothing is called. */
int adapter_take(struct adapters *adapters, const struct adapter_ask *ask);

/* Messages given and not done. */
size_t adapter_waiting(const struct adapters *adapters);

#endif
