/*
 * What the turn does per event and delivery costs the same with ten rows or thousands waiting.
 * Cost is counted in steps of SQLite's virtual machine: no clock is asked.
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

#define FEW 20
#define MANY 3000
#define CLAIMED_AT_ONCE 16

struct house {
	char folder[64], path[96];
	struct store *store;
	int destination;
	unsigned n_events;
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
	house->destination = store_destination_id(house->store, "erp");
	assert_true(house->destination > 0);
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
static void put_event(struct house *house)
{
	uint8_t digest[ID_DIGEST_BYTES] = { 0 };
	char id[32], key[32];
	enum delivery_state ended;
	int64_t seq;
	unsigned n = house->n_events++;

	(void)snprintf(id, sizeof(id), "event-%06u", n);
	(void)snprintf(key, sizeof(key), "purchase_order/PO-%u", n % 3 == 2 ? n - 1 : n);
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
		.body = "{}",
		.len = 2 };
	assert_int_equal(store_put_event(house->store, &event, &seq), STORE_STORED);
	assert_int_equal(
		store_put_delivery(house->store, house->destination, seq, key, 1, &ended), 0);
}

static int on_ready(void *ctx, const struct store_delivery_row *row)
{
	int64_t **next = ctx;

	*(*next)++ = row->seq;
	return 0;
}

/* One of everything that happens all the time. */
static void do_turn(struct house *house)
{
	int64_t ready[CLAIMED_AT_ONCE], *end = ready;
	struct store *store = house->store;
	int to = house->destination;

	put_event(house);
	assert_int_equal(store_promote_due(store, to, 2000, 1000, 100), 0);
	assert_int_equal(store_list_ready(store, to, 1, 0, CLAIMED_AT_ONCE, on_ready, &end), 0);
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
	assert_int_equal(store_commit(store), 0);
}

static int count_steps(struct house *house)
{
	int steps = 0;

	for (int i = 0; i < PREPARED_AT_OPEN; i++)
		steps += sqlite3_stmt_status(
			house->store->statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

static int cost_with(struct house *house, unsigned waiting)
{
	while (house->n_events < waiting)
		put_event(house);
	assert_int_equal(store_commit(house->store), 0);
	(void)count_steps(house);
	do_turn(house);
	return count_steps(house);
}

static void test_a_turn_costs_the_same_however_many_wait(void **state)
{
	struct house *house = *state;
	int few = cost_with(house, 2 * CLAIMED_AT_ONCE + FEW);
	int many = cost_with(house, MANY);

	print_message("%d steps with few waiting, %d with %d\n", few, many, MANY);
	assert_in_range(many, few / 2, few + few / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_turn_costs_the_same_however_many_wait, open_house, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
