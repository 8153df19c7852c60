/*
 * desired.h - a desired configuration, as it comes from afar: what stands in the topic config/desired, at
 * fleet.url, and in the file of `drayctl config apply`.
 *
 *   {"site": "dc-muc-1", "revision": 12, "config": {"destinations": {…}, …}}
 *
 * alone, or signed (jws.h). `config` is a JSON merge patch (RFC 7396) on what the site's files say; it takes
 * the place of the one before, whole. Pure.
 */
#ifndef DRAY_DESIRED_H
#define DRAY_DESIRED_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "dray/error.h"
#include "dray/ids.h"
#include "dray/jws.h"

#define DESIRED_REVISION_MAX ((INT64_C(1) << 53) - 1)

struct desired {
	int64_t revision; /* 1..DESIRED_REVISION_MAX */
	cJSON *config;    /* owned */
};

/* What it is held against. */
struct desired_rules {
	const char *site;
	const struct jws_keys *keys; /* NULL: a signature is not asked for */
	const char *allow;           /* top-level names, a blank around each: " routes sources " */
};

/*
 * Verify and read. An empty text is an error like any other.
 *
 * ret      desired_done() frees what it holds; untouched unless 0 is returned.
 * revision set, where it could be read, also when the document is refused for another reason: so that
 *          the refusal can be reported by its number; else 0. May be NULL.
 * Returns  0, or -1 with *err filled: not signed or not by whom it should be, not JSON, a member that is
 *          unknown or missing, another site's, a part of the configuration that may not be changed from afar.
 */
int desired_read(const char *text, size_t len, const struct desired_rules *rules,
	struct desired *ret, int64_t *revision, struct error *err);
void desired_done(struct desired *desired);

#endif
