#include "wire.h"

#include <string.h>

#include "mapper.h"

/* By kind: whose it is, and how long its text may be. */
static const struct {
	enum wire_side side;
	size_t max;
} rules[] = {
	[WIRE_PROGRAM] = { WIRE_TO_CHILD, WIRE_PROGRAM_MAX },
	[WIRE_FORGET] = { WIRE_TO_CHILD, 0 },
	[WIRE_CALL] = { WIRE_TO_CHILD, WIRE_INPUT_MAX },
	[WIRE_READY] = { WIRE_FROM_CHILD, 0 },
	[WIRE_UNFIT] = { WIRE_FROM_CHILD, WIRE_WORDS_MAX },
	[WIRE_OUTPUT] = { WIRE_FROM_CHILD, MAPPER_OUTPUT_MAX },
	[WIRE_NOTHING] = { WIRE_FROM_CHILD, 0 },
	[WIRE_FAILED] = { WIRE_FROM_CHILD, WIRE_WORDS_MAX },
	[WIRE_OVERRAN] = { WIRE_FROM_CHILD, WIRE_WORDS_MAX },
};

static void put_word(uint8_t *out, uint32_t word)
{
	for (unsigned i = 0; i < 4; i++)
		out[i] = (uint8_t)(word >> (8 * i));
}

static uint32_t read_word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

void wire_put_head(const struct wire_head *head, uint8_t out[WIRE_HEAD_BYTES])
{
	put_word(out, (uint32_t)head->kind);
	put_word(out + 4, head->program);
	put_word(out + 8, head->call);
	put_word(out + 12, head->len);
}

void wire_put(struct buf *out, const struct wire_head *head, const void *text)
{
	uint8_t bytes[WIRE_HEAD_BYTES];

	wire_put_head(head, bytes);
	buf_put(out, bytes, sizeof(bytes));
	if (head->len > 0)
		buf_put(out, text, head->len);
}

int wire_read(const void *bytes, size_t len, enum wire_side side, struct wire_head *ret)
{
	const uint8_t *words = bytes;
	uint32_t kind;

	if (len < WIRE_HEAD_BYTES)
		return 0;
	kind = read_word(words);
	if (kind < WIRE_PROGRAM || kind >= sizeof(rules) / sizeof(rules[0]) ||
		rules[kind].side != side || read_word(words + 12) > rules[kind].max)
		return -1;
	*ret = (struct wire_head){ (enum wire_kind)kind, read_word(words + 4), read_word(words + 8),
		read_word(words + 12) };
	return len - WIRE_HEAD_BYTES >= ret->len ? 1 : 0;
}
