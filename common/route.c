#include "dray/route.h"

#include <stdio.h>
#include <string.h>

#include "dray/ids.h"
#include "dray/json.h"

#define WHEN_MAX 64 /* members of a `when`, elements of a list */

static bool is_path(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && len < 128 && path[0] != '.' && path[len - 1] != '.' &&
	       !strstr(path, "..");
}

static int check_list(const cJSON *list, const char *path, struct error *err)
{
	const cJSON *element;
	int n = cJSON_GetArraySize(list);

	if (n < 1 || n > WHEN_MAX)
		return error_set(err, path, "must list 1 to %d values", WHEN_MAX);
	cJSON_ArrayForEach (element, list) {
		if (!cJSON_IsString(element) && !cJSON_IsNumber(element))
			return error_set(err, path, "must list texts and numbers only");
	}
	return 0;
}

/* A prefix may be of what is yet to come; a whole name that no event can have is a mistake. */
static int check_type(const cJSON *type, struct error *err)
{
	const char *name = cJSON_GetStringValue(type);
	size_t len = name ? strlen(name) : 0;

	if (!name || (len > 0 && name[len - 1] == '*') || event_type_is_known(name))
		return 0;
	return error_set(err, "type", "there is no event type \"%.64s\"", name);
}

static int check_types(const cJSON *types, struct error *err)
{
	const cJSON *type;

	if (!cJSON_IsArray(types))
		return check_type(types, err);
	cJSON_ArrayForEach (type, types) {
		if (check_type(type, err))
			return -1;
	}
	return 0;
}

int route_check_when(const cJSON *when, struct error *err)
{
	const cJSON *condition;

	if (!cJSON_IsObject(when))
		return error_set(err, NULL, "must be an object");
	if (cJSON_GetArraySize(when) > WHEN_MAX)
		return error_set(err, NULL, "must hold at most %d conditions", WHEN_MAX);
	cJSON_ArrayForEach (condition, when) {
		const char *path = condition->string;
		if (cJSON_IsNull(condition))
			continue;
		if (!is_path(path))
			return error_set(err, path,
				"must be the dotted path of a field such as data.carrier");
		if (cJSON_IsObject(condition))
			return error_set(
				err, path, "must be a value, a list, true, false or a prefix*");
		if (cJSON_IsArray(condition) && check_list(condition, path, err))
			return -1;
		if (strcmp(path, "type") == 0 && check_types(condition, err))
			return -1;
	}
	return 0;
}

/* The text of a scalar; numbers as they are written, in `scratch`. NULL: not a text or number. */
static const char *scalar_text(const cJSON *value, char *scratch, size_t size)
{
	if (cJSON_IsString(value))
		return value->valuestring;
	if (!cJSON_IsNumber(value))
		return NULL;
	int len = snprintf(scratch, size, "%.15g", value->valuedouble);
	return len > 0 && (size_t)len < size ? scratch : NULL;
}

/* A number in a condition also meets a quantity, which the canonical form has as a text. */
static bool meets_value(const cJSON *condition, const char *field)
{
	char scratch[32];
	const char *wanted = scalar_text(condition, scratch, sizeof(scratch));

	if (!wanted || !field)
		return false;
	size_t len = strlen(wanted);
	if (cJSON_IsString(condition) && len > 0 && wanted[len - 1] == '*')
		return strncmp(field, wanted, len - 1) == 0;
	return strcmp(field, wanted) == 0;
}

static bool meets_any(const cJSON *list, const char *field)
{
	const cJSON *element;

	cJSON_ArrayForEach (element, list) {
		if (meets_value(element, field))
			return true;
	}
	return false;
}

static bool meets(const cJSON *condition, const struct event *event)
{
	const cJSON *field = event_field(event, condition->string);
	bool is_present = field && !cJSON_IsNull(field);
	char scratch[32];

	if (cJSON_IsNull(condition))
		return true;
	if (cJSON_IsBool(condition))
		return is_present == (bool)cJSON_IsTrue(condition);
	const char *text = is_present ? scalar_text(field, scratch, sizeof(scratch)) : NULL;
	if (cJSON_IsArray(condition))
		return meets_any(condition, text);
	return meets_value(condition, text);
}

bool route_matches(const cJSON *when, const struct event *event)
{
	const cJSON *condition;

	cJSON_ArrayForEach (condition, when) {
		if (!meets(condition, event))
			return false;
	}
	return true;
}

/* Keep `ret` in configuration order; the more urgent lane wins. Returns the new length. */
static size_t add_target(
	struct route_target *ret, size_t n, size_t destination, enum config_lane lane)
{
	size_t at = 0;

	while (at < n && ret[at].destination < destination)
		at++;
	if (at < n && ret[at].destination == destination) {
		if (lane < ret[at].lane)
			ret[at].lane = lane;
		return n;
	}
	memmove(&ret[at + 1], &ret[at], (n - at) * sizeof(*ret));
	ret[at] = (struct route_target){ destination, lane };
	return n + 1;
}

size_t route_event(const struct config *config, const struct event *event, struct route_target *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_routes; i++) {
		const struct config_route *route = &config->routes[i];
		if (!route_matches(route->when, event))
			continue;
		for (size_t j = 0; j < route->n_to; j++)
			n = add_target(ret, n, route->to[j], route->lane);
	}
	return n;
}

static void copy_key(const char *key, char out[EVENT_KEY_MAX])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t digest[ID_DIGEST_BYTES];
	size_t len = strlen(key);

	if (len < EVENT_KEY_MAX) {
		memcpy(out, key, len + 1);
		return;
	}
	id_digest(key, len, digest);
	for (size_t i = 0; i < ID_DIGEST_BYTES; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[2 * ID_DIGEST_BYTES] = '\0';
}

void route_order_key(const struct config_destination *destination, const struct event *event,
	char out[EVENT_KEY_MAX])
{
	char scratch[32];
	const char *key = NULL;

	switch (destination->order) {
	case CONFIG_ORDER_DOCUMENT:
		key = event->document_key;
		break;
	case CONFIG_ORDER_DEVICE:
		key = event->device;
		break;
	case CONFIG_ORDER_POINTER:
		key = scalar_text(json_pointer(event->root, destination->order_pointer), scratch,
			sizeof(scratch));
		break;
	case CONFIG_ORDER_NONE:
		break;
	}
	copy_key(key ? key : "", out);
}
