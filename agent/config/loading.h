/*
 * loading.h - a configuration, read and checked, all of it: files, connectors, adapters, secrets; their
 * programs are compiled. No effect.
 */
#ifndef DRAY_LOADING_H
#define DRAY_LOADING_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "dray/config.h"
#include "dray/error.h"

struct places;

/* What is to be loaded, and what came of it. */
struct loading {
	cJSON *files; /* the document of the site's files; NULL: read them, it is set when that went well */
	cJSON *patch;   /* from afar, on top; NULL: none */
	bool is_proved; /* the cases of connectors are run, too */
	bool is_good;   /* it was in force: a destination whose secret is gone meanwhile waits */
	struct config *config; /* NULL unless it can be taken */
	struct error err;      /* else why not */
};

/* Blocks, seconds where a program is too much for the compiler. Any thread. */
void loading_run(const struct places *places, struct loading *loading);
/* What it holds is freed; what was taken is NULL. */
static inline void loading_done(struct loading *loading)
{
	cJSON_Delete(loading->files);
	cJSON_Delete(loading->patch);
	config_free(loading->config);
	*loading = (struct loading){ 0 };
}

#endif
