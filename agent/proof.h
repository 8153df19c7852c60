/*
 * proof.h - are the connectors that a configuration uses sound? Their programs are compiled and their
 * cases run, for drayd --check.
 */
#ifndef DRAY_PROOF_H
#define DRAY_PROOF_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Each connector once, however many destinations use it; one without a program has nothing to show.
 * A connector without cases.json is only compiled.
 *
 * dirs     of connectors, NULL ends.
 * mapper   path of dray-map; not needed where no connector has a program.
 * Returns  0, or -1 with *err naming all that failed.
 */
int proof_connectors(const struct config *config, const char *const *dirs, const char *mapper,
	struct error *err);

#endif
