/*
 * salvage_map.h - which tree a page belongs to, and does it look like one of that tree?
 *
 * SQLite has no checksums over pages. A page that was written to the wrong place is a good page of
 * another tree, and there is nothing about it that SQLite would notice: a delivery that is looked for
 * in it is simply not there. With auto_vacuum a file has a map with each page's parent
 * (https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages). A page is followed up to its
 * root, as long as each parent does list its child; then its kind and how many columns its rows have
 * must be the tree's. One that looks different is refused as corrupt. One whose tree can't be found
 * out is let through. So is the last overflow page of a long row when it is one of another row: only
 * what is in it can tell (salvage_check.h).
 */
#ifndef DRAY_STORE_SALVAGE_MAP_H
#define DRAY_STORE_SALVAGE_MAP_H

#include "store/salvage_view.h"

#define MAP_TREES_MAX 64

struct map_tree {
	uint32_t root;
	bool is_rowid; /* a table with rowids; else an index, or a table without */
	int columns;   /* of a row, as stored */
};

struct map {
	const struct view *view;
	struct map_tree trees[MAP_TREES_MAX];
	unsigned n_trees;
};

/* The root of the tree that a page is in; NULL: it can't be told. */
const struct map_tree *map_find_tree(const struct map *map, uint32_t page);
/* Could these bytes be a page of the tree? */
bool map_fits_tree(const struct map_tree *tree, const uint8_t *bytes);
/*
 * Could these bytes be this page, where it is one of those that a long row overflows to? False when
 * the one that it names as the next belongs to another row, as its own map entry and the page before
 * it say.
 */
bool map_fits_list(const struct map *map, uint32_t page, const uint8_t *bytes);

#endif
