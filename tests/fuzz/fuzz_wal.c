/*
 * fuzz_wal.c - any bytes as a write-ahead log; and logs that were made right and then broken, where
 * it is known which frames are whole.
 *
 * Input: a byte; 0: the rest is the file. Else each further byte is a frame, whose bits say: it is a
 * commit, its page is damaged, its header is, its salts are older, it was chained to another one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum made {
	IS_COMMIT = 1,
	HAS_BAD_PAGE = 2,
	HAS_BAD_HEAD = 4,
	IS_OLDER = 8,
	IS_STALE = 16,
	ALL_BITS = 31
};

static void put_big(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* As the format's page says: big-endian words, since the magic ends in 3. */
static void add_sums(uint32_t sums[2], const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint32_t words[2] = { 0 };
		for (size_t n = 0; n < 8; n++)
			words[n / 4] = words[n / 4] << 8 | at[i + n];
		sums[0] += words[0] + sums[1];
		sums[1] += words[1] + sums[0];
	}
}

static void fuzz_bytes(const uint8_t *data, size_t size)
{
	struct wal_walk walk;
	struct wal_frame frame;
	uint8_t header[WAL_HEADER_BYTES] = { 0 };
	memcpy(header, data, size < sizeof(header) ? size : sizeof(header));
	wal_walk_start(&walk, header);
	for (size_t at = WAL_HEADER_BYTES; at + WAL_FRAME_BYTES <= size; at += WAL_FRAME_BYTES) {
		wal_walk_frame(&walk, data + at, &frame);
		if (frame.is_whole && frame.page == 0)
			abort();
		if (!frame.is_beyond && !walk.has_header)
			abort();
	}
	if (walk.is_damaged && !walk.is_broken)
		abort();
}

static void make_header(uint8_t header[WAL_HEADER_BYTES], uint32_t sums[2])
{
	put_big(header, 0x377f0683);
	put_big(header + 4, 3007000);
	put_big(header + 8, WAL_PAGE_BYTES);
	put_big(header + 12, 1);
	memcpy(header + 16, "saltSALT", 8);
	add_sums(sums, header, 24);
	put_big(header + 24, sums[0]);
	put_big(header + 28, sums[1]);
}

static void make_frame(uint8_t *frame, size_t number, unsigned made, uint32_t sums[2])
{
	memset(frame, (int)number, WAL_FRAME_BYTES);
	put_big(frame, (uint32_t)(1 + number % 7));
	put_big(frame + 4, made & IS_COMMIT ? 40 : 0);
	memcpy(frame + 8, made & IS_OLDER ? "saltOLDS" : "saltSALT", 8);
	if (made & IS_STALE)
		sums[0] += 99;
	add_sums(sums, frame, 8);
	add_sums(sums, frame + WAL_FRAME_HEAD_BYTES, WAL_PAGE_BYTES);
	put_big(frame + 16, sums[0]);
	put_big(frame + 20, sums[1]);
	if (made & HAS_BAD_PAGE)
		frame[WAL_FRAME_HEAD_BYTES + 77] ^= 0x20;
	if (made & HAS_BAD_HEAD)
		memset(frame, 0xee, WAL_FRAME_HEAD_BYTES);
}

static void fuzz_made(const uint8_t *data, size_t size)
{
	uint8_t header[WAL_HEADER_BYTES] = { 0 };
	uint8_t bytes[WAL_FRAME_BYTES];
	uint32_t sums[2] = { 0, 0 };
	struct wal_walk walk;
	struct wal_frame frame;
	unsigned before = 0;
	bool is_broken = false;
	bool was_beyond = false; /* the frame before is whole, and behind the break */
	bool is_proven = false;
	make_header(header, sums);
	wal_walk_start(&walk, header);
	for (size_t i = 0; i < size && i < 64; i++) {
		unsigned made = data[i] & ALL_BITS;
		bool is_whole =
			!(made & ~(unsigned)IS_COMMIT) && !(before & (HAS_BAD_HEAD | IS_OLDER));
		make_frame(bytes, i, made, sums);
		wal_walk_frame(&walk, bytes, &frame);
		if (frame.is_whole != is_whole)
			abort();
		/* It was begun after the commit before it, which is whole and stands behind the break. */
		is_proven = is_proven || (is_whole && was_beyond && before & IS_COMMIT);
		is_broken = is_broken || !is_whole;
		was_beyond = is_broken && is_whole;
		before = made & (HAS_BAD_HEAD | IS_OLDER | IS_COMMIT);
		if (walk.is_damaged != is_proven || walk.is_broken != is_broken ||
			frame.is_beyond != is_broken)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		fuzz_bytes(data + 1, size - 1);
	else
		fuzz_made(data + 1, size - 1);
	return 0;
}
