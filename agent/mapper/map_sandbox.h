/*
 * map_sandbox.h - what dray-map gives up before it sees a program.
 *
 *   files      all but 0, 1 and 2 are closed, none can be opened, none can grow, no core is written
 *   memory     MAP_MEMORY_BYTES beyond what the process has when map_sandbox_measure() was last called
 *   time       MAP_CPU_S of processor time per map_sandbox_begin_call(): a backstop, should the parent
 *              be stopped
 *   calls      only what computing and answering need; what opens or looks at files gets EPERM, anything
 *              else ends the process (SIGSYS)
 *   itself     no new privileges; it dies with its parent
 *
 * A build with a sanitiser has neither the bound of memory nor the filter: the sanitiser's own memory
 * and calls don't fit in.
 */
#ifndef DRAY_MAP_SANDBOX_H
#define DRAY_MAP_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/error.h"

#define MAP_MEMORY_BYTES ((size_t)64 << 20)
#define MAP_MEMORY_HARD_BYTES ((size_t)512 << 20)
#define MAP_CPU_S 10

/* 0, or -1 with *err filled: then the process must end. There is no way back. */
int map_sandbox_enter(struct error *err);

/* The bound of memory anew, from what is in use now: after a program was compiled. */
void map_sandbox_measure(void);

void map_sandbox_begin_call(void);

/* False in a build with a sanitiser. */
bool map_sandbox_is_whole(void);

#endif
