/*
 * rescue.c - bringing back what a database that was set aside still holds.
 *
 * One database at a time, the youngest first: where two know the same event the younger knows more.
 * How far it has got is in the table of counters, written in the transaction that merges a slice; so
 * a salvage goes on where the last commit left it, and its result stays readable.
 *
 *   RUNS ─last slice─► DONE or UNREADABLE: broken-K becomes salvaged-K or unreadable-K
 *   no file, and no connection that still has it ─► LOST
 *
 * At the end an exception opens that tells a person what came back and what did not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dray/buf.h"
#include "dray/times.h"
#include "log.h"
#include "store/store_internal.h"

#define REASON_CURSOR "salvage.reason"
/* The number of a database of which only a connection has all: while drayd runs; its file, if any, has
 * lost its WAL. */
#define FROM_CONNECTION "salvage.from_connection"
#define CHUNK_SUFFIX "-salvage"

/* --- what is kept -------------------------------------------------------------------------------- */

struct kept {
	const char *name;
	int64_t value;
};

static int put_counter(struct store *store, const char *name, int64_t value)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, name);
	query_int(&query, value);
	return query_run(&query);
}

static int get_counter(struct store *store, const char *name, int64_t *ret)
{
	*ret = 0;
	struct query query = query_start(store, COUNTER_GET);
	query_text(&query, name);
	return query_number(&query, ret) < 0 ? -1 : 0;
}

static int keep(struct store *store)
{
	const struct rescue *rescue = &store->rescue;
	const struct store_salvage_view *is = &rescue->is;
	const struct kept all[] = {
		{ "salvage.number", rescue->number },
		{ "salvage.state", is->state },
		{ "salvage.seq", rescue->seq },
		{ "salvage.has_events", rescue->has_events },
		{ "salvage.is_unreadable", rescue->is_unreadable },
		{ "salvage.last_seq", rescue->last_seq },
		{ "salvage.is_behind", is->is_behind },
		{ "salvage.latest_at_ms", is->latest_at_ms },
		{ "salvage.events", is->events },
		{ "salvage.events_ever", is->events_ever },
		{ "salvage.deliveries", is->deliveries },
		{ "salvage.in_doubt", is->in_doubt },
		{ "salvage.events_lost", is->events_lost },
		{ "salvage.deliveries_torn", is->deliveries_torn },
		{ "salvage.deliveries_lost", is->deliveries_lost },
		{ "salvage.exception", is->exception },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (put_counter(store, all[i].name, all[i].value) < 0)
			return -1;
	}
	return 0;
}

static int recall(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	struct store_salvage_view *is = &rescue->is;
	int64_t number = 0;
	int64_t state = 0;
	int64_t is_behind = 0;
	int64_t from_connection = 0;
	int64_t has_events = 0;
	int64_t is_unreadable = 0;
	*is = (struct store_salvage_view){ .percent = -1 };
	if (get_counter(store, "salvage.number", &number) < 0 ||
		get_counter(store, "salvage.state", &state) < 0 ||
		get_counter(store, "salvage.seq", &rescue->seq) < 0 ||
		get_counter(store, "salvage.has_events", &has_events) < 0 ||
		get_counter(store, "salvage.is_unreadable", &is_unreadable) < 0 ||
		get_counter(store, "salvage.last_seq", &rescue->last_seq) < 0 ||
		get_counter(store, "salvage.is_behind", &is_behind) < 0 ||
		get_counter(store, FROM_CONNECTION, &from_connection) < 0 ||
		get_counter(store, "salvage.latest_at_ms", &is->latest_at_ms) < 0 ||
		get_counter(store, "salvage.events", &is->events) < 0 ||
		get_counter(store, "salvage.events_ever", &is->events_ever) < 0 ||
		get_counter(store, "salvage.deliveries", &is->deliveries) < 0 ||
		get_counter(store, "salvage.in_doubt", &is->in_doubt) < 0 ||
		get_counter(store, "salvage.events_lost", &is->events_lost) < 0 ||
		get_counter(store, "salvage.deliveries_torn", &is->deliveries_torn) < 0 ||
		get_counter(store, "salvage.deliveries_lost", &is->deliveries_lost) < 0 ||
		get_counter(store, "salvage.exception", &is->exception) < 0)
		return -1;
	rescue->number = (int)number;
	rescue->has_events = has_events != 0;
	rescue->is_unreadable = is_unreadable != 0;
	is->state = (enum store_salvage_state)state;
	is->is_behind = is_behind != 0 || (from_connection == number && rescue->source == NULL &&
						  is->state == STORE_SALVAGE_RUNS);
	return 0;
}

