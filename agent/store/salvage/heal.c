/*
 * heal.c - see heal.h
 */
#include "store/salvage/heal.h"

#include <stdlib.h>
#include <string.h>

#include "store/salvage/page.h"
#include "store/store_internal.h"

#define LOST_MAX 256
#define BRANCHES_MAX 600 /* more don't fit into a page */
#define DEPTH_MAX 20

struct lost {
	uint32_t page;
	const struct map_tree *tree;
	bool is_healed;
};

struct healer {
	struct view *view;
	struct map *map;
	const atomic_bool *is_stopping;
	uint8_t *is_looked_at; /* a bit a page */
	struct lost lost[LOST_MAX];
	unsigned n_lost;
	bool has_hole; /* of those gathered last */
	struct page_branch branches[BRANCHES_MAX];
	int64_t first_keys[BRANCHES_MAX][PAGE_KEYS_MAX];
	unsigned n_branches;
};

static int keys_of(const struct map_tree *tree)
{
	return tree->is_rowid ? 1 : tree->keys;
}

/* --- which are destroyed --------------------------------------------------------------------------------- */

static bool fits(const struct healer *healer, const struct map_tree *tree, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	return view_read_page(healer->view, page, bytes) == 0 && map_fits_tree(tree, bytes);
}

/* Its first child is another page's, which says so too: what stands here is that one's copy. */
static bool is_copy(const struct healer *healer, uint32_t page, const uint8_t *bytes)
{
	uint8_t other[PAGE_BYTES];
	uint32_t child = page_child(bytes, 0);
	struct map_entry entry = map_find_entry(healer->map, child);
	return entry.type == MAP_BTREE && entry.parent != page &&
	       view_read_page(healer->view, entry.parent, other) == 0 &&
	       page_lists_child(other, child);
}

static bool is_destroyed(const struct healer *healer, const struct map_tree *tree, uint32_t page)
{
	uint8_t bytes[PAGE_BYTES];
	return view_read_page(healer->view, page, bytes) < 0 || !map_fits_tree(tree, bytes) ||
	       !page_is_interior(bytes) || is_copy(healer, page, bytes);
}

static void look_at_parent(struct healer *healer, uint32_t page, uint32_t parent)
{
	uint8_t *byte = &healer->is_looked_at[parent / 8];
	uint8_t bit = (uint8_t)(1u << parent % 8);
	if (*byte & bit || healer->n_lost == LOST_MAX)
		return;
	const struct map_tree *tree = map_guess_tree(healer->map, parent);
	int n_keys = tree != NULL ? keys_of(tree) : 0;
	if (n_keys < 1 || n_keys > PAGE_KEYS_MAX || !fits(healer, tree, page))
		return;
	*byte |= bit;
	if (is_destroyed(healer, tree, parent))
		healer->lost[healer->n_lost++] = (struct lost){ .page = parent, .tree = tree };
}

static void find_lost(struct healer *healer)
{
	uint32_t n_pages = view_pages(healer->view);
	for (uint32_t page = 3; page <= n_pages && !atomic_load(healer->is_stopping); page++) {
		struct map_entry entry = map_find_entry(healer->map, page);
		if (entry.type == MAP_BTREE && entry.parent > 2 && entry.parent <= n_pages)
			look_at_parent(healer, page, entry.parent);
	}
}

/* --- what they were ---------------------------------------------------------------------------------------- */

/* The first or last key below a page. */
static bool read_end_key(const struct healer *healer, const struct map_tree *tree, uint32_t page,
	bool is_last, int64_t ret[PAGE_KEYS_MAX])
{
	uint8_t bytes[PAGE_BYTES];
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (view_read_page(healer->view, page, bytes) < 0 || !map_fits_tree(tree, bytes))
			return false;
		unsigned n = page_count_cells(bytes);
		if (!page_is_interior(bytes)) {
			const uint8_t *cell = n > 0 ? page_cell(bytes, is_last ? n - 1 : 0) : NULL;
			return cell != NULL && page_read_key(bytes, cell, keys_of(tree), ret);
		}
		page = page_child(bytes, is_last ? n : 0);
	}
	return false;
}

