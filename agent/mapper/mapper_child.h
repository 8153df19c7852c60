/*
 * mapper_child.h - the process that runs dray-map: spawned, ended, reaped.
 */
#ifndef DRAY_MAPPER_CHILD_H
#define DRAY_MAPPER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dray/error.h"

struct mapper_child {
	pid_t pid; /* 0: none */
	int fd;    /* our end of the socketpair, not blocking; -1: closed */
};

/* With an empty environment and nothing open but its end as standard input. 0, or -1 with *err. */
int mapper_child_spawn(
	const char *path, const char *zone, struct mapper_child *ret, struct error *err);

/* Processor time that it has used so far, ms; INT64_MAX when the kernel doesn't say. */
int64_t mapper_child_cpu_ms(const struct mapper_child *child);

/* Close our end and kill it. It is still to be reaped. */
void mapper_child_end(struct mapper_child *child);

/*
 * Has it gone? True when it has, or there was none: pid is 0 then, and `words` says how it died.
 * Doesn't wait.
 */
bool mapper_child_reap(struct mapper_child *child, char *words, size_t size);

/* End it and wait until it has gone. */
void mapper_child_done(struct mapper_child *child);

#endif
