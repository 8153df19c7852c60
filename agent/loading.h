/*
 * loading.h - the configuration, read and checked, all of it: files, connectors, adapters, secrets. No
 * effect.
 */
#ifndef DRAY_LOADING_H
#define DRAY_LOADING_H

#include "dray/config.h"
#include "dray/error.h"
#include "places.h"

/* 0 and *ret, the caller's, or -1 with *err filled. */
int loading_load(const struct places *places, struct config **ret, struct error *err);

#endif
