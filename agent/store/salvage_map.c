/*
 * salvage_map.c - see salvage_map.h; the format of b-tree pages:
 * https://www.sqlite.org/fileformat2.html#b_tree_pages
 */
#include "store/salvage_map.h"

#include <stddef.h>
#include <string.h>

#include "store/store_internal.h"

#define MAP_ENTRY_BYTES 5
#define MAP_ENTRIES (PAGE_BYTES / MAP_ENTRY_BYTES)
#define MAP_FIRST_PAGE 2
#define LOCK_PAGE ((1 << 30) / PAGE_BYTES + 1) /* never used, so that locks have a place */
#define MAP_TYPE_OVERFLOW_FIRST 3              /* its parent is in a tree */
#define MAP_TYPE_OVERFLOW_NEXT 4               /* its parent is the overflow page before */
#define MAP_TYPE_BTREE 5
#define DEPTH_MAX 20

enum page_kind { INDEX_INTERIOR = 2, TABLE_INTERIOR = 5, INDEX_LEAF = 10, TABLE_LEAF = 13 };

static uint32_t get_big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static unsigned get_short(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* --- the map --------------------------------------------------------------------------------------------- */

static uint32_t map_page_of(uint32_t page)
{
	uint32_t at =
		(page - MAP_FIRST_PAGE) / (MAP_ENTRIES + 1) * (MAP_ENTRIES + 1) + MAP_FIRST_PAGE;
	return at == LOCK_PAGE ? at + 1 : at;
}

struct map_entry {
	unsigned type;
	uint32_t parent;
};

/* What the map says of a page; type 0: nothing. */
static struct map_entry find_entry(const struct map *map, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	const struct map_entry none = { .type = 0 };
	if (page <= MAP_FIRST_PAGE || page > view_pages(map->view))
		return none;
	uint32_t map_page = map_page_of(page);
	if (page <= map_page || view_read_page(map->view, map_page, bytes) < 0)
		return none;
	const uint8_t *entry = bytes + (size_t)MAP_ENTRY_BYTES * (page - map_page - 1);
	return (struct map_entry){ .type = entry[0], .parent = get_big(entry + 1) };
}

/* --- pages ----------------------------------------------------------------------------------------------- */

static bool is_interior(const uint8_t *bytes)
{
	return bytes[0] == INDEX_INTERIOR || bytes[0] == TABLE_INTERIOR;
}

static size_t head_bytes(const uint8_t *bytes)
{
	return is_interior(bytes) ? 12 : 8;
}

static unsigned count_cells(const uint8_t *bytes)
{
	unsigned most = (unsigned)(PAGE_BYTES - head_bytes(bytes)) / 2;
	unsigned n = get_short(bytes + 3);
	return n < most ? n : most;
}

/* Where a cell begins; at least 4 bytes are there. */
static const uint8_t *find_cell(const uint8_t *bytes, unsigned index)
{
	unsigned at = get_short(bytes + head_bytes(bytes) + (size_t)2 * index);
	return at >= head_bytes(bytes) && at <= PAGE_BYTES - 4 ? bytes + at : NULL;
}

static bool lists_child(const uint8_t *bytes, uint32_t child)
{
	if (!is_interior(bytes))
		return false;
	if (get_big(bytes + 8) == child)
		return true;
	for (unsigned i = 0; i < count_cells(bytes); i++) {
		const uint8_t *cell = find_cell(bytes, i);
		if (cell != NULL && get_big(cell) == child)
			return true;
	}
	return false;
}

/* Big-endian, 7 bits a byte, at most 9. NULL: it does not end before `end`. */
static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
	uint64_t value = 0;
	for (int i = 0; i < 9 && at < end; i++) {
		uint8_t byte = *at++;
		value = i < 8 ? value << 7 | (byte & 0x7f) : value << 8 | byte;
		if (i == 8 || !(byte & 0x80)) {
			*ret = value;
			return at;
		}
	}
	return NULL;
}

/* Columns of the row in a cell; -1: it is none. */
static int count_columns(const uint8_t *bytes, const uint8_t *cell)
{
	const uint8_t *end = bytes + PAGE_BYTES;
	const uint8_t *at = cell + (bytes[0] == INDEX_INTERIOR ? 4 : 0);
	uint64_t value;
	uint64_t head = 0;
	int n = 0;
	at = read_varint(at, end, &value); /* the length of the row */
	if (at != NULL && bytes[0] == TABLE_LEAF)
		at = read_varint(at, end, &value); /* the rowid */
	const uint8_t *begin = at;
	if (at != NULL)
		at = read_varint(at, end, &head);
	if (at == NULL || head > (uint64_t)(end - begin))
		return -1;
	for (end = begin + head; at < end; n++) {
		at = read_varint(at, end, &value);
		if (at == NULL)
			return -1;
	}
	return n;
}

bool map_fits_tree(const struct map_tree *tree, const uint8_t *bytes)
{
	if (tree->is_rowid && bytes[0] == TABLE_INTERIOR)
		return true;
	if (bytes[0] != TABLE_LEAF && (bytes[0] != INDEX_INTERIOR && bytes[0] != INDEX_LEAF))
		return false;
	if (tree->is_rowid != (bytes[0] == TABLE_LEAF))
		return false;
	for (unsigned i = 0; i < count_cells(bytes); i++) {
		const uint8_t *cell = find_cell(bytes, i);
		if (cell == NULL || count_columns(bytes, cell) != tree->columns)
			return false;
	}
	return true;
}

const struct map_tree *map_find_tree(const struct map *map, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		for (unsigned i = 0; i < map->n_trees; i++) {
			if (map->trees[i].root == page)
				return &map->trees[i];
		}
		struct map_entry entry = find_entry(map, page);
		if (entry.type != MAP_TYPE_BTREE ||
			view_read_page(map->view, entry.parent, bytes) < 0 ||
			!lists_child(bytes, page))
			return NULL;
		page = entry.parent;
	}
	return NULL;
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
	if (entry.type == MAP_TYPE_OVERFLOW_NEXT)
		return memcmp(bytes, number, sizeof(number)) == 0;
	return entry.type == MAP_TYPE_OVERFLOW_FIRST &&
	       memmem(bytes, sizeof(bytes), number, sizeof(number)) != NULL;
}

bool map_fits_list(const struct map *map, uint32_t page, const uint8_t *bytes)
{
	unsigned type = find_entry(map, page).type;
	if (type != MAP_TYPE_OVERFLOW_FIRST && type != MAP_TYPE_OVERFLOW_NEXT)
		return true;
	uint32_t next = get_big(bytes);
	struct map_entry entry = find_entry(map, next);
	return next == 0 || entry.parent == page || !is_named_by_parent(map, entry, next);
}
