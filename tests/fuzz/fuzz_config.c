/*
 * fuzz_config.c - any text as a configuration, and, each behind a NUL, any texts as what conf.d
 * merges into it, the last of them also as what every connector declares: it is refused with words and
 * the name of what is wrong, or it builds; what is built is whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dray/config.h"
#include "dray/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_built(const struct config *config)
{
	if (!config->site || config->n_sources < 1 || config->mqtt.port < 1)
		abort();
	for (size_t i = 0; i < config->n_destinations; i++) {
		const struct config_destination *destination = &config->destinations[i];
		if (!destination->url || !cJSON_IsObject(destination->vars) ||
			destination->retry_max_ms < destination->retry_base_ms)
			abort();
	}
	for (size_t i = 0; i < config->n_routes; i++) {
		for (size_t j = 0; j < config->routes[i].n_to; j++) {
			if (config->routes[i].to[j] >= config->n_destinations)
				abort();
		}
	}
}

static cJSON *read_object(const char *text, size_t len)
{
	static const struct json_limits limits = {
		.max_bytes = 1 << 20, .max_depth = 32, .max_members = 100000, .comments = true
	};
	struct buf scratch = BUF_INIT;
	cJSON *root = json_parse(text, len, &limits, &scratch, NULL);

	buf_done(&scratch);
	if (cJSON_IsObject(root))
		return root;
	cJSON_Delete(root);
	return NULL;
}

/* An empty patch changes nothing, and what a patch has merged it merges no second time. */
static void merge(cJSON **document, const cJSON *patch)
{
	cJSON *once;

	if (!patch)
		return;
	if (json_merge_patch(document, patch) != 0)
		abort();
	once = cJSON_Duplicate(*document, true);
	if (json_merge_patch(document, patch) != 0 || !cJSON_Compare(once, *document, true))
		abort();
	cJSON_Delete(once);
}

static const cJSON *find(void *ctx, const char *name)
{
	(void)name;
	return ctx;
}

static void build(const cJSON *site, cJSON *declaration)
{
	struct config *config;
	struct error err = { 0 };
	cJSON *document = cJSON_Duplicate(site, true);

	if (!document || config_apply_connectors(document, find, declaration, &err) != 0)
		abort();
	if (config_build(document, &config, &err) == 0) {
		check_built(config);
		config_free(config);
	} else if (!err.message[0] || !err.path[0]) {
		abort();
	} else {
		config_blame_connector(site, document, &err);
	}
	cJSON_Delete(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t len = strnlen(text, size);
	cJSON *document = read_object(text, len), *patch = NULL;

	if (!document)
		return 0;
	for (size_t at = len; at < size; at += 1 + len) {
		len = strnlen(text + at + 1, size - at - 1);
		cJSON_Delete(patch);
		patch = read_object(text + at + 1, len);
		merge(&document, patch);
	}
	build(document, NULL);
	build(document, patch);
	cJSON_Delete(patch);
	cJSON_Delete(document);
	return 0;
}
