/*
 * signing_key.h - an Ed25519 private key in a file, as `openssl genpkey -algorithm ed25519` writes it: PKCS#8
 * in PEM (RFC 8410 section 7, RFC 7468 section 10).
 */
#ifndef DRAY_CTL_SIGNING_KEY_H
#define DRAY_CTL_SIGNING_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "dray/error.h"
#include "dray/jws.h"

/* Read it. 0, or -1 with *err filled: others may read the file, it is encrypted, another kind of key. */
int signing_key_read(const char *path, uint8_t out[JWS_KEY_BYTES], struct error *err);
/* The text of one. */
int signing_key_parse(const char *text, size_t len, uint8_t out[JWS_KEY_BYTES], struct error *err);

#endif
