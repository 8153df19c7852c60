#include "disk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#define REGIONS_MAX 8

/* A content, whether it is open or not. */
struct content {
	bool exists;
	uint8_t *bytes;
	size_t size, cap;
};

struct file {
	sqlite3_file base;
	struct content *content;
};

static struct {
	sqlite3_vfs *real;
	bool is_in_memory;
	struct content database, wal;
	void *regions[REGIONS_MAX]; /* the WAL's index */
	uint8_t *first;
	size_t first_size;
} disk;

static struct content *content_of(sqlite3_file *file)
{
	return ((struct file *)file)->content;
}

/* --- the file ------------------------------------------------------------------------------------ */

static int disk_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int disk_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
	const struct content *content = content_of(file);
	size_t wanted = (size_t)n, at = (size_t)offset;
	size_t there = at < content->size ? content->size - at : 0;

	if (there >= wanted) {
		memcpy(bytes, content->bytes + at, wanted);
		return SQLITE_OK;
	}
	if (there > 0)
		memcpy(bytes, content->bytes + at, there);
	memset((uint8_t *)bytes + there, 0, wanted - there);
	return SQLITE_IOERR_SHORT_READ;
}

static bool make_room(struct content *content, size_t size)
{
	size_t cap = content->cap ? content->cap : 65536;

	while (cap < size)
		cap *= 2;
	if (cap == content->cap)
		return true;
	uint8_t *bytes = realloc(content->bytes, cap);
	if (!bytes)
		return false;
	content->bytes = bytes;
	content->cap = cap;
	return true;
}

static int disk_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
	struct content *content = content_of(file);
	size_t end = (size_t)offset + (size_t)n;

	if (!make_room(content, end))
		return SQLITE_FULL;
	if ((size_t)offset > content->size)
		memset(content->bytes + content->size, 0, (size_t)offset - content->size);
	memcpy(content->bytes + offset, bytes, (size_t)n);
	if (end > content->size)
		content->size = end;
	return SQLITE_OK;
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct content *content = content_of(file);

	if ((size_t)size < content->size)
		content->size = (size_t)size;
	return SQLITE_OK;
}

static int disk_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	return SQLITE_OK;
}

static int disk_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)content_of(file)->size;
	return SQLITE_OK;
}

static int disk_lock(sqlite3_file *file, int lock)
{
	(void)file;
	(void)lock;
	return SQLITE_OK;
}

static int disk_check_lock(sqlite3_file *file, int *ret)
{
	(void)file;
	*ret = 0;
	return SQLITE_OK;
}

static int disk_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int disk_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int disk_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int disk_shm_map(sqlite3_file *file, int nth, int size, int extend, void volatile **ret)
{
	(void)file;
	*ret = NULL;
	if (nth >= REGIONS_MAX)
		return SQLITE_NOMEM;
	if (!disk.regions[nth] && extend)
		disk.regions[nth] = calloc(1, (size_t)size);
	*ret = disk.regions[nth];
	return SQLITE_OK;
}

static int disk_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	(void)file;
	(void)offset;
	(void)n;
	(void)flags;
	return SQLITE_OK;
}

static void disk_shm_barrier(sqlite3_file *file)
{
	(void)file;
}

/* Whoever has ended, killed or not, leaves no index behind. */
static int disk_shm_unmap(sqlite3_file *file, int is_to_go)
{
	(void)file;
	(void)is_to_go;
	for (int i = 0; i < REGIONS_MAX; i++) {
		free(disk.regions[i]);
		disk.regions[i] = NULL;
	}
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_lock,
	.xCheckReservedLock = disk_check_lock,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector,
	.xDeviceCharacteristics = disk_traits,
	.xShmMap = disk_shm_map,
	.xShmLock = disk_shm_lock,
	.xShmBarrier = disk_shm_barrier,
	.xShmUnmap = disk_shm_unmap,
};

/* --- the vfs ------------------------------------------------------------------------------------- */

static bool is_wal(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, "-wal") == 0;
}

static int vfs_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)vfs;
	if (!disk.is_in_memory || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
		return disk.real->xOpen(disk.real, name, file, flags, ret_flags);
	((struct file *)file)->content = flags & SQLITE_OPEN_WAL ? &disk.wal : &disk.database;
	((struct file *)file)->content->exists = true;
	file->pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)vfs;
	if (!disk.is_in_memory || !is_wal(name))
		return disk.real->xDelete(disk.real, name, sync_dir);
	if (!disk.wal.exists)
		return SQLITE_IOERR_DELETE_NOENT;
	disk.wal.exists = false;
	disk.wal.size = 0;
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	(void)vfs;
	if (!disk.is_in_memory || !is_wal(name))
		return disk.real->xAccess(disk.real, name, flags, ret);
	*ret = disk.wal.exists;
	return SQLITE_OK;
}

void disk_register(void)
{
	static sqlite3_vfs vfs;

	if (disk.real)
		return;
	disk.real = sqlite3_vfs_find(NULL);
	/* All but these is the real one's, which finds its own data in the copy. */
	vfs = *disk.real;
	vfs.pNext = NULL;
	vfs.zName = "disk";
	if (vfs.szOsFile < (int)sizeof(struct file))
		vfs.szOsFile = (int)sizeof(struct file);
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	(void)sqlite3_vfs_register(&vfs, 1);
}

void disk_begin(bool is_in_memory)
{
	disk.is_in_memory = is_in_memory;
	disk.wal.exists = false;
	disk.wal.size = 0;
	disk.database.size = 0;
	if (disk.first && make_room(&disk.database, disk.first_size)) {
		memcpy(disk.database.bytes, disk.first, disk.first_size);
		disk.database.size = disk.first_size;
	}
}

void disk_keep_as_first(void)
{
	free(disk.first);
	disk.first = malloc(disk.database.size);
	if (!disk.first)
		return;
	memcpy(disk.first, disk.database.bytes, disk.database.size);
	disk.first_size = disk.database.size;
}
