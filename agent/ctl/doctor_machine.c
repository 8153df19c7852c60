/*
 * doctor_machine.c - disk, clock, database and the mapper's program.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "ctl/format.h"
#include "dray/database_header.h"
#include "dray/json.h"
#include "mapper/mapper.h"

#define WAL_MAX (INT64_C(256) << 20)

static int64_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? info.st_size : 0;
}

static void database_path(const struct doctor *doctor, const char *tail, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/dray.db%s", doctor->config->state_dir, tail);
}

/* Can the database grow to what it is allowed? */
static void look_at_room(struct doctor *doctor, const struct statvfs *disk)
{
	int64_t free_bytes = (int64_t)disk->f_bavail * (int64_t)disk->f_frsize, left;
	const char *folder = doctor->config->state_dir;
	char path[PATH_MAX], free_text[FORMAT_MAX], max_text[FORMAT_MAX];

	database_path(doctor, "", path);
	left = doctor->config->store.max_bytes - size_of(path);
	format_size(free_bytes, free_text);
	format_size(doctor->config->store.max_bytes, max_text);
	if (free_bytes < doctor->config->store.reserve_bytes ||
		(disk->f_files > 0 && disk->f_favail == 0))
		found(doctor, "disk", FINDING_WRONG, "make room: capture closes when it is full",
			"%s: only %s are free", folder, free_text);
	else if (free_bytes < left)
		found(doctor, "disk", FINDING_WARNING, "make room, or make store.max_bytes smaller",
			"%s: %s are free, but the database may grow to %s", folder, free_text,
			max_text);
	else
		found(doctor, "disk", FINDING_OK, "", "%s: %s are free, the database may have %s",
			folder, free_text, max_text);
}

void look_at_disk(struct doctor *doctor)
{
	const char *folder = doctor->config->state_dir;
	const cJSON *store = json_get(doctor->status, "store");
	const char *level = text_of(store, "level");
	struct statvfs disk;

	if (statvfs(folder, &disk) != 0)
		found(doctor, "disk", FINDING_WRONG,
			"systemctl start drayd makes it; else: install -d -o dray -g dray -m 750",
			"%s: %s", folder, strerror(errno));
	else if (disk.f_flag & ST_RDONLY)
		found(doctor, "disk", FINDING_WRONG,
			"dmesg says why; a worn SD card ends so: replace it", "%s is read-only",
			folder);
	else
		look_at_room(doctor, &disk);
	if (strcmp(level, "none") == 0)
		found(doctor, "store", FINDING_WRONG,
			"drayctl queue: what holds it? Make room or raise store.max_bytes",
			"capture is closed: %s", text_of(store, "reason"));
	else if (strcmp(level, "tight") == 0)
		found(doctor, "store", FINDING_WARNING, "drayctl queue: what holds it?",
			"room is short: %s", text_of(store, "reason"));
}

void look_at_clock(struct doctor *doctor)
{
	struct timex clock = { 0 };
	bool is_kept = adjtimex(&clock) >= 0 && !(clock.status & STA_UNSYNC);

	if (cJSON_IsFalse(json_get(json_get(doctor->status, "clock"), "trusted")))
		found(doctor, "clock", FINDING_WRONG, "timedatectl: let it reach a time server",
			"drayd doesn't trust this machine's clock");
	else if (!is_kept)
		found(doctor, "clock", FINDING_WARNING,
			"timedatectl: install chrony or systemd-timesyncd, let it reach a time server",
			"the kernel says that nobody keeps the clock right");
	else
		found(doctor, "clock", FINDING_OK, "", "kept by a time server");
}

/* --- the database --------------------------------------------------------------------------------------- */

static const char *read_header(const char *path, int64_t bytes, bool is_alone, uint32_t *ret_schema)
{
	uint8_t header[DATABASE_HEADER_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, header, sizeof(header));

	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? strerror(errno)
		     : database_header_flaw(header, (size_t)n, bytes, is_alone, ret_schema);
}

static void look_at_file(struct doctor *doctor, const char *path, int64_t bytes)
{
	char wal[PATH_MAX], text[FORMAT_MAX], wal_text[FORMAT_MAX];
	uint32_t schema = 0;
	const char *flaw;

	database_path(doctor, "-wal", wal);
	flaw = read_header(path, bytes, !doctor->status && size_of(wal) == 0, &schema);
	format_size(bytes, text);
	format_size(size_of(wal), wal_text);
	if (flaw)
		found(doctor, "database", FINDING_WRONG,
			"drayd sets it aside at its start, goes on with a new one, and salvages it; or "
			"drayd --restore BACKUP",
			"%s: %s", path, flaw);
	else if (size_of(wal) > WAL_MAX && doctor->status)
		found(doctor, "database", FINDING_WARNING,
			"the disk is too slow for what comes, or a backup never ends",
			"%s: its WAL has grown to %s", path, wal_text);
	else
		found(doctor, "database", FINDING_OK, "", "%s: %s, WAL %s, schema %" PRIu32, path,
			text, wal_text, schema);
}

void look_at_database(struct doctor *doctor)
{
	const cJSON *salvage = json_get(doctor->status, "salvage");
	char path[PATH_MAX];
	struct stat info;

	database_path(doctor, "", path);
	if (stat(path, &info) == 0)
		look_at_file(doctor, path, info.st_size);
	else if (errno == ENOENT)
		found(doctor, "database", FINDING_OK, "", "%s: none yet", path);
	else
		found(doctor, "database", FINDING_WARNING, "run this as root", "%s: %s", path,
			strerror(errno));
	if (cJSON_IsObject(salvage))
		found(doctor, "database", FINDING_WRONG,
			"drayctl exceptions list --kind store: look, then discard it",
			"it broke and was replaced: %s", text_of(salvage, "reason"));
}

void look_at_mapper(struct doctor *doctor)
{
	char path[PATH_MAX];

	mapper_find(path, sizeof(path));
	if (access(path, X_OK) == 0)
		found(doctor, "mapper", FINDING_OK, "", "%s", path);
	else
		found(doctor, "mapper", FINDING_WRONG, "install the package dray again",
			"%s: %s; connectors and adapters with a program stand still", path,
			strerror(errno));
}
