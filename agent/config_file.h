/*
 * config_file.h - the configuration on disk: the main file, then conf.d beside it, in name order,
 * each a JSON merge patch.
 */
#ifndef DRAY_CONFIG_FILE_H
#define DRAY_CONFIG_FILE_H

#include "dray/config.h"
#include "dray/error.h"

/*
 * Read, merge and build. `path` is the main file; conf.d is the folder of that name beside it.
 * An error in a file names it with line and column.
 */
int config_file_load(const char *path, struct config **ret, struct error *err);

#endif
