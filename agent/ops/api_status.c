/*
 * api_status.c - one screen: what is in, what is out, what is stuck and why.
 */
#include "ops/room.h"

#include <string.h>

#include "ops/view.h"
#include "ops/writer.h"
#include "clock.h"
#include "dray/times.h"
#include "store/store.h"

/* Counts of what came in. */
struct arrivals {
	int64_t stored, duplicate, rejected, unrouted;
};

static int on_tally(void *ctx, const struct store_tally_row *row)
{
	struct arrivals *arrivals = ctx;

	if (strcmp(row->outcome, "stored") == 0)
		arrivals->stored += row->n;
	else if (strcmp(row->outcome, "duplicate") == 0)
		arrivals->duplicate += row->n;
	else if (strcmp(row->outcome, "rejected") == 0)
		arrivals->rejected += row->n;
	else if (strcmp(row->outcome, "unrouted") == 0)
		arrivals->unrouted += row->n;
	return 0;
}

static void put_arrivals(struct buf *out, const struct arrivals *arrivals)
{
	write_int(out, "stored", arrivals->stored);
	write_int(out, "duplicate", arrivals->duplicate);
	write_int(out, "rejected", arrivals->rejected);
	write_int(out, "unrouted", arrivals->unrouted);
}

static int put_events(struct call *call)
{
	struct store *store = call->ops->with.store;
	int32_t day = time_day(call_wall_ms(call));
	struct arrivals all = { 0 };
	struct arrivals today = { 0 };
	struct buf *out = &call->body;

	if (store_sum_tally(store, STORE_TALLY_METRICS, day, on_tally, &all) < 0 ||
		store_sum_tally(store, STORE_TALLY_TODAY, day, on_tally, &today) < 0)
		return -1;
	write_open(out, "events", '{');
	put_arrivals(out, &all);
	write_open(out, "today", '{');
	put_arrivals(out, &today);
	write_close(out, '}');
	write_close(out, '}');
	return 0;
}

/* Whether what the machine's clock says is believed; else what it says, and since when. */
static void put_clock(struct call *call)
{
	int64_t doubted_at_ms = call_clock_doubted_at_ms(call);

	write_open(&call->body, "clock", '{');
	write_bool(&call->body, "trusted", doubted_at_ms == 0);
	call_write_stamp(call, "doubted_since", doubted_at_ms);
	write_time(&call->body, "machine", clock_read(call->ops->with.clock).wall_ms);
	write_close(&call->body, '}');
}

static void put_broker(struct call *call, const struct broker_view *broker)
{
	const struct broker_offer *offer = &broker->offer;
	struct buf *out = &call->body;

	write_open(out, "broker", '{');
	write_bool(out, "connected", broker->is_up);
	write_text(out, "reason", broker->reason);
	write_text(out, "version", broker->version);
	write_text(out, "flaw", broker->flaw);
	write_text(out, "mqtt", broker->protocol_level == 5 ? "5" : "3.1.1");
	if (offer->session_expiry_s < 0)
		write_null(out, "session_expiry_s");
	else
		write_int(out, "session_expiry_s", offer->session_expiry_s);
	write_int(out, "receive_maximum", offer->receive_maximum);
	write_int(out, "maximum_packet_bytes", offer->maximum_packet_bytes);
	write_int(out, "maximum_qos", offer->maximum_qos);
	write_bool(out, "retains", offer->retains);
	write_close(out, '}');
}

static void put_store(struct call *call)
{
	const struct ops_options *with = &call->ops->with;
	const struct room_report *room = with->store_room(with->ctx);
	struct store_sizes sizes;
	struct buf *out = &call->body;

	store_sizes(with->store, &sizes);
	write_open(out, "store", '{');
	write_int(out, "bytes", sizes.used_bytes);
	write_int(out, "wal_bytes", sizes.wal_bytes);
	write_int(out, "max_bytes", call->ops->config->store.max_bytes);
	write_int(out, "disk_bytes", room->disk_bytes);
	write_int(out, "disk_free_bytes", room->free_bytes);
	write_int(out, "reserve_bytes", room->reserve_bytes);
	write_int(out, "left_bytes", room->left_bytes > 0 ? room->left_bytes : 0);
	write_text(out, "level", room_level_word(room->level));
	write_time(out, "since", room->since_at_ms);
	write_text(out, "reason", room->why);
	write_close(out, '}');
}

