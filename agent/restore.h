/*
 * restore.h - drayd --restore FILE: a backup takes the place of the database, the agent stopped. What
 * the agent does about it when it runs again: store/backup.h and keep/salvor.h.
 */
#ifndef DRAY_RESTORE_H
#define DRAY_RESTORE_H

#include <limits.h>

#include "dray/error.h"

/*
 * ret_kept  where the database is now that was there before; "" there was none.
 * Returns   0, or -1 with *err filled.
 */
int restore_run(
	const char *config_path, const char *backup, char ret_kept[PATH_MAX], struct error *err);

#endif
