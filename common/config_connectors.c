/* config_connectors.c - what connectors declare, below what the site says */
#include "config_options.h"

#include <stdio.h>
#include <string.h>

#include "dray/json.h"

/* Members of connector.json that are no options of a destination. */
static const char *const own_members[] = { "name", "version", "title", "vars", "request",
	"serial" };

static const char *connector_of(const cJSON *destination)
{
	const cJSON *name = json_get(destination, "connector");
	const struct option *option = config_destination_kind.options;

	while (strcmp(option->name, "connector") != 0)
		option++;
	return name && !cJSON_IsNull(name) ? cJSON_GetStringValue(name) : option->fallback;
}

/* Credentials of another type than the declared one have no use for what is declared beside it. */
static void drop_other_auth(cJSON *declared, const cJSON *destination)
{
	const char *type = json_get_string(json_get(destination, "auth"), "type");
	const char *declared_type = json_get_string(json_get(declared, "auth"), "type");

	if (type && declared_type && strcmp(type, declared_type) != 0)
		cJSON_DeleteItemFromObjectCaseSensitive(declared, "auth");
}

/* The options that are declared; the caller's. NULL: memory ran out. */
static cJSON *copy_options(const cJSON *declaration)
{
	cJSON *options = cJSON_Duplicate(declaration, true);

	for (size_t i = 0; i < sizeof(own_members) / sizeof(own_members[0]); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(options, own_members[i]);
	return options;
}

/* `destination` as it is in `destinations` is replaced; its place in the list is kept. */
static int apply(cJSON *destinations, cJSON *destination, const cJSON *declaration)
{
	cJSON *merged = copy_options(declaration);

	if (!merged)
		return -1;
	drop_other_auth(merged, destination);
	if (json_merge_patch(&merged, destination) == 0 &&
		cJSON_ReplaceItemInObjectCaseSensitive(destinations, destination->string, merged))
		return 0;
	cJSON_Delete(merged);
	return -1;
}

int config_apply_connectors(cJSON *document, config_connector_fn find, void *ctx, struct error *err)
{
	cJSON *destinations = json_get(document, "destinations"), *next;

	if (!cJSON_IsObject(destinations))
		return 0;
	for (cJSON *at = destinations->child; at; at = next) {
		const char *name = cJSON_IsObject(at) ? connector_of(at) : NULL;
		const cJSON *declaration = name ? find(ctx, name) : NULL;
		next = at->next;
		if (cJSON_IsObject(declaration) && apply(destinations, at, declaration))
			return error_set(err, "destinations", "out of memory");
	}
	return 0;
}

/* The part of an error's path that is below a destination; NULL when it is elsewhere. */
static const char *path_below(const char *path, const char *name)
{
	static const char root[] = "destinations.";
	size_t len = strlen(name);

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return NULL;
	path += sizeof(root) - 1;
	return strncmp(path, name, len) == 0 && path[len] == '.' ? path + len + 1 : NULL;
}

static void blame(struct error *err, const char *connector)
{
	struct error said = *err;

	error_fill(err, said.path, "%.160s (declared by connector %s, not by the site)",
		said.message, connector);
}

void config_blame_connector(const cJSON *site, const cJSON *applied, struct error *err)
{
	const cJSON *destination;

	cJSON_ArrayForEach (destination, json_get(site, "destinations")) {
		const char *below = path_below(err->path, destination->string);
		const char *connector = below ? connector_of(destination) : NULL;
		const cJSON *whole =
			json_get(json_get(applied, "destinations"), destination->string);
		if (!connector || json_dotted(destination, below) || !json_dotted(whole, below))
			continue;
		blame(err, connector);
		return;
	}
}

/* --- a declaration by itself --------------------------------------------------------------------------- */

static const cJSON *find_declaration(void *ctx, const char *name)
{
	(void)name;
	return ctx;
}

/* A site that says no more of its one destination than that it uses the connector. */
static cJSON *make_site(const cJSON *declaration)
{
	const char *kind = json_get_string(declaration, "kind");
	const char *scheme = kind && strcmp(kind, "http") != 0 ? kind : "https";
	cJSON *site = cJSON_CreateObject();
	cJSON *destination =
		cJSON_AddObjectToObject(cJSON_AddObjectToObject(site, "destinations"), "d");
	char url[32];

	(void)snprintf(url, sizeof(url), "%.16s://h/", scheme);
	if (cJSON_AddStringToObject(site, "site", "s") &&
		cJSON_AddStringToObject(destination, "url", url))
		return site;
	cJSON_Delete(site);
	return NULL;
}

int config_check_declaration(const cJSON *declaration, struct error *err)
{
	cJSON *site = make_site(declaration);
	struct config *config = NULL;
	struct error said = { 0 };
	const char *below = NULL;
	int result = site ? 0 : error_set(err, NULL, "out of memory");

	if (!result)
		result = config_apply_connectors(site, find_declaration, (void *)declaration, err);
	if (!result && config_build(site, &config, &said) != 0)
		below = path_below(said.path, "d");
	/* What is missing, a secret say, is the site's to add. */
	if (below && json_dotted(declaration, below))
		result = error_set(err, below, "%s", said.message);
	config_free(config);
	cJSON_Delete(site);
	return result;
}
