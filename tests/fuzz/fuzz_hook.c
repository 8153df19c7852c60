/*
 * A webhook's signature header, its body and a secret file, as a stranger may write them: nobody gets in
 * without the signature or the token.
 *
 * The first byte chooses the hook; up to the first NUL the header's value, behind it the body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dray/encode.h"
#include "dray/hmac.h"
#include "dray/hook.h"
#include "help_fuzz.h"

#define SECRET "a-secret-of-the-test"
#define TIME "1614265330"

static char header_name[] = "X-Signature", body_only[] = "{body}",
	    with_time[] = "{timestamp}.{body}", prefix[] = "v1=", none[] = "",
	    time_prefix[] = "t=", member[] = "/value/*/clientState",
	    authorization[] = "Authorization";

static const struct config_hook hooks[] = {
	{ .scheme = CONFIG_HOOK_STANDARD, .tolerance_ms = 300000 },
	{ .scheme = CONFIG_HOOK_HMAC,
		.header = header_name,
		.hmac = { .signs = body_only, .prefix = none } },
	{ .scheme = CONFIG_HOOK_HMAC,
		.header = header_name,
		.hmac = { .signs = body_only, .prefix = none, .encoding = CONFIG_HMAC_BASE64 } },
	{ .scheme = CONFIG_HOOK_HMAC,
		.header = header_name,
		.hmac = { .signs = with_time, .prefix = prefix, .timestamp_prefix = time_prefix },
		.tolerance_ms = 300000 },
	{ .scheme = CONFIG_HOOK_TOKEN, .header = authorization },
	{ .scheme = CONFIG_HOOK_TOKEN, .member = member },
};

static bool holds(const void *text, size_t len, const char *part)
{
	return memmem(text, len, part, strlen(part)) != NULL;
}

/* Is the digest of these bytes in the header, as hex of any case or as base64 of any alphabet? */
static bool has_digest(const char *value, const struct buf *signed_text)
{
	uint8_t digest[HMAC_BYTES_MAX];
	size_t len = hmac_digest(HMAC_HASH_SHA256, SECRET, strlen(SECRET), signed_text->data,
		signed_text->len, digest);
	char lower[8192], plain[8192];
	struct buf hex = BUF_INIT, base64 = BUF_INIT;
	bool is_there;

	for (size_t i = 0; i <= strlen(value); i++) {
		lower[i] = (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + 32 : value[i]);
		plain[i] = value[i] == '-' ? '+' : value[i] == '_' ? '/' : value[i];
	}
	encode_hex(digest, len, &hex);
	encode_base64(digest, len, &base64);
	base64.data[42] = '\0'; /* of the last digit some bits are not read */
	is_there = strstr(lower, hex.data) || strstr(plain, base64.data);
	buf_done(&hex);
	buf_done(&base64);
	return is_there;
}

static void check_secrets(const char *text)
{
	for (int scheme = CONFIG_HOOK_STANDARD; scheme <= CONFIG_HOOK_TOKEN; scheme++) {
		struct hook_secrets secrets;
		struct error err = { 0 };
		int status =
			hook_secrets_read((enum config_hook_scheme)scheme, text, &secrets, &err);

		check(status == 0 ? secrets.n >= 1 && secrets.n <= HOOK_SECRETS_MAX
				  : secrets.n == 0 && *err.message);
		for (size_t i = 0; i < secrets.n; i++)
			check(secrets.of[i].len > 0 && secrets.of[i].len <= HOOK_SECRET_MAX);
	}
}

static bool may_pass(
	const struct config_hook *hook, const char *value, const char *body, size_t len)
{
	struct buf signed_text = BUF_INIT;
	bool may;

	if (hook->scheme == CONFIG_HOOK_TOKEN)
		return hook->member ? holds(body, len, SECRET) || memchr(body, '\\', len)
				    : holds(value, strlen(value), SECRET);
	if (hook->scheme == CONFIG_HOOK_STANDARD)
		buf_puts(&signed_text, "msg_1." TIME ".");
	else if (hook->hmac.timestamp_prefix)
		return holds(value, strlen(value), "v1=") && holds(value, strlen(value), "t=");
	buf_put(&signed_text, body, len);
	may = has_digest(value, &signed_text);
	buf_done(&signed_text);
	return may;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config_hook *hook;
	struct hook_secrets secrets;
	char why[HOOK_WHY_MAX];
	const char *body;
	char *value;
	size_t len;

	if (size < 1 || size > 8000)
		return 0;
	hook = &hooks[data[0] % (sizeof(hooks) / sizeof(hooks[0]))];
	value = strndup((const char *)data + 1, size - 1);
	check(value);
	len = strlen(value);
	body = len + 2 <= size ? (const char *)data + len + 2 : "";
	len = len + 2 <= size ? size - len - 2 : 0;
	check_secrets(value);
	memcpy(secrets.of[0].bytes, SECRET, strlen(SECRET));
	secrets.of[0].len = strlen(SECRET);
	secrets.n = 1;
	{
		const struct hook_header headers[] = { { "webhook-id", "msg_1" },
			{ "webhook-timestamp", TIME }, { "webhook-signature", value },
			{ header_name, value }, { authorization, value } };
		const struct hook_call call = { .headers = headers,
			.n_headers = sizeof(headers) / sizeof(headers[0]),
			.path = "/v1/hooks/h",
			.body = body,
			.len = len,
			.now_ms = INT64_C(1614265330000) };
		enum hook_verdict verdict = hook_check(hook, &secrets, &call, why);

		check(verdict != HOOK_GENUINE || may_pass(hook, value, body, len));
		check((verdict == HOOK_GENUINE) == (*why == '\0'));
		(void)hook_handshake(hook, &secrets, &call, value);
	}
	free(value);
	return 0;
}
