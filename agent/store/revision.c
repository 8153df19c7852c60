/*
 * revision.c - the texts of connectors as they were when a delivery was pinned to them.
 *
 * A number once given stays what it is: one that was made in a poisoned turn is stored anew by the
 * next write, so that whoever keeps it can't pin a delivery to a text that is gone, or to another
 * one. Its text is kept in memory until a commit holds it.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

struct known_revision {
	struct known_revision *next;
	uint8_t digest[ID_DIGEST_BYTES];
	int id;
	int64_t at_ms;
	char *connector;
	char *text; /* NULL: it is stored */
	size_t len;
};

static struct known_revision *remember(
	struct store *store, const uint8_t digest[ID_DIGEST_BYTES], int id)
{
	struct known_revision *known = calloc(1, sizeof(*known));
	if (known == NULL) {
		(void)store_refuse(store, "out of memory while storing a connector revision");
		return NULL;
	}
	memcpy(known->digest, digest, ID_DIGEST_BYTES);
	known->id = id;
	known->next = store->revisions;
	store->revisions = known;
	return known;
}

static int find_stored(struct store *store, const uint8_t digest[ID_DIGEST_BYTES])
{
	int64_t id = 0;
	struct query query = query_start(store, REVISION_FIND);
	query_blob(&query, digest, ID_DIGEST_BYTES);
	int found = query_number(&query, &id);
	if (found > 0 && remember(store, digest, (int)id) == NULL)
		return -1;
	return found < 0 ? -1 : (int)id;
}

static int insert(struct store *store, struct known_revision *known)
{
	struct query query = query_start(store, REVISION_INSERT);
	query_int_or_null(&query, known->id, 0);
	query_text(&query, known->connector);
	query_blob(&query, known->digest, ID_DIGEST_BYTES);
	query_int(&query, known->at_ms);
	query_text_len(&query, known->text, known->len);
	if (query_run(&query) < 0)
		return -1;
	known->id = (int)sqlite3_last_insert_rowid(store->db);
	return known->id;
}

int store_connector_revision(struct store *store, const char *connector, const char *text,
	size_t len, const uint8_t digest[ID_DIGEST_BYTES], int64_t now_ms)
{
	for (struct known_revision *known = store->revisions; known; known = known->next) {
		if (known->id > 0 && memcmp(known->digest, digest, ID_DIGEST_BYTES) == 0)
			return known->id;
	}
	int id = find_stored(store, digest);
	if (id != 0)
		return id;

	if (store_begin_write(store) < 0)
		return -1;
	struct known_revision *known = remember(store, digest, 0);
	if (known == NULL)
		return -1;
	known->at_ms = now_ms;
	known->len = len;
	known->connector = strdup(connector);
	known->text = malloc(len + 1);
	if (known->connector == NULL || known->text == NULL)
		return store_refuse(store, "out of memory while storing a connector revision");
	memcpy(known->text, text, len);
	known->text[len] = '\0';
	return insert(store, known);
}

int revision_restore(struct store *store)
{
	for (struct known_revision *known = store->revisions; known; known = known->next) {
		if (known->id > 0 && known->text != NULL && insert(store, known) < 0)
			return -1;
	}
	return 0;
}

bool revision_is_known(const struct store *store, int64_t id)
{
	for (const struct known_revision *known = store->revisions; known; known = known->next) {
		if (known->id == id)
			return true;
	}
	return false;
}

static void forget_text(struct known_revision *known)
{
	free(known->connector);
	free(known->text);
	known->connector = NULL;
	known->text = NULL;
}

void revision_committed(struct store *store)
{
	for (struct known_revision *known = store->revisions; known; known = known->next)
		forget_text(known);
}

void revision_free(struct store *store)
{
	while (store->revisions != NULL) {
		struct known_revision *known = store->revisions;
		store->revisions = known->next;
		forget_text(known);
		free(known);
	}
}

char *store_connector_text(struct store *store, int revision, size_t *ret_len)
{
	struct query query = query_start(store, REVISION_TEXT);
	query_int(&query, revision);
	if (query_step(&query) <= 0)
		return NULL;
	size_t len = 0;
	const void *text = row_bytes(&query, 0, &len);
	char *copy = malloc(len + 1);
	if (copy != NULL) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		*ret_len = len;
	}
	query_end(&query);
	return copy;
}
