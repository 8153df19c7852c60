#include "keep/timekeeper.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dray/times.h"
#include "log.h"
#include "store/store.h"
#include "turn.h"

#define CURSOR "timeline"
#define COPY_BYTES_MAX 16384

struct timekeeper {
	const struct clock *machine;
	struct clock clock;
	struct timeline timeline;
	struct store *store;
	char copy[PATH_MAX]; /* "" none */
	struct buf text;
	bool is_unkept;  /* something was learned that no commit holds */
	bool is_written; /* or tried, in this turn */
	bool has_failed; /* when it was tried last */
	int64_t keep_from_mono_ms;
};

struct timekeeper *timekeeper_new(const struct clock *machine)
{
	struct timekeeper *timekeeper = calloc(1, sizeof(*timekeeper));

	if (!timekeeper)
		return NULL;
	timekeeper->machine = machine;
	timekeeper->clock = *machine;
	return timekeeper;
}

void timekeeper_free(struct timekeeper *timekeeper)
{
	if (!timekeeper)
		return;
	buf_done(&timekeeper->text);
	free(timekeeper);
}

const struct clock *timekeeper_clock(const struct timekeeper *timekeeper)
{
	return &timekeeper->clock;
}

/* --- telling --------------------------------------------------------------------------------------- */

static void tell(
	const struct timekeeper *timekeeper, const struct timeline_reading *now, bool was_sure)
{
	bool is_sure = timekeeper->timeline.doubted_at_ms == 0;
	char texts[2][TIME_TEXT_MAX];
	const char *says = texts[0], *known = texts[1];

	if (is_sure == was_sure)
		return;
	time_format(now->wall_ms, texts[0]);
	time_format(clock_wall_ms(&timekeeper->clock), texts[1]);
	if (is_sure)
		LOG_INFO("the clock is believed again", LOG_S("clock", says));
	else
		LOG_WARNING(
			"the clock is not believed until it is synchronised: see that a time server "
			"can be reached",
			LOG_S("clock", says), LOG_S("going_by", known));
}

/* --- looking and keeping --------------------------------------------------------------------------- */

static void look(struct timekeeper *timekeeper)
{
	struct timeline_reading now = clock_read(timekeeper->machine);
	bool was_sure = timekeeper->timeline.doubted_at_ms == 0;

	if (timeline_look(&timekeeper->timeline, &now))
		timekeeper->is_unkept = true;
	tell(timekeeper, &now, was_sure);
	store_set_wall_ahead(timekeeper->store,
		clock_wall_ms(&timekeeper->clock) - clock_steady_ms(&timekeeper->clock));
}

/*
 * Beside the store, for the day on which that breaks. Not synced: it may be a minute old, or a moment
 * ahead of the commit. Without it a fresh store's time begins anew.
 */
static void write_copy(const struct timekeeper *timekeeper)
{
	char path[PATH_MAX];
	FILE *out;
	int written;

	if (!*timekeeper->copy ||
		snprintf(path, sizeof(path), "%s.new", timekeeper->copy) >= (int)sizeof(path))
		return;
	out = fopen(path, "we");
	if (!out)
		return;
	written = fputs(timekeeper->text.data, out);
	if (fclose(out) != 0 || written < 0 || rename(path, timekeeper->copy) != 0)
		(void)remove(path);
}

static void keep(struct timekeeper *timekeeper)
{
	int64_t now_ms = clock_steady_ms(&timekeeper->clock);

	timekeeper->timeline.noted_ms = now_ms;
	timekeeper->keep_from_mono_ms = clock_mono_ms(timekeeper->machine) + TIMELINE_NOTE_MS;
	buf_reset(&timekeeper->text);
	timeline_print(&timekeeper->timeline, &timekeeper->text);
	if (buf_failed(&timekeeper->text))
		return;
	timekeeper->is_written = true; /* a failure poisons the turn */
	(void)store_put_cursor(timekeeper->store, CURSOR, timekeeper->text.data, now_ms);
	write_copy(timekeeper);
}

