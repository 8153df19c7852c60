#include "keep/salvor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/times.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define MARKED_ROWS 1000 /* deliveries that a turn looks at; some milliseconds */

struct salvor {
	struct salvor_options is;
	int fd;
	struct event *on_slice;
	int64_t sla_ms;
	bool is_resting;
	bool is_raised;
	bool is_ending; /* in this turn */
	bool is_marked; /* likewise: all that a restore left in doubt */
};

/* Being active makes a turn; the turn's dispatch does the work. */
static void on_slice_ready(evutil_socket_t fd, short what, void *ctx)
{
	uint64_t n;

	(void)what;
	(void)ctx;
	if (read(fd, &n, sizeof(n)) < 0)
		return; /* taken already */
}

void salvor_on_salvage(void *ctx)
{
	const struct salvor *salvor = ctx;
	uint64_t one = 1;
	ssize_t n = write(salvor->fd, &one, sizeof(one));

	(void)n; /* a full eventfd says the same */
}

static void rest(struct salvor *salvor)
{
	const struct store *store = salvor->is.store;
	bool is_resting = store_is_salvaging(store) || store_is_restored(store);

	if (is_resting == salvor->is_resting)
		return;
	salvor->is_resting = is_resting;
	salvor->is.on_rest(salvor->is.ctx, is_resting);
}

static void on_dispatch(void *ctx)
{
	struct salvor *salvor = ctx;
	int64_t now_ms = clock_steady_ms(salvor->is.clock);
	const struct store_salvaging with = {
		.now_ms = now_ms,
		.due_at_ms = now_ms + salvor->sla_ms,
		.route = salvor->is.route,
		.ctx = salvor->is.ctx,
	};

	rest(salvor);
	salvor->is_ending = store_salvage(salvor->is.store, &with) > 0;
	if (!store_is_restored(salvor->is.store) || store_is_refusing(salvor->is.store))
		return;
	salvor->is_marked =
		store_doubt_restored(salvor->is.store, MARKED_ROWS, now_ms, with.due_at_ms) > 0;
	turn_wake(salvor->is.turn);
}

static void raise(struct salvor *salvor)
{
	struct store_salvage_view view;
	char message[512];

	store_get_salvage(salvor->is.store, &view);
	(void)snprintf(message, sizeof(message),
		"the database was replaced: %s; events are taken, deliveries wait until what it "
		"held is back",
		view.reason);
	salvor->is_raised = true;
	salvor->is.on_alarm(salvor->is.ctx, message, false);
}

static void clear(struct salvor *salvor)
{
	struct store_salvage_view view;

	store_get_salvage(salvor->is.store, &view);
	LOG_WARNING("the broken database is done with", LOG_S("result", view.result));
	salvor->is_raised = false;
	salvor->is.on_alarm(salvor->is.ctx, view.result, true);
}

static void tell_restored(const struct salvor *salvor)
{
	struct store_restore_view view;
	char message[256], text[TIME_TEXT_MAX];
	const char *from = text;

	store_get_restore(salvor->is.store, &view);
	time_format(clock_wall_of(salvor->is.clock, view.from_at_ms), text);
	(void)snprintf(message, sizeof(message),
		"the database was restored from a backup of %s: %lld unfinished deliveries may have "
		"been made since, see exception %lld",
		from, (long long)view.deliveries, (long long)view.exception);
	LOG_WARNING("the database was restored", LOG_S("backup_of", from),
		LOG_I("deliveries_in_doubt", view.deliveries), LOG_I("exception", view.exception));
	salvor->is.on_restored(salvor->is.ctx, message);
}

static void on_committed(void *ctx)
{
	struct salvor *salvor = ctx;
	bool is_salvaging = store_is_salvaging(salvor->is.store);

	if (!salvor->is_raised && (is_salvaging || salvor->is_ending))
		raise(salvor);
	if (salvor->is_ending && !is_salvaging)
		clear(salvor);
	if (salvor->is_marked)
		tell_restored(salvor);
	salvor->is_marked = false;
	salvor->is_ending = false;
	rest(salvor);
}

static void on_poisoned(void *ctx)
{
	((struct salvor *)ctx)->is_marked = false;
}

static void on_replaced(void *ctx)
{
	struct salvor *salvor = ctx;

	salvor->is_ending = false;
	salvor->is_marked = false;
	salvor->is_raised = false;
	rest(salvor);
}

struct salvor *salvor_new(struct event_base *base)
{
	struct salvor *salvor = calloc(1, sizeof(*salvor));

	if (!salvor)
		return NULL;
	salvor->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (salvor->fd >= 0)
		salvor->on_slice =
			event_new(base, salvor->fd, EV_READ | EV_PERSIST, on_slice_ready, salvor);
	if (!salvor->on_slice || event_add(salvor->on_slice, NULL) < 0) {
		salvor_free(salvor);
		return NULL;
	}
	return salvor;
}

void salvor_free(struct salvor *salvor)
{
	if (!salvor)
		return;
	if (salvor->on_slice)
		event_free(salvor->on_slice);
	if (salvor->fd >= 0)
		(void)close(salvor->fd);
	free(salvor);
}

void salvor_attach(struct salvor *salvor, const struct salvor_options *options)
{
	salvor->is = *options;
	turn_add(options->turn, &(struct turn_member){ .name = "salvor",
					.dispatch = on_dispatch,
					.committed = on_committed,
					.poisoned = on_poisoned,
					.replaced = on_replaced,
					.ctx = salvor });
}

void salvor_set_sla(struct salvor *salvor, int64_t sla_ms)
{
	salvor->sla_ms = sla_ms;
}
