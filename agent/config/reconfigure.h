/*
 * reconfigure.h - a configuration and the rooms: which one runs (fleet.h), how it is loaded beside the loop,
 * and how every room takes it into use.
 */
#ifndef DRAY_RECONFIGURE_H
#define DRAY_RECONFIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/config.h"
#include "dray/error.h"

struct event_base;
struct places;
struct metrics;
struct clock;
struct notify;
struct fleet;
struct http_client;
struct turn;
struct store;
struct deliver;
struct reconfigure;

struct reconfigure_options {
	struct event_base *base;
	const struct places *places;
	struct metrics *metrics;
	const struct clock *clock;
	struct notify *notify; /* told when a reload is done */
	/* Somebody works in this state folder from now on. 0, or -1 with *err filled. */
	int (*lock)(void *ctx, const char *state_dir, struct error *err);
	/* Deliveries are to rest, or to go on. */
	void (*on_rest)(void *ctx, bool is_resting);
	void *ctx;
};

/* Those that take a configuration into use. */
struct rooms {
	struct deliver *deliver;
	struct mapper *mapper;
	struct intake *intake;
	struct adapters *adapters;
	struct capture *capture;
	struct ops *ops;
	struct salvor *salvor;
	struct housekeeping *housekeeping;
	struct keeper *keeper;
};

/* NULL when memory ran out. */
struct reconfigure *reconfigure_new(const struct reconfigure_options *options);
/* Waits for a load that is under way. */
void reconfigure_free(struct reconfigure *reconfigure);
struct fleet *reconfigure_fleet(struct reconfigure *reconfigure);

/* Which one runs? 0, or -1 with *err filled: none can. */
int reconfigure_choose(struct reconfigure *reconfigure, struct error *err);
/* Take part in turns, in front of the keeper. 0, or -1: memory ran out. */
int reconfigure_attach(struct reconfigure *reconfigure, struct turn *turn, struct store *store,
	struct deliver *deliver, struct http_client *http);
/* A document stands in the topic config/desired. `ctx` is the reconfigure. */
void reconfigure_on_desired(void *ctx, const char *text, size_t len);
/* The rooms, all of them, take it into use. */
int reconfigure_start(
	struct reconfigure *reconfigure, const struct rooms *rooms, struct error *err);
/* Why fleet.url gives no document; "" it does, or nothing is asked for. */
const char *reconfigure_url_fault(const struct reconfigure *reconfigure);
const struct config *reconfigure_config(const struct reconfigure *reconfigure);

/* SIGHUP. */
void reconfigure_reload(struct reconfigure *reconfigure);
/* The store has room for events, or it has not, and the broker is left alone. */
void reconfigure_gate(struct reconfigure *reconfigure, bool is_open);
/* drayd is about to end: what comes now comes too late. */
void reconfigure_stop(struct reconfigure *reconfigure);

#endif
