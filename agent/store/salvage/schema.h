/*
 * schema.h - the first page of a broken database, made anew.
 *
 * Page 1 holds the header and, with its children, the schema: where it is destroyed nothing can be
 * read, though all is there. But the schema is known, and auto_vacuum keeps the root pages of tables
 * and indexes at the front, in the order in which they were made: they are the same in every file of
 * a schema version (a test proves it). So a view always gets a first page made here: a schema that
 * fits into one page (the tables and what their constraints imply, without the words that only matter
 * to a writer), with the root pages of the file's own schema where that can be read, else those of a
 * fresh file. No text of the file is ever run.
 */
#ifndef DRAY_STORE_SALVAGE_SCHEMA_H
#define DRAY_STORE_SALVAGE_SCHEMA_H

#include "store/salvage/map.h"

/*
 * Replace page 1 of the view, and guard its trees (map.h).
 *
 * ret_map  what the view is guarded with: it must live as long.
 * Returns  0, or -1 with *err filled.
 */
int salvage_plant_schema(struct view *view, struct map *ret_map, struct error *err);

#endif
