/*
 * auth.c - the header that proves who we are, made of secrets in files. Nothing here is logged.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver_internal.h"
#include "secret.h"

static void put_base64(struct buf *out, const char *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

	for (size_t i = 0; i < len; i += 3) {
		unsigned a = (unsigned char)bytes[i];
		unsigned b = i + 1 < len ? (unsigned char)bytes[i + 1] : 0;
		unsigned c = i + 2 < len ? (unsigned char)bytes[i + 2] : 0;

		buf_putc(out, digits[a >> 2]);
		buf_putc(out, digits[(a & 3) << 4 | b >> 4]);
		buf_putc(out, digits[i + 1 < len ? (b & 15) << 2 | c >> 6 : 64]);
		buf_putc(out, digits[i + 2 < len ? c & 63 : 64]);
	}
}

static void put_basic(struct buf *out, const char *username, const char *password)
{
	struct buf pair = BUF_INIT;
	char *plain;

	buf_puts(&pair, username);
	buf_putc(&pair, ':');
	buf_puts(&pair, password);
	plain = buf_take(&pair, NULL);
	if (plain)
		put_base64(out, plain, strlen(plain));
	else
		out->failed = true;
	secret_free(plain);
	buf_done(&pair);
}

static const struct config_secret *find_secret(
	const struct config_auth *auth, const char **ret_where)
{
	switch (auth->type) {
	case CONFIG_AUTH_BASIC:
		*ret_where = "auth.password";
		return &auth->password;
	case CONFIG_AUTH_BEARER:
		*ret_where = "auth.token";
		return &auth->token;
	case CONFIG_AUTH_API_KEY:
		*ret_where = "auth.key";
		return &auth->key;
	case CONFIG_AUTH_NONE:
	case CONFIG_AUTH_OAUTH2:
	case CONFIG_AUTH_HMAC:
	case CONFIG_AUTH_SESSION:
	case CONFIG_AUTH_KEY:
		break;
	}
	return NULL;
}

static void put_header(struct buf *out, const struct config_auth *auth, const char *secret)
{
	if (auth->type == CONFIG_AUTH_BASIC) {
		buf_puts(out, "Authorization: Basic ");
		put_basic(out, auth->username ? auth->username : "", secret);
	} else if (auth->type == CONFIG_AUTH_BEARER) {
		buf_puts(out, "Authorization: Bearer ");
		buf_puts(out, secret);
	} else {
		buf_puts(out, auth->header);
		buf_puts(out, ": ");
		buf_puts(out, secret);
	}
}

int auth_read_header(const struct config_auth *auth, const struct secret_dirs *dirs, char **ret,
	struct error *err)
{
	const char *where = "auth";
	const struct config_secret *name = find_secret(auth, &where);
	struct buf header = BUF_INIT;
	char *secret;

	*ret = NULL;
	if (!name)
		return 0;
	secret = secret_read(dirs, name, err);
	if (!secret) {
		error_prefix(err, where);
		return -1;
	}
	/* A line break would let the file's content write headers of its own. */
	if (auth->type != CONFIG_AUTH_BASIC && strpbrk(secret, "\r\n")) {
		secret_free(secret);
		return error_set(
			err, where, "the secret \"%s\" has more than one line", name->file);
	}
	/* All at once: a buffer that grows leaves copies behind. */
	if (buf_reserve(&header,
		    64 + strlen(auth->header ? auth->header : "") +
			    2 * (strlen(secret) + strlen(auth->username ? auth->username : ""))))
		put_header(&header, auth, secret);
	secret_free(secret);
	*ret = buf_take(&header, NULL);
	buf_done(&header);
	return *ret ? 0 : error_set(err, "auth", "out of memory");
}
