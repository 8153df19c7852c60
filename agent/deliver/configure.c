/*
 * configure.c - taking a configuration into use: everything is loaded first, then swapped, so that a
 * configuration with a fault changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "credential/credential.h"
#include "deliver_internal.h"
#include "secret.h"
#include "turn.h"

#define KEY_PATH_BYTES 4096

/* What one destination is to become. */
struct plan {
	struct destination *destination;
	struct settings *settings;
	struct revision *revision;
	struct credential *credential;
	struct limit *limit;
	struct line *line;
	bool is_new;
};

static void prefix_error(struct error *err, const char *name)
{
	char prefix[128];

	(void)snprintf(prefix, sizeof(prefix), "destinations.%s", name);
	error_prefix(err, prefix);
}

static void on_credential(void *ctx)
{
	turn_wake(ctx);
}

/* The part of a plan that needs no engine. */
static int load(struct plan *plan, struct mapper *mapper, const struct config *config,
	const struct config_destination *configured, const struct secret_dirs *secrets,
	const char *const *connector_dirs, struct error *err)
{
	struct settings *settings = settings_new(config, configured, connector_dirs, err);
	char path[KEY_PATH_BYTES];

	plan->settings = settings;
	if (!settings)
		return -1;
	plan->revision = revision_new(
		mapper, 0, settings->is.url, settings->revision_text, settings->revision_len, err);
	if (!plan->revision)
		return -1;
	if (settings->is.kind == CONFIG_KIND_MQTT && !plan->revision->connector->program &&
		!*plan->revision->connector->topic)
		return error_set(err, "vars.topic", "required for kind mqtt");
	if (settings->is.kind == CONFIG_KIND_SFTP && !settings->is.auth.host_key &&
		sftp_find_known_hosts(secrets, path, sizeof(path), err) != 0)
		return -1;
	settings_stamp_files(settings, secrets);
	return 0;
}

/* Where nothing is sent, `plan` has no destination and no line: the files are read. */
static int make_credential(struct plan *plan, const struct deliver *deliver,
	const struct secret_dirs *secrets, struct error *err)
{
	const struct destination *destination = plan->destination;
	struct credential_options options = {
		.destination = &plan->settings->is,
		.site = plan->settings->site,
		.secrets = secrets,
		.connector = plan->revision->connector,
		.program = plan->revision->program,
		.on_change = on_credential,
	};

	if (deliver) {
		options.clock = deliver->options.clock;
		options.courier = plan->line->courier;
		options.opened = plan->line->opened;
		options.ctx = deliver->options.turn;
		if (destination->credential)
			options.generation = credential_generation(destination->credential);
	}
	plan->credential = credential_new(&options, err);
	return plan->credential ? 0 : -1;
}

static void drop(struct plan *plan)
{
	credential_free(plan->credential);
	settings_free(plan->settings);
	revision_unref(plan->revision);
	limit_unref(plan->limit);
	line_unref(plan->line);
	if (plan->is_new)
		window_free(plan->destination);
}

static struct destination *find(struct deliver *deliver, const char *name)
{
	struct destination *destination;

	TAILQ_FOREACH (destination, &deliver->destinations, link)
		if (strcmp(destination->name, name) == 0)
			return destination;
	return NULL;
}

static int prepare(struct deliver *deliver, struct plan *plan, const struct config *config,
	const struct config_destination *configured, struct error *err)
{
	const struct deliver_options *options = &deliver->options;

	if (load(plan, options->mapper, config, configured, options->secrets,
		    options->connector_dirs, err) != 0)
		return -1;
	plan->destination = find(deliver, configured->name);
	if (!plan->destination) {
		plan->destination = window_new(deliver, configured->name);
		plan->is_new = plan->destination != NULL;
		if (!plan->destination)
			return error_set(err, NULL, "out of memory");
	}
	plan->limit = limit_find(deliver, plan->destination, configured->account);
	if (!plan->limit)
		return error_set(err, NULL, "out of memory");
	if (plan->destination->line &&
		settings_share_line(plan->destination->settings, plan->settings))
		plan->line = line_ref(plan->destination->line);
	else
		plan->line =
			line_open(options->couriers[plan->settings->is.kind], plan->settings, err);
	return plan->line ? make_credential(plan, deliver, options->secrets, err) : -1;
}

static void take_into_use(struct deliver *deliver, struct plan *plan)
{
	if (plan->is_new)
		TAILQ_INSERT_TAIL(&deliver->destinations, plan->destination, link);
	limit_join(plan->limit, plan->destination, &plan->settings->is);
	window_configure(
		plan->destination, plan->settings, plan->line, plan->revision, plan->credential);
}

int deliver_configure(struct deliver *deliver, const struct config *config, struct error *err)
{
	struct plan *plans = calloc(config->n_destinations + 1, sizeof(*plans));
	struct destination *destination;
	int status = 0;

	if (!plans)
		return error_set(err, "destinations", "out of memory");
	for (size_t i = 0; i < config->n_destinations && status == 0; i++) {
		status = prepare(deliver, &plans[i], config, &config->destinations[i], err);
		if (status != 0)
			prefix_error(err, config->destinations[i].name);
	}
	if (status == 0)
		TAILQ_FOREACH (destination, &deliver->destinations, link)
			destination->is_configured = false;
	for (size_t i = 0; i < config->n_destinations; i++) {
		if (status == 0)
			take_into_use(deliver, &plans[i]);
		else
			drop(&plans[i]);
	}
	free(plans);
	if (status == 0)
		turn_wake(deliver->options.turn);
	return status;
}

int deliver_check(const struct config *config, bool reads_credentials,
	const struct secret_dirs *secrets, const char *const *connector_dirs, struct error *err)
{
	int status = 0;

	for (size_t i = 0; i < config->n_destinations && status == 0; i++) {
		const struct config_destination *configured = &config->destinations[i];
		char key_path[KEY_PATH_BYTES];
		struct plan plan = { 0 };

		status = load(&plan, NULL, config, configured, secrets, connector_dirs, err);
		/* A line to a broker is opened with them. */
		if (status == 0 &&
			(reads_credentials || plan.settings->is.kind == CONFIG_KIND_MQTT))
			status = make_credential(&plan, NULL, secrets, err);
		if (status == 0 && configured->has_tls && configured->tls.key.file)
			status = secret_path(
				secrets, &configured->tls.key, key_path, sizeof(key_path), err);
		drop(&plan);
		if (status != 0)
			prefix_error(err, configured->name);
	}
	return status;
}
