/*
 * What the turn does per event and delivery costs the same with a thousand rows or a million
 * waiting. Cost is counted in steps of SQLite's virtual machine and in pages looked at: no clock is
 * asked, so the figures are the same on every run. With DRAY_LONG a million wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store_internal.h"

#define FEW 1000
#define MANY 100000
#define MANY_LONG 1000000
#define ROUNDS 40
#define AT_ONCE 16
#define BODY_BYTES 690 /* of a receipt, as stored */
#define DOWN 1         /* where they wait */
#define UP 2

struct house {
	char folder[64], path[96];
	struct store *store;
	unsigned n_events;
};

/* Per event. */
struct cost {
	double steps, looked_at, read;
};

static void on_fatal(void *ctx, const char *what)
{
	(void)ctx;
	fail_msg("%s", what);
}

static int open_house(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	struct error err;

	assert_non_null(house);
	(void)snprintf(house->folder, sizeof(house->folder), "/tmp/dray-costs-XXXXXX");
	assert_non_null(mkdtemp(house->folder));
	(void)snprintf(house->path, sizeof(house->path), "%s/dray.db", house->folder);
	struct store_options options = {
		.path = house->path, .max_bytes = 1 << 30, .on_fatal = on_fatal
	};
	assert_int_equal(store_open(&options, &house->store, &err), 0);
	assert_int_equal(store_destination_id(house->store, "down"), DOWN);
	assert_int_equal(store_destination_id(house->store, "up"), UP);
	*state = house;
	return 0;
}

static int close_house(void **state)
{
	struct house *house = *state;

	store_close(house->store);
	assert_int_equal(unlink(house->path), 0);
	assert_int_equal(rmdir(house->folder), 0);
	free(house);
	return 0;
}

/* Every third event shares its ordering key with the one before, and is parked behind it. */
static void put_event(struct house *house, int destination)
{
	static const char body[BODY_BYTES];
	uint8_t digest[ID_DIGEST_BYTES] = { 0 };
	char id[32], key[32];
	enum delivery_state ended;
	int64_t seq;
	unsigned n = house->n_events++;

	(void)snprintf(id, sizeof(id), "event-%08u", n);
	(void)snprintf(key, sizeof(key), "purchase_order/PO-%08u", n % 3 == 2 ? n - 1 : n);
	struct store_event event = { .source = "/site/device",
		.id = id,
		.type = "receipt",
		.device = "device",
		.document = key,
		.correlation = "",
		.origin = "handhelds",
		.occurred_at_ms = 1000,
		.received_at_ms = 1000,
		.sent_at_ms = -1,
		.sequence = -1,
		.digest = digest,
		.body = body,
		.len = sizeof(body) };
	assert_int_equal(store_put_event(house->store, &event, &seq), STORE_STORED);
	assert_int_equal(store_put_delivery(house->store, destination, seq, key, 1, &ended), 0);
}

static void fill(struct house *house, unsigned waiting)
{
	while (house->n_events < waiting) {
		put_event(house, DOWN);
		if (house->n_events % 2000 == 0 || house->n_events == waiting) {
			assert_int_equal(store_commit(house->store), 0);
			store_checkpoint_tail(house->store);
		}
	}
}

static int on_ready(void *ctx, const struct store_delivery_row *row)
{
	int64_t **next = ctx;

	*(*next)++ = row->seq;
	return 0;
}

/* All that a destination's part of a turn does. */
static void deliver(struct house *house, int to)
{
	int64_t ready[AT_ONCE], *end = ready;
	struct store *store = house->store;

	assert_int_equal(store_promote_due(store, to, 2000, 1000, 100), 0);
	assert_int_equal(store_list_ready(store, to, 1, 0, AT_ONCE, on_ready, &end), 0);
	assert_ptr_equal(end, ready + AT_ONCE);
	for (int64_t *seq = ready; seq < end; seq++)
		assert_int_equal(store_claim(store, to, *seq, 0, 1, 2000), 0);
	for (int64_t *seq = ready; seq < end; seq++)
		assert_int_equal(
			store_settle(store, to, *seq,
				&(struct store_settlement){
					.to = DELIVERY_DONE, .status = 201, .now_ms = 2000 }),
			0);
	assert_int_equal(store_next_due(store, to), 0);
	assert_true(store_oldest(store, to) > 0);
}

static void capture(struct house *house, int to)
{
	for (int i = 0; i < AT_ONCE; i++)
		put_event(house, to);
}

static struct cost count(struct house *house)
{
	struct cost cost = { 0 };
	int hits = 0, misses = 0, highest = 0;

	for (int i = 0; i < PREPARED_AT_OPEN; i++)
		cost.steps += sqlite3_stmt_status(
			house->store->statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
	assert_int_equal(
		sqlite3_db_status(house->store->db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &highest, 1),
		SQLITE_OK);
	assert_int_equal(sqlite3_db_status(house->store->db, SQLITE_DBSTATUS_CACHE_MISS, &misses,
				 &highest, 1),
		SQLITE_OK);
	cost.steps /= ROUNDS * AT_ONCE;
	cost.looked_at = (double)(hits + misses) / (ROUNDS * AT_ONCE);
	cost.read = (double)misses / (ROUNDS * AT_ONCE);
	return cost;
}

struct costs {
	struct cost capture, delivery, drain;
};

static struct costs cost_with(struct house *house, unsigned waiting)
{
	struct costs costs;

	fill(house, waiting);
	capture(house, UP); /* so that some always waits there as well */
	capture(house, UP);
	(void)count(house);
	for (int i = 0; i < ROUNDS; i++) {
		capture(house, UP);
		assert_int_equal(store_commit(house->store), 0);
	}
	costs.capture = count(house);
	for (int i = 0; i < ROUNDS; i++) {
		deliver(house, UP);
		assert_int_equal(store_commit(house->store), 0);
	}
	costs.delivery = count(house);
	for (int i = 0; i < ROUNDS; i++) {
		deliver(house, DOWN);
		assert_int_equal(store_commit(house->store), 0);
	}
	costs.drain = count(house);
	return costs;
}

/*
 * A tree is a level deeper for some hundred times the rows, and there are six: hence a few more
 * pages are looked at. They are in the cache.
 */
static void compare(const char *what, struct cost few, struct cost many)
{
	print_message("%s, an event: %.1f steps, %.1f pages looked at, %.2f read with few waiting; "
		      "%.1f, %.1f, %.2f with many\n",
		what, few.steps, few.looked_at, few.read, many.steps, many.looked_at, many.read);
	assert_true(few.steps > 10 && few.looked_at > 1);
	assert_true(many.steps <= 1.02 * few.steps);
	assert_true(many.looked_at <= 2.2 * few.looked_at);
	assert_true(many.read <= few.read + 0.5);
}

static void test_an_event_costs_the_same_however_many_wait(void **state)
{
	struct house *house = *state;
	const char *long_run = getenv("DRAY_LONG");
	struct costs few = cost_with(house, FEW);
	struct costs many =
		cost_with(house, long_run && long_run[0] && long_run[0] != '0' ? MANY_LONG : MANY);

	compare("capture", few.capture, many.capture);
	compare("delivery beside it", few.delivery, many.delivery);
	compare("draining it", few.drain, many.drain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_an_event_costs_the_same_however_many_wait, open_house, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
