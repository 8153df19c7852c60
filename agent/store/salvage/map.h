/*
 * map.h - which tree a page belongs to, and does it look like one of that tree?
 *
 * SQLite has no checksums over pages. A page that was written to the wrong place is a good page of
 * another tree, and there is nothing about it that SQLite would notice: a delivery that is looked for
 * in it is simply not there. With auto_vacuum a file has a map with each page's parent
 * (https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages). A page is followed up to its
 * root, as long as each parent does list its child; then its kind and how many columns its rows have
 * must be the tree's. One that looks different is refused as corrupt. One whose tree can't be found
 * out is let through. So is the last overflow page of a long row when it is one of another row, and a
 * page of another tree whose rows look the same: only what is in them can tell (check.h).
 */
#ifndef DRAY_STORE_SALVAGE_MAP_H
#define DRAY_STORE_SALVAGE_MAP_H

#include "store/salvage/view.h"

#define MAP_TREES_MAX 64
#define MAP_NAME_BYTES 64

struct map_tree {
	char name[MAP_NAME_BYTES];
	uint32_t root;
	bool is_rowid;     /* a table with rowids; else an index, or a table without */
	int columns;       /* of a row, as stored */
	int columns_least; /* the same, stored when the schema was the first */
	int keys;          /* of these, the first ones, are the primary key; 0: it is an index */
	bool is_healed;    /* inner pages were made anew (heal.h) */
	bool is_holed;     /* with children left out that can't be read */
};

struct map {
	const struct view *view;
	struct map_tree trees[MAP_TREES_MAX];
	unsigned n_trees;
};

enum map_type {
	MAP_NOTHING = 0, /* the entry says nothing, or can't be read */
	MAP_ROOT = 1,
	MAP_FREE = 2,
	MAP_OVERFLOW_FIRST = 3, /* its parent is in a tree */
	MAP_OVERFLOW_NEXT = 4,  /* its parent is the overflow page before */
	MAP_BTREE = 5,
};

struct map_entry {
	unsigned type; /* enum map_type, or what damage made of it */
	uint32_t parent;
};

/* What the map says of a page. */
struct map_entry map_find_entry(const struct map *map, uint32_t page);
/* NULL: there is none of that name. */
const struct map_tree *map_tree_named(const struct map *map, const char *name);
/* The tree that a page is in, as map and parents say; NULL: it can't be told. */
const struct map_tree *map_find_tree(const struct map *map, uint32_t page);
/* As the map alone says. */
const struct map_tree *map_guess_tree(const struct map *map, uint32_t page);
/* Could these bytes be a page of the tree? */
bool map_fits_tree(const struct map_tree *tree, const uint8_t *bytes);
/*
 * Could these bytes be this page, where it is one of those that a long row overflows to? False when
 * the one that it names as the next belongs to another row, as its own map entry and the page before
 * it say.
 */
bool map_fits_list(const struct map *map, uint32_t page, const uint8_t *bytes);

#endif
