/*
 * loader.h - loads the configuration (loading.h) beside the loop, for a reload: files are read, secrets
 * opened and programs compiled, which takes tens of milliseconds a program, on a short-lived thread. What
 * it gives is told in the loop.
 */
#ifndef DRAY_LOADER_H
#define DRAY_LOADER_H

#include <stdbool.h>

#include "dray/config.h"
#include "dray/error.h"
#include "places.h"

struct event_base;
struct loader;

/* From the loop. `config` is the callee's; NULL: it can't be taken, and *err says why. */
typedef void (*loader_fn)(void *ctx, struct config *config, const struct error *err);

/* `places` stays as it is and outlives the loader. NULL when memory ran out. */
struct loader *loader_new(
	struct event_base *base, const struct places *places, loader_fn on_loaded, void *ctx);
/* Waits for a load that is under way: some seconds where a program is too much for the compiler. */
void loader_free(struct loader *loader);

/* One load, and one on_loaded. Asked while one is under way: one more behind it, however often. */
void loader_load(struct loader *loader);
/* Another load is under way. What on_loaded is told of is not. */
bool loader_is_loading(const struct loader *loader);

#endif
