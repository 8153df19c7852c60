/*
 * map_program.h - one jq program: compiled once, run for each input. The only user of libjq.
 *
 * Before the program stands prelude.jq: helpers, and errors that say so in the place of what a pure
 * function has no business with.
 *
 * Local times are those of the process: TZ must be set before the first run.
 */
#ifndef DRAY_MAP_PROGRAM_H
#define DRAY_MAP_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/buf.h"
#include "mapper/mapper.h"

struct map_program;

/* What libjq calls when memory has run out; it must not return. NULL: abort(). For all programs. */
void map_program_on_no_memory(void (*handler)(void *ctx));

/* `text` is copied. NULL when memory ran out. */
struct map_program *map_program_new(const char *text, size_t len);
void map_program_free(struct map_program *program);

/* Give back what was compiled; the next run compiles again. */
void map_program_drop(struct map_program *program);
bool map_program_is_compiled(const struct map_program *program);

/*
 * Compile, if it isn't yet. Returns 0, or -1 with the compiler's words appended to `why`, the same
 * words each time.
 */
int map_program_compile(struct map_program *program, struct buf *why);

/*
 * Run it. `input` is one JSON text. `out` is reset and receives the output or the reason.
 * MAPPER_OUTPUT, MAPPER_NOTHING or MAPPER_FAILED.
 */
enum mapper_outcome map_program_run(
	struct map_program *program, const char *input, size_t len, struct buf *out);

#endif
