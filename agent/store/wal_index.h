/*
 * wal_index.h - what the index of a WAL (<db>-shm), left behind by a process that was killed, tells
 * of the WAL: SQLite takes one that was cut short for one that ends there, and says nothing.
 *
 * With synchronous=FULL a frame is on disk before the index speaks of it. So an index that knows
 * more frames than the file has room for says that committed ones are gone. After a power cut the
 * index may be of another round, or older: then it says nothing.
 *
 * The format: https://www.sqlite.org/walformat.html, "The WAL-Index File Format".
 */
#ifndef DRAY_STORE_WAL_INDEX_H
#define DRAY_STORE_WAL_INDEX_H

#include <stdbool.h>

/*
 * Are frames gone that were committed and are not in the database yet? To be asked before SQLite
 * opens the files: it makes the index anew. Only reads.
 */
bool wal_index_misses_frames(const char *db_path);

#endif
