#include "dray/jws.h"

#include <string.h>

#include <openssl/evp.h>

#include "dray/encode.h"
#include "dray/json.h"
#include "dray/words.h"

/* RFC 8410 section 10.1: SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 33 bytes }. */
static const uint8_t spki_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
	0x21, 0x00 };

static int parse_key(const char *text, size_t len, uint8_t out[JWS_KEY_BYTES], struct error *err)
{
	uint8_t bytes[sizeof(spki_head) + JWS_KEY_BYTES];
	size_t n;

	if (decode_base64(text, len, bytes, sizeof(bytes), &n)) {
		if (n == JWS_KEY_BYTES) {
			memcpy(out, bytes, JWS_KEY_BYTES);
			return 0;
		}
		if (n == sizeof(bytes) && memcmp(bytes, spki_head, sizeof(spki_head)) == 0) {
			memcpy(out, bytes + sizeof(spki_head), JWS_KEY_BYTES);
			return 0;
		}
	}
	return error_set(err, "public_key",
		"\"%.*s\" is no Ed25519 public key: base64 of its 32 bytes, or what "
		"`openssl pkey -pubout` prints between its lines",
		(int)(len < 64 ? len : 64), text);
}

int jws_parse_keys(const char *text, struct jws_keys *ret, struct error *err)
{
	struct jws_keys keys = { .n = 0 };
	size_t len;

	for (const char *at = text; (at = words_next(at, &len)); at += len) {
		if (keys.n == JWS_KEYS_MAX)
			return error_set(
				err, "public_key", "holds more than %d keys", JWS_KEYS_MAX);
		if (parse_key(at, len, keys.key[keys.n], err) < 0)
			return -1;
		keys.n++;
	}
	if (keys.n == 0)
		return error_set(err, "public_key", "is empty");
	*ret = keys;
	return 0;
}

/* --- open ---------------------------------------------------------------------------------------- */

#define MEMBERS_MAX 32

static const struct json_limits jws_limits = {
	.max_bytes = JWS_MAX, .max_depth = 4, .max_members = MEMBERS_MAX
};

/* The text behind a member's base64. */
static int decode_member(const cJSON *jws, const char *name, struct buf *out, struct error *err)
{
	const char *text = json_get_string(jws, name);
	size_t len = text ? strlen(text) : 0;
	size_t n;
	char *room;

	if (!text)
		return error_set(err, name,
			"missing: a signed document has protected, payload and signature");
	room = buf_reserve(out, len);
	if (!room)
		return error_set(err, name, "out of memory");
	if (!decode_base64(text, len, room, len, &n))
		return error_set(err, name, "is not base64url");
	room[n] = '\0';
	out->len = n;
	return 0;
}

/* RFC 7515 section 4.1.11: who does not understand `crit` must refuse; RFC 8037 section 3.1: alg. */
static int check_header(const cJSON *jws, struct error *err)
{
	struct buf text = BUF_INIT, scratch = BUF_INIT;
	cJSON *header = NULL;
	const char *alg;
	int status = decode_member(jws, "protected", &text, err);

	if (status == 0) {
		header = json_parse(text.data, text.len, &jws_limits, &scratch, NULL);
		alg = json_get_string(header, "alg");
		if (!alg || strcmp(alg, "EdDSA") != 0)
			status = error_set(err, "protected.alg", "must be EdDSA");
		else if (json_get(header, "crit") || json_get(header, "b64"))
			status = error_set(err, "protected.crit", "is not understood");
	}
	cJSON_Delete(header);
	buf_done(&scratch);
	buf_done(&text);
	return status;
}

static bool is_signed_by(
	const uint8_t key[JWS_KEY_BYTES], const struct buf *signature, const struct buf *input)
{
	EVP_PKEY *public_key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, JWS_KEY_BYTES);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_good = public_key && ctx &&
		       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public_key) == 1 &&
		       EVP_DigestVerify(ctx, (const uint8_t *)signature->data, signature->len,
			       (const uint8_t *)input->data, input->len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public_key);
	return is_good;
}