static void recall_reason(struct store *store)
{
	char *reason = store_get_cursor(store, REASON_CURSOR);
	(void)snprintf(store->rescue.reason, sizeof(store->rescue.reason), "%s",
		reason ? reason : "the reason is not known any more");
	free(reason);
}

static const char *word_of(enum store_salvage_state state)
{
	switch (state) {
	case STORE_SALVAGE_DONE:
		return "salvaged";
	case STORE_SALVAGE_UNREADABLE:
		return "unreadable";
	default:
		return "broken";
	}
}

static void name_file(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	if (rescue->is.state == STORE_SALVAGE_NONE || rescue->is.state == STORE_SALVAGE_LOST ||
		!aside_name(
			store->path, word_of(rescue->is.state), rescue->number, "", rescue->file))
		rescue->file[0] = '\0';
}

/* --- beginning ------------------------------------------------------------------------------------ */

static bool has_file(const struct store *store, int number, const char *suffix)
{
	char path[ASIDE_PATH_MAX];
	return aside_name(store->path, "broken", number, suffix, path) && access(path, F_OK) == 0;
}

static bool can_be_read(const struct store *store, int number)
{
	return store->rescue.source != NULL || has_file(store, number, "") ||
	       has_file(store, number, "-wal");
}

static void turn_to(struct store *store, int number)
{
	struct rescue *rescue = &store->rescue;
	if (number != store->number) { /* what is known is of another one */
		rescue->last_seq = 0;
		rescue->is_behind = false;
	}
	rescue->number = number;
	rescue->seq = 0;
	rescue->has_events = false;
	rescue->is = (struct store_salvage_view){
		.state = can_be_read(store, number) ? STORE_SALVAGE_RUNS : STORE_SALVAGE_LOST,
		.is_behind = rescue->is_behind,
		.percent = -1,
	};
}

int rescue_begin(struct store *store)
{
	turn_to(store, store->number);
	if (put_counter(store, FROM_CONNECTION, store->rescue.source != NULL ? store->number : 0) <
			0 ||
		put_counter(store, "database", store->number) < 0 || keep(store) < 0)
		return -1;
	return store_put_cursor(store, REASON_CURSOR, store->rescue.reason, 0);
}

static int start_reader(struct store *store, struct error *err)
{
	struct rescue *rescue = &store->rescue;
	char path[ASIDE_PATH_MAX];
	char chunk[ASIDE_PATH_MAX];
	if (!aside_name(store->path, "broken", rescue->number, "", path) ||
		snprintf(chunk, sizeof(chunk), "%s" CHUNK_SUFFIX, store->path) >=
			(int)sizeof(chunk))
		return error_set(err, store->path, "path is too long");
	const struct salvage_options options = {
		.path = path,
		.source = rescue->source,
		.chunk_path = chunk,
		.after_seq = rescue->seq,
		.on_chunk = store->options.on_salvage,
		.ctx = store->options.ctx,
	};
	rescue->source = NULL;
	return salvage_start(&options, &rescue->reader, err);
}

/* The work that is next, if there is any: a salvage that was begun, or a database that waits. */
static int find_work(struct store *store, struct error *err)
{
	struct rescue *rescue = &store->rescue;
	bool has_ended = rescue->is.state == STORE_SALVAGE_DONE ||
			 rescue->is.state == STORE_SALVAGE_UNREADABLE;
	struct aside aside;
	/* It ended, and drayd with it, before its files had got their last name. */
	if (has_ended &&
		aside_close(store->path, rescue->number, word_of(rescue->is.state), err) < 0)
		return -1;
	if (aside_scan(store->path, &aside, err) < 0)
		return -1;
	if (rescue->is.state == STORE_SALVAGE_RUNS && !can_be_read(store, rescue->number))
		rescue->is.state = STORE_SALVAGE_LOST;
	else if (rescue->is.state != STORE_SALVAGE_RUNS && aside.pending > 0 &&
		 (rescue->is.state != STORE_SALVAGE_LOST || rescue->is.exception > 0))
		turn_to(store, aside.pending);
	return 0;
}

static int go_on(struct store *store, struct error *err)
{
	struct rescue *rescue = &store->rescue;
	if (find_work(store, err) < 0)
		return -1;
	name_file(store);
	rescue->was = rescue->is;
	rescue->was_seq = rescue->seq;
	rescue->had_events = rescue->has_events;
	if (rescue->is.state != STORE_SALVAGE_RUNS || rescue->reader != NULL)
		return 0;
	return start_reader(store, err);
}

