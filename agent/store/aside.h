/*
 * aside.h - files of databases, set aside under numbered names: the names are the state.
 *
 *   <db>.broken-K, <db>.broken-K-wal          waits to be salvaged, or is being
 *   <db>.salvaged-K, <db>.salvaged-K-wal      what could be read of it is in <db> again
 *   <db>.unreadable-K, <db>.unreadable-K-wal  nothing of it could be read
 *   <db>.replacing-K                          empty: the files are aside, <db> is still to be begun
 *   <db>.replaced-K                           empty: <db> is the Kth to stand in for another one
 *   <db>.restoring-K                          a backup, made ready: it takes the place of <db>
 *   <db>.before-restore-K, …-wal              what was there
 *
 * Nothing here deletes what may hold rows. A number is never given twice as long as the file that
 * is named replaced-K stays, whatever becomes of the others.
 */
#ifndef DRAY_STORE_ASIDE_H
#define DRAY_STORE_ASIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/error.h"

#define ASIDE_PATH_MAX 4096

struct aside {
	int highest;   /* number of any of the names; 0 none */
	int replaced;  /* of replaced-K; 0 none */
	int replacing; /* of replacing-K; 0 none */
	int pending;   /* the highest broken-K; 0 none */
	int restoring; /* of restoring-K; 0 none */
	bool is_there; /* <db> itself */
};

/* Read the folder. 0, or -1 with *err filled. */
int aside_scan(const char *db_path, struct aside *ret, struct error *err);

/* Files were set aside, not all of them perhaps: aside_move() must end it. A database that is there
 * was not: it goes first. So a mark that somebody has deleted costs no sound one. */
bool aside_is_cut_short(const struct aside *aside);

/* "<db>.<word>-<number><suffix>". False: it is too long. */
bool aside_name(const char *db_path, const char *word, int number, const char *suffix,
	char out[ASIDE_PATH_MAX]);

/*
 * Set the database and its WAL aside, whatever of them is there, and remove the -shm: it only
 * mirrors the WAL. The database goes first, so that a WAL never stands beside another one; a move
 * that was cut short is ended with its own number. The folder is synced.
 *
 * ret_number  the new database's number.
 * Returns     0, or -1 with *err filled: it can be called again.
 */
int aside_move(const char *db_path, int *ret_number, struct error *err);

/* The database with this number is begun, durably. 0, or -1 with *err filled. */
int aside_begun(const char *db_path, int number, struct error *err);

/* broken-K becomes `word`-K. 0, also when there is no such file any more; or -1 with *err filled. */
int aside_close(const char *db_path, int number, const char *word, struct error *err);

/* `copy`, whole and synced, becomes restoring-<number>, durably. 0, or -1 with *err filled. */
int aside_make_restoring(const char *db_path, const char *copy, int number, struct error *err);
/* "<db>.before-restore-<number>". False: it is too long. */
bool aside_kept(const char *db_path, int number, char out[ASIDE_PATH_MAX]);

/*
 * Put restoring-K, if there is one, in the place of the database, and that aside. Where it is cut
 * short it is ended by the next call.
 *
 * ret_kept  where the database is now; "" there was none.
 * Returns   1; 0: there is none to be restored; or -1 with *err filled: it can be called again.
 */
int aside_restore(const char *db_path, char ret_kept[ASIDE_PATH_MAX], struct error *err);

#endif
