/*
 * page.h - the bytes of one page of a b-tree, which may be damaged.
 *
 * https://www.sqlite.org/fileformat2.html#b_tree_pages. Whatever the bytes are, nothing outside of
 * the page is read. Pure.
 */
#ifndef DRAY_STORE_SALVAGE_PAGE_H
#define DRAY_STORE_SALVAGE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum page_kind {
	PAGE_INDEX_INTERIOR = 2,
	PAGE_TABLE_INTERIOR = 5,
	PAGE_INDEX_LEAF = 10,
	PAGE_TABLE_LEAF = 13,
};

#define PAGE_KEYS_MAX 3

uint32_t page_big(const uint8_t *at);
void page_put_big(uint8_t *at, uint32_t value);

bool page_is_interior(const uint8_t *page);
/* As the page says, and at most as many as it can have. */
unsigned page_count_cells(const uint8_t *page);
/* NULL: it doesn't lie in the page. */
const uint8_t *page_cell(const uint8_t *page, unsigned index);
/* Of an interior page: one per cell, and behind them the last one. 0: there is none. */
uint32_t page_child(const uint8_t *page, unsigned index);
bool page_lists_child(const uint8_t *page, uint32_t child);
/* Columns of the row in a cell; -1: it is none. */
int page_count_columns(const uint8_t *page, const uint8_t *cell);
/*
 * The key of a cell: the rowid in a table's, else the row's first columns, `n` whole numbers.
 * False: it has no such key.
 */
bool page_read_key(const uint8_t *page, const uint8_t *cell, int n, int64_t ret[PAGE_KEYS_MAX]);

/* An interior page to be: what separates two children, and the child before it. */
struct page_branch {
	uint32_t child;
	int64_t key[PAGE_KEYS_MAX];
};
/*
 * Make an interior page. The key of the last branch is of no matter. In a page of an index a
 * separator is a row itself: made of the key's n_keys numbers, its other columns NULL.
 *
 * columns  of a row; 0: a table's page, whose separators are rowids.
 * Returns  false when it doesn't fit.
 */
bool page_make_interior(
	const struct page_branch *branches, unsigned n, int n_keys, int columns, uint8_t *out);

#endif
