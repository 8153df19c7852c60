/*
 * people.c - operators who do the right thing: they look at the cloud before they send again what
 * may have been applied, and let go what nobody wants. And the books, which must close.
 */
#include <stdlib.h>
#include <string.h>

#include "day.h"
#include "loop.h"

struct found {
	int64_t ids[ACTS_MAX], seqs[ACTS_MAX];
	int destinations[ACTS_MAX];
	bool are_unknown[ACTS_MAX];
	unsigned n;
};

static int on_exception(void *ctx, const struct store_exception_row *row)
{
	struct found *found = ctx;

	if (row->seq == 0) /* a hold ends by itself */
		return 0;
	found->ids[found->n] = row->id;
	found->seqs[found->n] = row->seq;
	found->destinations[found->n] = row->destination;
	found->are_unknown[found->n++] = strcmp(row->kind, "unknown") == 0;
	return found->n == ACTS_MAX / 2;
}

struct row {
	int destination;
	enum delivery_state state;
	int64_t batch, doubt_at_ms;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	struct row *wanted = ctx;

	if (row->destination != wanted->destination)
		return 0;
	*wanted = (struct row){ row->destination, row->state, row->batch, row->doubt_at_ms };
	return 1;
}

static enum delivery_state choose_ending(const struct item *item, struct fate *fate)
{
	if (fate->n_applied > 0)
		return DELIVERY_DONE;
	/* Half a document is finished by hand. */
	if (fate->n_created > 0) {
		fate->n_applied = 1;
		return DELIVERY_DONE;
	}
	return item->kind != 'o' && draw_percent(70) ? DELIVERY_DISCARDED : DELIVERY_READY;
}

/* What the control API does for retry and discard. */
static void settle(struct item *item, struct cloud *cloud, bool is_unknown)
{
	struct row row = { .destination = cloud->id };
	enum delivery_state to = choose_ending(item, fate_of(item, cloud));

	if (store_list_event_deliveries(day.store, item->seq, on_row, &row) != 0 ||
		row.state != DELIVERY_EXCEPTION)
		return;
	const struct store_settlement settlement = {
		.to = to,
		.leaves_batch = row.batch != 0 && row.doubt_at_ms == 0,
		.is_proven = to == DELIVERY_READY && is_unknown,
		.now_ms = stamp_ms(),
	};
	if (store_settle(day.store, cloud->id, item->seq, &settlement) != 0)
		return;
	trace("a person makes %s at %s %s", item->id, cloud->name, delivery_state_word(to));
	day.acts[day.n_acts++] = (struct act){
		.item = item,
		.cloud = cloud,
		.ending = to == DELIVERY_READY  ? OPEN
			  : to == DELIVERY_DONE ? DELIVERED
						: DISCARDED,
		.ends_doubt = settlement.is_proven,
	};
	deliver_poke(day.deliver, cloud->id);
}

static void act_on_exceptions(void)
{
	const struct store_exception_filter filter = { .limit = ACTS_MAX / 2 };
	struct found found = { .n = 0 };
	int64_t cursor;

	if (store_list_exceptions(day.store, &filter, on_exception, &found, &cursor) != 0)
		return;
	for (unsigned i = 0; i < found.n; i++) {
		struct item *item = day.by_seq[found.seqs[i]];
		struct cloud *cloud = &day.clouds[found.destinations[i] - 1];

		CHECK(item, "an exception of event %lld, which nobody sent",
			(long long)found.seqs[i]);
		/* It is looked up once nothing of it goes on. */
		if (cloud_holds(cloud, item) || (!day.is_evening && draw_percent(50)))
			continue;
		settle(item, cloud, found.are_unknown[i]);
		(void)store_resolve_exception(day.store, found.ids[i], "seen to", stamp_ms());
	}
}

static void toggle_pause(struct cloud *cloud)
{
	bool is_paused = !store_destination_is_paused(day.store, cloud->id);

	if (day.is_evening && is_paused)
		return;
	trace("%s is %s", cloud->name, is_paused ? "paused" : "resumed");
	if (store_destination_pause(day.store, cloud->id, is_paused) == 0 && !is_paused)
		deliver_poke(day.deliver, cloud->id);
}

void people_act(void)
{
	if (day.is_evening || draw_percent(20))
		act_on_exceptions();
	for (unsigned i = 0; i < CLOUDS; i++)
		if (day.is_evening || draw_percent(2))
			toggle_pause(&day.clouds[i]);
}

static void count_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	(void)kind;
	(void)severity;
	*(int64_t *)ctx += n;
}

bool people_are_done(void)
{
	int64_t n = day.n_pending;

	for (unsigned i = 0; i < CLOUDS; i++)
		n += store_pending(day.store, day.clouds[i].id);
	store_count_open(day.store, count_open, &n);
	return n == 0;
}

/* --- what is left ---------------------------------------------------------------------------- */

static int show_row(void *ctx, const struct store_delivery_row *row)
{
	const struct cloud *cloud = ctx;

	trace("%s at %s is %s, batch %lld, %u attempts, due in %lld ms", row->id, cloud->name,
		delivery_state_word(row->state), (long long)row->batch, row->attempts,
		row->due_at_ms > 0 ? (long long)(row->due_at_ms - stamp_ms()) : 0);
	return 0;
}

