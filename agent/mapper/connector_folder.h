/*
 * connector_folder.h - reads a connector's folder: connector.json, connector.jq, cases.json.
 */
#ifndef DRAY_CONNECTOR_FOLDER_H
#define DRAY_CONNECTOR_FOLDER_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "dray/error.h"

struct connector_folder {
	char *path;         /* of the folder */
	cJSON *declaration; /* connector.json */
	char *program;      /* connector.jq; NULL: none */
	size_t program_len;
};

/*
 * The first of `dirs` (NULL ends) that has NAME/connector.json. 0, or -1 with *err filled.
 * connector_folder_done() frees what is in *ret.
 */
int connector_folder_find(
	const char *name, const char *const *dirs, struct connector_folder *ret, struct error *err);
/* The folder at this path. */
int connector_folder_read(const char *path, struct connector_folder *ret, struct error *err);
/* Its cases.json, the caller's; *ret NULL when there is none. 0, or -1 with *err filled. */
int connector_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err);
void connector_folder_done(struct connector_folder *folder);

#endif
