/*
 * hooks.h - the partners who may call /v1/hooks/NAME: what is shared with each of them, and how often they
 * may. Read with the configuration, and anew with each reload: so does a rotated secret come into force.
 */
#ifndef DRAY_OPS_HOOKS_H
#define DRAY_OPS_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "dray/bucket.h"
#include "dray/config.h"
#include "dray/error.h"
#include "dray/hook.h"
#include "secret.h"

struct hook {
	const struct config_hook *config; /* lives as long as the configuration that was read */
	struct hook_secrets secrets;
	struct bucket bucket; /* of calls that were the partner's */
};

struct hooks;

/* NULL with *err naming the option: a secret that can't be read, or that its scheme has no use for. */
struct hooks *hooks_read(const struct config *config, const struct secret_dirs *dirs,
	int64_t now_mono_ms, struct error *err);
void hooks_free(struct hooks *hooks);
/* NULL: there is none of that name. */
struct hook *hooks_find(struct hooks *hooks, const char *name);

#endif
