/*
 * revision_file.h - revisions.json in the state directory: what revisions_print() says, whole, or not at all.
 *
 * A step is written beside it, synced, and renamed; then the folder is synced. So a power cut finds the step
 * done or not begun. Mode 0600: a configuration may hold what not everybody should read.
 */
#ifndef DRAY_REVISION_FILE_H
#define DRAY_REVISION_FILE_H

#include <limits.h>

#include "dray/buf.h"
#include "dray/error.h"

/* Read it. 1, 0 there is none, or -1 with *err filled. `out` is reset first. */
int revision_file_read(const char *state_dir, struct buf *out, struct error *err);
/*
 * Write it. A failed fsync ends the process, but for one that says that there is no room.
 * 0, or -1 with *err filled and the file as it was; as it was to be, where only its folder could not be synced:
 * whoever goes back to what was, writes that.
 */
int revision_file_write(const char *state_dir, const struct buf *text, struct error *err);
/* One that can't be read is kept under another name. 0 and its name, or -1 with *err filled. */
int revision_file_set_aside(const char *state_dir, char kept[PATH_MAX], struct error *err);
/* There is no road any more: what it knew is kept beside, where nobody looks, so that it does not come back
 * years later. None is none. */
void revision_file_retire(const char *state_dir);

#endif
