/* reference_seen.c - open addressing, at most half full. */
#include <stdlib.h>

#include "ctl/reference_file.h"

#define FIRST_SIZE 1024

/* FNV-1a, 64 bits; never 0, which marks a free cell. A NUL stands between kind and id. */
static uint64_t hash_of(const char *kind, const char *id)
{
	const char *const parts[] = { kind, id };
	uint64_t hash = UINT64_C(14695981039346656037);

	for (int i = 0; i < 2; i++) {
		for (const char *p = parts[i]; *p; p++)
			hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
		hash *= UINT64_C(1099511628211);
	}
	return hash ? hash : 1;
}

/* The cell of a hash, or the free one where it belongs. */
static uint64_t *cell_of(const struct seen *seen, uint64_t hash)
{
	size_t i = (size_t)(hash ^ hash >> 32) & (seen->size - 1);

	while (seen->cells[i] && seen->cells[i] != hash)
		i = (i + 1) & (seen->size - 1);
	return &seen->cells[i];
}

static int grow(struct seen *seen)
{
	struct seen larger = { .size = seen->size ? 2 * seen->size : FIRST_SIZE, .n = seen->n };

	larger.cells = calloc(larger.size, sizeof(*larger.cells));
	if (!larger.cells)
		return -1;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->cells[i])
			*cell_of(&larger, seen->cells[i]) = seen->cells[i];
	free(seen->cells);
	*seen = larger;
	return 0;
}

int seen_add(struct seen *seen, const char *kind, const char *id)
{
	uint64_t hash = hash_of(kind, id), *cell;

	if (2 * (seen->n + 1) > seen->size && grow(seen) < 0)
		return -1;
	cell = cell_of(seen, hash);
	if (*cell)
		return 0;
	*cell = hash;
	seen->n++;
	return 1;
}

bool seen_has(const struct seen *seen, const char *kind, const char *id)
{
	return seen->size > 0 && *cell_of(seen, hash_of(kind, id)) != 0;
}

void seen_done(struct seen *seen)
{
	free(seen->cells);
	*seen = (struct seen){ 0 };
}
