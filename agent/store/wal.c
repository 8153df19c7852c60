/*
 * wal.c - see wal.h; and the two questions of salvage.h about a WAL.
 */
#include "store/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/salvage/salvage.h"

#define MAGIC UINT32_C(0x377f0682) /* one more: checksums read big-endian words */
#define FORMAT UINT32_C(3007000)
#define FRAMES_AT_ONCE 32

static uint32_t get_big(const uint8_t at[4])
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t get_little(const uint8_t at[4])
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* len  a multiple of 8. */
static void add_sums(uint32_t sums[2], bool is_big_endian, const uint8_t *bytes, size_t len)
{
	for (const uint8_t *at = bytes; at < bytes + len; at += 8) {
		sums[0] += (is_big_endian ? get_big(at) : get_little(at)) + sums[1];
		sums[1] += (is_big_endian ? get_big(at + 4) : get_little(at + 4)) + sums[0];
	}
}

static bool is_host_big_endian(void)
{
	const uint32_t one = 1;
	uint8_t first;
	memcpy(&first, &one, 1);
	return first == 0;
}

void wal_walk_start(struct wal_walk *walk, const uint8_t header[WAL_HEADER_BYTES])
{
	uint32_t magic = get_big(header);
	uint32_t sums[2] = { 0, 0 };

	*walk = (struct wal_walk){ .is_big_endian = magic == MAGIC + 1 };
	add_sums(sums, walk->is_big_endian, header, 24);
	walk->has_header = (magic == MAGIC || magic == MAGIC + 1) &&
			   get_big(header + 4) == FORMAT && get_big(header + 8) == WAL_PAGE_BYTES &&
			   sums[0] == get_big(header + 24) && sums[1] == get_big(header + 28);
	walk->has_salts = walk->has_last = walk->has_header;
	walk->is_broken = !walk->has_header;
	if (!walk->has_header) {
		walk->is_big_endian = is_host_big_endian();
		return;
	}
	memcpy(walk->salts, header + 16, sizeof(walk->salts));
	memcpy(walk->last_sums, sums, sizeof(sums));
}

static bool fits_last(const struct wal_walk *walk, const uint8_t *frame)
{
	uint32_t sums[2] = { walk->last_sums[0], walk->last_sums[1] };

	add_sums(sums, walk->is_big_endian, frame, 8);
	add_sums(sums, walk->is_big_endian, frame + WAL_FRAME_HEAD_BYTES, WAL_PAGE_BYTES);
	return sums[0] == get_big(frame + 16) && sums[1] == get_big(frame + 20);
}

void wal_walk_frame(
	struct wal_walk *walk, const uint8_t frame[WAL_FRAME_BYTES], struct wal_frame *ret)
{
	const uint8_t *salts = frame + 8;
	bool is_of_round = memcmp(salts, walk->has_salts ? walk->salts : walk->last_salts,
				   sizeof(walk->salts)) == 0;

	*ret = (struct wal_frame){ .page = get_big(frame), .n_pages = get_big(frame + 4) };
	ret->is_whole = is_of_round && ret->page != 0 && walk->has_last && fits_last(walk, frame);
	if (ret->is_whole && !walk->has_salts) {
		memcpy(walk->salts, salts, sizeof(walk->salts));
		walk->has_salts = true;
	}
	walk->n_frames++;
	if (!ret->is_whole)
		walk->is_broken = true;
	ret->is_beyond = walk->is_broken;
	if (!walk->has_header || (ret->is_whole && walk->follows_commit))
		walk->is_damaged = true;
	walk->follows_commit = walk->is_broken && ret->is_whole && ret->n_pages != 0;

	/* Without the salts no frame is known to be of this round, and any may be. */
	walk->has_last = is_of_round || !walk->has_salts;
	memcpy(walk->last_salts, salts, sizeof(walk->last_salts));
	walk->last_sums[0] = get_big(frame + 16);
	walk->last_sums[1] = get_big(frame + 20);
}

/* As many bytes as there are, up to `len`; -1 on an error. */
static ssize_t read_fully(int fd, uint8_t *out, size_t len, int64_t at)
{
	size_t n = 0;
	while (n < len) {
		ssize_t got = pread(fd, out + n, len - n, at + (int64_t)n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static int scan_frames(int fd, wal_frame_fn fn, void *ctx, uint8_t *block, struct wal_walk *walk)
{
	int64_t at = WAL_HEADER_BYTES;
	for (;;) {
		ssize_t n = read_fully(fd, block, FRAMES_AT_ONCE * WAL_FRAME_BYTES, at);
		if (n < 0)
			return -1;
		if (n < WAL_FRAME_BYTES)
			return 0;
		for (ssize_t i = 0; i + WAL_FRAME_BYTES <= n; i += WAL_FRAME_BYTES) {
			struct wal_frame frame;
			wal_walk_frame(walk, block + i, &frame);
			if (fn == NULL && walk->is_damaged)
				return 0;
			if (fn && frame.is_whole && fn(ctx, &frame, at + i + WAL_FRAME_HEAD_BYTES))
				return 0;
		}
		at += n - n % WAL_FRAME_BYTES;
	}
}

int wal_scan(int fd, wal_frame_fn fn, void *ctx, struct wal_walk *ret)
{
	uint8_t header[WAL_HEADER_BYTES] = { 0 };
	if (read_fully(fd, header, sizeof(header), 0) < 0)
		return -1;
	wal_walk_start(ret, header);
	uint8_t *block = malloc(FRAMES_AT_ONCE * WAL_FRAME_BYTES);
	if (block == NULL)
		return -1;
	int result = scan_frames(fd, fn, ctx, block, ret);
	free(block);
	return result;
}

bool wal_is_damaged(const char *path)
{
	struct wal_walk walk;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool is_damaged = wal_scan(fd, NULL, NULL, &walk) == 0 && walk.is_damaged;
	(void)close(fd);
	return is_damaged;
}

bool wal_has_frames(const char *path)
{
	struct stat about;
	return stat(path, &about) == 0 && about.st_size >= WAL_HEADER_BYTES + WAL_FRAME_BYTES;
}
