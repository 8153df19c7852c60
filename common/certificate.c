#include "dray/certificate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define FILE_MAX (4 << 20)
#define DAY_MS INT64_C(86400000)

static int64_t days_ms(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	(void)ASN1_TIME_diff(&days, &seconds, epoch, time);
	ASN1_TIME_free(epoch);
	return days * DAY_MS + seconds * INT64_C(1000);
}

static void read_name(const X509 *x509, char out[CERTIFICATE_NAME_MAX])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !out[0]; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			(void)snprintf(out, CERTIFICATE_NAME_MAX, "%.*s",
				ASN1_STRING_length(name->d.dNSName),
				(const char *)ASN1_STRING_get0_data(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	if (!out[0])
		(void)X509_NAME_get_text_by_NID(
			X509_get_subject_name(x509), NID_commonName, out, CERTIFICATE_NAME_MAX);
}

static void add(const X509 *x509, struct certificate *ret)
{
	int64_t ends_at_ms = days_ms(X509_get0_notAfter(x509));

	if (ret->n++ == 0) {
		read_name(x509, ret->name);
		ret->begins_at_ms = days_ms(X509_get0_notBefore(x509));
		ret->first_end_at_ms = ret->last_end_at_ms = ends_at_ms;
	}
	if (ends_at_ms < ret->first_end_at_ms)
		ret->first_end_at_ms = ends_at_ms;
	if (ends_at_ms > ret->last_end_at_ms)
		ret->last_end_at_ms = ends_at_ms;
}

int certificate_read(const char *pem, size_t len, struct certificate *ret)
{
	BIO *bio = len <= FILE_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	unsigned long end;
	X509 *x509;

	*ret = (struct certificate){ 0 };
	while (bio && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		add(x509, ret);
		X509_free(x509);
	}
	end = ERR_peek_last_error(); /* that there is no further one is no fault */
	ERR_clear_error();
	BIO_free(bio);
	return ret->n > 0 && ERR_GET_REASON(end) == PEM_R_NO_START_LINE ? 0 : -1;
}
