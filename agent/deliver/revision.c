/*
 * revision.c - connectors as they were pinned: the current one, and the few that older deliveries
 * still need.
 */
#include <stdlib.h>

#include "deliver_internal.h"
#include "log.h"

static char *join(const char *url, const char *path)
{
	struct buf joined = BUF_INIT;
	char *text;

	buf_puts(&joined, url);
	buf_puts(&joined, path);
	text = buf_take(&joined, NULL);
	buf_done(&joined);
	return text;
}

/* 0, or -1 when memory ran out. */
static int fill(struct revision *revision, struct mapper *mapper, const char *url)
{
	const struct connector *connector = revision->connector;

	revision->url = join(url, connector->path);
	if (connector->program && mapper)
		revision->program =
			mapper_program_new(mapper, connector->program, connector->program_len);
	return revision->url && (revision->program || !connector->program || !mapper) ? 0 : -1;
}

struct revision *revision_new(struct mapper *mapper, int id, const char *url, const char *text,
	size_t len, struct error *err)
{
	struct revision *revision = calloc(1, sizeof(*revision));

	if (!revision) {
		error_fill(err, NULL, "out of memory");
		return NULL;
	}
	revision->id = id;
	revision->users = 1;
	if (connector_parse(text, len, &revision->connector, err) == 0) {
		if (fill(revision, mapper, url) == 0)
			return revision;
		error_fill(err, NULL, "out of memory");
	}
	revision_unref(revision);
	return NULL;
}

struct revision *revision_ref(struct revision *revision)
{
	revision->users++;
	return revision;
}

void revision_unref(struct revision *revision)
{
	if (!revision || --revision->users > 0)
		return;
	mapper_program_unref(revision->program);
	connector_free(revision->connector);
	free(revision->url);
	free(revision);
}

static struct revision *know_current(struct destination *destination)
{
	const struct settings *settings = destination->settings;
	struct deliver *deliver = destination->deliver;
	struct revision *current = destination->current;

	if (current->id > 0)
		return current;
	int id = store_connector_revision(deliver->options.store, settings->is.connector,
		settings->revision_text, settings->revision_len, settings->revision_digest,
		deliver_now(deliver));
	if (id < 0)
		return NULL;
	current->id = id;
	return current;
}

static struct revision *load_older(struct destination *destination, int id)
{
	struct error err = { 0 };
	size_t len;
	char *text = store_connector_text(destination->deliver->options.store, id, &len);
	struct revision *revision = NULL;

	if (text)
		revision = revision_new(destination->deliver->options.mapper, id,
			destination->settings->is.url, text, len, &err);
	else
		error_fill(&err, NULL, "the store does not have it");
	free(text);
	if (!revision)
		LOG_ERROR("a pinned connector cannot be read",
			LOG_S("destination", destination->name), LOG_I("revision", id),
			LOG_S("error", err.message));
	return revision;
}

struct revision *revision_find(struct destination *destination, int id)
{
	struct revision **older = destination->older;
	struct revision *revision;

	if (id == 0 || id == destination->current->id)
		return know_current(destination);
	for (size_t i = 0; i < REVISIONS_KEPT; i++)
		if (older[i] && older[i]->id == id)
			return older[i];
	revision = load_older(destination, id);
	if (!revision)
		return NULL;
	revision_unref(older[REVISIONS_KEPT - 1]);
	for (size_t i = REVISIONS_KEPT - 1; i > 0; i--)
		older[i] = older[i - 1];
	older[0] = revision;
	return revision;
}
