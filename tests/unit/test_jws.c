/* Signed documents: the key and the signature of RFC 8037's appendix A, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dray/encode.h"
#include "dray/jws.h"

/* RFC 8037, appendix A.1 to A.4. */
#define KEY_D "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define KEY_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define SPKI_X "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define HEADER "eyJhbGciOiJFZERTQSJ9"
#define PAYLOAD "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define SIGNATURE                                                                             \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0" \
	"KAg"
#define JWS(header, payload, signature) \
	"{\"protected\":\"" header "\",\"payload\":\"" payload "\",\"signature\":\"" signature "\"}"
/* A key that nobody holds anything by. */
#define OTHER_X "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct jws_keys keys_of(const char *text)
{
	struct jws_keys keys;
	struct error err;

	assert_int_equal(jws_parse_keys(text, &keys, &err), 0);
	return keys;
}

static void read_private_key(uint8_t out[JWS_KEY_BYTES])
{
	size_t len;

	assert_true(decode_base64(KEY_D, strlen(KEY_D), out, JWS_KEY_BYTES, &len));
	assert_int_equal(len, JWS_KEY_BYTES);
}

static void test_the_rfcs_signature_is_made_and_opened(void **state)
{
	static const char text[] = "Example of Ed25519 signing";
	struct jws_keys keys = keys_of(KEY_X);
	struct buf jws = BUF_INIT, payload = BUF_INIT;
	uint8_t private_key[JWS_KEY_BYTES], public_key[JWS_KEY_BYTES];
	struct error err;

	(void)state;
	read_private_key(private_key);
	assert_int_equal(jws_public_key(private_key, public_key), 0);
	assert_memory_equal(public_key, keys.key[0], JWS_KEY_BYTES);
	assert_int_equal(jws_sign(private_key, text, strlen(text), &jws, &err), 0);
	assert_string_equal(jws.data, JWS(HEADER, PAYLOAD, SIGNATURE));
	assert_int_equal(jws_open(jws.data, jws.len, &keys, &payload, &err), 1);
	assert_string_equal(payload.data, text);
	buf_done(&jws);
	buf_done(&payload);
}

static void test_keys_are_read_as_people_have_them(void **state)
{
	struct jws_keys keys = keys_of(OTHER_X " " SPKI_X);
	struct jws_keys alone = keys_of(KEY_X);
	struct error err;

	(void)state;
	assert_int_equal(keys.n, 2);
	assert_memory_equal(keys.key[1], alone.key[0], JWS_KEY_BYTES);
	assert_int_equal(jws_parse_keys("", &keys, &err), -1);
	assert_int_equal(jws_parse_keys("11qYAYKxCrfVS", &keys, &err), -1);
	/* 44 bytes, but of X25519 (RFC 8410: 1.3.101.110). */
	assert_int_equal(
		jws_parse_keys("MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
			&keys, &err),
		-1);
	assert_int_equal(
		jws_parse_keys(KEY_X " " KEY_X " " KEY_X " " KEY_X " " KEY_X, &keys, &err), -1);
	assert_non_null(strstr(err.message, "more than 4"));
}

static void test_either_key_opens_while_they_rotate(void **state)
{
	static const char text[] = JWS(HEADER, PAYLOAD, SIGNATURE);
	struct jws_keys keys = keys_of(OTHER_X " " KEY_X);
	struct buf payload = BUF_INIT;
	struct error err;

	(void)state;
	assert_int_equal(jws_open(text, strlen(text), &keys, &payload, &err), 1);
	buf_done(&payload);
}

static void test_what_is_refused_says_why(void **state)
{
	static const struct {
		const char *text, *path, *message;
	} rows[] = {
		/* One letter of the payload, of the signature, of the header. */
		{ JWS(HEADER, "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmd", SIGNATURE), "signature",
			"does not fit" },
		{ JWS(HEADER, PAYLOAD, "AA"), "signature", "does not fit" },
		{ JWS("eyJhbGciOiJFZERTQSIgfQ", PAYLOAD, SIGNATURE), "signature", "does not fit" },
		/* {"alg":"none"}, {"alg":"HS256"}, {"alg":"EdDSA","crit":["exp"]} */
		{ JWS("eyJhbGciOiJub25lIn0", PAYLOAD, ""), "protected.alg", "must be EdDSA" },
		{ JWS("eyJhbGciOiJIUzI1NiJ9", PAYLOAD, SIGNATURE), "protected.alg",
			"must be EdDSA" },
		{ JWS("eyJhbGciOiJFZERTQSIsImNyaXQiOlsiZXhwIl19", PAYLOAD, SIGNATURE),
			"protected.crit", "not understood" },
		{ JWS("!", PAYLOAD, SIGNATURE), "protected", "not base64url" },
		{ JWS(HEADER, "!", SIGNATURE), "payload", "not base64url" },
		{ JWS(HEADER, PAYLOAD, "!"), "signature", "not base64url" },
		{ "{\"payload\":\"\",\"signature\":\"\"}", "protected", "missing" },
	};
	struct jws_keys keys = keys_of(KEY_X);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf payload = BUF_INIT;
		struct error err = { 0 };

		assert_int_equal(
			jws_open(rows[i].text, strlen(rows[i].text), &keys, &payload, &err), -1);
		assert_string_equal(err.path, rows[i].path);
		assert_non_null(strstr(err.message, rows[i].message));
		assert_int_equal(payload.len, 0);
		buf_done(&payload);
	}
}

static void test_what_has_not_the_form_is_told_apart_from_what_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"site\":\"dc-1\",\"revision\":1,\"config\":{}}",
		"{\"protected\":\"" HEADER "\",\"payload\":\"" PAYLOAD "\"}",
		"{\"protected\":\"" HEADER "\",\"signature\":\"" SIGNATURE "\"}",
		JWS(HEADER, PAYLOAD, SIGNATURE) "}",
	};
	struct jws_keys keys = keys_of(KEY_X);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf payload = BUF_INIT;
		struct error err = { 0 };

		assert_int_equal(jws_open(texts[i], strlen(texts[i]), &keys, &payload, &err), 0);
		assert_int_equal(payload.len, 0);
		assert_string_equal(err.message, "");
		buf_done(&payload);
	}
}

static void test_a_key_that_signed_nothing_opens_nothing(void **state)
{
	static const char text[] = JWS(HEADER, PAYLOAD, SIGNATURE);
	struct jws_keys keys = keys_of(OTHER_X);
	struct buf payload = BUF_INIT;
	struct error err;

	(void)state;
	assert_int_equal(jws_open(text, strlen(text), &keys, &payload, &err), -1);
	assert_string_equal(err.path, "signature");
	assert_int_equal(jws_open(text, strlen(text), NULL, &payload, &err), 1);
	assert_string_equal(payload.data, "Example of Ed25519 signing");
	buf_done(&payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_rfcs_signature_is_made_and_opened),
		cmocka_unit_test(test_keys_are_read_as_people_have_them),
		cmocka_unit_test(test_either_key_opens_while_they_rotate),
		cmocka_unit_test(test_what_is_refused_says_why),
		cmocka_unit_test(test_what_has_not_the_form_is_told_apart_from_what_is_refused),
		cmocka_unit_test(test_a_key_that_signed_nothing_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
