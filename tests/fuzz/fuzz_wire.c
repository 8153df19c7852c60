/*
 * fuzz_wire.c - any bytes as what comes over the mapper's socketpair: frames within their bounds that
 * are written back as they came, or the end of the talk.
 */
#include <string.h>

#include "help_fuzz.h"
#include "mapper/mapper.h"
#include "mapper/wire.h"

static void check_bounds(const struct wire_head *head, enum wire_side side)
{
	check((head->kind <= WIRE_CALL) == (side == WIRE_TO_CHILD));
	check(head->len <= (side == WIRE_TO_CHILD ? WIRE_INPUT_MAX : MAPPER_OUTPUT_MAX));
	if (head->kind == WIRE_READY || head->kind == WIRE_NOTHING || head->kind == WIRE_FORGET)
		check(head->len == 0);
}

static void read_all(const uint8_t *data, size_t size, enum wire_side side)
{
	struct buf out = BUF_INIT;
	struct wire_head head;
	size_t at = 0;
	int status;

	while ((status = wire_read(data + at, size - at, side, &head)) > 0) {
		check_bounds(&head, side);
		check(size - at >= WIRE_HEAD_BYTES + head.len);
		wire_put(&out, &head, data + at + WIRE_HEAD_BYTES);
		at += WIRE_HEAD_BYTES + head.len;
	}
	check(status == 0 || size - at >= WIRE_HEAD_BYTES);
	check(out.len == at && (at == 0 || memcmp(out.data, data, at) == 0));
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(data, size, WIRE_TO_CHILD);
	read_all(data, size, WIRE_FROM_CHILD);
	return 0;
}
