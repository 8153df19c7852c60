/*
 * help_faulty_vfs.h - a disk that fails when it is told to.
 *
 * A VFS named "faulty" that hands everything to SQLite's default one and counts the calls. Armed,
 * it fails the nth call of the chosen kinds, once or from then on. A failed write has written half
 * of its bytes, as a real one may have.
 *
 *	faulty_vfs_register();
 *	options.vfs = FAULTY_VFS;
 *	faulty_vfs_arm(FAULTY_WRITE | FAULTY_SYNC, 3, SQLITE_IOERR_WRITE, false);
 *	…
 *	faulty_vfs_disarm();
 *
 * Counts and the arm are one for the process, and safe to use while a checkpoint thread runs.
 */
#ifndef DRAY_HELP_FAULTY_VFS_H
#define DRAY_HELP_FAULTY_VFS_H

#include <stdbool.h>

#include <sqlite3.h>

#define FAULTY_VFS "faulty"

enum faulty_call {
	FAULTY_OPEN = 1,
	FAULTY_READ = 2,
	FAULTY_WRITE = 4,
	FAULTY_TRUNCATE = 8,
	FAULTY_SYNC = 16,
	FAULTY_SIZE = 32,
	FAULTY_SHM_MAP = 64,
	FAULTY_ANY = 127,
};

/* Once per process, before a store is opened on it; more often does no harm. 0 or SQLite's code. */
int faulty_vfs_register(void);

/*
 * calls    mask of enum faulty_call.
 * nth      1: the next such call.
 * code     what it returns: SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, …; 0: the code
 *          that fits the kind of call.
 * for_ever that call and every one of those kinds after it.
 */
void faulty_vfs_arm(unsigned calls, unsigned nth, int code, bool for_ever);
void faulty_vfs_disarm(void);

/* How many calls of these kinds were seen, and how many failed, since the last arm. */
unsigned faulty_vfs_count(unsigned calls);
unsigned faulty_vfs_failures(void);

#endif
