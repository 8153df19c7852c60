#include "store/wal_index.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define WAL_HEADER_BYTES 32
#define FRAME_HEADER_BYTES 24
#define WAL_SALTS_AT 16
#define VERSION 3007000

/* In the byte order of the machine; twice, so that a reader sees one that is being written. */
struct index_header {
	uint32_t version, unused, change;
	uint8_t is_init, is_big_endian;
	uint16_t page_bytes; /* 1: 65536 */
	uint32_t frames, pages;
	uint32_t checksum[2], salts[2], own_checksum[2];
};
struct index {
	struct index_header headers[2];
	uint32_t backfilled; /* frames that are in the database */
};

/* The first bytes of <db><suffix>. Returns the file's size; -1: there is none. */
static int64_t read_head(
	const char *db_path, const char *suffix, void *head, size_t len, bool *ret_is_whole)
{
	char path[PATH_BYTES];
	struct stat about;
	int fd = -1;

	*ret_is_whole = false;
	if (snprintf(path, sizeof(path), "%s%s", db_path, suffix) < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int64_t size = fstat(fd, &about) == 0 ? about.st_size : -1;
	*ret_is_whole = read(fd, head, len) == (ssize_t)len;
	(void)close(fd);
	return size;
}

static bool is_sound(const struct index *index)
{
	const struct index_header *header = &index->headers[0];

	return memcmp(header, &index->headers[1], sizeof(*header)) == 0 &&
	       header->version == VERSION && header->is_init == 1 &&
	       index->backfilled <= header->frames;
}

bool wal_index_misses_frames(const char *db_path)
{
	uint8_t wal_header[WAL_HEADER_BYTES];
	struct index index;
	bool is_whole;

	(void)read_head(db_path, "-shm", &index, sizeof(index), &is_whole);
	if (!is_whole || !is_sound(&index) || index.backfilled == index.headers[0].frames)
		return false;
	int64_t size = read_head(db_path, "-wal", wal_header, sizeof(wal_header), &is_whole);
	if (!is_whole)
		return true;
	const struct index_header *header = &index.headers[0];
	int64_t page_bytes = header->page_bytes == 1 ? 65536 : header->page_bytes;
	return memcmp(wal_header + WAL_SALTS_AT, header->salts, sizeof(header->salts)) == 0 &&
	       size < WAL_HEADER_BYTES + header->frames * (FRAME_HEADER_BYTES + page_bytes);
}
