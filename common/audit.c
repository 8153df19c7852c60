#include "dray/audit.h"

#include <string.h>

#include "dray/buf.h"

static void put_number(struct buf *out, uint64_t number)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_putc(out, (char)(uint8_t)(number >> shift));
}

static void put_text(struct buf *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	put_number(out, len);
	if (len > 0)
		buf_put(out, text, len);
}

int audit_hash(const uint8_t previous[ID_DIGEST_BYTES], const struct audit_entry *entry,
	uint8_t out[ID_DIGEST_BYTES])
{
	struct buf chained = BUF_INIT;
	int result = -1;

	buf_put(&chained, previous, ID_DIGEST_BYTES);
	put_number(&chained, (uint64_t)entry->at_ms);
	put_text(&chained, entry->who);
	put_text(&chained, entry->what);
	put_text(&chained, entry->object);
	put_text(&chained, entry->why);
	if (!buf_failed(&chained)) {
		id_digest(chained.data, chained.len, out);
		result = 0;
	}
	buf_done(&chained);
	return result;
}
