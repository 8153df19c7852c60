/*
 * machine.h - this machine as drayctl sees it: files that it reads and replaces, programs that it runs.
 */
#ifndef DRAY_CTL_MACHINE_H
#define DRAY_CTL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dray/buf.h"

#define MACHINE_FILE_MAX ((size_t)1 << 20) /* bytes that are read of a file of this machine */

/*
 * Put a file in the place of what is there, whole or not at all, synced. What is there keeps its mode and its
 * owners.
 *
 * mode, group  of a file that is new; group NULL, or one that isn't there or may not be given: the process'.
 * Returns      0 or an errno.
 */
int file_replace(const char *path, const struct buf *text, mode_t mode, const char *group);

/* Nobody else changes what lies in the folder until the descriptor is closed. -1 with errno. */
int folder_lock(const char *folder);

/* What is wrong with a file, on stderr. Returns CTL_REFUSED where root could, else CTL_NO. */
int file_complain(const char *path, int error_number);

/*
 * Run a program to its end.
 *
 * out      what it said on both, at most 16 KiB.
 * Returns  its exit status; 127: it isn't there; 128 and more: a signal ended it; -1: no process could be made.
 */
int program_run(const char *const argv[], struct buf *out);

/* A file that came with dray: beside the program, in a build tree, else installed. False: there is none. */
bool find_shared(const char *name, char *out, size_t size);

/* The configuration's own path: --config, or the one of this machine. */
struct ctl;
const char *config_path(const struct ctl *ctl);

#endif
