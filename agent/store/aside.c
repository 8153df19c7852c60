#include "store/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESTORING "restoring"
#define BEFORE_RESTORE "before-restore"

static const char *const words[] = { "broken", "salvaged", "unreadable", "replacing", "replaced",
	RESTORING, BEFORE_RESTORE };
#define WORDS (sizeof(words) / sizeof(words[0]))
#define NUMBER_MAX 1000000 /* times a million it still names rows */

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool folder_of(const char *path, char out[ASIDE_PATH_MAX])
{
	char copy[ASIDE_PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return false;
	(void)snprintf(out, ASIDE_PATH_MAX, "%s", dirname(copy));
	return true;
}

bool aside_name(const char *db_path, const char *word, int number, const char *suffix,
	char out[ASIDE_PATH_MAX])
{
	int len = snprintf(out, ASIDE_PATH_MAX, "%s.%s-%d%s", db_path, word, number, suffix);

	return len > 0 && len < ASIDE_PATH_MAX;
}

/* "<db>.<word>-<number>", perhaps with "-wal" behind it: the number, and which word. 0: it is not. */
static int read_name(const char *db_name, const char *name, const char **ret_word)
{
	size_t len = strlen(db_name);

	if (strncmp(name, db_name, len) != 0 || name[len] != '.')
		return 0;
	name += len + 1;
	for (size_t i = 0; i < WORDS; i++) {
		size_t word_len = strlen(words[i]);
		char *end;

		if (strncmp(name, words[i], word_len) != 0 || name[word_len] != '-')
			continue;
		long number = strtol(name + word_len + 1, &end, 10);
		if (number < 1 || number > NUMBER_MAX || (*end && strcmp(end, "-wal") != 0))
			return 0;
		*ret_word = words[i];
		return (int)number;
	}
	return 0;
}

static void note_name(struct aside *aside, const char *word, int number)
{
	if (number > aside->highest)
		aside->highest = number;
	if (strcmp(word, "broken") == 0 && number > aside->pending)
		aside->pending = number;
	if (strcmp(word, "replacing") == 0 && number > aside->replacing)
		aside->replacing = number;
	if (strcmp(word, "replaced") == 0 && number > aside->replaced)
		aside->replaced = number;
	if (strcmp(word, RESTORING) == 0 && number > aside->restoring)
		aside->restoring = number;
}

int aside_scan(const char *db_path, struct aside *ret, struct error *err)
{
	char folder[ASIDE_PATH_MAX];
	const struct dirent *entry;
	DIR *dir = folder_of(db_path, folder) ? opendir(folder) : NULL;

	*ret = (struct aside){ 0 };
	if (!dir)
		return error_set(err, db_path, "the folder of the database can't be read: %m");
	while ((entry = readdir(dir)) != NULL) {
		const char *word = NULL;
		int number = read_name(name_of(db_path), entry->d_name, &word);

		if (number > 0)
			note_name(ret, word, number);
	}
	(void)closedir(dir);
	ret->is_there = access(db_path, F_OK) == 0;
	return 0;
}

bool aside_is_cut_short(const struct aside *aside)
{
	return !aside->is_there && aside->pending == aside->highest &&
	       aside->highest > aside->replaced && aside->highest > aside->replacing;
}

static int sync_folder(const char *db_path, struct error *err)
{
	char folder[ASIDE_PATH_MAX];
	int fd = folder_of(db_path, folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return error_set(err, db_path, "the folder of the database can't be opened: %m");
	int rc = fsync(fd);
	(void)close(fd);
	return rc == 0 ? 0 : error_set(err, db_path, "the folder can't be synced: %m");
}

/* A file that isn't there needs no move. */
static int move_file(const char *from, const char *to, struct error *err)
{
	if (rename(from, to) == 0 || errno == ENOENT)
		return 0;
	return error_set(err, from, "can't be set aside: %m");
}

static bool beside(const char *db_path, const char *suffix, char out[ASIDE_PATH_MAX])
{
	return snprintf(out, ASIDE_PATH_MAX, "%s%s", db_path, suffix) < ASIDE_PATH_MAX;
}

static int make_mark(const char *db_path, int number, struct error *err)
{
	char path[ASIDE_PATH_MAX];

	if (!aside_name(db_path, "replacing", number, "", path))
		return error_set(err, db_path, "path is too long");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return error_set(err, path, "can't be made: %m");
	(void)close(fd);
	return 0;
}

int aside_begun(const char *db_path, int number, struct error *err)
{
	char from[ASIDE_PATH_MAX], to[ASIDE_PATH_MAX];

	if (!aside_name(db_path, "replacing", number, "", from) ||
		!aside_name(db_path, "replaced", number, "", to) || move_file(from, to, err) < 0)
		return -1;
	/* The mark before has done its part. */
	if (aside_name(db_path, "replaced", number - 1, "", from))
		(void)unlink(from);
	return sync_folder(db_path, err);
}

int aside_move(const char *db_path, int *ret_number, struct error *err)
{
	char from[ASIDE_PATH_MAX], to[ASIDE_PATH_MAX];
	struct aside aside;

	if (aside_scan(db_path, &aside, err) < 0)
		return -1;
	/* Set aside, and not marked: that one was cut short. */
	bool is_begun = aside_is_cut_short(&aside);
	int number = is_begun ? aside.highest : aside.highest + 1;

	if (!aside_name(db_path, "broken", number, "-wal", to))
		return error_set(err, db_path, "path is too long");
	to[strlen(to) - strlen("-wal")] = '\0';
	if (!is_begun && move_file(db_path, to, err) < 0)
		return -1;
	if (!beside(db_path, "-wal", from) || !aside_name(db_path, "broken", number, "-wal", to))
		return error_set(err, db_path, "path is too long");
	if (move_file(from, to, err) < 0)
		return -1;
	if (beside(db_path, "-shm", from))
		(void)unlink(from);
	if (make_mark(db_path, number, err) < 0 || sync_folder(db_path, err) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

int aside_close(const char *db_path, int number, const char *word, struct error *err)
{
	static const char *const suffixes[] = { "-wal",
		"" }; /* the one that is looked for goes last */
	char from[ASIDE_PATH_MAX], to[ASIDE_PATH_MAX];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!aside_name(db_path, "broken", number, suffixes[i], from) ||
			!aside_name(db_path, word, number, suffixes[i], to) ||
			move_file(from, to, err) < 0)
			return -1;
	return sync_folder(db_path, err);
}

int aside_make_restoring(const char *db_path, const char *copy, int number, struct error *err)
{
	char to[ASIDE_PATH_MAX];

	if (!aside_name(db_path, RESTORING, number, "", to))
		return error_set(err, db_path, "path is too long");
	if (rename(copy, to) < 0)
		return error_set(err, copy, "can't be renamed: %m");
	return sync_folder(db_path, err);
}

bool aside_kept(const char *db_path, int number, char out[ASIDE_PATH_MAX])
{
	return aside_name(db_path, BEFORE_RESTORE, number, "", out);
}

int aside_restore(const char *db_path, char ret_kept[ASIDE_PATH_MAX], struct error *err)
{
	char from[ASIDE_PATH_MAX], to[ASIDE_PATH_MAX];
	struct aside aside;

	ret_kept[0] = '\0';
	if (aside_scan(db_path, &aside, err) < 0)
		return -1;
	if (aside.restoring == 0)
		return 0;
	if (!aside_name(db_path, BEFORE_RESTORE, aside.restoring, "-wal", to) ||
		!beside(db_path, "-wal", from) || !aside_kept(db_path, aside.restoring, ret_kept))
		return error_set(err, db_path, "path is too long");
	if (make_mark(db_path, aside.restoring, err) < 0 || move_file(db_path, ret_kept, err) < 0 ||
		move_file(from, to, err) < 0)
		return -1;
	if (beside(db_path, "-shm", from))
		(void)unlink(from);
	if (access(ret_kept, F_OK) != 0)
		ret_kept[0] = '\0';
	if (sync_folder(db_path, err) < 0 ||
		!aside_name(db_path, RESTORING, aside.restoring, "", from) ||
		move_file(from, db_path, err) < 0)
		return -1;
	return aside_begun(db_path, aside.restoring, err) < 0 ? -1 : 1;
}
