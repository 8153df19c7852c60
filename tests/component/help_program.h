/*
 * help_program.h - reading a program's input, for tests that play the mapper (play_mapper.c).
 */
#ifndef DRAY_HELP_PROGRAM_H
#define DRAY_HELP_PROGRAM_H

#include <cjson/cJSON.h>

static inline const cJSON *get(const cJSON *object, const char *name)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNull(member) ? NULL : member;
}

static inline int status_of(const cJSON *input)
{
	const cJSON *status = get(get(input, "response"), "status");

	return status ? status->valueint : 0;
}

static inline const char *text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(get(object, name));

	return text ? text : "";
}

static inline const char *id_of(const cJSON *input)
{
	return text_of(cJSON_GetArrayItem(get(input, "events"), 0), "id");
}

static inline const cJSON *body_of(const cJSON *input)
{
	return get(get(input, "response"), "body");
}

#endif
