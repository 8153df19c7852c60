/*
 * deliver.c - the engine's life, and its part in a turn.
 */
#include "deliver.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "deliver_internal.h"
#include "log.h"
#include "turn.h"

#define POISON_WAIT_MS 50
#define POISON_WAIT_MAX_MS 5000

int64_t deliver_now(const struct deliver *deliver)
{
	return clock_steady_ms(deliver->options.clock);
}

int64_t deliver_mono(const struct deliver *deliver)
{
	return clock_mono_ms(deliver->options.clock);
}

void deliver_alert(const struct deliver *deliver, const char *severity, const char *format, ...)
{
	char room[2 * REASON_MAX];
	const char *text = room;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(room, sizeof(room), format, args);
	va_end(args);
	if (deliver->options.on_alert)
		deliver->options.on_alert(deliver->options.ctx, severity, text);
}

/* --- the turn ------------------------------------------------------------------------------------- */

static void set_timer(struct deliver *deliver, int64_t wait_ms)
{
	struct timeval wait = clock_wait(wait_ms);

	if (evtimer_add(deliver->timer, &wait) != 0)
		LOG_ERROR("a timer could not be set, memory may be short");
}

/* Memory ran out before anything of an answer was written: it stays, and nobody else will wake us. */
static void settle_soon(struct deliver *deliver)
{
	if (store_is_poisoned(deliver->options.store))
		return;
	LOG_ERROR("an answer could not be settled, memory may be short: trying again");
	set_timer(deliver, POISON_WAIT_MS);
}

static void on_dispatch(void *ctx)
{
	struct deliver *deliver = ctx;
	struct store *store = deliver->options.store;
	struct limit *limit;
	struct claim *claim;

	deliver->looked_mono_ms = deliver_mono(deliver);
	news_reset(&deliver->news);
	if (store_is_refusing(store))
		return;
	while ((claim = TAILQ_FIRST(&deliver->answered)))
		if (claim_settle(claim) != 0) {
			settle_soon(deliver);
			return;
		}
	TAILQ_FOREACH (limit, &deliver->limits, link)
		dispatch_serve(limit);
}

static void settle_window(struct destination *destination)
{
	if (destination->recovery == RECOVERY_WRITTEN)
		destination->recovery = RECOVERY_DONE;
	if (!destination->is_disturbed)
		return;
	destination->is_disturbed = false;
	window_expect_ready(destination, 1);
	turn_wake(destination->deliver->options.turn);
}

static void on_committed(void *ctx)
{
	struct deliver *deliver = ctx;
	struct destination *destination;
	struct claim *claim;

	if (!TAILQ_EMPTY(&deliver->settled) || !TAILQ_EMPTY(&deliver->fresh))
		deliver->poisons_in_row = 0;
	while ((claim = TAILQ_FIRST(&deliver->settled))) {
		window_move(claim->destination, claim);
		claim_give(claim);
	}
	TAILQ_FOREACH (claim, &deliver->fresh, link)
		bucket_take(&claim->limit->bucket);
	/* A further step can't wait for a token: the next claim does. */
	TAILQ_FOREACH (claim, &deliver->stepped, link)
		if (claim->n_requests > 0)
			bucket_take(&claim->limit->bucket);
	TAILQ_FOREACH (destination, &deliver->destinations, link) {
		window_move_failure(destination);
		settle_window(destination);
	}
	news_tell(deliver);
}

static void on_release(void *ctx)
{
	struct deliver *deliver = ctx;
	struct destination *destination;
	struct claim *claim;

	while ((claim = TAILQ_FIRST(&deliver->fresh)))
		claim_begin(claim);
	while ((claim = TAILQ_FIRST(&deliver->stepped)))
		claim_send(claim);
	TAILQ_FOREACH (destination, &deliver->destinations, link)
		if (destination->is_configured)
			window_arm(destination);
}

