#include "config/proof.h"

#include <stdio.h>
#include <string.h>

#include "dray/json.h"
#include "mapper/adapter_cases.h"
#include "mapper/cases.h"
#include "mapper/connector_folder.h"
#include "mapper/mapper_run.h"

struct proof {
	const char *const *dirs;
	const char *mapper;
	struct mapper_run *run; /* made when the first program is met */
	struct buf failures;    /* words, "; " between */
	int n_cases;            /* of the connector at hand */
};

static void add_failure(struct proof *proof, const char *connector, const char *words)
{
	if (proof->failures.len > 0)
		buf_puts(&proof->failures, "; ");
	buf_printf(&proof->failures, "%s: %s", connector, words);
}

static void add_error(struct proof *proof, const char *connector, const struct error *err)
{
	char words[sizeof(err->path) + sizeof(err->message) + 2];

	add_failure(proof, connector, error_text(err, words, sizeof(words)));
}

static void on_case(void *ctx, const char *name, const char *diff)
{
	struct proof *proof = ctx;

	(void)name;
	(void)diff;
	proof->n_cases++;
}

/* A folder's two sides: what goes out, and what comes in. */
struct side {
	int (*find)(const char *name, const char *const *dirs, struct connector_folder *ret,
		struct error *err);
	int (*read_cases)(const struct connector_folder *folder, cJSON **ret, struct error *err);
	int (*run_cases)(const struct connector_folder *folder, struct mapper_run *run, cases_fn fn,
		void *ctx, struct error *err);
};
static const struct side connectors = { connector_folder_find, connector_folder_cases, cases_run };
static const struct side adapters = { adapter_folder_find, adapter_folder_cases,
	adapter_cases_run };

static void run_cases(struct proof *proof, const struct side *side, const char *connector,
	const struct connector_folder *folder)
{
	struct error err = { 0 };
	char words[64];
	int failed;

	proof->n_cases = 0;
	failed = side->run_cases(folder, proof->run, on_case, proof, &err);
	if (failed < 0)
		add_error(proof, connector, &err);
	if (failed <= 0)
		return;
	(void)snprintf(words, sizeof(words), "%d of %d cases failed", failed, proof->n_cases);
	add_failure(proof, connector, words);
}

static int start(struct proof *proof, struct error *err)
{
	if (!proof->run)
		proof->run = mapper_run_new(proof->mapper, CASES_ZONE, err);
	return proof->run ? 0 : -1;
}

static void prove(struct proof *proof, const struct side *side, const char *connector)
{
	struct connector_folder folder;
	struct error err = { 0 };
	cJSON *cases = NULL;

	if (side->find(connector, proof->dirs, &folder, &err) < 0) {
		add_error(proof, connector, &err);
		return;
	}
	if ((folder.program && side->read_cases(&folder, &cases, &err) < 0) ||
		(cases && start(proof, &err) < 0))
		add_error(proof, connector, &err);
	else if (cases)
		run_cases(proof, side, connector, &folder);
	cJSON_Delete(cases);
	connector_folder_done(&folder);
}

static void prove_once(struct proof *proof, const struct side *side, const char *name, cJSON *seen)
{
	if (!name || json_get(seen, name))
		return;
	(void)cJSON_AddNullToObject(seen, name);
	prove(proof, side, name);
}

static void prove_all(struct proof *proof, const struct config *config)
{
	cJSON *out = cJSON_CreateObject(), *in = cJSON_CreateObject();

	for (size_t i = 0; i < config->n_destinations; i++)
		prove_once(proof, &connectors, config->destinations[i].connector, out);
	for (size_t i = 0; i < config->n_sources; i++)
		prove_once(proof, &adapters, config->sources[i].adapter, in);
	for (size_t i = 0; i < config->listen.n_hooks; i++)
		prove_once(proof, &adapters, config->listen.hooks[i].adapter, in);
	cJSON_Delete(out);
	cJSON_Delete(in);
}

int proof_connectors(
	const struct config *config, const char *const *dirs, const char *mapper, struct error *err)
{
	struct proof proof = { .dirs = dirs, .mapper = mapper };
	int status = 0;

	prove_all(&proof, config);
	if (buf_failed(&proof.failures))
		status = error_set(err, "connectors", "out of memory");
	else if (proof.failures.len > 0)
		status = error_set(err, "connectors",
			"%.180s; drayctl connector test %.*s shows more", proof.failures.data,
			(int)strcspn(proof.failures.data, ":"), proof.failures.data);
	mapper_run_free(proof.run);
	buf_done(&proof.failures);
	return status;
}
