/*
 * page.c - see page.h
 */
#include "store/salvage/page.h"

#include <string.h>

#include "store/store_internal.h"

uint32_t page_big(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void page_put_big(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static unsigned get_short(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

bool page_is_interior(const uint8_t *bytes)
{
	return bytes[0] == PAGE_INDEX_INTERIOR || bytes[0] == PAGE_TABLE_INTERIOR;
}

static size_t head_bytes(const uint8_t *bytes)
{
	return page_is_interior(bytes) ? 12 : 8;
}

unsigned page_count_cells(const uint8_t *bytes)
{
	unsigned most = (unsigned)(PAGE_BYTES - head_bytes(bytes)) / 2;
	unsigned n = get_short(bytes + 3);
	return n < most ? n : most;
}

/* At least 4 bytes are there. */
const uint8_t *page_cell(const uint8_t *bytes, unsigned index)
{
	unsigned at = get_short(bytes + head_bytes(bytes) + (size_t)2 * index);
	return at >= head_bytes(bytes) && at <= PAGE_BYTES - 4 ? bytes + at : NULL;
}

uint32_t page_child(const uint8_t *page, unsigned index)
{
	unsigned n = page_count_cells(page);
	if (!page_is_interior(page) || index > n)
		return 0;
	const uint8_t *at = index == n ? page + 8 : page_cell(page, index);
	return at != NULL ? page_big(at) : 0;
}

bool page_lists_child(const uint8_t *page, uint32_t child)
{
	for (unsigned i = 0; page_is_interior(page) && i <= page_count_cells(page); i++) {
		if (page_child(page, i) == child)
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

/* The head of the row in a cell, and where that ends. NULL: it is none. */
static const uint8_t *find_row(const uint8_t *page, const uint8_t *cell, int64_t *ret_rowid,
	const uint8_t **ret_row, const uint8_t **ret_head_end)
{
	/* cppcheck-suppress ctuPointerArith ; one past the end is where to stop */
	const uint8_t *end = page + PAGE_BYTES;
	const uint8_t *at = cell + (page_is_interior(page) ? 4 : 0);
	uint64_t value = 0;
	at = read_varint(at, end, &value); /* the length of the row */
	if (at != NULL && page[0] == PAGE_TABLE_LEAF) {
		at = read_varint(at, end, &value);
		*ret_rowid = (int64_t)value;
	}
	*ret_row = at;
	if (at != NULL)
		at = read_varint(at, end, &value);
	if (at == NULL || value > (uint64_t)(end - *ret_row))
		return NULL;
	*ret_head_end = *ret_row + value;
	return at;
}

int page_count_columns(const uint8_t *page, const uint8_t *cell)
{
	const uint8_t *row;
	const uint8_t *end;
	int64_t rowid;
	uint64_t type;
	int n = 0;
	const uint8_t *at = find_row(page, cell, &rowid, &row, &end);
	for (; at != NULL && at < end; n++)
		at = read_varint(at, end, &type);
	return at != NULL ? n : -1;
}

/* A whole number by its serial type; NULL: it is none, or not in the page. */
static const uint8_t *read_number(
	const uint8_t *at, const uint8_t *end, uint64_t type, int64_t *ret)
{
	static const uint8_t lengths[] = { 0, 1, 2, 3, 4, 6, 8, 0, 0, 0 };
	if (type == 0 || type == 7 || type > 9 || end - at < lengths[type])
		return NULL;
	uint64_t value = type == 9;
	for (int i = 0; i < lengths[type]; i++)
		value = (i == 0 && at[0] & 0x80 ? UINT64_MAX : value) << 8 | at[i];
	*ret = (int64_t)value;
	return at + lengths[type];
}

bool page_read_key(const uint8_t *page, const uint8_t *cell, int n, int64_t ret[PAGE_KEYS_MAX])
{
	const uint8_t *row;
	const uint8_t *head_end;
	int64_t rowid = 0;
	uint64_t type;
	const uint8_t *head = find_row(page, cell, &rowid, &row, &head_end);
	if (head == NULL || n > PAGE_KEYS_MAX)
		return false;
	ret[0] = rowid;
	if (page[0] == PAGE_TABLE_LEAF)
		return true;
	const uint8_t *at = head_end;
	for (int i = 0; i < n; i++) {
		head = read_varint(head, head_end, &type);
		if (head == NULL)
			return false;
		at = read_number(at, page + PAGE_BYTES, type, &ret[i]);
		if (at == NULL)
			return false;
	}
	return true;
}

/* --- making one ------------------------------------------------------------------------------------------ */

#define CELL_MAX 256
#define COLUMNS_MAX 100 /* one byte each in the head, and one for its length */
#define NUMBER_TYPE 6   /* 8 bytes */

/* At most 9 bytes; returns how many. `value` below 2^56. */
static size_t put_varint(uint8_t *out, uint64_t value)
{
	size_t n = 1;
	while (n < 8 && value >> (7 * n))
		n++;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)((value >> (7 * (n - 1 - i)) & 0x7f) | (i + 1 < n ? 0x80 : 0));
	return n;
}

static size_t put_row(uint8_t *out, const int64_t *key, int n_keys, int columns)
{
	size_t len = 0;
	out[len++] = (uint8_t)(columns + 1);
	for (int i = 0; i < columns; i++)
		out[len++] = i < n_keys ? NUMBER_TYPE : 0;
	for (int i = 0; i < n_keys; i++) {
		page_put_big(out + len, (uint32_t)((uint64_t)key[i] >> 32));
		page_put_big(out + len + 4, (uint32_t)key[i]);
		len += 8;
	}
	return len;
}

static size_t put_cell(uint8_t *out, const struct page_branch *branch, int n_keys, int columns)
{
	uint8_t row[CELL_MAX];
	page_put_big(out, branch->child);
	if (columns == 0)
		return 4 + put_varint(out + 4, (uint64_t)branch->key[0]);
	size_t row_len = put_row(row, branch->key, n_keys, columns);
	size_t len = 4 + put_varint(out + 4, row_len);
	memcpy(out + len, row, row_len);
	return len + row_len;
}

static void put_short(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

bool page_make_interior(
	const struct page_branch *branches, unsigned n, int n_keys, int columns, uint8_t *out)
{
	uint8_t cell[CELL_MAX + 16];
	size_t end = PAGE_BYTES;
	if (n == 0 || columns > COLUMNS_MAX || n_keys > PAGE_KEYS_MAX)
		return false;
	memset(out, 0, PAGE_BYTES);
	out[0] = columns == 0 ? PAGE_TABLE_INTERIOR : PAGE_INDEX_INTERIOR;
	for (unsigned i = 0; i + 1 < n; i++) {
		size_t len = put_cell(cell, &branches[i], n_keys, columns);
		if (end < head_bytes(out) + (size_t)2 * n + len)
			return false;
		end -= len;
		memcpy(out + end, cell, len);
		put_short(out + head_bytes(out) + (size_t)2 * i, end);
	}
	put_short(out + 3, n - 1);
	put_short(out + 5, end);
	page_put_big(out + 8, branches[n - 1].child);
	return true;
}
