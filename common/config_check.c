#include "config_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dray/json.h"
#include "dray/jws.h"
#include "dray/route.h"

static int out_of_memory(struct error *err)
{
	return error_set(err, NULL, "out of memory");
}

int config_derive_text(char **field, const char *first, const char *second, struct error *err)
{
	struct buf text = BUF_INIT;

	if (*field)
		return 0;
	buf_puts(&text, first);
	buf_puts(&text, second);
	*field = buf_take(&text, NULL);
	return *field ? 0 : out_of_memory(err);
}

int config_check_tls(const struct config_tls *tls, struct error *err)
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
	if (config_check_tls(&mqtt->tls, err)) {
		error_prefix(err, "mqtt");
		return -1;
	}
	return config_derive_text(&mqtt->client_id, "drayd-", config->site, err);
}

static int add_default_source(struct config *config, struct error *err)
{
	config->sources = calloc(1, sizeof(*config->sources));
	if (!config->sources)
		return out_of_memory(err);
	config->n_sources = 1;
	config->sources[0].vars = cJSON_CreateObject();
	if (!config->sources[0].vars)
		return out_of_memory(err);
	return config_derive_text(&config->sources[0].name, "handhelds", "", err);
}

static int complete_sources(struct config *config, struct error *err)
{
	if (!config->sources && add_default_source(config, err))
		return -1;
	if (config->n_sources == 0)
		return error_set(err, "sources", "must hold at least one source");
	for (size_t i = 0; i < config->n_sources; i++) {
		struct config_source *source = &config->sources[i];
		if (config_derive_text(&source->topic, config->mqtt.root, "/+/event/#", err))
			return -1;
		if (!source->adapter && source->vars->child) {
			error_fill(err, source->name, "has vars, but no adapter that they are for");
			error_prefix(err, "sources");
			return -1;
		}
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

/* One limit for what is shared: which of two would hold is not left to the order of names. */
static int check_account(const struct config *config, size_t index, struct error *err)
{
	const struct config_destination *destination = &config->destinations[index];

	for (size_t i = 0; i < index && destination->account; i++) {
		const struct config_destination *other = &config->destinations[i];
		if (!other->account || strcmp(other->account, destination->account) != 0 ||
			(other->concurrency == destination->concurrency &&
				other->rate_per_hour == destination->rate_per_hour))
			continue;
		return error_set(err, "account",
			"shares concurrency and rate with destination %s, so both must be the same "
			"there and here",
			other->name);
	}
	return 0;
}

static int complete_destinations(
	const cJSON *destinations, struct config *config, struct error *err)
{
	for (size_t i = 0; i < config->n_destinations; i++) {
		struct config_destination *destination = &config->destinations[i];
		const cJSON *object = json_get(destinations, destination->name);
		if (config_complete_destination(object, destination, err) ||
			check_account(config, i, err)) {
			error_prefix(err, destination->name);
			error_prefix(err, "destinations");
			return -1;
		}
	}
	return 0;
}

const struct config_destination *config_find_destination(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_destinations; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}

static int resolve_to(const struct config *config, const cJSON *names, struct config_route *route,
	struct error *err)
{
	const cJSON *name;

	route->to = calloc((size_t)cJSON_GetArraySize(names) + 1, sizeof(*route->to));
	if (!route->to)
		return out_of_memory(err);
	cJSON_ArrayForEach (name, names) {
		const struct config_destination *destination =
			config_find_destination(config, name->valuestring);
		size_t index;

		if (!destination)
			return error_set(
				err, "to", "there is no destination \"%.64s\"", name->valuestring);
		index = (size_t)(destination - config->destinations);
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

/*
 * Who stands between may read what goes over http, and change what is not signed. A token is read once and
 * is good for ever.
 */
static int check_fleet_url(const struct config *config, struct error *err)
{
	static const char plain[] = "http://";
	const char *host = config->fleet.url;
	char address[64];

	if (!host || strncmp(host, plain, sizeof(plain) - 1) != 0)
		return 0;
	if (config->fleet.has_tls)
		return error_set(err, "tls", "is for a fleet.url that begins with https://");
	host += sizeof(plain) - 1;
	(void)snprintf(address, sizeof(address), "%.*s", (int)strcspn(host, "/?"), host);
	if (address[strlen(address) - 1] == ']')
		(void)text_put_all(address + strlen(address), sizeof(address) - strlen(address),
			(const char *const[]){ ":0", NULL });
	if (config_is_loopback(address))
		return 0;
	if (!config->fleet.public_key)
		return error_set(err, "url",
			"must begin with https://, or fleet.public_key must say who signs what is "
			"taken: http:// alone is for this machine's own addresses");
	if (config->fleet.token.file)
		return error_set(
			err, "token", "can be read by others on the way to an http:// URL");
	return 0;
}

static int complete_fleet(struct config *config, struct error *err)
{
	struct jws_keys keys;

	if (config_check_tls(&config->fleet.tls, err) || check_fleet_url(config, err) ||
		(config->fleet.public_key &&
			jws_parse_keys(config->fleet.public_key, &keys, err))) {
		error_prefix(err, "fleet");
		return -1;
	}
	return 0;
}

int config_complete(const cJSON *document, struct config *config, struct error *err)
{
	if (complete_mqtt(config, err) || complete_sources(config, err) ||
		config_complete_listen(document, config, err) || complete_fleet(config, err) ||
		complete_destinations(json_get(document, "destinations"), config, err))
		return -1;
	return complete_routes(json_get(document, "routes"), config, err);
}
