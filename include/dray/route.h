/*
 * route.h - which events go where.
 *
 * `when` is an object of dotted path → condition: a scalar (equality), a list (any of), true or
 * false (present or absent), a string ending in * (prefix). All members must hold. An event may
 * match many routes; it makes one delivery per destination, in the most urgent lane that asks.
 */
#ifndef DRAY_ROUTE_H
#define DRAY_ROUTE_H

#include <stddef.h>

#include "dray/config.h"
#include "dray/event.h"

/* Check a `when` object at configuration time. 0, or -1 with the path inside it. */
int route_check_when(const cJSON *when, struct error *err);

bool route_matches(const cJSON *when, const struct event *event);

struct route_target {
	size_t destination; /* index into config.destinations */
	enum config_lane lane;
};

/*
 * Every destination of the event, each once, in configuration order.
 *
 * ret      room for config->n_destinations targets.
 * Returns  how many were filled; 0 means unrouted.
 */
size_t route_event(
	const struct config *config, const struct event *event, struct route_target *ret);

/*
 * The ordering key at a destination: "" when events don't wait for each other. Copied to `out`
 * (EVENT_KEY_MAX bytes); a longer key is replaced by its digest in hex.
 */
void route_order_key(const struct config_destination *destination, const struct event *event,
	char out[EVENT_KEY_MAX]);

#endif
