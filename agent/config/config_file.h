/*
 * config_file.h - the configuration on disk: the main file, then conf.d beside it, in name order,
 * each a JSON merge patch.
 */
#ifndef DRAY_CONFIG_FILE_H
#define DRAY_CONFIG_FILE_H

#include <cjson/cJSON.h>

#include "dray/config.h"
#include "dray/error.h"

/* Read and merge: one document, the caller's. An error in a file names it with line and column. */
int config_file_read(const char *path, cJSON **ret, struct error *err);

/*
 * Put what connectors declare below a document, and build; it stays as it is. An error in what a connector
 * declares names the connector.
 *
 * find, ctx  config.h, config_apply_connectors(); declared.h reads folders.
 */
int config_file_build(const cJSON *document, config_connector_fn find, void *ctx,
	struct config **ret, struct error *err);

/* Both. `path` is the main file; conf.d is the folder of that name beside it. */
int config_file_load(const char *path, config_connector_fn find, void *ctx, struct config **ret,
	struct error *err);

#endif