/* While it runs, and as long as the exception is open that tells of its end. */
static int on_its_exception(void *ctx, const struct store_exception_row *row)
{
	*(bool *)ctx = row->state != EXCEPTION_RESOLVED;
	return 0;
}

static int put_salvage(struct call *call)
{
	static const char *const words[] = { "none", "running", "done", "unreadable", "lost" };
	struct store *store = call->ops->with.store;
	struct buf *out = &call->body;
	struct store_salvage_view view;
	bool is_shown;

	store_get_salvage(store, &view);
	is_shown = view.state == STORE_SALVAGE_RUNS;
	if (view.exception > 0 &&
		store_get_exception(store, view.exception, on_its_exception, &is_shown) < 0)
		return -1;
	if (!is_shown) {
		write_null(out, "salvage");
		return 0;
	}
	write_open(out, "salvage", '{');
	write_text(out, "state", words[view.state]);
	write_text(out, "reason", view.reason);
	write_text(out, "file", view.file);
	if (view.percent >= 0)
		write_int(out, "percent", view.percent);
	else
		write_null(out, "percent");
	write_int(out, "events", view.events);
	write_int(out, "deliveries", view.deliveries);
	write_int(out, "in_doubt", view.in_doubt);
	write_int(out, "events_lost", view.events_lost);
	write_bool(out, "commits_lost", view.is_behind);
	write_int(out, "deliveries_lost", view.deliveries_lost);
	write_int(out, "deliveries_torn", view.deliveries_torn);
	write_bool(out, "deliveries_wait", store_is_salvaging(store));
	write_close(out, '}');
	return 0;
}

/* While its deliveries get their doubt, and as long as the exception is open that tells of it. */
static int put_restore(struct call *call)
{
	struct store *store = call->ops->with.store;
	struct buf *out = &call->body;
	struct store_restore_view view;
	bool is_shown;

	store_get_restore(store, &view);
	is_shown = view.is_marking;
	if (view.exception > 0 &&
		store_get_exception(store, view.exception, on_its_exception, &is_shown) < 0)
		return -1;
	if (!is_shown) {
		write_null(out, "restore");
		return 0;
	}
	write_open(out, "restore", '{');
	call_write_stamp(call, "backup_of", view.from_at_ms);
	write_time(out, "restored_at", view.restored_at_ms);
	write_int(out, "in_doubt", view.deliveries);
	write_int(out, "exception", view.exception);
	write_bool(out, "deliveries_wait", view.is_marking);
	write_close(out, '}');
	return 0;
}

struct open_count {
	struct buf *out;
	const char *kind; /* NULL: sum all */
	int64_t n;
};

static void on_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	struct open_count *count = ctx;

	(void)severity;
	if (!count->kind || strcmp(count->kind, kind) == 0)
		count->n += n;
}

static void put_exceptions(struct call *call)
{
	struct open_count all = { 0 };
	struct buf *out = &call->body;

	store_count_open(call->ops->with.store, on_open, &all);
	write_open(out, "exceptions", '{');
	write_int(out, "open", all.n);
	write_open(out, "by_kind", '{');
	for (const char *const *kind = exception_kinds; *kind; kind++) {
		struct open_count count = { .kind = *kind };

		store_count_open(call->ops->with.store, on_open, &count);
		if (count.n > 0)
			write_int(out, *kind, count.n);
	}
	write_close(out, '}');
	write_close(out, '}');
}

static void on_view(void *ctx, const struct deliver_view *view)
{
	view_write(ctx, view);
}

void api_status(struct call *call)
{
	const struct ops_options *with = &call->ops->with;
	struct buf *out = &call->body;
	struct broker_view broker;

	with->view_broker(with->ctx, &broker);
	write_open(out, NULL, '{');
	write_text(out, "site", call->ops->config->site);
	write_text(out, "timezone", call->ops->config->timezone);
	write_text(out, "version", DRAY_VERSION);
	write_text(out, "state", broker.is_up ? "running" : "degraded");
	call_write_stamp(call, "started_at", call->ops->started_at_ms);
	write_time(out, "now", call_wall_ms(call));
	config_write_state(call);
	put_clock(call);
	put_broker(call, &broker);
	put_store(call);
	if (put_salvage(call) != 0 || put_restore(call) != 0 || put_events(call) != 0) {
		call_store_failed(call);
		return;
	}
	write_open(out, "destinations", '[');
	deliver_list(with->deliver, on_view, call);
	write_close(out, ']');
	put_exceptions(call);
	write_close(out, '}');
	call_answer(call, 200);
}
