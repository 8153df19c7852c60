/*
 * loading.h - the configuration, read and checked, all of it: files, connectors, adapters, secrets; their
 * programs are compiled. No effect.
 */
#ifndef DRAY_LOADING_H
#define DRAY_LOADING_H

#include "dray/config.h"
#include "dray/error.h"
#include "places.h"

/*
 * Blocks, seconds where a program is too much for the compiler. Any thread.
 *
 * Returns  0 and *ret, the caller's, or -1 with *err filled.
 */
int loading_load(const struct places *places, struct config **ret, struct error *err);

/* May an agent that runs by the one take the other? 0, or -1 with *err filled. */
int loading_check_change(
	const struct config *before, const struct config *config, struct error *err);

#endif
