#include <pthread.h>
#include <string.h>

#include "help_faulty_vfs.h"

struct faulty_file {
	sqlite3_file base;
	/* the real one's struct follows */
};

#define REAL(file) ((sqlite3_file *)((struct faulty_file *)(file) + 1))
#define KINDS 7

static struct {
	pthread_mutex_t mutex;
	unsigned calls, nth, seen, failures;
	int code;
	bool is_armed, for_ever;
	unsigned counts[KINDS];
} plan = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static sqlite3_vfs *real_vfs;

static int code_of(enum faulty_call call)
{
	switch (call) {
	case FAULTY_OPEN:
		return SQLITE_CANTOPEN;
	case FAULTY_READ:
		return SQLITE_IOERR_READ;
	case FAULTY_TRUNCATE:
		return SQLITE_IOERR_TRUNCATE;
	case FAULTY_SYNC:
		return SQLITE_IOERR_FSYNC;
	case FAULTY_SIZE:
		return SQLITE_IOERR_FSTAT;
	case FAULTY_SHM_MAP:
		return SQLITE_IOERR_SHMMAP;
	case FAULTY_WRITE:
	case FAULTY_ANY:
		break;
	}
	return SQLITE_IOERR_WRITE;
}

/* SQLITE_OK, or what this call is to fail with. */
static int meet(enum faulty_call call)
{
	int code = SQLITE_OK;
	(void)pthread_mutex_lock(&plan.mutex);
	plan.counts[__builtin_ctz(call)]++;
	if (plan.is_armed && (plan.calls & call) != 0) {
		plan.seen++;
		if (plan.seen == plan.nth || (plan.for_ever && plan.seen > plan.nth)) {
			code = plan.code ? plan.code : code_of(call);
			plan.failures++;
		}
	}
	(void)pthread_mutex_unlock(&plan.mutex);
	return code;
}

void faulty_vfs_arm(unsigned calls, unsigned nth, int code, bool for_ever)
{
	(void)pthread_mutex_lock(&plan.mutex);
	plan.calls = calls;
	plan.nth = nth;
	plan.code = code;
	plan.for_ever = for_ever;
	plan.seen = 0;
	plan.failures = 0;
	plan.is_armed = true;
	memset(plan.counts, 0, sizeof(plan.counts));
	(void)pthread_mutex_unlock(&plan.mutex);
}

void faulty_vfs_disarm(void)
{
	(void)pthread_mutex_lock(&plan.mutex);
	plan.is_armed = false;
	(void)pthread_mutex_unlock(&plan.mutex);
}

unsigned faulty_vfs_count(unsigned calls)
{
	unsigned n = 0;
	(void)pthread_mutex_lock(&plan.mutex);
	for (unsigned i = 0; i < KINDS; i++) {
		if (calls & (1u << i))
			n += plan.counts[i];
	}
	(void)pthread_mutex_unlock(&plan.mutex);
	return n;
}

unsigned faulty_vfs_failures(void)
{
	(void)pthread_mutex_lock(&plan.mutex);
	unsigned n = plan.failures;
	(void)pthread_mutex_unlock(&plan.mutex);
	return n;
}

/* --- the file ------------------------------------------------------------------------------------ */

static int file_close(sqlite3_file *file)
{
	return REAL(file)->pMethods->xClose(REAL(file));
}

static int file_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
	int code = meet(FAULTY_READ);
	return code ? code : REAL(file)->pMethods->xRead(REAL(file), bytes, n, offset);
}

static int file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
	int code = meet(FAULTY_WRITE);
	int written = REAL(file)->pMethods->xWrite(REAL(file), bytes, code ? n / 2 : n, offset);
	return code ? code : written;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = meet(FAULTY_TRUNCATE);
	return code ? code : REAL(file)->pMethods->xTruncate(REAL(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	int code = meet(FAULTY_SYNC);
	return code ? code : REAL(file)->pMethods->xSync(REAL(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	int code = meet(FAULTY_SIZE);
	return code ? code : REAL(file)->pMethods->xFileSize(REAL(file), ret);
}

static int file_lock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xLock(REAL(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), lock);
}

static int file_check_lock(sqlite3_file *file, int *ret)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), ret);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int file_traits(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	int code = meet(FAULTY_SHM_MAP);
	return code ? code : REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), remove);
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* --- the vfs ------------------------------------------------------------------------------------- */

static int vfs_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)vfs;
	file->pMethods = NULL;
	int code = meet(FAULTY_OPEN);
	if (code)
		return code;
	memset(REAL(file), 0, (size_t)real_vfs->szOsFile);
	code = real_vfs->xOpen(real_vfs, name, REAL(file), flags, ret_flags);
	if (REAL(file)->pMethods != NULL)
		file->pMethods = &file_methods;
	return code;
}

int faulty_vfs_register(void)
{
	static sqlite3_vfs vfs;
	if (real_vfs != NULL)
		return SQLITE_OK;
	real_vfs = sqlite3_vfs_find(NULL);
	if (real_vfs == NULL)
		return SQLITE_ERROR;
	/* All but opening a file is the real one's, which finds its own data in the copy. */
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = FAULTY_VFS;
	vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	vfs.xOpen = vfs_open;
	return sqlite3_vfs_register(&vfs, 0);
}
