/*
 * help_fuzz.h - what the fuzz targets share: a property that must hold, and a store that forgets.
 */
#ifndef DRAY_HELP_FUZZ_H
#define DRAY_HELP_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct clock;
struct store;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool holds)
{
	if (!holds)
		abort();
}

/* UTF-8 text of one line that a terminal can't be fooled by: no C0, no DEL, no C1. */
void check_words(const char *text, size_t len);
/* Does the scanner pass it? */
bool is_json(const char *text, size_t len);
void check_json(const char *text, size_t len);

/* It stands still, and its entropy is always the same. */
const struct clock *fuzz_clock(void);
/* A database in a folder that ends with the process. `path` is that of another file beside it. */
struct store *fuzz_store(const char *name, char *ret_path, size_t size);

#endif
