/* declared_vars.c - see declared_vars.h */
#include "declared_vars.h"

#include <stdio.h>
#include <string.h>

#include "connector_parts.h"
#include "dray/json.h"

static int refuse_var(struct error *err, const char *name, const char *words)
{
	char clean[64];

	connector_clean(name, strlen(name), clean, sizeof(clean));
	(void)error_set(err, clean, "%s", words);
	error_prefix(err, "vars");
	return -1;
}

/* {"required": bool, "default": any, "help": text}, required and default not together. */
static int check_var(const cJSON *var, struct error *err)
{
	static const char *const members[] = { "required", "default", "help", NULL };
	const cJSON *required = json_get(var, "required"), *help = json_get(var, "help");

	if (output_check_members(var, members, err))
		return -1;
	if (required && !cJSON_IsBool(required))
		return error_set(err, "required", "must be true or false");
	if (help && !cJSON_IsString(help))
		return error_set(err, "help", "must be a text");
	if (cJSON_IsTrue(required) && json_get(var, "default"))
		return error_set(err, "default", "has no business beside required");
	return 0;
}

int declared_vars_check(const cJSON *declared, struct error *err)
{
	const cJSON *var;

	if (declared && !cJSON_IsObject(declared))
		return error_set(err, "vars", "must be an object");
	cJSON_ArrayForEach (var, declared) {
		if (check_var(var, err) == 0)
			continue;
		error_prefix(err, var->string);
		error_prefix(err, "vars");
		return -1;
	}
	return 0;
}

/* What the site says against what is declared. */
static int check_said(
	const cJSON *declared, const cJSON *vars, const char *whose, struct error *err)
{
	const cJSON *var;
	char words[224];

	cJSON_ArrayForEach (var, vars) {
		(void)snprintf(words, sizeof(words), "the %s has no such setting", whose);
		if (!json_get(declared, var->string))
			return refuse_var(err, var->string, words);
	}
	cJSON_ArrayForEach (var, declared) {
		const char *help = json_get_string(var, "help");
		if (!cJSON_IsTrue(json_get(var, "required")) || output_get(vars, var->string))
			continue;
		(void)snprintf(words, sizeof(words), "required by the %s%s%.160s", whose,
			help ? ": " : "", help ? help : "");
		return refuse_var(err, var->string, words);
	}
	return 0;
}

/* NULL: memory ran out. */
static cJSON *fill(const cJSON *declared, const cJSON *vars)
{
	cJSON *filled = vars ? cJSON_Duplicate(vars, true) : cJSON_CreateObject();
	const cJSON *var;

	cJSON_ArrayForEach (var, declared) {
		const cJSON *fallback = json_get(var, "default");
		if (!filled || !fallback || json_get(filled, var->string))
			continue;
		cJSON *copy = cJSON_Duplicate(fallback, true);
		if (copy && cJSON_AddItemToObject(filled, var->string, copy))
			continue;
		cJSON_Delete(copy);
		cJSON_Delete(filled);
		return NULL;
	}
	return filled;
}

int declared_vars_fill(
	const cJSON *declared, const cJSON *vars, const char *whose, cJSON **ret, struct error *err)
{
	if (declared && check_said(declared, vars, whose, err))
		return -1;
	*ret = fill(declared, vars);
	return *ret ? 0 : error_set(err, NULL, "out of memory");
}