int rescue_load(struct store *store, struct error *err)
{
	if (recall(store) < 0)
		return error_set(err, store->path, "%s", store->failure);
	recall_reason(store);
	return go_on(store, err);
}

void rescue_stop(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	salvage_stop(rescue->reader);
	rescue->reader = NULL;
	rescue->is_slice_merged = false;
	rescue->is_ended = false;
}

/* --- telling ------------------------------------------------------------------------------------- */

static void put_counts(const struct store_salvage_view *is, int64_t wall_ahead_ms, struct buf *out)
{
	char latest[TIME_TEXT_MAX];
	buf_printf(out,
		"%" PRId64 " events are back, %" PRId64 " of their deliveries unfinished, %" PRId64
		" of these in doubt. ",
		is->events, is->deliveries, is->in_doubt);
	if (is->is_behind) {
		time_format(is->latest_at_ms + wall_ahead_ms, latest);
		buf_printf(out,
			"What was committed last, perhaps from %s on, is gone: nobody knows how many "
			"events. ",
			latest);
	}
	if (is->events_lost == 0 && is->deliveries_lost == 0 && is->deliveries_torn == 0)
		buf_puts(out, is->is_behind ? "Nothing else is missing" : "Nothing is missing");
	else
		buf_printf(out,
			"At most %" PRId64 " events could not be read; %" PRId64
			" deliveries are lost, and %" PRId64 " were made anew from their events",
			is->events_lost, is->deliveries_lost, is->deliveries_torn);
}

static void put_result(const struct rescue *rescue, int64_t wall_ahead_ms, struct buf *out)
{
	const struct store_salvage_view *is = &rescue->is;
	buf_printf(out, "The database was replaced: %s. ", rescue->reason);
	if (is->state == STORE_SALVAGE_LOST)
		buf_puts(
			out, "No file of it was left to read: what had not been delivered is lost");
	else if (is->state == STORE_SALVAGE_UNREADABLE)
		buf_puts(out, "Nothing of it could be read: what had not been delivered is lost");
	else
		put_counts(is, wall_ahead_ms, out);
	if (rescue->file[0])
		buf_printf(out, ". It is kept as %s", rescue->file);
	if (is->state != STORE_SALVAGE_DONE || is->is_behind || is->events_lost > 0 ||
		is->deliveries_lost > 0)
		buf_puts(out, ". Find out from the handhelds and the other side what is missing");
	buf_puts(out, ". Then discard this exception");
}

static int tell_person(struct store *store, const struct store_salvaging *with)
{
	struct rescue *rescue = &store->rescue;
	struct buf result = BUF_INIT;
	char *lost = store_get_cursor(store, RESCUE_LOST);
	put_result(rescue, store->wall_ahead_ms, &result);
	(void)snprintf(rescue->result, sizeof(rescue->result), "%s",
		buf_failed(&result) ? "The database was replaced" : result.data);
	buf_done(&result);
	const struct store_exception exception = {
		.kind = "store",
		.severity = "critical",
		.code = rescue->is.state == STORE_SALVAGE_LOST ? "lost" : word_of(rescue->is.state),
		.reason = rescue->result,
		.field = "",
		.origin = rescue->file,
		.device = "",
		.raw = lost,
		.raw_len = lost ? strlen(lost) : 0,
		.opened_at_ms = with->now_ms,
		.due_at_ms = with->due_at_ms,
	};
	rescue->is.exception = store_open_exception(store, &exception, NULL);
	free(lost);
	if (rescue->is.exception < 0)
		return -1;
	return store_put_cursor(store, RESCUE_LOST, "", with->now_ms);
}

/* --- slices --------------------------------------------------------------------------------------- */

static int end(struct store *store, const struct store_salvaging *with)
{
	name_file(store);
	store->rescue.is_ended = true;
	return tell_person(store, with) < 0 || keep(store) < 0 ? -1 : 1;
}

/* Where the tally is whole it knows better than the gaps between seqs. */
static void bound_lost(struct store_salvage_view *is, const struct salvage_chunk *chunk)
{
	int64_t n = is->events_ever > is->events ? is->events_ever - is->events : 0;
	if (chunk->has_tally && !chunk->is_behind && n < is->events_lost)
		is->events_lost = n;
}

