/*
 * hmac.c - a signature over what is sent, with a key that both sides have (RFC 2104).
 */
#include <string.h>

#include "clock.h"
#include "credential/credential_internal.h"
#include "dray/encode.h"
#include "dray/hmac.h"

static enum hmac_hash find_hash(const struct config_auth *auth)
{
	switch (auth->hmac.hash) {
	case CONFIG_HMAC_SHA1:
		return HMAC_HASH_SHA1;
	case CONFIG_HMAC_SHA512:
		return HMAC_HASH_SHA512;
	case CONFIG_HMAC_SHA256:
		break;
	}
	return HMAC_HASH_SHA256;
}

/* From the path on, the query with it: what stands in the request's first line. */
static const char *find_path(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *path = strpbrk(authority ? authority + 3 : url, "/?");

	return path ? path : "/";
}

static void put_signed(const struct config_auth *auth, int64_t now_s,
	const struct credential_request *request, struct buf *out)
{
	const char *separator = auth->hmac.separator ? auth->hmac.separator : "";

	if (auth->hmac.signs != CONFIG_HMAC_BODY) {
		buf_put_integer(out, now_s);
		buf_puts(out, separator);
	}
	if (auth->hmac.signs == CONFIG_HMAC_TIMESTAMP_METHOD_PATH_BODY) {
		buf_puts(out, request->method);
		buf_puts(out, separator);
		buf_puts(out, find_path(request->url));
		buf_puts(out, separator);
	}
	buf_put(out, request->body ? request->body : "", request->len);
}

int hmac_sign(const struct credential *credential, const struct credential_request *request,
	struct buf *out)
{
	const struct config_auth *auth = credential->auth;
	const char *key = credential->own.secret;
	int64_t now_s = clock_wall_ms(credential->options.clock) / 1000;
	uint8_t digest[HMAC_BYTES_MAX];
	struct buf text = BUF_INIT;
	size_t len = 0;
	int n = 1;

	put_signed(auth, now_s, request, &text);
	if (!buf_failed(&text))
		len = hmac_digest(find_hash(auth), key, strlen(key), text.data, text.len, digest);
	buf_done(&text);
	if (len == 0)
		return -1;
	if (auth->hmac.timestamp_header) {
		buf_puts(out, auth->hmac.timestamp_header);
		buf_puts(out, ": ");
		buf_put_integer(out, now_s);
		buf_putc(out, '\0');
		n++;
	}
	buf_puts(out, auth->header ? auth->header : "X-Signature");
	buf_puts(out, ": ");
	buf_puts(out, auth->hmac.prefix ? auth->hmac.prefix : "");
	if (auth->hmac.encoding == CONFIG_HMAC_BASE64)
		encode_base64(digest, len, out);
	else
		encode_hex(digest, len, out);
	buf_putc(out, '\0');
	return buf_failed(out) ? -1 : n;
}
