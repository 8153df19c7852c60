/*
 * watch.c - probation: what is seen of the rooms, every second or sooner, is judged by probation.h.
 */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "dray/metrics.h"
#include "fleet/fleet_internal.h"
#include "store/store.h"

#define LENGTH_MS 600000 /* where the files on trial have no fleet section, as its default */
#define LOOK_MS 1000
#define LOOK_LEAST_MS 100
#define HOLDS_MAX PROBATION_DESTINATIONS_MAX

int64_t watch_every_ms(const struct fleet *fleet)
{
	int64_t every_ms = fleet->is_watched ? fleet->probation.length_ms / 10 : LOOK_MS;

	if (every_ms > LOOK_MS)
		return LOOK_MS;
	return every_ms > LOOK_LEAST_MS ? every_ms : LOOK_LEAST_MS;
}

/* --- what the change alters ---------------------------------------------------------------------------- */

static void touch(struct fleet *fleet, const cJSON *good, const cJSON *trial)
{
	const cJSON *before = json_get(good, "destinations");
	const cJSON *destination;

	cJSON_ArrayForEach (destination, json_get(trial, "destinations")) {
		const cJSON *was = json_get(before, destination->string);

		if (!was || !cJSON_Compare(was, destination, true))
			(void)cJSON_AddTrueToObject(fleet->touched, destination->string);
	}
	fleet->touches_store =
		!cJSON_Compare(json_get(good, "store"), json_get(trial, "store"), true) &&
		(json_get(good, "store") || json_get(trial, "store"));
}

static void find_touched(struct fleet *fleet)
{
	cJSON *good = revision_merge(fleet->revisions.good);
	cJSON *trial = revision_merge(fleet->revisions.trial);

	cJSON_Delete(fleet->touched);
	fleet->touched = cJSON_CreateObject();
	if (good && trial && fleet->touched)
		touch(fleet, good, trial);
	cJSON_Delete(good);
	cJSON_Delete(trial);
}

/* --- a sample ------------------------------------------------------------------------------------------- */

struct sight {
	struct fleet *fleet;
	struct probation_destination *destinations;
	size_t n;
};

/* Since when it holds without a break; now, where it has just begun to. */
static int64_t held_since(
	struct fleet *fleet, const char *name, bool is_holding, int64_t now_mono_ms)
{
	size_t i = 0;

	while (i < fleet->n_holds && strcmp(fleet->holds[i].name, name) != 0)
		i++;
	if (i == PROBATION_DESTINATIONS_MAX)
		return now_mono_ms;
	if (i == fleet->n_holds) {
		(void)snprintf(fleet->holds[i].name, sizeof(fleet->holds[i].name), "%s", name);
		fleet->holds[fleet->n_holds++].since_mono_ms = 0;
	}
	if (!is_holding)
		fleet->holds[i].since_mono_ms = 0;
	else if (fleet->holds[i].since_mono_ms == 0)
		fleet->holds[i].since_mono_ms = now_mono_ms;
	return fleet->holds[i].since_mono_ms;
}

/* What another delivery may still show to be one event's fault: until a probe or two have been refused. */
static int64_t patience_ms(const struct fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->config->n_destinations; i++)
		if (strcmp(fleet->config->destinations[i].name, name) == 0)
			return 2 * fleet->config->destinations[i].breaker_probe_ms;
	return 0;
}

static bool is_held(struct fleet *fleet, const struct deliver_view *view)
{
	bool is_holding = view->breaker != BREAKER_CLOSED && view->cause == BREAKER_HOLD;
	int64_t now_mono_ms = clock_mono_ms(fleet->is.clock);
	int64_t since_mono_ms;

	if (!fleet->is_watched)
		return is_holding;
	since_mono_ms = held_since(fleet, view->name, is_holding, now_mono_ms);
	return is_holding &&
	       (now_mono_ms - since_mono_ms >= patience_ms(fleet, view->name) ||
		       now_mono_ms - fleet->probation.began_mono_ms >= fleet->probation.length_ms);
}

static void add_destination(void *ctx, const struct deliver_view *view)
{
	struct sight *sight = ctx;
	struct fleet *fleet = sight->fleet;

	if (!view->is_configured || sight->n == PROBATION_DESTINATIONS_MAX)
		return;
	sight->destinations[sight->n++] = (struct probation_destination){
		.name = view->name,
		.is_touched = json_get(fleet->touched, view->name) != NULL,
		.is_held = is_held(fleet, view),
		.is_unreachable = view->breaker != BREAKER_CLOSED && view->cause != BREAKER_HOLD,
		.has_taken = view->last_success_at_ms > 0 &&
			     view->last_success_at_ms >= fleet->began_at_ms,
	};
}

static uint64_t sum(const struct fleet *fleet, enum metric metric, const char *b)
{
	return (uint64_t)metrics_sum(fleet->is.metrics, metric, NULL, b);
}

static bool is_broker_fine(const struct fleet *fleet)
{
	return fleet->is.broker_is_up(fleet->is.ctx) ||
	       (!fleet->touches_store && fleet->is.is_closed(fleet->is.ctx));
}

