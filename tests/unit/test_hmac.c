/* Keyed digests: the test cases of RFC 4231 and, for SHA-1, of RFC 2202. */
#include "dray/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dray/encode.h"

static const struct {
	enum hmac_hash hash;
	const char *key;
	size_t key_len;
	const char *bytes;
	size_t len;
	const char *digest;
} rows[] = {
	/* RFC 4231, section 4.2. */
	{ HMAC_HASH_SHA256, NULL, 0x0b14, "Hi There", 8,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ HMAC_HASH_SHA512, NULL, 0x0b14, "Hi There", 8,
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	/* Section 4.3: a key shorter than the digest. */
	{ HMAC_HASH_SHA256, "Jefe", 4, "what do ya want for nothing?", 28,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ HMAC_HASH_SHA512, "Jefe", 4, "what do ya want for nothing?", 28,
		"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
	/* Section 4.7: a key longer than the hash's block. */
	{ HMAC_HASH_SHA256, NULL, 0xaa83, "Test Using Larger Than Block-Size Key - Hash Key First",
		54, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ HMAC_HASH_SHA512, NULL, 0xaa83, "Test Using Larger Than Block-Size Key - Hash Key First",
		54,
		"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
	/* RFC 2202, section 3, cases 1 and 2. */
	{ HMAC_HASH_SHA1, NULL, 0x0b14, "Hi There", 8, "b617318655057264e28bc0b6fb378c8ef146be00" },
	{ HMAC_HASH_SHA1, "Jefe", 4, "what do ya want for nothing?", 28,
		"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
};

static void test_digests_are_those_of_the_standards(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char repeated[256];
		const char *key = rows[i].key;
		size_t key_len = rows[i].key_len;
		uint8_t digest[HMAC_BYTES_MAX];
		struct buf hex = BUF_INIT;

		/* A byte so many times over: 0x0b14 is twenty times 0x0b. */
		if (!key) {
			memset(repeated, (int)(key_len >> 8), key_len & 0xff);
			key = repeated;
			key_len &= 0xff;
		}
		encode_hex(digest,
			hmac_digest(rows[i].hash, key, key_len, rows[i].bytes, rows[i].len, digest),
			&hex);
		assert_string_equal(hex.data, rows[i].digest);
		buf_done(&hex);
	}
}

static void test_an_empty_text_has_a_digest_too(void **state)
{
	uint8_t digest[HMAC_BYTES_MAX];

	(void)state;
	assert_int_equal(hmac_digest(HMAC_HASH_SHA256, "k", 1, "", 0, digest), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests_are_those_of_the_standards),
		cmocka_unit_test(test_an_empty_text_has_a_digest_too),
	};

	return cmocka_run_group_tests_name("hmac", tests, NULL, NULL);
}
