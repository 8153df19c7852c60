/*
 * Whatever becomes of deliveries, alone or in chains, with turns that are poisoned between: who holds
 * a key goes first, and what is counted is there.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_store.h"

#define ERP 1
#define TMS 2
#define ROWS_MAX 64

struct rows {
	unsigned n;
	struct store_delivery_row row[ROWS_MAX];
	char key[ROWS_MAX][16];
};

static int collect(void *ctx, const struct store_delivery_row *row)
{
	struct rows *rows = ctx;
	assert_true(rows->n < ROWS_MAX);
	rows->row[rows->n] = *row;
	(void)snprintf(rows->key[rows->n], 16, "%s", row->held_key);
	rows->n++;
	return 0;
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

/* A legal move from `from`, by chance; 0: none. */
static enum delivery_state draw_move(uint32_t *seed, enum delivery_state from)
{
	static const enum delivery_state claimed[] = { DELIVERY_READY, DELIVERY_WAITING,
		DELIVERY_SUSPECT, DELIVERY_EXCEPTION, DELIVERY_DONE, DELIVERY_DONE, DELIVERY_DONE };
	static const enum delivery_state suspect[] = { DELIVERY_READY, DELIVERY_DONE,
		DELIVERY_EXCEPTION };
	static const enum delivery_state exception[] = { DELIVERY_READY, DELIVERY_DONE,
		DELIVERY_DISCARDED };
	switch (from) {
	case DELIVERY_CLAIMED:
		return claimed[draw(seed, 7)];
	case DELIVERY_SUSPECT:
		return suspect[draw(seed, 3)];
	case DELIVERY_EXCEPTION:
		return exception[draw(seed, 3)];
	case DELIVERY_WAITING:
		return DELIVERY_READY;
	default:
		return 0;
	}
}

static struct store_settlement draw_settlement(uint32_t *seed, enum delivery_state from)
{
	return (struct store_settlement){
		.to = draw_move(seed, from),
		.due_at_ms = 1 + draw(seed, 1000),
		.look_at_ms = draw(seed, 3),
		.attempt_is_void = draw(seed, 3) == 0,
		.exception_passes = draw(seed, 3) == 0,
		.leaves_batch = draw(seed, 5) == 0,
		.now_ms = 60000,
	};
}

/* Alone, or with some of those that are parked behind it. */
static void claim_some(struct shed *shed, uint32_t *seed, int destination, int64_t seq,
	int64_t batch, const char *key)
{
	struct rows chain = { 0 };
	if (draw(seed, 2) == 0) {
		assert_int_equal(store_claim(shed->store, destination, seq, batch, 1, 50000), 0);
		return;
	}
	batch = batch != 0 ? batch : seq;
	assert_int_equal(store_claim(shed->store, destination, seq, batch, 1, 50000), 0);
	assert_int_equal(store_list_chain(shed->store, destination, key, seq, 1 + draw(seed, 4),
				 collect, &chain),
		0);
	for (unsigned i = 0; i < chain.n; i++)
		assert_int_equal(store_claim_chained(shed->store, destination, chain.row[i].seq,
					 batch, 1, 50000),
			0);
}

/* As an answer does: every claimed member, by seq, each with its own fate. */
static void settle_batch(struct shed *shed, uint32_t *seed, int destination, int64_t batch)
{
	struct rows rows = { 0 };
	assert_int_equal(store_list_batch(shed->store, destination, batch, collect, &rows), 0);
	for (unsigned i = 0; i < rows.n; i++) {
		if (rows.row[i].state != DELIVERY_CLAIMED)
			continue;
		struct store_settlement settlement = draw_settlement(seed, DELIVERY_CLAIMED);
		assert_int_equal(
			store_settle(shed->store, destination, rows.row[i].seq, &settlement), 0);
	}
}

static void walk_one(struct shed *shed, uint32_t *seed, int *n)
{
	static const char *const keys[] = { "", "PO-1", "PO-2", "PO-3" };
	struct rows rows = { 0 };
	int destination = 1 + (int)draw(seed, 2);
	if (*n < 3 || draw(seed, 4) == 0) {
		int64_t seq = shed_put(shed, ++*n, ERP, keys[draw(seed, 4)]);
		(void)shed_put_delivery(shed, TMS, seq, keys[draw(seed, 4)]);
		return;
	}
	int64_t seq = 1 + (int64_t)draw(seed, (uint32_t)*n);
	assert_int_equal(store_list_event_deliveries(shed->store, seq, collect, &rows), 0);
	enum delivery_state from = rows.row[destination - 1].state;
	int64_t batch = rows.row[destination - 1].batch;
	if (from == DELIVERY_READY) {
		claim_some(shed, seed, destination, seq, batch, rows.key[destination - 1]);
		return;
	}
	if (from == DELIVERY_CLAIMED && batch != 0) {
		settle_batch(shed, seed, destination, batch);
		return;
	}
	const struct store_settlement settlement = draw_settlement(seed, from);
	if (settlement.to != 0)
		assert_int_equal(store_settle(shed->store, destination, seq, &settlement), 0);
}

