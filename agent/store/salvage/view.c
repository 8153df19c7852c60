/*
 * view.c - see view.h
 */
#include "store/salvage/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_internal.h"
#include "store/wal.h"

#define ROW_MAX_BYTES (16 << 20) /* a damaged length must not make SQLite take all memory */

struct wal_page {
	uint32_t page;
	uint32_t frame; /* from 0 */
};

struct replaced {
	uint32_t page;
	uint8_t bytes[PAGE_BYTES];
};

struct view {
	sqlite3_vfs vfs;
	sqlite3_vfs *floor; /* what is not about files is the default's */
	char name[40];
	bool is_registered;
	int db_fd;
	int wal_fd; /* -1: none */
	bool has_damaged_wal;
	uint32_t n_pages;
	struct wal_page *wal_pages; /* by page, each once */
	size_t n_wal_pages;
	size_t wal_pages_size;
	struct replaced *replaced;
	size_t n_replaced;
	view_fits_fn fits; /* NULL: all do */
	void *fits_ctx;
};

struct view_file {
	sqlite3_file base;
	const struct view *view;
};

/* --- the WAL's pages ------------------------------------------------------------------------------ */

/* Gathering: what is committed so far, before the break and in all. */
struct harvest {
	struct view *view;
	bool has_no_memory;
	size_t n_before, n_all;               /* of wal_pages */
	uint32_t n_pages_before, n_pages_all; /* of the database */
};

static int take_frame(void *ctx, const struct wal_frame *frame, int64_t page_at)
{
	struct harvest *harvest = ctx;
	struct view *view = harvest->view;
	if (view->n_wal_pages == view->wal_pages_size) {
		size_t size = view->wal_pages_size ? 2 * view->wal_pages_size : 1024;
		struct wal_page *bigger = realloc(view->wal_pages, size * sizeof(*bigger));
		harvest->has_no_memory = bigger == NULL;
		if (bigger == NULL)
			return -1;
		view->wal_pages = bigger;
		view->wal_pages_size = size;
	}
	view->wal_pages[view->n_wal_pages++] = (struct wal_page){
		.page = frame->page,
		.frame = (uint32_t)((page_at - WAL_HEADER_BYTES) / WAL_FRAME_BYTES),
	};
	if (frame->n_pages == 0)
		return 0;
	harvest->n_all = view->n_wal_pages;
	harvest->n_pages_all = frame->n_pages;
	if (!frame->is_beyond) {
		harvest->n_before = harvest->n_all;
		harvest->n_pages_before = frame->n_pages;
	}
	return 0;
}

static int by_page_newest_first(const void *a, const void *b)
{
	const struct wal_page *one = a;
	const struct wal_page *two = b;
	if (one->page != two->page)
		return one->page < two->page ? -1 : 1;
	return one->frame > two->frame ? -1 : 1;
}

static void keep_newest(struct view *view)
{
	size_t n = 0;
	qsort(view->wal_pages, view->n_wal_pages, sizeof(*view->wal_pages), by_page_newest_first);
	for (size_t i = 0; i < view->n_wal_pages; i++) {
		if (n == 0 || view->wal_pages[n - 1].page != view->wal_pages[i].page)
			view->wal_pages[n++] = view->wal_pages[i];
	}
	view->n_wal_pages = n;
}

static int read_wal(struct view *view, enum view_extent extent, struct error *err)
{
	struct harvest harvest = { .view = view };
	struct wal_walk walk;
	if (view->wal_fd < 0)
		return 0;
	if (wal_scan(view->wal_fd, take_frame, &harvest, &walk) < 0 || harvest.has_no_memory)
		return error_set(err, NULL, "cannot read the write-ahead log: %s",
			harvest.has_no_memory ? "out of memory" : strerror(errno));
	view->has_damaged_wal = walk.is_damaged;
	bool is_all = walk.is_damaged && extent == VIEW_ALL;
	uint32_t n_pages = is_all ? harvest.n_pages_all : harvest.n_pages_before;
	view->n_wal_pages = is_all ? harvest.n_all : harvest.n_before;
	if (n_pages > view->n_pages)
		view->n_pages = n_pages;
	if (view->n_wal_pages > 0)
		keep_newest(view);
	return 0;
}

