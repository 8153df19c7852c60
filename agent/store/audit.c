/*
 * audit.c - the audit trail: who did what to which thing, and why, chained by hashes.
 */
#include <string.h>

#include "dray/audit.h"
#include "store/store_internal.h"

/* Ids go on above those of the database before, which come back: a million each. */
#define AUDITS_PER_DATABASE INT64_C(1000000)

static int last_hash(struct store *store, uint8_t ret[ID_DIGEST_BYTES])
{
	memset(ret, 0, ID_DIGEST_BYTES);
	struct query query = query_start(store, AUDIT_LAST);
	int found = query_step(&query);
	if (found <= 0)
		return found;
	size_t len = 0;
	const void *hash = row_bytes(&query, 0, &len);
	if (len == ID_DIGEST_BYTES)
		memcpy(ret, hash, len);
	query_end(&query);
	return 0;
}

int store_audit(struct store *store, int64_t now_ms, const char *who, const char *what,
	const char *object, const char *why)
{
	uint8_t previous[ID_DIGEST_BYTES];
	uint8_t hash[ID_DIGEST_BYTES];
	if (store_begin_write(store) < 0 || last_hash(store, previous) < 0)
		return -1;
	const struct audit_entry entry = {
		.at_ms = now_ms,
		.who = who,
		.what = what,
		.object = object,
		.why = why ? why : "",
	};
	audit_hash(previous, &entry, hash);

	struct query query = query_start(store, AUDIT_INSERT);
	query_int(&query, now_ms);
	query_text(&query, entry.who);
	query_text(&query, entry.what);
	query_text(&query, entry.object);
	query_text(&query, entry.why);
	query_blob(&query, hash, sizeof(hash));
	query_int(&query, store->number * AUDITS_PER_DATABASE);
	return query_run(&query);
}
