/*
 * places.h - where things lie, derived from the configuration's path and the program's own.
 */
#ifndef DRAY_PLACES_H
#define DRAY_PLACES_H

#include <limits.h>

#include "dray/config.h"
#include "dray/error.h"
#include "secret.h"

#define PLACES_CONNECTOR_DIRS 3

struct places {
	char config_path[PATH_MAX];
	char config_dir[PATH_MAX];
	char site_connectors[PATH_MAX];  /* the site's own win */
	char build_connectors[PATH_MAX]; /* beside the program, in a build tree */
	const char *connector_dirs[PLACES_CONNECTOR_DIRS + 1];
	char mapper[PATH_MAX]; /* dray-map */
	struct secret_dirs secrets;
};

/*
 * Derive them. Texts point into *ret, which stays where it is.
 *
 * config_path  its folder exists.
 * Returns      0, or -1 with *err filled.
 */
int places_find(const char *config_path, struct places *ret, struct error *err);

/* Can the files be read that only OpenSSL will read, later? 0, or -1 with *err naming the option. */
int places_check(const struct places *places, const struct config *config, struct error *err);

#endif
