/*
 * config_file.h - the configuration on disk: the main file, then conf.d beside it, in name order,
 * each a JSON merge patch.
 */
#ifndef DRAY_CONFIG_FILE_H
#define DRAY_CONFIG_FILE_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Read, merge, put what connectors declare below, and build. `path` is the main file; conf.d is the
 * folder of that name beside it. An error in a file names it with line and column, one in what a
 * connector declares names the connector.
 *
 * find, ctx  config.h, config_apply_connectors(); declared.h reads folders.
 */
int config_file_load(const char *path, config_connector_fn find, void *ctx, struct config **ret,
	struct error *err);

#endif