/* RFC 7515 section 5.2: what is signed is the two texts with a point between. */
static int verify(const cJSON *jws, const struct jws_keys *keys, struct error *err)
{
	struct buf signature = BUF_INIT, input = BUF_INIT;
	int status = decode_member(jws, "signature", &signature, err);

	buf_puts(&input, json_get_string(jws, "protected"));
	buf_putc(&input, '.');
	buf_puts(&input, json_get_string(jws, "payload"));
	if (status == 0 && buf_failed(&input))
		status = error_set(err, NULL, "out of memory");
	if (status == 0) {
		bool is_good = false;

		for (size_t i = 0; i < keys->n && !is_good; i++)
			is_good = is_signed_by(keys->key[i], &signature, &input);
		if (!is_good)
			status = error_set(err, "signature",
				"does not fit: the document was changed, or signed by a key that is "
				"not in fleet.public_key");
	}
	buf_done(&signature);
	buf_done(&input);
	return status;
}

static int open_jws(
	const cJSON *jws, const struct jws_keys *keys, struct buf *ret_payload, struct error *err)
{
	if (keys && check_header(jws, err) < 0)
		return -1;
	if (decode_member(jws, "payload", ret_payload, err) < 0)
		return -1;
	return keys && verify(jws, keys, err) < 0 ? -1 : 1;
}

int jws_open(const char *text, size_t len, const struct jws_keys *keys, struct buf *ret_payload,
	struct error *err)
{
	struct buf scratch = BUF_INIT;
	cJSON *jws = json_parse(text, len, &jws_limits, &scratch, NULL);
	int status = 0;

	buf_done(&scratch);
	buf_reset(ret_payload);
	if (json_get(jws, "payload") && json_get(jws, "signature"))
		status = open_jws(jws, keys, ret_payload, err);
	if (status < 0)
		buf_reset(ret_payload);
	cJSON_Delete(jws);
	return status;
}

/* --- sign ---------------------------------------------------------------------------------------- */

#define SIGNATURE_BYTES 64

static EVP_PKEY *load_private_key(const uint8_t private_key[JWS_KEY_BYTES])
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, JWS_KEY_BYTES);
}

static bool sign_bytes(const uint8_t private_key[JWS_KEY_BYTES], const struct buf *input,
	uint8_t out[SIGNATURE_BYTES])
{
	EVP_PKEY *key = load_private_key(private_key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_BYTES;
	bool is_made =
		key && ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(ctx, out, &len, (const uint8_t *)input->data, input->len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return is_made;
}

int jws_sign(const uint8_t private_key[JWS_KEY_BYTES], const void *payload, size_t len,
	struct buf *out, struct error *err)
{
	static const char header[] = "{\"alg\":\"EdDSA\"}";
	uint8_t signature[SIGNATURE_BYTES];
	struct buf input = BUF_INIT;
	size_t header_len;
	int status = 0;

	encode_base64url(header, sizeof(header) - 1, &input);
	header_len = input.len;
	buf_putc(&input, '.');
	encode_base64url(payload, len, &input);
	if (buf_failed(&input))
		status = error_set(err, NULL, "out of memory");
	else if (!sign_bytes(private_key, &input, signature))
		status = error_set(err, NULL, "the key can't sign");
	if (status == 0) {
		buf_puts(out, "{\"protected\":\"");
		buf_put(out, input.data, header_len);
		buf_puts(out, "\",\"payload\":\"");
		buf_put(out, input.data + header_len + 1, input.len - header_len - 1);
		buf_puts(out, "\",\"signature\":\"");
		encode_base64url(signature, sizeof(signature), out);
		buf_puts(out, "\"}");
		if (buf_failed(out))
			status = error_set(err, NULL, "out of memory");
	}
	buf_done(&input);
	return status;
}

int jws_public_key(const uint8_t private_key[JWS_KEY_BYTES], uint8_t out[JWS_KEY_BYTES])
{
	EVP_PKEY *key = load_private_key(private_key);
	size_t len = JWS_KEY_BYTES;
	int status = key && EVP_PKEY_get_raw_public_key(key, out, &len) == 1 ? 0 : -1;

	EVP_PKEY_free(key);
	return status;
}
