/*
 * api_destinations.c - destinations: list, pause, resume.
 */
#include "ops/room.h"

#include "dray/json.h"
#include "ops/rows.h"
#include "ops/view.h"
#include "ops/writer.h"

static void on_view(void *ctx, const struct deliver_view *view)
{
	view_write(ctx, view);
}

void api_list_destinations(struct call *call)
{
	page_open(&call->body);
	deliver_list(call->ops->with.deliver, on_view, call);
	page_close(&call->body, 0);
	call_answer(call, 200);
}

static void set_paused(struct call *call, bool is_paused)
{
	struct store *store = call->ops->with.store;
	bool was_paused;
	const char *why;
	cJSON *body;
	int id;

	if (!call_destination(call, call->parameter, &id))
		return;
	body = call_object(call);
	if (!body)
		return;
	why = json_get_string(body, "why");
	was_paused = store_destination_is_paused(store, id);
	if (was_paused != is_paused &&
		(store_destination_pause(store, id, is_paused) != 0 ||
			store_audit(store, call_wall_ms(call), call->who,
				is_paused ? "destination.pause" : "destination.resume",
				call->parameter, why ? why : "") != 0)) {
		call_store_failed(call);
	} else {
		if (!is_paused)
			deliver_poke(call->ops->with.deliver, id);
		write_open(&call->body, NULL, '{');
		write_text(&call->body, "name", call->parameter);
		write_bool(&call->body, "paused", is_paused);
		write_bool(&call->body, "changed", was_paused != is_paused);
		write_close(&call->body, '}');
		call_answer(call, 200);
	}
	cJSON_Delete(body);
}

void api_pause_destination(struct call *call)
{
	set_paused(call, true);
}

void api_resume_destination(struct call *call)
{
	set_paused(call, false);
}
