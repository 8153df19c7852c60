/*
 * api_deliveries.c - deliveries by destination and state.
 *
 * Without a destination the page goes through all of them, one after another: the cursor holds
 * the destination's number above the seq.
 */
#include "ops/room.h"

#include <string.h>

#include "ops/rows.h"

#define CURSOR_SEQ_BITS 40

struct listing {
	struct call *call;
	unsigned left;
	int64_t last_seq;
};

static int on_row(void *ctx, const struct store_delivery_row *row)
{
	struct listing *listing = ctx;

	row_delivery(listing->call, row, true);
	listing->last_seq = row->seq;
	listing->left--;
	return listing->left == 0;
}

/* False: answered. */
static bool read_state(struct call *call, enum delivery_state *ret)
{
	const char *word = call_query(call, "state");

	*ret = (enum delivery_state)0;
	if (!word)
		return true;
	for (int state = DELIVERY_READY; state < DELIVERY_STATES; state++) {
		if (strcmp(delivery_state_word((enum delivery_state)state), word) == 0) {
			*ret = (enum delivery_state)state;
			return true;
		}
	}
	call_problem(call, 400, "state: there is no state %.32s", word);
	return false;
}

static int list_all(struct listing *listing, int only, enum delivery_state state, int64_t *cursor)
{
	struct store *store = listing->call->ops->with.store;
	int id = only ? only : (int)(*cursor >> CURSOR_SEQ_BITS);
	int last = only ? only : store_destination_count(store);
	int64_t after = *cursor & ((INT64_C(1) << CURSOR_SEQ_BITS) - 1);

	*cursor = 0;
	for (id = id > 0 ? id : 1; id <= last; id++, after = 0) {
		if (store_list_deliveries(store, id, state, after, listing->left, on_row, listing) <
			0)
			return -1;
		if (listing->left == 0) {
			*cursor = (int64_t)id << CURSOR_SEQ_BITS | listing->last_seq;
			break;
		}
	}
	return 0;
}

void api_list_deliveries(struct call *call)
{
	struct listing listing = { .call = call };
	enum delivery_state state;
	int64_t cursor;
	int destination;

	if (!call_query_page(call, &listing.left, &cursor) || !read_state(call, &state) ||
		!call_destination(call, call_query(call, "destination"), &destination))
		return;
	if (cursor >> CURSOR_SEQ_BITS > store_destination_count(call->ops->with.store)) {
		call_problem(call, 400, "cursor: not one of ours");
		return;
	}
	page_open(&call->body);
	if (list_all(&listing, destination, state, &cursor) < 0) {
		call_store_failed(call);
		return;
	}
	page_close(&call->body, cursor);
	call_answer(call, 200);
}
