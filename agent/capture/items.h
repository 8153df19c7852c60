/*
 * items.h - `struct reference` answered from the store: what the intake knows of items and units.
 *
 * Answers, "there is none" among them, are kept until reference data changes: then all are forgotten.
 * They are of the turn: what it has imported counts already, and is forgotten with it when it fails.
 */
#ifndef DRAY_ITEMS_H
#define DRAY_ITEMS_H

struct store;
struct items;
struct reference;

/* `store` must outlive it. NULL: memory ran out. */
struct items *items_new(struct store *store);
void items_free(struct items *items);
/* Lives as long as `items`. */
const struct reference *items_reference(const struct items *items);

#endif
