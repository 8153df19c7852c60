/*
 * declared.h - what connectors declare, each connector.json read once: `find` of config_file_load().
 */
#ifndef DRAY_DECLARED_H
#define DRAY_DECLARED_H

#include <cjson/cJSON.h>

struct declared {
	const char *const *dirs; /* of connectors, NULL ends; borrowed */
	cJSON *known;            /* by name; NULL: none yet */
};

/* ctx: a struct declared. Borrowed until declared_done(); NULL: none of that name that can be read. */
const cJSON *declared_find(void *ctx, const char *name);
void declared_done(struct declared *declared);

#endif
