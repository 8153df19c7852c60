/*
 * map.c - see map.h
 */
#include "store/salvage/map.h"

#include <stddef.h>
#include <string.h>

#include "store/salvage/page.h"
#include "store/store_internal.h"

#define MAP_ENTRY_BYTES 5
#define MAP_ENTRIES (PAGE_BYTES / MAP_ENTRY_BYTES)
#define MAP_FIRST_PAGE 2
#define LOCK_PAGE ((1 << 30) / PAGE_BYTES + 1) /* never used, so that locks have a place */
#define DEPTH_MAX 20

/* --- the map --------------------------------------------------------------------------------------------- */

static uint32_t map_page_of(uint32_t page)
{
	uint32_t at =
		(page - MAP_FIRST_PAGE) / (MAP_ENTRIES + 1) * (MAP_ENTRIES + 1) + MAP_FIRST_PAGE;
	return at == LOCK_PAGE ? at + 1 : at;
}

struct map_entry map_find_entry(const struct map *map, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	const struct map_entry none = { .type = 0 };
	if (page <= MAP_FIRST_PAGE || page > view_pages(map->view))
		return none;
	uint32_t map_page = map_page_of(page);
	if (page <= map_page || view_read_page(map->view, map_page, bytes) < 0)
		return none;
	const uint8_t *entry = bytes + (size_t)MAP_ENTRY_BYTES * (page - map_page - 1);
	return (struct map_entry){ .type = entry[0], .parent = page_big(entry + 1) };
}

bool map_fits_tree(const struct map_tree *tree, const uint8_t *bytes)
{
	if (tree->is_rowid && bytes[0] == PAGE_TABLE_INTERIOR)
		return true; /* it has no rows */
	if (tree->is_rowid ? bytes[0] != PAGE_TABLE_LEAF
			   : bytes[0] != PAGE_INDEX_INTERIOR && bytes[0] != PAGE_INDEX_LEAF)
		return false;
	for (unsigned i = 0; i < page_count_cells(bytes); i++) {
		const uint8_t *cell = page_cell(bytes, i);
		int columns = cell == NULL ? -1 : page_count_columns(bytes, cell);
		if (columns < tree->columns_least || columns > tree->columns)
			return false;
	}
	return true;
}

static const struct map_tree *tree_of_root(const struct map *map, uint32_t page)
{
	for (unsigned i = 0; i < map->n_trees; i++) {
		if (map->trees[i].root == page)
			return &map->trees[i];
	}
	return NULL;
}

const struct map_tree *map_tree_named(const struct map *map, const char *name)
{
	for (unsigned i = 0; i < map->n_trees; i++) {
		if (strcmp(map->trees[i].name, name) == 0)
			return &map->trees[i];
	}
	return NULL;
}

/* Up to the root. `is_proven`: each parent must list its child. */
static const struct map_tree *climb(const struct map *map, uint32_t page, bool is_proven)
{
	uint8_t bytes[PAGE_BYTES];
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		const struct map_tree *tree = tree_of_root(map, page);
		if (tree != NULL)
			return tree;
		struct map_entry entry = map_find_entry(map, page);
		if (entry.type != MAP_BTREE)
			return NULL;
		if (is_proven && (view_read_page(map->view, entry.parent, bytes) < 0 ||
					 !page_lists_child(bytes, page)))
			return NULL;
		page = entry.parent;
	}
	return NULL;
}

const struct map_tree *map_find_tree(const struct map *map, uint32_t page)
{
	return climb(map, page, true);
}

const struct map_tree *map_guess_tree(const struct map *map, uint32_t page)
{
	return climb(map, page, false);
}

/* --- overflow pages: a list, each begins with the number of the next one ------------------------------------ */

/* Does the page that the map says is the one before name this one? */
static bool is_named_by_parent(const struct map *map, struct map_entry entry, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	const uint8_t number[4] = { (uint8_t)(page >> 24), (uint8_t)(page >> 16),
		(uint8_t)(page >> 8), (uint8_t)page };
	if (view_read_page(map->view, entry.parent, bytes) < 0)
		return false;
	if (entry.type == MAP_OVERFLOW_NEXT)
		return memcmp(bytes, number, sizeof(number)) == 0;
	return entry.type == MAP_OVERFLOW_FIRST &&
	       memmem(bytes, sizeof(bytes), number, sizeof(number)) != NULL;
}

bool map_fits_list(const struct map *map, uint32_t page, const uint8_t *bytes)
{
	unsigned type = map_find_entry(map, page).type;
	if (type != MAP_OVERFLOW_FIRST && type != MAP_OVERFLOW_NEXT)
		return true;
	uint32_t next = page_big(bytes);
	struct map_entry entry = map_find_entry(map, next);
	return next == 0 || entry.parent == page || !is_named_by_parent(map, entry, next);
}
