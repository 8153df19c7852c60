#include "dray/database_header.h"

#include <string.h>

#define AT_PAGE_BYTES 16
#define AT_PAGES 28
#define AT_USER_VERSION 60
#define PAGE_BYTES_MIN 512

static uint32_t read_32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

const char *database_header_flaw(
	const uint8_t *bytes, size_t len, int64_t file_bytes, bool is_alone, uint32_t *ret_schema)
{
	uint32_t page_bytes;

	if (len < DATABASE_HEADER_BYTES)
		return "it is shorter than its header";
	if (memcmp(bytes, "SQLite format 3", 16) != 0)
		return "it doesn't begin as a database does";
	page_bytes = (uint32_t)bytes[AT_PAGE_BYTES] << 8 | bytes[AT_PAGE_BYTES + 1];
	if (page_bytes == 1)
		page_bytes = 65536;
	if (page_bytes < PAGE_BYTES_MIN || (page_bytes & (page_bytes - 1)) != 0)
		return "its header names a page size that there isn't";
	if (is_alone && file_bytes < (int64_t)page_bytes * read_32(bytes + AT_PAGES))
		return "it is shorter than its header says: its end is gone";
	*ret_schema = read_32(bytes + AT_USER_VERSION);
	return NULL;
}
