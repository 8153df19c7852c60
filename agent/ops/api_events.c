/*
 * api_events.c - events: find them, show the whole life of one, take new ones.
 */
#include "ops/room.h"

#include <string.h>

#include "capture/intake.h"
#include "dray/ack.h"
#include "dray/ids.h"
#include "ops/rows.h"
#include "ops/writer.h"

/* How many of the newest exceptions are looked through for those of one event. */
#define EXCEPTIONS_LOOKED_AT 1000

static int on_listed_event(void *ctx, const struct store_event_row *row)
{
	struct call *call = ctx;

	row_event(&call->body, row, false);
	write_close(&call->body, '}');
	return 0;
}

void api_list_events(struct call *call)
{
	struct store_event_filter filter = {
		.id = call_query(call, "id"),
		.document = call_query(call, "document"),
		.device = call_query(call, "device"),
		.type = call_query(call, "type"),
	};
	int64_t cursor;

	if (!call_query_page(call, &filter.limit, &filter.before_seq) ||
		!call_query_time(call, "since", &filter.since_ms) ||
		!call_query_time(call, "until", &filter.until_ms))
		return;
	page_open(&call->body);
	if (store_list_events(call->ops->with.store, &filter, on_listed_event, call, &cursor) < 0) {
		call_store_failed(call);
		return;
	}
	page_close(&call->body, cursor);
	call_answer(call, 200);
}

/* --- the life of one event --------------------------------------------------------------------- */

struct lineage {
	struct call *call;
	int64_t seq;
};

static int on_event(void *ctx, const struct store_event_row *row)
{
	struct lineage *lineage = ctx;

	lineage->seq = row->seq;
	row_event(&lineage->call->body, row, true);
	return 0;
}

static int on_delivery(void *ctx, const struct store_delivery_row *row)
{
	row_delivery(((struct lineage *)ctx)->call, row, false);
	return 0;
}

static int on_attempt(void *ctx, const struct store_attempt_row *row)
{
	row_attempt(((struct lineage *)ctx)->call, row);
	return 0;
}

static int on_exception(void *ctx, const struct store_exception_row *row)
{
	struct lineage *lineage = ctx;

	if (row->seq == lineage->seq)
		row_exception(lineage->call, row, false);
	return 0;
}

static int put_lineage(struct lineage *lineage)
{
	const struct store_exception_filter all = { .with_resolved = true,
		.limit = EXCEPTIONS_LOOKED_AT };
	struct store *store = lineage->call->ops->with.store;
	struct buf *out = &lineage->call->body;

	write_open(out, "deliveries", '[');
	if (store_list_event_deliveries(store, lineage->seq, on_delivery, lineage) < 0)
		return -1;
	write_close(out, ']');
	write_open(out, "attempts", '[');
	if (store_list_attempts(store, lineage->seq, on_attempt, lineage) < 0)
		return -1;
	write_close(out, ']');
	write_open(out, "exceptions", '[');
	if (store_list_exceptions(store, &all, on_exception, lineage) < 0)
		return -1;
	write_close(out, ']');
	write_close(out, '}');
	return 0;
}

void api_show_event(struct call *call)
{
	struct store *store = call->ops->with.store;
	struct lineage lineage = { .call = call };
	int64_t seq;
	int found = 0;

	if (call_parse_id(call->parameter, &seq))
		found = store_get_event(store, seq, NULL, on_event, &lineage);
	/* An id may consist of digits as well. */
	if (found == 0)
		found = store_get_event(store, 0, call->parameter, on_event, &lineage);
	if (found == 0)
		call_problem(call, 404, "there is no event %.128s", call->parameter);
	else if (found < 0 || put_lineage(&lineage) != 0)
		call_store_failed(call);
	else
		call_answer(call, 200);
}

/* --- taking events ------------------------------------------------------------------------------ */

struct taking {
	struct buf *out;
	unsigned stored, rejected, all;
};

static void on_ack(void *ctx, const struct ack *ack, const char *device)
{
	struct taking *taking = ctx;
	struct buf text = BUF_INIT;

	(void)device;
	taking->all++;
	taking->stored += ack->status == ACK_STORED;
	taking->rejected += ack->status == ACK_REJECTED;
	ack_render(ack, &text);
	if (buf_failed(&text))
		taking->out->failed = true;
	else
		write_raw(taking->out, NULL, text.data, text.len);
	buf_done(&text);
}

void api_send_events(struct call *call)
{
	struct taking taking = { .out = &call->body };
	struct intake_message message = {
		.origin = "control",
		.default_device = "drayctl",
		.on_invalid = CONFIG_INVALID_REJECT,
		.received_at_ms = call_now_ms(call),
	};
	const char *device = call_query(call, "device");

	if (device && !id_is_name(device, strlen(device))) {
		call_problem(call, 400, "device: must be 1 to 64 of A-Z a-z 0-9 . _ -");
		return;
	}
	if (device)
		message.default_device = device;
	message.payload = call_body(call, &message.len);
	if (!message.payload) {
		call_problem(call, 500, "no memory for the body");
		return;
	}
	write_open(&call->body, NULL, '[');
	if (intake_take(call->ops->with.intake, &message, on_ack, &taking) != 0) {
		call_store_failed(call);
		return;
	}
	write_close(&call->body, ']');
	call_answer(call, taking.stored > 0 ? 202 : taking.rejected < taking.all ? 200 : 422);
}
