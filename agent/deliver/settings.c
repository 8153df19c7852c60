/*
 * settings.c - a destination's part of the configuration, by copy, so that the old configuration
 * may be freed while requests that were begun under it are still out.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"
#include "mapper/connector_folder.h"
#include "secret.h"

#define PATH_BYTES 4096

static int copy_text(char **text)
{
	if (*text)
		*text = strdup(*text);
	else
		return 0;
	return *text ? 0 : -1;
}

#define TEXTS_MAX 40

/* Where the struct has texts. How many. */
static size_t list_texts(struct config_destination *is, char **out[TEXTS_MAX])
{
	struct config_auth *auth = &is->auth;
	char **texts[] = { &is->name, &is->connector, &is->url, &is->account, &is->tls.ca,
		&is->tls.cert, &is->tls.key.file, &is->order_pointer, &is->idempotency_header,
		&is->answers_wait, &is->answers_remaining, &is->answers_reset, &auth->username,
		&auth->password.file, &auth->token.file, &auth->header, &auth->key.file,
		&auth->token_url, &auth->client_id, &auth->client_secret.file, &auth->scope,
		&auth->audience, &auth->hmac.prefix, &auth->hmac.separator,
		&auth->hmac.timestamp_header, &auth->csrf.path, &auth->csrf.header,
		&auth->host_key };

	memcpy(out, texts, sizeof(texts));
	return sizeof(texts) / sizeof(texts[0]);
}

/* The struct was copied as a whole: its texts become our own. */
static int own_texts(struct config_destination *is)
{
	char **texts[TEXTS_MAX];
	size_t n = list_texts(is, texts);
	int status = 0;

	for (size_t i = 0; i < n; i++)
		status |= copy_text(texts[i]);
	return status;
}

static void free_texts(struct config_destination *is)
{
	char **texts[TEXTS_MAX];
	size_t n = list_texts(is, texts);

	for (size_t i = 0; i < n; i++)
		free(*texts[i]);
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

static struct file_stamp stamp(const char *path)
{
	struct file_stamp none = { .size = 0 };
	struct stat info;

	if (!path || stat(path, &info) != 0)
		return none;
	return (struct file_stamp){
		.device = info.st_dev,
		.inode = info.st_ino,
		.size = info.st_size,
		.changed = info.st_mtim,
	};
}

void settings_stamp_files(struct settings *settings, const struct secret_dirs *secrets)
{
	const struct config_tls *tls = &settings->is.tls;
	char key_path[PATH_BYTES];

	if (!settings->is.has_tls)
		return;
	settings->files[0] = stamp(tls->ca);
	settings->files[1] = stamp(tls->cert);
	if (tls->key.file && secret_path(secrets, &tls->key, key_path, sizeof(key_path), NULL) == 0)
		settings->files[2] = stamp(key_path);
}

static bool is_same_file(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool has_same_files(const struct settings *a, const struct settings *b)
{
	return is_same_file(&a->files[0], &b->files[0]) &&
	       is_same_file(&a->files[1], &b->files[1]) && is_same_file(&a->files[2], &b->files[2]);
}

bool settings_share_line(const struct settings *a, const struct settings *b)
{
	return a->is.kind == b->is.kind && is_same_text(a->is.url, b->is.url) &&
	       a->is.auth.type == b->is.auth.type &&
	       is_same_text(a->is.auth.username, b->is.auth.username) &&
	       is_same_text(a->is.auth.password.file, b->is.auth.password.file) &&
	       is_same_text(a->is.auth.key.file, b->is.auth.key.file) &&
	       is_same_text(a->is.auth.host_key, b->is.auth.host_key) &&
	       a->is.has_tls == b->is.has_tls && is_same_text(a->is.tls.ca, b->is.tls.ca) &&
	       is_same_text(a->is.tls.cert, b->is.tls.cert) &&
	       is_same_text(a->is.tls.key.file, b->is.tls.key.file) && has_same_files(a, b) &&
	       a->is.auth.keeps_cookies == b->is.auth.keeps_cookies &&
	       a->is.concurrency == b->is.concurrency && a->is.timeout_ms == b->is.timeout_ms;
}
