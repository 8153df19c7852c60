/*
 * ops.c - the room's life and its part in a turn.
 */
#include "ops/room.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "ops/tls.h"
#include "turn.h"

static void release(void *ctx)
{
	struct ops *ops = ctx;
	struct call *call;

	backup_released(&ops->backup);
	ops->n_taken = 0;
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
	ops->n_taken = 0;
	TAILQ_FOREACH (call, &ops->waiting, link)
		call->is_poisoned = true;
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
	if (!door->http ||
		guests_init(&door->guests, ops->with.base,
			OPS_HEADERS_MAX + OPS_EVENTS_MAX + 2 * OPS_BODY_MAX, call_on_left) != 0)
		return -1;
	guests_attend(&door->guests, door->http);
	evhttp_set_gencb(door->http, call_on_request, door);
	evhttp_set_max_headers_size(door->http, OPS_HEADERS_MAX);
	/* Beyond the bound, so that a body somewhat too large is refused in our own words; what is
	 * larger yet is read to its end, as long as a request may take, and thrown away: a reset would
	 * cost the client the answer. */
	evhttp_set_max_body_size(door->http, OPS_EVENTS_MAX + OPS_BODY_MAX);
	(void)evhttp_set_flags(door->http, EVHTTP_SERVER_LINGERING_CLOSE);
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
	TAILQ_INIT(&ops->waiting);
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

static void free_door(struct ops_door *door)
{
	door_close(door);
	if (door->http)
		evhttp_free(door->http);
	guests_done(&door->guests);
}

void ops_free(struct ops *ops)
{
	struct call *call;

	if (!ops)
		return;
	while ((call = TAILQ_FIRST(&ops->outbox)) || (call = TAILQ_FIRST(&ops->waiting)))
		call_free(call);
	backup_done(&ops->backup);
	free_door(&ops->control);
	free_door(&ops->tcp);
	tokens_free(ops->tokens);
	hooks_free(ops->hooks);
	free(ops);
}

/* --- configuration ---------------------------------------------------------------------------- */

/* What the TCP door asks for and shows, read from its files. */
struct credentials {
	struct tokens *tokens;
	struct hooks *hooks;
	SSL_CTX *tls; /* NULL: none */
};

static void free_credentials(struct credentials *credentials)
{
	tokens_free(credentials->tokens);
	hooks_free(credentials->hooks);
	SSL_CTX_free(credentials->tls);
}

static int read_credentials(const struct config *config, const struct secret_dirs *secrets,
	int64_t now_mono_ms, struct credentials *ret, struct error *err)
{
	*ret = (struct credentials){ 0 };
	ret->tokens = tokens_read(config, secrets, err);
	ret->hooks = ret->tokens ? hooks_read(config, secrets, now_mono_ms, err) : NULL;
	if (ret->hooks && config->listen.has_tls)
		ret->tls = tls_server_new(&config->listen.tls, secrets, err);
	if (ret->hooks && (ret->tls || !config->listen.has_tls))
		return 0;
	free_credentials(ret);
	return -1;
}

int ops_check(const struct config *config, const struct secret_dirs *secrets, struct error *err)
{
	struct credentials credentials;

	if (read_credentials(config, secrets, 0, &credentials, err) != 0)
		return -1;
	free_credentials(&credentials);
	return 0;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Who came in by other rules than these comes in anew. */
static bool has_other_rules(const struct config *before, const struct config *config)
{
	return before && (before->listen.has_tls != config->listen.has_tls ||
				 !is_same_text(before->listen.tls.ca, config->listen.tls.ca));
}

static void take_credentials(
	struct ops *ops, const struct config *config, struct credentials *credentials)
{
	tokens_free(ops->tokens);
	ops->tokens = credentials->tokens;
	hooks_free(ops->hooks);
	ops->hooks = credentials->hooks;
	SSL_CTX_free(ops->tcp.guests.tls);
	ops->tcp.guests.tls = credentials->tls;
	if (has_other_rules(ops->config, config))
		guests_dismiss(&ops->tcp.guests);
}

/* What is no good stays out, and is looked at again when it changes once more. */
void ops_rotate(struct ops *ops)
{
	const struct config *config = ops->config;
	int64_t now_mono_ms = clock_mono_ms(ops->with.clock);
	struct error err = { 0 };
	struct tokens *tokens;
	struct hooks *hooks;

	if (!rotation_is_due(&ops->rotation, config, ops->with.secrets, now_mono_ms))
		return;
	tokens = tokens_read(config, ops->with.secrets, &err);
	hooks = tokens ? hooks_read(config, ops->with.secrets, now_mono_ms, &err) : NULL;
	if (!hooks) {
		LOG_WARNING("a secret that has changed is not taken, the one before holds",
			LOG_S("option", err.path), LOG_S("why", err.message));
		tokens_free(tokens);
		return;
	}
	tokens_free(ops->tokens);
	ops->tokens = tokens;
	hooks_free(ops->hooks);
	ops->hooks = hooks;
	LOG_INFO("the listener's secrets have changed and are read anew");
}

int ops_configure(struct ops *ops, const struct config *config, struct error *err)
{
	struct rotation rotation;
	struct credentials credentials;
	struct door_opening tcp;
	struct door_opening control;

	rotation_begin(&rotation, config, ops->with.secrets, clock_mono_ms(ops->with.clock));
	if (read_credentials(config, ops->with.secrets, clock_mono_ms(ops->with.clock),
		    &credentials, err) != 0)
		return -1;
	if (door_open(&ops->tcp, config->listen.address, NULL, &tcp, err) != 0)
		goto fail;
	if (door_open(&ops->control, config->control.socket, config->control.group, &control,
		    err) != 0) {
		door_drop(&ops->tcp, &tcp);
		goto fail;
	}
	door_take(&ops->tcp, &tcp);
	door_take(&ops->control, &control);
	take_credentials(ops, config, &credentials);
	ops->rotation = rotation;
	ops->config = config;
	return 0;
fail:
	free_credentials(&credentials);
	return -1;
}
