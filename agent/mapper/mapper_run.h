/*
 * mapper_run.h - a program run while the caller waits: for drayctl, drayd --check, and the
 * loading of a configuration. The same child,
 * the same limits and the same answers as mapper.h; no event loop.
 */
#ifndef DRAY_MAPPER_RUN_H
#define DRAY_MAPPER_RUN_H

#include <stddef.h>

#include "dray/buf.h"
#include "dray/error.h"
#include "mapper/mapper.h"

struct mapper_run;

/* NULL with *err filled. `path` of dray-map, `zone` as in mapper.h; copied. */
struct mapper_run *mapper_run_new(const char *path, const char *zone, struct error *err);
void mapper_run_free(struct mapper_run *run);

/* One call, at most MAPPER_BOUND_MS. `out` receives the text that mapper_done_fn would get. */
enum mapper_outcome mapper_run_call(struct mapper_run *run, const char *program, size_t program_len,
	const char *input, size_t len, struct buf *out);

/*
 * Does it compile? It isn't run. Tried until it is held where the compiler overruns: 3 times.
 *
 * Returns  0, or -1 with why in `out`.
 */
int mapper_run_compile(
	struct mapper_run *run, const char *program, size_t program_len, struct buf *out);

#endif
