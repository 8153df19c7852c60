/*
 * change.c - may what is in force be followed by another configuration? Nothing queued is lost: what waits
 * for a destination needs it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dray/json.h"
#include "fleet/fleet_internal.h"
#include "store/store.h"

static int check_queue(struct store *store, int id, const char *name, struct error *err)
{
	int64_t exceptions = store_depth(store, id, DELIVERY_EXCEPTION);
	int64_t n = store_pending(store, id) + exceptions;
	char path[128];

	if (n == 0)
		return 0;
	(void)snprintf(path, sizeof(path), "destinations.%s", name);
	return error_set(err, path,
		"%" PRId64 " deliveries wait for it (%" PRId64
		" of them exceptions): let them drain or discard them before it is removed",
		n, exceptions);
}

/* Those of the configuration in force that the next one does not have. */
static int check_destinations(const struct fleet *fleet, const cJSON *before,
	const struct config *next, struct error *err)
{
	const cJSON *destinations = json_get(before, "destinations");
	struct store *store = fleet->rooms.store;

	for (int id = 1; id <= store_destination_count(store); id++) {
		const char *name = store_destination_name(store, id);

		if (name && json_get(destinations, name) && !config_find_destination(next, name) &&
			check_queue(store, id, name, err) < 0)
			return -1;
	}
	return 0;
}

int change_check(struct fleet *fleet, const struct config *next, struct error *err)
{
	const struct revision *current = revisions_current(&fleet->revisions);
	cJSON *before;
	int status;

	if (fleet->config && fleet->config != next) {
		if (strcmp(fleet->config->site, next->site) != 0)
			return error_set(
				err, "site", "can't be changed while drayd runs; restart it");
		if (strcmp(fleet->config->state_dir, next->state_dir) != 0)
			return error_set(
				err, "state_dir", "can't be changed while drayd runs; restart it");
	}
	if (!fleet->is_on || !current)
		return 0;
	before = revision_merge(current);
	status = before ? check_destinations(fleet, before, next, err)
			: error_set(err, NULL, "out of memory");
	cJSON_Delete(before);
	return status;
}
