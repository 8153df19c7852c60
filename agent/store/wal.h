/*
 * wal.h - SQLite's write-ahead log, read without SQLite: which frames are whole, and is one missing
 * that should be there.
 *
 *	header (32 bytes)  magic, format, page size, round, two salts, checksum of all that
 *	frame (24 + page)  page number, pages of the database after a commit (else 0), the salts,
 *	                   checksum over the frame before's checksum, these first 8 bytes and the page
 *
 * https://www.sqlite.org/fileformat2.html#the_write_ahead_log. The checksums are a chain, but each
 * link can be tried by itself, from what the frame before it says its own checksum is.
 *
 * SQLite reads up to the first frame that doesn't fit, the break, and takes the rest for remains.
 * That is right after a power cut: the last transaction was being written, or remains of one that was
 * rolled back or torn lie behind the end, or those of an older round, with other salts. It is wrong
 * when a frame in the middle was damaged: committed transactions are dropped without a word. The two
 * are told apart by a proof: a transaction begins to be written when the one before it has been
 * synced. So where, behind the break, a whole frame follows a whole commit frame, what is before that
 * commit was once whole. A break in the last two transactions can't be told from a power cut: the head
 * of the frame at the break may be torn, with the pages of one write and the checksum of another.
 *
 * A header that doesn't fit, with a frame behind it, is damage too: SQLite syncs the header before it
 * writes a frame. Then the salts are taken from the first two frames that fit each other.
 *
 * Every function but wal_scan(), wal_is_damaged() and wal_has_frames() is pure.
 */
#ifndef DRAY_STORE_WAL_H
#define DRAY_STORE_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_PAGE_BYTES 4096
#define WAL_HEADER_BYTES 32
#define WAL_FRAME_HEAD_BYTES 24
#define WAL_FRAME_BYTES (WAL_FRAME_HEAD_BYTES + WAL_PAGE_BYTES)

/* From frame to frame. */
struct wal_walk {
	bool has_header; /* it is whole, and of a kind that this program writes */
	bool has_salts;  /* of the present round: from the header, else from frames */
	bool is_broken;  /* a frame did not fit */
	bool is_damaged; /* proven */
	uint32_t n_frames;
	bool is_big_endian; /* how checksums read the words of a page */
	uint8_t salts[8];
	uint8_t last_salts[8]; /* of the frame before, whatever they are */
	uint32_t last_sums[2]; /* what it says its checksum is */
	bool has_last;         /* there is one before, whose checksum may be believed */
	bool follows_commit;   /* it is a whole commit frame behind the break */
};

struct wal_frame {
	bool is_whole;    /* of this round, and its checksum fits */
	uint32_t page;    /* from 1 */
	uint32_t n_pages; /* a commit: pages of the database from then on; else 0 */
	bool is_beyond;   /* behind the break: SQLite does not read it */
};

void wal_walk_start(struct wal_walk *walk, const uint8_t header[WAL_HEADER_BYTES]);
/* The next frame. `ret` says something of it only where it is whole. */
void wal_walk_frame(
	struct wal_walk *walk, const uint8_t frame[WAL_FRAME_BYTES], struct wal_frame *ret);

/*
 * Walk over a file, at most its bytes once, 128 KiB at a time.
 *
 * fn       each whole frame and where its page is in the file, bytes; non-zero ends the walk. NULL:
 *          only the verdict is wanted, and the walk ends as soon as it is there.
 * ret      as it stands at the end.
 * Returns  0, or -1: it can't be read, errno says why.
 */
typedef int (*wal_frame_fn)(void *ctx, const struct wal_frame *frame, int64_t page_at);
int wal_scan(int fd, wal_frame_fn fn, void *ctx, struct wal_walk *ret);

#endif
