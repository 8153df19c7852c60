/*
 * declared_vars.h - settings that a connector or an adapter declares: {NAME: {"help", "default" or
 * "required"}}, and what a site says of them. Pure.
 */
#ifndef DRAY_DECLARED_VARS_H
#define DRAY_DECLARED_VARS_H

#include <cjson/cJSON.h>

#include "dray/error.h"

/* Is the declaration sound? NULL is. 0, or -1 with *err: path "vars", "vars.NAME", "vars.NAME.required". */
int declared_vars_check(const cJSON *declared, struct error *err);

/*
 * What a site says, with the declared defaults below it.
 *
 * declared  as checked; NULL: anything may be said.
 * vars      the site's; NULL none.
 * whose     "connector", "adapter": for the words of an error.
 * ret       the caller's.
 * Returns   0, or -1 with *err: one that is not declared, or missing though required, has the path
 *           "vars.NAME".
 */
int declared_vars_fill(const cJSON *declared, const cJSON *vars, const char *whose, cJSON **ret,
	struct error *err);

#endif
