/*
 * harden.h - what a process gives up by itself, under systemd or not.
 *
 *   memory   goes into no core file and no crash report, and no other process of the same user reads
 *            or traces it; root still can
 *   calls    those that load, trace, mount or reach deep into the kernel end with EPERM, and a program
 *            that is executed gains no rights. A list of what is refused, since the libraries' needs
 *            change; the unit permits by name
 *   rights   root becomes who the state folder belongs to, and no capability is kept but that of
 *            binding low ports, where it was given
 *
 * What was given up does not come back; children inherit it.
 */
#ifndef DRAY_HARDEN_H
#define DRAY_HARDEN_H

#include "dray/error.h"

/* First of all: before a secret is read. */
void harden_memory(void);

/* Before the first thread. A kernel without filters, or qemu-user, is told in the log. */
void harden_calls(void);

/*
 * Before the first thread, and before the state folder is touched: on an installed gateway that is
 * dray's, and what root left there the service could not open. In a folder of root's, or one that is
 * not there yet, root stays root, without capabilities, and the log says so.
 *
 * Returns 0, or -1 with *err filled: then the process must end.
 */
int harden_rights(const char *state_dir, struct error *err);

#endif
