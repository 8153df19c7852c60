/*
 * file.h - a file, read to its end into a buffer.
 *
 * Each returns errors as errno does: the caller has the words, and knows how large is too large.
 */
#ifndef DRAY_FILE_H
#define DRAY_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "dray/buf.h"

/*
 * Open a regular file for reading. A pipe or a device that somebody put in its place is not waited for.
 *
 * ret_info  what fstat(2) says of it.
 * Returns   a descriptor for close(2), or -1 with errno: open(2)'s, EINVAL where it is no regular file.
 */
int file_open(const char *path, struct stat *ret_info);

/*
 * Append what is left of an open file, a pipe or a terminal.
 *
 * max      bytes that are taken at the most.
 * out      holds what was read before a failure, too. After 0 it has bytes and a NUL behind them, also where
 *          the file is empty. Room for max + 1 bytes that the caller has reserved is not outgrown: so a secret
 *          leaves no copy behind, and buf_wipe() wipes all of it.
 * Returns  0, EFBIG where there are more than `max`, ENOMEM, or what read(2) says.
 */
int file_read_open(int fd, size_t max, struct buf *out);

/* Both, and close it. 0 or an errno of either. */
int file_read(const char *path, size_t max, struct buf *out);

#endif