/* What was learned is written at once, but behind a failure, and the note with what others write. */
static void on_dispatch(void *ctx)
{
	struct timekeeper *timekeeper = ctx;
	bool is_due = clock_mono_ms(timekeeper->machine) >= timekeeper->keep_from_mono_ms;

	look(timekeeper);
	if (timekeeper->is_unkept ? is_due || !timekeeper->has_failed
				  : is_due && store_is_dirty(timekeeper->store))
		keep(timekeeper);
}

static void on_committed(void *ctx)
{
	struct timekeeper *timekeeper = ctx;

	if (!timekeeper->is_written)
		return;
	timekeeper->is_written = false;
	timekeeper->is_unkept = false;
	timekeeper->has_failed = false;
}

/* The store may be another one now. A full disk must not cost every turn: then the next try is in a
 * minute. */
static void on_poisoned(void *ctx)
{
	struct timekeeper *timekeeper = ctx;

	if (timekeeper->is_written)
		timekeeper->has_failed = true;
	timekeeper->is_written = false;
	timekeeper->is_unkept = true;
}

void timekeeper_attach(struct timekeeper *timekeeper, struct turn *turn)
{
	turn_add(turn, &(struct turn_member){ .name = "timekeeper",
			       .dispatch = on_dispatch,
			       .committed = on_committed,
			       .poisoned = on_poisoned,
			       .ctx = timekeeper });
}

/* --- opening --------------------------------------------------------------------------------------- */

static int on_newest(void *ctx, const struct store_event_row *row)
{
	*(int64_t *)ctx = row->received_at_ms;
	return 1;
}

/* 0: the store is empty. */
static int64_t find_newest(struct store *store)
{
	const struct store_event_filter newest = { .limit = 1 };
	int64_t at_ms = 0, cursor = 0;

	if (store_list_events(store, &newest, on_newest, &at_ms, &cursor) < 0)
		return 0;
	return at_ms;
}

/* What the rows that a salvage brings back were stamped by. */
static bool read_copy(const char *path, struct timeline *ret)
{
	char text[COPY_BYTES_MAX];
	FILE *in = *path ? fopen(path, "re") : NULL;
	size_t len;

	if (!in)
		return false;
	len = fread(text, 1, sizeof(text) - 1, in);
	text[len] = '\0';
	(void)fclose(in);
	return timeline_parse(text, ret);
}

static void find_kept(struct timekeeper *timekeeper, struct store *store)
{
	char *kept = store_get_cursor(store, CURSOR);
	struct store_salvage_view salvage;

	store_get_salvage(store, &salvage);
	if (kept && !timeline_parse(kept, &timekeeper->timeline))
		LOG_WARNING("what was kept of the clock can't be read, time goes on behind the "
			    "newest event");
	else if (!kept && salvage.state != STORE_SALVAGE_NONE &&
		 !read_copy(timekeeper->copy, &timekeeper->timeline))
		LOG_WARNING("the database was replaced and what was kept of the clock beside it "
			    "can't be read: what comes back has the times of the machine's clock",
			LOG_S("file", timekeeper->copy));
	free(kept);
}

void timekeeper_open(struct timekeeper *timekeeper, struct store *store, const char *copy)
{
	struct timeline_reading now = clock_read(timekeeper->machine);
	char boot_id[TIMELINE_ID_MAX] = "";

	(void)snprintf(timekeeper->copy, sizeof(timekeeper->copy), "%s", copy);
	find_kept(timekeeper, store);
	if (timekeeper->machine->boot_id)
		timekeeper->machine->boot_id(timekeeper->machine->ctx, boot_id);
	timeline_begin(&timekeeper->timeline, boot_id, &now, find_newest(store));
	timekeeper->clock.timeline = &timekeeper->timeline;
	timekeeper->store = store;
	timekeeper->is_unkept = true;
	tell(timekeeper, &now, true);
	look(timekeeper);
}