static void show_view(void *ctx, const struct deliver_view *view)
{
	(void)ctx;
	trace("%s: paused %d, breaker %d for %d, %u in flight, not before %lld ms, %s", view->name,
		view->is_paused, (int)view->breaker, (int)view->cause, view->in_flight,
		view->not_before_at_ms > 0 ? (long long)(view->not_before_at_ms - wall_ms()) : 0,
		view->reason);
}

static int show_exception(void *ctx, const struct store_exception_row *row)
{
	(void)ctx;
	trace("exception %lld of destination %d: %s, event %s, %s", (long long)row->id,
		row->destination, row->kind, row->event_id, row->reason);
	return 0;
}

void people_show_unfinished(void)
{
	const struct store_exception_filter filter = { .limit = 10 };
	int64_t cursor;

	trace("%u are not stored", day.n_pending);
	(void)store_list_exceptions(day.store, &filter, show_exception, NULL, &cursor);
	deliver_list(day.deliver, show_view, NULL);
	for (unsigned i = 0; day.is_traced && i < CLOUDS; i++)
		(void)store_list_deliveries(
			day.store, day.clouds[i].id, 0, 0, 10, show_row, &day.clouds[i]);
}

/* --- the books ------------------------------------------------------------------------------------ */

struct count {
	struct cloud *cloud;
	int64_t states[DELIVERY_STATES];
	bool is_end;
};

static void check_end(const struct item *item, const struct fate *fate, const struct cloud *cloud,
	const struct store_delivery_row *row)
{
	bool is_wanted = item->kind == 'o';

	CHECK(row->state == (is_wanted ? DELIVERY_DONE : DELIVERY_DISCARDED),
		"%s at %s is %s at the end of the day", item->id, cloud->name,
		delivery_state_word(row->state));
	CHECK(is_wanted == (fate->n_applied > 0), "%s at %s: applied %u times", item->id,
		cloud->name, fate->n_applied);
}

static int count_row(void *ctx, const struct store_delivery_row *row)
{
	struct count *count = ctx;
	const struct cloud *cloud = count->cloud;
	struct item *item = item_of(row->id);
	const struct fate *fate = fate_of(item, cloud);

	count->states[row->state]++;
	CHECK(has_program(cloud) || (row->attempts >= fate->attempts_min &&
					    row->attempts <= fate->attempts_max),
		"%s at %s has made %u attempts, not %u to %u", item->id, cloud->name, row->attempts,
		fate->attempts_min, fate->attempts_max);
	CHECK(fate->ending == OPEN || row->state == DELIVERY_DONE ||
			row->state == DELIVERY_DISCARDED,
		"%s at %s was settled, and is %s again", item->id, cloud->name,
		delivery_state_word(row->state));
	if (count->is_end)
		check_end(item, fate, cloud, row);
	return 0;
}

static void check_depths(struct cloud *cloud, bool is_end)
{
	static const enum delivery_state states[] = { 0, DELIVERY_DONE, DELIVERY_DISCARDED };
	struct count count = { .cloud = cloud, .is_end = is_end };

	for (unsigned i = 0; i < 3; i++)
		CHECK(store_list_deliveries(day.store, cloud->id, states[i], 0, 2 * ITEMS_MAX,
			      count_row, &count) == 0,
			"the rows cannot be read");
	for (enum delivery_state state = DELIVERY_READY; state < DELIVERY_STATES; state++)
		CHECK(store_depth(day.store, cloud->id, state) == count.states[state],
			"%s: %lld are said to be %s, %lld are", cloud->name,
			(long long)store_depth(day.store, cloud->id, state),
			delivery_state_word(state), (long long)count.states[state]);
}

void people_check_counts(void)
{
	for (unsigned i = 0; i < CLOUDS; i++)
		check_depths(&day.clouds[i], false);
}

struct books {
	int64_t stored, routed[CLOUDS + 1], done[CLOUDS + 1], discarded[CLOUDS + 1],
		exception[CLOUDS + 1], reopened[CLOUDS + 1];
};

static int on_tally(void *ctx, const struct store_tally_row *row)
{
	struct books *books = ctx;
	int id = row->destination;

	if (strcmp(row->outcome, "stored") == 0)
		books->stored += row->n;
	else if (strcmp(row->outcome, "routed") == 0)
		books->routed[id] += row->n;
	else if (strcmp(row->outcome, "done") == 0)
		books->done[id] += row->n;
	else if (strcmp(row->outcome, "discarded") == 0)
		books->discarded[id] += row->n;
	else if (strcmp(row->outcome, "exception") == 0)
		books->exception[id] += row->n;
	else if (strcmp(row->outcome, "reopened") == 0)
		books->reopened[id] += row->n;
	return 0;
}

void people_check_books(void)
{
	struct books books = { 0 };

	CHECK(store_sum_tally(day.store, STORE_TALLY_METRICS, 0, on_tally, &books) == 0,
		"the tally cannot be read");
	CHECK(books.stored == day.n_items, "%lld are said to be stored, of %u",
		(long long)books.stored, day.n_items);
	for (unsigned i = 0; i < CLOUDS; i++) {
		int id = day.clouds[i].id;

		check_depths(&day.clouds[i], true);
		CHECK(books.routed[id] == books.done[id] + books.discarded[id],
			"%s: routed %lld, done %lld, discarded %lld", day.clouds[i].name,
			(long long)books.routed[id], (long long)books.done[id],
			(long long)books.discarded[id]);
		CHECK(books.exception[id] == books.reopened[id], "%s: %lld exceptions, %lld ended",
			day.clouds[i].name, (long long)books.exception[id],
			(long long)books.reopened[id]);
	}
}
