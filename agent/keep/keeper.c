#include "keep/keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "clock.h"
#include "dray/metrics.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define LOOK_EVERY_S 1
#define LOOK_MS 100
#define PROBE_MS 1000
#define QUIET_MS 5000
#define STRIP_ROWS 200
#define STRIP_QUIET_MS 3600000 /* without any, an episode is over */
/* A round that found nothing to give up is followed by a rest, so many times as long. */
#define STRIP_REST 4
#define STRIP_REST_MIN_MS 1000

enum cause { CAUSE_STORE, CAUSE_DISK, CAUSE_REFUSAL };

struct keeper {
	struct keeper_options is;
	struct event *timer;
	struct room_bounds bounds;
	struct room_plan plan;
	struct room_measure measure;
	struct store_space space;
	struct room_report report;
	bool is_due;      /* look after this turn, whatever it did */
	bool has_written; /* some turn, since the last look */
	int64_t looked_mono_ms, moved_mono_ms;

	enum cause cause; /* of NONE */
	char why[256];
	bool is_gate_due;

	int64_t probe_from_mono_ms; /* no probe before then */
	int64_t quiet_from_mono_ms; /* from then on the last refusal is history */

	int64_t round_mono_ms; /* when this round of it began, or may */
	bool is_in_round, round_found_some;
	int n_fresh;        /* given up in this turn */
	int64_t n_stripped; /* in this episode; 0: there is none */
	int64_t stripped_mono_ms;
};

static int64_t mono(const struct keeper *keeper)
{
	return clock_mono_ms(keeper->is.clock);
}

static void look_soon(struct keeper *keeper)
{
	keeper->is_due = true;
	turn_wake(keeper->is.turn);
}

/* --- words --------------------------------------------------------------------------------------- */

