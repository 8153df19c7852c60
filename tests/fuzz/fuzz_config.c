/*
 * fuzz_config.c - any text as a configuration: it is refused with words, or it builds; what is
 * built is whole.
 */
#include <stdint.h>
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct json_limits limits = {
		.max_bytes = 1 << 20, .max_depth = 32, .max_members = 100000, .comments = true
	};
	struct buf scratch = BUF_INIT;
	struct json_error flaw;
	struct config *config;
	struct error err = { 0 };
	cJSON *document = json_parse((const char *)data, size, &limits, &scratch, &flaw);

	buf_done(&scratch);
	if (!document)
		return 0;
	if (config_build(document, &config, &err) == 0) {
		check_built(config);
		config_free(config);
	} else if (!err.message[0]) {
		abort();
	}
	cJSON_Delete(document);
	return 0;
}
