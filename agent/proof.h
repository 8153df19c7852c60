/*
 * proof.h - are the connectors and adapters that a configuration uses sound? Their programs are compiled
 * and their cases run, for drayd --check.
 */
#ifndef DRAY_PROOF_H
#define DRAY_PROOF_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Each once, however many use it; a connector without a program has nothing to show. One
 * without cases is only compiled.
 *
 * dirs     of connectors, NULL ends.
 * mapper   path of dray-map; not needed where no connector has a program.
 * Returns  0, or -1 with *err naming all that failed.
 */
int proof_connectors(const struct config *config, const char *const *dirs, const char *mapper,
	struct error *err);

#endif
