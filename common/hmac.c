#include "dray/hmac.h"

#include <limits.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *find_hash(enum hmac_hash hash)
{
	switch (hash) {
	case HMAC_HASH_SHA1:
		return EVP_sha1();
	case HMAC_HASH_SHA512:
		return EVP_sha512();
	case HMAC_HASH_SHA256:
		break;
	}
	return EVP_sha256();
}

size_t hmac_digest(enum hmac_hash hash, const void *key, size_t key_len, const void *bytes,
	size_t len, uint8_t out[HMAC_BYTES_MAX])
{
	unsigned out_len = 0;

	if (key_len > INT_MAX ||
		!HMAC(find_hash(hash), key, (int)key_len, bytes, len, out, &out_len))
		return 0;
	return out_len;
}
