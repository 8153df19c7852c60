/*
 * tls.h - what the TCP door shows of itself: its certificate, and whose it asks for.
 *
 * TLS 1.2 and 1.3. No session is resumed: who is let in is decided anew by each handshake, by the
 * files as they were at the last reload.
 */
#ifndef DRAY_OPS_TLS_H
#define DRAY_OPS_TLS_H

#include <openssl/ssl.h>

#include "dray/config.h"
#include "dray/error.h"
#include "secret.h"

/*
 * Read listen.tls.
 *
 * tls->cert  path of a PEM file: the server's certificate, then those that lead to its CA
 * tls->key   its private key, PEM, without a passphrase
 * tls->ca    path of a PEM bundle: only clients with a certificate of one of these are let in; NULL: all
 * Returns    the context, to be freed with SSL_CTX_free(); NULL with *err naming the option.
 */
SSL_CTX *tls_server_new(
	const struct config_tls *tls, const struct secret_dirs *dirs, struct error *err);

#endif
