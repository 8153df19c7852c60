/*
 * hook.h - does a webhook's call come from the partner?
 *
 * standard  Standard Webhooks 1.0.0 (standardwebhooks.com; Svix, its origin, has the same under svix-*):
 *             webhook-id, webhook-timestamp, webhook-signature: "v1,<base64> v1,<base64>"
 *             HMAC-SHA256 over {id}.{timestamp}.{body}; secret: "whsec_" and base64
 * hmac      the forms that vendors have beside it, all of them one rule: the header is cut into parts at
 *           commas, semicolons and blanks, and what stands behind the prefix in a part is a signature.
 *             EasyPost   X-Hmac-Signature: hmac-sha256-hex=<hex>      {body}
 *             GitHub     X-Hub-Signature-256: sha256=<hex>            {body}
 *             Shopify    X-Shopify-Hmac-Sha256: <base64>              {body}
 *             Slack      X-Slack-Signature: v0=<hex>                  v0:{timestamp}:{body}
 *             Stripe     Stripe-Signature: t=<time>,v1=<hex>,v1=<hex> {timestamp}.{body}
 * token     the secret itself comes along: in a header, a parameter of the query, or the body. In the
 *           body of Business Central and Microsoft Graph it is the `clientState` of every element.
 *
 * Laws
 *   1. Secrets are compared in constant time, each of them and to the end.
 *   2. One of the secrets and one of the signatures suffice: that is how either side rotates them.
 *   3. A time counts only where it is signed; it may lie `tolerance` from now, either way.
 *   4. No reason says what would have been right.
 *
 * Pure.
 */
#ifndef DRAY_HOOK_H
#define DRAY_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dray/config.h"
#include "dray/error.h"

#define HOOK_SECRETS_MAX 8
#define HOOK_SECRET_MAX 512    /* bytes of one */
#define HOOK_TOKEN_MIN 16      /* characters of a token: it can be guessed at over the net */
#define HOOK_SIGNATURES_MAX 16 /* looked at in one call */
#define HOOK_ECHO_MAX 1024

struct hook_secrets {
	struct {
		uint8_t bytes[HOOK_SECRET_MAX];
		size_t len;
	} of[HOOK_SECRETS_MAX];
	size_t n;
};

/*
 * Read a secret file: one a line, blanks around it and empty lines left away.
 * 0, or -1 with *err filled by the line's number, never by its content, and *ret empty.
 */
int hook_secrets_read(enum config_hook_scheme scheme, const char *text, struct hook_secrets *ret,
	struct error *err);
void hook_secrets_wipe(struct hook_secrets *secrets);

struct hook_header {
	const char *name, *value;
};

/* A POST as it came. Borrowed, all of it. */
struct hook_call {
	const struct hook_header *headers;
	size_t n_headers;
	const char *path;      /* with the query, as it stood in the request */
	const char *parameter; /* value of hook->parameter, decoded; NULL: absent */
	const void *body;
	size_t len;
	int64_t now_ms; /* wall clock */
};

enum hook_verdict {
	HOOK_GENUINE,
	HOOK_FOREIGN, /* nothing says that it is the partner's */
	HOOK_STALE, /* the partner's, but its time lies too far from now: an old call, or a wrong clock */
	HOOK_UNDECIDED, /* memory ran out */
};

/* `why`: a sentence's part, for people; "" where genuine. */
#define HOOK_WHY_MAX 200
enum hook_verdict hook_check(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, char why[HOOK_WHY_MAX]);

/*
 * The handshake of a subscription (Business Central, Microsoft Graph): an empty POST with
 * ?validationToken=…, whose value is to be answered as text/plain. It comes before anything is signed.
 * Echoed where a secret shows that the partner asks, or where the secret is in the body of what comes
 * later, so that nothing could show it: what is echoed is short, visible, and never kept.
 */
enum hook_echo {
	HOOK_NO_HANDSHAKE, /* a call like any other */
	HOOK_ECHO,
	HOOK_ECHO_FOREIGN, /* the secret that should be beside it isn't */
	HOOK_ECHO_UNFIT,   /* not visible characters, or too long */
};
/* token: the value, decoded; NULL: the query has none. */
enum hook_echo hook_handshake(const struct config_hook *hook, const struct hook_secrets *secrets,
	const struct hook_call *call, const char *token);

/* May an adapter see this header? Not what shows who somebody is. */
bool hook_passes_header(const struct config_hook *hook, const char *name);

/* For the configuration. Are the names in braces known, {body} among them, and none twice? */
bool hook_signs_is_valid(const char *signs, bool *ret_has_time);
/* A JSON Pointer with one element "*" at most. */
bool hook_member_is_valid(const char *member);

#endif
