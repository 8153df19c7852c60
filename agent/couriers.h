/*
 * couriers.h - one courier for each kind of destination, and the HTTP client that two of them share.
 */
#ifndef DRAY_COURIERS_H
#define DRAY_COURIERS_H

#include "dray/config.h"

struct clock;
struct courier;
struct event_base;
struct http_client;
struct secret_dirs;
struct turn;

struct couriers {
	struct http_client *http;
	const struct courier *of[CONFIG_KIND_N];
};

/* `dirs` is borrowed, `site` is copied. 0, or -1: memory ran out. */
int couriers_open(struct couriers *couriers, struct event_base *base, const struct clock *clock,
	const struct secret_dirs *dirs, const char *site);
/* Behind the engine's own part in the turn. */
void couriers_attach(struct couriers *couriers, struct turn *turn);
/* After the engine is gone. */
void couriers_close(struct couriers *couriers);

#endif
