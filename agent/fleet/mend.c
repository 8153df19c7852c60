/*
 * mend.c - what a trial that was rolled back did to events: in slices, a turn each, and where it has got to is
 * a row that is written with them.
 *
 *   1. events received since it began are routed once more: what the good routes would have made is made,
 *      what is there stays, whatever became of it
 *   2. deliveries that were sent in a form that the trial brought, and not taken, are rendered anew
 *   3. what destinations rejected, or gave up, meanwhile is tried again, once
 *
 * Deliveries rest meanwhile, as they do in a salvage: older ones, with their keys, come in front of them. Where
 * the disk refuses they go on, so that there will be room.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "deliver/deliver.h"
#include "fleet/fleet_internal.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define CURSOR "config/mend"
#define SLICE_EVENTS 50
#define SLICE_ROWS 200
#define TARGETS_MAX 64
#define TARGET_NAME_MAX 65

enum step { STEP_ROUTES, STEP_PINS, STEP_EXCEPTIONS, STEP_DONE };

/* --- where the store stands ------------------------------------------------------------------------------ */

static int on_last(void *ctx, const struct store_exception_row *row)
{
	*(int64_t *)ctx = row->id;
	return 1;
}

struct revision_mark mend_mark(struct fleet *fleet)
{
	struct store *store = fleet->rooms.store;
	struct store_exception_filter newest = { .with_resolved = true, .limit = 1 };
	struct revision_mark mark = { .at_ms = clock_steady_ms(fleet->is.clock),
		.seq = store_last_seq(store) };
	int64_t cursor;

	if (store_list_exceptions(store, &newest, on_last, &mark.exception, &cursor) < 0)
		mark.exception = 0;
	return mark;
}

/* --- how far it is --------------------------------------------------------------------------------------- */

/* Numbers with a blank between. */
static bool read_numbers(const char *text, int64_t *ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *end;

		ret[i] = strtoll(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return *text == '\0';
}

/* "MARK ROUNDS STEP DESTINATION AT": of another mark it says nothing. */
static void load_place(struct fleet *fleet)
{
	char *text = store_get_cursor(fleet->rooms.store, CURSOR);
	int64_t place[5];

	fleet->mend.step = STEP_ROUTES;
	fleet->mend.destination = 1;
	fleet->mend.at = fleet->revisions.mend_mark.seq;
	if (text && read_numbers(text, place, 5) && place[0] == fleet->revisions.mend_mark.at_ms &&
		place[1] == fleet->revisions.mend_mark.rounds && place[2] >= STEP_ROUTES &&
		place[2] <= STEP_DONE) {
		fleet->mend.step = (int)place[2];
		fleet->mend.destination = (int)place[3];
		fleet->mend.at = place[4];
	}
	free(text);
	fleet->mend.is_loaded = true;
}

static int keep_place(struct fleet *fleet)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %d %d %" PRId64,
		fleet->revisions.mend_mark.at_ms, fleet->revisions.mend_mark.rounds,
		fleet->mend.step, fleet->mend.destination, fleet->mend.at);
	return store_put_cursor(fleet->rooms.store, CURSOR, text, clock_steady_ms(fleet->is.clock));
}

static void begin_step(struct fleet *fleet, int step)
{
	fleet->mend.step = step;
	fleet->mend.destination = 1;
	fleet->mend.at = 0;
}

/* --- 1. routes ------------------------------------------------------------------------------------------- */

struct targets {
	struct fleet *fleet;
	size_t n;
	struct {
		char name[TARGET_NAME_MAX], key[EVENT_KEY_MAX];
		int lane;
	} of[TARGETS_MAX];
};

static int add_target(void *ctx, const struct store_target *target)
{
	struct targets *targets = ctx;

	if (targets->n == TARGETS_MAX)
		return 0;
	(void)snprintf(targets->of[targets->n].name, TARGET_NAME_MAX, "%s", target->destination);
	(void)snprintf(targets->of[targets->n].key, EVENT_KEY_MAX, "%s", target->key);
	targets->of[targets->n++].lane = target->lane;
	return 0;
}

static int on_event(void *ctx, const struct store_event_row *row)
{
	struct targets *targets = ctx;

	return targets->fleet->is.route(targets->fleet->is.ctx, row, add_target, targets);
}

static int on_any(void *ctx, const struct store_delivery_row *row)
{
	(void)row;
	*(bool *)ctx = true;
	return 1;
}