static int compare_page(const void *key, const void *element)
{
	uint32_t page = *(const uint32_t *)key;
	uint32_t its = ((const struct wal_page *)element)->page;
	return page < its ? -1 : page > its;
}

/* --- pages ------------------------------------------------------------------------------------------ */

static const struct replaced *find_replaced(const struct view *view, uint32_t page)
{
	for (size_t i = 0; i < view->n_replaced; i++) {
		if (view->replaced[i].page == page)
			return &view->replaced[i];
	}
	return NULL;
}

static int read_at(int fd, int64_t at, uint8_t *out)
{
	ssize_t n;
	do {
		n = pread(fd, out, PAGE_BYTES, at);
	} while (n < 0 && errno == EINTR);
	return n == PAGE_BYTES ? 0 : -1;
}

int view_read_page(const struct view *view, uint32_t page, uint8_t *out)
{
	const struct replaced *replaced = find_replaced(view, page);
	if (replaced != NULL) {
		memcpy(out, replaced->bytes, PAGE_BYTES);
		return 0;
	}
	const struct wal_page *in_wal = view->n_wal_pages == 0
						? NULL
						: bsearch(&page, view->wal_pages, view->n_wal_pages,
							  sizeof(*view->wal_pages), compare_page);
	if (in_wal != NULL)
		return read_at(view->wal_fd,
			WAL_HEADER_BYTES + (int64_t)in_wal->frame * WAL_FRAME_BYTES +
				WAL_FRAME_HEAD_BYTES,
			out);
	return read_at(view->db_fd, ((int64_t)page - 1) * PAGE_BYTES, out);
}

int view_replace_page(struct view *view, uint32_t page, const uint8_t *bytes)
{
	struct replaced *known = (struct replaced *)find_replaced(view, page);
	if (known == NULL) {
		struct replaced *more =
			realloc(view->replaced, (view->n_replaced + 1) * sizeof(*more));
		if (more == NULL)
			return -1;
		view->replaced = more;
		known = &more[view->n_replaced++];
		known->page = page;
	}
	memcpy(known->bytes, bytes, PAGE_BYTES);
	return 0;
}

void view_guard(struct view *view, view_fits_fn fits, void *ctx)
{
	view->fits = fits;
	view->fits_ctx = ctx;
}

/* --- the VFS: https://www.sqlite.org/c3ref/io_methods.html ------------------------------------------- */

static int file_close(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 at)
{
	const struct view *view = ((const struct view_file *)file)->view;
	uint8_t page[PAGE_BYTES];
	int64_t number = at / PAGE_BYTES + 1;
	size_t offset = (size_t)(at % PAGE_BYTES);

	memset(out, 0, (size_t)amount);
	if (number > view->n_pages)
		return SQLITE_IOERR_SHORT_READ;
	/* SQLite reads a page, or a part of the first. */
	if (offset + (size_t)amount > PAGE_BYTES ||
		view_read_page(view, (uint32_t)number, page) < 0)
		return SQLITE_IOERR_READ;
	if (amount == PAGE_BYTES && view->fits != NULL &&
		!view->fits(view->fits_ctx, (uint32_t)number, page))
		return SQLITE_CORRUPT;
	memcpy(out, page + offset, (size_t)amount);
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
	(void)file, (void)bytes, (void)amount, (void)at;
	return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	(void)file, (void)size;
	return SQLITE_READONLY;
}

static int file_nothing(sqlite3_file *file, int flags)
{
	(void)file, (void)flags;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	*ret = (sqlite3_int64)((const struct view_file *)file)->view->n_pages * PAGE_BYTES;
	return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *file, int *ret)
{
	(void)file;
	*ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return PAGE_BYTES;
}

