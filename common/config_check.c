#include "config_options.h"

#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/route.h"

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

/* Fill an empty text with two parts. */
static int derive_text(char **field, const char *first, const char *second, struct error *err)
{
	struct buf text = BUF_INIT;

	if (*field)
		return 0;
	buf_puts(&text, first);
	buf_puts(&text, second);
	*field = buf_take(&text, NULL);
	return *field ? 0 : out_of_memory(err);
}

static int check_tls(const struct config_tls *tls, struct error *err)
{
	if (tls->cert && !tls->key.file)
		return error_set(err, "tls.key", "required beside tls.cert");
	if (tls->key.file && !tls->cert)
		return error_set(err, "tls.cert", "required beside tls.key");
	return 0;
}

static int complete_mqtt(struct config *config, struct error *err)
{
	struct config_mqtt *mqtt = &config->mqtt;

	if (mqtt->port == 0)
		mqtt->port = mqtt->has_tls ? 8883 : 1883;
	if (mqtt->password.file && !mqtt->username)
		return error_set(err, "mqtt.username", "required beside mqtt.password");
	if (check_tls(&mqtt->tls, err)) {
		error_prefix(err, "mqtt");
		return -1;
	}
	return derive_text(&mqtt->client_id, "drayd-", config->site, err);
}

static int add_default_source(struct config *config, struct error *err)
{
	config->sources = calloc(1, sizeof(*config->sources));
	if (!config->sources)
		return out_of_memory(err);
	config->n_sources = 1;
	return derive_text(&config->sources[0].name, "handhelds", "", err);
}

static int complete_sources(struct config *config, struct error *err)
{
	if (!config->sources && add_default_source(config, err))
		return -1;
	if (config->n_sources == 0)
		return error_set(err, "sources", "must hold at least one source");
	for (size_t i = 0; i < config->n_sources; i++) {
		struct config_source *source = &config->sources[i];
		if (derive_text(&source->topic, config->mqtt.root, "/+/event/#", err))
			return -1;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(source->topic, config->sources[j].topic) != 0)
				continue;
			error_fill(err, source->name, "has the topic of source %s",
				config->sources[j].name);
			error_prefix(err, "sources");
			return -1;
		}
	}
	return 0;
}

/* What a type of credentials needs is required, and what it has no use for is refused. */
static int check_auth(const struct config_auth *auth, struct error *err)
{
	static const char *const types[] = { "none", "basic", "bearer", "api_key" };
	const struct {
		const char *path;
		bool is_set;
		enum config_auth_type type;
	} parts[] = {
		{ "auth.username", auth->username != NULL, CONFIG_AUTH_BASIC },
		{ "auth.password", auth->password.file != NULL, CONFIG_AUTH_BASIC },
		{ "auth.token", auth->token.file != NULL, CONFIG_AUTH_BEARER },
		{ "auth.key", auth->key.file != NULL, CONFIG_AUTH_API_KEY },
		{ "auth.header", auth->header != NULL, CONFIG_AUTH_API_KEY },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].is_set && parts[i].type != auth->type)
			return error_set(err, parts[i].path, "is for auth.type %s only, not for %s",
				types[parts[i].type], types[auth->type]);
		bool has_default = strcmp(parts[i].path, "auth.header") == 0;
		if (!parts[i].is_set && parts[i].type == auth->type && !has_default)
			return error_set(
				err, parts[i].path, "required for auth.type %s", types[auth->type]);
	}
	return 0;
}

static int check_url(const struct config_destination *destination, struct error *err)
{
	bool is_tls = strncmp(destination->url, "https:", 6) == 0;
	const char *path = json_get_string(destination->vars, "path");

	if (destination->has_tls && !is_tls)
		return error_set(err, "tls", "needs an https:// url");
	if (path && *path && strchr(destination->url, '?'))
		return error_set(err, "url",
			"has a query, so vars.path can't be appended; put "
			"the query into vars.path");
	return 0;
}

static int check_limits(const struct config_destination *destination, struct error *err)
{
	if (destination->retry_max_ms < destination->retry_base_ms)
		return error_set(err, "retry.max", "must not be less than retry.base");
	if (destination->batch_max > 1 && destination->idempotency == CONFIG_IDEMPOTENCY_NONE)
		return error_set(err, "batch.max",
			"must be 1 with idempotency.mode none: a batch in doubt could not be told "
			"from one that was applied");
	if (destination->resend_on_doubt && destination->idempotency != CONFIG_IDEMPOTENCY_NONE)
		return error_set(err, "on_doubt",
			"\"resend\" is for idempotency.mode none: with a key doubt is sent again "
			"anyway");
	return 0;
}

static int complete_destinations(struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->n_destinations; i++) {
		struct config_destination *destination = &config->destinations[i];
		int result = check_auth(&destination->auth, err) ||
					     check_tls(&destination->tls, err) ||
					     check_url(destination, err) ||
					     check_limits(destination, err)
				     ? -1
				     : 0;
		if (!result && destination->auth.type == CONFIG_AUTH_API_KEY)
			result = derive_text(&destination->auth.header, "X-API-Key", "", err);
		if (result) {
			error_prefix(err, destination->name);
			error_prefix(err, "destinations");
			return -1;
		}
	}
	return 0;
}

static bool find_destination(const struct config *config, const char *name, size_t *ret)
{
	for (size_t i = 0; i < config->n_destinations; i++) {
		if (strcmp(config->destinations[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static int resolve_to(const struct config *config, const cJSON *names, struct config_route *route,
	struct error *err)
{
	const cJSON *name;

	route->to = calloc((size_t)cJSON_GetArraySize(names) + 1, sizeof(*route->to));
	if (!route->to)
		return out_of_memory(err);
	cJSON_ArrayForEach (name, names) {
		size_t index;
		if (!find_destination(config, name->valuestring, &index))
			return error_set(
				err, "to", "there is no destination \"%.64s\"", name->valuestring);
		for (size_t i = 0; i < route->n_to; i++) {
			if (route->to[i] == index)
				return error_set(
					err, "to", "names \"%.64s\" twice", name->valuestring);
		}
		route->to[route->n_to++] = index;
	}
	return 0;
}

static int complete_route(const cJSON *object, const struct config *config,
	struct config_route *route, struct error *err)
{
	if (route->when && route_check_when(route->when, err)) {
		error_prefix(err, "when");
		return -1;
	}
	return resolve_to(config, json_get(object, "to"), route, err);
}

static int complete_routes(const cJSON *routes, struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->n_routes; i++) {
		struct config_route *route = &config->routes[i];
		if (complete_route(json_get(routes, route->name), config, route, err)) {
			error_prefix(err, route->name);
			error_prefix(err, "routes");
			return -1;
		}
	}
	return 0;
}

int config_complete(const cJSON *document, struct config *config, struct error *err)
{
	if (complete_mqtt(config, err) || complete_sources(config, err) ||
		complete_destinations(config, err))
		return -1;
	return complete_routes(json_get(document, "routes"), config, err);
}