static const struct lost *find_known(const struct healer *healer, uint32_t page)
{
	for (unsigned i = 0; i < healer->n_lost; i++) {
		if (healer->lost[i].page == page)
			return &healer->lost[i];
	}
	return NULL;
}

static int compare_keys(const int64_t *a, const int64_t *b, int n)
{
	for (int i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* By first key. */
static void insert_branch(struct healer *healer, const struct page_branch *branch,
	const int64_t first[PAGE_KEYS_MAX], int n_keys)
{
	unsigned i = healer->n_branches++;
	for (; i > 0 && compare_keys(first, healer->first_keys[i - 1], n_keys) < 0; i--) {
		healer->branches[i] = healer->branches[i - 1];
		memcpy(healer->first_keys[i], healer->first_keys[i - 1],
			sizeof(healer->first_keys[i]));
	}
	healer->branches[i] = *branch;
	memcpy(healer->first_keys[i], first, sizeof(healer->first_keys[i]));
}

/* False: a child must be healed first. One that is itself destroyed for good is left out. */
static bool gather_branches(struct healer *healer, const struct lost *lost, bool is_final)
{
	int n_keys = keys_of(lost->tree);
	uint32_t n_pages = view_pages(healer->view);
	healer->n_branches = 0;
	healer->has_hole = false;
	for (uint32_t page = 3; page <= n_pages && healer->n_branches < BRANCHES_MAX; page++) {
		struct map_entry entry = map_find_entry(healer->map, page);
		if (entry.type != MAP_BTREE || entry.parent != lost->page)
			continue;
		const struct lost *child = find_known(healer, page);
		if (child != NULL && !child->is_healed && !is_final)
			return false;
		struct page_branch branch = { .child = page };
		int64_t first[PAGE_KEYS_MAX] = { 0 };
		if (!read_end_key(healer, lost->tree, page, false, first) ||
			!read_end_key(healer, lost->tree, page, true, branch.key)) {
			healer->has_hole = true;
			continue;
		}
		if (!lost->tree->is_rowid)
			branch.key[n_keys - 1]++;
		insert_branch(healer, &branch, first, n_keys);
	}
	return true;
}

/* 1 done, 0 not yet or never, -1 no memory. */
static int heal(struct healer *healer, struct lost *lost, bool is_final)
{
	uint8_t bytes[PAGE_BYTES];
	if (!gather_branches(healer, lost, is_final) ||
		!page_make_interior(healer->branches, healer->n_branches, keys_of(lost->tree),
			lost->tree->is_rowid ? 0 : lost->tree->columns, bytes))
		return 0;
	lost->is_healed = true;
	struct map_tree *tree = &healer->map->trees[lost->tree - healer->map->trees];
	tree->is_healed = true;
	tree->is_holed = tree->is_holed || healer->has_hole;
	return view_replace_page(healer->view, lost->page, bytes) < 0 ? -1 : 1;
}

/* From below: as long as one is healed, others may follow; then those with a child that can't be. */
static int heal_all(struct healer *healer)
{
	bool is_final = false;
	for (;;) {
		int n = 0;
		for (unsigned i = 0; i < healer->n_lost; i++) {
			if (healer->lost[i].is_healed || atomic_load(healer->is_stopping))
				continue;
			int result = heal(healer, &healer->lost[i], is_final);
			if (result < 0)
				return -1;
			n += result;
		}
		if (n == 0 && is_final)
			return 0;
		is_final = n == 0;
	}
}

int salvage_heal(struct view *view, struct map *map, const atomic_bool *is_stopping)
{
	struct healer *healer = calloc(1, sizeof(*healer));
	if (healer == NULL)
		return -1;
	healer->view = view;
	healer->map = map;
	healer->is_stopping = is_stopping;
	healer->is_looked_at = calloc(1, view_pages(view) / 8 + 1);
	int result = -1;
	if (healer->is_looked_at != NULL) {
		find_lost(healer);
		result = heal_all(healer);
	}
	free(healer->is_looked_at);
	free(healer);
	return result;
}
