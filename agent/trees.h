/*
 * trees.h - memory for the tree of one event: taken piece by piece, given back at once.
 *
 * An event of two lines is a tree of some fifty small pieces, each of which cJSON asks malloc for
 * and gives back one by one. That was a tenth of what capture spent. Between trees_open() and
 * trees_close() they come one behind the other from a fixed block instead, which stays in the
 * cache; what doesn't fit, and everything outside, comes from malloc as ever.
 *
 * Law: what cJSON makes after trees_open() is deleted before trees_close(). One thread opens, the
 * loop's; what another one parses meanwhile comes from malloc.
 */
#ifndef DRAY_TREES_H
#define DRAY_TREES_H

/* Once, before cJSON is used at all. Without it the other two do nothing. */
void trees_init(void);

void trees_open(void);
void trees_close(void);

#endif
