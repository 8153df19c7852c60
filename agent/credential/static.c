/*
 * static.c - what stands in files: a password, a token, a key.
 */
#include <stdlib.h>
#include <string.h>

#include "credential/credential_internal.h"
#include "dray/encode.h"
#include "secret.h"

/* Room for all of it at once: a buffer that grows leaves copies behind. */
char *static_basic(const char *username, const char *password, bool is_encoded)
{
	size_t len = strlen(username) + strlen(password) + 1;
	struct buf pair = BUF_INIT, out = BUF_INIT;
	char *basic = NULL;

	if (!buf_reserve(&pair, 3 * len) || !buf_reserve(&out, 4 * len + 4))
		goto out;
	if (is_encoded) {
		encode_percent(username, &pair);
		buf_putc(&pair, ':');
		encode_percent(password, &pair);
	} else {
		buf_puts(&pair, username);
		buf_putc(&pair, ':');
		buf_puts(&pair, password);
	}
	encode_base64(pair.data, pair.len, &out);
	basic = credential_line("Authorization", "Basic ", out.data);
out:
	buf_wipe(&pair);
	buf_wipe(&out);
	buf_done(&pair);
	buf_done(&out);
	return basic;
}

static const struct config_secret *find_secret(
	const struct config_auth *auth, const char **ret_where)
{
	switch (auth->type) {
	case CONFIG_AUTH_BASIC:
	case CONFIG_AUTH_SESSION:
		*ret_where = "auth.password";
		return &auth->password;
	case CONFIG_AUTH_BEARER:
		*ret_where = "auth.token";
		return &auth->token;
	case CONFIG_AUTH_API_KEY:
	case CONFIG_AUTH_HMAC:
	case CONFIG_AUTH_KEY:
		*ret_where = "auth.key";
		return &auth->key;
	case CONFIG_AUTH_OAUTH2:
		*ret_where = "auth.client_secret";
		return &auth->client_secret;
	case CONFIG_AUTH_NONE:
		break;
	}
	return NULL;
}

/* 0, or -1 when memory ran out. */
static int make_header(
	const struct config_auth *auth, const char *secret, struct credential_parts *out)
{
	const char *username = auth->username ? auth->username : "";

	switch (auth->type) {
	case CONFIG_AUTH_BASIC:
		return credential_put_header(out, static_basic(username, secret, false));
	case CONFIG_AUTH_BEARER:
		return credential_put_header(
			out, credential_line("Authorization", "Bearer ", secret));
	case CONFIG_AUTH_API_KEY:
		return credential_put_header(out, credential_line(auth->header, "", secret));
	case CONFIG_AUTH_NONE:
	case CONFIG_AUTH_OAUTH2:
	case CONFIG_AUTH_HMAC:
	case CONFIG_AUTH_SESSION:
	case CONFIG_AUTH_KEY:
		break;
	}
	return 0;
}

int static_read(const struct config_auth *auth, const struct secret_dirs *dirs,
	struct credential_parts *ret, struct error *err)
{
	bool is_line = auth->type == CONFIG_AUTH_BEARER || auth->type == CONFIG_AUTH_API_KEY;
	struct credential_parts parts = { .n = 0 };
	const char *where = "auth";
	const struct config_secret *name = find_secret(auth, &where);

	/* A log-in may need no password. */
	if (name && (name->file || auth->type != CONFIG_AUTH_SESSION)) {
		parts.secret = secret_read(dirs, name, err);
		if (!parts.secret) {
			error_prefix(err, where);
			return -1;
		}
	}
	/* A line break would let the file's content write headers of its own. */
	if (is_line && strpbrk(parts.secret, "\r\n")) {
		credential_parts_done(&parts);
		return error_set(
			err, where, "the secret \"%s\" has more than one line", name->file);
	}
	if (parts.secret && make_header(auth, parts.secret, &parts) != 0) {
		credential_parts_done(&parts);
		return error_set(err, "auth", "out of memory");
	}
	credential_parts_done(ret);
	*ret = parts;
	return 0;
}
