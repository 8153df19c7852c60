/*
 * lock.h - who works in a state folder: two agents on one store would each think themselves alone.
 */
#ifndef DRAY_LOCK_H
#define DRAY_LOCK_H

#include "dray/error.h"

/*
 * Take the folder, made if it isn't there, until the process ends or the file is closed.
 *
 * Returns the file, close(2); or -1 with *err filled: another one works there, or it can't be made.
 */
int lock_take(const char *state_dir, struct error *err);

#endif
