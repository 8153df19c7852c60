#include "ops/rows.h"

#include <stddef.h>

#include "ops/writer.h"

void page_open(struct buf *out)
{
	write_open(out, NULL, '{');
	write_open(out, "items", '[');
}

void page_close(struct buf *out, int64_t cursor)
{
	write_close(out, ']');
	if (cursor > 0)
		write_int(out, "cursor", cursor);
	else
		write_null(out, "cursor");
	write_close(out, '}');
}

void row_event(struct call *call, const struct store_event_row *row, bool is_whole)
{
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	write_int(out, "seq", row->seq);
	write_text(out, "id", row->id);
	write_text(out, "type", row->type);
	write_text(out, "source", row->source);
	write_set_text(out, "device", row->device);
	write_set_text(out, "document", row->document);
	write_set_text(out, "correlation", row->correlation);
	write_set_text(out, "origin", row->origin);
	write_int(out, "revision", row->revision);
	write_time(out, "occurred_at", row->occurred_at_ms);
	write_time(out, "sent_at", row->sent_at_ms);
	call_write_stamp(call, "received_at", row->received_at_ms);
	if (is_whole && row->body)
		write_raw(out, "body", row->body, row->len);
	else if (is_whole)
		write_null(out, "body");
	if (is_whole && row->raw)
		write_bytes(out, "raw", row->raw, row->raw_len);
}

static void put_destination(struct call *call, int destination)
{
	if (destination > 0)
		write_text(&call->body, "destination",
			store_destination_name(call->ops->with.store, destination));
}

void row_delivery(struct call *call, const struct store_delivery_row *row, bool with_event)
{
	static const char *const lanes[] = { "critical", "normal", "bulk" };
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	put_destination(call, row->destination);
	write_int(out, "seq", row->seq);
	write_text(out, "state", delivery_state_word(row->state));
	if (row->lane >= 0 && row->lane < (int)(sizeof(lanes) / sizeof(lanes[0])))
		write_text(out, "lane", lanes[row->lane]);
	write_int(out, "attempts", row->attempts);
	if (row->batch > 0)
		write_int(out, "batch", row->batch);
	if (row->due_at_ms > 0)
		call_write_stamp(call, "due_at", row->due_at_ms);
	if (row->claimed_at_ms > 0)
		call_write_stamp(call, "claimed_at", row->claimed_at_ms);
	if (row->doubt_at_ms > 0)
		call_write_stamp(call, "doubt_at", row->doubt_at_ms);
	if (row->settled_at_ms > 0)
		call_write_stamp(call, "settled_at", row->settled_at_ms);
	if (row->last_status > 0)
		write_int(out, "status", row->last_status);
	write_set_text(out, "ref", row->ref);
	write_set_text(out, "held_key", row->held_key);
	if (with_event) {
		write_text(out, "id", row->id);
		write_text(out, "type", row->type);
		write_set_text(out, "device", row->device);
		call_write_stamp(call, "received_at", row->received_at_ms);
	}
	write_close(out, '}');
}

void row_attempt(struct call *call, const struct store_attempt_row *row)
{
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	put_destination(call, row->destination);
	write_int(out, "attempt", row->attempt);
	call_write_stamp(call, "at", row->at_ms);
	write_int(out, "took_ms", row->took_ms);
	write_text(out, "outcome", row->outcome);
	if (row->status > 0)
		write_int(out, "status", row->status);
	write_set_text(out, "message", row->message);
	write_close(out, '}');
}

static const char *exception_word(enum exception_state state)
{
	return state == EXCEPTION_OPEN       ? "open"
	       : state == EXCEPTION_ASSIGNED ? "assigned"
					     : "resolved";
}

void row_exception(struct call *call, const struct store_exception_row *row, bool with_raw)
{
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	write_int(out, "id", row->id);
	write_text(out, "kind", row->kind);
	write_text(out, "severity", row->severity);
	write_text(out, "state", exception_word(row->state));
	write_set_text(out, "code", row->code);
	write_text(out, "reason", row->reason);
	write_set_text(out, "field", row->field);
	put_destination(call, row->destination);
	if (row->seq > 0)
		write_int(out, "seq", row->seq);
	write_set_text(out, "event_id", row->event_id);
	write_set_text(out, "event_type", row->event_type);
	write_set_text(out, "origin", row->origin);
	write_set_text(out, "device", row->device);
	write_set_text(out, "owner", row->owner);
	write_int(out, "repeats", row->repeats);
	call_write_stamp(call, "opened_at", row->opened_at_ms);
	if (row->due_at_ms > 0)
		call_write_stamp(call, "due_at", row->due_at_ms);
	if (row->resolved_at_ms > 0)
		call_write_stamp(call, "resolved_at", row->resolved_at_ms);
	write_set_text(out, "resolution", row->resolution);
	if (with_raw && row->raw)
		write_bytes(out, "raw", row->raw, row->raw_len);
	write_close(out, '}');
}
