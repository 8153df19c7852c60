/*
 * audit.h - the hash chain of the audit trail.
 *
 * hash(n) = SHA-256( hash(n-1) || at || who || what || object || why ), each text preceded by its
 * length as 8 bytes big-endian, `at` as 8 bytes big-endian; hash(0) is 32 zero bytes. A row that was changed, removed or put
 * between shows as the first one whose hash does not fit.
 */
#ifndef DRAY_AUDIT_H
#define DRAY_AUDIT_H

#include <stdint.h>

#include "dray/ids.h"

struct audit_entry {
	int64_t at_ms;
	const char *who;    /* "uid:1000", "config", "drayd" */
	const char *what;   /* "destination.pause" */
	const char *object; /* "erp", "exception/12" */
	const char *why;    /* "" none */
};

/*
 * previous, out  may be the same memory. A NULL text counts as "".
 * Returns        0, or -1 when memory ran out; `out` is untouched then.
 */
int audit_hash(const uint8_t previous[ID_DIGEST_BYTES], const struct audit_entry *entry,
	uint8_t out[ID_DIGEST_BYTES]);

#endif
