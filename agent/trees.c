#include "trees.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#define BLOCK_BYTES 65536
#define ALIGNMENT _Alignof(max_align_t)

static struct {
	_Alignas(max_align_t) char bytes[BLOCK_BYTES];
	size_t used;
} block;

/* Of this thread: another one, which parses as well, must not take pieces of the block. */
static _Thread_local bool is_open;

/* The sanitizers are to see every piece by itself. */
#ifndef __SANITIZE_ADDRESS__
static void *take(size_t size)
{
	char *at = block.bytes + block.used;

	if (!is_open || size > BLOCK_BYTES - ALIGNMENT - block.used)
		return malloc(size);
	block.used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return at;
}

static void give(void *piece)
{
	if ((uintptr_t)piece - (uintptr_t)block.bytes >= BLOCK_BYTES)
		free(piece);
}
#endif

void trees_init(void)
{
#ifndef __SANITIZE_ADDRESS__
	cJSON_InitHooks(&(cJSON_Hooks){ take, give });
#endif
}

void trees_open(void)
{
	is_open = true;
	block.used = 0;
}

void trees_close(void)
{
	is_open = false;
}
