/*
 * carry.c - what a delivery keeps of its own between its requests: the carry of its next step, its
 * number at the other side, when it is looked up.
 */
#include <stdio.h>

#include "store/store_internal.h"

#define SERIALS_JUMPED INT64_C(1000000)
#define SERIAL_NAME_MAX 32

/* One row must change; `state` says in which it is not. */
static int run_on_one(struct query *query, int destination, int64_t seq, const char *state)
{
	struct store *store = query->store;
	if (query_run(query) < 0)
		return -1;
	if (sqlite3_changes(store->db) == 1)
		return 0;
	return store_refuse(store, "delivery of event %lld to %s is not %s", (long long)seq,
		store_destination_name(store, destination), state);
}

int store_set_carry(struct store *store, int destination, int64_t seq, const char *carry)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_CARRY);
	query_int(&query, destination);
	query_int(&query, seq);
	query_text_or_null(&query, carry);
	return run_on_one(&query, destination, seq, "claimed");
}

/* --- numbers ------------------------------------------------------------------------------------- */

/* The last that was given; each database that stands in for another one begins a million later. */
static int find_last(struct store *store, int destination, char name[SERIAL_NAME_MAX], int64_t *ret)
{
	int64_t base = store->number * SERIALS_JUMPED;
	*ret = 0;
	(void)snprintf(name, SERIAL_NAME_MAX, SERIAL_COUNTERS "%d", destination);
	struct query query = query_start(store, COUNTER_GET);
	query_text(&query, name);
	if (query_number(&query, ret) < 0)
		return -1;
	if (*ret < base)
		*ret = base;
	return 0;
}

static int keep_last(struct store *store, const char *name, int64_t serial)
{
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, name);
	query_int(&query, serial);
	return query_run(&query);
}

int serial_jump(struct store *store, int destination, int64_t given)
{
	char name[SERIAL_NAME_MAX];
	int64_t last;
	if (find_last(store, destination, name, &last) < 0)
		return -1;
	return last < given + SERIALS_JUMPED ? keep_last(store, name, given + SERIALS_JUMPED) : 0;
}

static int give(struct store *store, int destination, int64_t seq, int64_t *ret)
{
	char name[SERIAL_NAME_MAX];
	if (find_last(store, destination, name, ret) < 0 || keep_last(store, name, ++*ret) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_SET_SERIAL);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, *ret);
	destination_at(store, destination)->serial = *ret;
	return query_run(&query);
}

int serial_begin(struct store *store)
{
	for (int id = 1; id <= store->n_destinations; id++) {
		int64_t given = destination_at(store, id)->serial;
		if (given > 0 && serial_jump(store, id, given) < 0)
			return -1;
	}
	return 0;
}

int64_t store_give_serial(struct store *store, int destination, int64_t seq)
{
	int64_t serial = 0;
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_SERIAL);
	query_int(&query, destination);
	query_int(&query, seq);
	int found = query_number(&query, &serial);
	if (found < 0)
		return -1;
	if (found == 0)
		return store_refuse(store, "there is no delivery of event %lld to destination %d",
			(long long)seq, destination);
	return serial > 0 || give(store, destination, seq, &serial) == 0 ? serial : -1;
}

/* --- lookups ------------------------------------------------------------------------------------- */

int64_t store_next_look(struct store *store, int destination)
{
	int64_t look_at_ms = 0;
	struct query query = query_start(store, DELIVERY_NEXT_LOOK);
	query_int(&query, destination);
	return query_number(&query, &look_at_ms) < 0 ? -1 : look_at_ms;
}

int store_look_begun(struct store *store, int destination, int64_t seq, int64_t next_at_ms)
{
	if (store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DELIVERY_LOOK);
	query_int(&query, destination);
	query_int(&query, seq);
	query_int(&query, next_at_ms);
	return run_on_one(&query, destination, seq, "in doubt");
}
