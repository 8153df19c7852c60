#include "ops/view.h"

#include "ops/writer.h"
#include "store/store.h"

bool view_is_up(const struct deliver_view *view)
{
	return view->is_configured && !view->is_paused && view->breaker == BREAKER_CLOSED &&
	       view->not_before_at_ms == 0;
}

static const char *state_word(const struct store *store, const struct deliver_view *view)
{
	if (!view->is_configured)
		return "unconfigured";
	if (view->is_paused)
		return "paused";
	if (view->breaker != BREAKER_CLOSED)
		return view->cause == BREAKER_UNREACHABLE ? "unreachable"
		       : view->cause == BREAKER_HOLD      ? "held"
							  : "failing";
	if (view->not_before_at_ms > 0)
		return "throttled";
	return view->in_flight > 0 || store_pending(store, view->id) > 0 ? "up" : "idle";
}

void view_write_state(struct call *call, const struct deliver_view *view)
{
	write_text(&call->body, "state", state_word(call->ops->with.store, view));
	call_write_stamp(call, "not_before_at", view->not_before_at_ms);
}

void view_write(struct call *call, const struct deliver_view *view)
{
	struct store *store = call->ops->with.store;
	struct buf *out = &call->body;

	write_open(out, NULL, '{');
	write_text(out, "name", view->name);
	write_text(out, "url", view->url);
	write_text(out, "connector", view->connector);
	view_write_state(call, view);
	write_text(out, "reason", view->reason ? view->reason : "");
	write_int(out, "in_flight", view->in_flight);
	for (int state = DELIVERY_READY; state <= DELIVERY_EXCEPTION; state++)
		write_int(out, delivery_state_word((enum delivery_state)state),
			store_depth(store, view->id, (enum delivery_state)state));
	call_write_age(call, "oldest_s", store_oldest(store, view->id));
	call_write_stamp(call, "last_success_at", view->last_success_at_ms);
	write_close(out, '}');
}
