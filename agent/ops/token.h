/*
 * token.h - who may do what by the TCP door: bearer tokens (RFC 6750) with a role each.
 *
 * A token is known by its SHA-256 and compared in constant time with every one there is: how long the
 * answer takes tells nothing of any of them. The texts themselves are not kept.
 */
#ifndef DRAY_OPS_TOKEN_H
#define DRAY_OPS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "dray/config.h"
#include "dray/error.h"
#include "secret.h"

#define TOKEN_MIN 16 /* characters */

/* What a request needs. */
enum token_right {
	TOKEN_NONE,  /* anybody may; a hook looks at its signature itself */
	TOKEN_WATCH, /* metrics: anybody on this machine, else as TOKEN_VIEW */
	TOKEN_SEND,  /* send events: device, operator, admin */
	TOKEN_VIEW,  /* read: viewer, operator, admin */
	TOKEN_WORK,  /* work the queues: operator, admin */
	TOKEN_ALL,   /* admin */
};
bool token_may(enum config_role role, enum token_right right);

struct tokens;

/*
 * Read listen.tokens. NULL with *err naming the option: a file that can't be read, a token that is too
 * short, holds what no header can, or is another's as well.
 */
struct tokens *tokens_read(
	const struct config *config, const struct secret_dirs *dirs, struct error *err);
void tokens_free(struct tokens *tokens);
size_t tokens_count(const struct tokens *tokens);

/* One whom we know; its texts live as long as the configuration that it was read from. */
struct token_holder {
	const char *name;
	enum config_role role;
	const char *device; /* it may speak for this one only; NULL: for any */
};
/* `header`: the value of Authorization; NULL: there is none. False: nobody whom we know. */
bool tokens_find(const struct tokens *tokens, const char *header, struct token_holder *ret);

#endif
