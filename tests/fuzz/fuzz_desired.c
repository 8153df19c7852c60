/*
 * fuzz_desired.c - any bytes as a desired configuration, signed or not, and as the keys that are trusted: it
 * is refused with words, or it holds what was asked for. And any bytes, signed here, come out of their
 * envelope as they went in, by the right key alone.
 */
#include <string.h>

#include "dray/desired.h"
#include "dray/json.h"
#include "help_fuzz.h"

#define ALLOW " log routes "

static void check_read(const char *text, size_t len, const struct jws_keys *keys)
{
	const struct desired_rules rules = { .site = "dc-1", .keys = keys, .allow = ALLOW };
	struct desired desired = { 0 };
	struct buf payload = BUF_INIT;
	struct error err = { 0 };
	int64_t revision = -1;
	const cJSON *member;
	int status = desired_read(text, len, &rules, &desired, &revision, &err);

	check(revision >= 0 && revision <= DESIRED_REVISION_MAX);
	if (status < 0) {
		check(err.message[0] && !desired.config);
		return;
	}
	check(revision > 0 && revision == desired.revision && cJSON_IsObject(desired.config));
	check(!keys || jws_open(text, len, keys, &payload, &err) == 1);
	buf_done(&payload);
	cJSON_ArrayForEach (member, desired.config)
		check(strcmp(member->string, "log") == 0 || strcmp(member->string, "routes") == 0);
	desired_done(&desired);
}

static void check_signed(const char *text, size_t len, const uint8_t private_key[JWS_KEY_BYTES],
	struct jws_keys *keys)
{
	struct buf jws = BUF_INIT, payload = BUF_INIT;
	struct error err = { 0 };

	check(jws_sign(private_key, text, len, &jws, &err) == 0);
	check(jws_open(jws.data, jws.len, keys, &payload, &err) == 1);
	check(payload.len == len && (len == 0 || memcmp(payload.data, text, len) == 0));
	keys->key[0][5] ^= 1;
	check(jws_open(jws.data, jws.len, keys, &payload, &err) < 0 && payload.len == 0);
	keys->key[0][5] ^= 1;
	buf_done(&jws);
	buf_done(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t private_key[JWS_KEY_BYTES] = { 1 };
	const char *text = (const char *)data;
	struct jws_keys keys = { .n = 1 }, read;
	struct error err = { 0 };
	char *words = strndup(text, size);

	check(words && jws_public_key(private_key, keys.key[0]) == 0);
	check(jws_parse_keys(words, &read, &err) == 0 ? read.n >= 1 && read.n <= JWS_KEYS_MAX
						      : err.message[0] != '\0');
	free(words);
	check_read(text, size, NULL);
	check_read(text, size, &keys);
	check_signed(text, size, private_key, &keys);
	return 0;
}
