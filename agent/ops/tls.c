#include "ops/tls.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

static const char *why(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason ? reason : "unknown error";
}

/* A key behind a passphrase is none: nobody is there to type it. */
static int no_passphrase(char *out, int size, int is_writing, void *ctx)
{
	(void)out;
	(void)size;
	(void)is_writing;
	(void)ctx;
	return 0;
}

static int use_key(SSL_CTX *context, const struct config_secret *secret,
	const struct secret_dirs *dirs, struct error *err)
{
	char *text = secret_read(dirs, secret, err);
	EVP_PKEY *key = NULL;
	BIO *bio;
	int rc = 0;

	if (!text) {
		error_prefix(err, "listen.tls.key");
		return -1;
	}
	bio = BIO_new_mem_buf(text, (int)strlen(text));
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (!key)
		rc = error_set(err, "listen.tls.key",
			"%s holds no private key in PEM without a passphrase: %s", secret->file,
			why());
	else if (SSL_CTX_use_PrivateKey(context, key) != 1)
		rc = error_set(err, "listen.tls.key", "%s does not belong to listen.tls.cert: %s",
			secret->file, why());
	EVP_PKEY_free(key);
	BIO_free(bio);
	secret_free(text);
	return rc;
}

static int ask_for_certificates(SSL_CTX *context, const char *ca, struct error *err)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);

	if (!names || SSL_CTX_load_verify_file(context, ca) != 1) {
		error_fill(err, "listen.tls.ca", "%s holds no certificate in PEM: %s", ca, why());
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return -1;
	}
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static int fill(SSL_CTX *context, const struct config_tls *tls, const struct secret_dirs *dirs,
	struct error *err)
{
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_num_tickets(context, 0) != 1)
		return error_set(err, "listen.tls", "OpenSSL: %s", why());
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_use_certificate_chain_file(context, tls->cert) != 1)
		return error_set(err, "listen.tls.cert", "%s holds no certificate in PEM: %s",
			tls->cert, why());
	if (use_key(context, &tls->key, dirs, err) != 0)
		return -1;
	return tls->ca ? ask_for_certificates(context, tls->ca, err) : 0;
}

SSL_CTX *tls_server_new(
	const struct config_tls *tls, const struct secret_dirs *dirs, struct error *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int rc;

	if (!context) {
		error_fill(err, "listen.tls", "no memory");
		return NULL;
	}
	ERR_clear_error();
	rc = fill(context, tls, dirs, err);
	ERR_clear_error(); /* what is left there would be taken for the next connection's */
	if (rc == 0)
		return context;
	SSL_CTX_free(context);
	return NULL;
}
