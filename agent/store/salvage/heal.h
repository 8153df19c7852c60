/*
 * heal.h - destroyed inner pages of trees, made anew in the view.
 *
 * An inner page has no rows of a table, it says where the pages are that have: without it hundreds
 * of sound ones can't be found, and without a root all of them. But the page map (map.h)
 * names each page's parent. So the children of a destroyed page are known; what separates them is in
 * themselves. In a table without rowids separators are rows too, and those are lost: in place of each
 * there is one then whose other columns are NULL, right behind the last row of the child before it.
 * Who finds such a row just below a key can't know whether the key had one.
 *
 * A tree whose keys are not whole numbers is left as it is, and so is one whose page map is destroyed.
 */
#ifndef DRAY_STORE_SALVAGE_HEAL_H
#define DRAY_STORE_SALVAGE_HEAL_H

#include <stdatomic.h>

#include "store/salvage/map.h"

/* Replaces pages of the view, and notes in the map which trees they are of. 0, or -1: no memory. */
int salvage_heal(struct view *view, struct map *map, const atomic_bool *is_stopping);

#endif
