/* mapper_place.c - where dray-map lies. */
#include "mapper.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define INSTALLED "/usr/libexec/dray/dray-map"

void mapper_find(char *out, size_t size)
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[len > 0 ? len : 0] = '\0';
	if (len > 0 && snprintf(out, size, "%s/dray-map", dirname(program)) < (int)size &&
		access(out, X_OK) == 0)
		return;
	(void)snprintf(out, size, "%s", INSTALLED);
}

struct mapper *mapper_open(struct event_base *base, const char *zone)
{
	char path[PATH_MAX];

	mapper_find(path, sizeof(path));
	return mapper_new(base, &(struct mapper_options){ .path = path,
					.zone = zone,
					.bound_ms = MAPPER_BOUND_MS,
					.hold_ms = MAPPER_HOLD_MS });
}
