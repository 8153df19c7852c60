/*
 * destination.c - names of outside systems as numbers, their pause, the wait they asked for, and
 * how many deliveries of each state they have.
 *
 * There are few: they live in memory, by id - 1, and in the table for the next start. An id that
 * was made in a poisoned turn stays what it is: the next write stores it anew, so that no one who
 * keeps an id needs to know about poison.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

struct destination *destination_at(const struct store *store, int id)
{
	if (id < 1 || id > store->n_destinations)
		return NULL;
	return &store->destinations[id - 1];
}

static int append(struct store *store, const char *name, bool is_paused, int64_t not_before_at_ms)
{
	size_t n = (size_t)store->n_destinations + 1;
	struct destination *grown = realloc(store->destinations, n * sizeof(*grown));
	if (grown == NULL)
		return -1;
	store->destinations = grown;
	char *copy = strdup(name);
	if (copy == NULL)
		return -1;
	grown[n - 1] = (struct destination){
		.name = copy,
		.is_paused = is_paused,
		.was_paused = is_paused,
		.not_before_at_ms = not_before_at_ms,
		.was_not_before_at_ms = not_before_at_ms,
	};
	return ++store->n_destinations;
}

/* Known already: a database that was replaced gave it its number. */
static int load_name(struct store *store, const struct query *query)
{
	const struct destination *known = destination_at(store, store->n_stored_destinations + 1);
	if (known != NULL && strcmp(known->name, row_text(query, 1)) == 0)
		return store->n_stored_destinations + 1;
	return append(store, row_text(query, 1), row_int(query, 2) != 0, row_int(query, 3));
}

static int load_names(struct store *store)
{
	struct query query = query_start(store, DESTINATION_LIST);
	int more;
	while ((more = query_step(&query)) > 0) {
		int id = load_name(store, &query);
		if (id != (int)row_int(&query, 0)) {
			query_end(&query);
			return id < 0 ? store_refuse(
						store, "out of memory while reading destinations")
				      : store_break(store, "a destination's row is missing");
		}
		store->n_stored_destinations = id;
	}
	return more;
}

int destination_load(struct store *store)
{
	if (load_names(store) < 0)
		return -1;
	struct query query = query_start(store, DEPTH_LIST);
	int more;
	while ((more = query_step(&query)) > 0) {
		struct destination *destination = destination_at(store, (int)row_int(&query, 0));
		int64_t state = row_int(&query, 1);
		if (destination != NULL && state > 0 && state < DELIVERY_STATES)
			destination->depth[state] = row_int(&query, 2);
	}
	return more;
}

static int insert(struct store *store, int id)
{
	const struct destination *destination = destination_at(store, id);
	struct query query = query_start(store, DESTINATION_INSERT);
	query_int(&query, id);
	query_text(&query, destination->name);
	query_int(&query, destination->is_paused);
	query_int(&query, destination->not_before_at_ms);
	return query_run(&query);
}

void destination_forget(struct store *store)
{
	destination_abandoned(store);
	for (int i = 0; i < store->n_destinations; i++)
		memset(store->destinations[i].depth, 0, sizeof(store->destinations[i].depth));
	store->n_stored_destinations = 0;
}

int destination_restore(struct store *store)
{
	for (int id = store->n_stored_destinations + 1; id <= store->n_destinations; id++) {
		if (insert(store, id) < 0)
			return -1;
	}
	return 0;
}

int store_destination_id(struct store *store, const char *name)
{
	for (int id = 1; id <= store->n_destinations; id++) {
		if (strcmp(store->destinations[id - 1].name, name) == 0)
			return id;
	}
	if (store_begin_write(store) < 0)
		return -1;
	int id = append(store, name, false, 0);
	if (id < 0)
		return store_refuse(store, "out of memory while storing a destination");
	return insert(store, id) < 0 ? -1 : id;
}

const char *store_destination_name(struct store *store, int id)
{
	const struct destination *destination = destination_at(store, id);
	return destination ? destination->name : NULL;
}

int store_destination_count(const struct store *store)
{
	return store->n_destinations;
}

bool store_destination_is_paused(const struct store *store, int id)
{
	const struct destination *destination = destination_at(store, id);
	return destination && destination->is_paused;
}

int store_destination_pause(struct store *store, int id, bool is_paused)
{
	struct destination *destination = destination_at(store, id);
	if (destination == NULL || store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DESTINATION_PAUSE);
	query_int(&query, id);
	query_int(&query, is_paused);
	if (query_run(&query) < 0)
		return -1;
	destination->is_paused = is_paused;
	return 0;
}

int64_t store_destination_not_before(const struct store *store, int id)
{
	const struct destination *destination = destination_at(store, id);
	return destination ? destination->not_before_at_ms : 0;
}

int store_destination_throttle(struct store *store, int id, int64_t not_before_at_ms)
{
	struct destination *destination = destination_at(store, id);
	if (destination == NULL || store_begin_write(store) < 0)
		return -1;
	struct query query = query_start(store, DESTINATION_THROTTLE);
	query_int(&query, id);
	query_int(&query, not_before_at_ms);
	if (query_run(&query) < 0)
		return -1;
	destination->not_before_at_ms = not_before_at_ms;
	return 0;
}

int64_t store_depth(const struct store *store, int id, enum delivery_state state)
{
	const struct destination *destination = destination_at(store, id);
	return destination ? destination->depth[state] : 0;
}

int64_t store_pending(const struct store *store, int id)
{
	int64_t n = 0;

	for (int state = DELIVERY_READY; state < DELIVERY_EXCEPTION; state++)
		n += store_depth(store, id, (enum delivery_state)state);
	return n;
}

static int flush_depth(struct store *store, int id, int state)
{
	struct query query = query_start(store, DEPTH_ADD);
	query_int(&query, id);
	query_int(&query, state);
	query_int(&query, store->destinations[id - 1].changes[state]);
	return query_run(&query);
}

int depth_flush(struct store *store)
{
	for (int id = 1; id <= store->n_destinations; id++) {
		for (int state = DELIVERY_READY; state < DELIVERY_STATES; state++) {
			if (store->destinations[id - 1].changes[state] != 0 &&
				flush_depth(store, id, state) < 0)
				return -1;
		}
	}
	return 0;
}

void destination_committed(struct store *store)
{
	for (int i = 0; i < store->n_destinations; i++) {
		struct destination *destination = &store->destinations[i];
		for (int state = DELIVERY_READY; state < DELIVERY_STATES; state++) {
			destination->depth[state] += destination->changes[state];
			destination->changes[state] = 0;
		}
		destination->was_paused = destination->is_paused;
		destination->was_not_before_at_ms = destination->not_before_at_ms;
	}
	store->n_stored_destinations = store->n_destinations;
}

void destination_abandoned(struct store *store)
{
	for (int i = 0; i < store->n_destinations; i++) {
		struct destination *destination = &store->destinations[i];
		memset(destination->changes, 0, sizeof(destination->changes));
		destination->is_paused = destination->was_paused;
		destination->not_before_at_ms = destination->was_not_before_at_ms;
	}
}

void store_free_destinations(struct store *store)
{
	for (int i = 0; i < store->n_destinations; i++)
		free(store->destinations[i].name);
	free(store->destinations);
}
