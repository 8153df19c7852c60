#include "config/loading.h"

#include <string.h>

#include "agent.h"
#include "capture/adapter.h"
#include "capture/capture.h"
#include "config/config_file.h"
#include "config/declared.h"
#include "config/places.h"
#include "config/programs.h"
#include "config/proof.h"
#include "deliver/deliver.h"
#include "dray/json.h"
#include "fleet/poll.h"
#include "ops/ops.h"

static int check(
	const struct places *places, const struct config *config, bool is_good, struct error *err)
{
	if (places_check(places, config, err) < 0 ||
		deliver_check(config, !is_good, &places->secrets, places->connector_dirs, err) <
			0 ||
		adapters_check(config, places->connector_dirs, err) < 0)
		return -1;
	if (capture_check(config, &places->secrets, err) < 0)
		return -1;
	if (ops_check(config, &places->secrets, err) < 0 ||
		poll_check(config, &places->secrets, err) < 0)
		return -1;
	return programs_check(config, places->connector_dirs, places->mapper, err);
}

/* The files' document with the patch on it. NULL with *err filled. */
static cJSON *merge(const struct loading *loading, struct error *err)
{
	cJSON *document = cJSON_Duplicate(loading->files, true);

	if (document && (!loading->patch || json_merge_patch(&document, loading->patch) == 0))
		return document;
	cJSON_Delete(document);
	error_fill(err, NULL, "out of memory");
	return NULL;
}

static int build(const struct places *places, struct loading *loading)
{
	struct declared declared = { .dirs = places->connector_dirs };
	cJSON *document = merge(loading, &loading->err);
	int status = document ? config_file_build(document, declared_find, &declared,
					&loading->config, &loading->err)
			      : -1;

	declared_done(&declared);
	cJSON_Delete(document);
	return status;
}

void loading_run(const struct places *places, struct loading *loading)
{
	struct error *err = &loading->err;

	if (!loading->files && config_file_read(places->config_path, &loading->files, err) < 0)
		return;
	if (build(places, loading) < 0)
		return;
	if (check(places, loading->config, loading->is_good, err) == 0 &&
		(!loading->is_proved || proof_connectors(loading->config, places->connector_dirs,
						places->mapper, err) == 0))
		return;
	config_free(loading->config);
	loading->config = NULL;
}

int agent_check(const char *config_path, struct error *err)
{
	struct loading loading = { .is_proved = true };
	struct places places = { 0 };
	int status;

	if (places_find(config_path, &places, err) < 0)
		return -1;
	loading_run(&places, &loading);
	status = loading.config ? 0 : -1;
	if (status < 0)
		*err = loading.err;
	loading_done(&loading);
	return status;
}