/* Answers stay in their order, settled or not. */
static void keep_answers(struct deliver *deliver)
{
	struct claims rest = TAILQ_HEAD_INITIALIZER(rest);
	struct claim *claim;

	TAILQ_CONCAT(&rest, &deliver->answered, link);
	while ((claim = TAILQ_FIRST(&deliver->settled)) || (claim = TAILQ_FIRST(&deliver->stepped)))
		claim_move(claim, CLAIM_ANSWERED);
	TAILQ_CONCAT(&deliver->answered, &rest, link);
}

/* Nobody waits for its answer any more: another one may ask. */
static void withdraw_probe(struct claim *claim)
{
	if (claim->is_probe)
		breaker_probe_withdrawn(&claim->destination->breaker, deliver_mono(claim->deliver));
	claim->is_probe = false;
}

static void drop_fresh(struct deliver *deliver)
{
	struct claim *claim;

	while ((claim = TAILQ_FIRST(&deliver->fresh))) {
		withdraw_probe(claim);
		claim_give(claim);
	}
}

/* What was read or written in the turn is not true: look again at everything. */
static void forget_hints(struct destination *destination)
{
	window_expect_ready(destination, 1);
	destination->next_due_at_ms = 0;
	destination->next_look_at_ms = 0;
	destination->linger_until_ms = 0;
	destination->is_disturbed = false;
	window_forget_failure(destination);
	if (destination->current)
		destination->current->id = 0;
	if (destination->recovery == RECOVERY_WRITTEN)
		destination->recovery = RECOVERY_DUE;
	destination->may_have_suspects = true;
}

static void wait_for_better_days(struct deliver *deliver)
{
	int64_t wait_ms = POISON_WAIT_MS;

	for (unsigned i = 0; i < deliver->poisons_in_row && wait_ms < POISON_WAIT_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > POISON_WAIT_MAX_MS)
		wait_ms = POISON_WAIT_MAX_MS;
	deliver->poisons_in_row++;
	deliver->claims_from_mono_ms = deliver_mono(deliver) + wait_ms;
	set_timer(deliver, wait_ms);
}

static void on_poisoned(void *ctx)
{
	struct deliver *deliver = ctx;
	struct destination *destination;

	news_reset(&deliver->news);
	drop_fresh(deliver);
	keep_answers(deliver);
	TAILQ_FOREACH (destination, &deliver->destinations, link)
		forget_hints(destination);
	wait_for_better_days(deliver);
}

/*
 * The rows of every claim are gone, and come back in doubt: what the other side answers now is asked
 * again under the same key.
 */
static void on_replaced(void *ctx)
{
	struct deliver *deliver = ctx;
	struct destination *destination;
	struct claim *claim;

	while ((claim = TAILQ_FIRST(&deliver->answered)) ||
		(claim = TAILQ_FIRST(&deliver->settled)) ||
		(claim = TAILQ_FIRST(&deliver->stepped)) ||
		(claim = TAILQ_FIRST(&deliver->mapping)) ||
		(claim = TAILQ_FIRST(&deliver->fresh))) {
		withdraw_probe(claim);
		claim_give(claim);
	}
	TAILQ_FOREACH (claim, &deliver->sent, link) {
		withdraw_probe(claim);
		claim->is_orphan = true;
	}
	TAILQ_FOREACH (destination, &deliver->destinations, link)
		window_replaced(destination);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct deliver *deliver = ctx;

	(void)fd;
	(void)what;
	turn_wake(deliver->options.turn);
}

/* --- life ----------------------------------------------------------------------------------------- */

struct deliver *deliver_new(const struct deliver_options *options)
{
	struct deliver *deliver = calloc(1, sizeof(*deliver));
	struct turn_member member = {
		.name = "deliver",
		.dispatch = on_dispatch,
		.committed = on_committed,
		.release = on_release,
		.poisoned = on_poisoned,
		.replaced = on_replaced,
		.ctx = deliver,
	};

