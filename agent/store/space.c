/*
 * space.c - the disk that the store lies on: what it refuses, what it has left, and the reserve.
 *
 * A refusal begins with the poisoned turn and ends with the first commit that succeeds.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/store_internal.h"

enum store_refusal refusal_of(int rc)
{
	switch (rc) {
	case SQLITE_IOERR_SHMSIZE:
		return STORE_FULL; /* the WAL's index could not grow */
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_TRUNCATE:
	case SQLITE_IOERR_SHMOPEN:
	case SQLITE_IOERR_SHMMAP:
		return STORE_REFUSED;
	default:
		break;
	}
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return STORE_FULL;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return STORE_REFUSED;
	default:
		return STORE_TAKES;
	}
}

enum store_refusal store_refusal(const struct store *store)
{
	return store->refusal;
}

bool store_is_refusing(const struct store *store)
{
	return store->refusal != STORE_TAKES;
}

int store_probe(struct store *store)
{
	if (store->is_dirty || store->is_poisoned)
		return -1;
	struct query query = query_start(store, COUNTER_SET);
	query_text(&query, "probe");
	query_int(&query, ++store->n_probes);
	if (store_begin_write(store) == 0 && query_run(&query) == 0 && store_commit(store) == 0)
		return 0;
	store_abandon(store);
	return -1;
}

/* --- the reserve --------------------------------------------------------------------------------- */

static int reserve_path(const struct store *store, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s-reserve", store->path);
	return len > 0 && len < PATH_MAX ? 0 : -1;
}

static int64_t reserve_bytes(const struct store *store)
{
	char path[PATH_MAX];
	struct stat about;
	if (reserve_path(store, path) < 0 || stat(path, &about) < 0)
		return 0;
	return about.st_size;
}

int store_reserve(struct store *store, int64_t bytes)
{
	char path[PATH_MAX];
	struct stat about;
	if (reserve_path(store, path) < 0)
		return -1;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -1;
	int rc = fstat(fd, &about);
	if (rc == 0 && about.st_size > bytes)
		rc = ftruncate(fd, bytes);
	if (rc == 0)
		rc = posix_fallocate(fd, 0, bytes);
	(void)close(fd);
	if (rc != 0)
		(void)unlink(path);
	return rc == 0 ? 0 : -1;
}

bool store_release_reserve(struct store *store)
{
	char path[PATH_MAX];
	return reserve_path(store, path) == 0 && unlink(path) == 0;
}

/* --- measuring ----------------------------------------------------------------------------------- */

static void measure_disk(const struct store *store, struct store_space *ret)
{
	char path[PATH_MAX];
	struct statvfs about;
	int len = snprintf(path, sizeof(path), "%s", store->path);
	if (len < 0 || len >= PATH_MAX || statvfs(dirname(path), &about) < 0)
		return;
	ret->disk_bytes = (int64_t)(about.f_blocks * about.f_frsize);
	ret->free_bytes = (int64_t)(about.f_bavail * about.f_frsize);
}

int64_t disk_bytes(const struct store *store)
{
	struct store_space space = { 0 };
	measure_disk(store, &space);
	return space.disk_bytes;
}

void store_measure(struct store *store, struct store_space *ret)
{
	struct store_sizes sizes;
	struct stat about;
	*ret = (struct store_space){ .reserve_bytes = reserve_bytes(store) };
	measure_disk(store, ret);
	store_sizes(store, &sizes);
	ret->used_bytes = sizes.used_bytes;
	ret->unused_bytes = sizes.file_bytes + sizes.wal_bytes - sizes.used_bytes;
	if (stat(store->path, &about) == 0)
		ret->owed_bytes = sizes.file_bytes - about.st_size;
	ret->checkpoint = checkpoint_refusal(store);
}
