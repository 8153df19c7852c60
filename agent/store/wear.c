/*
 * wear.c - how much the disk is made to write: SQLite's own VFS, but for a count.
 *
 * Counted are pages of the kernel's page cache, since whole ones go to the disk: a frame of the WAL
 * (24 + 4096 bytes) touches two, and the last one of a commit, synced half full, is written again by
 * the next commit. One that is written again before it is synced is counted once: of a transaction too
 * large for its cache SQLite rewrites the heads of all frames. That is what /proc/PID/io calls write_bytes. Not in it are what the file system
 * writes for itself (journal, inodes), and the WAL's index (-shm), which the kernel writes back when
 * it likes.
 *
 * A file is the real VFS's own; only its table of methods is a copy with two entries replaced, and
 * what is noted about it stands behind it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_internal.h"

#define CACHE_PAGE_BYTES 4096
#define KINDS_MAX 4 /* tables of methods: the real VFS has one for each way of locking */

struct kind {
	sqlite3_io_methods methods; /* first: a file points here */
	const sqlite3_io_methods *real;
	struct wear *wear;
};

struct wear {
	sqlite3_vfs vfs; /* first: xOpen is given this */
	sqlite3_vfs *real;
	char name[32];
	pthread_mutex_t mutex; /* two threads open files */
	struct kind kinds[KINDS_MAX];
	unsigned n_kinds;
	size_t note_at;
	_Atomic int64_t bytes;
};

/* Behind each file. */
struct note {
	sqlite3_int64 first, last; /* pages in a row, written since the last sync; last -1: none */
};

static struct note *note_of(const struct kind *kind, sqlite3_file *file)
{
	return (struct note *)(void *)((char *)file + kind->wear->note_at);
}

/* How many of these pages are not written yet since the last sync, as far as the row tells. */
static int64_t note_pages(struct note *note, sqlite3_int64 first, sqlite3_int64 last)
{
	int64_t pages = last - first + 1;

	if (note->last < 0 || first < note->first || first > note->last + 1) {
		*note = (struct note){ .first = first, .last = last };
		return pages;
	}
	if (last <= note->last)
		return 0;
	pages = last - note->last;
	note->last = last;
	return pages;
}

static int file_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
	const struct kind *kind = (const void *)file->pMethods;
	int rc = kind->real->xWrite(file, bytes, n, offset);
	sqlite3_int64 first = offset / CACHE_PAGE_BYTES;
	sqlite3_int64 last = (offset + n - 1) / CACHE_PAGE_BYTES;

	if (rc != SQLITE_OK || n <= 0)
		return rc;
	int64_t pages = note_pages(note_of(kind, file), first, last);
	(void)atomic_fetch_add(&kind->wear->bytes, pages * CACHE_PAGE_BYTES);
	return rc;
}

static int file_sync(sqlite3_file *file, int flags)
{
	const struct kind *kind = (const void *)file->pMethods;

	*note_of(kind, file) = (struct note){ .last = -1 };
	return kind->real->xSync(file, flags);
}

/* NULL: more tables than expected. Such a file is not counted. */
static const struct kind *find_kind(struct wear *wear, const sqlite3_io_methods *real)
{
	struct kind *found = NULL;

	(void)pthread_mutex_lock(&wear->mutex);
	for (unsigned i = 0; i < wear->n_kinds; i++)
		if (wear->kinds[i].real == real)
			found = &wear->kinds[i];
	if (found == NULL && wear->n_kinds < KINDS_MAX) {
		found = &wear->kinds[wear->n_kinds++];
		*found = (struct kind){ .methods = *real, .real = real, .wear = wear };
		found->methods.xWrite = file_write;
		found->methods.xSync = file_sync;
	}
	(void)pthread_mutex_unlock(&wear->mutex);
	return found;
}

static int vfs_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct wear *wear = (void *)vfs;
	int rc = wear->real->xOpen(wear->real, name, file, flags, ret_flags);
	const struct kind *kind = file->pMethods ? find_kind(wear, file->pMethods) : NULL;

	if (kind == NULL)
		return rc;
	*note_of(kind, file) = (struct note){ .last = -1 };
	file->pMethods = &kind->methods;
	return rc;
}

struct wear *wear_new(const char *vfs)
{
	struct wear *wear = calloc(1, sizeof(*wear));
	sqlite3_vfs *real = sqlite3_vfs_find(vfs);

	if (wear == NULL || real == NULL) {
		free(wear);
		return NULL;
	}
	wear->mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	wear->real = real;
	wear->note_at = ((size_t)real->szOsFile + 7) & ~(size_t)7;
	(void)snprintf(wear->name, sizeof(wear->name), "wear-%p", (void *)wear);
	/* All but opening a file is the real one's, which finds its own data in the copy. */
	wear->vfs = *real;
	wear->vfs.pNext = NULL;
	wear->vfs.zName = wear->name;
	wear->vfs.szOsFile = (int)(wear->note_at + sizeof(struct note));
	wear->vfs.xOpen = vfs_open;
	if (sqlite3_vfs_register(&wear->vfs, 0) != SQLITE_OK) {
		free(wear);
		return NULL;
	}
	return wear;
}

void wear_free(struct wear *wear)
{
	if (wear == NULL)
		return;
	(void)sqlite3_vfs_unregister(&wear->vfs);
	free(wear);
}

const char *wear_vfs(const struct wear *wear)
{
	return wear->name;
}

int64_t wear_bytes(const struct wear *wear)
{
	return atomic_load(&wear->bytes);
}
