/*
 * proof.h - are the connectors and adapters that a configuration uses sound? Their cases are run, for
 * drayd --check. That their programs compile is programs.h's to say.
 */
#ifndef DRAY_PROOF_H
#define DRAY_PROOF_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Each once, however many use it; one without cases has nothing to show.
 *
 * dirs     of connectors, NULL ends.
 * mapper   path of dray-map; not needed where nothing has cases.
 * Returns  0, or -1 with *err naming all that failed.
 */
int proof_connectors(const struct config *config, const char *const *dirs, const char *mapper,
	struct error *err);

#endif