/* 1, 0 it has to wait, -1. */
static int make_delivery(struct fleet *fleet, int64_t seq, const struct targets *targets, size_t i,
	bool *was_unrouted)
{
	struct store *store = fleet->rooms.store;
	int id = store_destination_id(store, targets->of[i].name);

	if (id < 0)
		return -1;
	switch (store_reroute(store, &(struct store_reroute){ .destination = id,
					     .seq = seq,
					     .key = targets->of[i].key,
					     .lane = targets->of[i].lane,
					     .was_unrouted = *was_unrouted })) {
	case STORE_REROUTE_FAILED:
		return -1;
	case STORE_REROUTE_BUSY:
		return 0;
	case STORE_REROUTE_DONE:
		*was_unrouted = false;
		fleet->mend.n_routed++;
		deliver_poke(fleet->rooms.deliver, id);
		break;
	case STORE_REROUTE_THERE:
		break;
	}
	return 1;
}

static int route_event_again(struct fleet *fleet, int64_t seq, struct targets *targets)
{
	struct store *store = fleet->rooms.store;
	bool has_any = false;
	int status = 1;

	targets->n = 0;
	if (store_get_event(store, seq, NULL, on_event, targets) < 0 ||
		store_list_event_deliveries(store, seq, on_any, &has_any) < 0)
		return -1;
	bool was_unrouted = !has_any;
	for (size_t i = 0; i < targets->n && status > 0; i++)
		status = make_delivery(fleet, seq, targets, i, &was_unrouted);
	return status;
}

/* 1 there is more, 0 it has to wait, -1. */
static int route_slice(struct fleet *fleet)
{
	struct targets *targets = malloc(sizeof(*targets));
	int64_t seqs[SLICE_EVENTS];
	int status = 1, n;

	if (!targets)
		return 0;
	targets->fleet = fleet;
	n = store_list_seqs(
		fleet->rooms.store, fleet->mend.at, fleet->mend.to_seq, seqs, SLICE_EVENTS);
	for (int i = 0; i < n && status > 0; i++) {
		status = route_event_again(fleet, seqs[i], targets);
		if (status > 0)
			fleet->mend.at = seqs[i];
	}
	free(targets);
	if (n < 0 || status < 0)
		return -1;
	if (n == 0)
		begin_step(fleet, STEP_PINS);
	return status;
}

/* --- 2. what they were sent with --------------------------------------------------------------------------- */

struct rows {
	int64_t began_at_ms;
	size_t n;
	struct {
		int64_t seq;
		bool is_claimed, is_meant;
	} of[SLICE_ROWS];
};

/* Those that were sent for the first time in the trial, or never arrived anywhere; not those in doubt. */
static int add_row(void *ctx, const struct store_delivery_row *row)
{
	struct rows *rows = ctx;
	bool is_recent = row->claimed_at_ms == 0 || row->claimed_at_ms >= rows->began_at_ms;

	rows->of[rows->n].seq = row->seq;
	rows->of[rows->n].is_claimed = row->state == DELIVERY_CLAIMED;
	rows->of[rows->n++].is_meant = is_recent && row->connector_revision > 0 &&
				       (row->doubt_at_ms == 0 || row->state == DELIVERY_CLAIMED);
	return rows->n == SLICE_ROWS;
}

static int unpin_slice(struct fleet *fleet)
{
	struct store *store = fleet->rooms.store;
	struct rows rows = { .began_at_ms = fleet->revisions.mend_mark.at_ms };
	int id = fleet->mend.destination;

	if (id > store_destination_count(store)) {
		begin_step(fleet, STEP_EXCEPTIONS);
		return 1;
	}
	if (store_list_deliveries(store, id, 0, fleet->mend.at, SLICE_ROWS, add_row, &rows) < 0)
		return -1;
	for (size_t i = 0; i < rows.n; i++) {
		if (rows.of[i].is_meant && rows.of[i].is_claimed)
			return 0; /* it is out: what becomes of it is awaited */
		if (rows.of[i].is_meant && store_unpin(store, id, rows.of[i].seq) < 0)
			return -1;
		fleet->mend.at = rows.of[i].seq;
	}
	if (rows.n < SLICE_ROWS) {
		fleet->mend.destination++;
		fleet->mend.at = 0;
	}
	return 1;
}

/* --- 3. exceptions ----------------------------------------------------------------------------------------- */

struct found {
	int64_t id, seq, batch, doubt_at_ms;
	int destination;
	bool is_open;
};
struct founds {
	int64_t after_id;
	size_t n;
	bool is_end;
	struct found of[SLICE_EVENTS];
};

static int add_exception(void *ctx, const struct store_exception_row *row)
{
	struct founds *founds = ctx;

	founds->is_end = row->id <= founds->after_id;
	if (founds->is_end)
		return 1;
	if (row->seq > 0 && row->destination > 0 &&
		(strcmp(row->kind, "rejected") == 0 || strcmp(row->kind, "gave_up") == 0))
		founds->of[founds->n++] = (struct found){
			.id = row->id, .seq = row->seq, .destination = row->destination
		};
	return 0;
}

