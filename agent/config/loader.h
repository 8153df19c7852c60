/*
 * loader.h - loads a configuration (loading.h) beside the loop: files are read, secrets opened and programs
 * compiled, which takes tens of milliseconds a program, on a short-lived thread. What it gives is told in
 * the loop.
 */
#ifndef DRAY_LOADER_H
#define DRAY_LOADER_H

#include "config/loading.h"

struct event_base;
struct places;
struct loader;

/* From the loop: it is done, well or not. */
typedef void (*loader_fn)(void *ctx, struct loading *loading);

/* `places` stays as it is and outlives the loader. NULL when memory ran out. */
struct loader *loader_new(
	struct event_base *base, const struct places *places, loader_fn on_loaded, void *ctx);
/* Waits for a load that is under way: some seconds where a program is too much for the compiler. */
void loader_free(struct loader *loader);

/* One at a time. `loading` stays the caller's, who leaves it alone until on_loaded is told. */
void loader_load(struct loader *loader, struct loading *loading);

#endif
