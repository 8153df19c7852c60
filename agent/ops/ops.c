/*
 * ops.c - the room's life and its part in a turn.
 */
#include "ops/room.h"

#include <stdlib.h>

#include "clock.h"
#include "turn.h"

#define IDLE_TIMEOUT_S 60
#define HEADERS_MAX (16 * 1024)

static void release(void *ctx)
{
	struct ops *ops = ctx;
	struct call *call;

	backup_released(&ops->backup);
	while ((call = TAILQ_FIRST(&ops->outbox))) {
		if (call->request && !call->is_answered)
			call->route->handle(call);
		call_finish(call);
	}
}

static void poisoned(void *ctx)
{
	struct ops *ops = ctx;
	struct call *call;

	backup_poisoned(&ops->backup);
	while ((call = TAILQ_FIRST(&ops->outbox))) {
		if (!call->route || call->route->is_change)
			call_problem(call, 503,
				"nothing was stored or changed: the store failed; try again");
		else if (call->request && !call->is_answered)
			call->route->handle(call); /* who only asks, on bad days most of all */
		call_finish(call);
	}
}

static int make_door(struct ops *ops, struct ops_door *door, bool is_control)
{
	door->ops = ops;
	door->is_control = is_control;
	door->http = evhttp_new(ops->with.base);
	if (!door->http)
		return -1;
	evhttp_set_gencb(door->http, call_on_request, door);
	evhttp_set_timeout(door->http, IDLE_TIMEOUT_S);
	evhttp_set_max_headers_size(door->http, HEADERS_MAX);
	/* Twice the bound: a body somewhat too large is refused in our own words. */
	evhttp_set_max_body_size(door->http, 2 * OPS_BODY_MAX);
	/* All of them: evhttp answers 501 where a known path should answer 405. */
	evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						       EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						       EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
						       EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	return 0;
}

struct ops *ops_new(const struct ops_options *options)
{
	struct ops *ops = calloc(1, sizeof(*ops));

	if (!ops)
		return NULL;
	ops->with = *options;
	ops->started_at_ms = clock_steady_ms(options->clock);
	TAILQ_INIT(&ops->outbox);
	if (backup_init(&ops->backup, options->base) != 0 ||
		make_door(ops, &ops->control, true) != 0 || make_door(ops, &ops->tcp, false) != 0) {
		ops_free(ops);
		return NULL;
	}
	turn_add(options->turn,
		&(struct turn_member){
			.name = "ops", .release = release, .poisoned = poisoned, .ctx = ops });
	return ops;
}

void ops_free(struct ops *ops)
{
	struct call *call;

	if (!ops)
		return;
	while ((call = TAILQ_FIRST(&ops->outbox)))
		call_free(call);
	backup_done(&ops->backup);
	door_close(&ops->control);
	door_close(&ops->tcp);
	if (ops->control.http)
		evhttp_free(ops->control.http);
	if (ops->tcp.http)
		evhttp_free(ops->tcp.http);
	free(ops);
}

int ops_configure(struct ops *ops, const struct config *config, struct error *err)
{
	struct door_opening tcp;
	struct door_opening control;

	if (door_open(&ops->tcp, config->listen.address, NULL, &tcp, err) != 0)
		return -1;
	if (door_open(&ops->control, config->control.socket, config->control.group, &control,
		    err) != 0) {
		door_drop(&ops->tcp, &tcp);
		return -1;
	}
	door_take(&ops->tcp, &tcp);
	door_take(&ops->control, &control);
	ops->config = config;
	return 0;
}