/* Invariant 2: the first by seq of a key is not PARKED; every other one is, unless it is claimed with
 * the first, in doubt, or an exception. */
static const char misparked[] =
	"WITH f AS (SELECT destination, held_key, min(seq) AS seq FROM delivery"
	" WHERE held_key IS NOT NULL GROUP BY 1, 2)"
	" SELECT count(*) FROM delivery AS d JOIN f USING (destination, held_key)"
	" JOIN delivery AS g ON g.destination = f.destination AND g.seq = f.seq"
	" WHERE CASE WHEN d.seq = f.seq THEN d.state = 4"
	" WHEN d.state = 2 THEN g.state <> 2 OR g.batch IS NOT d.batch"
	" ELSE d.state NOT IN (4, 5, 6) END";
/* What is looked up is in doubt, and nothing else. */
static const char mislooked[] =
	"SELECT count(*) FROM delivery WHERE (look_at_ms IS NOT NULL) <> (state = 5)";
static const char miscounted_depth[] =
	"SELECT count(*) FROM (SELECT destination, state, sum(n) AS n FROM ("
	" SELECT destination, state, n FROM depth UNION ALL"
	" SELECT destination, state, -count(*) FROM delivery GROUP BY 1, 2"
	") GROUP BY 1, 2) WHERE n <> 0";
static const char miscounted_tally[] =
	"SELECT count(*) FROM (SELECT destination, outcome, device, sum(n) AS n FROM ("
	" SELECT destination, CASE outcome WHEN 'reopened' THEN 'exception' ELSE outcome END"
	"  AS outcome, device, CASE outcome WHEN 'reopened' THEN -n ELSE n END AS n"
	"  FROM tally WHERE destination > 0 UNION ALL"
	" SELECT destination, 'routed', device, -1 FROM delivery JOIN event USING (seq) UNION ALL"
	" SELECT destination, CASE state WHEN 6 THEN 'exception' WHEN 7 THEN 'done' ELSE"
	"  'discarded' END, device, -1 FROM delivery JOIN event USING (seq) WHERE state >= 6"
	") GROUP BY 1, 2, 3) WHERE n <> 0";

static void walk(struct shed *shed, uint32_t seed)
{
	int n = 0;
	for (int turn = 0; turn < 60; turn++) {
		int before = n;
		for (uint32_t i = draw(&seed, 12); i > 0; i--)
			walk_one(shed, &seed, &n);
		if (draw(&seed, 4) == 0) {
			store_abandon(shed->store);
			n = before;
		} else {
			shed_commit(shed);
		}
		assert_int_equal(shed_ask(shed, misparked), 0);
		assert_int_equal(shed_ask(shed, mislooked), 0);
		assert_int_equal(shed_ask(shed, miscounted_depth), 0);
		assert_int_equal(shed_ask(shed, miscounted_tally), 0);
	}
	int64_t depths[2][DELIVERY_STATES] = { 0 };
	for (int pass = 0; pass < 2; pass++) {
		for (int s = 1; s < DELIVERY_STATES; s++)
			depths[pass][s] = store_depth(shed->store, ERP, (enum delivery_state)s);
		shed_reopen(shed);
	}
	assert_memory_equal(depths[0], depths[1], sizeof(depths[0]));
}

static void test_counts_and_keys_hold_after_any_walk_with_poisoned_turns(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 24; seed++) {
		struct shed shed;
		shed_init(&shed, NULL);
		assert_int_equal(store_destination_id(shed.store, "erp"), ERP);
		assert_int_equal(store_destination_id(shed.store, "tms"), TMS);
		shed_commit(&shed);
		walk(&shed, seed * 7919);
		shed_done(&shed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_and_keys_hold_after_any_walk_with_poisoned_turns),
	};
	return cmocka_run_group_tests_name("store_walk", tests, NULL, NULL);
}
