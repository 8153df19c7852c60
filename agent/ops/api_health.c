/*
 * api_health.c - for machines that watch: /healthz, /readyz, /metrics.
 */
#include "ops/room.h"

#include "clock.h"
#include "dray/metrics.h"
#include "ops/view.h"
#include "store/store.h"

void api_healthz(struct call *call)
{
	call->content_type = "text/plain; charset=utf-8";
	buf_puts(&call->body, "ok\n");
	call_answer(call, 200);
}

void api_readyz(struct call *call)
{
	const struct ops_options *with = &call->ops->with;
	const struct room_report *room = with->store_room(with->ctx);
	struct broker_view broker;
	int status = 200;

	with->view_broker(with->ctx, &broker);
	call->content_type = "text/plain; charset=utf-8";
	if (room->level == ROOM_NONE) {
		buf_printf(&call->body, "store: %s\n", room->why);
		status = 503;
	} else if (!broker.is_up) {
		buf_printf(&call->body, "broker: %s\n",
			broker.reason[0] ? broker.reason : "not connected");
		status = 503;
	}
	if (status == 200)
		buf_puts(&call->body, "ok\n");
	call_answer(call, status);
}

static void on_view(void *ctx, const struct deliver_view *view)
{
	struct call *call = ctx;
	struct metrics *metrics = call->ops->with.metrics;
	struct store *store = call->ops->with.store;
	int64_t oldest_ms = store_oldest(store, view->id);

	for (int state = DELIVERY_READY; state <= DELIVERY_EXCEPTION; state++)
		metrics_set(metrics, METRIC_BACKLOG, view->name,
			delivery_state_word((enum delivery_state)state),
			(double)store_depth(store, view->id, (enum delivery_state)state));
	metrics_set(metrics, METRIC_BACKLOG_OLDEST, view->name, NULL,
		oldest_ms > 0 ? (double)clock_age(call->ops->with.clock, oldest_ms) / 1000.0 : 0);
	if (view->is_configured)
		metrics_set(
			metrics, METRIC_DESTINATION_UP, view->name, NULL, view_is_up(view) ? 1 : 0);
}

static void on_open(void *ctx, const char *kind, const char *severity, int64_t n)
{
	metrics_set(ctx, METRIC_EXCEPTIONS_OPEN, kind, severity, (double)n);
}

/* Gauges are read where they stand, when somebody asks. */
void api_metrics(struct call *call)
{
	static const enum metric gauges[] = { METRIC_BACKLOG, METRIC_BACKLOG_OLDEST,
		METRIC_EXCEPTIONS_OPEN, METRIC_DESTINATION_UP };
	const struct ops_options *with = &call->ops->with;
	const struct room_report *room = with->store_room(with->ctx);
	struct broker_view broker;
	struct store_sizes sizes;

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		metrics_clear(with->metrics, gauges[i]);
	deliver_list(with->deliver, on_view, call);
	store_count_open(with->store, on_open, with->metrics);
	store_sizes(with->store, &sizes);
	metrics_set(with->metrics, METRIC_STORE_BYTES, NULL, NULL, (double)sizes.used_bytes);
	metrics_set(with->metrics, METRIC_STORE_MAX, NULL, NULL,
		(double)call->ops->config->store.max_bytes);
	metrics_set(with->metrics, METRIC_STORE_FREE, NULL, NULL,
		room->left_bytes > 0 ? (double)room->left_bytes : 0);
	metrics_set(with->metrics, METRIC_CAPTURE_OPEN, NULL, NULL, room->level != ROOM_NONE);
	metrics_set(with->metrics, METRIC_STORE_WRITTEN, NULL, NULL, (double)sizes.written_bytes);
	with->view_broker(with->ctx, &broker);
	metrics_set(with->metrics, METRIC_BROKER_CONNECTED, NULL, NULL, broker.is_up ? 1 : 0);
	metrics_set(with->metrics, METRIC_CLOCK_TRUSTED, NULL, NULL,
		call_clock_doubted_at_ms(call) == 0 ? 1 : 0);
	metrics_set(with->metrics, METRIC_BUILD_INFO, DRAY_VERSION, NULL, 1);
	call->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_print(with->metrics, &call->body);
	call_answer(call, 200);
}