static int file_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_nothing,
	.xFileSize = file_size,
	.xLock = file_nothing,
	.xUnlock = file_nothing,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret)
{
	(void)name;
	file->pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	((struct view_file *)file)->view = vfs->pAppData;
	file->pMethods = &file_methods;
	if (ret != NULL)
		*ret = SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int is_synced)
{
	(void)vfs, (void)name, (void)is_synced;
	return SQLITE_READONLY;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
	(void)vfs, (void)name, (void)flags;
	*ret = 0;
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	int len = snprintf(out, (size_t)size, "%s", name);
	return len >= 0 && len < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const struct sqlite3_vfs *floor_of(const sqlite3_vfs *vfs)
{
	return ((const struct view *)vfs->pAppData)->floor;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
	sqlite3_vfs *floor = (sqlite3_vfs *)floor_of(vfs);
	return floor->xRandomness(floor, size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	sqlite3_vfs *floor = (sqlite3_vfs *)floor_of(vfs);
	return floor->xSleep(floor, us);
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
	sqlite3_vfs *floor = (sqlite3_vfs *)floor_of(vfs);
	return floor->xCurrentTime(floor, ret);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs, (void)size, (void)out;
	return 0;
}

static int register_vfs(struct view *view)
{
	view->floor = sqlite3_vfs_find(NULL);
	(void)snprintf(view->name, sizeof(view->name), "dray-view-%p", (void *)view);
	view->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct view_file),
		.mxPathname = 512,
		.zName = view->name,
		.pAppData = view,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};
	view->is_registered =
		view->floor != NULL && sqlite3_vfs_register(&view->vfs, 0) == SQLITE_OK;
	return view->is_registered ? 0 : -1;
}

/* --- life ------------------------------------------------------------------------------------------- */

static int open_files(struct view *view, const char *path, struct error *err)
{
	struct stat about;
	char wal[4096];
	int len = snprintf(wal, sizeof(wal), "%s-wal", path);
	if (len < 0 || (size_t)len >= sizeof(wal))
		return error_set(err, path, "the path is too long");
	view->wal_fd = open(wal, O_RDONLY | O_CLOEXEC);
	if (view->wal_fd < 0 && errno != ENOENT)
		return error_set(err, wal, "cannot open the write-ahead log: %m");
	view->db_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (view->db_fd < 0 && errno == ENOENT && view->wal_fd >= 0)
		return 0; /* what was written last is in the WAL */
	if (view->db_fd < 0 || fstat(view->db_fd, &about) < 0)
		return error_set(err, path, "cannot open the database: %m");
	view->n_pages = (uint32_t)((about.st_size + PAGE_BYTES - 1) / PAGE_BYTES);
	return 0;
}

int view_open(const char *path, enum view_extent extent, struct view **ret, struct error *err)
{
	struct view *view = calloc(1, sizeof(*view));
	if (view == NULL)
		return error_set(err, path, "out of memory");
	view->db_fd = view->wal_fd = -1;
	if (open_files(view, path, err) < 0 || read_wal(view, extent, err) < 0) {
		view_close(view);
		return -1;
	}
	if (register_vfs(view) < 0) {
		view_close(view);
		return error_set(err, path, "out of memory");
	}
	*ret = view;
	return 0;
}

void view_close(struct view *view)
{
	if (view == NULL)
		return;
	if (view->is_registered)
		(void)sqlite3_vfs_unregister(&view->vfs);
	if (view->db_fd >= 0)
		(void)close(view->db_fd);
	if (view->wal_fd >= 0)
		(void)close(view->wal_fd);
	free(view->wal_pages);
	free(view->replaced);
	free(view);
}

bool view_has_damaged_wal(const struct view *view)
{
	return view->has_damaged_wal;
}

void view_extend(struct view *view, uint32_t n_pages)
{
	if (n_pages > view->n_pages)
		view->n_pages = n_pages;
}

uint32_t view_pages(const struct view *view)
{
	return view->n_pages;
}

int view_limit(sqlite3 *db)
{
	static const char pragmas[] = "PRAGMA cache_size = -1024;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA cell_size_check = ON;"
				      "PRAGMA mmap_size = 0;"
				      "PRAGMA trusted_schema = OFF;";
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, ROW_MAX_BYTES);
	int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	return rc == SQLITE_OK ? sqlite3_exec(db, pragmas, NULL, NULL, NULL) : rc;
}

sqlite3 *view_connect(struct view *view, struct error *err)
{
	sqlite3 *db = NULL;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2("view", &db, flags, view->name);
	if (rc == SQLITE_OK)
		rc = view_limit(db);
	if (rc == SQLITE_OK)
		return db;
	(void)error_set(err, NULL, "cannot open the set aside database: %s", sqlite3_errstr(rc));
	(void)sqlite3_close(db);
	return NULL;
}
