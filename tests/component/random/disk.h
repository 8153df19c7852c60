/*
 * disk.h - a disk in memory for the databases of random days: what SQLite's own files do, without
 * the system calls.
 *
 * disk_register() stands before SQLite's default VFS: databases and WALs that are opened while the
 * disk is in memory are byte arrays, everything else goes through. One connection at a time: locks
 * are granted. The faulty VFS, registered behind it, fails its calls like any disk's.
 */
#ifndef DRAY_RANDOM_DISK_H
#define DRAY_RANDOM_DISK_H

#include <stdbool.h>

/* Once per process, before faulty_vfs_register(). */
void disk_register(void);
/* From now on files are opened in memory, or not. What was in memory is gone. */
void disk_begin(bool is_in_memory);
/* Keep what the database's file holds now; a later disk_begin() in memory begins with it. */
void disk_keep_as_first(void);

#endif