/* An event that no route takes is as good as refused: it reaches nobody. */
static void look(struct fleet *fleet, struct watch_before *ret)
{
	struct sight sight = { .fleet = fleet, .destinations = ret->destinations };
	uint64_t rejected = sum(fleet, METRIC_EVENTS_REJECTED, NULL);
	uint64_t failed = sum(fleet, METRIC_DELIVERIES, "exception");

	if (fleet->rooms.deliver)
		deliver_list(fleet->rooms.deliver, add_destination, &sight);
	ret->sample = (struct probation_sample){
		.mono_ms = clock_mono_ms(fleet->is.clock),
		.broker_is_up = is_broker_fine(fleet),
		.received = sum(fleet, METRIC_EVENTS_RECEIVED, NULL) + rejected +
			    sum(fleet, METRIC_DELIVERIES, "done") + failed,
		.refused = rejected + failed + sum(fleet, METRIC_EVENTS_UNROUTED, NULL),
		.spoilt_received = fleet->spoilt_received,
		.spoilt_refused = fleet->spoilt_refused,
		.destinations = ret->destinations,
		.n_destinations = sight.n,
	};
}

/* --- before --------------------------------------------------------------------------------------------- */

static bool held_before(const struct fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->probation.n_held; i++)
		if (strcmp(fleet->probation.held_names[i], name) == 0)
			return true;
	return false;
}

struct holds {
	struct fleet *fleet;
	struct watch_before *before;
};

static int on_hold(void *ctx, const struct store_exception_row *row)
{
	const struct holds *holds = ctx;
	struct probation_sample *sample = &holds->before->sample;
	const char *name = store_destination_name(holds->fleet->rooms.store, row->destination);

	if (name && row->id <= holds->fleet->revisions.trial_mark.exception)
		holds->before->destinations[sample->n_destinations++] =
			(struct probation_destination){ .name = name, .is_held = true };
	return sample->n_destinations == HOLDS_MAX;
}

/* When drayd has just started, what held before the trial is known by its work items alone. */
static void look_back(struct fleet *fleet, struct watch_before *ret)
{
	struct holds holds = { fleet, ret };
	struct store_exception_filter filter = { .kind = "hold", .limit = HOLDS_MAX };
	int64_t cursor;

	ret->sample.n_destinations = 0;
	(void)store_list_exceptions(fleet->rooms.store, &filter, on_hold, &holds, &cursor);
}

/* What came since the trial began is its own. */
static void spoil(const struct fleet *fleet, struct probation_sample *sample)
{
	sample->spoilt_received += sample->received - fleet->probation.received;
	sample->spoilt_refused += sample->refused - fleet->probation.refused;
}

void watch_look_before(struct fleet *fleet, struct watch_before *ret)
{
	look(fleet, ret);
	if (!fleet->is_running) {
		look_back(fleet, ret);
		return;
	}
	if (fleet->is_watched)
		spoil(fleet, &ret->sample);
	/* What a trial that is superseded made hold did not hold before; nor what the one that was rolled
	 * back did, until something is taken there. */
	for (size_t i = 0; i < ret->sample.n_destinations; i++)
		if (fleet->is_watched || (fleet->went_back && !ret->destinations[i].has_taken))
			ret->destinations[i].is_held &=
				held_before(fleet, ret->destinations[i].name);
}

void watch_begin(struct fleet *fleet, const struct watch_before *before)
{
	probation_begin(&fleet->probation,
		fleet->config->has_fleet ? fleet->config->fleet.probation_ms : LENGTH_MS,
		&before->sample);
	fleet->spoilt_received = before->sample.spoilt_received;
	fleet->spoilt_refused = before->sample.spoilt_refused;
	fleet->began_at_ms = clock_steady_ms(fleet->is.clock);
	fleet->probation.began_mono_ms = clock_mono_ms(fleet->is.clock);
	fleet->probation.broker_seen_mono_ms = fleet->probation.began_mono_ms;
	fleet->is_watched = true;
	fleet->n_holds = 0;
	find_touched(fleet);
	fleet_set_tick(fleet);
}

void watch_end(struct fleet *fleet, bool is_kept)
{
	struct watch_before now;

	if (fleet->is_watched && !is_kept) {
		look(fleet, &now);
		spoil(fleet, &now.sample);
		fleet->spoilt_received = now.sample.spoilt_received;
		fleet->spoilt_refused = now.sample.spoilt_refused;
		fleet->began_at_ms = clock_steady_ms(fleet->is.clock);
	}
	fleet->went_back = !is_kept;
	fleet->is_watched = false;
}

void watch_tick(struct fleet *fleet)
{
	struct watch_before now;
	char reason[PROBATION_REASON_MAX];

	if (!fleet->is_watched || fleet->needs_restore)
		return;
	look(fleet, &now);
	switch (probation_look(&fleet->probation, &now.sample, reason)) {
	case PROBATION_GOES_ON:
		break;
	case PROBATION_PASSED:
		road_confirm(fleet);
		break;
	case PROBATION_FAILED:
		road_roll_back(fleet, "config", reason);
		break;
	}
}