static double mib(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void raise(struct keeper *keeper, const char *severity, const char *kind, bool is_cleared,
	const char *message)
{
	if (is_cleared)
		LOG_INFO("alarm is over", LOG_S("kind", kind), LOG_S("message", message));
	else
		LOG_WARNING("alarm", LOG_S("kind", kind), LOG_S("message", message));
	keeper->is.on_alarm(keeper->is.ctx, &(struct keeper_alarm){ .severity = severity,
						    .kind = kind,
						    .message = message,
						    .is_cleared = is_cleared });
}

static const char *kind_of(enum cause cause)
{
	return cause == CAUSE_REFUSAL ? "store_refuses" : "store_full";
}

static void put_why(struct keeper *keeper)
{
	static const char *const words[] = { "the store is full (store.max_bytes)",
		"the store's disk is full", "the disk refuses writes: " };
	const char *failure = store_is_refusing(keeper->is.store) ? store_failure(keeper->is.store)
								  : "a checkpoint failed";

	(void)snprintf(keeper->why, sizeof(keeper->why), "%s%s", words[keeper->cause],
		keeper->cause == CAUSE_REFUSAL ? failure : "");
}

static void tell_closed(struct keeper *keeper)
{
	static const char *const advice[] = {
		"mend the destination that takes nothing, or raise store.max_bytes",
		"free space on the disk, or mend the destination that takes nothing",
		"look at the disk and how it is mounted",
	};
	char message[640];

	(void)snprintf(message, sizeof(message),
		"%s: capture is closed, handhelds and broker keep what comes; %.1f of %.1f MiB "
		"used, %.1f MiB free on the disk; %s",
		keeper->why, mib(keeper->space.used_bytes), mib(keeper->plan.max_bytes),
		mib(keeper->space.free_bytes), advice[keeper->cause]);
	raise(keeper, "critical", kind_of(keeper->cause), false, message);
}

static void tell_open(struct keeper *keeper, int64_t closed_ms)
{
	char message[320];

	(void)snprintf(message, sizeof(message),
		"the store takes events again: capture is open after %lld s; %.1f of %.1f MiB "
		"used, %.1f MiB free on the disk",
		(long long)(closed_ms / 1000), mib(keeper->space.used_bytes),
		mib(keeper->plan.max_bytes), mib(keeper->space.free_bytes));
	raise(keeper, "critical", kind_of(keeper->cause), true, message);
}

static void tell_strip(struct keeper *keeper, bool is_over)
{
	char message[320];

	if (is_over)
		(void)snprintf(message, sizeof(message),
			"no event has had to give up its content for an hour; %lld have",
			(long long)keeper->n_stripped);
	else
		(void)snprintf(message, sizeof(message),
			"room is short: delivered events give up their content before "
			"store.retain is over, the oldest first; their ids stay");
	raise(keeper, "normal", "store_tight", is_over, message);
}

/* --- looking --------------------------------------------------------------------------------------- */

/* Of commits; or, while the WAL takes them, of checkpoints. */
static enum store_refusal find_refusal(const struct keeper *keeper)
{
	enum store_refusal refusal = store_refusal(keeper->is.store);

	return refusal != STORE_TAKES ? refusal : keeper->space.checkpoint;
}

static enum cause find_cause(const struct keeper *keeper)
{
	if (find_refusal(keeper) == STORE_REFUSED)
		return CAUSE_REFUSAL;
	if (keeper->measure.is_refused ||
		room_left_on_disk(&keeper->plan, &keeper->measure) <
			room_left_in_store(&keeper->plan, &keeper->measure))
		return CAUSE_DISK;
	return CAUSE_STORE;
}

static void measure(struct keeper *keeper)
{
	struct store_space *space = &keeper->space;

	store_measure(keeper->is.store, space);
	keeper->bounds.disk_bytes = space->disk_bytes;
	keeper->plan = room_plan(&keeper->bounds);
	keeper->measure = (struct room_measure){
		.used_bytes = space->used_bytes,
		.free_bytes = space->free_bytes,
		.owed_bytes = space->owed_bytes,
		.has_reserve = space->reserve_bytes >= keeper->plan.reserve_bytes,
		.is_refused = find_refusal(keeper) != STORE_TAKES,
		.was_refused = mono(keeper) < keeper->quiet_from_mono_ms,
	};
}

static void tell_released(void)
{
	LOG_WARNING("the disk is full, the reserve is released so that deliveries go on");
}

static void tend_reserve(struct keeper *keeper)
{
	if (keeper->space.checkpoint == STORE_FULL && store_release_reserve(keeper->is.store)) {
		tell_released();
		store_checkpoint_ask(keeper->is.store);
		measure(keeper);
	} else if (!keeper->measure.is_refused &&
		   room_may_reserve(&keeper->plan, &keeper->measure) &&
		   store_reserve(keeper->is.store, keeper->plan.reserve_bytes) == 0) {
		LOG_INFO("reserve in place", LOG_I("bytes", keeper->plan.reserve_bytes));
		measure(keeper);
	}
}

static void find_why(struct keeper *keeper, bool was_open)
{
	enum cause cause = find_cause(keeper);
	bool is_entered =
		keeper->measure.is_refused || room_left(&keeper->plan, &keeper->measure) <= 0;

	if (!was_open && (!is_entered || cause == keeper->cause))
		return;
	keeper->cause = cause;
	put_why(keeper);
	keeper->is_gate_due = true;
}

/* Every change of the level goes through here. */
static void move(struct keeper *keeper, enum room_level to)
{
	struct room_report *report = &keeper->report;
	enum room_level from = report->level;
	int64_t lasted_ms = mono(keeper) - keeper->moved_mono_ms;

	if (to == ROOM_NONE)
		find_why(keeper, from != ROOM_NONE);
	if (to == from)
		return;
	LOG_INFO("room in the store", LOG_S("level", room_level_word(to)),
		LOG_S("before", room_level_word(from)), LOG_I("left", report->left_bytes));
	report->level = to;
	report->since_at_ms = clock_wall_ms(keeper->is.clock);
	keeper->moved_mono_ms = mono(keeper);
	if (to == ROOM_NONE) {
		tell_closed(keeper);
	} else if (from == ROOM_NONE) {
		keeper->is_gate_due = true;
		tell_open(keeper, lasted_ms);
		keeper->why[0] = '\0';
	}
}

static void look(struct keeper *keeper)
{
	struct room_report *report = &keeper->report;

	keeper->is_due = false;
	keeper->has_written = false;
	keeper->looked_mono_ms = mono(keeper);
	measure(keeper);
	tend_reserve(keeper);
	report->left_bytes = room_left(&keeper->plan, &keeper->measure);
	report->disk_bytes = keeper->space.disk_bytes;
	report->free_bytes = keeper->space.free_bytes;
	report->reserve_bytes = keeper->space.reserve_bytes;
	move(keeper, room_judge(&keeper->plan, &keeper->measure, report->level));
}

static bool is_time_to_look(const struct keeper *keeper)
{
	if (keeper->is_due)
		return true;
	return keeper->has_written && (keeper->report.level != ROOM_AMPLE ||
					      mono(keeper) - keeper->looked_mono_ms >= LOOK_MS);
}

/* --- making room ------------------------------------------------------------------------------------- */

static void end_round(struct keeper *keeper)
{
	int64_t now_ms = mono(keeper), rest_ms = STRIP_REST * (now_ms - keeper->round_mono_ms);

	if (rest_ms < STRIP_REST_MIN_MS)
		rest_ms = STRIP_REST_MIN_MS;
	keeper->round_mono_ms = keeper->round_found_some ? now_ms : now_ms + rest_ms;
	keeper->is_in_round = false;
}

static void strip(struct keeper *keeper)
{
	bool more = false;
	int n;

	if (!keeper->is_in_round) {
		keeper->is_in_round = true;
		keeper->round_found_some = false;
		keeper->round_mono_ms = mono(keeper);
	}
	n = store_strip(keeper->is.store, STRIP_ROWS, &more);
	if (n < 0)
		return;
	keeper->n_fresh = n;
	keeper->round_found_some |= n > 0;
	if (!more)
		end_round(keeper);
	turn_wake(keeper->is.turn);
}

/* In a turn's transaction. Pages that are free already come before content that must go. */
static void make_room(struct keeper *keeper)
{
	if (room_wants_disk(&keeper->plan, &keeper->measure) && keeper->space.unused_bytes > 0) {
		if (store_free_pages(keeper->is.store) == 0)
			turn_wake(keeper->is.turn);
	} else if (mono(keeper) >= keeper->round_mono_ms) {
		strip(keeper);
	}
}

static void count_stripped(struct keeper *keeper)
{
	if (keeper->n_fresh > 0) {
		metrics_add(
			keeper->is.metrics, METRIC_EVENTS_STRIPPED, NULL, NULL, keeper->n_fresh);
		keeper->n_stripped += keeper->n_fresh;
		keeper->stripped_mono_ms = mono(keeper);
		if (keeper->n_stripped == keeper->n_fresh)
			tell_strip(keeper, false);
		keeper->n_fresh = 0;
	} else if (keeper->n_stripped > 0 &&
		   mono(keeper) - keeper->stripped_mono_ms >= STRIP_QUIET_MS) {
		tell_strip(keeper, true);
		keeper->n_stripped = 0;
	}
}

/* --- a disk that refuses -------------------------------------------------------------------------------- */

static void note_refusal(struct keeper *keeper)
{
	keeper->quiet_from_mono_ms = mono(keeper) + QUIET_MS;
	if (store_refusal(keeper->is.store) != STORE_FULL)
		return;
	if (store_release_reserve(keeper->is.store))
		tell_released();
	store_checkpoint_ask(keeper->is.store); /* so that the WAL can start over */
}

/* Between two turns. */
static void probe(struct keeper *keeper)
{
	if (!store_is_refusing(keeper->is.store) || mono(keeper) < keeper->probe_from_mono_ms)
		return;
	keeper->probe_from_mono_ms = mono(keeper) + PROBE_MS;
	if (store_probe(keeper->is.store) < 0)
		note_refusal(keeper);
	look_soon(keeper);
}

/* --- the turn ------------------------------------------------------------------------------------------ */

static void on_dispatch(void *ctx)
{
	struct keeper *keeper = ctx;

	if (store_is_refusing(keeper->is.store))
		return;
	if (keeper->report.level != ROOM_AMPLE && room_is_short(&keeper->plan, &keeper->measure))
		make_room(keeper);
	keeper->has_written |= store_is_dirty(keeper->is.store);
}

static void on_committed(void *ctx)
{
	struct keeper *keeper = ctx;

	count_stripped(keeper);
	if (is_time_to_look(keeper))
		look(keeper);
}

static void on_release(void *ctx)
{
	struct keeper *keeper = ctx;

	probe(keeper);
	if (!keeper->is_gate_due)
		return;
	keeper->is_gate_due = false;
	keeper->is.on_gate(keeper->is.ctx, keeper->report.level != ROOM_NONE, keeper->why);
}

static void on_poisoned(void *ctx)
{
	struct keeper *keeper = ctx;

	keeper->n_fresh = 0;
	if (!store_is_refusing(keeper->is.store))
		return;
	note_refusal(keeper);
	probe(keeper);
	look_soon(keeper);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct keeper *keeper = ctx;

	(void)fd;
	(void)what;
	keeper->is_due = true;
	/* What was freed inside the file is the disk's after a checkpoint. */
	if (keeper->space.checkpoint != STORE_TAKES ||
		(keeper->report.level != ROOM_AMPLE && keeper->space.owed_bytes < 0))
		store_checkpoint_ask(keeper->is.store);
}

/* --- life ---------------------------------------------------------------------------------------------- */

struct keeper *keeper_new(const struct keeper_options *options)
{
	static const struct timeval every = { .tv_sec = LOOK_EVERY_S };
	struct keeper *keeper = calloc(1, sizeof(*keeper));

	if (!keeper)
		return NULL;
	keeper->is = *options;
	keeper->is_due = true;
	keeper->report.why = keeper->why;
	keeper->report.since_at_ms = clock_wall_ms(options->clock);
	keeper->timer = event_new(options->base, -1, EV_PERSIST, on_timer, keeper);
	if (!keeper->timer || event_add(keeper->timer, &every) < 0) {
		keeper_free(keeper);
		return NULL;
	}
	turn_add(options->turn, &(struct turn_member){ .name = "keeper",
					.dispatch = on_dispatch,
					.committed = on_committed,
					.release = on_release,
					.poisoned = on_poisoned,
					.ctx = keeper });
	return keeper;
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	if (keeper->timer)
		event_free(keeper->timer);
	free(keeper);
}

void keeper_configure(struct keeper *keeper, int64_t max_bytes, int64_t reserve_bytes)
{
	keeper->bounds.max_bytes = max_bytes;
	keeper->bounds.reserve_bytes = reserve_bytes;
	look_soon(keeper);
}

const struct room_report *keeper_report(const struct keeper *keeper)
{
	return &keeper->report;
}