	if (!deliver)
		return NULL;
	deliver->options = *options;
	TAILQ_INIT(&deliver->destinations);
	TAILQ_INIT(&deliver->limits);
	TAILQ_INIT(&deliver->spare);
	TAILQ_INIT(&deliver->fresh);
	TAILQ_INIT(&deliver->mapping);
	TAILQ_INIT(&deliver->sent);
	TAILQ_INIT(&deliver->answered);
	TAILQ_INIT(&deliver->stepped);
	TAILQ_INIT(&deliver->settled);
	deliver->timer = evtimer_new(options->base, on_timer, deliver);
	if (!deliver->timer) {
		free(deliver);
		return NULL;
	}
	turn_add(options->turn, &member);
	return deliver;
}

static void free_claims(struct claims *claims)
{
	struct claim *claim;

	while ((claim = TAILQ_FIRST(claims))) {
		TAILQ_REMOVE(claims, claim, link);
		claim_free(claim);
	}
}

void deliver_free(struct deliver *deliver)
{
	struct destination *destination;

	if (!deliver)
		return;
	free_claims(&deliver->fresh);
	free_claims(&deliver->mapping);
	free_claims(&deliver->answered);
	free_claims(&deliver->stepped);
	free_claims(&deliver->settled);
	free_claims(&deliver->spare);
	while ((destination = TAILQ_FIRST(&deliver->destinations))) {
		TAILQ_REMOVE(&deliver->destinations, destination, link);
		window_free(destination);
	}
	/* The last of a line's claims closes it; what is out ends without a word. */
	free_claims(&deliver->sent);
	news_done(&deliver->news);
	free(deliver->events);
	event_free(deliver->timer);
	free(deliver);
}

/* --- from outside --------------------------------------------------------------------------------- */

void deliver_drain(struct deliver *deliver)
{
	deliver->is_draining = true;
}

void deliver_rest(struct deliver *deliver, bool is_resting)
{
	struct destination *destination;

	if (deliver->is_resting == is_resting)
		return;
	deliver->is_resting = is_resting;
	TAILQ_FOREACH (destination, &deliver->destinations, link) {
		destination->may_have_suspects = true;
		destination->next_due_at_ms = 0;
		destination->next_look_at_ms = 0;
		window_expect_ready(destination, 1);
	}
	turn_wake(deliver->options.turn);
}

void deliver_poke(struct deliver *deliver, int destination_id)
{
	struct destination *destination;

	TAILQ_FOREACH (destination, &deliver->destinations, link)
		if (destination->id == destination_id)
			window_expect_ready(destination, 1);
}

static void view(const struct destination *destination, deliver_view_fn fn, void *ctx)
{
	const struct settings *settings = destination->settings;
	const struct deliver *deliver = destination->deliver;
	int64_t wait_ms = window_wait_ms(destination);
	const struct deliver_view shown = {
		.name = destination->name,
		.id = destination->id,
		.is_configured = destination->is_configured,
		.is_paused = destination->id > 0 &&
			     store_destination_is_paused(deliver->options.store, destination->id),
		.breaker = destination->breaker.state,
		.cause = destination->breaker.cause,
		.reason = destination->reason,
		.not_before_at_ms = wait_ms > 0 ? deliver_now(deliver) + wait_ms : 0,
		.in_flight = destination->in_flight,
		.last_success_at_ms = destination->last_success_at_ms,
		.url = settings->is.url,
		.connector = settings->is.connector,
	};

	fn(ctx, &shown);
}

static bool is_known(const struct deliver *deliver, int id)
{
	const struct destination *destination;

	TAILQ_FOREACH (destination, &deliver->destinations, link)
		if (destination->id == id)
			return true;
	return false;
}

void deliver_list(struct deliver *deliver, deliver_view_fn fn, void *ctx)
{
	struct store *store = deliver->options.store;
	const struct destination *destination;

	TAILQ_FOREACH (destination, &deliver->destinations, link)
		view(destination, fn, ctx);
	for (int id = 1; id <= store_destination_count(store); id++) {
		struct deliver_view left = {
			.name = store_destination_name(store, id),
			.id = id,
			.is_paused = store_destination_is_paused(store, id),
			.reason = "",
			.url = "",
			.connector = "",
		};

		if (left.name && !is_known(deliver, id))
			fn(ctx, &left);
	}
}
