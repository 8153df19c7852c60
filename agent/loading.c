#include "loading.h"

#include <string.h>

#include "agent.h"
#include "capture/adapter.h"
#include "capture/capture.h"
#include "config_file.h"
#include "declared.h"
#include "deliver/deliver.h"
#include "ops/ops.h"
#include "programs.h"
#include "proof.h"

static int check(const struct places *places, const struct config *config, struct error *err)
{
	if (places_check(places, config, err) < 0 ||
		deliver_check(config, &places->secrets, places->connector_dirs, err) < 0 ||
		adapters_check(config, places->connector_dirs, err) < 0)
		return -1;
	if (capture_check(config, &places->secrets, err) < 0)
		return -1;
	if (ops_check(config, &places->secrets, err) < 0)
		return -1;
	return programs_check(config, places->connector_dirs, places->mapper, err);
}

int loading_load(const struct places *places, struct config **ret, struct error *err)
{
	struct declared declared = { .dirs = places->connector_dirs };
	struct config *config;
	int status = config_file_load(places->config_path, declared_find, &declared, &config, err);

	declared_done(&declared);
	if (status < 0)
		return -1;
	if (check(places, config, err) < 0) {
		config_free(config);
		return -1;
	}
	*ret = config;
	return 0;
}

int loading_check_change(
	const struct config *before, const struct config *config, struct error *err)
{
	if (strcmp(before->site, config->site) != 0)
		return error_set(err, "site", "can't be changed while drayd runs; restart it");
	if (strcmp(before->state_dir, config->state_dir) != 0)
		return error_set(err, "state_dir", "can't be changed while drayd runs; restart it");
	return 0;
}

int agent_check(const char *config_path, struct error *err)
{
	struct places places = { 0 };
	struct config *config;
	int status;

	if (places_find(config_path, &places, err) < 0 || loading_load(&places, &config, err) < 0)
		return -1;
	status = proof_connectors(config, places.connector_dirs, places.mapper, err);
	config_free(config);
	return status;
}
