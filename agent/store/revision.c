/*
 * revision.c - the texts of connectors as they were when a delivery was pinned to them.
 *
 * A number made in a turn that is poisoned is void: ask again. Asking costs a look into a small
 * ring in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

static int find_known(const struct store *store, const uint8_t digest[ID_DIGEST_BYTES])
{
	unsigned n = store->n_revisions < KNOWN_REVISIONS ? store->n_revisions : KNOWN_REVISIONS;
	for (unsigned i = 0; i < n; i++) {
		if (memcmp(store->revisions[i].digest, digest, ID_DIGEST_BYTES) == 0)
			return store->revisions[i].id;
	}
	return 0;
}

static int remember(struct store *store, const uint8_t digest[ID_DIGEST_BYTES], int id)
{
	struct known_revision *known = &store->revisions[store->n_revisions++ % KNOWN_REVISIONS];
	memcpy(known->digest, digest, ID_DIGEST_BYTES);
	known->id = id;
	return id;
}

int store_connector_revision(struct store *store, const char *connector, const char *text,
	size_t len, const uint8_t digest[ID_DIGEST_BYTES], int64_t now_ms)
{
	int known = find_known(store, digest);
	if (known != 0)
		return known;
	int64_t id = 0;
	struct query find = query_start(store, REVISION_FIND);
	query_blob(&find, digest, ID_DIGEST_BYTES);
	int found = query_number(&find, &id);
	if (found != 0)
		return found < 0 ? -1 : remember(store, digest, (int)id);

	if (store_begin_write(store) < 0)
		return -1;
	struct query insert = query_start(store, REVISION_INSERT);
	query_text(&insert, connector);
	query_blob(&insert, digest, ID_DIGEST_BYTES);
	query_int(&insert, now_ms);
	query_text_len(&insert, text, len);
	if (query_run(&insert) < 0)
		return -1;
	return remember(store, digest, (int)sqlite3_last_insert_rowid(store->db));
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
