/*
 * api_queue.c - how old what waits is, by destination, as qshape does for mail.
 *
 * A backlog may hold millions: the oldest rows are looked at up to a bound, by their order in the
 * queue, and what is behind them is given as one number, `younger`.
 */
#include "ops/room.h"

#include "clock.h"
#include "ops/rows.h"
#include "ops/view.h"
#include "ops/writer.h"

#define LOOKED_AT_MAX 2000
#define SLICE 500

static const struct bucket_limit {
	const char *name;
	int64_t below_ms;
} buckets[] = {
	{ "1m", 60 * 1000 },
	{ "5m", 5 * 60 * 1000 },
	{ "15m", 15 * 60 * 1000 },
	{ "1h", 60 * 60 * 1000 },
	{ "6h", 6 * 60 * 60 * 1000 },
	{ "1d", 24 * 60 * 60 * 1000 },
	{ "older", INT64_MAX },
};
#define BUCKETS (sizeof(buckets) / sizeof(buckets[0]))

struct shape {
	const struct clock *clock;
	int64_t last_seq;
	int64_t n[BUCKETS];
	int64_t looked_at;
	unsigned in_slice;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	struct shape *shape = ctx;
	int64_t age_ms = clock_age(shape->clock, row->received_at_ms);
	size_t i = 0;

	while (age_ms >= buckets[i].below_ms)
		i++;
	shape->n[i]++;
	shape->looked_at++;
	shape->in_slice++;
	shape->last_seq = row->seq;
	return 0;
}

static int look_at(struct store *store, int destination, struct shape *shape)
{
	do {
		shape->in_slice = 0;
		if (store_list_deliveries(store, destination, (enum delivery_state)0,
			    shape->last_seq, SLICE, on_row, shape) < 0)
			return -1;
	} while (shape->in_slice == SLICE && shape->looked_at < LOOKED_AT_MAX);
	return 0;
}

struct queue {
	struct call *call;
	bool has_failed;
};

static void on_view(void *ctx, const struct deliver_view *view)
{
	struct queue *queue = ctx;
	struct store *store = queue->call->ops->with.store;
	struct buf *out = &queue->call->body;
	struct shape shape = { .clock = queue->call->ops->with.clock };
	int64_t all =
		store_pending(store, view->id) + store_depth(store, view->id, DELIVERY_EXCEPTION);

	if (look_at(store, view->id, &shape) != 0)
		queue->has_failed = true;
	write_open(out, NULL, '{');
	write_text(out, "destination", view->name);
	view_write_state(queue->call, view);
	write_int(out, "unfinished", all);
	call_write_age(queue->call, "oldest_s", store_oldest(store, view->id));
	write_open(out, "ages", '{');
	for (size_t i = 0; i < BUCKETS; i++)
		write_int(out, buckets[i].name, shape.n[i]);
	write_close(out, '}');
	write_bool(out, "is_cut", all > shape.looked_at);
	write_int(out, "younger", all > shape.looked_at ? all - shape.looked_at : 0);
	write_close(out, '}');
}

void api_queue(struct call *call)
{
	struct queue queue = { .call = call };

	page_open(&call->body);
	deliver_list(call->ops->with.deliver, on_view, &queue);
	if (queue.has_failed) {
		call_store_failed(call);
		return;
	}
	page_close(&call->body, 0);
	call_answer(call, 200);
}
