/*
 * rotation.h - have the files of the listener's tokens and of its hooks' secrets changed? Whoever rotates a
 * secret writes its file, and need not reload.
 */
#ifndef DRAY_OPS_ROTATION_H
#define DRAY_OPS_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dray/config.h"
#include "secret.h"

#define ROTATION_EVERY_MS 1000

struct rotation {
	uint64_t stamp; /* of the files, as they were read last */
	int64_t looked_at_mono_ms;
};

/* They are about to be read. */
void rotation_begin(struct rotation *rotation, const struct config *config,
	const struct secret_dirs *dirs, int64_t now_mono_ms);

/* Looks at most every ROTATION_EVERY_MS. True: they have changed since, and are to be read again, once. */
bool rotation_is_due(struct rotation *rotation, const struct config *config,
	const struct secret_dirs *dirs, int64_t now_mono_ms);

#endif