static int on_its_delivery(void *ctx, const struct store_delivery_row *row)
{
	struct found *found = ctx;

	if (row->destination != found->destination)
		return 0;
	found->is_open = row->state == DELIVERY_EXCEPTION;
	found->batch = row->batch;
	found->doubt_at_ms = row->doubt_at_ms;
	return 1;
}

static int retry(struct fleet *fleet, struct found *found)
{
	static const char why[] = "the configuration that it was rejected under was rolled back";
	struct store *store = fleet->rooms.store;
	const char *name = store_destination_name(store, found->destination);
	int64_t now_ms = clock_steady_ms(fleet->is.clock);
	char object[40];

	if (store_list_event_deliveries(store, found->seq, on_its_delivery, found) < 0)
		return -1;
	if (!found->is_open || !name || !config_find_destination(fleet->config, name))
		return 0;
	(void)snprintf(object, sizeof(object), "exception/%" PRId64, found->id);
	if (store_settle(store, found->destination, found->seq,
		    &(struct store_settlement){ .to = DELIVERY_READY,
			    .leaves_batch = found->batch != 0 && found->doubt_at_ms == 0,
			    .now_ms = now_ms }) != 0 ||
		store_resolve_exception(store, found->id, why, now_ms) != 0 ||
		store_audit(store, clock_wall_ms(fleet->is.clock), "config", "exception.retry",
			object, why) != 0)
		return -1;
	fleet->mend.n_retried++;
	deliver_poke(fleet->rooms.deliver, found->destination);
	return 0;
}

static int retry_slice(struct fleet *fleet)
{
	struct founds founds = { .after_id = fleet->revisions.mend_mark.exception };
	struct store_exception_filter filter = { .before_id = fleet->mend.at,
		.limit = SLICE_EVENTS };
	int64_t cursor = 0;

	if (store_list_exceptions(fleet->rooms.store, &filter, add_exception, &founds, &cursor) < 0)
		return -1;
	for (size_t i = 0; i < founds.n; i++)
		if (retry(fleet, &founds.of[i]) < 0)
			return -1;
	fleet->mend.at = cursor;
	if (founds.is_end || cursor == 0)
		begin_step(fleet, STEP_DONE);
	return 1;
}

/* --- turns ------------------------------------------------------------------------------------------------- */

static void rest(struct fleet *fleet, bool is_resting)
{
	if (fleet->mend.is_resting == is_resting)
		return;
	fleet->mend.is_resting = is_resting;
	fleet->is.on_rest(fleet->is.ctx, is_resting);
}

void mend_begin(struct fleet *fleet)
{
	fleet->mend.is_due = fleet->is_on && fleet->revisions.mend_mark.at_ms > 0;
	fleet->mend.is_loaded = false;
	fleet->mend.n_routed = 0;
	fleet->mend.n_retried = 0;
	fleet->mend.to_seq = store_last_seq(fleet->rooms.store);
	if (fleet->mend.is_due)
		turn_wake(fleet->rooms.turn);
}

/* Only by the good routes: while another one is tried it waits. */
static bool is_possible(const struct fleet *fleet)
{
	const struct store *store = fleet->rooms.store;

	return !fleet->needs_restore && !fleet->revisions.trial && !store_is_poisoned(store) &&
	       !store_is_refusing(store) && !store_is_salvaging(store) && !store_is_restored(store);
}

void mend_dispatch(struct fleet *fleet)
{
	static int (*const slices[])(
		struct fleet * fleet) = { route_slice, unpin_slice, retry_slice };
	int status = 1;

	if (!fleet->mend.is_due || !is_possible(fleet)) {
		rest(fleet, false);
		return;
	}
	if (!fleet->mend.is_loaded)
		load_place(fleet);
	rest(fleet, true);
	if (fleet->mend.step < STEP_DONE)
		status = slices[fleet->mend.step](fleet);
	if (status < 0 || keep_place(fleet) < 0)
		return;
	fleet->mend.is_ending = fleet->mend.step == STEP_DONE;
	if (status > 0)
		turn_wake(fleet->rooms.turn);
}

void mend_committed(struct fleet *fleet)
{
	if (!fleet->mend.is_ending)
		return;
	fleet->mend.is_ending = false;
	fleet->mend.is_due = false;
	rest(fleet, false);
	LOG_WARNING("what came during the trial was routed once more",
		LOG_I("deliveries_made", fleet->mend.n_routed),
		LOG_I("rejected_tried_again", fleet->mend.n_retried));
	fleet->revisions.mend_mark = (struct revision_mark){ 0 };
	tell_file_later(fleet);
	road_end(fleet);
	if (!fleet->is_on)
		tell_change(fleet);
}

void mend_poisoned(struct fleet *fleet)
{
	fleet->mend.is_loaded = false; /* nothing of the slice was stored */
	fleet->mend.is_ending = false;
}
