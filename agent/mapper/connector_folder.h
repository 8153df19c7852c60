/*
 * connector_folder.h - reads what goes out and what comes in: a folder holds a connector
 * (connector.json, connector.jq, cases.json), an adapter (adapter.json, adapter.jq,
 * adapter_cases.json), or both. Each may lie there compressed, as NAME.gz: packages install them so.
 */
#ifndef DRAY_CONNECTOR_FOLDER_H
#define DRAY_CONNECTOR_FOLDER_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "dray/error.h"

struct connector_folder {
	char *path;         /* of the folder */
	cJSON *declaration; /* connector.json, adapter.json */
	char *program;      /* connector.jq, NULL: none; adapter.jq */
	size_t program_len;
};

/*
 * The first of `dirs` (NULL ends) that has NAME/connector.json. 0, or -1 with *err filled.
 * connector_folder_done() frees what is in *ret.
 */
int connector_folder_find(
	const char *name, const char *const *dirs, struct connector_folder *ret, struct error *err);
/* The folder at this path; _look() gives 1, or 0 when it has no connector.json. */
int connector_folder_look(const char *path, struct connector_folder *ret, struct error *err);
int connector_folder_read(const char *path, struct connector_folder *ret, struct error *err);
/* Its cases.json, the caller's; *ret NULL when there is none. 0, or -1 with *err filled. */
int connector_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err);

/*
 * The same of the adapter, whose declaration is checked and which always has a program. _look() gives
 * 1, or 0 when the folder at this path has no adapter.json, or -1 with *err filled.
 */
int adapter_folder_find(
	const char *name, const char *const *dirs, struct connector_folder *ret, struct error *err);
int adapter_folder_look(const char *path, struct connector_folder *ret, struct error *err);
int adapter_folder_cases(const struct connector_folder *folder, cJSON **ret, struct error *err);

void connector_folder_done(struct connector_folder *folder);

#endif