/* The events of a chunk are in. */
static void note_events(struct rescue *rescue, const struct salvage_chunk *chunk)
{
	rescue->seq = chunk->to_seq;
	rescue->is.events_lost += chunk->events_lost;
	if (chunk->last_seq > rescue->last_seq)
		rescue->last_seq = chunk->last_seq;
	if (rescue->last_seq > 0)
		rescue->is.percent = (int)(rescue->seq * 100 / rescue->last_seq);
	/* Behind the last one that could be read there were others. */
	if (chunk->is_last && rescue->last_seq > rescue->seq)
		rescue->is.events_lost += rescue->last_seq - rescue->seq;
	rescue->has_events = chunk->is_last;
	rescue->is_unreadable = chunk->is_unreadable;
}

static int merge_slice(
	struct store *store, const struct salvage_chunk *chunk, const struct store_salvaging *with)
{
	struct rescue *rescue = &store->rescue;
	char path[ASIDE_PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s" CHUNK_SUFFIX, store->path);
	int merged = store_begin_write(store) < 0 ? -1 : merge_chunk(store, chunk, path, with);
	if (merged < 0)
		return -1;
	rescue->is_slice_merged = true;
	rescue->is_last_chunk = chunk->is_last;
	if (!rescue->has_events || !chunk->is_last)
		note_events(rescue, chunk);
	if (merged == 0)
		return keep(store);
	bound_lost(&rescue->is, chunk);
	rescue->is.state = rescue->is_unreadable ? STORE_SALVAGE_UNREADABLE : STORE_SALVAGE_DONE;
	rescue->is.percent = 100;
	return end(store, with);
}

int store_salvage(struct store *store, const struct store_salvaging *with)
{
	struct rescue *rescue = &store->rescue;
	struct salvage_chunk chunk;
	struct error err = { 0 };
	if (store->is_poisoned)
		return -1;
	if (rescue->is_slice_merged || rescue->is_ended || store_is_refusing(store))
		return 0;
	if (rescue->is.state == STORE_SALVAGE_LOST && rescue->is.exception == 0)
		return store_begin_write(store) < 0 ? -1 : end(store, with);
	if (rescue->is.state != STORE_SALVAGE_RUNS)
		return 0;
	if (rescue->reader == NULL && start_reader(store, &err) < 0) {
		LOG_WARNING("the broken database can't be read yet, trying again",
			LOG_S("reason", err.message));
		return 0;
	}
	if (!salvage_chunk(rescue->reader, &chunk))
		return 0;
	rescue->is.is_behind |= chunk.is_behind;
	chunk.is_behind = rescue->is.is_behind;
	return merge_slice(store, &chunk, with);
}

/* The statements of a salvage are not kept for what may be years. */
static void end_committed(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	struct error err = { 0 };
	rescue_stop(store);
	statements_release(store);
	if (go_on(store, &err) < 0)
		LOG_WARNING("what was salvaged could not be given its last name",
			LOG_S("file", rescue->file), LOG_S("reason", err.message));
}

void rescue_committed(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	rescue->was = rescue->is;
	rescue->was_seq = rescue->seq;
	rescue->had_events = rescue->has_events;
	if (rescue->is_slice_merged && !rescue->is_ended && !rescue->is_last_chunk)
		salvage_next(rescue->reader);
	else if (rescue->is_slice_merged && !rescue->is_ended && store->options.on_salvage != NULL)
		store->options.on_salvage(store->options.ctx); /* there is more in this one */
	rescue->is_slice_merged = false;
	if (rescue->is_ended)
		end_committed(store);
}

void rescue_abandoned(struct store *store)
{
	struct rescue *rescue = &store->rescue;
	rescue->is = rescue->was;
	rescue->seq = rescue->was_seq;
	rescue->has_events = rescue->had_events;
	rescue->is_slice_merged = false;
	rescue->is_ended = false;
}

/* --- showing -------------------------------------------------------------------------------------- */

void store_get_salvage(const struct store *store, struct store_salvage_view *ret)
{
	*ret = store->rescue.was;
	ret->file = store->rescue.file;
	ret->reason = store->rescue.reason;
	ret->result = store->rescue.result;
}

bool store_is_salvaging(const struct store *store)
{
	const struct store_salvage_view *was = &store->rescue.was;
	/* One that is lost and not told of yet: an older one may be next. */
	return was->state == STORE_SALVAGE_RUNS || store->rescue.is_ended ||
	       (was->state == STORE_SALVAGE_LOST && was->exception == 0);
}
