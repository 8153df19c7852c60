/*
 * programs.h - do the jq programs that a configuration uses compile? No effect; blocks while it asks a
 * dray-map of its own.
 */
#ifndef DRAY_PROGRAMS_H
#define DRAY_PROGRAMS_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Each once, however many use it, up to the first that doesn't. None is run: what one makes of an input
 * is for its cases to show.
 *
 * dirs     of connectors and adapters, NULL ends.
 * mapper   path of dray-map; not needed where nothing has a program.
 * Returns  0, or -1 with *err naming who uses it ("sources.NAME.adapter", "destinations.NAME.connector")
 *          and the compiler's words.
 */
int programs_check(const struct config *config, const char *const *dirs, const char *mapper,
	struct error *err);

#endif
