/*
 * settings.c - a destination's part of the configuration, by copy, so that the old configuration
 * may be freed while requests that were begun under it are still out.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"
#include "mapper/connector_folder.h"

static int copy_text(char **text)
{
	if (*text)
		*text = strdup(*text);
	else
		return 0;
	return *text ? 0 : -1;
}

/* Every text of the struct, which was copied as a whole, becomes our own. */
static int own_texts(struct config_destination *is)
{
	char **texts[] = { &is->name, &is->connector, &is->url, &is->auth.username,
		&is->auth.password.file, &is->auth.token.file, &is->auth.header, &is->auth.key.file,
		&is->tls.ca, &is->tls.cert, &is->tls.key.file, &is->order_pointer,
		&is->idempotency_header, &is->answers_wait, &is->answers_remaining,
		&is->answers_reset };
	int status = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		status |= copy_text(texts[i]);
	return status;
}

static void free_texts(struct config_destination *is)
{
	char *texts[] = { is->name, is->connector, is->url, is->auth.username,
		is->auth.password.file, is->auth.token.file, is->auth.header, is->auth.key.file,
		is->tls.ca, is->tls.cert, is->tls.key.file, is->order_pointer,
		is->idempotency_header, is->answers_wait, is->answers_remaining,
		is->answers_reset };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
}

static int join_revision(struct settings *settings, const struct connector_folder *folder,
	const cJSON *vars, struct error *err)
{
	const struct connector_source source = {
		.declaration = folder->declaration,
		.program = folder->program,
		.program_len = folder->program_len,
		.vars = vars,
		.is_batched = settings->is.batch_max > 1,
		.key = settings->is.idempotency_shape,
	};
	struct buf text = BUF_INIT;
	int status;

	if (!source.program && settings->is.idempotency == CONFIG_IDEMPOTENCY_LOOKUP)
		return error_set(err, "idempotency.mode",
			"lookup needs a connector with a program, %s has none",
			settings->is.connector);
	status = connector_revision_text(&source, &text, settings->revision_digest, err);
	if (status == 0) {
		settings->revision_text = buf_take(&text, &settings->revision_len);
		if (!settings->revision_text)
			status = error_set(err, NULL, "out of memory");
	}
	buf_done(&text);
	return status;
}

static int make_revision(struct settings *settings, const cJSON *vars,
	const char *const *connector_dirs, struct error *err)
{
	struct connector_folder folder;
	int status;

	if (connector_folder_find(settings->is.connector, connector_dirs, &folder, err) != 0)
		return -1;
	status = join_revision(settings, &folder, vars, err);
	connector_folder_done(&folder);
	return status;
}

struct settings *settings_new(const struct config *config,
	const struct config_destination *destination, const char *const *connector_dirs,
	struct error *err)
{
	struct settings *settings = calloc(1, sizeof(*settings));

	if (!settings) {
		error_fill(err, NULL, "out of memory");
		return NULL;
	}
	settings->is = *destination;
	settings->is.vars = NULL;
	settings->is.answers_done = NULL;
	settings->sla_critical_ms = config->sla_critical_ms;
	settings->sla_normal_ms = config->sla_normal_ms;
	settings->site = strdup(config->site);
	if (destination->answers_done)
		settings->is.answers_done = cJSON_Duplicate(destination->answers_done, true);
	if (own_texts(&settings->is) != 0 || !settings->site ||
		(destination->answers_done && !settings->is.answers_done)) {
		error_fill(err, NULL, "out of memory");
		settings_free(settings);
		return NULL;
	}
	if (make_revision(settings, destination->vars, connector_dirs, err) != 0) {
		settings_free(settings);
		return NULL;
	}
	return settings;
}

void settings_free(struct settings *settings)
{
	if (!settings)
		return;
	free_texts(&settings->is);
	cJSON_Delete(settings->is.answers_done);
	free(settings->site);
	free(settings->revision_text);
	free(settings);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool settings_share_line(const struct settings *a, const struct settings *b)
{
	return is_same_text(a->is.url, b->is.url) && a->is.has_tls == b->is.has_tls &&
	       is_same_text(a->is.tls.ca, b->is.tls.ca) &&
	       is_same_text(a->is.tls.cert, b->is.tls.cert) &&
	       is_same_text(a->is.tls.key.file, b->is.tls.key.file) &&
	       a->is.concurrency == b->is.concurrency && a->is.timeout_ms == b->is.timeout_ms;
}
