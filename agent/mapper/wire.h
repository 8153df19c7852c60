/*
 * wire.h - what drayd and dray-map say to each other over their socketpair.
 *
 * A frame is a head of 16 bytes, four little-endian words, and `len` bytes of text.
 *
 *   to the child        WIRE_PROGRAM   program, text: keep this program under this number
 *                       WIRE_FORGET    program
 *                       WIRE_CALL      program, call, text: an input
 *   from the child      WIRE_READY     it is closed in and takes calls; the first frame
 *                       WIRE_UNFIT     text: why it can't be; it ends
 *                       WIRE_OUTPUT, WIRE_NOTHING, WIRE_FAILED
 *                                      call, text: as enum mapper_outcome. In the order of the calls
 *                       WIRE_OVERRAN   call, text: why; it ends
 *
 * Neither side believes the other: a kind or a length out of bounds ends the talk.
 *
 * Pure.
 */
#ifndef DRAY_WIRE_H
#define DRAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/buf.h"

#define WIRE_HEAD_BYTES 16
#define WIRE_INPUT_MAX ((size_t)16 << 20)
#define WIRE_PROGRAM_MAX ((size_t)256 << 10)
#define WIRE_WORDS_MAX ((size_t)2 << 10) /* of WIRE_UNFIT, WIRE_FAILED, WIRE_OVERRAN */

enum wire_kind {
	WIRE_PROGRAM = 1,
	WIRE_FORGET,
	WIRE_CALL,
	WIRE_READY,
	WIRE_UNFIT,
	WIRE_OUTPUT,
	WIRE_NOTHING,
	WIRE_FAILED,
	WIRE_OVERRAN,
};

struct wire_head {
	enum wire_kind kind;
	uint32_t program; /* 0 where the kind has none */
	uint32_t call;    /* the same */
	uint32_t len;     /* bytes of text behind the head */
};

enum wire_side { WIRE_TO_CHILD, WIRE_FROM_CHILD };

void wire_put_head(const struct wire_head *head, uint8_t out[WIRE_HEAD_BYTES]);

/* Append a frame. */
void wire_put(struct buf *out, const struct wire_head *head, const void *text);

/*
 * Read the head at the front of `len` bytes that came from this side.
 *
 * Returns  1 and *ret when the whole frame is there, its text WIRE_HEAD_BYTES behind `bytes`; 0 when
 *          more must come; -1 when it is none: kind, side or length is out of bounds.
 */
int wire_read(const void *bytes, size_t len, enum wire_side side, struct wire_head *ret);

#endif
